package openapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/capturetest"
	"github.com/metlo-go/metlo/capture/openapi"
)

// shop serves a small API whose operations are its routes.
func shop(routes []string) *http.ServeMux {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, r.Header.Get("X-Answer"))
		})
	}
	return mux
}

func request(method, target, body, answer string) *http.Request {
	req := httptest.NewRequestWithContext(context.Background(), method, "http://shop.example.com"+target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Answer", answer)
	return req
}

func TestFromTraces(t *testing.T) {
	routes := []string{"GET /users/{id}", "POST /users", "GET /orders/{order}/items", "DELETE /users/{id}", "GET /search"}
	rec, finish := capturetest.New(t, capture.WithoutSampling())
	handler := rec.Handler(capture.Routes(shop(routes)))
	const user = `{"id":1,"email":"jane@example.com","address":{"street":"x","city":"y"}}`
	for range 3 {
		for _, req := range []*http.Request{
			request("GET", "/users/7", "", user), request("POST", "/users", `{"email":"jane@example.com","tags":["a"],"age":null}`, user),
			request("GET", "/orders/7/items", "", `[{"sku":"A1","price":1.5,"buyer":`+user+`}]`), request("DELETE", "/users/7", "", "{}"),
			request("GET", "/search?q=secret", "", `{"4711":{"n":1},"jane@example.com":{"n":2}}`),
		} {
			handler.ServeHTTP(httptest.NewRecorder(), req)
		}
	}
	handler.ServeHTTP(httptest.NewRecorder(), request("GET", "/users/7", "", `{"id":1,"address":{}}`))
	traces, _ := finish()
	var list []*metlo.AnalyzedTrace
	for i := range traces {
		list = append(list, &traces[i])
	}
	doc := openapi.FromTraces("Shop", list)
	found := 0
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if doc.Paths[path][strings.ToLower(method)] != nil {
			found++
		}
	}
	t.Logf("%d of %d operations came back", found, len(routes))
	assert.Equal(t, len(routes), found)

	data, err := json.MarshalIndent(doc, "", "  ")
	require.NoError(t, err)
	for _, value := range []string{"jane", "secret", "4711", "A1", "street\": \"x"} {
		assert.NotContains(t, string(data), value)
	}
	resolve := func(s *openapi.Schema) *openapi.Schema {
		if name, isRef := strings.CutPrefix(s.Ref, "#/components/schemas/"); isRef {
			require.Contains(t, doc.Components.Schemas, name)
			return doc.Components.Schemas[name]
		}
		return s
	}
	get := doc.Paths["/users/{id}"]["get"]
	shown := resolve(get.Responses["200"].Content["application/json"].Schema)
	assert.Equal(t, []string{"object"}, shown.Types)
	assert.Equal(t, []string{"id"}, shown.Required, "the others were missing once")
	assert.Empty(t, resolve(shown.Properties["address"]).Required, "it was empty once")
	assert.Equal(t, []string{"Email"}, shown.Properties["email"].DataClasses)
	assert.Equal(t, "id", get.Parameters[0].Name)
	assert.True(t, get.Parameters[0].Required)
	sent := doc.Paths["/users"]["post"].RequestBody.Content["application/json"].Schema
	assert.Equal(t, []string{"email", "tags"}, sent.Required[len(sent.Required)-2:])
	assert.Len(t, sent.Properties["age"].Types, 6, "never seen but null: it may be anything")
	items := doc.Paths["/orders/{order}/items"]["get"].Responses["200"].Content["application/json"].Schema
	assert.Equal(t, []string{"array"}, items.Types)
	assert.Equal(t, []string{"number"}, items.Items.Properties["price"].Types)
	search := doc.Paths["/search"]["get"]
	assert.NotNil(t, search.Responses["200"].Content["application/json"].Schema.Additional)
	assert.True(t, search.Parameters[0].Required)
	assert.NotEmpty(t, doc.Components.Schemas, "the address occurs several times")
}

func TestFromInventory(t *testing.T) {
	nullable := true
	detail := &metlo.EndpointDetail{}
	detail.Host, detail.Path, detail.Method = "shop.example.com", "/users/{id}", metlo.MethodGet
	detail.DataFields = []metlo.DataField{
		{DataSection: "reqPath", DataPath: "id", DataType: "string", StatusCode: -1, DataClasses: []string{"Email"}},
		{DataSection: "resBody", DataPath: "[].email", DataType: "string", ContentType: "application/json", StatusCode: 200, IsNullable: &nullable},
	}
	doc := openapi.FromInventory("Shop", []*metlo.EndpointDetail{detail, nil})
	op := doc.Paths["/users/{id}"]["get"]
	require.NotNil(t, op)
	assert.Equal(t, []string{"Email"}, op.Parameters[0].Schema.DataClasses)
	schema := op.Responses["200"].Content["application/json"].Schema
	assert.Equal(t, []string{"null", "string"}, schema.Items.Properties["email"].Types)
	assert.Equal(t, []openapi.Server{{URL: "https://shop.example.com"}}, doc.Servers)
}

// seen returns a trace of a successful POST whose fields have types.
func seen(path string, types map[string][]string) *metlo.AnalyzedTrace {
	t := &metlo.AnalyzedTrace{}
	t.Request.Method = metlo.MethodPost
	t.Request.URL.Host, t.Request.URL.EndpointPath = "shop.example.com", path
	t.Response.Status = 200
	t.Analysis.RequestContentType, t.Analysis.ResponseContentType = "application/json", "application/json"
	t.Analysis.DataTypes = types
	return t
}

func with(t *metlo.AnalyzedTrace, change func(*metlo.AnalyzedTrace)) *metlo.AnalyzedTrace {
	change(t)
	return t
}

// TestShapes combines several traces of POST /x.
func TestShapes(t *testing.T) {
	refused := func(x *metlo.AnalyzedTrace) { x.Response.Status = 400 }
	type fields = map[string][]string
	body := fields{"reqBody.id": {"integer"}, "resBody.id": {"integer"}}
	for name, tt := range map[string]struct {
		traces []*metlo.AnalyzedTrace
		want   string // JSON of the operation
	}{
		"required by three": {
			[]*metlo.AnalyzedTrace{seen("/x", body), seen("/x", body), seen("/x", body)},
			`{"operationId":"postX","requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}},
			 "responses":{"200":{"description":"status 200","content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}}}}`,
		},
		"what was refused requires nothing and allows nothing": {
			[]*metlo.AnalyzedTrace{
				seen("/x", body), seen("/x", body), seen("/x", body), with(seen("/x", fields{"resBody.error": {"string"}}), refused),
			},
			`{"operationId":"postX","requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}},
			 "responses":{"200":{"description":"status 200","content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}},
			 "400":{"description":"status 400","content":{"application/json":{"schema":{"type":"object","properties":{"error":{"type":"string"}}}}}}}}`,
		},
		"JSON in parameters, and names with dots": {
			[]*metlo.AnalyzedTrace{
				seen("/x", fields{
					"reqQuery.ids.[]": {"integer"}, "reqQuery.filter.size": {"integer"}, "reqQuery.filter.color": {"string"}, "reqQuery.user.name": {"string"},
					"reqQuery.mixed.[]": {"integer"}, "reqHeaders.X-Ids.[]": {"integer"}, "resHeaders.X-Ids.[]": {"integer"}, "resBody": {"string"},
				}),
				seen("/x", fields{"reqQuery.mixed": {"string"}, "resBody": {"string"}}),
			},
			`{"operationId":"postX","parameters":[
				{"name":"filter","in":"query","content":{"application/json":{"schema":{"type":"object","properties":{"color":{"type":"string"},"size":{"type":"integer"}}}}}},
				{"name":"ids","in":"query","content":{"application/json":{"schema":{"type":"array","items":{"type":"integer"}}}}},
				{"name":"mixed","in":"query","schema":{"type":"string"}},
				{"name":"user.name","in":"query","schema":{"type":"string"}},
				{"name":"X-Ids","in":"header","content":{"application/json":{"schema":{"type":"array","items":{"type":"integer"}}}}}],
			 "requestBody":{"content":{"application/json":{"schema":{}}}},
			 "responses":{"200":{"description":"status 200","headers":{"X-Ids":{"schema":{"type":"string"}}},"content":{"application/json":{"schema":{"type":["boolean","null","number","string"]}}}}}}`,
		},
		"a text, and an empty list or object": {
			[]*metlo.AnalyzedTrace{seen("/x", fields{"reqBody": {"string"}, "resBody": {"string"}}), seen("/x", fields{"resBody": {"string"}})},
			`{"operationId":"postX","requestBody":{"content":{"application/json":{"schema":{"type":["array","boolean","null","number","object","string"]}}}},
			 "responses":{"200":{"description":"status 200","content":{"application/json":{"schema":{"type":["boolean","null","number","string"]}}}}}}`,
		},
		"a map with one member, and with several": {
			[]*metlo.AnalyzedTrace{
				seen("/x", fields{"resBody.order17.sku": {"string"}, "resBody.total": {"integer"}}), seen("/x", fields{"resBody.[string].paid": {"boolean"}}),
			},
			`{"operationId":"postX","requestBody":{"content":{"application/json":{"schema":{}}}},
			 "responses":{"200":{"description":"status 200","content":{"application/json":{"schema":{"type":"object","properties":{"total":{"type":"integer"}},
			 "additionalProperties":{"type":"object","properties":{"paid":{"type":"boolean"},"sku":{"type":"string"}}}}}}}}}`,
		},
		"a content type without a body": {
			[]*metlo.AnalyzedTrace{with(seen("/x", fields{"resBody.id": {"integer"}}), func(x *metlo.AnalyzedTrace) { x.Request.Method = metlo.MethodGet })},
			`{"operationId":"getX","responses":{"200":{"description":"status 200","content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"integer"}}}}}}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			doc := openapi.FromTraces("Shop", tt.traces)
			require.Len(t, doc.Paths, 1)
			require.Len(t, doc.Paths["/x"], 1)
			for _, op := range doc.Paths["/x"] {
				data, err := json.Marshal(op)
				require.NoError(t, err)
				assert.JSONEq(t, tt.want, string(data))
			}
		})
	}
}

// A document must not have two templates that differ only in the names of parameters.
func TestOneTemplateForOnePath(t *testing.T) {
	doc := openapi.FromTraces("Shop", []*metlo.AnalyzedTrace{
		with(seen("/users/{user}/{n}", nil), func(x *metlo.AnalyzedTrace) {
			x.Analysis.SensitiveDataDetected = map[string][]string{"reqPath.user": {"Email"}}
		}),
		with(seen("/users/{id}/{n}", nil), func(x *metlo.AnalyzedTrace) { x.Request.Method = metlo.MethodPut }),
		seen("/users/me/{n}", nil),
	})
	require.Len(t, doc.Paths, 2)
	require.Len(t, doc.Paths["/users/{id}/{n}"], 2)
	parameters := doc.Paths["/users/{id}/{n}"]["post"].Parameters
	assert.Equal(t, "id", parameters[0].Name)
	assert.Equal(t, []string{"Email"}, parameters[0].Schema.DataClasses)
}
