// Package transport makes the attempts of one call. It knows HTTP and nothing of the API's sections.
//
// A call passes these stages, from top to bottom; go-retryablehttp runs the loop over the attempts:
//
//	Pipeline.Do        transport.go     the call, from its first attempt to the handler's error
//	rateLimit.wait     ratelimit.go     waits for the server's cool-down, then for the rate limit
//	call.newAttempt    call.go          gives an attempt headers, a URL and a body of its own
//	sender.RoundTrip   sender.go        asks whether a proxy would see the key, then sends
//	Pipeline.redirect  redirect.go      follows a GET within the server
//	classify           retryable.go     says what the attempt came to, and which requests may be sent again
//	call.schedule      retry.go         decides whether and when there is another attempt
//	body               body.go          the response body that the handler reads, bounded in time
//
// Beside them, waittimer.go ends waits for the server, upload.go has the body of uploads, retryafter.go reads the
// header of that name, log.go logs each attempt, and connections.go makes the default connections.
package transport

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Config says how a Pipeline behaves.
type Config struct {
	HTTP          *http.Client // copied
	Limiter       Limiter      // nil never waits
	Retry         Policy
	HeaderTimeout time.Duration // from the start of an attempt to its response headers
	IdleTimeout   time.Duration // longest wait for the next KiB of a body
	Logger        *slog.Logger  // nil logs nothing
	Redact        func(error) string
}

// Pipeline sends requests. It is safe for concurrent use and holds no goroutine.
type Pipeline struct {
	http          *http.Client
	retry         *retryablehttp.Client
	limit         rateLimit
	policy        Policy
	headerTimeout time.Duration
	idleTimeout   time.Duration
	logger        *slog.Logger
	redact        func(error) string
}

// Request describes one call. Nothing in it is written to, so that calls may share the header and the body.
type Request struct {
	Method      string
	URL         url.URL     // copied for each attempt
	Route       string      // the path's template, for the log
	Header      http.Header // cloned for each attempt
	ContentType string      // "" for none
	Body        []byte
	Upload      *Upload // a body that is read while it is sent; nil for none
	Repeat      Repeat
	NoProxy     bool // the header must not travel through a proxy in plain http
}

// Attempt is what came of sending the request once.
type Attempt struct {
	StatusCode int           // 0 without a response
	Err        error         // why there was no response, or no whole body
	Unsent     bool          // nothing of the request can have reached the server
	Wait       time.Duration // how long the next attempt was put off; 0 for the last one
}

// Result is what came of a call.
type Result struct {
	Attempts   []Attempt
	RetryAfter time.Duration // what the last response asked for, 0 if nothing
	TooLate    bool          // there would be another attempt if the context did not end before it
	Handled    bool          // Err is the handler's
	Err        error
}

// New builds a pipeline.
func New(cfg Config) *Pipeline {
	p := &Pipeline{
		limit:         rateLimit{limiter: cfg.Limiter},
		policy:        cfg.Retry,
		headerTimeout: cfg.HeaderTimeout,
		idleTimeout:   cfg.IdleTimeout,
		logger:        cfg.Logger,
		redact:        cfg.Redact,
	}
	own := *cfg.HTTP
	p.http = &own
	client := own
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	client.Transport = sender{base}
	client.CheckRedirect = p.redirect(own.CheckRedirect)
	p.retry = &retryablehttp.Client{
		HTTPClient:   &client,
		Logger:       nil,
		RetryMax:     1 << 30, // call.schedule counts
		CheckRetry:   checkRetry,
		Backoff:      noBackoff,
		PrepareRetry: prepareRetry,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return p
}

// CloseIdleConnections closes the connections that no call is using.
func (p *Pipeline) CloseIdleConnections() { p.http.CloseIdleConnections() }

// Do sends r and passes the response of the last attempt, whatever its status, to handle, which owns its body. An error
// of handle that is a *TruncatedError may cause the request to be sent again; any other ends the call.
func (p *Pipeline) Do(ctx context.Context, r Request, handle func(*http.Response) error) Result {
	c := newCall(ctx, p, r, handle)
	open := false // the handler left the body to its caller
	defer func() {
		if !open { // also if the handler panics
			c.end()
		}
	}()
	if err := p.limit.wait(ctx, r.URL.Host); err != nil {
		return c.failed(err)
	}
	c.req = *(&http.Request{Method: r.Method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(c)
	if err := c.newAttempt(&c.req); err != nil {
		return c.failed(err)
	}
	c.sent.Request = &c.req
	_, err := p.retry.Do(&c.sent)          //nolint:bodyclose // the handler owns the body, and end closes what it leaves
	if err != nil && c.result.Err == nil { // a wait before an attempt failed
		return c.failed(err)
	}
	open = c.result.Err == nil && c.body.outlive()
	return c.result
}

// checkRetry is called by retryablehttp after each attempt.
func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	return callOf(ctx).attempted(resp, err), nil
}

// prepareRetry is called by retryablehttp before each attempt but the first.
func prepareRetry(r *http.Request) error { return callOf(r.Context()).again(r) }

// noBackoff leaves the waiting to prepareRetry, which knows the call.
func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }
