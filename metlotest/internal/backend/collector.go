package backend

import (
	"net/http"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

func collectorRoutes() []route {
	var routes []route
	for _, prefix := range []string{"/api/v1", "/api/v2"} {
		routes = append(routes,
			route{service: collector, method: "GET", pattern: prefix + "/verify", handle: health},
			route{service: collector, method: "POST", pattern: prefix + "/log-request/single", handle: logSingle},
			route{service: collector, method: "POST", pattern: prefix + "/log-request/batch", handle: logBatch},
		)
	}
	return routes
}

func logSingle(c *call) Response { return c.log([]any{c.body}) }

// logBatch takes an array; anything else is accepted and ignored.
func logBatch(c *call) Response {
	list, _ := c.body.([]any)
	return c.log(list)
}

// parseLoggedBodies is the middleware of the first version: it reads the bodies of the calls by their
// content types, before anything else is looked at. The problem is the TypeError of a call without parts.
func (c *call) parseLoggedBodies() string {
	calls, isList := c.body.([]any)
	if !isList {
		calls = []any{c.body}
	}
	for _, one := range calls {
		if problem := parseLoggedBody(one); problem != "" {
			return "TypeError: " + problem
		}
	}
	return ""
}

func parseLoggedBody(one any) string {
	if one == nil {
		return "Cannot read properties of null (reading 'request')"
	}
	o, _ := one.(*js.Object)
	sides := [2]string{"request", "response"}
	var types [2]string
	for i, side := range sides {
		value, problem := contentTypeOf(side, o.Object(side).Get("headers"))
		if problem != "" {
			return problem
		}
		types[i] = value
	}
	for i, side := range sides {
		switch part := o.Get(side).(type) {
		case js.Undefined:
			return "Cannot set properties of undefined (setting 'body')"
		case nil:
			return "Cannot set properties of null (setting 'body')"
		case *js.Object:
			part.Set("body", parsedByType(part.Get("body"), types[i]))
		case []any:
		default:
			return "Cannot create property 'body' on " + js.TypeName(part) + " '" + js.String(part) + "'"
		}
	}
	return ""
}

// contentTypeOf is the last content type among headers; problem is the TypeError when they are no list.
func contentTypeOf(side string, headers any) (value, problem string) {
	if headers == nil || js.IsUndefined(headers) {
		return "", ""
	}
	list, isList := headers.([]any)
	if !isList {
		return "", side + "Headers.forEach is not a function"
	}
	for _, h := range list {
		if h == nil {
			return "", "Cannot read properties of null (reading 'name')"
		}
		header, _ := h.(*js.Object)
		switch name := header.Get("name").(type) {
		case string:
			if strings.EqualFold(name, "content-type") {
				value = js.String(header.Get("value"))
			}
		case js.Undefined:
			return "", "Cannot read properties of undefined (reading 'toLowerCase')"
		case nil:
			return "", "Cannot read properties of null (reading 'toLowerCase')"
		default:
			return "", "header.name.toLowerCase is not a function"
		}
	}
	return value, ""
}

// pairsProblem is the TypeError of parameters and headers that are no lists of pairs.
func pairsProblem(o *js.Object) string {
	request := o.Object("request")
	for _, v := range []any{request.Object("url").Get("parameters"), request.Get("headers"), o.Object("response").Get("headers")} {
		list, isList := v.([]any)
		switch {
		case !isList && js.Truthy(v):
			return "data.map is not a function"
		case slices.Contains(list, nil):
			return "Cannot read properties of null (reading 'name')"
		case slices.ContainsFunc(list, hasOddName):
			return "key.toLowerCase is not a function"
		}
	}
	return ""
}

// hasOddName tells whether a pair has a name that is there, but no string.
func hasOddName(pair any) bool {
	o, _ := pair.(*js.Object)
	name := o.Get("name")
	_, isText := name.(string)
	return !isText && name != nil && !js.IsUndefined(name)
}

// log queues traces. The first version refuses a bad one, by then those before it are queued; the
// second accepts everything.
func (c *call) log(traces []any) Response {
	for _, t := range traces {
		o, _ := t.(*js.Object)
		request := o.Object("request")
		path := request.Object("url").Get("path")
		text, isText := path.(string)
		if js.Truthy(path) && !isText {
			if c.v2 {
				continue
			}
			return databaseError("TypeError: path.startsWith is not a function")
		}
		valid, problem := validPath(text, 0)
		if problem != "" {
			if c.v2 {
				continue
			}
			return Text(http.StatusBadRequest, "Invalid path "+js.String(path)+": "+problem)
		}
		if !c.v2 && (!js.Truthy(request.Get("method")) || !js.Truthy(o.Object("response").Get("status"))) {
			continue
		}
		if problem := pairsProblem(o); problem != "" && (!c.v2 || o.Get("analysisType") != "partial") {
			if c.v2 {
				continue
			}
			return databaseError("TypeError: " + problem)
		}
		c.ingest(newObservation(o, valid, c.v2))
	}
	return sendStatus()
}
