package apitest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

// strict returns options of a run against a service, without Lenient.
func strict(t *testing.T, h http.HandlerFunc) (string, []Option) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL, []Option{AllowHosts(srv.URL), WithEnv(map[string]string{"BASE_URL": srv.URL}), patient}
}

// TestEveryByteOfAPayloadArrives sends each byte in the query of a URL, written in the file and as a variable.
func TestEveryByteOfAPayloadArrives(t *testing.T) {
	var got atomic.Value
	base, opts := strict(t, func(_ http.ResponseWriter, r *http.Request) { got.Store(r.URL.Query().Get("q")) })
	var payloads []string
	for b := range 256 {
		payloads = append(payloads, "a"+string(rune(b))+"z")
	}
	payloads = append(payloads, "' OR 1=1 --", "\"><script>alert(1)</script>", "1; DROP TABLE x #", "\r\nX-Injected: 1", "日本😀", "100%", "%zz", " lead and trail ", "<<SCRIPT>>x<</SCRIPT>>")
	for _, payload := range payloads {
		cfg := &Config{ID: "t", Test: []Step{{
			Request: Request{Method: "GET", URL: base + "/echo?q={{P}}"}, Payload: []Payload{{"P", "L"}}, Assert: []Assertion{Equal("resp.status", 200)},
		}}}
		res, err := Run(t.Context(), cfg, append(opts, WithPayloads("L", payload))...)
		require.NoError(t, err)
		require.Equal(t, Passed, res.Outcome, "%q\n%s", payload, res)
		assert.Equal(t, payload, got.Load(), "%q", payload)
	}
	for written, want := range map[string]string{"' OR 1=1 --": "' OR 1=1 --", "%27%20x": "' x", "1; DROP": "1; DROP", "a#b": "a#b", "é\"<>": "é\"<>"} {
		cfg := &Config{ID: "t", Test: []Step{get(base+"/echo?q="+written, Equal("resp.status", 200))}}
		res, err := Run(t.Context(), cfg, opts...)
		require.NoError(t, err)
		require.Equal(t, Passed, res.Outcome, res)
		assert.Equal(t, want, got.Load())
	}
}

func TestInconclusive(t *testing.T) {
	_, opts := strict(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/login", http.StatusFound)
		case "/old":
			http.Redirect(w, r, "/new", http.StatusFound)
		case "/slash":
			http.Redirect(w, r, "/slash/", http.StatusMovedPermanently)
		case "/missing":
			http.NotFound(w, r)
		case "/login", "/slash/", "/new":
			_, _ = w.Write([]byte("a page"))
		case "/401":
			w.WriteHeader(401)
		default:
			echoService(w, r)
		}
	})
	opts = append(opts, WithEnv(map[string]string{"EMPTY": "", "OPEN": "<<OPEN>>", "TOKEN": "tok-1"}), WithPayloads("NONE"))
	follow := "      followRedirects: "
	for _, tc := range []struct {
		name, method, url, rest string
		lenient, want           Outcome
		reason                  string
	}{
		{"all is well", "GET", "/json", "    assert: [resp.status == 200]", Passed, Passed, ""},
		{"no assertion", "GET", "/json", "", Passed, Inconclusive, "the test has no assertion"},
		{"a misspelt variable", "GET", "/json?x={{TOKNE}}", "    assert: [resp.status == 200]", Passed, Inconclusive, "url: the variable TOKNE is not set; did you mean TOKEN?; nothing was sent"},
		{"an empty variable in the url", "GET", "/json?x={{EMPTY}}", "    assert: [resp.status == 200]", Passed, Inconclusive, "the variable EMPTY is empty"},
		{"a default for it", "GET", "/json?x={{default EMPTY \"\"}}", "    assert: [resp.status == 200]", Passed, Passed, ""},
		{"a missing credential", "GET", "/json", "      headers: [{name: Authorization, value: 'Bearer {{global.KEY}}'}]\n    assert: [resp.status == 200]", Passed, Inconclusive, "header Authorization: the variable global.KEY is not set"},
		{"an open placeholder", "GET", "/json", "      query: [{name: q, value: '{{OPEN}}'}]\n    assert: [resp.status == 200]", Passed, Inconclusive, "query q: the variable OPEN is not filled in"},
		{"a placeholder in the body", "POST", "/echo", "      data: 'a <<ID>>'\n    assert: [resp.status == 200]", Passed, Inconclusive, "data: <<ID>> is not filled in"},
		{"an empty extract", "GET", "/json", "    extract: [{name: X, value: resp.data.none}]\n    assert: [resp.status == 200]", Passed, Inconclusive, `extract X: "resp.data.none" finds nothing in the response (status 200)`},
		{"an element that is not there", "GET", "/html", "    extract: [{name: X, type: HTML, value: '#none'}]\n    assert: [resp.status == 200]", Failed, Inconclusive, "matches nothing"},
		{"a failed assertion beside it", "GET", "/json", "    extract: [{name: X, value: resp.data.none}]\n    assert: [resp.status == 201]", Failed, Failed, "expected resp.status == 201; the response is 200 OK: {"},
		{"a misspelt key", "GET", "/json", "    assert: [{key: rsp.status, value: 200}]", Failed, Inconclusive, "the variable rsp is not set"},
		{"an unknown variable in a script", "GET", "/json", "    assert: [resp.status == EXPECTD]", Failed, Inconclusive, "'EXPECTD' is not defined"},
		{"an unknown variable in a value", "GET", "/json", "    assert: [{key: resp.data.name, value: '{{NAEM}}'}]", Failed, Inconclusive, "assert 1: the variable NAEM is not set"},
		{"an assignment", "GET", "/json", "    assert: [resp.status = 200]", Failed, Failed, "to compare, write == or ==="},
		{"a redirect elsewhere", "GET", "/moved", "    assert: [resp.headers]", Passed, Inconclusive, "a redirect led to /login, which is a login page"},
		{"an expected redirect", "GET", "/old", follow + "true\n    assert: ['!!resp.headers']", Passed, Passed, ""},
		{"an expected redirect to a login page", "GET", "/moved", follow + "true\n    assert: [resp.status == 200]", Passed, Inconclusive, "which is a login page"},
		{"the redirect itself", "GET", "/moved", follow + "false\n    assert: [resp.status == 302]", Passed, Passed, ""},
		{"a redirect to a slash", "GET", "/slash", "    assert: ['!!resp.headers']", Passed, Passed, ""},
		{"a header on a page that is not there", "GET", "/missing", "    assert: [\"resp.headers['content-type']\"]", Passed, Inconclusive, "the service answered 404 Not Found, so the endpoint was not reached"},
		{"404 as one of several refusals", "GET", "/missing", "    assert: [{key: resp.status, value: [401, 404]}]", Passed, Inconclusive, "no step of this test got a response below 400"},
		{"404 as what is asked for", "GET", "/missing", "    assert: [{key: resp.status, value: 404}]", Passed, Passed, ""},
		{"401 as what is asked for", "GET", "/401", "    assert: [{key: resp.status, value: [401, 403]}]", Passed, Passed, ""},
		{"anything but a crash, unauthenticated", "GET", "/401", "    assert: [resp.status < 500]", Passed, Inconclusive, "status 401 may mean that the endpoint was not reached"},
		{"an empty payload list", "GET", "/json?x={{P}}", "    payload: [{key: P, value: NONE}]\n    assert: [resp.status == 200]", Passed, Inconclusive, "step 1 was not sent: its payload list NONE is empty"},
		{"a pattern that backtracks", "GET", "/json", "    assert: ['/^(a+)+$/.test(\"" + strings.Repeat("a", 40) + "b\")']", Failed, Inconclusive, "script limit exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for want, mode := range map[string][]Option{"strict": nil, "lenient": {Lenient()}} {
				opts := append(append(opts, WithScriptLimits(2*time.Second, 64<<20)), mode...)
				res := run(t, step(tc.method, "{{BASE_URL}}"+tc.url, tc.rest), opts...)
				if want == "lenient" {
					assert.Equal(t, tc.lenient, res.Outcome, "lenient\n%s", res)
					continue
				}
				assert.Equal(t, tc.want, res.Outcome, res)
				assert.Equal(t, tc.want == Passed, res.Success)
				assert.Contains(t, strings.Join(allReasons(res), "\n"), tc.reason)
			}
		})
	}
}

func TestWithEnvWinsOverAPlaceholder(t *testing.T) {
	base, opts := strict(t, echoService)
	cfg := &Config{ID: "t", Env: []KeyValue{{"ID", "<<ID>>"}, {"KEY", "{{global.KEY}}"}, {"FIXED", "file"}}, Test: []Step{{
		Request: Request{Method: "POST", URL: base + "/echo?id={{ID}}&f={{FIXED}}", Headers: []KeyValue{{"X-Test", "{{KEY}}"}}},
		Assert:  []Assertion{Equal("resp.data.query", "?id=7&f=file"), Equal("resp.data.headers['x-test']", "k")},
	}}}
	assert.Equal(t, []string{"ID", "global.KEY"}, cfg.Placeholders())
	given := WithEnv(map[string]string{"ID": "7", "KEY": "k", "FIXED": "caller"})
	assert.Empty(t, cfg.Placeholders(given))
	res, err := Run(t.Context(), cfg, append(opts, given)...)
	require.NoError(t, err)
	assert.Equal(t, Passed, res.Outcome, res)
}

func TestSetAndFill(t *testing.T) {
	cfg := &Config{ID: "t", Env: []KeyValue{{"ID", "<<ID>>"}}, Test: []Step{{
		Request: Request{Method: "GET", URL: "http://x/{{ID}}/{{NAME}}", Data: "{{global.G}}"},
		Payload: []Payload{{"P", "MINE"}}, Extract: []Extractor{{Name: "LATER", Value: "resp.data"}},
	}, {Request: Request{Method: "GET", URL: "http://x/{{LATER}}{{P}}"}, Assert: []Assertion{Expr("ID === LATER")}}}}
	assert.Equal(t, []string{"ID", "NAME", "global.G", "payload MINE"}, cfg.Placeholders())
	require.NoError(t, cfg.Set("ID", "{{literal}}"))
	err := cfg.Set("NAEM", "x")
	require.ErrorIs(t, err, ErrUnknownVariable)
	assert.ErrorContains(t, err, "did you mean NAME?")
	cfg.Fill(map[string]string{"NAME": "n", "OTHER": "o"})
	assert.Equal(t, []string{"global.G", "payload MINE"}, cfg.Placeholders())
	assert.Empty(t, cfg.Placeholders(WithGlobals([]metlo.EnvVariable{{Name: "G", Value: metlo.NewSecret("g")}}), WithPayloads("MINE", "x")))
	require.NoError(t, cfg.Validate())
	assert.Len(t, cfg.Env, 2)
}

// TestIdentitiesKeepTheirCookiesApart runs steps of several identities against a service that sets session cookies.
func TestIdentitiesKeepTheirCookiesApart(t *testing.T) {
	base, opts := strict(t, func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-Api-Key")
		if c, err := r.Cookie("sid"); err == nil {
			user = c.Value
		}
		if user == "" {
			w.WriteHeader(401)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: user, Path: "/"})
		_, _ = w.Write([]byte(user))
	})
	as := func(key string, list ...Assertion) Step {
		s := get(base+"/", list...)
		if key != "" {
			s.Request.Headers = []KeyValue{{"X-Api-Key", key}}
		}
		return s
	}
	steps := []Step{as("ann", Equal("resp.data", "ann")), as("", Equal("resp.status", 401)), as("bob", Equal("resp.data", "bob"))}
	for _, tc := range []struct {
		tags []string
		mode CookieMode
		want Outcome
	}{
		{nil, "", Failed},
		{[]string{"BOLA"}, "", Passed},
		{[]string{"BROKEN_AUTHENTICATION"}, "", Passed},
		{[]string{"BOLA"}, CookiesShared, Failed},
		{nil, CookiesPerIdentity, Passed},
		{nil, CookiesNone, Passed},
	} {
		cfg := viaFile(t, &Config{ID: "t", Meta: &Meta{Tags: tc.tags}, Cookies: tc.mode, Test: steps})
		assert.Equal(t, tc.mode, cfg.Cookies)
		res, err := Run(t.Context(), cfg, opts...)
		require.NoError(t, err)
		assert.Equal(t, tc.want, res.Outcome, "%v %s\n%s", tc.tags, tc.mode, res)
	}
}

func TestRetries(t *testing.T) {
	for _, tc := range []struct {
		name     string
		failures int32
		retry    int
		want     Outcome
		attempts int
	}{
		{"a step that recovers", 2, 2, Passed, 3},
		{"a step that does not", 9, 1, Failed, 2},
		{"no retry", 1, 0, Failed, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hits atomic.Int32
				flaky := handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if hits.Add(1) <= tc.failures {
						w.WriteHeader(503)
					}
				})}
				s := get("http://flaky.test/", Equal("resp.status", 200))
				s.Retry = tc.retry
				res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{s}}, AllowHosts("flaky.test"), patient, WithHTTPClient(&http.Client{Transport: flaky}))
				require.NoError(t, err)
				assert.Equal(t, tc.want, res.Outcome, res)
				assert.Equal(t, tc.attempts, res.Results[0][0].Attempts)
			})
		})
	}
}

func TestTimeLimits(t *testing.T) {
	hang := WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})})
	synctest.Test(t, func(t *testing.T) {
		s := get("http://slow.test/", Expr("true"))
		s.Timeout = 3 * time.Second
		begun := time.Now()
		res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{s}}, AllowHosts("slow.test"), hang)
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, time.Since(begun))
		assert.Equal(t, Failed, res.Outcome, "a service that does not answer is red")
		assert.ErrorIs(t, res.Results[0][0].Err, context.DeadlineExceeded)
	})
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{get("http://slow.test/", Expr("true"))}}, AllowHosts("slow.test"), hang, WithRunTimeout(time.Second))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "the test took longer than 1s")
		assert.Equal(t, time.Second, time.Since(begun))
		assert.NotEqual(t, Passed, res.Outcome)
	})
}

func TestRunAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, peak atomic.Int32
		slow := WithHTTPClient(&http.Client{Transport: handlerTransport{http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if n := now.Add(1); n > peak.Load() {
				peak.Store(n)
			}
			<-time.After(time.Second)
			now.Add(-1)
		})}})
		var tests []*Config
		for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
			tests = append(tests, &Config{ID: id, Test: []Step{get("http://slow.test/", Equal("resp.status", 200))}})
		}
		tests[4] = &Config{ID: "broken"}
		begun := time.Now()
		results, err := RunAll(t.Context(), tests, AllowHosts("slow.test"), slow, patient, WithParallel(3))
		assert.ErrorContains(t, err, "test broken: test: has no step")
		assert.Equal(t, VerdictInconclusive, results[4].Verdict)
		assert.Contains(t, results[4].Reasons[0], "could not run: test: has no step")
		assert.EqualValues(t, 3, peak.Load())
		assert.Equal(t, 2*time.Second, time.Since(begun))
		require.Len(t, results, 6)
		for i, id := range []string{"a", "b", "c", "d"} {
			assert.Equal(t, id, results[i].Test.ID)
			assert.Equal(t, Passed, results[i].Outcome, results[i])
		}
		assert.Equal(t, Inconclusive, Summarize(results...))
		assert.Equal(t, Passed, Summarize(results[0]))
		assert.Equal(t, Inconclusive, Summarize())
	})
}

func TestRateLimitPerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := WithHTTPClient(&http.Client{Transport: handlerTransport{http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}})
		ok := Equal("resp.status", 200)
		cfg := &Config{ID: "t", Test: []Step{get("http://a.test/", ok), get("http://a.test/", ok), get("http://b.test/", ok), get("http://a.test/", ok)}}
		begun := time.Now()
		res, err := Run(t.Context(), cfg, AllowHosts("a.test", "b.test"), answer, patient, WithRateLimit(1, 1))
		require.NoError(t, err)
		assert.Equal(t, Passed, res.Outcome, res)
		assert.Equal(t, 2*time.Second, time.Since(begun), "b has a limit of its own")
		counting := &countingLimiter{}
		_, err = Run(t.Context(), cfg, AllowHosts("a.test", "b.test"), answer, patient, WithLimiter("A.test", counting))
		require.NoError(t, err)
		assert.Equal(t, 3, counting.n)
	})
}

type countingLimiter struct{ n int }

func (c *countingLimiter) Wait(context.Context) error { c.n++; return nil }

func TestPayloadFiles(t *testing.T) {
	base, opts := strict(t, echoService)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "XSS.txt"), []byte("\ufeff<script>\r\n\r\n<img>\n"), 0o600))
	cfg := &Config{ID: "t", Test: []Step{{
		Request: Request{Method: "GET", URL: base + "/json?q={{P}}"}, Payload: []Payload{{"P", "XSS"}}, Assert: []Assertion{Equal("resp.status", 200)},
	}}}
	for _, option := range []Option{WithPayloadDir(dir), WithPayloadFile("XSS", filepath.Join(dir, "XSS.txt"))} {
		res, err := Run(t.Context(), cfg, append(opts, option)...)
		require.NoError(t, err)
		require.Len(t, res.Results[0], 2)
		assert.Equal(t, "<script>", res.Results[0][0].Payload["P"])
		assert.Equal(t, "<img>", res.Results[0][1].Payload["P"])
	}
}

func TestFileNames(t *testing.T) {
	e := func(method metlo.RestMethod, path string) *metlo.TestEndpoint {
		return &metlo.TestEndpoint{Host: "Shop.example.com", Method: method, Path: path}
	}
	assert.Equal(t, "get-shop.example.com-orders-_orderId_-bola.yaml", FileName("BOLA", e("GET", "/orders/{orderId}")))
	assert.Equal(t, "get-shop.example.com-hsts.yaml", FileName("hsts", e("GET", "/")))
	seen := map[string]string{}
	for _, path := range []string{"/", "/a", "/{a}", "/_a_", "/a/b", "/a-b", "/a_b", "/a%2Fb", "/ä", "/" + strings.Repeat("x", 300), "/" + strings.Repeat("x", 301)} {
		name := FileName("BOLA", e("GET", path))
		assert.Equal(t, name, FileName("BOLA", e("GET", path)))
		assert.Empty(t, seen[name], "%s and %s", path, seen[name])
		assert.Regexp(t, `^[A-Za-z0-9._-]{1,170}\.yaml$`, name)
		seen[name] = path
	}
}

func TestTestingHostAndStepNumbers(t *testing.T) {
	rules, err := ParseTestingConfig(strings.Replace(demoRules, `authType = "header"`, `testingHost = "staging.example.com:8443", authType = "header"`, 1))
	require.NoError(t, err)
	cfg, err := Generate("VALIDATE_AUTH_RULES", demoEndpoint("/orders/{orderId}/items/{itemId}", nil, orderRef), rules)
	require.NoError(t, err)
	assert.Contains(t, cfg.Env, KeyValue{"BASE_URL", `{{default BASE_URL "https://staging.example.com:8443"}}`})
	assert.Equal(t, []string{"STEP_1_itemId", "STEP_2_itemId", "STEP_3_itemId", "STEP_4_itemId", "STEP_5_itemId"}, cfg.Placeholders())
	assert.Contains(t, cfg.Test[0].Request.URL, "{{STEP_1_itemId}}")
}

func TestResultsOfEveryKindMarshal(t *testing.T) {
	base, opts := strict(t, echoService)
	res := run(t, step("GET", base+"/json", `    extract:
      - {name: NAN, type: JS, value: 0/0}
      - {name: INF, type: JS, value: 1/0}
      - {name: SELF, value: ctx}
      - {name: AGAIN, value: ctx}
    assert: [resp.status == 200]`), opts...)
	raw, err := res.MarshalJSON()
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"NAN":null`)
	assert.Contains(t, string(raw), `"outcome":"passed"`)
}
