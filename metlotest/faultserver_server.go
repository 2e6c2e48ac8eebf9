package metlotest

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"
)

// faultKind is one way in which a network, a proxy or a server fails. [allFaultKinds] has them all.
type faultKind struct {
	// Name tells it from the others, such as "reset before headers".
	Name string
	// Does says what the client meets.
	Does string
	// NeedsSocket says that the kernel has a part in it, so that it cannot be had in memory.
	NeedsSocket bool

	// Times is how many requests meet the failure before all is well; 0 means all of them.
	Times int
	// Delay is waited before the head of an answer, and again in the middle of its body.
	Delay time.Duration

	refuse, unreachable bool
	tls                 tlsKind
	host                string // by which the URL names the server; empty for its address
	accept              func(*responder)
	answer              func(*responder) response
	send                func(*responder, response)
}

// allFaultKinds lists every failure that a [faultingServer] has: of the connection, of TLS, of HTTP, of proxies in between, of
// what is sent, and of lists.
func allFaultKinds() []faultKind {
	var all []faultKind
	for _, group := range [][]faultKind{
		connectionFailures(), tlsFailures(), framingFailures(), headerFailures(), sizeFailures(), redirectFailures(),
		statusFailures(), retryAfterFailures(), echoFailures(), contentFailures(), listFailures(),
	} {
		all = append(all, group...)
	}
	return all
}

// faultingServer is a backend before which one failure stands.
type faultingServer struct {
	url string

	failure   faultKind
	sound     *backend
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
	received []receivedRequest
	begun    int // requests that the failure may meet
	spent    int // times that it was met
}

// receivedRequest is a request that arrived. Its service is "backend", or "elsewhere" if it came to another
// host, port or scheme to which the failure redirected it.
type receivedRequest struct {
	service string
	request *http.Request
	header  http.Header
	body    []byte
	time    time.Time
	// whole says that the body arrived to its end.
	whole bool
	// status was sent as the answer's; 0 if the failure sent none.
	status int
	// sound is the body that a server without the failure would have sent.
	sound []byte
}

// startFaulting starts a server that fails in one way, before a sound backend.
func startFaulting(failure faultKind, sound *backend, inMemory bool) *faultingServer {
	s := &faultingServer{failure: failure, sound: sound, done: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	var backend, elsewhere net.Listener = newPipeListener(memoryBackend), newPipeListener(memoryElsewhere)
	if !inMemory {
		backend, elsewhere = listenOnLoopback(), listenOnLoopback()
	}
	s.listeners = []net.Listener{backend, elsewhere}
	s.elsewhere = elsewhere.Addr().String()
	s.url = s.baseURL(backend.Addr().String())
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

// baseURL has the scheme and the name under which the failure shows.
func (s *faultingServer) baseURL(address string) string {
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

func (s *faultingServer) startTransport(backend, elsewhere net.Listener) {
	own := hostOf(s.url)
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		target := elsewhere
		if address == own {
			target = backend
			if s.failure.unreachable && s.meet() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}
		if l, inMemory := target.(*pipeListener); inMemory {
			return l.dial(ctx)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", target.Addr().String())
	}
	s.transport = newTransport(dial)
	s.transport.DisableCompression = false
	s.transport.MaxResponseHeaderBytes = 1 << 20
	if s.tls != nil {
		s.transport.TLSClientConfig = s.tls.client()
		s.transport.TLSHandshakeTimeout = 10 * time.Second
	}
}

// roundTripper reaches the server, also when it is in memory, and trusts its certificate authority.
func (s *faultingServer) roundTripper() *http.Transport { return s.transport }

// certificate is the authority by which a failure over TLS is signed, or would have to be; nil without TLS.
func (s *faultingServer) certificate() *x509.Certificate {
	if s.tls == nil {
		return nil
	}
	return s.tls.authority
}

// requests is what arrived so far, in order.
func (s *faultingServer) requests() []receivedRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]receivedRequest(nil), s.received...)
}

// connections is how many connections were made, and how many of them are open.
func (s *faultingServer) connections() (made, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted, len(s.conns)
}

// close stops the server, cuts its connections and waits for its goroutines. It may be called twice.
func (s *faultingServer) close() {
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
	s.sound.close()
}

// meet reports whether the failure is met once more, rather than over.
func (s *faultingServer) meet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent++
	return s.failure.Times <= 0 || s.spent <= s.failure.Times
}
