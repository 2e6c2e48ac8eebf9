package metlotest

import (
	"net/http"
	"strings"
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

func logSingle(c *call) response { return c.log([]any{c.body}) }

// logBatch takes an array; anything else is accepted and ignored.
func logBatch(c *call) response {
	list, _ := c.body.([]any)
	return c.log(list)
}

// log queues traces. The first version refuses a bad one, by then those before it are queued; the
// second accepts everything.
func (c *call) log(traces []any) response {
	if !c.v2 {
		for _, t := range traces {
			o, _ := t.(*object)
			if o.object("request") == nil || o.object("response") == nil {
				return text(http.StatusInternalServerError, "TypeError: Cannot set properties of undefined (setting 'body')")
			}
		}
	}
	for _, t := range traces {
		o, _ := t.(*object)
		path := o.object("request").object("url").get("path")
		if problem := pathProblem(path, 0); problem != "" {
			if c.v2 {
				continue
			}
			return text(http.StatusBadRequest, "Invalid path "+jsText(path)+": "+problem)
		}
		if truthy(o.object("request").get("method")) && truthy(o.object("response").get("status")) {
			c.ingest(newObservation(o, strings.TrimSpace(path.(string)), c.v2))
		}
	}
	return sendStatus()
}
