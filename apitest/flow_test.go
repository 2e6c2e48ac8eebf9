package apitest

import (
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

func get(u string, assertions ...Assertion) Step {
	return Step{Request: Request{Method: "GET", URL: u}, Assert: assertions}
}

func TestOtherHostsAreNeverCalled(t *testing.T) {
	var hits atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(other.Close)
	base, _ := service(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/home":
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	})
	host := strings.TrimPrefix(base, "http://")
	for _, tc := range []struct {
		name    string
		step    Step
		allow   []string
		refused string
	}{
		{"another port", get(other.URL), []string{base}, strings.TrimPrefix(other.URL, "http://")},
		{"a redirect", get(base + "/away"), []string{base}, strings.TrimPrefix(other.URL, "http://")},
		{"another scheme", get("https://" + host), []string{base}, host},
		{"no port", get(base), []string{"127.0.0.1"}, host},
		{"a Host header", Step{Request: Request{Method: "GET", URL: base, Headers: []KeyValue{{"Host", "evil.test"}}}}, []string{base}, "evil.test"},
		{"user info is not a host", get("http://" + host + "@evil.test/"), []string{base}, "evil.test"},
		{"allowed", get(base), []string{host}, ""},
		{"allowed by origin", get(base), []string{base + "/"}, ""},
		{"allowed redirect", get(base+"/home", Equal("resp.config.url", base+"/home"), Equal("resp.status", 200)), []string{base}, ""},
		{"allowed Host header", Step{Request: Request{Method: "GET", URL: base, Headers: []KeyValue{{"Host", "mine.test"}}}}, []string{base, "mine.test"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			later := get(base)
			res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{tc.step, later}}, AllowHosts(tc.allow...), patient, Lenient())
			if tc.refused == "" {
				require.NoError(t, err)
				assert.True(t, res.Success, res)
				return
			}
			require.ErrorIs(t, err, ErrHostNotAllowed)
			assert.ErrorContains(t, err, tc.refused+"; nothing was sent")
			if tc.name == "a redirect" {
				assert.ErrorContains(t, err, "the service redirects to")
			}
			assert.False(t, res.Success)
			assert.Len(t, res.Results, 1, "no later step may run")
		})
	}
	assert.Zero(t, hits.Load())
}

func TestOptionsAreChecked(t *testing.T) {
	cfg := &Config{ID: "t", Test: []Step{get("http://127.0.0.1:1/")}}
	allowed := AllowHosts("127.0.0.1:1")
	for name, tc := range map[string]struct {
		opts []Option
		want string
	}{
		"no host":        {nil, "no host is allowed"},
		"empty hosts":    {[]Option{AllowHosts()}, "no host is allowed"},
		"bad host":       {[]Option{AllowHosts("*")}, "no wildcards"},
		"global":         {[]Option{allowed, WithEnv(map[string]string{"global": "x"})}, "use WithGlobalEnv"},
		"unnamed list":   {[]Option{allowed, WithPayloads("")}, "needs a name"},
		"no file":        {[]Option{allowed, WithPayloadFile("X", "testdata/none.txt")}, "payload list X"},
		"no folder":      {[]Option{allowed, WithPayloadDir("testdata")}, "no file NAME.txt"},
		"nobody at work": {[]Option{allowed, WithParallel(0)}, "must be positive"},
		"cookie mode":    {[]Option{allowed, WithCookies("some")}, "CookiesPerIdentity"},
		"no rate":        {[]Option{allowed, WithRateLimit(0, 1)}, "must be positive"},
		"no limiter":     {[]Option{allowed, WithLimiter("", nil)}, "limiter is nil"},
		"retries":        {[]Option{allowed, WithRetry(-1)}, "must be positive"},
		"no run time":    {[]Option{allowed, WithRunTimeout(0)}, "must be positive"},
		"no client":      {[]Option{allowed, WithHTTPClient(nil)}, "is nil"},
		"no time":        {[]Option{allowed, WithStepTimeout(0)}, "must be positive"},
		"no script time": {[]Option{allowed, WithScriptLimits(0, 1<<20)}, "positive time"},
		"no memory":      {[]Option{allowed, WithScriptLimits(time.Second, 1)}, "at least 1 MiB"},
		"no requests":    {[]Option{allowed, WithMaxRequests(0)}, "must be positive"},
		"no response":    {[]Option{allowed, WithMaxResponseBytes(0)}, "must be positive"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(t.Context(), cfg, tc.opts...)
			assert.ErrorContains(t, err, tc.want)
		})
	}
	_, err := Run(t.Context(), nil, allowed)
	assert.ErrorContains(t, err, "nil")
	_, err = Run(t.Context(), &Config{ID: "t"}, allowed)
	assert.ErrorContains(t, err, "test: has no step")
}

func TestPayloads(t *testing.T) {
	var seen []string
	base, opts := service(t, func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Path+"?"+r.URL.RawQuery)
	})
	cfg := &Config{ID: "t", Test: []Step{
		{Request: Request{Method: "GET", URL: base + "/one", Query: []KeyValue{{"a", "{{A}}"}, {"b", "{{B}}"}}},
			Payload: []Payload{{"A", "LETTERS"}, {"B", "DIGITS"}},
			Extract: []Extractor{{Name: "SEEN", Type: ExtractJS, Value: "typeof SEEN"}},
			Assert:  []Assertion{Expr("SEEN === 'undefined'"), Expr("A !== 'y' || B !== '1'")}},
		get(base+"/two?{{A}}{{B}}", Expr("SEEN === 'undefined'")),
	}}
	lists := []Option{WithPayloads("LETTERS", "x", "y"), WithPayloads("DIGITS", "1", "2")}

	t.Run("every combination, each followed by all later steps", func(t *testing.T) {
		seen = nil
		res, err := Run(t.Context(), cfg, append(opts, lists...)...)
		require.NoError(t, err)
		assert.Equal(t, []string{
			"/one?a=x&b=1", "/two?x1", "/one?a=x&b=2", "/two?x2", "/one?a=y&b=1", "/two?y1", "/one?a=y&b=2", "/two?y2",
		}, seen)
		require.Len(t, res.Results[0], 4)
		require.Len(t, res.Results[1], 4)
		assert.Equal(t, map[string]string{"A": "y", "B": "1"}, res.Results[0][2].Payload)
		assert.False(t, res.Results[0][2].Success)
		assert.True(t, res.Results[1][3].Success, res)
		assert.False(t, res.Success)
	})
	t.Run("stopOnFailure stops the remaining combinations too", func(t *testing.T) {
		seen = nil
		stopping := *cfg
		stopping.StopOnFailure = true
		res, err := Run(t.Context(), &stopping, append(opts, lists...)...)
		require.NoError(t, err)
		assert.Len(t, seen, 5)
		assert.Equal(t, 2, res.AbortedAt)
	})
	t.Run("an unknown list is an error before anything is sent", func(t *testing.T) {
		seen = nil
		_, err := Run(t.Context(), cfg, append(opts, WithPayloads("LETTERS", "x"))...)
		require.ErrorIs(t, err, ErrUnknownPayload)
		assert.ErrorContains(t, err, `test[0].payload[1]: unknown payload list: "DIGITS": pass WithPayloads("DIGITS", …); known: LETTERS`)
		assert.Empty(t, seen)
	})
	t.Run("too many requests are an error before anything is sent", func(t *testing.T) {
		seen = nil
		_, err := Run(t.Context(), cfg, append(append(opts, lists...), WithMaxRequests(7))...)
		require.ErrorIs(t, err, ErrTooManyRequests)
		assert.Empty(t, seen)
		_, err = Run(t.Context(), cfg, append(append(opts, lists...), WithMaxRequests(8))...)
		require.NoError(t, err)
	})
	t.Run("the product does not overflow", func(t *testing.T) {
		many := &Config{ID: "t"}
		for range 70 {
			many.Test = append(many.Test, Step{Request: Request{Method: "GET", URL: base}, Payload: []Payload{{"A", "LETTERS"}}})
		}
		_, err := Run(t.Context(), many, append(opts, lists...)...)
		require.ErrorIs(t, err, ErrTooManyRequests)
	})
}

func TestStopOnFailure(t *testing.T) {
	base, opts := service(t, echoService)
	broken := get(base+"/json", JS("true"))
	broken.Extract = []Extractor{{Name: "X", Type: ExtractHTML, Value: "#nobody"}}
	for _, tc := range []struct {
		name    string
		first   Step
		aborted int
		results []bool
	}{
		{"at an assertion, which leaves the rest unevaluated", get(base+"/json", JS("true"), JS("false"), JS("throw 1")), 2, []bool{true, false, false}},
		{"at a transport error", get("http://127.0.0.1:1/", JS("true")), 0, []bool{}},
		{"at an extractor's error", broken, 0, []bool{true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := &Config{ID: "t", StopOnFailure: true, Test: []Step{tc.first, get(base + "/json")}}
			res, err := Run(t.Context(), cfg, append(opts, AllowHosts("127.0.0.1:1"))...)
			require.NoError(t, err)
			assert.False(t, res.Success)
			assert.Equal(t, tc.aborted, res.AbortedAt)
			require.Len(t, res.Results, 1)
			assert.Equal(t, tc.results, res.Results[0][0].Assertions)
			cfg.StopOnFailure = false
			res, err = Run(t.Context(), cfg, append(opts, AllowHosts("127.0.0.1:1"))...)
			require.NoError(t, err)
			assert.Len(t, res.Results, 2)
			assert.Zero(t, res.AbortedAt)
		})
	}
}

func TestCookies(t *testing.T) {
	base, opts := service(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/", HttpOnly: true, MaxAge: 60})
			http.SetCookie(w, &http.Cookie{Name: "area", Value: "a", Path: "/area"})
		case "/logout":
			http.SetCookie(w, &http.Cookie{Name: "sid", Path: "/", MaxAge: -1})
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	})
	other, _ := service(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Cookie")) })
	sends := func(want string) Assertion { return Equal("resp.data", want) }
	withCookie := func(path, cookie, want string) Step {
		s := get(base+path, sends(want))
		s.Request.Headers = []KeyValue{{"Cookie", cookie}}
		return s
	}
	// The jar separates host names, as browsers do: 127.0.0.1 and localhost differ.
	elsewhere := strings.Replace(other, "127.0.0.1", "localhost", 1)
	for _, tc := range []struct {
		name  string
		opts  []Option
		steps []Step
	}{
		{"are kept by path", nil, []Step{get(base+"/login", sends("")), get(base+"/x", sends("sid=s1")), get(base+"/area/x", sends("area=a; sid=s1"))}},
		{"end when the service says so", nil, []Step{get(base + "/login"), get(base + "/logout"), get(base+"/x", sends(""))}},
		{"stay on their host", nil, []Step{get(base + "/login"), get(elsewhere+"/x", sends(""))}},
		{"give way to a step's own", nil, []Step{get(base + "/login"), withCookie("/x", "sid=mine", "sid=mine"), get(base+"/x", sends("sid=s1"))}},
		{"join a step's own", nil, []Step{get(base + "/login"), withCookie("/x", "a=b", "a=b; sid=s1")}},
		{"of a step are its alone", nil, []Step{withCookie("/x", "a=b", "a=b"), get(base+"/x", sends(""))}},
		{"are forgotten on demand", []Option{WithCookies(CookiesNone)}, []Step{get(base + "/login"), get(base+"/x", sends(""))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all := append(append([]Option{AllowHosts(other, elsewhere)}, opts...), tc.opts...)
			res, err := Run(t.Context(), &Config{ID: "t", Test: tc.steps}, all...)
			require.NoError(t, err)
			assert.True(t, res.Success, res)
		})
	}
	t.Run("show in the result", func(t *testing.T) {
		res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{get(base + "/login")}}, opts...)
		require.NoError(t, err)
		host := strings.TrimPrefix(base, "http://")
		assert.Equal(t, "s1", res.Results[0][0].Cookies[host]["sid"])
	})
	t.Run("of a branch stay in it", func(t *testing.T) {
		cfg := &Config{ID: "t", Test: []Step{
			{Request: Request{Method: "GET", URL: base + "/{{P}}"}, Payload: []Payload{{"P", "PATHS"}}},
			get(base+"/x", Expr("P === 'login' ? resp.data === 'sid=s1' : resp.data === ''")),
		}}
		res, err := Run(t.Context(), cfg, append(opts, WithPayloads("PATHS", "login", "y"))...)
		require.NoError(t, err)
		assert.True(t, res.Success, res)
	})
}

func TestResponses(t *testing.T) {
	body := strings.Repeat("abc ", 1000)
	base, opts := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.Header().Add("Set-Cookie", "a=b")
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, body)
			_ = z.Close()
		case "/deflate":
			w.Header().Set("Content-Encoding", "deflate")
			z := zlib.NewWriter(w)
			_, _ = io.WriteString(z, body)
			_ = z.Close()
		case "/broken":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "not gzip at all")
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		case "/number":
			_, _ = io.WriteString(w, " 12 ")
		case "/almost":
			_, _ = io.WriteString(w, `{"a":1} tail`)
		case "/bom":
			_, _ = io.WriteString(w, "\ufeff{\"a\":1}")
		case "/bytes":
			_, _ = w.Write([]byte{0xff, 'a', 0xfe})
		default:
			_, _ = io.WriteString(w, body)
		}
	})
	accepting := func(path string, a ...Assertion) Step {
		s := get(base+path, a...)
		s.Request.Headers = []KeyValue{{"Accept-Encoding", "gzip, deflate"}}
		return s
	}
	for _, tc := range []struct {
		name  string
		step  Step
		fault string
	}{
		{"plain", get(base+"/", Expr("resp.data.length === 4000")), ""},
		{"gzip that the transport undoes", get(base+"/gzip", Expr("resp.data.length === 4000")), ""},
		{"gzip that the test asked for", accepting("/gzip", Expr("resp.data.length === 4000")), ""},
		{"deflate", accepting("/deflate", Expr("resp.data.length === 4000")), ""},
		{"broken gzip", accepting("/broken"), "decompress"},
		{"a body cut short", get(base + "/cut"), "unexpected EOF"},
		{"a number", get(base+"/number", Equal("resp.data", 12)), ""},
		{"JSON with a tail is text", get(base+"/almost", Equal("resp.data", `{"a":1} tail`)), ""},
		{"a byte order mark", get(base+"/bom", Equal("resp.data.a", 1)), ""},
		{"bytes that are no text", get(base+"/bytes", Expr("resp.data.length === 3"), Matches("resp.data", "a")), ""},
		{"HEAD", Step{Request: Request{Method: metlo.MethodHead, URL: base + "/gzip", Headers: []KeyValue{{"Accept-Encoding", "gzip"}}}, Assert: []Assertion{Equal("resp.data", "")}}, ""},
		{"headers", get(base+"/", Equal("resp.headers['x-two']", "1, 2"), Equal("resp.headers.set-cookie[0]", "a=b")), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{tc.step}}, opts...)
			require.NoError(t, err)
			if tc.fault != "" {
				assert.ErrorContains(t, res.Results[0][0].Err, tc.fault)
				return
			}
			assert.True(t, res.Success, res)
		})
	}
	t.Run("too long, also when compressed", func(t *testing.T) {
		for _, path := range []string{"/", "/gzip"} {
			res, err := Run(t.Context(), &Config{ID: "t", Test: []Step{accepting(path)}}, append(opts, WithMaxResponseBytes(3999))...)
			require.NoError(t, err)
			assert.ErrorContains(t, res.Results[0][0].Err, "longer than 3999 bytes")
		}
	})
}
