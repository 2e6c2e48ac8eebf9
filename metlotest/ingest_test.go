package metlotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestTracesMakeEndpoints(t *testing.T) {
	w := start(t)
	got := w.log("/api/v1/log-request/batch", []any{
		call("shop.example.com", "GET", "/users/17/orders/9", `{"items":[{"email":"a@example.com","total":1.5}],"next":null}`),
		call("shop.example.com", "GET", "/users/18/orders/3", `{}`),
		call("shop.example.com", "POST", "/users/18/orders/3", `{}`),
	})
	require.Equal(t, answer{200, "OK", nil}, bare(got))
	items, total := w.rows("/endpoints?methods[]=GET")
	require.Equal(t, "1", total)
	e := items[0]
	assert.Equal(t, "/users/{param1}/orders/{param2}", e.text("path"))
	assert.Equal(t, "^/users/[^/]+/orders/[^/]+(/)*$", e.text("pathRegex"))
	assert.EqualValues(t, 2, e["numberParams"])
	assert.Equal(t, []any{"users", "{param}", "orders", "{param}"}, []any{e["token_0"], e["token_1"], e["token_2"], e["token_3"]})
	assert.Nil(t, e["dataClasses"], "classes wait for the job")

	detail := decodeInto[struct {
		DataFields []row `json:"dataFields"`
		Traces     []row `json:"traces"`
		Alerts     []row `json:"alerts"`
	}](t, w.get("/endpoint/"+e.text("uuid")))
	types := map[string]string{}
	for _, f := range detail.DataFields {
		types[f.text("dataSection")+" "+f.text("dataPath")] = f.text("dataType")
	}
	assert.Equal(t, map[string]string{
		"reqPath param1": "string", "reqPath param2": "string", "reqHeaders content-type": "string", "resHeaders content-type": "string",
		"resBody items.[].email": "string", "resBody items.[].total": "number", "resBody next": "unknown",
	}, types)
	require.Len(t, detail.Traces, 2)
	assert.Equal(t, "/users/18/orders/3", detail.Traces[0].text("path"), "the newest comes first")
	assert.Equal(t, true, detail.Traces[1]["redacted"])
	assert.Empty(t, detail.Traces[1]["responseBody"])
	assert.Equal(t, []any{"Email"}, detail.Traces[1]["sensitiveDataMap"].(map[string]any)["200_application/json_resBody.items.[].email"])

	alerts, _ := w.rows("/alerts?apiEndpointUuid=" + e.text("uuid"))
	require.Len(t, alerts, 1)
	assert.Equal(t, "New Endpoint Detected", alerts[0].text("type"))
	assert.Equal(t, "A new endpoint has been detected for shop.example.com: /users/{param1}/orders/{param2}.", alerts[0].text("description"))
	assert.Equal(t, "[]", w.get("/endpoint/"+e.text("uuid")+"/usage").body, "usage waits for the job")
	w.srv.RunJobs()
	usage := decodeInto[[]row](t, w.get("/endpoint/"+e.text("uuid")+"/usage"))
	require.Len(t, usage, 1)
	assert.Equal(t, "2", usage[0].text("count"))
	assert.Equal(t, []string{"/users/18/orders/3", "/users/17/orders/9"}, reversedIfNeeded(decodeInto[[]string](t, w.get("/endpoint/"+e.text("uuid")+"/suggested-paths"))))
	assert.Equal(t, `[[{"host":"shop.example.com","numEndpoints":"2","isPublic":true}],1]`, w.get("/hosts").body, "a host is private until the job")
}

// reversedIfNeeded returns two equally good suggestions in a fixed order.
func reversedIfNeeded(paths []string) []string {
	if len(paths) == 2 && paths[0] < paths[1] {
		return []string{paths[1], paths[0]}
	}
	return paths
}

// configure puts a metlo-config.
func configure(w *wire, config string) {
	w.t.Helper()
	require.Equal(w.t, 200, w.do(http.MethodPut, "/metlo-config", map[string]string{"configString": config}).status)
}

func TestSensitiveDataIsFound(t *testing.T) {
	w := start(t, metlotest.InstantAnalysis())
	configure(w, "authentication:\n  - {host: api.example.com, authType: header, headerKey: X-Key}\n")
	trace := call("api.example.com", "GET", "/people/jane@example.com", `{"ssn":"219-09-9999"}`)
	trace["request"].(map[string]any)["url"].(map[string]any)["parameters"] = []any{map[string]any{"name": "phone", "value": "415-555-0132"}}
	w.log("/api/v1/log-request/single", trace)

	items, _ := w.rows("/endpoints")
	require.Len(t, items, 1)
	assert.Equal(t, []any{"Email", "Phone Number", "Social Security Number"}, items[0]["dataClasses"])
	assert.Equal(t, "high", items[0].text("riskScore"))
	assert.Equal(t, false, items[0]["isAuthenticatedDetected"])
	alerts, _ := w.rows("/alerts")
	assert.ElementsMatch(t, []string{
		"New Endpoint Detected", "PII Data Detected", "PII Data Detected", "PII Data Detected", "Sensitive Data in Query Params",
		"Sensitive Data in Path Params", "Unauthenticated Endpoint returning Sensitive Data",
	}, column(alerts, "type"))

	w.log("/api/v1/log-request/single", trace)
	_, total := w.rows("/alerts")
	assert.Equal(t, "7", total, "an alert that is open is not raised again")
	w.do(http.MethodPost, "/clear-sensitive-data", "")
	alerts, _ = w.rows("/alerts")
	assert.Equal(t, []string{"New Endpoint Detected"}, column(alerts, "type"))
	assert.Equal(t, `{"piiDataTypeCount":{},"piiItems":[],"totalPIIFields":0,"totalEndpoints":0}`, w.get("/sensitive-data-summary").body)
}

func TestFalsePositivesStayAway(t *testing.T) {
	w := start(t, metlotest.InstantAnalysis())
	trace := call("api.example.com", "GET", "/x", `{"a":"jane@example.com"}`)
	w.log("/api/v1/log-request/single", trace)
	fields, _ := w.rows("/new-detections?detectionType=data_field&detectionLimit=50")
	for _, f := range fields {
		if f.text("dataPath") == "a" {
			body := `{"dataClasses":[],"dataPath":"a","dataSection":"resBody"}`
			updated := decodeInto[row](t, w.do(http.MethodPost, "/data-field/"+f.text("uuid")+"/update-classes", body))
			assert.Equal(t, []any{"Email"}, updated["falsePositives"])
		}
	}
	w.log("/api/v1/log-request/single", trace)
	items, _ := w.rows("/endpoints")
	assert.Nil(t, items[0]["dataClasses"])
	assert.Equal(t, "none", items[0].text("riskScore"))
}

func TestFullTraceCaptureKeepsBodies(t *testing.T) {
	w := start(t)
	trace := call("api.example.com", "GET", "/x", `{"a":1}`)
	w.log("/api/v1/log-request/single", trace)
	items, _ := w.rows("/endpoints")
	path := "/endpoint/" + items[0].text("uuid")
	require.Equal(t, 200, w.do(http.MethodPut, path+"/enable-full-trace-capture", `{"enabled":true}`).status)
	w.log("/api/v1/log-request/single", trace)
	traces := decodeInto[struct{ Traces []row }](t, w.get(path)).Traces
	assert.Equal(t, map[string]any{"a": 1.0}, traces[0]["responseBody"], "JSON becomes what it stands for")
	assert.Equal(t, false, traces[0]["redacted"])
	assert.Empty(t, traces[1].text("responseBody"))
}

func TestCollectorRules(t *testing.T) {
	good := call("a.example.com", "GET", "/x", "")
	bad := call("a.example.com", "GET", "no-slash", "")
	noMethod := call("a.example.com", "", "/y", "")
	tests := []struct {
		name, path string
		body       any
		status     int
		want       string
		endpoints  string
	}{
		{"v1 single", "/api/v1/log-request/single", good, 200, "OK", "1"},
		{"v1 bad path", "/api/v1/log-request/single", bad, 400, "Invalid path no-slash: Path does not start with a leading slash.", "0"},
		{"v1 batch keeps what comes before the bad one", "/api/v1/log-request/batch", []any{good, bad}, 400, "Invalid path no-slash: Path does not start with a leading slash.", "1"},
		{"v1 batch that is an object", "/api/v1/log-request/batch", good, 200, "OK", "0"},
		{"v1 without method is dropped", "/api/v1/log-request/single", noMethod, 200, "OK", "0"},
		{"v2 ignores what is bad", "/api/v2/log-request/batch", []any{bad, good, 5}, 200, "OK", "1"},
		{"v2 takes an empty object", "/api/v2/log-request/single", `{}`, 200, "OK", "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t)
			assert.Equal(t, answer{tt.status, tt.want, nil}, bare(w.log(tt.path, tt.body)))
			_, total := w.rows("/endpoints")
			assert.Equal(t, tt.endpoints, total)
		})
	}
}

func TestHostRulesOfTheConfig(t *testing.T) {
	w := start(t)
	configure(w, "hostMap:\n  - {host: all.example.com, pattern: '.*\\.tenant\\.example\\.com'}\nhostBlockList: ['^test\\.']\npathBlockList:\n  - {host: all, paths: ['^/health']}\n")
	w.log("/api/v2/log-request/batch", []any{
		call("a.tenant.example.com", "GET", "/x", ""), call("test.example.com", "GET", "/x", ""), call("b.tenant.example.com", "GET", "/health", ""),
	})
	items, _ := w.rows("/endpoints")
	assert.Equal(t, []string{"all.example.com"}, column(items, "host"))
}

func TestWebhooksAreCalledOnLoopback(t *testing.T) {
	received := make(chan []byte, 10)
	status := make(chan int, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(<-status)
		io.WriteString(w, `{"why":"busy"}`)
		received <- body
	}))
	defer hook.Close()
	w := start(t)
	hooks := decodeInto[[]row](t, w.do(http.MethodPost, "/webhook", map[string]any{"url": hook.URL, "alertTypes": []string{}, "hosts": []string{"a.example.com"}}))
	require.Len(t, hooks, 1)

	runs := func() []any { return decodeInto[[]row](t, w.get("/webhooks"))[0]["runs"].([]any) }
	status <- 200
	w.log("/api/v2/log-request/batch", []any{call("b.example.com", "GET", "/x", ""), call("a.example.com", "GET", "/x", "")})
	var delivery struct {
		Alert row `json:"alert"`
		Meta  row `json:"meta"`
	}
	require.NoError(t, json.Unmarshal(<-received, &delivery))
	assert.Equal(t, "New Endpoint Detected", delivery.Alert.text("type"))
	assert.Equal(t, "a.example.com", delivery.Meta.text("host"))
	assert.EqualValues(t, 1, delivery.Meta["totalEndpoints"])
	require.Eventually(t, func() bool { return len(runs()) == 1 }, time.Minute, time.Millisecond)
	assert.Equal(t, true, runs()[0].(map[string]any)["ok"])

	status <- 404
	w.log("/api/v2/log-request/single", call("a.example.com", "GET", "/y", ""))
	require.Eventually(t, func() bool { return len(runs()) == 2 }, time.Minute, time.Millisecond)
	failed := runs()[1].(map[string]any)
	assert.Equal(t, false, failed["ok"])
	assert.Equal(t, map[string]any{"why": "busy"}, failed["msg"], "the receiver's answer, whatever it is")
}

func TestWebhookRules(t *testing.T) {
	w := start(t)
	create := func(body string) answer { return w.do(http.MethodPost, "/webhook", body) }
	assert.Contains(t, create(`{"url":"https://a.example.com"}`).body, `"message":"alertTypes: Required\nhosts: Required"`)
	hooks := decodeInto[[]row](t, create(`{"url":"http://localhost:1/x","alertTypes":[],"hosts":[],"maxRetries":9}`))
	assert.EqualValues(t, 3, hooks[0]["maxRetries"])
	update := w.do(http.MethodPut, "/webhook/"+hooks[0].text("uuid"), `{"url":"http://localhost:1/x","alertTypes":[],"hosts":[]}`)
	assert.Equal(t, answer{400, "Please enter a valid url.", nil}, bare(update), "an update is stricter than a creation")
	assert.Equal(t, 500, w.do(http.MethodDelete, "/webhook/x", "").status)
	second := decodeInto[[]row](t, create(`{"url":"https://b.example.com","alertTypes":[],"hosts":[]}`))
	assert.Equal(t, []string{"https://b.example.com", "http://localhost:1/x"}, column(second, "url"), "the newest comes first")
}

func TestDataPaths(t *testing.T) {
	w := start(t)
	w.log("/api/v1/log-request/single", call("a.example.com", "GET", "/users/7", `{"byId":{"k1":{"n":1},"k2":{"n":2}}}`))
	fields, _ := w.rows("/new-detections?detectionType=data_field&detectionLimit=50")
	id := map[string]string{}
	for _, f := range fields {
		id[f.text("dataPath")] = f.text("uuid")
	}
	merged := decodeInto[struct {
		Deleted []string       `json:"deleted"`
		Updated map[string]row `json:"updated"`
	}](t, w.do(http.MethodPut, "/data-field/"+id["byId.k1.n"]+"/update-data-path", `{"dataPath":" byId.[string].n "}`))
	assert.Equal(t, []string{id["byId.k2.n"]}, merged.Deleted)
	assert.Equal(t, "byId.[string].n", merged.Updated[id["byId.k1.n"]].text("dataPath"))

	renamed := w.do(http.MethodPut, "/data-field/"+id["param1"]+"/update-data-path", `{"dataPath":"userId"}`)
	assert.NotContains(t, renamed.body, "deleted", "a path parameter's answer has one part only")
	items, _ := w.rows("/endpoints")
	assert.Equal(t, "/users/{userId}", items[0].text("path"))
	assert.Equal(t, "^/users/[^/]+(/)*$", items[0].text("pathRegex"))
}

func TestQueryValidation(t *testing.T) {
	w := start(t, metlotest.Demo())
	tests := []struct{ path, message string }{
		{"/alerts?order=UP", "order: Invalid input"},
		{"/alerts?limit=-1&offset=x", "offset: Invalid\nlimit: Invalid"},
		{"/endpoints?limit=ten", "limit: Invalid input"},
		{"/alerts?riskScores[21]=high", "riskScores: Expected array, received object"},
		{"/endpoints?methods[]=get", "methods.0: Invalid enum value. Expected 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'CONNECT' | 'OPTIONS' | 'TRACE', received 'get'"},
		{"/endpoints?hosts[0][a]=x", "hosts.0: Expected string, received object"},
		{"/sensitive-data-summary?locations[]=REQUEST_BODY", "locations.0: Invalid enum value. Expected 'reqPath' | 'reqQuery' | 'reqHeaders' | 'reqBody' | 'resHeaders' | 'resBody', received 'REQUEST_BODY'"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			got := w.get(tt.path)
			assert.Equal(t, 400, got.status)
			var body row
			require.NoError(t, json.Unmarshal([]byte(got.body), &body))
			assert.Equal(t, "ZOD", body.text("type"))
			assert.Equal(t, tt.message, body.text("message"))
		})
	}
	invalid := w.get("/endpoints?searchQuery=(")
	assert.Equal(t, answer{500, "QueryFailedError: invalid regular expression: parentheses () not balanced", nil}, bare(invalid))
	assert.Equal(t, 500, w.get("/new-detections?start=yesterday").status)
}

// TestOfSeveralEndpointsThatMatchTheFirstRowIsTaken checks the order of the server's table. A changed row moves behind
// the others: its risk changed, or its last activity moved by more than 30 s.
func TestOfSeveralEndpointsThatMatchTheFirstRowIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.NewServer(metlotest.InMemory(), metlotest.With(
			metlo.Endpoint{Host: "a.example.com", Method: metlo.MethodGet, Path: "/{x}/17"},
			metlo.Endpoint{Host: "a.example.com", Method: metlo.MethodGet, Path: "/17/{y}"},
		))
		defer srv.Close()
		client := srv.Client()
		calls := func(path string) int {
			for e, err := range client.Endpoints.All(t.Context(), nil) {
				require.NoError(t, err)
				if e.Path == path {
					detail, err := client.Endpoints.Get(t.Context(), e.UUID)
					require.NoError(t, err)
					return len(detail.Traces)
				}
			}
			return -1
		}
		send := func() {
			require.NoError(t, client.Collector.Log(t.Context(), &metlo.Trace{
				Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "a.example.com", Path: "/17/17"}},
				Response: metlo.TraceResponse{Status: 200},
			}))
		}
		send() // the first call writes the time of the first row, which then is the last
		assert.Equal(t, []int{1, 0}, []int{calls("/{x}/17"), calls("/17/{y}")})
		send()
		assert.Equal(t, []int{1, 1}, []int{calls("/{x}/17"), calls("/17/{y}")})
		send() // moments later no row is written, so the order remains
		send()
		assert.Equal(t, []int{3, 1}, []int{calls("/{x}/17"), calls("/17/{y}")})
		assert.Equal(t, 2, len(must(metlo.Collect(client.Endpoints.All(t.Context(), nil)))))
	})
}

// TestSummaryKeepsItsCounts checks the caches of GET /summary: alerts for 5 s, counts for a minute.
func TestSummaryKeepsItsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.NewServer(metlotest.InMemory(), metlotest.Demo())
		defer srv.Close()
		client := srv.Client()
		before := must(client.Summary.Get(t.Context()))
		alerts := must(metlo.Collect(client.Alerts.All(t.Context(), &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}})))
		_, err := client.Alerts.Resolve(t.Context(), alerts[0].UUID, "done")
		require.NoError(t, err)
		<-time.After(59 * time.Second)
		assert.Equal(t, before.OpenAlerts, must(client.Summary.Get(t.Context())).OpenAlerts, "for a minute")
		<-time.After(2 * time.Second)
		assert.Equal(t, before.OpenAlerts-1, must(client.Summary.Get(t.Context())).OpenAlerts)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
