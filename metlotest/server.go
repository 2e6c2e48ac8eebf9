package metlotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
	"github.com/metlo-go/metlo/metlotest/internal/pipe"
)

const (
	// headerCap is Node's --max-http-header-size: request line and headers together.
	headerCap = 16 << 10
)

// Server is a Metlo management backend and collector. Its methods are safe for concurrent use until Close.
type Server struct {
	// URL is the backend's base URL, without /api/v1 and without a slash at its end.
	URL string
	// CollectorURL is the base URL of the collector.
	CollectorURL string
	// APIKey is a key that the collector accepts. It also accepts keys created with POST /keys/create.
	APIKey string

	transport *http.Transport
	servers   []*http.Server
	ctx       context.Context
	cancel    context.CancelFunc
	work      sync.WaitGroup

	backend *backend.Server

	mu       sync.Mutex
	closed   bool
	faults   []*injected
	requests []Request
}

// Request is a request that the server received.
type Request struct {
	// Service is "backend" or "collector".
	Service string
	Method  string
	// Path is the escaped path below /api/v1 or /api/v2, such as "/alerts", as matched by [Fault.Path].
	Path string
	// URI is the whole escaped path with the query.
	URI    string
	Query  url.Values
	Header http.Header
	Body   []byte
	Time   time.Time
}

// NewServer starts a server, on loopback ports unless InMemory is set. It panics if it cannot start or if the data of
// an option is invalid. Close the server after use. Tests use [New].
func NewServer(opts ...Option) *Server {
	s, err := start(opts)
	if err != nil {
		panic("metlotest: NewServer: " + err.Error())
	}
	return s
}

// TB is the part of testing.TB that [New] needs. *testing.T, *testing.B and *testing.F implement it.
type TB interface {
	Helper()
	Cleanup(f func())
	Fatal(args ...any)
}

// New starts a server like [NewServer], and closes it when the test ends. If it cannot start, or if the data of an
// option is invalid, the test fails immediately.
func New(t TB, opts ...Option) *Server {
	t.Helper()
	s, err := start(opts)
	if err != nil {
		t.Fatal("metlotest: New: " + err.Error())
		return nil
	}
	t.Cleanup(s.Close)
	return s
}

func start(opts []Option) (*Server, error) {
	b, c, err := newBackend(opts)
	if err != nil {
		return nil, err
	}
	s := &Server{backend: b, APIKey: b.Key()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if c.inMemory {
		s.startInMemory()
		return s, nil
	}
	err = s.startOnLoopback()
	return s, err
}

func (s *Server) startOnLoopback() error {
	var sockets net.ListenConfig
	backend, err := sockets.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cannot listen on loopback: %w: use InMemory where sockets are forbidden", err)
	}
	collector, err := sockets.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		_ = backend.Close()
		return fmt.Errorf("cannot listen on loopback: %w: use InMemory where sockets are forbidden", err)
	}
	s.serve(backend, collector)
	s.transport = pipe.Transport((&net.Dialer{}).DialContext)
	return nil
}

func (s *Server) startInMemory() {
	backend, collector := pipe.Listen(pipe.Backend), pipe.Listen(pipe.Collector)
	s.serve(backend, collector)
	s.transport = pipe.Transport(func(ctx context.Context, _, address string) (net.Conn, error) {
		switch address {
		case pipe.Backend:
			return backend.Dial(ctx)
		case pipe.Collector:
			return collector.Dial(ctx)
		}
		return nil, fmt.Errorf("metlotest: this client reaches only %s and %s, not %s", pipe.Backend, pipe.Collector, address)
	})
}

func (s *Server) serve(backend, collector net.Listener) {
	s.URL, s.CollectorURL = "http://"+backend.Addr().String(), "http://"+collector.Addr().String()
	for service, listener := range map[string]net.Listener{"backend": backend, "collector": collector} {
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handle(service, w, r) })
		server := &http.Server{
			Handler: handler,
			// Node closes idle connections after 5 s.
			IdleTimeout:       5 * time.Second,
			ReadHeaderTimeout: time.Minute,
		}
		s.servers = append(s.servers, server)
		s.work.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				panic("metlotest: " + err.Error())
			}
		})
	}
}

// Close stops the server, cuts its connections and waits for its goroutines. It may be called twice.
func (s *Server) Close() {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return
	}
	s.cancel()
	for _, server := range s.servers {
		server.Close()
	}
	s.transport.CloseIdleConnections()
	s.work.Wait()
	s.backend.Close()
}

// HTTPClient returns a client that reaches the server, even in memory. All calls share their connections.
func (s *Server) HTTPClient() *http.Client { return &http.Client{Transport: s.transport} }

// Requests returns the requests received so far, in order, including those that met a fault.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// RequireKey configures the backend to reject requests without a valid key, like the collector: 401 "Client
// unauthorized". A real backend does not check keys; a proxy in front of it may.
func (s *Server) RequireKey() {
	s.backend.SetRequireKey()
}

// RunJobs runs the jobs of a real server now: it adds recent calls to the usage, sets the data classes of fields,
// raises alerts, and splits paths. It also decides by their names which hosts are public; a real server connects to
// each. The jobs also run on schedule: usage every 5 minutes, classes every 15, hosts and paths every hour, at full
// multiples. Inside a testing/synctest bubble they follow its time.
func (s *Server) RunJobs() { s.backend.RunJobs() }

// Churn keeps rows moving like live traffic. Before each request to the backend it makes one or more endpoints the most
// recently active, at a rate of perSecond. It neither adds nor removes endpoints. 0 stops it.
func (s *Server) Churn(perSecond int) {
	s.backend.Churn(perSecond)
}

// begin counts a request's goroutine, unless the server is closing.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Add(1)
	}
	return !s.closed
}

func (s *Server) handle(service string, w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.work.Done()
	body, err := io.ReadAll(io.LimitReader(r.Body, backend.BodyCap))
	if err != nil && isCut(err) {
		panic(http.ErrAbortHandler)
	}
	api := apiPath(r.URL.EscapedPath())
	s.mu.Lock()
	s.requests = append(s.requests, Request{
		Service: service, Method: r.Method, Path: api, URI: r.RequestURI, Query: r.URL.Query(),
		Header: r.Header.Clone(), Body: body, Time: time.Now(),
	})
	fault := s.takeFault(r.Method, api)
	s.mu.Unlock()
	if fault == nil {
		fault = &Fault{}
	}
	if !s.wait(r.Context(), max(fault.Delay, s.backend.Delay(service, r.Method, r.URL.Path))) {
		panic(http.ErrAbortHandler)
	}
	res := fault.replacement()
	switch {
	case fault.Status != 0:
	case err != nil:
		res = backend.Response{Status: http.StatusBadRequest, Header: http.Header{"Connection": {"close"}}}
	case headerSize(r) > headerCap:
		res = backend.Response{Status: http.StatusRequestHeaderFieldsTooLarge, Header: http.Header{"Connection": {"close"}}}
	default:
		res = s.backend.Answer(service, r, body, fault.spoil())
	}
	write(w, r, res, fault)
}

// isCut reports whether a connection ended within a body, as opposed to a malformed body.
func isCut(err error) bool {
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.As(err, &network)
}

func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size
}

func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

func write(w http.ResponseWriter, r *http.Request, res backend.Response, fault *Fault) {
	h := w.Header()
	h["Keep-Alive"] = []string{"timeout=5"}
	for _, extra := range []http.Header{res.Header, fault.Header} {
		for name, values := range extra {
			h[name] = values
		}
	}
	if fault.RetryAfter != "" {
		h.Set("Retry-After", fault.RetryAfter)
	}
	if fault.Cut < 0 {
		panic(http.ErrAbortHandler)
	}
	if res.ContentType != "" {
		h.Set("Content-Type", res.ContentType)
	}
	if res.Status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(res.Body)))
	}
	if h.Get("Connection") == "close" {
		h.Del("Keep-Alive")
	}
	w.WriteHeader(res.Status)
	if r.Method == http.MethodHead {
		return
	}
	if fault.Cut > 0 && fault.Cut < len(res.Body) {
		_, _ = w.Write(res.Body[:fault.Cut])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(res.Body)
}
