package backend

import (
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

func collectorRoutes() []route {
	var routes []route
	for _, prefix := range []string{"/api/v1", "/api/v2"} {
		routes = append(routes,
			route{service: "collector", method: "GET", pattern: prefix + "/verify", handle: health},
			route{service: "collector", method: "POST", pattern: prefix + "/log-request/single", handle: logSingle},
			route{service: "collector", method: "POST", pattern: prefix + "/log-request/batch", handle: logBatch},
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

// log queues traces. The first version refuses a bad one, by then those before it are queued; the
// second accepts everything.
func (c *call) log(traces []any) Response {
	if !c.v2 {
		for _, t := range traces {
			o, _ := t.(*js.Object)
			if o.Object("request") == nil || o.Object("response") == nil {
				return Text(http.StatusInternalServerError, "TypeError: Cannot set properties of undefined (setting 'body')")
			}
		}
	}
	for _, t := range traces {
		o, _ := t.(*js.Object)
		path := o.Object("request").Object("url").Get("path")
		if problem := pathProblem(path, 0); problem != "" {
			if c.v2 {
				continue
			}
			return Text(http.StatusBadRequest, "Invalid path "+js.String(path)+": "+problem)
		}
		if js.Truthy(o.Object("request").Get("method")) && js.Truthy(o.Object("response").Get("status")) {
			c.ingest(newObservation(o, strings.TrimSpace(path.(string)), c.v2))
		}
	}
	return sendStatus()
}
