package capture

import (
	"hash/maphash"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// times returns how many of n traces of a status, evenly distributed over d, a sampler keeps.
func times(s *sampler, status, n int, d time.Duration, now *time.Time) (kept int) {
	for range n {
		*now = now.Add(d / time.Duration(n))
		if s.keep(1, status, *now) {
			kept++
		}
	}
	return kept
}

func TestSampling(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newSampler(DefaultSampling(), now)
	assert.Equal(t, 100, times(&s, 200, 100, time.Millisecond, &now), "the first 100 all")
	assert.InDelta(t, 100+100*10, times(&s, 200, 100_000, 10*time.Second, &now), 5, "then 100 a second")
	assert.Equal(t, 10, times(&s, 200, 10, 40*time.Second, &now), "one in 4 s in any case")

	quiet := newSampler(Sampling{First: 2, Interval: 4 * time.Second}, now)
	assert.Equal(t, 2, times(&quiet, 200, 100, time.Second, &now))
	assert.Equal(t, 10, times(&quiet, 200, 4000, 40*time.Second, &now), "one in 4 s, without a rate")
	assert.Equal(t, 2, times(&quiet, 302, 100, time.Second, &now), "each class of status by itself")

	none := newSampler(Sampling{}, now)
	assert.Zero(t, times(&none, 200, 1000, time.Hour, &now))
	all := newSampler(Sampling{all: true}, now)
	assert.Equal(t, 1000, times(&all, 200, 1000, time.Second, &now))
}

// On a route that also succeeds, more than half of the last 100 traces are successes.
func TestErrorsDoNotCrowdOutSuccesses(t *testing.T) {
	for name, row := range map[string]struct {
		errors   int // number of errors for each success
		interval time.Duration
		first    int // errors before the first success
	}{
		"as many":            {1, 10 * time.Millisecond, 0},
		"a hundred times":    {100, 10 * time.Millisecond, 0},
		"a storm":            {1000, 100 * time.Microsecond, 0},
		"slowly":             {5, time.Second, 0},
		"very slowly":        {3, 5 * time.Second, 0},
		"after many of them": {10, 10 * time.Millisecond, 500},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			s := newSampler(DefaultSampling(), now)
			var kept []int
			see := func(status int) {
				now = now.Add(row.interval)
				if s.keep(1, status, now) {
					kept = append(kept, status)
				}
			}
			for range row.first {
				see(500)
			}
			for range 400 {
				see(200)
				for i := range row.errors {
					see(400 + 100*(i%2))
				}
			}
			successes := 0
			for _, status := range kept[len(kept)-100:] {
				if status == 200 {
					successes++
				}
			}
			assert.Greater(t, successes, 50)
		})
	}
	now := time.Now()
	s := newSampler(DefaultSampling(), now)
	assert.GreaterOrEqual(t, times(&s, 500, 100, time.Second, &now), 100, "a route that only fails is seen")
}

func TestSamplesOfRoutesAreBounded(t *testing.T) {
	now := time.Now()
	s := newSampler(DefaultSampling(), now)
	for i := range 3 * maxRoutes {
		s.keep(uint64(i)+1, 200, now)
	}
	assert.LessOrEqual(t, len(s.routes), maxRoutes+1)
}

func TestRoutesOfPaths(t *testing.T) {
	seed := maphash.MakeSeed()
	of := func(route, path string) uint64 { return routeHash(seed, "GET", route, path) }
	for _, pair := range [][2]string{
		{"/users/1", "/users/22"},
		{"/users/9f8a7b6c", "/users/0a1b2c3d"},
		{"/f/3fa85f64-5717-4562-b3fc-2c963f66afa6/x", "/f/00000000-0000-0000-0000-000000000000/x"},
		{"/u/jane@example.com", "/u/joe@example.com"},
	} {
		assert.Equal(t, of("", pair[0]), of("", pair[1]), pair)
	}
	for _, pair := range [][2]string{{"/users", "/orders"}, {"/v1/users", "/v2/users"}, {"/a/b", "/a"}} {
		assert.NotEqual(t, of("", pair[0]), of("", pair[1]), pair)
	}
	assert.Equal(t, of("GET /users/{name}", "/users/jane"), of("GET /users/{name}", "/users/joe"))
	assert.NotEqual(t, routeHash(seed, "GET", "", "/a"), routeHash(seed, "PUT", "", "/a"))
}

// The pattern of the mux distinguishes routes, even if their paths look alike.
func TestTheRouteIsTheMuxPattern(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		r, err := New(clientFor(t, &c), WithAnyHost(), WithoutAgentConfig(), WithSampling(Sampling{First: 3}))
		assert.NoError(t, err)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /people/{name}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
		handler := r.Handler(mux)
		for _, name := range []string{"jane", "joe", "mary", "ann", "bob", "eve"} {
			handler.ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/people/"+name, http.NoBody))
		}
		s := end(t, r)
		assert.EqualValues(t, 3, s.Sent)
		assert.EqualValues(t, 3, s.SampledOut)
	})
}

func TestSkips(t *testing.T) {
	request := func(method, target, agent string) *http.Request {
		req := httptest.NewRequest(method, target, http.NoBody)
		req.Header.Set("User-Agent", agent)
		return req
	}
	for name, row := range map[string]struct {
		req     *http.Request
		status  int
		skipped bool
	}{
		"a request":             {request("GET", "/users", "curl"), 200, false},
		"OPTIONS":               {request("OPTIONS", "/users", "curl"), 200, true},
		"404":                   {request("GET", "/users", "curl"), 404, true},
		"405":                   {request("GET", "/users", "curl"), 405, true},
		"403":                   {request("GET", "/users", "curl"), 403, false},
		"a health check":        {request("GET", "/healthz", "curl"), 200, true},
		"one in a folder":       {request("GET", "/actuator/health/liveness", "curl"), 200, true},
		"metrics":               {request("GET", "/metrics", "curl"), 200, true},
		"a probe":               {request("GET", "/users", "kube-probe/1.29"), 200, true},
		"a probe in other case": {request("GET", "/users", "KUBE-PROBE/1.29"), 200, true},
		"a load balancer":       {request("GET", "/", "ELB-HealthChecker/2.0"), 200, true},
		"a style sheet":         {request("GET", "/assets/a.CSS", "curl"), 200, true},
		"an image":              {request("HEAD", "/a.png", "curl"), 200, true},
		"an upload of an image": {request("PUT", "/a.png", "curl"), 200, false},
		"a dotted id":           {request("GET", "/files/report.v2", "curl"), 200, false},
		"another health":        {request("GET", "/healthy-food", "curl"), 200, false},
		"an untracked method":   {request("PROPFIND", "/users", "curl"), 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			count := func(opts ...Option) Stats {
				var c collector
				r := recorderFor(t, &c, append(opts, WithoutSampling())...)
				r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(row.status) })).
					ServeHTTP(discardWriter{http.Header{}}, row.req)
				finish(t, r, &c)
				return r.Stats()
			}
			s := count()
			assert.Equal(t, row.skipped, s.Skipped == 1, "%+v", s)
			assert.Equal(t, !row.skipped, s.Sent == 1, "%+v", s)
			if row.req.Method != "PROPFIND" {
				assert.EqualValues(t, 1, count(WithSkips(Skips{})).Sent, "each can be changed")
			}
			assert.EqualValues(t, 1, count(WithSkips(Skips{Func: func(*http.Request) bool { return true }})).Skipped)
		})
	}
	skips := DefaultSkips()
	skips.Methods[0] = "GET"
	assert.Equal(t, []string{"OPTIONS"}, DefaultSkips().Methods, "each call returns its own")
}

// TestEndpointsBehindACatchAllAreSampledApart compares the sampling keys of requests behind one route.
func TestEndpointsBehindACatchAllAreSampledApart(t *testing.T) {
	seed := maphash.MakeSeed()
	for _, route := range []string{"", "/", "GET /api/", "/api/{rest...}", "/api/*path", "/*"} {
		users := routeHash(seed, "GET", route, "/api/users/1")
		assert.Equal(t, users, routeHash(seed, "GET", route, "/api/users/2"), route)
		assert.NotEqual(t, users, routeHash(seed, "GET", route, "/api/payments/1"), route)
		assert.NotEqual(t, users, routeHash(seed, "POST", route, "/api/users/1"), route)
	}
	assert.Equal(t, routeHash(seed, "GET", "/api/{kind}", "/api/users"), routeHash(seed, "GET", "/api/{kind}", "/api/payments"))
}
