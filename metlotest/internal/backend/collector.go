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

// typeError is JavaScript's message for a call without a request. The SDK recognises by it that a backend's request
// reached a collector. For other invalid parts the real server names another property.
const typeError = "TypeError: Cannot set properties of undefined (setting 'body')"

// parseLoggedBodies simulates the middleware of version 1: it reads the bodies of the calls by their content types,
// before all other checks. It reports whether every call has its parts.
func (c *call) parseLoggedBodies() bool {
	calls, isList := c.body.([]any)
	if !isList {
		calls = []any{c.body}
	}
	for _, one := range calls {
		o, _ := one.(*js.Object)
		for _, side := range []string{"request", "response"} {
			if _, isList := o.Get(side).([]any); isList {
				continue
			}
			part := o.Object(side)
			if part == nil || !arePairs(part.Get("headers"), true) {
				return false
			}
			contentType := ""
			for _, h := range part.List("headers") {
				if header := h.(*js.Object); strings.EqualFold(header.Text("name"), "content-type") {
					contentType = js.String(header.Get("value"))
				}
			}
			part.Set("body", parsedByType(part.Get("body"), contentType))
		}
	}
	return true
}

// arePairs reports whether v is missing, or a list of objects with a name; named requires a name that is a string.
func arePairs(v any, named bool) bool {
	list, isList := v.([]any)
	if !isList {
		return v == nil || js.IsUndefined(v) || !named && !js.Truthy(v)
	}
	return !slices.ContainsFunc(list, func(pair any) bool {
		o, isObject := pair.(*js.Object)
		name := o.Get("name")
		_, isText := name.(string)
		return pair == nil || named && !isObject || !isText && (named || name != nil && !js.IsUndefined(name))
	})
}

// havePairs reports whether the parameters and headers of a call are lists of pairs.
func havePairs(o *js.Object) bool {
	request := o.Object("request")
	return arePairs(request.Object("url").Get("parameters"), false) && arePairs(request.Get("headers"), false) &&
		arePairs(o.Object("response").Get("headers"), false)
}

// log queues traces. Version 1 rejects an invalid trace after queuing those before it; version 2 accepts everything.
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
			return databaseError(typeError)
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
		if !havePairs(o) && (!c.v2 || o.Get("analysisType") != "partial") {
			if c.v2 {
				continue
			}
			return databaseError(typeError)
		}
		if call := newObservation(o, valid, c.v2); c.stages.take(call) {
			c.ingest(call)
		}
	}
	return sendStatus()
}
