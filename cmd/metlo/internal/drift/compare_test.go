package drift

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// document returns a document of OpenAPI 3.1 on shop.example.com.
func document(t *testing.T, text string) *Document {
	t.Helper()
	head := "openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\n"
	d, err := Parse("shop.yaml", head+"servers: [{url: https://shop.example.com}]\n"+text)
	require.NoError(t, err)
	return d
}

func detail1(method, host, path string, fields ...metlo.DataField) *metlo.EndpointDetail {
	return &metlo.EndpointDetail{Endpoint: newEndpoint(method, host, path), DataFields: fields}
}

// lines returns the findings, one on each line.
func lines(r *Result) []string {
	found := []string{}
	for f := range r.Findings.All() {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Rule, f.Name(), f.Field)))
	}
	return found
}

// TestTemplates has the paths of a document, an endpoint of the instance, and the path that a router chooses.
func TestTemplates(t *testing.T) {
	tests := map[string]struct {
		paths    []string
		endpoint string
		want     string // a path, shadow, or unknown
	}{
		"a text beats a parameter":              {[]string{"/users/{id}", "/users/me"}, "/users/me", "/users/me"},
		"a parameter of another name":           {[]string{"/users/{id}", "/users/me"}, "/users/{param1}", "/users/{id}"},
		"a value that the instance kept":        {[]string{"/users/{id}"}, "/users/42", "/users/{id}"},
		"the first element decides":             {[]string{"/{kind}/list", "/users/{id}"}, "/users/list", "/users/{id}"},
		"another way where the first one ends":  {[]string{"/users/me/keys", "/users/{id}/orders"}, "/users/me/orders", "/users/{id}/orders"},
		"fewer elements":                        {[]string{"/users/{id}"}, "/users", "shadow"},
		"more elements":                         {[]string{"/users/{id}"}, "/users/{param1}/orders", "shadow"},
		"a slash at the end":                    {[]string{"/users/{id}/"}, "/users/{param1}", "/users/{id}/"},
		"a slash at the end of the endpoint":    {[]string{"/users/{id}"}, "/users/{param1}/", "/users/{id}"},
		"case counts":                           {[]string{"/Users"}, "/users", "shadow"},
		"an escape in the document":             {[]string{"/a%20b"}, "/a b", "/a%20b"},
		"an escape in the endpoint":             {[]string{"/a b"}, "/a%20b", "/a b"},
		"an escaped slash is no separator":      {[]string{"/a%2Fb"}, "/a/b", "shadow"},
		"a parameter in part":                   {[]string{"/files/{name}.json"}, "/files/report.json", "/files/{name}.json"},
		"another end":                           {[]string{"/files/{name}.json"}, "/files/report.csv", "shadow"},
		"a parameter in part beats a whole one": {[]string{"/files/{name}", "/files/{name}.json"}, "/files/a.json", "/files/{name}.json"},
		"the longer text beats":                 {[]string{"/files/{a}.gz", "/files/{a}.tar.gz"}, "/files/x.tar.gz", "/files/{a}.tar.gz"},
		"two parameters in one":                 {[]string{"/{from}-{to}"}, "/vie-ber", "/{from}-{to}"},
		"a rest":                                {[]string{"/files/{path+}"}, "/files/a/b/c", "/files/{path+}"},
		"a rest has one element":                {[]string{"/files/{path+}"}, "/files", "shadow"},
		"a rest is the last choice":             {[]string{"/files/{path+}", "/files/{name}"}, "/files/a", "/files/{name}"},
		"a query is no part of the path":        {[]string{"/search?kind=all"}, "/search", "/search?kind=all"},
		"the root":                              {[]string{"/"}, "/", "/"},
		"a parameter of the instance for texts": {[]string{"/reports/daily", "/reports/weekly"}, "/reports/{param1}", "unknown"},
		"and behind another text":               {[]string{"/reports/daily/{id}"}, "/{param1}/daily/{param2}", "unknown"},
		"but not with another text":             {[]string{"/reports/daily/{id}"}, "/{param1}/weekly/{param2}", "shadow"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := "paths:\n"
			for _, path := range tt.paths {
				text += fmt.Sprintf("  %q: {get: {responses: {default: {description: ''}}}}\n", path)
			}
			c, err := New([]*Document{document(t, text)}, []string{"shop.example.com"}, Options{})
			require.NoError(t, err)
			e := detail1("GET", "shop.example.com", tt.endpoint)
			c.Add(&e.Endpoint)
			got := "unknown"
			for _, op := range c.operations {
				if op.matched {
					got = op.template
				}
			}
			switch r := c.Result(); {
			case r.Findings.Len() > 0:
				got = "shadow"
			case got == "unknown":
				assert.Len(t, r.Notes, 1, "what is not known is said")
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// TestServers has the servers of a document and an endpoint that the document may describe.
func TestServers(t *testing.T) {
	const found, shadow = "", "shadow"
	tests := map[string]struct {
		servers string
		host    string
		path    string
		chosen  []string
		want    string // the beginning of an error, or of a note on a comparison that was not possible
	}{
		"a base path":                {"servers: [{url: https://shop.example.com/v1/}]", "shop.example.com", "/v1/a", nil, found},
		"without it":                 {"servers: [{url: https://shop.example.com/v1}]", "shop.example.com", "/a", nil, shadow},
		"the host in another case":   {"servers: [{url: https://SHOP.example.com}]", "Shop.Example.com", "/a", nil, found},
		"the port of the scheme":     {"servers: [{url: http://shop.example.com:80}]", "shop.example.com", "/a", nil, found},
		"another port":               {"servers: [{url: https://shop.example.com:8443}]", "shop.example.com:8443", "/a", nil, found},
		"another host":               {"servers: [{url: https://pay.example.com}]", "shop.example.com", "/a", nil, "shop.yaml: the instance has no endpoint on pay.example.com"},
		"one of several servers":     {"servers: [{url: https://a.test}, {url: https://shop.example.com}]", "shop.example.com", "/a", nil, found},
		"values of a variable":       {"servers: [{url: 'https://{h}.example.com/{v}', variables: {h: {default: x, enum: [x, shop]}, v: {default: v2}}}]", "shop.example.com", "/v2/a", nil, found},
		"the default of a variable":  {"servers: [{url: 'https://{h}.example.com', variables: {h: {default: shop}}}]", "shop.example.com", "/a", nil, found},
		"a variable for all":         {"servers: [{url: '{all}', variables: {all: {default: 'https://shop.example.com/v1'}}}]", "shop.example.com", "/v1/a", nil, found},
		"a relative server":          {"servers: [{url: ./v1}]", "shop.example.com", "/v1/a", []string{"shop.example.com"}, found},
		"and no host":                {"servers: [{url: /v1}]", "shop.example.com", "/v1/a", nil, "shop.yaml:4: its servers name no host"},
		"no server":                  {"servers: []", "shop.example.com", "/a", []string{"shop.example.com"}, found},
		"a chosen host":              {"servers: [{url: https://pay.example.com/v1}]", "shop.example.com", "/v1/a", []string{"shop.example.com"}, found},
		"that the document names":    {"servers: [{url: https://pay.example.com/v1}, {url: https://shop.example.com/v2}]", "shop.example.com", "/v1/a", []string{"shop.example.com"}, shadow},
		"no scheme":                  {"servers: [{url: shop.example.com/v1}]", "shop.example.com", "/v1/a", nil, "shop.yaml:3: the server shop.example.com/v1 has no scheme: write https://shop.example.com/v1"},
		"a variable without a value": {"servers: [{url: 'https://{h}.example.com'}]", "shop.example.com", "/a", nil, "shop.yaml:3: the server https://{h}.example.com has a variable without a value"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := Parse("shop.yaml", "openapi: 3.0.3\ninfo: {title: Shop, version: '1'}\n"+tt.servers+"\npaths: {/a: {get: {responses: {default: {description: ''}}}}}\n")
			var c *Comparison
			if err == nil {
				c, err = New([]*Document{d}, []string{tt.host}, Options{Hosts: tt.chosen})
			}
			if err != nil {
				require.NotEmpty(t, tt.want)
				assert.Contains(t, err.Error(), tt.want)
				return
			}
			e := detail1("GET", tt.host, tt.path)
			if isCompared := slices.Contains(c.Hosts(), tt.host); isCompared {
				c.Add(&e.Endpoint)
			}
			r := c.Result()
			switch {
			case len(r.Unknown) > 0:
				require.NotEmpty(t, tt.want)
				assert.Contains(t, r.Unknown[0], tt.want)
			case r.Findings.Len() > 0:
				assert.Equal(t, tt.want, shadow, "the endpoint is not found")
			default:
				assert.Equal(t, tt.want, found)
			}
		})
	}
}

// TestServersOfPathsAndOperations has operations on the server of the document, of the path, and of the operation.
func TestServersOfPathsAndOperations(t *testing.T) {
	d := document(t, `
paths:
  /a:
    get: {responses: {default: {description: ''}}}
  /b:
    servers: [{url: 'https://b.example.com/b'}]
    get: {responses: {default: {description: ''}}}
    put: {servers: [{url: 'https://c.example.com/c'}], responses: {default: {description: ''}}}
`)
	r := run(t, []*Document{d}, []*metlo.EndpointDetail{
		detail1("GET", "shop.example.com", "/a"), detail1("GET", "b.example.com", "/b/b"), detail1("PUT", "c.example.com", "/c/b"),
	}, Options{Since: since})
	assert.Empty(t, lines(r))
	assert.Equal(t, 3, r.Operations)
	r = run(t, []*Document{d}, []*metlo.EndpointDetail{detail1("GET", "shop.example.com", "/a"), detail1("GET", "shop.example.com", "/b")}, Options{Since: since})
	assert.Equal(t, []string{"shadow-endpoint GET shop.example.com/b"}, lines(r))
	assert.Contains(t, strings.Join(r.Notes, "\n"), "2 documented operations only on hosts without traffic: not compared")
}

// TestFields has the schema of a response and a field seen in a response.
func TestFields(t *testing.T) {
	const found, undocumented, sensitive = "", UndocumentedField, UndocumentedSensitiveField
	tests := map[string]struct {
		schema string
		path   string
		kind   metlo.DataType
		want   string
	}{
		"a property":                         {"{properties: {a: {type: string}}}", "a", "string", found},
		"none":                               {"{properties: {a: {type: string}}}", "b", "string", undocumented},
		"below one":                          {"{properties: {a: {properties: {b: {type: string}}}}}", "a.b", "string", found},
		"below a text":                       {"{properties: {a: {type: string}}}", "a.b", "string", undocumented},
		"in lists":                           {"{type: array, items: {properties: {a: {type: array, items: {type: string}}}}}", "[].a.[]", "string", found},
		"in a list without items":            {"{type: array}", "[].a", "string", found},
		"a list in the place of an object":   {"{type: object, properties: {a: {type: string}}}", "[].a", "string", undocumented},
		"a name with dots":                   {"{properties: {a.b: {properties: {c: {type: string}}}}}", "a.b.c", "string", found},
		"another type":                       {"{properties: {a: {type: integer}}}", "a", "string", undocumented},
		"an integer for a number":            {"{properties: {a: {type: number}}}", "a", "integer", found},
		"a number for an integer":            {"{properties: {a: {type: integer}}}", "a", "number", undocumented},
		"one of two types":                   {"{properties: {a: {type: [string, 'null']}}}", "a", "string", found},
		"nullable":                           {"{properties: {a: {type: string, nullable: true}}}", "a", "string", found},
		"null":                               {"{properties: {a: {type: integer}}}", "a", "unknown", found},
		"any type":                           {"{properties: {a: {}}}", "a", "integer", found},
		"below any type":                     {"{properties: {a: {}}}", "a.b.c", "integer", found},
		"an object without properties":       {"{type: object}", "a", "string", found},
		"no schema":                          {"{}", "a", "string", found},
		"a schema that is true":              {"true", "a.b", "string", found},
		"a property that is false":           {"{properties: {a: false}}", "a.b", "string", undocumented},
		"allOf":                              {"{allOf: [{properties: {a: {type: string}}}, {properties: {b: {type: string}}}]}", "b", "string", found},
		"none in allOf":                      {"{allOf: [{properties: {a: {type: string}}}, {type: object}]}", "b", "string", undocumented},
		"beside allOf":                       {"{properties: {b: {type: string}}, allOf: [{properties: {a: {type: string}}}]}", "b", "string", found},
		"oneOf":                              {"{oneOf: [{properties: {a: {type: string}}}, {properties: {b: {type: integer}}}]}", "b", "integer", found},
		"none in oneOf":                      {"{oneOf: [{properties: {a: {type: string}}}, {properties: {b: {type: string}}}]}", "c", "string", undocumented},
		"anyOf of anything":                  {"{anyOf: [{properties: {a: {type: string}}}, {type: object}]}", "c", "string", found},
		"anyOf that only requires":           {"{properties: {a: {type: string}}, anyOf: [{required: [a]}, {required: [b]}]}", "c", "string", undocumented},
		"types of anyOf":                     {"{properties: {a: {anyOf: [{type: integer}, {type: boolean}]}}}", "a", "string", undocumented},
		"if, then and else":                  {"{properties: {a: {type: string}}, if: {properties: {a: {const: x}}}, then: {properties: {b: {type: string}}}}", "b", "string", found},
		"additional properties":              {"{properties: {a: {type: string}}, additionalProperties: true}", "b", "string", found},
		"of a schema":                        {"{additionalProperties: {properties: {a: {type: string}}}}", "x.a", "string", found},
		"none of that schema":                {"{additionalProperties: {properties: {a: {type: string}}}}", "x.b", "string", undocumented},
		"of another type":                    {"{additionalProperties: {type: integer}}", "x", "string", undocumented},
		"no additional properties":           {"{type: object, additionalProperties: false}", "a", "string", undocumented},
		"names that are values":              {"{additionalProperties: {properties: {a: {type: string}}}}", "[string].a", "string", found},
		"names that are values, and none":    {"{properties: {a: {type: string}}}", "[string]", "string", undocumented},
		"names with digits, taken for them":  {"{properties: {order17: {type: string}, order18: {type: string}}}", "[string]", "string", found},
		"a pattern":                          {"{patternProperties: {'^x-': {type: string}}}", "x-a", "string", found},
		"no pattern":                         {"{patternProperties: {'^x-': {type: string}}}", "y", "string", undocumented},
		"a pattern that Go cannot read":      {"{patternProperties: {'^(?!x)': {type: string}}}", "y", "string", found},
		"prefixItems":                        {"{type: array, prefixItems: [{properties: {a: {type: string}}}]}", "[].a", "string", found},
		"written only":                       {"{properties: {a: {type: string, writeOnly: true}}}", "a", "string", undocumented},
		"sensitive":                          {"{properties: {a: {type: string}}}", "secret", "string", sensitive},
		"sensitive where anything goes":      {"{type: object}", "secret", "string", sensitive},
		"sensitive in additional properties": {"{additionalProperties: true}", "secret", "string", sensitive},
		"sensitive, and documented":          {"{properties: {secret: {type: string}}}", "secret", "string", found},
		"sensitive, and documented by form":  {"{additionalProperties: {type: string, format: email}}", "secret", "string", found},
		"a schema that holds itself":         {"{$ref: '#/components/schemas/Tree'}", "kids.[].kids.[].name", "string", found},
		"none in it":                         {"{$ref: '#/components/schemas/Tree'}", "kids.[].kids.[].size", "string", undocumented},
		"a schema that is all of itself":     {"{$ref: '#/components/schemas/Loop'}", "size", "string", undocumented},
		"a subtype by discriminator":         {"{$ref: '#/components/schemas/Pet'}", "barks", "boolean", found},
		"none of a subtype":                  {"{$ref: '#/components/schemas/Pet'}", "meows", "boolean", undocumented},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := document(t, `
components:
  schemas:
    Tree: {properties: {name: {type: string}, kids: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}
    Loop: {properties: {name: {type: string}}, allOf: [{$ref: '#/components/schemas/Loop'}]}
    Pet: {properties: {kind: {type: string}}, discriminator: {propertyName: kind}}
    Dog: {allOf: [{$ref: '#/components/schemas/Pet'}, {properties: {barks: {type: boolean}}}]}
paths:
  /a: {get: {responses: {'200': {description: '', content: {application/json: {schema: `+tt.schema+`}}}}}}
`)
			f := resBody(200, "application/json", tt.path)
			f.DataType = tt.kind
			if tt.path == "secret" {
				f.DataClasses = []string{"Email"}
			}
			r := run(t, []*Document{d}, []*metlo.EndpointDetail{detail1("GET", "shop.example.com", "/a", f)}, Options{})
			want := []string{}
			if tt.want != found {
				want = append(want, tt.want+" GET shop.example.com/a resBody "+tt.path)
			}
			assert.Equal(t, want, lines(r))
		})
	}
}

// TestRequestsAndResponses has a field that was seen, and the documented one from which it differs.
func TestRequestsAndResponses(t *testing.T) {
	d := document(t, `
components:
  securitySchemes: {inQuery: {type: apiKey, in: query, name: key}, inHeader: {type: apiKey, in: header, name: X-Key}}
paths:
  /a:
    parameters: [{name: page, in: query, schema: {type: integer}}]
    post:
      parameters:
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {state: {type: string}}}}
        - {name: 'ids[]', in: query, schema: {type: array, items: {type: string}}}
        - {name: sort, in: query, schema: {type: object, properties: {by: {type: string}}}}
        - {name: X-Tenant, in: header, schema: {type: string}}
      requestBody:
        content:
          application/json; charset=utf-8: {schema: {properties: {name: {type: string, readOnly: true}}}}
          multipart/form-data: {schema: {properties: {file: {type: string}, 'tags[]': {type: array, items: {type: integer}}}}}
          text/*: {}
      responses:
        '200': {description: '', content: {application/json: {}}, headers: {X-Owner: {schema: {type: string}}}}
        2XX: {description: ''}
        '400': {description: '', content: {'*/*': {}}}
`)
	tests := map[string]struct {
		field metlo.DataField
		want  string
	}{
		"a parameter of the path":            {query("page"), ""},
		"a parameter that is an object":      {query("filter[state]"), ""},
		"a list":                             {query("ids"), ""},
		"a member of an object":              {query("by"), ""},
		"an object, and not its members":     {query("state"), "undocumented-field POST shop.example.com/a reqQuery state"},
		"a key":                              {query("key"), ""},
		"a name that is a value":             {query("[string]"), ""},
		"another parameter":                  {query("debug"), "undocumented-field POST shop.example.com/a reqQuery debug"},
		"a parameter that is sensitive":      {query("email", "Email"), "undocumented-sensitive-field POST shop.example.com/a reqQuery email"},
		"a header":                           {header(-1, "x-tenant", "Email"), ""},
		"another header":                     {header(-1, "X-Trace", "Email"), "undocumented-sensitive-field POST shop.example.com/a reqHeaders X-Trace"},
		"another header, and nothing in it":  {header(-1, "X-Trace"), ""},
		"a header of the transport":          {header(-1, "X-Forwarded-For", "IP Address"), ""},
		"the header of a key":                {header(-1, "x-key", "Email"), ""},
		"a header of a response":             {header(200, "x-owner", "Email"), ""},
		"a header of another response":       {header(201, "X-Owner", "Email"), "undocumented-sensitive-field POST shop.example.com/a resHeaders X-Owner"},
		"a field that is read only":          {reqBody("application/json", "name"), ""},
		"another field":                      {reqBody("Application/JSON; charset=utf-8", "age"), "undocumented-field POST shop.example.com/a reqBody age"},
		"a field of a form":                  {reqBody("multipart/form-data", "file"), ""},
		"a list in a form":                   {reqBody("multipart/form-data", "tags[]"), ""},
		"the types of a form are texts":      {reqBody("multipart/form-data", "tags"), ""},
		"a range of types":                   {reqBody("text/csv", ""), ""},
		"another type":                       {reqBody("application/xml", ""), "undocumented-content-type POST shop.example.com/a reqBody application/xml"},
		"a sensitive field of another type":  {reqBody("application/bson", "email", "Email"), "undocumented-sensitive-field POST shop.example.com/a reqBody email|undocumented-content-type POST shop.example.com/a reqBody application/bson"},
		"a type that is not known":           {reqBody("*/*", "name"), ""},
		"it may be one without a schema":     {reqBody("*/*", "age"), ""},
		"a status":                           {resBody(200, "application/json", "a"), ""},
		"a status of a range":                {resBody(204, "*/*", ""), ""},
		"a range without a body":             {resBody(202, "application/json", ""), ""},
		"and with fields":                    {resBody(202, "application/json", "a"), "undocumented-content-type POST shop.example.com/a resBody 202 application/json"},
		"another status":                     {resBody(500, "text/plain", ""), "undocumented-status POST shop.example.com/a status 500"},
		"a sensitive field of a status":      {resBody(500, "application/json", "a", "Email"), "undocumented-sensitive-field POST shop.example.com/a resBody a|undocumented-status POST shop.example.com/a status 500"},
		"any type":                           {resBody(400, "application/problem+json", "a"), ""},
		"another type of a status":           {resBody(200, "application/problem+json", "a"), "undocumented-content-type POST shop.example.com/a resBody 200 application/problem+json"},
		"a header of a status that is known": {header(400, "Server"), ""},
		"a status that a header shows":       {header(503, "Server"), "undocumented-status POST shop.example.com/a status 503"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := run(t, []*Document{d}, []*metlo.EndpointDetail{detail1("POST", "shop.example.com", "/a", tt.field)}, Options{})
			assert.Equal(t, tt.want, strings.Join(lines(r), "|"))
		})
	}
}

func TestAuthentication(t *testing.T) {
	yes, no := true, false
	trace := func(status int, credentials *bool) metlo.CapturedTrace {
		return metlo.CapturedTrace{ResponseStatus: status, SessionMeta: metlo.SessionMeta{AuthenticationProvided: credentials}}
	}
	served, refused, with := trace(200, &no), trace(401, &no), trace(200, &yes)
	tests := map[string]struct {
		document  string // security of the document and of the operation
		operation string
		user      *bool // the override
		detected  bool
		traces    []metlo.CapturedTrace
		want      string
	}{
		"required, and served without":            {"[{key: []}]", "", nil, true, []metlo.CapturedTrace{with, served}, MissingAuthentication},
		"required by the operation":               {"[]", "[{key: []}]", nil, true, []metlo.CapturedTrace{served}, MissingAuthentication},
		"required, and refused without":           {"[{key: []}]", "", nil, true, []metlo.CapturedTrace{with, refused}, ""},
		"required, and served without elsewhere":  {"[{key: []}]", "", &yes, true, nil, ""},
		"required, and detected without":          {"[{key: []}]", "", nil, false, nil, MissingAuthentication},
		"required, and a user says none":          {"[{key: []}]", "", &no, true, nil, MissingAuthentication},
		"a trace proves more than a user":         {"[{key: []}]", "", &yes, true, []metlo.CapturedTrace{served}, MissingAuthentication},
		"the operation needs none":                {"[{key: []}]", "[]", nil, true, []metlo.CapturedTrace{served}, ""},
		"it needs none, and gets some":            {"[{key: []}]", "[]", nil, true, []metlo.CapturedTrace{with}, UndocumentedAuthentication},
		"optional, and served without":            {"[{}, {key: []}]", "", nil, true, []metlo.CapturedTrace{served}, ""},
		"optional, and only served with":          {"[{}, {key: []}]", "", nil, true, []metlo.CapturedTrace{with}, ""},
		"not documented, and only served with":    {"[]", "", nil, true, []metlo.CapturedTrace{with}, UndocumentedAuthentication},
		"not documented, and refused without":     {"[]", "", nil, true, []metlo.CapturedTrace{refused}, UndocumentedAuthentication},
		"not documented, and a user says so":      {"[]", "", &yes, true, nil, UndocumentedAuthentication},
		"not documented, and served either way":   {"[]", "", nil, true, []metlo.CapturedTrace{with, served}, ""},
		"required, and the default of the server": {"[{key: []}]", "", nil, true, nil, "unknown"},
		"not documented, and the default":         {"[]", "", nil, true, nil, "unknown"},
		"an agent that does not look":             {"[{key: []}]", "", nil, true, []metlo.CapturedTrace{trace(200, nil)}, "unknown"},
		"an error without credentials":            {"[{key: []}]", "", nil, true, []metlo.CapturedTrace{trace(500, &no)}, "unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			security := ""
			if tt.operation != "" {
				security = "security: " + tt.operation + ", "
			}
			d := document(t, "security: "+tt.document+"\ncomponents: {securitySchemes: {key: {type: http, scheme: bearer}}}\npaths: {/a: {get: {"+security+
				"responses: {default: {description: ''}}}}}\n")
			e := detail1("GET", "shop.example.com", "/a")
			e.IsAuthenticatedDetected, e.IsAuthenticatedUserSet, e.Traces = tt.detected, tt.user, tt.traces
			r := run(t, []*Document{d}, []*metlo.EndpointDetail{e}, Options{})
			if tt.want == "unknown" {
				assert.Empty(t, lines(r))
				assert.Equal(t, []string{"1 endpoint without evidence on authentication: no request shows whether it came with credentials (GET shop.example.com/a)"}, r.Notes)
				return
			}
			assert.Empty(t, r.Notes)
			if tt.want != "" {
				tt.want += " GET shop.example.com/a"
			}
			assert.Equal(t, tt.want, strings.Join(lines(r), "|"))
		})
	}
}

// TestZombies has the known facts about the last request to a documented operation.
func TestZombies(t *testing.T) {
	old := since.Add(-time.Hour)
	seen := func(path string, first, last time.Time, spec string) *metlo.EndpointDetail {
		e := detail1("GET", "shop.example.com", path)
		e.FirstDetected, e.LastActive, e.OpenAPISpecName = first, last, spec
		return e
	}
	watched := seen("/other", old, recent, "")
	tests := map[string]struct {
		endpoints []*metlo.EndpointDetail
		want      string // zombie, or the beginning of a note
	}{
		"seen lately":                         {[]*metlo.EndpointDetail{watched, seen("/a/b", old, recent, "")}, ""},
		"seen at that time":                   {[]*metlo.EndpointDetail{watched, seen("/a/b", old, since, "")}, ""},
		"seen before":                         {[]*metlo.EndpointDetail{watched, seen("/a/b", old, since.Add(-1), "")}, "zombie"},
		"never seen":                          {[]*metlo.EndpointDetail{watched}, "zombie"},
		"uploaded, and never seen":            {[]*metlo.EndpointDetail{watched, seen("/a/b", time.Time{}, time.Time{}, "shop")}, "zombie"},
		"first seen lately, and no last time": {[]*metlo.EndpointDetail{watched, seen("/a/b", recent, time.Time{}, "")}, ""},
		"first seen long ago":                 {[]*metlo.EndpointDetail{watched, seen("/a/b", old, time.Time{}, "")}, "1 documented operation with an endpoint whose last request is not known"},
		"seen, and no time":                   {[]*metlo.EndpointDetail{watched, seen("/a/b", time.Time{}, time.Time{}, "")}, "1 documented operation with an endpoint whose last request is not known"},
		"watched for less":                    {[]*metlo.EndpointDetail{seen("/other", recent, recent, "")}, "1 documented operation not seen, on hosts that were not watched for that long"},
		"an endpoint that stands for more":    {[]*metlo.EndpointDetail{watched, seen("/a/{param1}", old, recent, "")}, "1 documented operation covered only by an endpoint that stands for several paths"},
		"and was not seen either":             {[]*metlo.EndpointDetail{watched, seen("/a/{param1}", old, old, "")}, "zombie"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := document(t, "paths:\n  /a/b: {get: {responses: {default: {description: ''}}}}\n  /other: {get: {responses: {default: {description: ''}}}}\n")
			r := run(t, []*Document{d}, tt.endpoints, Options{Since: since})
			switch tt.want {
			case "zombie":
				assert.Equal(t, []string{"zombie-endpoint GET shop.example.com/a/b"}, lines(r))
				assert.NotContains(t, strings.Join(r.Notes, "\n"), "documented operation")
			default:
				assert.Empty(t, lines(r))
				assert.Contains(t, strings.Join(r.Notes, "\n"), tt.want)
			}
			if tt.want == "" {
				assert.NotContains(t, strings.Join(r.Notes, "\n"), "documented operation")
			}
		})
	}
}

// TestWhatIsLeftOut has endpoints that are neither documented nor shadows.
func TestWhatIsLeftOut(t *testing.T) {
	d := document(t, "paths:\n  /a: {get: {responses: {default: {description: ''}}}}\n")
	a := detail1("GET", "shop.example.com", "/a")
	graphQL, full := detail1("POST", "shop.example.com", "/graphql"), detail1("GET", "shop.example.com", "/a")
	graphQL.IsGraphQL = true
	for i := range fieldsKept {
		full.DataFields = append(full.DataFields, metlo.DataField{DataSection: metlo.SectionRequestPath, DataPath: fmt.Sprint(i)})
	}
	old := detail1("GET", "shop.example.com", "/old")
	old.FirstDetected, old.LastActive = since.Add(-2), since.Add(-1)
	uploaded := detail1("GET", "shop.example.com", "/uploaded")
	uploaded.FirstDetected, uploaded.LastActive, uploaded.OpenAPISpecName = time.Time{}, time.Time{}, "other"
	tests := map[string]struct {
		endpoint *metlo.EndpointDetail
		note     string
	}{
		"GraphQL":                   {graphQL, "1 endpoint of GraphQL not compared with documents (POST shop.example.com/graphql)"},
		"HEAD for GET":              {detail1("HEAD", "shop.example.com", "/a"), ""},
		"OPTIONS before a request":  {detail1("OPTIONS", "shop.example.com", "/a"), "1 endpoint for OPTIONS of a documented path left out"},
		"seen long ago":             {old, "1 endpoint left out: last seen before the time of --seen-since (GET shop.example.com/old)"},
		"of another document":       {uploaded, ""},
		"as many fields as it goes": {full, "1 endpoint with as many fields as the instance keeps: further ones are not known (GET shop.example.com/a)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := run(t, []*Document{d}, []*metlo.EndpointDetail{a, tt.endpoint}, Options{SeenSince: since})
			assert.Empty(t, lines(r))
			notes := slices.DeleteFunc(r.Notes, func(note string) bool { return strings.Contains(note, "evidence") })
			if tt.note == "" {
				assert.Empty(t, notes)
			} else {
				assert.Contains(t, strings.Join(notes, "\n"), tt.note)
			}
		})
	}
	t.Run("and what is not", func(t *testing.T) {
		r := run(t, []*Document{d}, []*metlo.EndpointDetail{a, old, detail1("HEAD", "shop.example.com", "/b"), detail1("OPTIONS", "shop.example.com", "/b")}, Options{})
		assert.Equal(t, []string{"shadow-endpoint HEAD shop.example.com/b", "shadow-endpoint OPTIONS shop.example.com/b", "shadow-endpoint GET shop.example.com/old"}, lines(r))
	})
}

// TestSeveralDocuments has an operation that two documents have: it is enough that one of them documents a part.
func TestSeveralDocuments(t *testing.T) {
	one := document(t, "paths:\n  /a: {get: {parameters: [{name: x, in: query, schema: {}}], responses: {'200': {description: ''}}}}\n")
	two := document(t, "paths:\n  /a: {get: {parameters: [{name: y, in: query, schema: {}}], responses: {'404': {description: ''}}}}\n")
	e := detail1("GET", "shop.example.com", "/a", query("x"), query("y"), query("z"), resBody(200, "*/*", ""), resBody(404, "*/*", ""), resBody(500, "*/*", ""))
	r := run(t, []*Document{one, two}, []*metlo.EndpointDetail{e}, Options{})
	assert.Equal(t, []string{"undocumented-field GET shop.example.com/a reqQuery z", "undocumented-status GET shop.example.com/a status 500"}, lines(r))
	assert.Equal(t, 2, r.Documents)
}

// TestNothingToCompare checks documents of unknown content.
func TestNothingToCompare(t *testing.T) {
	d := document(t, "paths:\n  /a: {get: {responses: {default: {description: ''}}}}\n")
	_, err := New(nil, []string{"shop.example.com"}, Options{})
	require.Error(t, err)
	c, err := New([]*Document{d}, []string{"shop.example.com"}, Options{Since: since})
	require.NoError(t, err)
	uploaded := metlo.Endpoint{Method: metlo.MethodGet, Host: "shop.example.com", Path: "/a", OpenAPISpecName: "shop"}
	assert.False(t, c.Add(&uploaded), "the instance knows it from the document alone")
	r := c.Result()
	assert.Equal(t, []string{"shop.yaml: no traffic of shop.example.com was seen"}, r.Unknown)
	assert.Zero(t, r.Findings.Len())
	assert.Zero(t, r.Documents)
}

// TestAnEndpointForSeveralOperations has an endpoint under which the instance has recorded another operation too,
// because it treated a text of that path as a value.
func TestAnEndpointForSeveralOperations(t *testing.T) {
	d := document(t, `
paths:
  /pets/{id}: {get: {responses: {'200': {description: '', content: {application/json: {schema: {properties: {name: {type: string}}}}}}}}}
  /pets/search: {get: {parameters: [{name: q, in: query, schema: {}}], responses: {'200': {description: '', content: {application/json: {schema: {type: array, items: {type: string}}}}}}}}
`)
	fields := []metlo.DataField{query("q"), query("debug"), resBody(200, "application/json", "name"), resBody(200, "application/json", "[]"), resBody(200, "application/json", "age")}
	for i := range fields {
		fields[i].DataType = metlo.TypeString
	}
	both := detail1("GET", "shop.example.com", "/pets/{param1}", fields...)
	r := run(t, []*Document{d}, []*metlo.EndpointDetail{both}, Options{Since: since})
	assert.Equal(t, []string{"undocumented-field GET shop.example.com/pets/{param1} reqQuery debug", "undocumented-field GET shop.example.com/pets/{param1} resBody age"}, lines(r))
	assert.Contains(t, r.Notes[0], "1 documented operation covered only by an endpoint that stands for several paths")
	own := detail1("GET", "shop.example.com", "/pets/search")
	r = run(t, []*Document{d}, []*metlo.EndpointDetail{both, own}, Options{Since: since})
	assert.Equal(t, []string{"reqQuery debug", "reqQuery q", "resBody []", "resBody age"}, fieldsIn(r), "each operation has an endpoint of its own")
}

func fieldsIn(r *Result) (fields []string) {
	for f := range r.Findings.All() {
		fields = append(fields, f.Field)
	}
	slices.Sort(fields)
	return fields
}

// TestReferences has a document that refers to files for a path, a parameter, a response and a schema.
func TestReferences(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"api/shop.yaml": "openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\nservers: [{url: 'https://shop.example.com'}]\n" +
			"paths:\n  /users/{id}:\n    $ref: paths/users.yaml\n",
		"api/paths/users.yaml": "get:\n  parameters:\n    - $ref: ../shared%20parts.yaml#/parameters/Fields\n  responses:\n    '200':\n      $ref: ../shared%20parts.yaml#/responses/User\n",
		"api/shared parts.yaml": "parameters:\n  Fields: {name: fields, in: query, schema: {type: string}}\nresponses:\n  User:\n    description: a user\n" +
			"    content:\n      application/json:\n        schema:\n          $ref: schemas/user.json\n",
		"api/schemas/user.json": "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"name\": {\"type\": \"string\"},\n    \"address\": {\n      \"properties\": {\"city\": {\"type\": \"string\"}}\n    }\n  }\n}\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	files, err := Find("api")
	require.NoError(t, err)
	assert.Equal(t, []string{"api/shop.yaml"}, files)
	documents, err := Read(files)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"api/shop.yaml", "api/paths/users.yaml", "api/shared parts.yaml", "api/schemas/user.json"}, documents[0].Files)
	e := detail1("GET", "shop.example.com", "/users/{param1}", query("fields"), query("sort"), resBody(200, "application/json", "name"),
		resBody(200, "application/json", "address.street"), resBody(200, "text/html", ""), resBody(500, "*/*", ""))
	var got []string
	for f := range run(t, documents, []*metlo.EndpointDetail{e}, Options{}).Findings.All() {
		got = append(got, fmt.Sprintf("%s:%d %s %s", f.File, f.Line, f.Rule, f.Field))
	}
	assert.ElementsMatch(t, []string{
		"api/paths/users.yaml:2 undocumented-field reqQuery sort", "api/schemas/user.json:5 undocumented-field resBody address.street",
		"api/shared parts.yaml:4 undocumented-content-type resBody 200 text/html", "api/paths/users.yaml:4 undocumented-status status 500",
	}, got)
}

// TestSchemasThatMeetAgain has schemas to which more ways lead than anybody can follow one by one.
func TestSchemasThatMeetAgain(t *testing.T) {
	const levels = 32
	var diamonds, ring strings.Builder
	for i := range levels {
		fmt.Fprintf(&diamonds, "    D%d: {allOf: [{$ref: '#/components/schemas/D%d'}, {$ref: '#/components/schemas/D%d'}]}\n", i, i+1, i+1)
		fmt.Fprintf(&ring, "    R%d: {properties: {p%d: {$ref: '#/components/schemas/D0'}}, oneOf: [", i, i)
		for j := range levels {
			fmt.Fprintf(&ring, "{$ref: '#/components/schemas/R%d'}, ", j)
		}
		ring.WriteString("]}\n")
	}
	for path, want := range map[string]string{"p7.a": "", "p7.b": UndocumentedField, "q": UndocumentedField, "p7": UndocumentedField} {
		t.Run(path, func(t *testing.T) {
			d := document(t, "components:\n  schemas:\n"+diamonds.String()+
				fmt.Sprintf("    D%d: {properties: {a: {type: string}}}\n", levels)+ring.String()+
				"paths:\n  /a: {get: {responses: {'200': {description: '', content: {application/json: {schema: {$ref: '#/components/schemas/R0'}}}}}}}\n")
			f := resBody(200, "application/json", path)
			f.DataType = metlo.TypeString
			want, found := strings.TrimSpace(want+" GET shop.example.com/a resBody "+path), lines(run(t, []*Document{d},
				[]*metlo.EndpointDetail{detail1("GET", "shop.example.com", "/a", f)}, Options{}))
			if strings.HasPrefix(want, "GET") {
				assert.Empty(t, found)
			} else {
				assert.Equal(t, []string{want}, found)
			}
		})
	}
}
