package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network consists of pipes, so that time in a synctest bubble continues while a call waits for a connection.
type network struct {
	t         *testing.T
	mu        sync.Mutex
	listeners map[string]*pipeListener
	dials     int
}

func newNetwork(t *testing.T) *network {
	return &network{t: t, listeners: map[string]*pipeListener{}}
}

// serve answers at addr until the test ends.
func (n *network) serve(addr string, h http.HandlerFunc) {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	n.listeners[addr] = l
	n.mu.Unlock()
	srv := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	n.t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
}

// DialContext fails like a kernel without a listener.
func (n *network) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, refused()
	}
	server, client := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, refused()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) dialled() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

func (n *network) client() *http.Client {
	tr := &http.Transport{DialContext: n.DialContext}
	n.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func refused() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// roundTripper answers in the process.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer returns a response of a roundTripper; headers are pairs of name and value.
func answer(r *http.Request, status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

func testPolicy() Policy {
	return Policy{MaxRetries: 3, BaseWait: 250 * time.Millisecond, MaxWait: 5 * time.Second, MaxRetryAfter: time.Minute}
}

// pipeline returns a pipeline that sends through client without a rate limit; edits change the rest.
func pipeline(client *http.Client, edits ...func(*Config)) *Pipeline {
	cfg := Config{HTTP: client, Retry: testPolicy(), HeaderTimeout: time.Minute, IdleTimeout: 30 * time.Second, Header: http.Header{"Authorization": {"metlo.key"}}, Secrets: []string{"metlo.key"}, Redact: error.Error}
	for _, edit := range edits {
		edit(&cfg)
	}
	return New(cfg)
}

func request(method, address string, repeat Repeat) *Request {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return &Request{Method: method, URL: *u, Route: "/route", Repeat: repeat}
}

// do sends r, and returns the parts of the result that most tests check.
func (p *Pipeline) do(ctx context.Context, r *Request, handle func(*http.Response) error) ([]Attempt, error) {
	result := p.Do(ctx, r, handle)
	return result.Attempts, result.Err
}

func get(address string) *Request { return request(http.MethodGet, address, RepeatSafe) }

// readInto returns a handler that reads a body of up to 1 MiB.
func readInto(text *string) func(*http.Response) error {
	return func(resp *http.Response) error {
		b, err := ReadAll(resp, nil, 1<<20)
		*text = string(b)
		return err
	}
}

// keep returns a handler that leaves the body open.
func keep(kept **http.Response) func(*http.Response) error {
	return func(resp *http.Response) error {
		*kept = resp
		return nil
	}
}

func discard(resp *http.Response) error {
	var text string
	return readInto(&text)(resp)
}

func requireAs[E error](t *testing.T, err error) E {
	t.Helper()
	var target E
	require.True(t, errors.As(err, &target), "%T: %v", err, err)
	return target
}
