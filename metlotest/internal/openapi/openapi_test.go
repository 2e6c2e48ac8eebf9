package openapi

import (
	"slices"
	"testing"
)

func plainRule(path string) (valid, problem string) {
	if path == "" || path[0] != '/' {
		return "", "Path must start with /."
	}
	return path, ""
}

func TestRead(t *testing.T) {
	const head = "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: 'https://a.example.com/v1'}]\n"
	for _, test := range []struct {
		name, text string
		status     int
		message    string
		operations []string
	}{
		{name: "nothing", text: "", status: 500, message: "Cannot read properties of undefined (reading 'swagger')"},
		{name: "null", text: "null", status: 500, message: "Cannot read properties of null (reading 'swagger')"},
		{name: "no version", text: "a: 1", status: 422, message: "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined."},
		{
			name: "no info", text: "openapi: 3.0.3\npaths: {}", status: 422,
			message: "Invalid OpenAPI Spec v3.0.3: [object Object] is not a valid Openapi API definition",
		},
		{
			name: "a later version", text: "openapi: 3.0.4\ninfo: {title: T, version: '1'}\npaths: {}", status: 422,
			message: "Invalid OpenAPI Spec v3.0.4: Unsupported OpenAPI version: 3.0.4. Swagger Parser only supports versions 3.0.0, 3.0.1, 3.0.2, 3.0.3, 3.1.0",
		},
		{
			name: "a number", text: "openapi: 3.0\ninfo: {title: T, version: '1'}\npaths: {}", status: 422,
			message: `Invalid OpenAPI Spec v3: Openapi version number must be a string (e.g. "3.0.0") not a number.`,
		},
		{name: "3.1 without paths", text: "openapi: 3.1.0\ninfo: {title: T, version: '1'}\ncomponents: {}"},
		{
			name: "a reference to nothing", text: head + "paths: {/a: {get: {responses: {'200': {$ref: '#/components/x'}}}}}", status: 422,
			message: `Invalid OpenAPI Spec v3.0.3: Token "components" does not exist.`,
		},
		{
			name: "no servers", text: "openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths: {/a: {get: {}}}", status: 422,
			message: "No servers or host found in spec file.",
		},
		{
			name: "a relative server", text: "openapi: 3.0.3\ninfo: {title: T, version: '1'}\nservers: [{url: /v1}]\npaths: {/a: {get: {}}}", status: 500,
			message: "Provided server url in OpenAPI Spec is not a valid url: /v1",
		},
		{name: "a path that is none", text: head + "paths: {a: {get: {}}}", status: 400, message: "a: Path must start with /."},
		{
			name: "operations", text: head + "paths: {/a: {get: {}, post: {}, x-more: {}}, /b: {servers: [{url: 'https://b.example.com'}], put: {}}}",
			operations: []string{"GET a.example.com/v1/a", "POST a.example.com/v1/a", "PUT b.example.com/b"},
		},
		{
			name: "Swagger 2", text: "swagger: '2.0'\ninfo: {title: T, version: '1'}\nhost: c.example.com\nschemes: [https]\nbasePath: /v2\npaths: {/a: {get: {responses: {}}}}",
			operations: []string{"GET c.example.com/v2/a"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc, problem := Read([]byte(test.text), []string{"GET", "POST", "PUT"}, plainRule)
			if problem != nil {
				if problem.Status != test.status || problem.Message != test.message {
					t.Errorf("%d %q; want %d %q", problem.Status, problem.Message, test.status, test.message)
				}
				return
			}
			if test.message != "" {
				t.Fatalf("it is accepted; want %q", test.message)
			}
			var got []string
			for _, o := range doc.Operations {
				got = append(got, o.Method+" "+o.Host+o.Path)
			}
			if !slices.Equal(got, test.operations) {
				t.Errorf("%q; want %q", got, test.operations)
			}
		})
	}
}

func TestFields(t *testing.T) {
	const text = `{"openapi":"3.0.3","info":{"title":"T","version":"1"},"servers":[{"url":"https://a.example.com"}],
		"paths":{"/a/{id}":{"post":{
			"parameters":[{"name":"id","in":"path","schema":{"type":"integer"}},{"name":"q","in":"query","content":{"text/plain":{"schema":{"type":"string","nullable":true}}}}],
			"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Node"}}}},
			"responses":{"200":{"headers":{"X-A":{"schema":{"type":"boolean"}}},"content":{"application/json":{"schema":{"type":"array","items":{"allOf":[
				{"type":"object","properties":{"n":{"type":"number"}}},{"type":"object","properties":{"s":{"type":"string"}}}]}}}}},
				"default":{"content":{"text/plain":{"schema":{"type":"string"}}}}}}}},
		"components":{"schemas":{"Node":{"type":"object","properties":{"name":{"type":"string"},"next":{"$ref":"#/components/schemas/Node"}}}}}}`
	doc, problem := Read([]byte(text), []string{"POST"}, plainRule)
	if problem != nil {
		t.Fatal(problem)
	}
	var got []Field
	for _, f := range doc.Operations[0].Fields {
		f.Nullable = nil
		got = append(got, f)
	}
	want := []Field{
		{Section: "reqPath", Path: "id", DataType: "integer", Status: noStatus},
		{Section: "reqQuery", Path: "q", DataType: "string", Status: noStatus},
		{Section: "reqBody", Path: "name", ContentType: "application/json", DataType: "string", Status: noStatus},
		{Section: "resHeaders", Path: "X-A", DataType: "boolean", Status: 200},
		{Section: "resBody", Path: "[].n", ContentType: "application/json", DataType: "number", Status: 200},
		{Section: "resBody", Path: "[].s", ContentType: "application/json", DataType: "string", Status: 200},
		{Section: "resBody", ContentType: "text/plain", DataType: "string", Status: noStatus},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
