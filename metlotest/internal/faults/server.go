// Package faults provides servers with one failure each.
package faults

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
	"github.com/metlo-go/metlo/metlotest/internal/pipe"
)

// Failure is a kind of failure of a network, a proxy or a server. [All] lists all.
type Failure struct {
	// Name identifies the failure, such as "reset before headers".
	Name string
	// Does describes what the client experiences.
	Does string
	// NeedsSocket reports whether the failure needs the kernel, and is not available in memory.
	NeedsSocket bool

	// Times is the number of requests that fail before the server recovers; 0 means all.
	Times int
	// Delay is the wait before the head of an answer, and again in the middle of its body.
	Delay time.Duration

	refuse, unreachable bool
	tls                 tlsKind
	host                string // host in the server's URL; empty for its address
	accept              func(*responder)
	answer              func(*responder) backend.Response
	send                func(*responder, backend.Response)
}

// All returns every failure of a [Server]: of the connection, of TLS, of HTTP, of proxies in between, of bodies, and of
// lists.
func All() []Failure {
	var all []Failure
	for _, group := range [][]Failure{
		connectionFailures(), tlsFailures(), framingFailures(), headerFailures(), sizeFailures(), redirectFailures(),
		statusFailures(), retryAfterFailures(), echoFailures(), contentFailures(), listFailures(),
	} {
		all = append(all, group...)
	}
	return all
}

// Server is a backend behind one failure.
type Server struct {
	URL string

	failure   Failure
	sound     *backend.Server
	tls       *tlsSetup // nil speaks plain http
	transport *http.Transport
	listeners []net.Listener
	elsewhere string // address of the server to which redirects lead
	done      chan struct{}
	work      sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]struct{}
	accepted int
	received []Received
	begun    int // requests that the failure may meet
	spent    int // times that it was met
}

// Received is a received request. Its Service is "backend", or "elsewhere" if the failure redirected it to another
// host, port or scheme.
type Received struct {
	Service string
	Request *http.Request
	Header  http.Header
	Body    []byte
	Time    time.Time
	// Whole reports whether the complete body arrived.
	Whole bool
	// Status is the status of the answer; 0 if the failure sent none.
	Status int
	// sound is the body that a server without the failure would have sent.
	Sound []byte
}

// Start starts a server with one failure in front of a sound backend.
func Start(failure Failure, sound *backend.Server, inMemory bool) *Server {
	s := &Server{failure: failure, sound: sound, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	var backend, elsewhere net.Listener = pipe.Listen(pipe.Backend), pipe.Listen(pipe.Elsewhere)
	if !inMemory {
		backend, elsewhere = listenOnLoopback(), listenOnLoopback()
	}
	s.listeners = []net.Listener{backend, elsewhere}
	s.elsewhere = elsewhere.Addr().String()
	s.URL = s.baseURL(backend.Addr().String())
	s.startTransport(backend, elsewhere)
	s.work.Go(func() { s.accept(backend, "backend") })
	s.work.Go(func() { s.accept(elsewhere, "elsewhere") })
	if failure.refuse {
		backend.Close()
	}
	return s
}

func listenOnLoopback() net.Listener {
	var sockets net.ListenConfig
	l, err := sockets.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic("metlotest: NewFaultServer: cannot listen on loopback: " + err.Error())
	}
	return l
}

// baseURL returns the base URL at which the failure shows.
func (s *Server) baseURL(address string) string {
	if s.failure.host != "" {
		_, port, _ := net.SplitHostPort(address)
		address = net.JoinHostPort(s.failure.host, port)
	}
	if s.failure.tls == tlsNone {
		return "http://" + address
	}
	s.tls = newTLSSetup(s.failure.tls)
	return "https://" + address
}

func (s *Server) startTransport(backend, elsewhere net.Listener) {
	own := hostOf(s.URL)
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		target := elsewhere
		if address == own {
			target = backend
			if s.failure.unreachable && s.meet() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}
		if l, inMemory := target.(*pipe.Listener); inMemory {
			return l.Dial(ctx)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", target.Addr().String())
	}
	s.transport = pipe.Transport(dial)
	s.transport.DisableCompression = false
	s.transport.MaxResponseHeaderBytes = 1 << 20
	if s.tls != nil {
		s.transport.TLSClientConfig = s.tls.client()
		s.transport.TLSHandshakeTimeout = 10 * time.Second
	}
}

// RoundTripper returns a round tripper that reaches the server, even in memory, and trusts its certificate authority.
func (s *Server) RoundTripper() *http.Transport { return s.transport }

// Certificate returns the certificate authority of a failure over TLS, or nil without TLS.
func (s *Server) Certificate() *x509.Certificate {
	if s.tls == nil {
		return nil
	}
	return s.tls.authority
}

// Requests returns the requests received so far, in order.
func (s *Server) Requests() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.received...)
}

// Connections returns how many connections were made, and how many of them are open.
func (s *Server) Connections() (made, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted, len(s.conns)
}

// Close stops the server, cuts its connections and waits for its goroutines. It may be called twice.
func (s *Server) Close() {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	if closed {
		return
	}
	close(s.done)
	for _, l := range s.listeners {
		l.Close()
	}
	s.transport.CloseIdleConnections()
	s.work.Wait()
	s.sound.Close()
}

// meet reports whether the failure applies to one more request.
func (s *Server) meet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent++
	return s.failure.Times <= 0 || s.spent <= s.failure.Times
}
