package capture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In these situations, other recording middleware has failed in production.

func TestAProxyBehindTheRecorder(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP2=", http2), func(t *testing.T) {
			goOn := make(chan struct{})
			origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Trailer", "Sum")
				w.Header().Set("Content-Type", formType)
				w.WriteHeader(http.StatusAccepted)
				_, _ = w.Write(body)
				_ = http.NewResponseController(w).Flush()
				<-goOn
				_, _ = io.WriteString(w, " and more")
				w.Header().Set("Sum", "7")
			}))
			defer origin.Close()
			target, err := url.Parse(origin.URL)
			require.NoError(t, err)
			proxy := httputil.NewSingleHostReverseProxy(target)
			proxy.FlushInterval = -1
			var c collector
			r := recorderFor(t, &c)
			proxy.Transport = r.Transport(origin.Client().Transport)
			front := httptest.NewUnstartedServer(r.Handler(proxy))
			front.EnableHTTP2 = http2
			front.StartTLS()
			defer front.Close()
			resp, err := front.Client().Post(front.URL+"/p", formType, strings.NewReader("body"))
			require.NoError(t, err)
			first := make([]byte, 4)
			_, err = io.ReadFull(resp.Body, first)
			require.NoError(t, err)
			assert.Equal(t, "body", string(first), "while the origin still works")
			close(goOn)
			rest, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			assert.Equal(t, " and more", string(rest))
			assert.Equal(t, "7", resp.Trailer.Get("Sum"))
			front.Close()
			for _, trace := range finish(t, r, &c) {
				assert.Equal(t, "body", trace.Request.Body)
				assert.Equal(t, "body and more", trace.Response.Body)
				assert.Equal(t, http.StatusAccepted, trace.Response.Status)
			}
			assert.EqualValues(t, 2, r.Stats().Sent)
		})
	}
}

func TestAProxyOfAWebSocketBehindTheRecorder(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		echoAfterUpgrade(t, http.NewResponseController(w).Hijack)
	}))
	defer origin.Close()
	target, err := url.Parse(origin.URL)
	require.NoError(t, err)
	var c collector
	r := recorderFor(t, &c)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = r.Transport(origin.Client().Transport)
	front := httptest.NewServer(r.Handler(proxy))
	defer front.Close()
	upgraded(t, front.URL)
	waitFor(t, func() bool { return r.Stats().Seen == 2 })
	assert.Empty(t, finish(t, r, &c))
	assert.EqualValues(t, 2, r.Stats().Skipped)
}

func TestATooLargeBodyIsStillRefused(t *testing.T) {
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4))
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	trace := serve(t, limited, post(t, "/a", "text/plain", strings.Repeat("x", 5000)))
	assert.Equal(t, http.StatusRequestEntityTooLarge, trace.Response.Status)
	assert.Empty(t, trace.Request.Body, "what was read of it is only a part")

	// In front of the recorder it closes the connection, as it does without a recorder.
	r := recorderFor(t, &collector{})
	server := httptest.NewServer(http.MaxBytesHandler(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		assert.Error(t, err)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})), 4))
	defer server.Close()
	resp, err := server.Client().Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", 10)))
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	assert.True(t, resp.Close)
}

func TestATimeoutAroundAndWithinTheRecorder(t *testing.T) {
	for name, nest := range map[string]func(*Recorder, http.Handler) http.Handler{
		"around": func(r *Recorder, h http.Handler) http.Handler {
			return http.TimeoutHandler(r.Handler(h), time.Millisecond, "late")
		},
		"within": func(r *Recorder, h http.Handler) http.Handler {
			return r.Handler(http.TimeoutHandler(h, time.Millisecond, "late"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorderFor(t, &collector{})
			ended, goOn := make(chan struct{}), make(chan struct{})
			server := httptest.NewServer(nest(r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				<-goOn
				_, _ = io.ReadAll(r.Body)
				_ = r.ParseForm()
				_, _ = io.WriteString(w, "too late")
			})))
			resp, err := server.Client().Post(server.URL, "application/x-www-form-urlencoded", strings.NewReader("a=b"))
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
			assert.Equal(t, "late", string(body))
			close(goOn)
			<-ended
			server.Close()
			waitFor(t, func() bool { return r.Stats().Seen == 1 })
		})
	}
}

// Outer middleware may read the request in another goroutine while the handler ends.
func TestTheOriginalRequestIsNotWrittenWhereItIsAsItWas(t *testing.T) {
	r := recorderFor(t, &collector{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}/{rest...}", func(http.ResponseWriter, *http.Request) {})
	handler := r.Handler(mux)
	var looking sync.WaitGroup
	outer := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		looking.Go(func() {
			_, _, _, _ = req.Context(), req.URL.Path, req.Header.Get("A"), req.RemoteAddr
			_, _ = req.Body, req.Method
			_, _ = req.Form.Get("a"), req.PostForm.Get("a")
		})
		handler.ServeHTTP(w, req)
		assert.Equal(t, "7", req.PathValue("id"))
		assert.Equal(t, "a/b", req.PathValue("rest"))
	})
	for range 50 {
		req := httptest.NewRequest(http.MethodGet, "/users/7/a/b?a=b", http.NoBody)
		require.NoError(t, req.ParseForm()) // outer middleware may have parsed the form
		outer.ServeHTTP(httptest.NewRecorder(), req)
	}
	looking.Wait()
}

func TestWhatAHandlerSetsOfItsRequestIsSeenOutside(t *testing.T) {
	r := recorderFor(t, &collector{})
	req := httptest.NewRequest(http.MethodPost, "/a?b=c", strings.NewReader("d=e"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		assert.NoError(t, req.ParseForm())
		req.RemoteAddr, req.Method = "192.0.2.7:1", http.MethodPut
		req.URL = &url.URL{Path: "/other"}
		req.Header = http.Header{"Replaced": {"yes"}}
	})).ServeHTTP(httptest.NewRecorder(), req)
	assert.Equal(t, "192.0.2.7:1", req.RemoteAddr)
	assert.Equal(t, http.MethodPut, req.Method)
	assert.Equal(t, "/other", req.URL.Path)
	assert.Equal(t, http.Header{"Replaced": {"yes"}}, req.Header)
}

func TestAHandlerThatEndsItsGoroutine(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
	}()
	<-done
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	assert.Equal(t, http.StatusInternalServerError, traces[0].Response.Status)
}

func TestAPanicAfterAFlushEndsTheConnection(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	server := httptest.NewServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})))
	resp, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, errors.Join(err, resp.Body.Close()), io.ErrUnexpectedEOF)
	assert.Equal(t, "part", string(body))
	server.Close()
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	assert.Equal(t, http.StatusOK, traces[0].Response.Status)
}

// A connection that lasts for hours holds no memory of the recorder, so many of them stay within the budget.
func TestLongConnectionsKeepNoCopies(t *testing.T) {
	r := recorderFor(t, &collector{})
	server := httptest.NewServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			assert.Zero(t, r.Stats().QueuedBytes)
			_ = conn.Close()
		}
	})))
	defer server.Close()
	_, err := server.Client().Post(server.URL, "application/json", strings.NewReader(`["`+strings.Repeat("x", 100_000)+`"]`))
	require.Error(t, err)
	waitFor(t, func() bool { return r.Stats().Skipped == 1 })
}

// Large bodies of exchanges that end unrecorded do not leave the recorder full.
func TestRoomComesBackWithoutTheSender(t *testing.T) {
	r := recorderFor(t, &collector{}, WithQueueBytes(smallestQueue), WithoutSampling())
	small := r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request := func(h http.Handler, size int) {
		req := httptest.NewRequest(http.MethodPost, "/a", strings.NewReader(`["`+strings.Repeat("x", size)+`"]`))
		req.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(discardWriter{http.Header{}}, req)
	}
	request(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		r.budget.reserve(int(r.budget.limit - r.budget.used.Load())) // others hold the rest
		request(small, 0)
		require.True(t, r.isFull())
		r.budget.release(int(r.budget.limit) - 32<<10)
		w.WriteHeader(http.StatusNotFound)
	})), 20_000)
	r.budget.used.Store(0)
	dropped := r.Stats().Drops.QueueFull
	request(small, 0)
	assert.Equal(t, dropped, r.Stats().Drops.QueueFull)
}

func TestABodyThatIsNeverClosedIsRecordedWhenItIsGarbage(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	text := `["` + strings.Repeat("x", 50_000) + `"]`
	ask := func() {
		resp, err := (&http.Client{Transport: r.Transport(roundTrip(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
		}))}).Get("https://stock.example.com/items")
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 40_000))
		require.NoError(t, err)
	}
	ask()
	waitFor(t, func() bool {
		runtime.GC()
		return r.Stats().Seen == 1
	})
	assert.Len(t, finish(t, r, &c), 1)
}

func TestTransportOfAnUploadThatWasAnsweredEarly(t *testing.T) {
	body := `{"a":1,"b":"` + strings.Repeat("x", 5000) + `"}`
	var c collector
	r := recorderFor(t, &c)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://stock.example.com/items", struct{ io.Reader }{strings.NewReader(body)})
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.Transport(roundTrip(func(req *http.Request) (*http.Response, error) {
		_, err := io.ReadFull(req.Body, make([]byte, 100))
		assert.NoError(t, err)
		return &http.Response{StatusCode: 413, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})).RoundTrip(req)
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	assert.Equal(t, `{"a":1}`, traces[0].Request.Body)
}

func TestTransportKeepsTheLengthOfRequests(t *testing.T) {
	var lengths []int64
	var encodings [][]string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		lengths, encodings = append(lengths, r.ContentLength), append(encodings, r.TransferEncoding)
	}))
	defer server.Close()
	r := recorderFor(t, &collector{})
	client := &http.Client{Transport: r.Transport(server.Client().Transport)}
	for _, body := range []io.Reader{nil, http.NoBody, strings.NewReader(""), strings.NewReader("abc"), struct{ io.Reader }{strings.NewReader("abc")}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
	}
	client.CloseIdleConnections()
	assert.Equal(t, []int64{0, 0, 0, 3, -1}, lengths)
	assert.Equal(t, [][]string{nil, nil, nil, nil, {"chunked"}}, encodings)
}

func TestTunnelsAreNotRecorded(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithSkips(Skips{}))
	r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "bytes") })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodConnect, "example.com:443", http.NoBody))
	assert.Empty(t, finish(t, r, &c))
	assert.EqualValues(t, 1, r.Stats().Skipped)
}

// No body makes masking slow. Each body repeats the beginning of a structure, and the time must grow in proportion.
func TestMaskingHostileTextsEnds(t *testing.T) {
	m := newMasker(maskSettings{})
	for _, part := range []string{
		"password=", `{"password":`, `\"password\":[`, "eyJ.", "-----BEGIN PRIVATE KEY-----", "://@", "Bearer ", `["{\"a\":1}",`,
		`{"value":[`, `{"value":{"name":"password","a":`, "--b\r\n\r\n",
	} {
		mask := func(size int) {
			text := []byte(strings.Repeat(part, size/len(part)))
			for _, contentType := range []string{"text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"} {
				_, _ = m.content(text, contentType, 0)
				_, _ = m.content(text, contentType, defaultBodyLimit)
			}
		}
		assertCostsNoMore(t, func() { mask(256 << 10) }, func() {
			for range parts {
				mask(256 << 10 / parts)
			}
		}, part)
	}
	nested := func(levels int) {
		text := strings.Repeat(`{"value":`, levels) + `"` + strings.Repeat("x", 200<<10) + `"` + strings.Repeat(`,"name":"password"}`, levels)
		_, ok := m.content([]byte(text), "application/json", 0)
		assert.True(t, ok)
	}
	assertCostsNoMore(t, func() { nested(150) }, func() {
		for range parts {
			nested(1)
		}
	}, "nested")
}

// parts is the number of parts into which callers of assertCostsNoMore divide their work.
const parts = 16

// assertCostsNoMore fails if the whole takes more than parts/4 times as long as its parts one after the other. With a
// quadratic cost it would take parts times as long. A busy machine delays both alike. The assertion fails only if the
// whole is too slow in each of several rounds.
func assertCostsNoMore(t *testing.T, whole, inParts func(), what string) {
	t.Helper()
	took := func(f func()) time.Duration {
		begun := time.Now()
		f()
		return time.Since(begun)
	}
	var one, other time.Duration
	for range 5 {
		if one, other = took(whole), took(inParts); one <= parts/4*other {
			return
		}
	}
	t.Errorf("%s: %v, and %v in parts", what, one, other)
}

func TestHostileRequests(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 60_000)
	for name, row := range map[string]func(*http.Request){
		"a giant query":       func(r *http.Request) { r.URL.RawQuery = strings.Repeat("a=b&", 300_000) },
		"one giant parameter": func(r *http.Request) { r.URL.RawQuery = "a=" + strings.Repeat("b", 1<<20) },
		"a giant header":      func(r *http.Request) { r.Header.Set("X-Big", strings.Repeat("x", 1<<20)) },
		"many headers":        func(r *http.Request) { r.Header["X-Many"] = make([]string, 100_000) },
		"deep JSON":           func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(deep)) },
		"a name of a megabyte": func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"` + strings.Repeat("n", 1<<20) + `":1}`))
		},
		"a bomb": func(r *http.Request) {
			r.Header.Set("Content-Encoding", "gzip")
			r.Body = io.NopCloser(strings.NewReader(compressed(`{"a":"` + strings.Repeat("x", 64<<20) + `"}`)))
		},
		"bytes of no text": func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("\xff\xfe\x00\xd8")) },
		"a lone boundary": func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			r.Body = io.NopCloser(strings.NewReader("--x\r\n\r\n--x"))
		},
		"multipart within multipart": func(r *http.Request) {
			r.Header.Set("Content-Type", "multipart/mixed; boundary=b0")
			r.Body = io.NopCloser(strings.NewReader(strings.Repeat("--b0\r\n\r\n", 2000)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c, WithoutSampling())
			req := httptest.NewRequest(http.MethodPost, "/a", http.NoBody)
			req.Header.Set("Content-Type", "application/json")
			row(req)
			handler := r.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
			handler.ServeHTTP(discardWriter{http.Header{}}, req)
			handler.ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/good", http.NoBody))
			traces := finish(t, r, &c)
			require.Len(t, traces, 2)
			assert.LessOrEqual(t, len(traces[0].Request.Body), defaultBodyLimit)
			assert.Less(t, len(c.sent()), 300<<10)
		})
	}
}

// A trace that is too long for the collector is sent without its bodies, and no other trace is lost.
func TestATraceThatIsTooLongIsSentWithoutBodies(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling(), WithBodyLimit(largestLimit), WithQueueBytes(64<<20))
	long := `["` + strings.Repeat("\x01", largestLimit-10) + `"]`
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/long" {
			_, _ = io.WriteString(w, long)
		}
	}))
	const others = 40
	for i := range others {
		handler.ServeHTTP(discardWriter{http.Header{"Content-Type": {"text/plain"}}}, httptest.NewRequest(http.MethodGet, fmt.Sprint("/", i), http.NoBody))
	}
	handler.ServeHTTP(discardWriter{http.Header{"Content-Type": {"text/plain"}}}, httptest.NewRequest(http.MethodGet, "/long", http.NoBody))
	traces := finish(t, r, &c)
	require.Len(t, traces, others+1)
	assert.Equal(t, "/long", traces[others].Request.URL.Path)
	assert.Empty(t, traces[others].Response.Body)
	assert.Less(t, len(c.bodies), 16, "halves are tried, not each by itself")
}

func TestShutdownWhileHandlersRun(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	entered, goOn := make(chan struct{}), make(chan struct{})
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-goOn
		_, _ = io.WriteString(w, "served")
	}))
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
			assert.Equal(t, "served", w.Body.String())
		})
		<-entered
	}
	assert.Empty(t, finish(t, r, &c))
	close(goOn)
	work.Wait()
	assert.Equal(t, Stats{Seen: 8, Dropped: 8, Drops: Drops{Closed: 8}}, r.Stats())
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, r.Shutdown(expired), "it has ended already")
}

func TestShutdownWithAnExpiredContext(t *testing.T) {
	r := recorderFor(t, &collector{}, WithoutSampling())
	serveN(r, 50)
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Shutdown(expired); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	<-r.done
	s := r.Stats()
	assertCountsAddUp(t, s)
	assert.EqualValues(t, 50, s.Seen)
	assert.Zero(t, s.Queued)
}

// The responses of http.ServeContent, including ranges and conditions, are the same as without the recorder.
func TestFilesAreServedAsWithout(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "*.json")
	require.NoError(t, err)
	_, err = file.WriteString(`{"a":"0123456789"}`)
	require.NoError(t, errors.Join(err, file.Close()))
	serveFile := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file.Name()) })
	answer := func(h http.Handler, header http.Header) string {
		server := httptest.NewServer(h)
		defer server.Close()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		req := httptest.NewRequest(http.MethodGet, "/file", http.NoBody)
		req.Header, req.Close = header, true
		var head bytes.Buffer
		require.NoError(t, req.Write(&head))
		_, err = head.WriteTo(conn)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), req)
		require.NoError(t, err)
		resp.Header.Del("Date")
		text, err := httputil.DumpResponse(resp, true)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		return string(text)
	}
	for name, header := range map[string]http.Header{
		"whole":          {},
		"a range":        {"Range": {"bytes=2-4"}},
		"two ranges":     {"Range": {"bytes=900-"}},
		"not changed":    {"If-Modified-Since": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}},
		"a precondition": {"If-Unmodified-Since": {"Mon, 02 Jan 2006 15:04:05 GMT"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorderFor(t, &collector{})
			assert.Equal(t, answer(serveFile, header), answer(r.Handler(serveFile), header))
		})
	}
}

type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingLog) Handle(context.Context, slog.Record) error { panic("log") }

func TestALoggerThatPanicsHarmsNothing(t *testing.T) {
	c := collector{answer: func(*http.Request) (int, string, error) { return http.StatusInternalServerError, "no", nil }}
	r := recorderFor(t, &c, WithLogger(slog.New(panickingLog{})), WithoutSampling())
	serveN(r, 5)
	finish(t, r, &c)
	assert.Equal(t, Stats{Seen: 5, Unknown: 5}, r.Stats())
}
