package differential

import (
	"fmt"
	"net/http"
)

// shape generates a request of one route.
type shape struct {
	method, path string // :endpoint and similar names are ids
	query        []string
	body         func(generator) string
	file         string // field of an upload
}

func shapes() []shape {
	update := func(g generator) string {
		return g.object(member{"updateType", g.quoted("resolve", "unresolve", "ignore", "unignore")}, member{"resolutionMessage", `"done"`})
	}
	return []shape{
		{method: "GET", path: ""},
		{method: "GET", path: "/alerts", query: []string{"uuid", "apiEndpointUuid", "riskScores", "status", "alertTypes", "hosts", "order", "offset", "limit"}},
		{method: "PUT", path: "/alert/:alert", body: update},
		{method: "PUT", path: "/alerts", body: func(g generator) string {
			return g.object(member{"params", g.object(member{"riskScores", `["` + g.good("riskScores") + `"]`}, member{"hosts", `["` + g.good("hosts") + `"]`})},
				member{"updateAlertParams", update(g)}, member{"updateType", g.quoted("resolve", "ignore")}, member{"setNewHost", "true"})
		}},
		{method: "GET", path: "/endpoints", query: []string{"hosts", "riskScores", "methods", "dataClasses", "searchQuery", "isAuthenticated", "hostType", "resourcePermissions", "offset", "limit"}},
		{method: "GET", path: "/endpoints/hosts"},
		{method: "GET", path: "/endpoint/:endpoint"},
		{method: "GET", path: "/endpoint/:endpoint/usage"},
		{method: "GET", path: "/endpoint/:endpoint/suggested-paths"},
		{method: "PUT", path: "/endpoint/:endpoint/authenticated", body: func(g generator) string { return g.object(member{"authenticated", g.one("true", "false")}) }},
		{method: "PUT", path: "/endpoint/:endpoint/enable-full-trace-capture", body: func(g generator) string { return g.object(member{"enabled", g.one("true", "false")}) }},
		{method: "POST", path: "/endpoint/:endpoint/userSet", body: func(g generator) string { return g.object(member{"userSet", g.one("true", "false")}) }},
		{method: "POST", path: "/endpoint/:endpoint/update-paths", body: func(g generator) string {
			return g.object(member{"paths", `["` + g.one("/v1/orders/{id}", "/a", "/v1/{x}/1", "x", "/") + `"]`})
		}},
		{method: "PUT", path: "/endpoint/:endpoint/graphql-schema", file: "file"},
		{method: "DELETE", path: "/endpoint/:endpoint/graphql-schema"},
		{method: "DELETE", path: "/endpoint/:endpoint"},
		{method: "GET", path: "/hosts", query: []string{"searchQuery", "hostType", "offset", "limit"}},
		{method: "GET", path: "/hosts-graph"},
		{method: "DELETE", path: "/hosts", body: func(g generator) string {
			return g.object(member{"hosts", `["` + g.one("billing.example.local", "none") + `"]`})
		}},
		{method: "GET", path: "/new-detections", query: []string{"start", "end", "detectionType", "detectionRiskScores", "detectionHosts", "offset", "limit"}},
		{method: "GET", path: "/new-detections-agg"},
		{method: "GET", path: "/data-fields", query: []string{"apiEndpointUuid", "offset", "limit"}},
		{method: "GET", path: "/data-class"},
		{method: "POST", path: "/data-field/:field/update-classes", body: func(g generator) string {
			return g.object(member{"dataClasses", `["` + g.good("dataClasses") + `"]`}, member{"dataPath", `"a"`}, member{"dataSection", g.quoted("resBody", "reqBody")})
		}},
		{method: "PUT", path: "/data-field/:field/update-entity", body: func(g generator) string { return g.object(member{"entity", g.one("null", `"Order.id"`)}) }},
		{method: "PUT", path: "/data-field/:field/update-data-path", body: func(g generator) string {
			return g.object(member{"dataPath", g.quoted("a.b", "[].c", "", "x[string]")})
		}},
		{method: "DELETE", path: "/data-field/:field"},
		{method: "GET", path: "/summary"},
		{method: "GET", path: "/summary/endpoint-tracked"},
		{method: "GET", path: "/sensitive-data-summary", query: []string{"hosts", "riskScores", "locations"}},
		{method: "GET", path: "/specs"},
		{method: "GET", path: "/specs/zip"},
		{method: "GET", path: "/spec/:spec"},
		{method: "POST", path: "/spec/new", file: "file"},
		{method: "PUT", path: "/spec/:spec", file: "file"},
		{method: "DELETE", path: "/spec/:spec"},
		{method: "GET", path: "/keys/list"},
		{method: "POST", path: "/keys/create", body: func(g generator) string {
			return g.object(member{"name", fmt.Sprintf(`"key %d"`, g.IntN(20))}, member{"keyFor", g.quoted("gcp", "", "burp")})
		}},
		{method: "DELETE", path: "/keys/:key/delete"},
		{method: "GET", path: "/instance-settings"},
		{method: "GET", path: "/metlo-config"},
		{method: "PUT", path: "/metlo-config", body: func(g generator) string {
			return g.object(member{"configString", g.quoted("", "globalTestEnv: []", "a: [", "authentication: 3")})
		}},
		{method: "GET", path: "/testing-config"},
		{method: "PUT", path: "/testing-config", body: func(g generator) string { return g.object(member{"configString", g.quoted(testingConfigs()...)}) }},
		{method: "GET", path: "/testing-config/entity-tags"},
		{method: "GET", path: "/testing-config/resource-permissions"},
		{method: "GET", path: "/testing/global-env"},
		{method: "GET", path: "/gen-test-endpoint", query: []string{"endpoint", "host", "method"}},
		{method: "GET", path: "/gen-test-endpoints", query: []string{"host"}},
		{method: "GET", path: "/webhooks"},
		{method: "POST", path: "/webhook", body: webhookBody},
		{method: "PUT", path: "/webhook/:webhook", body: webhookBody},
		{method: "DELETE", path: "/webhook/:webhook"},
	}
}

func testingConfigs() []string {
	return []string{
		"", "actor A {", "x = 1", "actor User {\n  items = [{\"id\": 1, \"auth\": \"a\"}]\n}",
		"resource Order {\n  permissions = [\"read\"],\n  endpoints = [{\"permissions\": [\"read\"], \"path\": \"/v1/.*\", \"method\": \"GET\"}],\n  items = [{\"id\": 1}]\n}",
		"resource Order {\n  permissions = [\"read\"],\n  endpoints = [{\"permissions\": [\"read\"], \"path\": \"(\"}],\n  items = []\n}",
	}
}

func webhookBody(g generator) string {
	return g.object(member{"url", g.quoted("https://hooks.invalid/a", "x")}, member{"alertTypes", `["` + g.good("alertTypes") + `"]`}, member{"hosts", `["` + g.good("hosts") + `"]`})
}

// trace returns a call for the collector.
func (g generator) trace() string {
	url := g.object(member{"host", g.quoted("shop.example.com", "new.example.com")}, member{"path", g.quoted("/v1/orders/7", "/n", "x", "/")}, member{"parameters", `[{"name":"q","value":"a@example.com"}]`})
	head := `[{"name":"content-type","value":"application/json"}]`
	return g.object(
		member{"request", g.object(member{"url", url}, member{"headers", head}, member{"body", `""`}, member{"method", g.quoted("GET", "POST")})},
		member{"response", g.object(member{"status", g.one("200", "404", "500")}, member{"headers", head}, member{"body", g.quoted(`{"email":"a@example.com"}`, "", "[1]")})},
		member{"meta", g.object(member{"incoming", "true"}, member{"source", `"203.0.113.5"`}, member{"sourcePort", `"5"`}, member{"destination", `"198.51.100.9"`}, member{"destinationPort", `"443"`})},
	)
}

func (g generator) request() request {
	if g.IntN(40) == 0 {
		return g.rawRequest()
	}
	if g.IntN(12) == 0 {
		path, body := g.one("/api/v1", "/api/v2")+"/log-request/", g.trace()
		if kind := g.one("single", "batch"); kind == "batch" {
			path, body = path+kind, "["+body+","+g.trace()+"]"
		} else {
			path += kind
		}
		return request{service: "collector", method: http.MethodPost, target: path, contentType: "application/json", body: body, route: "POST collector:" + path}
	}
	all := shapes()
	s := all[g.IntN(len(all))]
	r := request{service: "backend", method: s.method, target: "/api/v1" + g.path(s.path) + g.query(s.query), route: s.method + " " + s.path}
	switch {
	case s.file != "":
		text := g.one(`{"openapi":"3.0.3","info":{"title":"T","version":"1"},"servers":[{"url":"https://shop.example.com"}],"paths":{}}`,
			"type Query { me: String }", "{", "", "openapi: 3.0.3", "swagger: '2.0'\npaths: {}")
		r.contentType, r.body = g.upload(g.one(s.file, s.file, s.file, "other"), g.one("a.json", "b.yaml", "c.graphql", "d.txt"), text)
		if g.IntN(12) == 0 {
			r.body, r.fatal = g.truncate(r.body), true
		}
	case s.body != nil:
		r.contentType, r.body = "application/json", s.body(g)
		if g.IntN(15) == 0 {
			r.body = g.one("{", "null", "[]", "3", "", "{}", "\x00", `"x"`, "1e400", `{"enabled":1e400,"limit":1e400,"name":1e400}`)
		}
		if g.IntN(15) == 0 {
			r.contentType = g.one("", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "application/json; charset=latin1", "text/json", "multipart/form-data", "application/json; x")
		}
	}
	if g.IntN(40) == 0 {
		r.method = g.one("OPTIONS", "HEAD", "PATCH", "TRACE", "PROPFIND", "FETCH")
	}
	return r
}
