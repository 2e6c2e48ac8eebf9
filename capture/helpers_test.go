package capture

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// formType is the content type of bodies whose harmless text WithValues sends unchanged.
const formType = "application/x-www-form-urlencoded"

// collector stands in for the collector, within the process.
type collector struct {
	answer func(*http.Request) (int, string, error) // nil accepts everything

	mu     sync.Mutex
	bodies []string
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	status, text := http.StatusOK, "OK"
	if c.answer != nil {
		var err error
		if status, text, err = c.answer(r); err != nil {
			return nil, err
		}
	}
	if status == http.StatusOK && strings.HasSuffix(r.URL.Path, "/batch") {
		c.mu.Lock()
		c.bodies = append(c.bodies, body)
		c.mu.Unlock()
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r,
	}, nil
}

// sent returns all bodies that the collector accepted.
func (c *collector) sent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.bodies, "\n")
}

// traces returns the traces that the collector accepted, in order.
func (c *collector) traces(t testing.TB) []metlo.Trace {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []metlo.Trace
	for _, body := range c.bodies {
		var batch []metlo.Trace
		require.NoError(t, json.Unmarshal([]byte(body), &batch))
		all = append(all, batch...)
	}
	return all
}

func clientFor(t testing.TB, transport http.RoundTripper, opts ...metlo.Option) *metlo.Client {
	t.Helper()
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key", append([]metlo.Option{
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: transport}),
		metlo.WithoutRateLimit(), metlo.WithoutRetry(),
	}, opts...)...)
	require.NoError(t, err)
	return client
}

// recorderFor returns a recorder that the end of the test shuts down. Traces that are still queued then are not sent.
func recorderFor(t testing.TB, c http.RoundTripper, opts ...Option) *Recorder {
	t.Helper()
	r, err := New(clientFor(t, c), append([]Option{WithAnyHost(), WithValues(), WithoutAgentConfig(), WithSendRate(1e6)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		shutDown(r)
		<-r.done
		assertCountsAddUp(t, r.Stats())
	})
	return r
}

// finish shuts the recorder down and returns what was sent.
func finish(t testing.TB, r *Recorder, c *collector) []metlo.Trace {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	s := r.Stats()
	assert.Zero(t, s.Queued)
	assert.Zero(t, s.QueuedBytes, "all memory was given back")
	return c.traces(t)
}

func assertCountsAddUp(t testing.TB, s Stats) {
	t.Helper()
	assert.Equal(t, s.Seen, s.Sent+s.Dropped+s.Skipped+s.SampledOut+s.Failed+s.Unknown+s.Queued, "%+v", s)
	assert.Equal(t, s.Dropped, s.Drops.QueueFull+s.Drops.Closed+s.Drops.Fault+s.Drops.TooLarge)
}

// serve serves one request over HTTP with a handler behind a recorder, and returns its trace.
func serve(t testing.TB, handler http.HandlerFunc, request func(url string) *http.Request, opts ...Option) metlo.Trace {
	t.Helper()
	var c collector
	r := recorderFor(t, &c, opts...)
	server := httptest.NewServer(r.Handler(handler))
	resp, err := server.Client().Do(request(server.URL))
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		err = errors.Join(err, resp.Body.Close())
	}
	require.NoError(t, err)
	server.Close()
	traces := finish(t, r, &c)
	require.Len(t, traces, 1, "%+v", r.Stats())
	return traces[0]
}

// post returns a request with a body of a content type.
func post(t testing.TB, path, contentType, body string) func(string) *http.Request {
	return func(url string) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader(body))
		require.NoError(t, err)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		return req
	}
}

func get(t testing.TB, path string) func(string) *http.Request {
	return func(url string) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		require.NoError(t, err)
		return req
	}
}

func headersOf(pairs []metlo.NameValue) map[string]string {
	headers := map[string]string{}
	for _, pair := range pairs {
		headers[pair.Name] = pair.Value
	}
	return headers
}

func loggerTo(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// echoAfterUpgrade hijacks the connection, as a WebSocket does, and sends the first line back.
func echoAfterUpgrade(t *testing.T, hijack func() (net.Conn, *bufio.ReadWriter, error)) {
	t.Helper()
	conn, rw, err := hijack()
	if !assert.NoError(t, err) {
		return
	}
	defer conn.Close()
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_ = rw.Flush()
	line, _ := rw.ReadString('\n')
	_, _ = rw.WriteString(line)
	_ = rw.Flush()
}
