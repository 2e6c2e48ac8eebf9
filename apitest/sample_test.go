package apitest

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/handlebars"
)

func field(section metlo.DataSection, contentType, path string, kind metlo.DataType) metlo.TestDataField {
	return metlo.TestDataField{DataSection: section, ContentType: contentType, DataPath: path, DataType: kind}
}

func withEntity(f metlo.TestDataField, entity string) metlo.TestDataField {
	f.Entity = entity
	return f
}

func generateSample(t *testing.T, e *metlo.TestEndpoint, rules string) *Config {
	t.Helper()
	var config *TestingConfig
	if rules != "" {
		parsed, err := ParseTestingConfig(rules)
		require.NoError(t, err)
		config = parsed
	}
	cfg, err := Generate("CSP", e, config, WithRandom(half), WithID("t"))
	require.NoError(t, err)
	text, err := cfg.Marshal()
	require.NoError(t, err)
	back, err := Parse(text)
	require.NoError(t, err)
	assert.Equal(t, cfg.normal(), back)
	return cfg
}

func TestSampleBodies(t *testing.T) {
	const jsonType = "application/json"
	body := func(contentType, path string, kind metlo.DataType) metlo.TestDataField {
		return field(metlo.SectionRequestBody, contentType, path, kind)
	}
	for _, tc := range []struct {
		name     string
		fields   []metlo.TestDataField
		data     string
		form     []KeyValue
		typeSent string
	}{
		{"no field", nil, "", nil, ""},
		{"a field without content type", []metlo.TestDataField{body("", "a", "string")}, "", nil, ""},
		{"every type", []metlo.TestDataField{body(jsonType, "i", "integer"), body(jsonType, "n", "number"), body(jsonType, "s", "string"),
			body(jsonType, "b", "boolean"), body(jsonType, "o", "object"), body(jsonType, "a", "array"), body(jsonType, "u", "unknown")},
			`{"i":51,"n":51,"s":"i","b":true,"o":{},"a":[],"u":null}`, nil, jsonType},
		{"a list at the top", []metlo.TestDataField{body(jsonType, "[].a", "string"), body(jsonType, "[].b.[].c", "integer")}, `[{"a":"i","b":[{"c":51}]}]`, nil, jsonType},
		{"a map", []metlo.TestDataField{body(jsonType, "m.[string].k", "boolean")}, `{"m":{"ANY_STRING":{"k":true}}}`, nil, jsonType},
		{"a value at the top", []metlo.TestDataField{body("*/*", "", "integer")}, `51`, nil, jsonType},
		{"an object after its fields", []metlo.TestDataField{body(jsonType, "a.b", "string"), body(jsonType, "a", "object")}, `{"a":{"b":"i"}}`, nil, jsonType},
		{"fields after a text", []metlo.TestDataField{body(jsonType, "a", "string"), body(jsonType, "a.b", "string")}, `{"a":{"b":"i"}}`, nil, jsonType},
		{"the last content type counts", []metlo.TestDataField{body("text/xml", "x", "string"), body(jsonType, "a", "string")}, `{"a":"i"}`, nil, jsonType},
		{"text", []metlo.TestDataField{body("text/plain", "", "string")}, `i`, nil, "text/plain"},
		{"an object of another type", []metlo.TestDataField{body("text/xml", "a", "string")}, `{"a":"i"}`, nil, jsonType},
		{"a form", []metlo.TestDataField{body("multipart/form-data", "a", "integer"), body("multipart/form-data", "b.c", "string")}, "", []KeyValue{{"a", "51"}, {"b", `{"c":"i"}`}}, "multipart/form-data"},
		{"a form without names", []metlo.TestDataField{body("multipart/form-data", "", "integer")}, "", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := demoEndpoint("/x", nil, tc.fields...)
			e.Method = metlo.MethodPost
			r := generateSample(t, e, "").Test[0].Request
			if json.Valid([]byte(tc.data)) {
				assert.JSONEq(t, tc.data, r.Data)
			} else {
				assert.Equal(t, tc.data, r.Data)
			}
			assert.Equal(t, tc.form, r.Form)
			var sent string
			for _, h := range r.Headers {
				sent = h.Value
			}
			assert.Equal(t, tc.typeSent, sent)
		})
	}
}

func TestSamplePathsAndQueries(t *testing.T) {
	e := demoEndpoint("/a/{id}/b/{other}/{id2}", nil,
		field("reqPath", "", "id", "string"),
		withEntity(field("reqPath", "", "id2", "string"), "Order.id"),
		field("reqQuery", "", "filter[name].x", "string"),
		withEntity(field("reqQuery", "", "owner", "string"), "Order.owner"),
		withEntity(field("reqQuery", "", "unknown", "string"), "Nobody.x"),
	)
	cfg := generateSample(t, e, `resource Order { items = [{"id": "a/b c", "owner": "{{x}}"}] }`)
	assert.Equal(t, "{{BASE_URL}}/a/{{id}}/b/{{other}}/a%2Fb%20c", cfg.Test[0].Request.URL)
	assert.Equal(t, []KeyValue{
		{"filter[name].x", "{{filter_name__x}}"}, {"owner", `{{"{{"}}x}}`}, {"unknown", "{{unknown}}"},
	}, cfg.Test[0].Request.Query)
	assert.Equal(t, []KeyValue{
		{"id", "<<id>>"}, {"other", "<<other>>"}, {"BASE_URL", `{{default BASE_URL "https://shop.example.com"}}`},
		{"filter_name__x", "<<filter_name__x>>"}, {"unknown", "<<unknown>>"},
	}, cfg.Env)
}

func TestSamplePathsWithStrayBraces(t *testing.T) {
	for path, want := range map[string]string{
		"/a{{b}}c": "/a%7B{{b}}%7Dc", "/{": "/%7B", "/}{": "/%7D%7B", "/{}": "/%7B%7D", "/{a b}": "/{{a_b}}",
	} {
		assert.Equal(t, "{{BASE_URL}}"+want, generateSample(t, demoEndpoint(path, nil), "").Test[0].Request.URL)
	}
}

func TestPlaceholders(t *testing.T) {
	cfg := generateSample(t, demoEndpoint("/a/{id}/{other}", nil, searched), "")
	assert.Equal(t, []string{"id", "other", "q"}, cfg.Placeholders())
	cfg.Fill(map[string]string{"id": "1", "nobody": "2"})
	assert.Equal(t, []string{"other", "q"}, cfg.Placeholders())
	assert.Equal(t, []string{"q"}, cfg.Placeholders(WithEnv(map[string]string{"other": "x"})))
}

func TestSampleRandomness(t *testing.T) {
	for _, tc := range []struct {
		random float64
		number int
		text   string
	}{{0, 1, "0"}, {0.5, 51, "i"}, {0.999, 100, "zyp"}, {0.25, 26, "9"}, {-1, 1, "0"}, {1, 1, "0"}, {math.NaN(), 1, "0"}} {
		in := &TemplateInput{random: func() float64 { return tc.random }}
		assert.Equal(t, tc.number, in.sampleValue("integer"))
		assert.Contains(t, in.sampleValue("string"), tc.text)
	}
	cfg, err := Generate("CSP", demoEndpoint("/", nil), nil)
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, cfg.ID)
}

func TestGenerateLeavesItsInputAlone(t *testing.T) {
	e := demoEndpoint("/x", nil, searched)
	before := *e
	rules, err := ParseTestingConfig(demoRules)
	require.NoError(t, err)
	_, err = Generate("GENERIC", e, rules)
	require.NoError(t, err)
	assert.Equal(t, before, *e)
}

func TestGraphQL(t *testing.T) {
	const kind = "application/json"
	schema := `
type Query { user(id: ID!, role: Role!, filter: Filter, note: String = "x"): User  node: Node  version: String }
type Mutation { rename(input: Rename!): User }
enum Role { ADMIN GUEST }
input Filter { tags: [String!]!, deep: Filter, age: Int }
input Rename { name: String!, on: Boolean!, size: Float!, role: Role! }
interface Node { id: ID! }
type User implements Node { id: ID! name: String friends(first: Int!): [User!] best: User pet: Pet }
type Pet { kind: String owner: User }
`
	for _, tc := range []struct {
		name, path, schema string
		method             metlo.RestMethod
		fields             []metlo.TestDataField
		rules              string
		want               string
	}{
		{"from data fields", "/graphql", "", "POST", []metlo.TestDataField{
			field("resBody", kind, "query.user.[].name", "string"),
			field("resBody", kind, "query.user.__on_Admin.level.__resp.x", "integer"),
			withEntity(field("reqBody", kind, "query.user.__args.role", "string"), "Role.name"),
			field("reqBody", kind, "query.user.__args.filter.tags.[]", "string"),
			field("resBody", kind, "query.user.skipped", "unknown"),
		}, `resource Role { items = [{"name": "ENUM.ADMIN"}] }`, `query {
    user (role: ADMIN, filter: {tags: ["i"]}) {
        name
        ... on Admin {
            level
        }
    }
}`},
		{"from the path", "/graphql.query.version", "", "POST", nil, "", "query {\n    version\n}"},
		{"completed by the schema", "/graphql.query.user", schema, "POST", []metlo.TestDataField{
			field("reqBody", kind, "query.user.__args.filter.age", "integer"),
		}, "", `query {
    user (filter: {age: 51, tags: ["i"]}, id: "i", role: ADMIN) {
        id
        name
        best {
            id
            name
        }
        pet {
            kind
        }
    }
}`},
		{"a mutation with a required input", "/graphql", schema, "POST", []metlo.TestDataField{
			field("resBody", kind, "mutation.rename.id", "string"),
			field("resBody", kind, "mutation.rename.pet.owner.__typename", "string"),
		}, "", `mutation {
    rename (input: {name: "i", on: true, size: 51, role: ADMIN}) {
        id
        pet {
            owner {
                __typename
            }
        }
    }
}`},
		{"a fragment", "/graphql", schema, "POST", []metlo.TestDataField{
			field("resBody", kind, "query.node.__on_User.name", "string"),
		}, "", `query {
    node {
        ... on User {
            name
        }
    }
}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := demoEndpoint(tc.path, nil, tc.fields...)
			e.IsGraphQL, e.Method, e.GraphQLSchema = true, tc.method, tc.schema
			r := generateSample(t, e, tc.rules).Test[0].Request
			assert.Equal(t, "{{BASE_URL}}/graphql", r.URL)
			assert.Equal(t, tc.want, r.GraphQL)
			assert.Equal(t, []KeyValue{{"Content-Type", kind}}, r.Headers)
		})
	}
	t.Run("GET puts the query into the URL", func(t *testing.T) {
		e := demoEndpoint("/graphql.query.version", nil)
		e.IsGraphQL = true
		r := generateSample(t, e, "").Test[0].Request
		assert.Equal(t, []KeyValue{{"query", "query {\n    version\n}"}}, r.Query)
		assert.Empty(t, r.GraphQL)
	})
	for name, tc := range map[string]struct{ path, schema, field, want string }{
		"no operation":   {"/graphql", "", "resBody", "names an operation"},
		"a broken one":   {"/graphql.query.x", "type Query {", "resBody", "graphql schema"},
		"no mutation":    {"/graphql.mutation.x", "type Query { a: Int }", "resBody", "has no mutation type"},
		"an other field": {"/graphql.query.x", "type Query { a: Int }", "resBody", "type Query has no field x"},
	} {
		t.Run("schema with "+name, func(t *testing.T) {
			e := demoEndpoint(tc.path, nil)
			e.IsGraphQL, e.Method, e.GraphQLSchema = true, "POST", tc.schema
			_, err := Generate("CSP", e, nil)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestValidateAuthRules(t *testing.T) {
	const head = `host "shop.example.com" { authType = "basic" } actor User { items = [{"name": "ann", "auth": "a{{"}, {"name": "bob"}, {"name": "eve", "auth": 7}] } `
	steps := func(t *testing.T, e *metlo.TestEndpoint, rules string) []string {
		t.Helper()
		parsed, err := ParseTestingConfig(head + rules)
		require.NoError(t, err)
		cfg, err := Generate("VALIDATE_AUTH_RULES", e, parsed, WithRandom(half))
		require.NoError(t, err)
		var out []string
		for _, s := range cfg.Test {
			out = append(out, s.Request.URL+" | "+s.Request.Headers[0].Value+" | "+s.Assert[0].String()+" | "+s.Assert[0].Description)
		}
		return out
	}
	const ann, eve = "Basic {{User_1_BASIC_AUTH_CRED}}", "Basic {{User_3_BASIC_AUTH_CRED}}"
	const yes, no = "resp.status < 300", "resp.status is one of 401, 403, 404"
	plain := demoEndpoint("/x", nil)
	byPath := demoEndpoint("/x/{id}", nil, withEntity(field("reqPath", "", "id", "string"), "R.id"))

	t.Run("a resource without instances", func(t *testing.T) {
		assert.Equal(t, []string{
			"{{BASE_URL}}/x | " + ann + " | " + yes + " | User(name=ann) has access to resource R.",
			"{{BASE_URL}}/x | " + eve + " | " + no + " | User(name=eve) doesn't have access to resource R.",
			"{{BASE_URL}}{{User_3_ALLOWED_PATH}} | " + eve + " | " + yes + " | control: the credentials of this identity are accepted",
		}, steps(t, plain, `resource R { endpoints = [{"permissions": ["p"], "method": "GET"}] } has_permission(User(name="ann"), ["p", "q"], R)`))
	})
	t.Run("rules that are about other endpoints", func(t *testing.T) {
		for _, rule := range []string{`"method": "POST"`, `"host": "other"`, `"path": "^/y"`, `"contains_resource": {"path": "req.body"}`, `"contains_resource": {"path": "req.path", "type": "User"}`} {
			got := steps(t, byPath, `resource R { items = [{"id": "r1"}], endpoints = [{"permissions": ["p"], `+rule+`}] }`)
			assert.Equal(t, []string{"{{BASE_URL}}/x/r1 | " + ann + " | " + yes + " | ", "{{BASE_URL}}/x/r1 | " + eve + " | " + yes + " | "}, got, rule)
		}
	})
	t.Run("a resource in the path", func(t *testing.T) {
		got := steps(t, byPath, `resource R { items = [{"id": "r1"}, {"id": "r2"}], endpoints = [{"permissions": ["p"], "contains_resource": {"path": "req.path.id"}}] } has_permission(User, ["p"], R(id="r2"))`)
		assert.Equal(t, []string{
			"{{BASE_URL}}/x/r2 | " + ann + " | " + yes + " | User(name=ann) has p access to R(id=r2).",
			"{{BASE_URL}}/x/r1 | " + ann + " | " + no + " | User(name=ann) does not have p access to R(id=r1).",
			"{{BASE_URL}}/x/r2 | " + eve + " | " + yes + " | User(name=eve) has p access to R(id=r2).",
			"{{BASE_URL}}/x/r1 | " + eve + " | " + no + " | User(name=eve) does not have p access to R(id=r1).",
		}, got)
	})
	t.Run("all needed permissions must be granted", func(t *testing.T) {
		got := steps(t, plain, `resource R { endpoints = [{"permissions": ["p"]}, {"permissions": ["p", "q"]}] } resource S { endpoints = [{"permissions": ["s"]}] } has_permission(User, ["p"], R)`)
		assert.Equal(t, "{{BASE_URL}}/x | "+ann+" | "+no+" | User(name=ann) doesn't have access to resources: R, S.", got[0])
	})
	t.Run("credentials are taken as they are", func(t *testing.T) {
		parsed, err := ParseTestingConfig(head)
		require.NoError(t, err)
		cfg, err := Generate("VALIDATE_AUTH_RULES", plain, parsed)
		require.NoError(t, err)
		for _, kv := range cfg.Env[1:] {
			got, _, err := handlebars.Render(kv.Value, nil)
			require.NoError(t, err)
			assert.Contains(t, []string{"a{{", "7"}, got)
		}
	})
}

// FuzzGenerate generates a test for an odd endpoint and parses it. One script engine checks all of them, because
// starting one takes longer than the rest.
func FuzzGenerate(f *testing.F) {
	f.Add("shop.example.com", "/a/{b}", "b", "string", "application/json", "Order.id", uint8(0), uint8(0))
	f.Add("h", "/graphql.query.user", "query.user.__args.id", "integer", "*/*", "", uint8(4), uint8(3))
	f.Add("h", "/{{x}}/{", "items.[].[string].sku", "object", "multipart/form-data", "A.b", uint8(7), uint8(5))
	sections := []metlo.DataSection{"reqPath", "reqQuery", "reqHeaders", "reqBody", "resHeaders", "resBody"}
	rules, err := ParseTestingConfig(demoRules)
	if err != nil {
		f.Fatal(err)
	}
	var check checker
	f.Cleanup(check.close)
	f.Fuzz(func(t *testing.T, host, path, dataPath, kind, contentType, entity string, n, template uint8) {
		e := &metlo.TestEndpoint{Host: host, Path: path, Method: "POST", AuthConfig: byKey, IsGraphQL: n&1 == 1}
		for i, s := range sections {
			e.DataFields = append(e.DataFields, metlo.TestDataField{
				DataSection: s, DataPath: dataPath, DataType: metlo.DataType(kind), ContentType: contentType, Entity: entity,
			})
			if i == int(n%6) {
				break
			}
		}
		name := Templates()[int(template)%len(Templates())]
		cfg, err := Generate(name, e, rules)
		if err != nil || cfg.validate(&check) != nil {
			return
		}
		w := cfg.write()
		if w.err != nil {
			return // not UTF-8
		}
		text := w.buf.Bytes()
		back, err := parseWith(&check, "", text)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		assert.Equal(t, cfg.normal(), back)
		for _, kv := range back.Env {
			if _, _, err := handlebars.Render(kv.Value, nil); err != nil {
				t.Fatalf("%s: env %s: %v", name, kv.Name, err)
			}
		}
		for _, s := range back.Test {
			if _, _, err := handlebars.Render(s.Request.Data, nil); err != nil {
				t.Fatalf("%s: data: %v", name, err)
			}
		}
	})
}
