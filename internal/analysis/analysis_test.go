package analysis

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTestAnalyzer() *Analyzer { return NewAnalyzer(NewClasses(Builtin()), NewWords()) }

func TestTemplate(t *testing.T) {
	for route, want := range map[string]string{
		"GET shop.example.com/users/{id}":   "/users/{id}",
		"/users/{id}/":                      "/users/{id}",
		"/a/{$}":                            "/a",
		"/":                                 "/",
		"/users/:id":                        "/users/{id}",
		"/users/:id.json":                   "/users/{id}",
		"/users/{id:[0-9]{1,3}/?}/x":        "/users/{id}/x",
		"/user-{id}/x":                      "/{id}/x",
		"/a/*/b":                            "/a/{}/b",
		"/a=b/{x}":                          "/a%3Db/{x}",
		"/api/" + Undecided + "/users/{id}": "/api/{?}/users/{id}",
		"/files/{path...}":                  "none",
		"/files/*":                          "none",
		"/files/*path":                      "none",
		"":                                  "none",
	} {
		got := "none"
		if elements := Template(route); elements != nil {
			got = "/" + strings.Join(elements, "/")
		}
		assert.Equal(t, want, got, route)
	}
}

func TestPaths(t *testing.T) {
	const uuid = "6ad9cd6c-0d6b-4f3a-9d1f-0a4b8a4c5d6e"
	for _, row := range []struct{ route, path, shown, template string }{
		{"GET /users/{id}", "/users/42", "/users/1", "/users/{id}"},
		{"/users/{id}/x/{mail}", "/users/" + uuid + "/x/alice%40example.com", "/users/00000000-0000-0000-0000-000000000000/x/x1", "/users/{id}/x/{mail}"},
		{"/users/{id}", "/users/42/more", "/users/1/x1", "/users/{param1}/{param2}"}, // the numbers of elements differ
		{"", "/api/v2/users/alice", "/api/v2/users/x1", "/api/v2/users/{param1}"},
		{"", "/gift-cards/secret-word", "/gift-cards/x1", "/gift-cards/{param1}"},
		{"/{?}/{?}/users/{id}", "/api/alice/users/7", "/api/x1/users/1", "/api/{param1}/users/{id}"},
		{"/{id}/{id}", "/a/b", "/x1/x1", "/{id}/{param2}"},
		{"", "/", "/", "/"},
		{"", "//a//b/", "/x1/x1", "/{param1}/{param2}"},
	} {
		r := newTestAnalyzer().Analyze(&Exchange{Path: row.path, Route: row.route, Status: 200})
		assert.Equal(t, row.shown, r.Path, row.path)
		assert.Equal(t, row.template, r.EndpointPath, row.path)
		assert.Equal(t, strings.Count(r.Path, "/"), strings.Count(r.EndpointPath, "/"))
	}
}

func TestWordsAreLearned(t *testing.T) {
	words := NewWords()
	a := NewAnalyzer(NewClasses(Builtin()), words)
	path := func(route, path string) string {
		return a.Analyze(&Exchange{Host: "h", Method: "GET", Path: path, Route: route, Status: 200}).EndpointPath
	}
	assert.Equal(t, "/{param1}/{param2}", path("", "/wibbles/7"))
	assert.Equal(t, "/wibbles/{id}", path("/wibbles/{id}", "/wibbles/7"))
	assert.Equal(t, "/wibbles/{param1}/{param2}", path("", "/wibbles/7/x"), "of the service's own templates")
	words.SetEndpoints([]Endpoint{{"h", "GET", "/wobbles/{wobbleId}"}, {"h", "GET", "/wobbles/special"}})
	assert.Equal(t, "/wobbles/{wobbleId}", path("", "/wobbles/7"), "of the instance's endpoints")
	assert.Equal(t, "/wobbles/special", path("", "/wobbles/special"), "the one with the fewest parameters")
	assert.Equal(t, "/wobbles/{wobbleId}", path("/wobbles/{id}", "/wobbles/7"), "with the names that the instance knows")
}

func TestNames(t *testing.T) {
	for _, name := range []string{
		"id", "userName", "user_name", "first-name", "X-Request-Id", "ETag", "$ref", "@type", "_id", "sha256", "iso8601", "line1", "userIDs", "HTTPStatus", "webhookUrl", "qty",
	} {
		assert.True(t, names{}.isName([]byte(name), memberName), name)
	}
	for _, value := range []string{
		"", "jane@example.com", "shop.example.com", "2026-11-30", "42", "10.0.0.1", "6ad9cd6c-0d6b-4f3a-9d1f-0a4b8a4c5d6e", "qxzjv", "aGVsbG8gd29ybGQ", "9fceb02d0ae598e9",
		"usr_4821907", "with space", "größe", strings.Repeat("name", 20), "QXZJ", "xKq7Zp", "\xff",
	} {
		assert.False(t, names{}.isName([]byte(value), memberName), value)
	}
	for name, is := range map[string]bool{"filter[name]": true, "items[0][sku]": true, "user.name": true, "a[]": true, "filter[jane@example.com]": false, "items[4711]": false} {
		assert.Equal(t, is, names{}.isName([]byte(name), nestedName), name)
	}
}

func TestFields(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for _, row := range []struct {
		contentType, body string
		cut               bool
		want              map[string]string
	}{
		{"application/json", `{"a":{"b":1,"c":[1.5,true]},"d":null,"e":"x","f":{},"g":[]}`, false, map[string]string{
			"resBody.a.b": "integer", "resBody.a.c.[]": "boolean number", "resBody.d": "null", "resBody.e": "string",
		}},
		{"application/json", `[{"n":1},{"n":null}]`, false, map[string]string{"resBody.[].n": "null integer"}},
		{"application/json", `{"jane@example.com":{"n":1},"42":{"n":2}}`, false, map[string]string{"resBody.[string].n": "integer"}},
		{"application/json", `{"user12":1,"order34":"x"}`, false, map[string]string{"resBody.[string]": "string integer"}},
		{"application/json", `{"a":"\ud800","b":1}`, false, map[string]string{"resBody.a": "string", "resBody.b": "integer"}},
		{"application/json", `{"a":1,"b":"x`, true, map[string]string{"resBody.a": "integer"}},
		{"application/json", `{"a":1,"b":"x`, false, map[string]string{"resBody": "string"}},
		{"application/json", `{"a":1} x`, false, map[string]string{"resBody": "string"}},
		{"application/json", `null`, false, map[string]string{}},
		{"application/json", `{"a":1e400,"b":-1e400,"c":1e300}`, false, map[string]string{"resBody.a": "null", "resBody.b": "null", "resBody.c": "integer"}},
		{"application/json", ``, false, map[string]string{"resBody": "string"}},
		{"text/plain", `{"a":1}`, false, map[string]string{"resBody.a": "integer"}},
		{"application/xml", `<a/>`, false, map[string]string{"resBody": "string"}},
		{form, "a=1&b[c]=x&jane%40example.com=2", false, map[string]string{"resBody.a": "string", "resBody.b[c]": "string", "resBody.[string]": "string"}},
		{
			"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{\"x\":1}\r\n--b\r\nContent-Disposition: form-data; name=f\r\n\r\n\xff\x00\r\n--b--\r\n",
			false, map[string]string{"resBody.a.x": "integer", "resBody.f": "string"},
		},
		{"image/png", "\x89\x00", false, map[string]string{"resBody": "string"}},
	} {
		r := newTestAnalyzer().Analyze(&Exchange{Path: "/", Status: 200, Response: Body{Data: []byte(row.body), ContentType: row.contentType, Cut: row.cut}})
		got := map[string]string{}
		for path, types := range r.Types {
			got[path] = strings.Join(types, " ")
		}
		assert.Equal(t, row.want, got, row.body)
	}
}

func TestGraphQL(t *testing.T) {
	body := func(v any) Body {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		return Body{Data: data, ContentType: "application/json"}
	}
	query := `query Q($id: ID!, $f: F = {a: 1}) @live(if: true) { # who
		u7: me(id: $id, first: 3, s: "a } b") { mail: email ...F ... on Admin { level } posts(last: 2) { id } } }
		fragment F on User { addr { street } } `
	r := newTestAnalyzer().Analyze(&Exchange{
		Path: "/graphql", Status: 200, Request: body(map[string]any{"query": query, "variables": map[string]any{"id": "jane@example.com"}}),
		Response: Body{Data: []byte(`{"data":{"u7":{"mail":"jane@example.com","addr":{"street":"x"},"level":1,"posts":[{"id":1}]}},"errors":[{"message":"x"}]}`)},
	})
	assert.Equal(t, []string{"gqlQuery.query.me"}, r.GraphQL)
	assert.Equal(t, map[string][]string{
		"reqBody.query.me.id": {"string"}, "reqBody.query.me.first": {"integer"}, "reqBody.query.me.s": {"string"}, "reqBody.query.me.posts.last": {"integer"},
		"resBody.query.me.email": {"string"}, "resBody.query.me.addr.street": {"string"}, "resBody.query.me.level": {"integer"}, "resBody.query.me.posts.[].id": {"integer"},
	}, r.Types)
	assert.Equal(t, map[string][]string{"reqBody.query.me.id": {"Email"}, "resBody.query.me.email": {"Email"}}, r.Classes)

	several := newTestAnalyzer().Analyze(&Exchange{
		Path: "/graphql", Status: 200,
		Request:  body([]any{map[string]any{"query": "mutation { add { id } remove { id } }"}, map[string]any{"query": "{ me { id } }", "operationName": ""}}),
		Response: Body{Data: []byte(`[{"data":{"add":{"id":1}}},{"data":{"me":{"id":"x"}}}]`)},
	})
	assert.Equal(t, []string{"gqlQuery.mutation.add", "gqlQuery.mutation.remove", "gqlQuery.query.me"}, several.GraphQL)
	assert.Equal(t, map[string][]string{"resBody.mutation.add.id": {"integer"}, "resBody.query.me.id": {"string"}}, several.Types)

	for _, text := range []string{"", "{", "query {", "nonsense", "fragment F on X { ...F }", strings.Repeat("{a", 5000), "{ qxzjvk { id } }"} {
		assert.Empty(t, newTestAnalyzer().Analyze(&Exchange{Path: "/graphql", Status: 200, Request: body(map[string]any{"query": text})}).GraphQL[:0], text)
	}
	get := newTestAnalyzer().Analyze(&Exchange{Path: "/v1/graphql", Status: 200, Query: []Pair{{"query", "{ me(id: 1) { id } }"}}})
	assert.Equal(t, []string{"gqlQuery.query.me"}, get.GraphQL)
	assert.Contains(t, get.Types, "reqQuery.query.me.id")
}

// The built-in classes are equal to those of a server's agent configuration.
func TestBuiltinClasses(t *testing.T) {
	data, err := os.ReadFile("../../testdata/samples/data-class-patterns.json")
	require.NoError(t, err)
	var sample struct {
		SensitiveDataList []struct{ ClassName, Severity, ShortName, Regex, KeyRegex string }
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	builtin := Builtin()
	require.Len(t, builtin, len(sample.SensitiveDataList))
	for i, want := range sample.SensitiveDataList {
		got := builtin[i]
		assert.Equal(t, want.ClassName, got.Name)
		assert.Equal(t, want.Severity, got.Severity)
		assert.Equal(t, want.ShortName, got.ShortName)
		assert.Equal(t, want.Regex, got.Pattern)
		assert.Equal(t, want.KeyRegex, got.KeyPattern)
	}
	assert.Empty(t, NewClasses(builtin).Faults)
}

func TestPatternsThatAreNotRun(t *testing.T) {
	c := NewClasses([]Class{{Name: "behind", Pattern: "(?<=a)b"}, {Name: "hex", Pattern: `\u0041[^]\/`}, {Name: "broken", KeyPattern: "("}})
	assert.Len(t, c.Faults, 2)
	assert.ErrorContains(t, c.Faults[0], `"behind"`)
	assert.Equal(t, []string{"hex"}, c.Scan("A\n/", true))
}

// FuzzNeed checks that every text that matches a pattern meets the need of the pattern.
func FuzzNeed(f *testing.F) {
	for _, text := range []string{
		"jane@example.com", " a@b.co ", "4111 1111 1111 1111", "x 219-09-9999 y", "+1 (415)-555.0132", "1.2.3.4", "37.8 , -122", "2341 2341 2346", "529.982.247-25", "\t\n", "é@x.y",
	} {
		f.Add(text)
	}
	list := append(Builtin(), Class{Name: "custom", Pattern: `(E[0-9]{3,6})|(a.c)|(?i)(xyz\d?)`}, Class{Name: "literal", Pattern: `^E[0-9]{6}$`})
	c := NewClasses(list)
	f.Fuzz(func(t *testing.T, text string) {
		var has need
		has.count([]byte(text))
		for _, p := range c.patterns {
			if p.re.MatchString(text) {
				assert.True(t, p.need.metBy(&has, []byte(text)), "%s: %q", c.names[p.class], text)
			}
		}
	})
}

func FuzzAnalyze(f *testing.F) {
	f.Add("/users/1", "/users/{id}", "application/json", `{"a":[1,"x",null]}`, true)
	f.Add("/graphql", "", "application/json", `{"query":"{ me { id } }"}`, false)
	f.Add("/a%zz", "{", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--", true)
	a := newTestAnalyzer()
	f.Fuzz(func(t *testing.T, path, route, contentType, text string, cut bool) {
		b := Body{Data: []byte(text), ContentType: contentType, Cut: cut}
		r := a.Analyze(&Exchange{Method: "POST", Host: "h", Path: path, Route: route, Status: 200, Query: ParseQuery(text), Request: b, Response: b})
		assert.Equal(t, strings.Count(r.Path, "/"), strings.Count(r.EndpointPath, "/"))
		for place, types := range r.Types {
			assert.NotEmpty(t, types, place)
		}
	})
}

// TestShortRequestsStayCheap analyzes texts that expand to many times their length.
func TestShortRequestsStayCheap(t *testing.T) {
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString("{...F0}")
		for i := range n {
			fmt.Fprintf(&b, " fragment F%d on T{name(id:1){...F%d} user(id:1){...F%d}}", i, i+1, i+1)
		}
		return b.String()
	}
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			letters := []byte{byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26), 'a'}
			fmt.Fprintf(&b, format, letters)
		}
		return b.String()
	}
	nest := strings.Repeat(`{"customer_address_customer_address_customer_address_details":`, 198)
	parts := strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{"+numbered(900, `"%s":1,`)+`"z":1}`+"\r\n", 40)
	graphQL := func(query, variables string) Body {
		return Body{ContentType: "application/json", Data: []byte(`{"query":"` + query + `","variables":` + variables + `}`)}
	}
	for name, tt := range map[string]struct {
		path string
		body Body
	}{
		"fragments within themselves":      {"/graphql", graphQL("{...F} fragment F on T{a(x:1){...F} b(x:1){...F}}", "{}")},
		"a chain of fragments":             {"/graphql", graphQL(chain(60), "{}")},
		"one variable many times":          {"/graphql", graphQL("query($v:T){me(x:["+strings.Repeat("$v ", 20_000)+"])}", `{"v":["`+strings.Repeat(`a1","`, 10_000)+`"]}`)},
		"operations":                       {"/graphql", graphQL("{"+numbered(15_000, "%s ")+"}", "{}")},
		"long names within each other":     {"/orders", Body{ContentType: "application/json", Data: []byte(nest + "{" + numbered(780, `"%s":1,`) + `"z":1}` + strings.Repeat("}", 198))}},
		"one name for many parts of forms": {"/orders", Body{ContentType: "multipart/form-data; boundary=x", Data: []byte(parts + "--x--\r\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewAnalyzer(BuiltinClasses(), NewWords()).Analyze(&Exchange{Host: "a", Method: "POST", Path: tt.path, Status: 200, Request: tt.body})
			size := 0
			for path := range r.Types {
				size += len(path)
			}
			assert.LessOrEqual(t, len(r.Types), 2*maxNodes)
			assert.LessOrEqual(t, size, 2*maxPaths)
			assert.LessOrEqual(t, len(r.GraphQL), maxOperations)
		})
	}
}

func TestNumbersAreNoNames(t *testing.T) {
	k := names{}
	for name, is := range map[string]bool{
		"06.12.34.56.78": false, "10.20.30.40": false, "12.05.84": false, "a[41][11][11][11]": false, "[41]": false,
		"items[0][name]": true, "filter[name]": true, "user.name": true, "items[0][tags][1]": true,
	} {
		assert.Equal(t, is, k.isName([]byte(name), nestedName), name)
	}
}

// Few values of letters only look like words, and nearly all names that programmers choose do.
func TestNamesAndRandomLetters(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 20_000
	for _, row := range []struct {
		letters int
		most    float64 // percent
	}{{5, 8}, {8, 1.2}, {12, 0.1}} {
		passed := 0
		for range n {
			value := make([]byte, row.letters)
			for i := range value {
				value[i] = byte('a' + random.IntN(26))
			}
			if looksLikeName(value) {
				passed++
			}
		}
		percent := 100 * float64(passed) / n
		t.Logf("%.2f %% of random values of %d letters pass as names", percent, row.letters)
		assert.LessOrEqual(t, percent, row.most)
	}
	list := strings.Fields(`accountHolderName billing_address cancelledAt customer-id deliveryNotes displayName emailVerified expires_in
		firstName isActive lastLoginAt line_items middleName notificationSettings orderStatus phoneNumber postalCode preferredLanguage
		quantity refresh_token shippingAddress subTotal taxRate totalCount unitPrice updatedBy usernames warehouseId X-Correlation-Id zipCode`)
	for _, name := range list {
		assert.True(t, looksLikeName([]byte(name)), name)
	}
}
