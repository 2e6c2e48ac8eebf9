package apitest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/apitest/internal/script"
)

// service starts a loopback service. It returns options that allow it and set BASE_URL.
func service(t *testing.T, h http.HandlerFunc) (base string, opts []Option) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL, []Option{AllowHosts(srv.URL), WithEnv(map[string]string{"BASE_URL": srv.URL}), WithSecretsShown(), Lenient(), patient}
}

// patientLimits allow for a busy machine.
var patientLimits = script.Limits{Timeout: time.Minute, Memory: 128 << 20}

var patient = WithScriptLimits(patientLimits.Timeout, patientLimits.Memory)

// echoService answers /echo with the request as JSON, and other paths with fixed bodies.
func echoService(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo", "/echo/":
		echo(w, r)
	case "/json":
		w.Header().Set("X-Kind", "plain")
		_, _ = w.Write([]byte(`{ "z": 1, "a": {"list": [1, "two", null]}, "big": 9007199254740993, "name": "Ann" }`))
	case "/html":
		_, _ = w.Write([]byte(`<body><b id="who">Ann &amp; <i>Bob</i></b></body>`))
	case "/rows":
		_, _ = w.Write([]byte(`<tr><td class="x">1</td></tr>`))
	case "/text":
		_, _ = w.Write([]byte("token=abc123; done"))
	default:
		http.NotFound(w, r)
	}
}

// step returns the text of a test with one step.
func step(method, url, rest string) string {
	return "id: t\ntest:\n  - request:\n      method: " + method + "\n      url: '" + url + "'\n" + rest
}

func run(t *testing.T, text string, opts ...Option) *Result {
	t.Helper()
	cfg, err := Parse([]byte(text))
	require.NoError(t, err)
	res, err := Run(t.Context(), cfg, opts...)
	require.NoError(t, err)
	return res
}

func TestRequests(t *testing.T) {
	base, opts := service(t, echoService)
	opts = append(opts, WithEnv(map[string]string{"Q": "a b&c=d#é+", "OPEN": "<<OPEN>>", "A_COOKIE": "sid=s1; theme=dark", "B_COOKIE": "czE=", "J": `say "hi"`}))
	for _, tc := range []struct {
		name, method, url, rest, assert string
	}{
		{"query is escaped", "POST", "/echo", "      query: [{name: q, value: '{{Q}}'}]", `resp.data.query === '?q=a%20b%26c%3Dd%23%C3%A9%2B'`},
		{"query joins the one of the url", "POST", "/echo?a=1", "      query: [{name: b, value: 2}]", `resp.data.query === '?a=1&b=2'`},
		{"unfilled placeholders are left out", "POST", "/echo", "      query: [{name: a, value: '{{OPEN}}'}, {name: b, value: 'x<<OPEN>>'}]", `resp.data.query === '?b=x%3C%3COPEN%3E%3E'`},
		{"a fragment is not sent", "POST", "/echo#frag", "", `resp.data.query === '' && resp.data.path === '/echo'`},
		{"headers", "POST", "/echo", "      headers: [{name: X-Test, value: '{{Q}}'}]", `resp.data.headers['x-test'] === 'a b&c=d#é+'`},
		{"data", "POST", "/echo", "      data: 'hello {{J}}'", `resp.data.body === 'hello say "hi"'`},
		{"data has the original's content type", "POST", "/echo", "      data: x", `resp.data.headers['content-type'] === 'application/x-www-form-urlencoded'`},
		{"data with json helper", "POST", "/echo", "      data: '{\"q\": {{json J}}}'", `JSON.parse(resp.data.body).q === J`},
		{"graphql", "POST", "/echo", "      graphql: 'query { a(x: \"{{Q}}\") }'", `resp.data.headers['content-type'] === 'application/json' && JSON.parse(resp.data.body).query === 'query { a(x: "\{{Q}}") }'`},
		{"form is multipart", "POST", "/echo", "      form: [{name: f, value: '{{J}}'}]", `resp.data.headers['content-type'].startsWith('multipart/form-data; boundary=') && resp.data.body.includes('name="f"\r\n\r\nsay "hi"\r\n')`},
		{"form is urlencoded on demand", "POST", "/echo", "      headers: [{name: Content-Type, value: application/x-www-form-urlencoded}]\n      form: [{name: f, value: 'a b&c'}, {name: g, value: 1}]", `resp.data.body === 'f=a+b%26c&g=1'`},
		{"form keeps a given boundary", "POST", "/echo", "      headers: [{name: Content-Type, value: multipart/form-data; boundary=xyz}]\n      form: [{name: f, value: v}]", `resp.data.body.startsWith('--xyz')`},
		{"form comes before graphql and data", "POST", "/echo", "      form: [{name: f, value: v}]\n      graphql: q\n      data: d", `resp.data.body.includes('name="f"')`},
		{"graphql comes before data", "POST", "/echo", "      graphql: q\n      data: d", `resp.data.body === '{"query":"q"}'`},
		{"cookies from a COOKIE variable", "POST", "/echo", "      headers: [{name: sid, value: '{{A_COOKIE}}'}]", `resp.data.headers.cookie === 'sid=s1; theme=dark' && resp.data.headers.sid === undefined`},
		{"a COOKIE variable with a bare value", "POST", "/echo", "      headers: [{name: sid, value: '{{B_COOKIE}}'}]", `resp.data.headers.cookie === 'sid=czE='`},
		{"a Cookie header", "POST", "/echo", "      headers: [{name: Cookie, value: 'a=1; b=2'}]", `resp.data.headers.cookie === 'a=1; b=2'`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := Parse([]byte(step(tc.method, base+tc.url, tc.rest)))
			require.NoError(t, err)
			cfg.Test[0].Assert = []Assertion{Expr(tc.assert)}
			res, err := Run(t.Context(), cfg, opts...)
			require.NoError(t, err)
			assert.True(t, res.Success, "%s\n%v", res, res.Results[0][0].Response.Data)
		})
	}
}

func TestTemplatesAreCheckedBeforeAnythingIsSent(t *testing.T) {
	for _, tc := range []struct{ name, url, rest, want string }{
		{"in the url", "{{BASE_URL", "", "test[0].request.url: template"},
		{"in the query", "{{BASE_URL}}/echo", "      query: [{name: q, value: '{{'}]", "6:32: test[0].request.query[0].value: template"},
		{"in a header", "{{BASE_URL}}/echo", "      headers: [{name: h, value: '{{'}]", "request.headers[0].value: template"},
		{"in the form", "{{BASE_URL}}/echo", "      form: [{name: f, value: '{{'}]", "request.form[0].value: template"},
		{"in the data", "{{BASE_URL}}/echo", "      data: '{{'", "request.data: template"},
		{"in a script", "http://x/", "    assert: ['{{']", "assert[0]: template"},
		{"no script", "http://x/", "    assert: ['1 +']", "6:14: test[0].assert[0]: is not JavaScript"},
		{"no script in a mapping", "http://x/", "    assert:\n      - type: JS\n        value: |\n          let a = 1\n          let b = ;", "assert[0].value: is not JavaScript: line 2, column"},
		{"no pattern", "http://x/", "    assert: [{type: REGEXP, key: resp.data, value: '('}]", "assert[0].value: is not a regular expression"},
		{"no selector", "http://x/", "    extract: [{name: X, type: HTML, value: '[['}]", "extract[0].value: is not a CSS selector"},
		{"no pattern to extract", "http://x/", "    extract: [{name: X, type: REGEXP, value: '('}]", "extract[0].value: is not a regular expression"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(step("POST", tc.url, tc.rest)))
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	_, opts := service(t, echoService)
	for _, tc := range []struct{ name, url, rest, want string }{
		{"placeholder in the url", "{{BASE_URL}}/users/<<userId>>", "", "<<userId>> is not filled in: set the variable userId"},
		{"no host", "/users", "", "check the variable BASE_URL"},
		{"another scheme", "ftp://127.0.0.1/x", "", "must start with http:// or https://"},
		{"not a url", "http://a b/", "", "cannot be parsed"},
		{"bad boundary", "{{BASE_URL}}/echo", "      headers: [{name: Content-Type, value: 'multipart/form-data; boundary=\"a\\tb\"'}]\n      form: [{name: f, value: v}]", "form: "},
		{"bad header", "{{BASE_URL}}/echo", "      headers: [{name: 'a b', value: v}]", "invalid header field name"},
		{"closed port", "http://127.0.0.1:1/", "", "refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := run(t, step("POST", tc.url, tc.rest), append(opts, AllowHosts("127.0.0.1:1", "127.0.0.1"))...)
			assert.False(t, res.Success)
			got := res.Results[0][0]
			assert.Empty(t, got.Assertions)
			assert.Nil(t, got.Response)
			assert.ErrorContains(t, got.Err, tc.want)
		})
	}
}

func TestExtractors(t *testing.T) {
	base, opts := service(t, echoService)
	for _, tc := range []struct {
		name, path, kind, value string
		want                    any
		fault                   string
	}{
		{"a path", "/json", "VALUE", "resp.data.a.list[1]", "two", ""},
		{"the status", "/json", "VALUE", "status", 200, ""},
		{"a header", "/json", "VALUE", "resp.headers['x-kind']", "plain", ""},
		{"another variable", "/json", "VALUE", "BASE_URL", base, ""},
		{"the context", "/json", "VALUE", "ctx.envVars.BASE_URL", base, ""},
		{"every digit of a large number", "/json", "VALUE", "resp.data.big", 9007199254740993, ""},
		{"nothing", "/json", "VALUE", "resp.data.missing", nil, ""},
		{"the duration", "/json", "JS", "typeof resp.duration", "number", ""},
		{"a script", "/json", "JS", "resp.data.name.toUpperCase()", "ANN", ""},
		{"a script keeps the order of keys", "/json", "JS", "Object.keys(resp.data).join()", "z,a,big,name", ""},
		{"a script that gives null", "/json", "JS", "null", nil, ""},
		{"a script that gives a fraction", "/json", "JS", "1/4", 0.25, ""},
		{"a script that gives a list", "/json", "JS", "[1]", nil, "the result is an object"},
		{"a script that throws", "/json", "JS", "resp.data.a.b.c", nil, "cannot read property"},
		{"a regular expression", "/text", "REGEXP", "token=[a-z0-9]+", "token=abc123", ""},
		{"a lookbehind", "/text", "REGEXP", "(?<=token=)\\\\w+", "abc123", ""},
		{"a regular expression without match", "/text", "REGEXP", "nope", "", ""},
		{"a regular expression over compact JSON", "/json", "REGEXP", "\"a\":.\"list\":.1", `"a":{"list":[1`, ""},
		{"an element", "/html", "HTML", "#who", "Ann &amp; <i>Bob</i>", ""},
		{"an element of a fragment", "/rows", "HTML", "td.x", "1", ""},
		{"no element", "/html", "HTML", "#nobody", nil, "matches nothing"},
		{"a template", "/json", "JS", "\"{{NOTE}}\"", "hi", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := &Config{ID: "t", Test: []Step{{
				Request: Request{Method: "GET", URL: base + tc.path},
				Extract: []Extractor{{Name: "X", Type: ExtractorType(tc.kind), Value: strings.ReplaceAll(tc.value, `\\`, `\`)}},
				Assert:  []Assertion{JS("true")},
			}}}
			res, err := Run(t.Context(), cfg, append(opts, WithEnv(map[string]string{"NOTE": "hi"}))...)
			require.NoError(t, err)
			got := res.Results[0][0]
			if tc.fault != "" {
				assert.ErrorContains(t, got.Err, "extract X: ")
				assert.ErrorContains(t, got.Err, tc.fault)
				assert.False(t, got.Success)
				return
			}
			require.NoError(t, got.Err)
			assert.Equal(t, tc.want, got.Variables["X"])
		})
	}
}

func TestAssertions(t *testing.T) {
	base, opts := service(t, echoService)
	for _, tc := range []struct {
		name  string
		a     Assertion
		holds bool
		text  string // part of the failure
	}{
		{"equal", Equal("resp.status", 200), true, ""},
		{"a string is not a number", Equal("resp.status", "200"), false, `expected resp.status is "200"; resp.status is 200`},
		{"a template gives a string", Equal("resp.data.name", "{{NAME}}"), true, ""},
		{"a float is the same number", Equal("resp.status", 200.0), true, ""},
		{"one of a list", OneOf("resp.status", 201, 200), true, ""},
		{"a list compares loosely", OneOf("resp.status", "200"), true, ""},
		{"none of a list", OneOf("resp.status", 401, 403), false, "expected resp.status is one of 401, 403; resp.status is 200"},
		{"a missing value", Equal("resp.data.missing", "x"), false, "resp.data.missing is missing"},
		{"an object never equals", Equal("resp.data.a", "x"), false, `resp.data.a is {"list":[1,"two",null]}`},
		{"a key with a template", Equal("resp.data.{{FIELD}}", "Ann"), true, ""},
		{"a regular expression", Matches("resp.data.name", "^A.n$"), true, ""},
		{"a regular expression that fails", Matches("resp.data.name", "^B"), false, `expected resp.data.name matches /^B/; resp.data.name is "Ann"`},
		{"a regular expression on a number", Matches("resp.status", "^2"), true, ""},
		{"a regular expression on nothing", Matches("resp.data.missing", "undefined|.*"), false, "is missing"},
		{"a script", JS("resp.data.a.list.length === 3"), true, ""},
		{"a script with a variable", Expr("NAME === 'Ann' && '{{NAME}}' === NAME"), true, ""},
		{"a script that gives an object", Expr("resp.data.a"), true, ""},
		{"a script that gives nothing", Expr("resp.headers['x-none']"), false, "expected resp.headers['x-none']"},
		{"a described script", Assertion{Description: "is seven", Type: AssertJS, Value: "7 === 8"}, false, "is seven (expected 7 === 8; the response is 200 OK: {"},
		{"the duration", Expr("resp.duration >= 0 && resp.duration < 60000"), true, ""},
		{"the request", Expr("resp.config.method === 'get' && resp.config.url.endsWith('/json') && resp.statusText === 'OK'"), true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := &Config{ID: "t", Test: []Step{{Request: Request{Method: "GET", URL: base + "/json"}, Assert: []Assertion{tc.a}}}}
			res, err := Run(t.Context(), cfg, append(opts, WithEnv(map[string]string{"NAME": "Ann", "FIELD": "name"}))...)
			require.NoError(t, err)
			got := res.Results[0][0]
			require.NoError(t, got.Err)
			assert.Equal(t, []bool{tc.holds}, got.Assertions)
			assert.Equal(t, tc.holds, res.Success)
			if !tc.holds {
				require.Len(t, got.Failures, 1)
				assert.Contains(t, got.Failures[0].String(), tc.text)
			}
		})
	}
}

func TestAnAssertionThatThrowsFails(t *testing.T) {
	base, opts := service(t, echoService)
	res := run(t, step("GET", base+"/json", "    assert: ['nope.x', 'true', 'resp.data.a.b.c', {type: REGEXP, key: resp.status, value: '{{PATTERN}}'}]"),
		append(opts, WithEnv(map[string]string{"PATTERN": "("}))...)
	got := res.Results[0][0]
	assert.Equal(t, []bool{false, true, false, false}, got.Assertions)
	assert.ErrorContains(t, got.Err, "assert 1: script: ReferenceError: 'nope' is not defined")
	assert.ErrorContains(t, got.Err, "assert 3: script: TypeError")
	assert.ErrorContains(t, got.Err, "assert 4: script: SyntaxError")
}

func TestEnvIsResolvedInOrder(t *testing.T) {
	base, opts := service(t, echoService)
	text := "id: t\nenv:\n" +
		"  - {name: HOST, value: '{{default HOST \"other\"}}'}\n" +
		"  - {name: A, value: '{{HOST}}&{{global.TOKEN}}'}\n" +
		"  - {name: B, value: '{{A}}{{LATER}}'}\n" +
		"  - {name: LATER, value: 1.50}\n" +
		"  - {name: OVER, value: test}\n" +
		strings.TrimPrefix(step("GET", base+"/json", ""), "id: t\n")
	res := run(t, text, append(opts, WithEnv(map[string]string{"HOST": "mine", "OVER": "caller"}), WithGlobalEnv(map[string]string{"TOKEN": "'g'"}))...)
	vars := res.Results[0][0].Variables
	assert.Equal(t, "mine&'g'", vars["A"])
	assert.Equal(t, "mine&'g'", vars["B"])
	assert.Equal(t, "1.50", vars["LATER"])
	assert.Equal(t, "test", vars["OVER"])

	_, err := Parse([]byte("id: t\nenv: [{name: A, value: '{{'}]\n" + strings.TrimPrefix(step("GET", base, ""), "id: t\n")))
	assert.ErrorContains(t, err, "2:24: env[0].value: template")
}

func TestTimeouts(t *testing.T) {
	hang := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})}
	cfg := &Config{ID: "t", Test: []Step{{Request: Request{Method: "GET", URL: "http://example.test/"}}}}
	t.Run("step", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			started := time.Now()
			res, err := Run(t.Context(), cfg, AllowHosts("example.test"), WithHTTPClient(hang))
			require.NoError(t, err)
			assert.ErrorContains(t, res.Results[0][0].Err, "no complete response within 10s")
			assert.Equal(t, 10*time.Second, time.Since(started))
		})
	})
	t.Run("context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
			defer cancel()
			res, err := Run(ctx, cfg, AllowHosts("example.test"), WithHTTPClient(hang), WithStepTimeout(time.Minute))
			assert.ErrorContains(t, err, "enough")
			require.NotNil(t, res)
			assert.False(t, res.Success)
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
