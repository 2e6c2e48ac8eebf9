package metlotest

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/metlo-go/metlo"

	"github.com/metlo-go/metlo/metlotest/internal/faults"
)

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

	kind faults.Failure
}

// Failures lists every failure that a [FaultServer] has: of the connection, of TLS, of HTTP, of proxies in between, of
// what is sent, and of lists.
func Failures() []Failure {
	kinds := faults.All()
	all := make([]Failure, len(kinds))
	for i, kind := range kinds {
		all[i] = Failure{Name: kind.Name, Does: kind.Does, NeedsSocket: kind.NeedsSocket, Times: kind.Times, Delay: kind.Delay, kind: kind}
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

	server *faults.Server
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
	sound, c, err := newBackend(opts)
	if err != nil {
		panic("metlotest: NewFaultServer: " + err.Error())
	}
	if c.inMemory && failure.NeedsSocket {
		panic("metlotest: NewFaultServer: " + failure.Name + " needs a socket; leave InMemory out")
	}
	kind := failure.kind
	kind.Times, kind.Delay = failure.Times, failure.Delay
	s := faults.Start(kind, sound, c.inMemory)
	return &FaultServer{URL: s.URL, APIKey: sound.Key(), server: s}
}

// HTTPClient reaches the server, also when it is in memory, and trusts its certificate authority. Wherever else it is
// redirected, it reaches this server too, which records that as "elsewhere". All calls share their connections.
func (s *FaultServer) HTTPClient() *http.Client {
	return &http.Client{Transport: s.server.RoundTripper()}
}

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
func (s *FaultServer) Certificate() *x509.Certificate { return s.server.Certificate() }

// Requests is what was sent to the server so far, in order.
func (s *FaultServer) Requests() []Received {
	arrived := s.server.Requests()
	out := make([]Received, len(arrived))
	for i, a := range arrived {
		out[i] = Received{
			Request: Request{
				Service: a.Service, Method: a.Request.Method, Path: apiPath(a.Request.URL.EscapedPath()),
				URI: a.Request.URL.RequestURI(), Query: a.Request.URL.Query(), Header: a.Header, Body: a.Body, Time: a.Time,
			},
			Host: a.Request.Host, Whole: a.Whole, Status: a.Status, Sound: a.Sound,
		}
	}
	return out
}

// Connections is how many connections were made to the server, and how many of them are open.
func (s *FaultServer) Connections() (made, open int) { return s.server.Connections() }

// Close stops the server, cuts its connections and waits for its goroutines. It may be called twice.
func (s *FaultServer) Close() { s.server.Close() }
