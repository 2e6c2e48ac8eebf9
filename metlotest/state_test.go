package metlotest_test

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestAResolvedAlertShowsEverywhere(t *testing.T) {
	const id = "00000000-0000-4000-b000-000000000002"
	w := start(t, dataset(3))
	resolved := decodeInto[row](t, w.do(http.MethodPut, "/alert/"+id, `{"updateType":"resolve","resolutionMessage":" fixed "}`))
	assert.Equal(t, "fixed", resolved.text("resolutionMessage"))
	assert.Equal(t, "2026-01-01T00:00:00.000Z", resolved.text("updatedAt"), "the answer has the row as it was read")

	items, total := w.rows("/alerts")
	assert.Equal(t, []string{"Open", "Open", "Resolved"}, column(items, "status"))
	assert.Equal(t, "3", total)
	assert.NotEqual(t, "2026-01-01T00:00:00.000Z", items[2].text("updatedAt"))
	assert.EqualValues(t, 2, decodeInto[row](t, w.get("/summary"))["newAlerts"])
	detail := decodeInto[row](t, w.get("/endpoint/00000000-0000-4000-8000-000000000002"))
	assert.Equal(t, []any{map[string]any{"uuid": id, "status": "Resolved"}}, detail["alerts"])
}

func TestAlertTransitions(t *testing.T) {
	tests := []struct {
		from, update string
		status       int
		want         string
	}{
		{"", "resolve", 200, "Resolved"},
		{"", "ignore", 200, "Ignored"},
		{"", "unresolve", 409, "Alert is currently not resolved."},
		{"", "unignore", 409, "Alert is currently not ignored."},
		{"resolve", "resolve", 409, "Alert is already resolved."},
		{"resolve", "ignore", 409, "Alert is resolved and cannot be ignored."},
		{"resolve", "unresolve", 200, "Open"},
		{"ignore", "ignore", 409, "Alert is already being ignored."},
		{"ignore", "resolve", 409, "Alert is ignored and cannot be resolved."},
		{"ignore", "unignore", 200, "Open"},
	}
	for _, tt := range tests {
		t.Run(tt.from+" then "+tt.update, func(t *testing.T) {
			w := start(t, dataset(1))
			send := func(update string) answer {
				return w.do(http.MethodPut, "/alert/00000000-0000-4000-b000-000000000001", map[string]string{"updateType": update})
			}
			if tt.from != "" {
				require.Equal(t, 200, send(tt.from).status)
			}
			got := send(tt.update)
			require.Equal(t, tt.status, got.status)
			if tt.status == 200 {
				assert.Equal(t, tt.want, decodeInto[row](t, got).text("status"))
			} else {
				assert.Equal(t, tt.want, got.body)
			}
		})
	}
}

func TestUpdateManyIgnoresStatusAndPrefersUUID(t *testing.T) {
	w := start(t, dataset(3))
	got := w.do(http.MethodPut, "/alerts", `{"updateType":"ignore","status":["Resolved"],"hosts":["elsewhere"],"uuid":"00000000-0000-4000-b000-000000000001"}`)
	assert.Equal(t, answer{200, "OK", nil}, bare(got))
	ignored, _ := w.rows("/alerts?status[]=Ignored")
	assert.Len(t, ignored, 1)
	assert.Equal(t, 200, w.do(http.MethodPut, "/alerts", `{"updateType":"resolve"}`).status, "no filter is every open alert")
	resolved, _ := w.rows("/alerts?status[]=Resolved")
	assert.Len(t, resolved, 2)
	assert.Equal(t, answer{500, `syntax error at or near ")"`, nil}, bare(w.do(http.MethodPut, "/alerts", `{"updateType":"resolve"}`)))
}

func TestUpdatePathsReplacesEndpoints(t *testing.T) {
	w := start(t, dataset(3))
	const path = "/endpoint/00000000-0000-4000-8000-000000000001/update-paths"
	tests := []struct {
		body   string
		status int
		want   string
	}{
		{`{}`, 400, "Must provide list of paths to create."},
		{`{"paths":["p/{x}"]}`, 400, "p/{x}: Path does not start with a leading slash."},
		{`{"paths":["/p/{x}/y"]}`, 400, "/p/{x}/y: Path does not have the same number of tokens as the current path."},
		{`{"paths":["/p/2"]}`, 400, "/p/2: An endpoint with this path already exists for this method and host."},
		{`{"paths":["/p/{x}"]}`, 200, "OK"},
		{`{"paths":["/p/{x}"]}`, 404, "Endpoint not found."},
	}
	for _, tt := range tests {
		assert.Equal(t, answer{tt.status, tt.want, nil}, bare(w.do(http.MethodPost, path, tt.body)), tt.body)
	}
	items, total := w.rows("/endpoints")
	assert.Equal(t, "1", total)
	assert.Equal(t, []string{"/p/{x}"}, column(items, "path"))
	assert.Equal(t, `[[],0]`, w.get("/alerts").body, "alerts go with their endpoints")
}

func TestDeletes(t *testing.T) {
	w := start(t, dataset(4))
	const id = "/endpoint/00000000-0000-4000-8000-000000000001"
	assert.Equal(t, answer{200, "Success", nil}, bare(w.do(http.MethodDelete, id, "")))
	assert.Equal(t, answer{500, "", nil}, bare(w.do(http.MethodDelete, id, "")))
	assert.Equal(t, answer{404, "Endpoint does not exist.", nil}, bare(w.do(http.MethodDelete, "/endpoint/x", "")))
	assert.Equal(t, 500, w.do(http.MethodDelete, "/endpoints", `{"uuids":["x"]}`).status)
	assert.Equal(t, 200, w.do(http.MethodDelete, "/endpoints", `{"uuids":["00000000-0000-4000-8000-000000000002"]}`).status)
	assert.Equal(t, `["a.example.com"]`, w.get("/endpoints/hosts").body)
	assert.Equal(t, 200, w.do(http.MethodDelete, "/hosts", `{"hosts":["a.example.com"]}`).status)
	assert.Equal(t, `[]`, w.get("/endpoints/hosts").body)
	assert.Equal(t, `[[],0]`, w.get("/hosts").body)
}

func TestAuthenticatedOverride(t *testing.T) {
	const path = "/endpoint/00000000-0000-4000-8000-000000000001"
	tests := []struct {
		body   string
		status int
		want   any
	}{
		{`{"authenticated":false}`, 200, false},
		{`{"authenticated":"yes"}`, 200, true},
		{`{}`, 200, true},
		{`{"authenticated":"maybe"}`, 500, true},
		{`{"authenticated":null}`, 200, nil},
	}
	w := start(t, dataset(1))
	for _, tt := range tests {
		assert.Equal(t, tt.status, w.do(http.MethodPut, path+"/authenticated", tt.body).status, tt.body)
		assert.Equal(t, tt.want, decodeInto[row](t, w.get(path))["isAuthenticatedUserSet"], tt.body)
	}
}

const paySpec = `{"openapi":"3.0.3","info":{"title":"Pay","version":"1"},"servers":[{"url":"https://pay.example.com"}],
	"paths":{"/payments":{"post":{"responses":{}},"get":{"responses":{}}},"/payments/{id}":{"get":{"responses":{}}}}}`

func TestSpecsMakeEndpoints(t *testing.T) {
	w := start(t)
	w.log("/api/v1/log-request/single", call("pay.example.com", "GET", "/payments/17", `{"a":1}`))
	require.Equal(t, 200, w.upload(http.MethodPost, "/spec/new", "file", "pay.json", "application/json", paySpec).status)

	items, total := w.rows("/endpoints")
	assert.Equal(t, "3", total)
	assert.ElementsMatch(t, []string{"/payments", "/payments", "/payments/{id}"}, column(items, "path"), "the spec's path takes the place of the one from traffic")
	assert.Equal(t, []string{"pay", "pay", "pay"}, column(items, "openapiSpecName"))
	fields := decodeInto[row](t, w.get("/endpoint/"+withPath(items, "/payments/{id}").text("uuid")))["dataFields"]
	assert.Empty(t, fields, "whose data is gone")

	conflict := w.upload(http.MethodPost, "/spec/new", "file", "other.yaml", "text/yaml",
		"openapi: 3.0.3\ninfo: {title: x, version: '1'}\nservers:\n- url: https://pay.example.com\npaths:\n  /payments:\n    get: {}\n")
	assert.Equal(t, 409, conflict.status)
	assert.Contains(t, conflict.body, "is already defined in another user defined spec file: pay")

	archive := w.get("/specs/zip")
	decoded, err := hex.DecodeString(archive.body)
	require.NoError(t, err)
	assert.Equal(t, "PK", string(decoded[:2]))

	require.Equal(t, 200, w.do(http.MethodDelete, "/spec/pay", "").status)
	items, _ = w.rows("/endpoints")
	assert.Equal(t, []string{"", "", ""}, column(items, "openapiSpecName"), "endpoints outlive their spec")
	assert.Equal(t, `[]`, w.get("/specs").body)
}

func withPath(items []row, path string) row {
	for _, item := range items {
		if item.text("path") == path {
			return item
		}
	}
	return nil
}

func TestSpecFaults(t *testing.T) {
	tests := []struct {
		name, field, file, contentType, content string
		status                                  int
		want                                    string
	}{
		{"wrong field", "spec", "a.json", "application/json", paySpec, 500, "<pre>MulterError: Unexpected field<br>"},
		{"Go's default part type", "file", "a.json", "application/octet-stream", paySpec, 400, "Only .json, .yaml, and .yml format allowed."},
		{"no name", "file", ".json", "application/json", paySpec, 400, "No filename provided."},
		{"no version", "file", "a.json", "application/json", `{}`, 422, "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined."},
		{"no servers", "file", "a.json", "application/json", `{"openapi":"3.0.3","info":{},"paths":{"/x":{"get":{}}}}`, 422, "No servers or host found in spec file."},
		{"bad path", "file", "a.json", "application/json", strings.Replace(paySpec, `"/payments"`, `"/payments?x"`, 1), 400, "/payments?x: "},
		{"bad YAML", "file", "a.yaml", "text/yaml", "a: [1,", 500, "(2:1)\n\n 1 | a: [1,\n 2 | \n-----^"},
		{"swagger 2", "file", "a.json", "application/json", `{"swagger":"2.0","info":{"title":"x","version":"1"},"host":"old.example.com","basePath":"/v1","schemes":["https"],"paths":{"/x":{"get":{"responses":{"200":{"description":"ok"}}}}}}`, 200, "OK"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := start(t).upload(http.MethodPost, "/spec/new", tt.field, tt.file, tt.contentType, tt.content)
			assert.Equal(t, tt.status, got.status)
			assert.Contains(t, got.body, tt.want)
		})
	}
}

func TestGraphQLSchemas(t *testing.T) {
	w := start(t)
	w.log("/api/v1/log-request/single", call("a.example.com", "POST", "/graphql", `{}`))
	items, _ := w.rows("/endpoints")
	path := "/endpoint/" + items[0].text("uuid")
	bad := w.upload(http.MethodPut, path+"/graphql-schema", "file", "s.graphql", "application/octet-stream", "typ Query {}")
	assert.Equal(t, answer{500, `Syntax Error: Unexpected Name "typ".`, nil}, bare(bad))
	assert.Equal(t, 200, w.upload(http.MethodPut, path+"/graphql-schema", "file", "s.graphql", "application/octet-stream", "type Query { a: Int }").status)
	assert.Equal(t, "type Query { a: Int }", decodeInto[row](t, w.get(path)).text("graphQlSchema"))
	assert.Equal(t, 200, w.do(http.MethodDelete, path+"/graphql-schema", "").status)
	assert.NotContains(t, decodeInto[row](t, w.get(path)), "graphQlSchema")
}

func TestMetloConfig(t *testing.T) {
	put := func(w *wire, config string) answer {
		return w.do(http.MethodPut, "/metlo-config", map[string]string{"configString": config})
	}
	tests := []struct {
		name, config string
		status       int
		want         string
	}{
		{"unknown key", "a: 1\n", 400, "property 'a' is not expected to be here on line 1"},
		{"wrong type", "globalFullTraceCapture: 1\n", 400, "/globalFullTraceCapture must be boolean on line 1"},
		{"documented severity is upper-case", "sensitiveData:\n  X:\n    severity: low\n    patterns: [x]\n", 400, "must be equal to one of the allowed values: NONE, LOW, MEDIUM, HIGH on line 3"},
		{"missing part", "hostMap:\n  - host: a\n", 400, "/hostMap/0 must have required property 'pattern' on line 2"},
		{"built-in class", "sensitiveData:\n  Email:\n    severity: LOW\n    patterns: [x]\n", 422, `Dataclass "Email" already exists as a Metlo Defined Dataclass`},
		{"host twice", "authentication:\n- {host: a, authType: basic}\n- {host: a, authType: basic}\n", 422, "Host a is included more than once in the authentication config."},
		{"auth without its key", "authentication:\n- {host: a, authType: jwt}\n", 400, "/authentication/0 must have required property 'headerKey' on line 2"},
		{"no map", "- a\n", 400, " must be object on line 1"},
		{"empty", "", 200, "OK"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, answer{tt.status, tt.want, nil}, bare(put(start(t), tt.config)))
		})
	}
	w := start(t)
	assert.Equal(t, answer{500, "Cannot use 'in' operator to search for 'sensitiveData' in undefined", nil}, bare(w.do(http.MethodPut, "/metlo-config", `{}`)))
	require.Equal(t, 200, put(w, "").status)
	empty := decodeInto[row](t, w.get("/metlo-config"))
	assert.Equal(t, "{}\n", empty.text("configString"))
	assert.Contains(t, empty, "envTag", "the encrypted environment shows even when there is none")
}

func TestDataClassesAreCachedForHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.NewServer(metlotest.InMemory())
		defer srv.Close()
		w := &wire{t: t, srv: srv}
		names := func() []string { return column(decodeInto[[]row](t, w.get("/data-class")), "className") }
		require.Len(t, names(), 12)
		config := "sensitiveData:\n  Loyalty:\n    severity: HIGH\n    patterns: ['L[0-9]+']\ndisabledDataClass: [VIN]\n"
		require.Equal(t, 200, w.do(http.MethodPut, "/metlo-config", map[string]string{"configString": config}).status)
		assert.NotContains(t, names(), "Loyalty")
		<-time.After(30 * time.Second)
		assert.Contains(t, names(), "Loyalty")
		assert.NotContains(t, names(), "Vehicle Identification Number")
	})
}

func TestTestingConfigSetsPermissions(t *testing.T) {
	put := func(w *wire, config string) answer {
		return w.do(http.MethodPut, "/testing-config", map[string]string{"configString": config})
	}
	w := start(t, dataset(2))
	const rules = `actor User { items = [{"id": "u1", "role": "x"}] }
resource Page {
  permissions = ["view"],
  items = [{"id": "p1"}],
  endpoints = [{"permissions": ["view"], "path": "^/p/1$", "method": "GET"}]
}`
	require.Equal(t, 200, put(w, rules).status)
	assert.Equal(t, `["User.id","User.role","Page.id"]`, w.get("/testing-config/entity-tags").body)
	assert.Equal(t, `["Page.view"]`, w.get("/testing-config/resource-permissions").body)
	items, total := w.rows("/endpoints?resourcePermissions[]=Page.view")
	assert.Equal(t, "1", total)
	assert.Equal(t, "/p/1", items[0].text("path"))

	list := put(w, `resource Page { endpoints = [{"permissions": ["view"], "method": ["GET", "POST"]}] }`)
	assert.Equal(t, answer{500, `invalid input value for enum rest_method_enum: "{"GET","POST"}"`, nil}, bare(list))
	assert.Contains(t, decodeInto[row](t, w.get("/testing-config")).text("configString"), "POST", "it is stored all the same")
	schema := put(w, `host a { color = "red" }`)
	assert.Equal(t, 400, schema.status)
	assert.Contains(t, schema.body, `"message":"0.members: Unrecognized key(s) in object: 'color'"`)
}

func TestInstanceSettings(t *testing.T) {
	w := start(t)
	partial := decodeInto[row](t, w.do(http.MethodPut, "/instance-settings", `{"email":"a@example.com"}`))
	assert.Equal(t, "a@example.com", partial.text("updateEmail"))
	assert.Contains(t, partial, "skippedUpdateEmail", "what is not sent is shown as null")
	assert.Nil(t, partial["skippedUpdateEmail"])
	w.do(http.MethodPut, "/instance-settings", `{"email":null,"skip":true}`)
	got := decodeInto[row](t, w.get("/instance-settings"))
	assert.Nil(t, got["updateEmail"])
	assert.Equal(t, true, got["skippedUpdateEmail"])
}

func TestKeyRules(t *testing.T) {
	w := start(t)
	tests := []struct {
		body   string
		status int
		want   string
	}{
		{`{}`, 400, "Key name is required."},
		{`{"name":"a","keyFor":"X"}`, 400, "The key must be for one of the following: GCP, AWS, GENERIC, ONBOARDING"},
		{`{"name":"a","keyFor":"ONBOARDING"}`, 200, ""},
		{`{"name":"a"}`, 400, "Can not create key with name a"},
		{`{}`, 400, "Can not create key with name undefined"},
	}
	for _, tt := range tests {
		got := w.do(http.MethodPost, "/keys/create", tt.body)
		assert.Equal(t, tt.status, got.status, tt.body)
		assert.Contains(t, got.body, tt.want)
	}
	assert.Len(t, decodeInto[[]row](t, w.get("/keys/onboarding")), 1)
	for i := range 99 {
		require.Equal(t, 200, w.do(http.MethodPost, "/keys/create", map[string]string{"name": strings.Repeat("x", i+2)}).status)
	}
	assert.Contains(t, w.do(http.MethodPost, "/keys/create", `{"name":"z"}`).body, "Maximum API Key Limit Reached: 100.")
}

func TestDemo(t *testing.T) {
	w := start(t, metlotest.Demo())
	open, _ := w.rows("/alerts?status[]=Open")
	kinds := map[string]bool{}
	for _, kind := range column(open, "type") {
		kinds[kind] = true
	}
	assert.GreaterOrEqual(t, len(kinds), 4)
	for _, path := range []string{
		"/alerts?status[]=Resolved", "/alerts?status[]=Ignored", "/endpoints?isAuthenticated=false&dataClasses[]=Social%20Security%20Number",
		"/endpoints?searchQuery=graphql", "/endpoints?resourcePermissions[]=Order.read", "/hosts?hostType=Private", "/new-detections?detectionType=data_field",
	} {
		items, _ := w.rows(path)
		assert.NotEmpty(t, items, path)
	}
	for _, path := range []string{"/webhooks", "/specs", "/testing/global-env", "/testing-config/entity-tags", "/keys/list", "/gen-test-endpoints?host=shop.example.com"} {
		assert.NotEmpty(t, decodeInto[[]any](t, w.get(path)), path)
	}
	assert.Contains(t, w.get("/data-class").body, `{"className":"Loyalty Number","severity":"low"}`)
	assert.NotEmpty(t, decodeInto[row](t, w.get("/summary"))["topEndpoints"])
}

// TestDemoIsTheSameEachTimeAndAtRest compares two servers, and one before and after its jobs.
func TestDemoIsTheSameEachTimeAndAtRest(t *testing.T) {
	ids := func(s *metlotest.Server) map[string][]string {
		client, all := s.Client(), map[string][]string{}
		for e, err := range client.Endpoints.All(t.Context(), nil) {
			require.NoError(t, err)
			all["endpoints"] = append(all["endpoints"], e.UUID)
		}
		for a, err := range client.Alerts.All(t.Context(), nil) {
			require.NoError(t, err)
			all["alerts"] = append(all["alerts"], a.UUID)
		}
		slices.Sort(all["endpoints"])
		slices.Sort(all["alerts"])
		return all
	}
	one, other := metlotest.New(t, metlotest.Demo()), metlotest.New(t, metlotest.Demo())
	want := ids(one)
	assert.Equal(t, want, ids(other))
	short := map[string]bool{}
	for _, id := range slices.Concat(want["endpoints"], want["alerts"]) {
		assert.False(t, short[id[:8]], "%s differs from every other id in its first eight characters", id)
		short[id[:8]] = true
	}
	one.RunJobs()
	assert.Equal(t, want, ids(one))
}

func TestDemoShowsEvidenceOfAuthentication(t *testing.T) {
	client, states := metlotest.New(t, metlotest.Demo()).Client(), map[metlo.Authentication]int{}
	for e, err := range client.Endpoints.All(t.Context(), nil) {
		require.NoError(t, err)
		assert.True(t, e.IsAuthenticatedDetected, "the open-source server never sets it to false")
		states[e.Authentication()]++
		detail, err := client.Endpoints.Get(t.Context(), e.UUID)
		require.NoError(t, err)
		if e.Path == "/v1/export/customers" {
			assert.Positive(t, detail.AuthenticationEvidence().SucceededWithout)
		}
	}
	assert.Len(t, states, 3, "%v", states)
}
