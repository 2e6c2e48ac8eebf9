package drift

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

const (
	petstore   = "petstore.yaml"
	keto       = "keto.json"
	prometheus = "prometheus.yaml"
)

// publicPair returns one of the public documents with the inventory of a service that implements it. The first document
// names its server, the second names none, and the third names only a path.
func publicPair(t *testing.T, file string) *pair {
	t.Helper()
	switch file {
	case petstore:
		return newPair(t, file, "petstore3.swagger.io", "/api/v3")
	case keto:
		return newPair(t, file, "keto.example.com", "")
	}
	return newPair(t, file, "prometheus.example.com", "/api/v1")
}

// change modifies a service or its document so that they differ.
type change func(t *testing.T, p *pair)

func added(method, path string, classes ...string) change {
	return func(_ *testing.T, p *pair) {
		e := &metlo.EndpointDetail{Endpoint: newEndpoint(method, p.host, path)}
		e.DataClasses = classes
		p.endpoints = append(p.endpoints, e)
	}
}

func gone(method, path string) change {
	return func(t *testing.T, p *pair) {
		e := p.find(t, method, path)
		p.endpoints = slices.DeleteFunc(p.endpoints, func(other *metlo.EndpointDetail) bool { return other == e })
	}
}

func idle(method, path string) change {
	return func(t *testing.T, p *pair) { p.find(t, method, path).LastActive = since.Add(-1) }
}

func field(method, path string, f metlo.DataField) change {
	return func(t *testing.T, p *pair) {
		e := p.find(t, method, path)
		if f.DataType == "" {
			f.DataType = metlo.TypeString
		}
		e.DataFields = append(e.DataFields, f)
	}
}

func resBody(status int, contentType, path string, classes ...string) metlo.DataField {
	return metlo.DataField{DataSection: metlo.SectionResponseBody, StatusCode: status, ContentType: contentType, DataPath: path, DataClasses: classes}
}

func reqBody(contentType, path string, classes ...string) metlo.DataField {
	return metlo.DataField{DataSection: metlo.SectionRequestBody, StatusCode: -1, ContentType: contentType, DataPath: path, DataClasses: classes}
}

func query(name string, classes ...string) metlo.DataField {
	return metlo.DataField{DataSection: metlo.SectionRequestQuery, StatusCode: -1, DataPath: name, DataClasses: classes}
}

func header(status int, name string, classes ...string) metlo.DataField {
	section := metlo.SectionResponseHeaders
	if status < 0 {
		section = metlo.SectionRequestHeaders
	}
	return metlo.DataField{DataSection: section, StatusCode: status, DataPath: name, DataClasses: classes}
}

func retyped(method, path, dataPath string, kind metlo.DataType) change {
	return func(t *testing.T, p *pair) {
		e := p.find(t, method, path)
		i := slices.IndexFunc(e.DataFields, func(f metlo.DataField) bool { return f.DataPath == dataPath && f.ContentType == "application/json" })
		require.GreaterOrEqual(t, i, 0, "%s %s has no field %s", method, path, dataPath)
		e.DataFields[i].DataType = kind
	}
}

func traced(method, path string, status int, credentials *bool) change {
	return func(t *testing.T, p *pair) {
		e := p.find(t, method, path)
		e.Traces = []metlo.CapturedTrace{{ResponseStatus: status, SessionMeta: metlo.SessionMeta{AuthenticationProvided: credentials}}}
	}
}

func cut(marks ...string) change { return func(t *testing.T, p *pair) { p.cut(t, marks...) } }

func inserted(text string, marks ...string) change {
	return func(t *testing.T, p *pair) { p.insert(t, text, marks...) }
}

var (
	with, without = true, false
	json          = "application/json"
	form          = "application/x-www-form-urlencoded"
)

// drifts lists differences between a document and a service. Each has the one finding that it causes, and marks that
// lead to the finding's line.
var drifts = []struct {
	file   string
	change change
	rule   string
	method string
	path   string // follows the document's base path, unless it begins with !
	at     []string
}{
	{petstore, added("GET", "/api/v3/pet/{param1}/history"), ShadowEndpoint, "GET", "/pet/{param1}/history", []string{"paths:"}},
	{petstore, added("PATCH", "/api/v3/pet/{param1}"), ShadowEndpoint, "PATCH", "/pet/{param1}", []string{"/pet/{petId}:"}},
	{petstore, added("GET", "/api/v2/pet/{param1}"), ShadowEndpoint, "GET", "!/api/v2/pet/{param1}", []string{"paths:"}},
	{petstore, cut("/store/inventory:"), ShadowEndpoint, "GET", "/store/inventory", []string{"paths:"}},
	{petstore, cut("/user/{username}:", "    put:"), ShadowEndpoint, "PUT", "/user/{username}", []string{"/user/{username}:"}},
	{petstore, gone("DELETE", "/user/{username}"), ZombieEndpoint, "DELETE", "/user/{username}", []string{"/user/{username}:", "    delete:"}},
	{petstore, idle("GET", "/user/logout"), ZombieEndpoint, "GET", "/user/logout", []string{"/user/logout:", "    get:"}},
	{petstore, inserted("    patch:\n      responses: {}", "/store/inventory:"), ZombieEndpoint, "PATCH", "/store/inventory", []string{"/store/inventory:", "patch:"}},
	{petstore, field("GET", "/pet/{petId}", resBody(200, json, "owner")), UndocumentedField, "GET", "/pet/{petId}", []string{"schemas:", "    Pet:"}},
	{petstore, field("PUT", "/pet", resBody(200, json, "category.slug")), UndocumentedField, "PUT", "/pet", []string{"schemas:", "    Category:"}},
	{petstore, field("GET", "/pet/findByTags", resBody(200, json, "[].tags.[].color")), UndocumentedField, "GET", "/pet/findByTags", []string{"schemas:", "    Tag:"}},
	{petstore, field("POST", "/store/order", reqBody(json, "coupon")), UndocumentedField, "POST", "/store/order", []string{"schemas:", "    Order:"}},
	{petstore, field("POST", "/user", reqBody(form, "age")), UndocumentedField, "POST", "/user", []string{"schemas:", "    User:"}},
	{petstore, field("GET", "/pet/findByTags", query("sort")), UndocumentedField, "GET", "/pet/findByTags", []string{"/pet/findByTags:", "parameters:"}},
	{petstore, retyped("GET", "/store/order/{orderId}", "quantity", metlo.TypeString), UndocumentedField, "GET", "/store/order/{orderId}", []string{"schemas:", "    Order:", "quantity:"}},
	{petstore, cut("schemas:", "    ApiResponse:", "message:"), UndocumentedField, "POST", "/pet/{petId}/uploadImage", []string{"schemas:", "    ApiResponse:"}},
	{petstore, field("GET", "/user/login", header(200, "X-Customer", "Email")), UndocumentedSensitiveField, "GET", "/user/login", []string{"/user/login:", "'200':"}},
	{petstore, field("GET", "/pet/{petId}", resBody(200, json, "owner.email", "Email")), UndocumentedSensitiveField, "GET", "/pet/{petId}", []string{"schemas:", "    Pet:"}},
	{petstore, cut("/store/inventory:", "default:"), UndocumentedStatus, "GET", "/store/inventory", []string{"/store/inventory:", "responses:"}},
	{petstore, field("POST", "/pet/{petId}/uploadImage", resBody(200, "text/html", "")), UndocumentedContentType, "POST", "/pet/{petId}/uploadImage", []string{"uploadImage:", "'200':"}},
	{petstore, cut("operationId: getUserByName", "application/xml:"), UndocumentedContentType, "GET", "/user/{username}", []string{"operationId: getUserByName", "'200':"}},
	{petstore, field("POST", "/store/order", reqBody("text/csv", "")), UndocumentedContentType, "POST", "/store/order", []string{"/store/order:", "requestBody:"}},
	{petstore, traced("GET", "/store/inventory", 200, &without), MissingAuthentication, "GET", "/store/inventory", []string{"/store/inventory:", "security:"}},
	{petstore, inserted("      security:\n        - api_key: []", "operationId: getUserByName"), MissingAuthentication, "GET", "/user/{username}", []string{"operationId: getUserByName", "security:"}},
	{petstore, traced("GET", "/user/logout", 200, &with), UndocumentedAuthentication, "GET", "/user/logout", []string{"/user/logout:", "get:"}},
	{petstore, cut("/store/inventory:", "security:"), UndocumentedAuthentication, "GET", "/store/inventory", []string{"/store/inventory:", "get:"}},

	{keto, added("GET", "/metrics/prometheus"), ShadowEndpoint, "GET", "/metrics/prometheus", []string{`"paths":`}},
	{keto, added("DELETE", "/namespaces", "Email"), ShadowEndpoint, "DELETE", "/namespaces", []string{`"/namespaces":`}},
	{keto, gone("GET", "/version"), ZombieEndpoint, "GET", "/version", []string{`"/version":`, `"get":`}},
	{keto, idle("POST", "/opl/syntax/check"), ZombieEndpoint, "POST", "/opl/syntax/check", []string{`"/opl/syntax/check":`, `"post":`}},
	{keto, field("GET", "/version", resBody(200, json, "build")), UndocumentedField, "GET", "/version", []string{`"/version":`, `"application/json":`}},
	{keto, field("GET", "/relation-tuples", resBody(200, json, "relation_tuples.[].tenant")), UndocumentedField, "GET", "/relation-tuples", []string{`"schemas":`, `      "relationship":`}},
	{keto, field("PATCH", "/admin/relation-tuples", reqBody(json, "[].comment")), UndocumentedField, "PATCH", "/admin/relation-tuples", []string{`"schemas":`, `      "relationshipPatch":`}},
	{keto, field("GET", "/relation-tuples/expand", query("depth")), UndocumentedField, "GET", "/relation-tuples/expand", []string{`"/relation-tuples/expand":`, `"parameters":`}},
	{keto, field("GET", "/relation-tuples/expand", resBody(200, json, "children.[].children.[].weight")), UndocumentedField, "GET", "/relation-tuples/expand", []string{`"schemas":`, `      "expandedPermissionTree":`}},
	{keto, retyped("GET", "/relation-tuples/check/openapi", "allowed", metlo.TypeString), UndocumentedField, "GET", "/relation-tuples/check/openapi", []string{`"schemas":`, `"checkPermissionResult":`, `"allowed":`}},
	{keto, field("GET", "/namespaces", resBody(200, json, "namespaces.[].contact", "Email")), UndocumentedSensitiveField, "GET", "/namespaces", []string{`"healthStatus":`, `"namespace":`}},
	{keto, field("GET", "/version", resBody(503, json, "")), UndocumentedStatus, "GET", "/version", []string{`"/version":`, `"responses":`}},
	{keto, traced("GET", "/version", 429, &without), UndocumentedStatus, "GET", "/version", []string{`"/version":`, `"responses":`}},
	{keto, field("GET", "/health/alive", resBody(200, "text/html", "")), UndocumentedContentType, "GET", "/health/alive", []string{`"/health/alive":`, `"200":`}},
	{keto, field("POST", "/opl/syntax/check", reqBody(json, "content")), UndocumentedContentType, "POST", "/opl/syntax/check", []string{`"/opl/syntax/check":`, `"requestBody":`}},
	{keto, traced("GET", "/relation-tuples/check", 200, &with), UndocumentedAuthentication, "GET", "/relation-tuples/check", []string{`"/relation-tuples/check":`, `"get":`}},

	{prometheus, added("GET", "/api/v1/status/heap"), ShadowEndpoint, "GET", "/status/heap", []string{"paths:"}},
	{prometheus, gone("POST", "/write"), ZombieEndpoint, "POST", "/write", []string{"    /write:", "post:"}},
	{prometheus, field("GET", "/alerts", resBody(200, json, "data.alerts.[].owner")), UndocumentedField, "GET", "/alerts", []string{"schemas:", "        Alert:"}},
	{prometheus, field("POST", "/query", reqBody(form, "trace")), UndocumentedField, "POST", "/query", []string{"schemas:", "        QueryPostInputBody:"}},
	{prometheus, field("GET", "/targets", query("shard")), UndocumentedField, "GET", "/targets", []string{"    /targets:", "parameters:"}},
	{prometheus, field("GET", "/targets", resBody(200, json, "data.activeTargets.[].login", "Email")), UndocumentedSensitiveField, "GET", "/targets", []string{"schemas:", "        Target:"}},
	{prometheus, field("POST", "/read", reqBody("application/x-protobuf", "")), UndocumentedContentType, "POST", "/read", []string{"    /read:", "post:"}},
	{prometheus, traced("PUT", "/admin/tsdb/snapshot", 200, &with), UndocumentedAuthentication, "PUT", "/admin/tsdb/snapshot", []string{"/admin/tsdb/snapshot:", "put:"}},
}

// TestNoDriftInAPair compares documents with services that implement them.
func TestNoDriftInAPair(t *testing.T) {
	for _, file := range []string{petstore, keto, prometheus} {
		t.Run(file, func(t *testing.T) {
			p := publicPair(t, file)
			r := p.compare(t)
			for f := range r.Findings.All() {
				t.Errorf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Text())
			}
			assert.Empty(t, r.Notes, "everything could be told")
			assert.Empty(t, r.Unknown)
			assert.Equal(t, len(p.endpoints), r.Endpoints)
			assert.Equal(t, len(p.endpoints), r.Operations)
			assert.GreaterOrEqual(t, r.Operations, 15)
			fields := 0
			for _, e := range p.endpoints {
				fields += len(e.DataFields)
			}
			t.Logf("%d operations, %d fields, 0 findings", r.Operations, fields)
		})
	}
}

// TestSeededDrifts changes a service or its document in one place each time.
func TestSeededDrifts(t *testing.T) {
	require.Len(t, drifts, 50)
	found, others := 0, 0
	for i, d := range drifts {
		t.Run(fmt.Sprintf("%02d %s %s %s", i+1, d.rule, d.method, d.path), func(t *testing.T) {
			p := publicPair(t, d.file)
			d.change(t, p)
			path, isWhole := d.path, false
			if path[0] == '!' {
				path, isWhole = path[1:], true
			}
			if !isWhole {
				path = p.base + path
			}
			want := fmt.Sprintf("%s:%d: %s: %s %s%s", p.file, p.line(t, d.at...), d.rule, d.method, p.host, path)
			before := found
			for f := range p.compare(t).Findings.All() {
				got := fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Name())
				if got == want {
					found++
					continue
				}
				others++
				t.Errorf("found %s: %s\nwant  %s", got, f.Message, want)
			}
			assert.Equal(t, before+1, found, want)
		})
	}
	t.Logf("%d of %d drifts found, %d others", found, len(drifts), others)
	assert.Equal(t, len(drifts), found)
	assert.Zero(t, others)
}
