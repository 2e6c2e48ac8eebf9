// Package transport makes the attempts of one call. It knows HTTP and none of the API's sections.
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
// Beside them, upload.go has the body of uploads, retryafter.go parses the header of that name, log.go logs each
// attempt, and connections.go has the default connections.
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
	Limiter       Limiter      // nil never waits
	Retry         Policy
	HeaderTimeout time.Duration // from the start of an attempt to its response headers
	IdleTimeout   time.Duration // longest wait for the next KiB of a body
	Header        http.Header   // of every request; never written to
	Secrets       []string      // values of Header that no other server may receive
	KeepFromProxy bool          // no proxy may forward a request for the call's server over plain http
	Logger        *slog.Logger  // nil logs nothing
	Redact        func(error) string
	OnAttempt     func(context.Context, Event) // after each attempt; nil for none
	OnWait        func(context.Context, Event) // after each wait; nil for none
}

// Event is an attempt that ended, or a wait before one.
type Event struct {
	Request  *Request
	Attempt                // of an attempt
	Number   int           // of the attempt, or of the one that the wait was for, from 1
	Reason   WaitReason    // of a wait
	Duration time.Duration // of the attempt, to its response headers or its error, with the body if that was read; of the wait
}

// WaitReason is why an attempt was put off.
type WaitReason string

// The reasons.
const (
	WaitRetry     WaitReason = "retry"      // a backoff, or the time that the server asked for
	WaitCoolDown  WaitReason = "cool-down"  // the server asked another call to wait
	WaitRateLimit WaitReason = "rate limit" // the client's limiter
)

// shortWait is the shortest wait that is reported.
const shortWait = time.Millisecond

// Policy bounds how often and how soon a request is repeated.
type Policy struct {
	MaxRetries    int           // attempts after the first
	BaseWait      time.Duration // ceiling of the first random wait; each later ceiling is twice as high
	MaxWait       time.Duration // highest ceiling
	MaxRetryAfter time.Duration // longest wait that a server may ask for
	Patience      time.Duration // how long a patient request is repeated, whatever MaxRetries is
}

// Pipeline sends requests. It is safe for concurrent use and holds no goroutine.
type Pipeline struct {
	base     http.RoundTripper // the caller's
	http     http.Client
	noHeader http.Header // empty, of requests to which http.Client adds no header
	limit    rateLimit
	policy   Policy
	logger   *slog.Logger
	redact   func(error) string

	onAttempt, onWait func(context.Context, Event)
}

// Request describes one call. Nothing writes to it.
type Request struct {
	Method      string
	URL         url.URL // copied for each attempt
	Route       string  // the path's template, for the log and for RouteOf
	ContentType string  // empty for none
	Body        []byte
	Upload      *Upload // a body that is read while it is sent; nil for none
	Repeat      Repeat
	Patient     bool // repeated for as long as Policy.Patience, since the server was seen to work
}

// Attempt is the outcome of sending the request once.
type Attempt struct {
	StatusCode int           // 0 without a response
	Err        error         // why there was no response, or no whole body
	Unsent     bool          // nothing of the request can have reached the server
	Wait       time.Duration // how long the next attempt was put off; 0 for the last one
}

// Result is the outcome of a call.
type Result struct {
	Attempts   []Attempt
	RetryAfter time.Duration // wait that the last response asked for, 0 if none
	TooLate    bool          // the context would have ended before the next attempt
	Handled    bool          // Err is the reader's
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
	// What a request passes on its way to the connection, outermost first.
	p.http.CheckRedirect = redirect(cfg.HTTP.CheckRedirect)
	p.http.Transport = &deadlines{header: cfg.HeaderTimeout, idle: cfg.IdleTimeout, next: &signer{
		header: cfg.Header, secrets: cfg.Secrets, next: p.base,
	}}
	return p
}

// CloseIdleConnections closes the connections that no call is using. http.Client cannot do so through the round trippers,
// and that is intended: go-retryablehttp would close those of a transport that others share, after every failure.
func (p *Pipeline) CloseIdleConnections() {
	if base, ok := p.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

type requestKey struct{}

// RouteOf returns the template of the path of a pipeline's request, and "" for any other context.
func RouteOf(ctx context.Context) string {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r.Route
	}
	return ""
}

// Do sends r and passes the response of the last attempt, whatever its status, to read, which closes its body or keeps it
// open for later. An error of read that is a *TruncatedError may cause another attempt. Any other error ends the call.
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
		_ = c.sent.SetBody(r.Body) // it takes all bytes
	} else if r.Upload != nil {
		c.setUpload()
	}
	c.sent.SetResponseHandler(read)
	defer func() {
		if c.read != nil { // which panicked
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

// leastWait returns a backoff of the length that checkRetry has set as the least wait of the call's loop.
func leastWait(least, _ time.Duration, _ int, _ *http.Response) time.Duration { return least }
