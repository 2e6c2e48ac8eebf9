// Package adaptertest is what the tests of the framework adapters share: requests go through a recorder, and what it
// recorded comes back.
package adaptertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
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
	"github.com/metlo-go/metlo/capture"
)

// collector takes traces within the process.
type collector struct {
	mu     sync.Mutex
	traces []metlo.Trace
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Body != nil {
		var batch []metlo.Trace
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			return nil, err
		}
		c.traces = append(c.traces, batch...)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
}

// New returns a recorder, and what shuts it down and returns the traces that it sent.
func New(t *testing.T, opts ...capture.Option) (rec *capture.Recorder, finish func() ([]metlo.Trace, capture.Stats)) {
	t.Helper()
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	require.NoError(t, err)
	rec, err = capture.New(client, append([]capture.Option{capture.WithHost("shop.example.com")}, opts...)...)
	require.NoError(t, err)
	return rec, func() ([]metlo.Trace, capture.Stats) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, rec.Shutdown(ctx))
		return c.traces, rec.Stats()
	}
}

// Through serves requests with what is set up behind a recorder. Some may fail, as where a handler panics.
func Through(t *testing.T, setUp func(*capture.Recorder) http.Handler, requests ...*http.Request) ([]metlo.Trace, capture.Stats) {
	t.Helper()
	rec, finish := New(t, capture.WithoutSampling())
	server := httptest.NewServer(setUp(rec))
	for _, req := range requests {
		_ = Do(t, server, req)
	}
	server.Close()
	return finish()
}

// Request is a request with a body of JSON.
func Request(method, target, body string) *http.Request {
	req := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	return req
}

// Upload is a request with a file too large to stay in memory.
func Upload(t *testing.T) *http.Request {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("f", "f.txt")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, 11<<20))
	require.NoError(t, errors.Join(err, w.Close()))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/upload", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req
}

// Do sends a request to a server and reads the response.
func Do(t *testing.T, server *httptest.Server, req *http.Request) error {
	t.Helper()
	out, err := http.NewRequestWithContext(t.Context(), req.Method, server.URL+req.URL.String(), req.Body)
	require.NoError(t, err)
	out.Header = req.Header
	resp, err := server.Client().Do(out)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// Upgraded speaks with a connection that left HTTP behind.
func Upgraded(t *testing.T, url string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ping\n", line)
}

// EchoLine takes a connection over, and sends the first line back.
func EchoLine(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if !assert.NoError(t, err) {
		return
	}
	defer conn.Close()
	line, _ := rw.ReadString('\n')
	_, _ = rw.WriteString(line)
	_ = rw.Flush()
}
