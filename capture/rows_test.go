package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// analyzed returns the traces without values that the collector accepted.
func (c *collector) analyzed(t testing.TB) (all []metlo.AnalyzedTrace) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, body := range c.bodies {
		var batch []metlo.AnalyzedTrace
		require.NoError(t, json.Unmarshal([]byte(body), &batch))
		all = append(all, batch...)
	}
	return all
}

// recorded serves a request behind a recorder for shop.example.com, and returns the sent traces.
func recorded(t *testing.T, handler http.Handler, req *http.Request, opts ...Option) ([]metlo.AnalyzedTrace, Stats) {
	t.Helper()
	var c collector
	r, err := New(clientFor(t, &c), append([]Option{WithHost(testHost), WithoutAgentConfig(), WithoutSampling()}, opts...)...)
	require.NoError(t, err)
	r.Handler(handler).ServeHTTP(httptest.NewRecorder(), req)
	require.NoError(t, r.Shutdown(t.Context()))
	return c.analyzed(t), r.Stats()
}

func request(method, target string) *http.Request {
	return httptest.NewRequest(method, "http://"+testHost+target, http.NoBody)
}

func TestTheTemplateSurvivesCopiesOfTheRequest(t *testing.T) {
	type key struct{}
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", ok)
	mux.HandleFunc("/", ok)
	copied := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
		})
	}
	nested := http.NewServeMux()
	nested.Handle("/shops/{shop}/", copied(http.StripPrefix("/shops/alice", Routes(mux))))
	for name, row := range map[string]struct {
		handler      http.Handler
		path, wanted string
	}{
		"WithContext":    {copied(Routes(mux)), "/users/alice", "/users/{id}"},
		"TimeoutHandler": {http.TimeoutHandler(Routes(mux), time.Minute, ""), "/users/alice", "/users/{id}"},
		"StripPrefix":    {http.StripPrefix("/api", copied(Routes(mux))), "/api/users/alice", "/api/users/{id}"},
		"an unknown prefix": {
			http.StripPrefix("/alice", Routes(mux)), "/alice/users/alice", "/{param1}/users/{id}",
		},
		"a mux within a mux": {Routes(nested), "/shops/alice/users/alice", "/shops/{shop}/users/{id}"},
		"a catch-all":        {Routes(mux), "/alice/users/x", "/{param1}/users/{param2}"},
		"nothing between":    {mux, "/users/alice", "/users/{id}"},
	} {
		t.Run(name, func(t *testing.T) {
			traces, _ := recorded(t, row.handler, request(http.MethodGet, row.path))
			require.Len(t, traces, 1)
			assert.Equal(t, row.wanted, traces[0].Request.URL.EndpointPath)
			assert.NotContains(t, traces[0].Request.URL.Path, "alice")
		})
	}
}

func TestHosts(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for host, want := range map[string]string{
		"shop.example.com": "shop.example.com", "SHOP.Example.com.": "shop.example.com", "shop.example.com:443": "shop.example.com", "shop.example.com:8080": "shop.example.com",
		"": "shop.example.com", "evil.example.com": "", "shop.example.com.evil.example": "", "x@shop.example.com": "", "\xff": "",
	} {
		req := request(http.MethodGet, "/users")
		req.Host = host
		traces, stats := recorded(t, handler, req)
		if want == "" {
			assert.Empty(t, traces, host)
			assert.Equal(t, SkipReasons{Host: 1}, stats.Reasons)
			continue
		}
		require.Len(t, traces, 1, host)
		assert.Equal(t, want, traces[0].Request.URL.Host)
	}
	for host, want := range map[string]string{"[::1]:80": "[::1]", "[::1]:81": "[::1]:81", "A.": "a", "a.:80": "a"} {
		assert.Equal(t, want, NormalizeHost(host))
	}
}

func TestEvidenceOfAuthentication(t *testing.T) {
	for name, row := range map[string]struct {
		header, value, query string
		status               int
		want                 metlo.TraceSession
	}{
		"none":              {"", "", "", 200, metlo.TraceSession{AuthenticationSuccessful: true}},
		"Basic":             {"Authorization", "Basic abc", "", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthBasic}},
		"a JWT":             {"Authorization", "Bearer a.b.c", "", 403, metlo.TraceSession{AuthenticationProvided: true, AuthType: metlo.AuthJWT}},
		"a token":           {"Authorization", "token", "", 401, metlo.TraceSession{AuthenticationProvided: true, AuthType: metlo.AuthHeader}},
		"a key":             {"X-Api-Key", "k", "", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthHeader}},
		"a session cookie":  {"Cookie", "theme=dark; JSESSIONID=x", "", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthSessionCookie}},
		"another cookie":    {"Cookie", "theme=dark; csrftoken=x; session=", "", 200, metlo.TraceSession{AuthenticationSuccessful: true}},
		"a parameter":       {"", "", "api_key=x", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthHeader}},
		"WithCredentials":   {"X-Customer", "k", "", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthHeader}},
		"a named cookie":    {"Cookie", "X-Customer=k", "", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthSessionCookie}},
		"a named parameter": {"", "", "x-customer=k", 200, metlo.TraceSession{AuthenticationProvided: true, AuthenticationSuccessful: true, AuthType: metlo.AuthHeader}},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(http.MethodGet, "/users?"+row.query)
			if row.header != "" {
				req.Header.Set(row.header, row.value)
			}
			row.want.User = "u-17"
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(row.status) })
			traces, _ := recorded(t, handler, req, WithCredentials("X-Customer"), WithUsers(func(*http.Request) string { return "u-17" }))
			require.Len(t, traces, 1)
			assert.Equal(t, &row.want, traces[0].Session)
		})
	}
	traces, stats := recorded(t, http.NotFoundHandler(), request(http.MethodGet, "/users"), WithSkips(Skips{}), WithUsers(func(*http.Request) string { panic("callback") }))
	assert.Empty(t, traces)
	assert.EqualValues(t, 1, stats.Reasons.Unrouted, "a 404 without a template")
}

// An outage of the network or of the collector's database for 8 s loses no traces.
func TestNothingIsLostInAnOutage(t *testing.T) {
	for name, failure := range map[string]func() (int, string, error){
		"the collector is gone": func() (int, string, error) {
			return 0, "", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		},
		"its database is stopped": func() (int, string, error) { return http.StatusUnauthorized, "Client unauthorized", nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				var log bytes.Buffer
				c := collector{answer: func(*http.Request) (int, string, error) {
					if down.Load() {
						return failure()
					}
					return http.StatusOK, "OK", nil
				}}
				r := startRecorder(t, &c, WithLogger(loggerTo(&log)))
				const perSecond = 100
				for second := range 60 {
					down.Store(second >= 20 && second < 28)
					serveN(r, perSecond)
					<-time.After(time.Second)
				}
				s := end(t, r)
				assert.Equal(t, Stats{Seen: 60 * perSecond, Sent: 60 * perSecond}, s)
				assert.Len(t, c.analyzed(t), 60*perSecond)
				assert.Equal(t, 1, strings.Count(log.String(), `msg="metlo: traces are sent again" lost=0`), log.String())
			})
		})
	}
}

func TestTheBatchUnderWayIsTriedOnceMoreAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		c := collector{answer: func(*http.Request) (int, string, error) {
			if down.Load() {
				return http.StatusUnauthorized, "Client unauthorized", nil
			}
			return http.StatusOK, "OK", nil
		}}
		r := startRecorder(t, &c)
		serveN(r, 10)
		<-time.After(2 * time.Second)
		down.Store(true)
		serveN(r, 250)
		<-time.After(10 * time.Second)
		down.Store(false)
		assert.EqualValues(t, 260, end(t, r).Sent)
	})
}

// The log contains the number of traces that an outage lost.
func TestAnOutageThatLosesSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var fails atomic.Int64
		c := collector{answer: func(*http.Request) (int, string, error) {
			if fails.Add(1) == 1 {
				return 0, "", errors.New("cut")
			}
			return http.StatusOK, "OK", nil
		}}
		r := startRecorder(t, &c, WithLogger(loggerTo(&log)))
		serveN(r, 7)
		<-time.After(5 * time.Second)
		serveN(r, 3)
		s := end(t, r)
		assert.Equal(t, Stats{Seen: 10, Sent: 3, Unknown: 7}, s)
		assert.Contains(t, log.String(), "lost=7")
	})
}

func TestEachShutdownSaysWhatBecameOfTheTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collector{answer: func(r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		}}
		r := startRecorder(t, &c)
		serveN(r, 250)
		var work sync.WaitGroup
		var patient error
		work.Go(func() { patient = r.Shutdown(context.Background()) })
		synctest.Wait()
		shutDown(r)
		work.Wait()
		assert.ErrorContains(t, patient, "150 traces that waited were dropped")
	})
}

// A goroutine that outlives its handler may parse the form. The race detector finds conflicts.
func TestAHandlersGoroutineMayParseTheForm(t *testing.T) {
	var work sync.WaitGroup
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		work.Go(func() { _ = r.FormValue("a") })
	})
	for range 100 {
		recorded(t, handler, request(http.MethodGet, "/users?a=b"))
	}
	work.Wait()
}

func TestLongHeadsCountAsMemory(t *testing.T) {
	r := recorderFor(t, &collector{}, WithoutSampling(), WithQueueBytes(256<<10))
	var used []int64
	handler := r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { used = append(used, r.budget.used.Load()) }))
	for range 5 {
		handler.ServeHTTP(discardWriter{http.Header{}}, request(http.MethodGet, "/"+strings.Repeat("x", 100<<10)))
	}
	assert.Greater(t, used[0], int64(90<<10))
	s := r.Stats()
	assert.Positive(t, s.Drops.QueueFull)
	assert.LessOrEqual(t, s.QueuedBytes, int64(256<<10))
}

// segments counts the writes of a connection.
type segments struct {
	net.Conn
	n *atomic.Int64
}

func (s segments) Write(p []byte) (int, error) {
	s.n.Add(1)
	return s.Conn.Write(p)
}

func TestTheTransportSendsAShortPOSTInOneSegment(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	var n atomic.Int64
	var c collector
	r := recorderFor(t, &c)
	client := &http.Client{Transport: r.Transport(&http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return segments{conn, &n}, err
	}})}
	resp, err := client.Post(server.URL+"/orders", "application/json", strings.NewReader(`{"sku":"A1"}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	client.CloseIdleConnections()
	assert.EqualValues(t, 1, n.Load())
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	assert.Equal(t, `{"sku":"A1"}`, traces[0].Request.Body)
}

// brokenWriter fails at times in the middle of a line.
type brokenWriter struct {
	bytes.Buffer
	n int
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.n++; w.n == 2 {
		n, _ := w.Buffer.Write(p[:10])
		return n, errors.New("disk full")
	}
	return w.Buffer.Write(p)
}

func TestOutput(t *testing.T) {
	var w brokenWriter
	r, err := New(nil, WithHost(testHost), WithoutSampling(), WithOutput(&w))
	require.NoError(t, err)
	handler := r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for i := range 4 {
		handler.ServeHTTP(httptest.NewRecorder(), request(http.MethodGet, fmt.Sprint("/users/", i)))
	}
	require.NoError(t, r.Shutdown(t.Context()))
	s := r.Stats()
	assertCountsAddUp(t, s)
	lines := strings.Split(strings.TrimSpace(w.String()), "\n")
	whole := 0
	for _, line := range lines {
		var trace metlo.AnalyzedTrace
		if json.Unmarshal([]byte(line), &trace) == nil {
			whole++
			assert.Equal(t, "/users/{param1}", trace.Request.URL.EndpointPath)
		}
	}
	assert.EqualValues(t, s.Sent, whole)
	assert.Positive(t, s.Unknown)
}

// A body that the collector would reject for a NUL or for its length is analyzed like any other.
func TestAnalyzeAcceptsBodiesThatTheCollectorRefuses(t *testing.T) {
	for name, row := range map[string]struct{ body, field string }{
		"a NUL":           {"a\x00b", "resBody"},
		"a NUL in JSON":   {`{"a":"\u0000"}`, "resBody.a"},
		"3 MiB of text":   {strings.Repeat("x", 3<<20), "resBody"},
		"3 MiB of JSON":   {`{"a":"` + strings.Repeat("x", 3<<20) + `"}`, "resBody.a"},
		"half surrogates": {`{"a":"\ud83d"}`, "resBody.a"},
		"no UTF-8":        {"\xff\xfe{", "resBody"},
	} {
		t.Run(name, func(t *testing.T) {
			trace, err := metlo.TraceFromHTTP(request(http.MethodGet, "/users/7"), &http.Response{StatusCode: http.StatusOK})
			require.NoError(t, err)
			trace.Response.Body = row.body
			trace.Response.Headers = []metlo.NameValue{{Name: "Content-Type", Value: "application/json"}}
			analyzed, err := Analyze(trace, "/users/{id}")
			require.NoError(t, err)
			assert.Equal(t, map[string][]string{row.field: {"string"}, "resHeaders.Content-Type": {"string"}}, analyzed.Analysis.DataTypes)
		})
	}
}

// wideJSON returns 15 kB of JSON whose fields have paths of 130 kB in all.
func wideJSON() string {
	var b strings.Builder
	b.WriteString(strings.Repeat(`{"customer_address_customer_address_details":`, 20) + "{")
	for i := range 900 {
		fmt.Fprintf(&b, `"name_%s":1,`, lettersOf(i))
	}
	return b.String() + `"id":1}` + strings.Repeat("}", 20)
}

// A batch whose traces are much longer than its records is sent in several requests, each within the collector's limit. A trace
// over the limit is dropped alone and counted.
func TestTracesThatAreLargerThanTheirRecords(t *testing.T) {
	wide := wideJSON()
	for name, row := range map[string]struct {
		opts     []Option
		path     string
		requests int
	}{
		"types":  {path: "/" + strings.Repeat("a/", 2*maxElements), requests: 8},
		"values": {opts: []Option{WithValues()}, path: "/" + strings.Repeat("a", 5<<19), requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c collector
				r := startRecorder(t, &c, row.opts...)
				handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, wide)
				}))
				serve := func(path string) {
					req := request(http.MethodPost, "/orders")
					req.URL.Path = path
					req.Body, req.Header = io.NopCloser(strings.NewReader(wide)), http.Header{"Content-Type": {"application/json"}}
					handler.ServeHTTP(discardWriter{http.Header{}}, req)
				}
				const before, after = 10, 20
				for range before {
					serve("/orders")
				}
				serve(row.path)
				for range after {
					serve("/orders")
				}
				s := end(t, r)
				assert.Equal(t, Stats{Seen: before + after + 1, Sent: before + after, Dropped: 1, Drops: Drops{TooLarge: 1}}, s)
				assert.GreaterOrEqual(t, len(c.bodies), row.requests)
				for _, body := range c.bodies {
					assert.LessOrEqual(t, len(body), 2<<20)
				}
			})
		})
	}
}

// A batch that is divided into requests keeps unsent traces in their order.
func TestTheRestOfABatchWaitsForTheCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var requests atomic.Int64
		c := collector{answer: func(*http.Request) (int, string, error) {
			if down.Load() || requests.Add(1) == 2 {
				down.Store(true)
				return 0, "", &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			}
			return http.StatusOK, "OK", nil
		}}
		r := startRecorder(t, &c)
		wide := wideJSON()
		handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, wide)
		}))
		const n = 60
		for range n {
			handler.ServeHTTP(discardWriter{http.Header{}}, request(http.MethodGet, "/orders"))
		}
		<-time.After(3 * time.Second)
		s := r.Stats()
		assert.Less(t, s.Sent, int64(batchTraces/5), "a part of the first batch")
		assert.EqualValues(t, n, s.Sent+s.Queued, "%+v", s)
		down.Store(false)
		assert.Equal(t, Stats{Seen: n, Sent: n}, end(t, r))
	})
}

// TestCostOfHostileBodies checks that the sender's time is linear in the number of bytes.
func TestCostOfHostileBodies(t *testing.T) {
	a := newAnalyzer(nil)
	for _, part := range []string{
		`{"value":"a",`, `[`, `["jane@example.com ",`, `{"a":{"b":`, "4111 1111 ", "a=b&", "--b\r\n\r\n", `"\\\"`, "{ a(b: 1) { ", "@.@.@.", `{"` + strings.Repeat("k", 5) + `":1,`,
	} {
		for _, contentType := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "application/graphql"} {
			analyze := func(size int) {
				text := strings.Repeat(part, size/len(part))
				trace := &metlo.Trace{
					Request: metlo.TraceRequest{
						Method: metlo.MethodPost, URL: metlo.TraceURL{Host: "h", Path: "/graphql"}, Body: text,
						Headers: []metlo.NameValue{{Name: "Content-Type", Value: contentType}},
					},
					Response: metlo.TraceResponse{Status: 200, Body: text, Headers: []metlo.NameValue{{Name: "Content-Type", Value: contentType}}},
				}
				_, _ = a.Analyze(trace, "")
				trace.Request.URL.Path = "/users"
				_, _ = a.Analyze(trace, "")
			}
			assertCostsNoMore(t, func() { analyze(128 << 10) }, func() {
				for range parts {
					analyze(128 << 10 / parts)
				}
			}, contentType+" "+part)
		}
	}
}
