package metlotest

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/metlo-go/metlo"

	"github.com/metlo-go/metlo/metlotest/internal/faults"
)

// Failure is a kind of failure of a network, a proxy or a server. [Failures] lists all.
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

	kind faults.Failure
}

// Failures returns every failure of a [FaultServer]: of the connection, of TLS, of HTTP, of proxies in between, of
// bodies, and of lists.
func Failures() []Failure {
	kinds := faults.All()
	all := make([]Failure, len(kinds))
	for i, kind := range kinds {
		all[i] = Failure{Name: kind.Name, Does: kind.Does, NeedsSocket: kind.NeedsSocket, Times: kind.Times, Delay: kind.Delay, kind: kind}
	}
	return all
}

// FaultServer is a Metlo backend behind one [Failure]. Its answers, before the failure, are those of a [Server] with
// the same options. A failure lasts until its client hangs up or the server is closed. Its methods are safe for
// concurrent use until Close.
type FaultServer struct {
	// URL is the base URL, without /api/v1 and without a slash at its end.
	URL string
	// APIKey is the key of [FaultServer.Client].
	APIKey string

	server *faults.Server
}

// Received is a request that reached a [FaultServer]. Its Service is "backend", or "elsewhere" if the failure
// redirected it to another host, port or scheme.
type Received struct {
	Request
	// Host is the Host header.
	Host string
	// Whole reports whether the complete body arrived.
	Whole bool
	// Status is the status of the answer; 0 if the failure sent none.
	Status int
	// Sound is the body that a server without the failure would have sent.
	Sound []byte
}

// NewFaultServer starts a server with one failure, on a loopback port unless InMemory is set. The options are those of
// [NewServer]. It panics if it cannot start, if the data of an option is invalid, and for a failure that needs a socket
// in memory. Close the server after use.
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

// HTTPClient returns a client that reaches the server, even in memory, and trusts its certificate authority. Redirects
// to other addresses reach this server too, which records them as "elsewhere". All calls share their connections.
func (s *FaultServer) HTTPClient() *http.Client {
	return &http.Client{Transport: s.server.RoundTripper()}
}

// Client returns a client for this server. The given options follow the server's own and may replace them. It panics if
// an option is invalid.
func (s *FaultServer) Client(opts ...metlo.Option) *metlo.Client {
	client, err := metlo.NewClient(s.URL, s.APIKey, append([]metlo.Option{metlo.WithHTTPClient(s.HTTPClient())}, opts...)...)
	if err != nil {
		panic("metlotest: Client: " + err.Error())
	}
	return client
}

// Certificate returns the certificate authority of a failure over TLS, or nil without TLS.
func (s *FaultServer) Certificate() *x509.Certificate { return s.server.Certificate() }

// Requests returns the requests received so far, in order.
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

// Connections returns how many connections were made to the server, and how many of them are open.
func (s *FaultServer) Connections() (made, open int) { return s.server.Connections() }

// Close stops the server, cuts its connections and waits for its goroutines. It may be called twice.
func (s *FaultServer) Close() { s.server.Close() }
