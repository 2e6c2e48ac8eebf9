package metlotest

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/metlo-go/metlo"
)

const memoryElsewhere = "127.0.0.1:9999"

// Failure is one way in which a network, a proxy or a server fails. [Failures] has them all.
type Failure struct {
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
	accept              func(*exchange)
	answer              func(*exchange) response
	send                func(*exchange, response)
}

// Failures lists every failure that a [FaultServer] has: of the connection, of TLS, of HTTP, of proxies in between, of
// what is sent, and of lists.
func Failures() []Failure {
	var all []Failure
	for _, group := range [][]Failure{
		connectionFailures(), tlsFailures(), framingFailures(), headerFailures(), sizeFailures(), redirectFailures(),
		statusFailures(), retryAfterFailures(), echoFailures(), contentFailures(), listFailures(),
	} {
		all = append(all, group...)
	}
	return all
}

// FaultServer is a Metlo backend behind which everything is well, and before which one [Failure] stands. What it would
// answer is what a [Server] with the same options answers. A failure lasts until its client hangs up or the server is
// closed. Its methods may be called at any time and from any goroutine until Close.
type FaultServer struct {
	// URL is the base URL, without /api/v1 and without a slash at its end.
	URL string
	// APIKey is the key of [FaultServer.Client].
	APIKey string

	failure   Failure
	sound     *Server
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

// Received is a request that reached a [FaultServer]. Its Service is "backend", or "elsewhere" if it came to another
// host, port or scheme to which the failure redirected it.
type Received struct {
	Request
	// Host is the Host header.
	Host string
	// Whole says that the body arrived to its end.
	Whole bool
	// Status was sent as the answer's; 0 if the failure sent none.
	Status int
	// Sound is the body that a server without the failure would have sent.
	Sound []byte
}

// NewFaultServer starts a server that fails in one way, on a loopback port of its own unless InMemory is given. The
// options are those of [NewServer]. It panics when it cannot start, when the data of an option is unusable, and when a
// failure that needs a socket is wanted in memory. Close it when done.
func NewFaultServer(failure Failure, opts ...Option) *FaultServer {
	var c config
	for _, opt := range opts {
		if opt == nil {
			panic("metlotest: NewFaultServer: an option is nil; leave it out")
		}
		opt(&c)
	}
	if c.inMemory && failure.NeedsSocket {
		panic("metlotest: NewFaultServer: " + failure.Name + " needs a socket; leave InMemory out")
	}
	s := &FaultServer{
		failure: failure,
		sound:   NewServer(append(append([]Option(nil), opts...), InMemory())...),
		done:    make(chan struct{}),
		conns:   map[net.Conn]struct{}{},
	}
	s.APIKey = s.sound.APIKey
	var backend, elsewhere net.Listener = newPipeListener(memoryBackend), newPipeListener(memoryElsewhere)
	if !c.inMemory {
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

// baseURL has the scheme and the name under which the failure shows.
func (s *FaultServer) baseURL(address string) string {
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

func (s *FaultServer) startTransport(backend, elsewhere net.Listener) {
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

// HTTPClient reaches the server, also when it is in memory, and trusts its certificate authority. Wherever else it is
// redirected, it reaches this server too, which records that as "elsewhere". All calls share their connections.
func (s *FaultServer) HTTPClient() *http.Client { return &http.Client{Transport: s.transport} }

// Client is a client of this server. The options come after these, so they may replace them. It panics when an option
// is unusable.
func (s *FaultServer) Client(opts ...metlo.Option) *metlo.Client {
	client, err := metlo.NewClient(s.URL, s.APIKey, append([]metlo.Option{metlo.WithHTTPClient(s.HTTPClient())}, opts...)...)
	if err != nil {
		panic("metlotest: Client: " + err.Error())
	}
	return client
}

// Certificate is the certificate authority by which a failure over TLS is signed, or would have to be; nil without TLS.
func (s *FaultServer) Certificate() *x509.Certificate {
	if s.tls == nil {
		return nil
	}
	return s.tls.authority
}

// Requests is what was sent to the server so far, in order.
func (s *FaultServer) Requests() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.received...)
}

// Connections is how many connections were made to the server, and how many of them are open.
func (s *FaultServer) Connections() (made, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted, len(s.conns)
}

// Close stops the server, cuts its connections and waits for its goroutines. It may be called twice.
func (s *FaultServer) Close() {
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

// meet reports whether the failure is met once more, rather than over.
func (s *FaultServer) meet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent++
	return s.failure.Times <= 0 || s.spent <= s.failure.Times
}
