// Package transport makes the attempts of one call. It implements HTTP, without knowledge of the API's sections.
//
// A call passes these functions from top to bottom. go-retryablehttp runs the loop over the attempts.
//
//	Pipeline.Do          transport.go   one call, from its first attempt to the error of its reader
//	rateLimit.wait       ratelimit.go   waits for the cool-down of the server, then for the rate limit
//	deadlines.RoundTrip  deadlines.go   bounds the wait for response headers, and for each KiB of the body
//	signer.RoundTrip     signer.go      adds the key, which no other server and no proxy may see
//	redirect             signer.go      follows a GET within its server
//	call.checkRetry      call.go        records an attempt, and decides whether there is another one
//	classify             classify.go    turns a response or an error into an outcome
//
// Other files are upload.go with the body of uploads, retryafter.go with the parser of that header, log.go with the log
// of attempts, and connections.go with the default connections.
package transport

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Config configures a Pipeline.
type Config struct {
	HTTP          *http.Client // copied
	Limiter       Limiter      // nil disables the rate limit
	Retry         Policy
	HeaderTimeout time.Duration // maximum time from the start of an attempt to its response headers
	IdleTimeout   time.Duration // maximum wait for the next KiB of a body
	Header        http.Header   // headers of every request; read-only
	Secrets       []string      // values of Header that no other server may receive
	KeepFromProxy bool          // no proxy may forward a request to the call's server over plain http
	Logger        *slog.Logger  // nil disables the log
	Redact        func(error) string
	OnAttempt     func(context.Context, Event) // called after each attempt; may be nil
	OnWait        func(context.Context, Event) // called after each wait; may be nil
}

// Event describes an attempt that ended, or a wait before one.
type Event struct {
	Request  *Request
	Attempt                // outcome of an attempt
	Number   int           // number of the attempt, or of the one after the wait, from 1
	Reason   WaitReason    // reason for a wait
	Duration time.Duration // length of the wait, or of the attempt to its response headers or its error, including a read of the body
}

// WaitReason is the reason for delaying an attempt.
type WaitReason string

// Reasons for a wait.
const (
	WaitRetry     WaitReason = "retry"      // a backoff, or the server's Retry-After
	WaitCoolDown  WaitReason = "cool-down"  // the server asked another call to wait
	WaitRateLimit WaitReason = "rate limit" // the client's limiter
)

// shortWait is the minimum length of reported waits.
const shortWait = time.Millisecond

// Policy sets how often and how soon a request is repeated.
type Policy struct {
	MaxRetries    int           // attempts after the first
	BaseWait      time.Duration // upper bound of the first random wait, doubled for each later one
	MaxWait       time.Duration // highest upper bound
	MaxRetryAfter time.Duration // longest Retry-After that is obeyed
	Patience      time.Duration // how long a patient request is repeated, regardless of MaxRetries
}

// Pipeline sends requests. It is safe for concurrent use and holds no goroutine.
type Pipeline struct {
	base     http.RoundTripper // round tripper of the caller
	http     http.Client
	noHeader http.Header // empty header of requests to which http.Client adds none
	limit    rateLimit
	policy   Policy
	logger   *slog.Logger
	redact   func(error) string

	onAttempt, onWait func(context.Context, Event)
}

// Request describes one call. Do must not change it.
type Request struct {
	Method      string
	URL         url.URL // copied for each attempt
	Route       string  // the path's template, for the log and for RouteOf
	ContentType string  // empty for none
	Body        []byte
	Upload      *Upload // body that is read while it is sent; nil for none
	Repeat      Repeat
	Patient     bool // repeated for as long as Policy.Patience, because the server has answered before
}

// Attempt is the outcome of one attempt to send the request.
type Attempt struct {
	StatusCode int           // status of the response; 0 if there is none
	Err        error         // reason why no response arrived, or only a part of its body
	Unsent     bool          // nothing of the request can have reached the server
	Wait       time.Duration // delay before the next attempt; 0 for the last one
}

// Result is the outcome of a call.
type Result struct {
	Attempts   []Attempt
	RetryAfter time.Duration // wait requested by the last response, 0 if none
	TooLate    bool          // the context would have ended before the next attempt
	Handled    bool          // Err came from the reader
	Err        error
}

// New returns a pipeline.
func New(cfg Config) *Pipeline {
	p := &Pipeline{
		base:     cfg.HTTP.Transport,
		http:     *cfg.HTTP,
		noHeader: http.Header{},
		limit:    rateLimit{limiter: cfg.Limiter},
		policy:   cfg.Retry,
		logger:   cfg.Logger,
		redact:   cfg.Redact,

		onAttempt: cfg.OnAttempt,
		onWait:    cfg.OnWait,
	}
	if p.base == nil {
		p.base = http.DefaultTransport
	}
	if cfg.KeepFromProxy {
		p.base = withoutPlainProxy(p.base)
	}
	// The round trippers on a request's way to the connection, outermost first.
	p.http.CheckRedirect = redirect(cfg.HTTP.CheckRedirect)
	p.http.Transport = &deadlines{header: cfg.HeaderTimeout, idle: cfg.IdleTimeout, next: &signer{
		header: cfg.Header, secrets: cfg.Secrets, next: p.base,
	}}
	return p
}

// CloseIdleConnections closes the idle connections. http.Client cannot close them through the round trippers, which is
// intended: after every failure go-retryablehttp would close those of a shared transport.
func (p *Pipeline) CloseIdleConnections() {
	if base, ok := p.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

type requestKey struct{}

// RouteOf returns the template of the path of a pipeline's request, or "" for any other context.
func RouteOf(ctx context.Context) string {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r.Route
	}
	return ""
}

// Do sends r and passes the last response, regardless of its status, to read, which closes its body or keeps it open
// for later. If read returns a *TruncatedError, another attempt may follow. Any other error ends the call.
func (p *Pipeline) Do(ctx context.Context, r *Request, read func(*http.Response) error) Result {
	c := &call{pipeline: p, ctx: ctx, request: r}
	c.result.Attempts = c.first[:0]
	c.req = *(&http.Request{Method: r.Method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(context.WithValue(ctx, requestKey{}, r))
	c.sent.Request = &c.req
	if err := c.prepare(&c.req); err != nil {
		c.result.Err = c.cause(err)
		return c.result
	}
	if r.Body != nil {
		_ = c.sent.SetBody(r.Body) // it reads all bytes
	} else if r.Upload != nil {
		c.setUpload()
	}
	c.sent.SetResponseHandler(read)
	defer func() {
		if c.read != nil { // the reader panicked
			_ = c.read.Body.Close()
		}
	}()
	c.loop.HTTPClient = &p.http
	c.loop.RetryMax = maxAttempts
	c.loop.CheckRetry = c.checkRetry
	c.loop.Backoff = leastWait
	c.loop.ErrorHandler = retryablehttp.PassthroughErrorHandler
	//nolint:bodyclose // read closes the body, or keeps it open for its caller
	if _, err := c.loop.Do(&c.sent); err != nil && c.result.Err == nil { // a wait before an attempt failed
		c.result.Err = c.cause(err)
	}
	if c.upload != nil {
		c.upload.finish()
	}
	return c.result
}

// leastWait returns a backoff equal to the minimum wait that checkRetry set in the call's loop.
func leastWait(least, _ time.Duration, _ int, _ *http.Response) time.Duration { return least }
