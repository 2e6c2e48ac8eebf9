// Package transport sends one request to a Metlo server: it waits for the rate limit, sends, repeats what may be
// repeated, follows what may be followed, and hands over a response whose body is bounded in time.
//
// It knows HTTP and nothing of the API's sections.
package transport

import (
	"bytes"
	"context"
	"io"
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
}

// Pipeline sends requests. It is safe for concurrent use and holds no goroutine.
type Pipeline struct {
	http          *http.Client
	retry         *retryablehttp.Client
	gate          gate
	policy        Policy
	headerTimeout time.Duration
	idleTimeout   time.Duration
	logger        *slog.Logger
	template      *http.Request
	unseen        bool // nothing but sender looks at the headers of requests: the caller has neither CheckRedirect nor Jar
}

// Request is one request as a service describes it. It is sent once.
type Request struct {
	Method      string
	URL         *url.URL
	Route       string                        // the path's template, for the log
	Header      http.Header                   // not written to, so that requests may share it
	ContentType string                        // "" for none
	Body        []byte                        // sent again as it is when an attempt is repeated
	Stream      func() (io.ReadCloser, error) // the body of an upload; called once per attempt, after the last one's Close
	Repeat      Repeat

	call call // in the memory of the request, and only while it is sent
}

// Attempt is what came of sending the request once.
type Attempt struct {
	StatusCode int           // 0 without a response
	Err        error         // why there was no response, or no whole body
	Wait       time.Duration // how long the next attempt was put off; 0 for the last one
}

// New builds the pipeline. The order of its stages is that of Do: gate, send, handle, verdict, and again from the gate.
func New(cfg Config) *Pipeline {
	p := &Pipeline{
		policy:        cfg.Retry,
		headerTimeout: cfg.HeaderTimeout,
		idleTimeout:   cfg.IdleTimeout,
		logger:        cfg.Logger,
		unseen:        cfg.HTTP.CheckRedirect == nil && cfg.HTTP.Jar == nil,
		template:      &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}},
	}
	p.gate.limiter = cfg.Limiter

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
		RetryMax:     1 << 30, // verdict counts
		CheckRetry:   verdict,
		Backoff:      noBackoff,
		PrepareRetry: prepareRetry,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return p
}

// sender hides CloseIdleConnections, which retryablehttp would call after every failure on a transport that others share.
type sender struct{ base http.RoundTripper }

// RoundTrip adds what http.Client need not see: it would copy headers for a redirect that hardly ever comes, and the URL
// for a Host. It takes away a Location that is none, for which http.Client would throw the response away.
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	c := callOf(r.Context())
	first := r.Response == nil
	if first {
		r.Host = c.host
	}
	if c.pipeline.unseen && (first || sameServer(r.URL, c.request.URL)) {
		referer := r.Header
		r.Header = c.request.header(r.Body != nil)
		for name, values := range referer {
			if r.Header[name] == nil {
				r.Header[name] = values
			}
		}
	}
	resp, err := s.base.RoundTrip(r)
	if err == nil && resp != nil && resp.StatusCode/100 == 3 {
		if _, bad := r.URL.Parse(resp.Header.Get("Location")); bad != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, err
}

// header is a map of the attempt's own, since transports of callers may write to it.
func (r *Request) header(hasBody bool) http.Header {
	h := make(http.Header, len(r.Header)+1)
	for name, values := range r.Header {
		h[name] = values[:len(values):len(values)]
	}
	if hasBody && r.ContentType != "" {
		h["Content-Type"] = []string{r.ContentType}
	}
	return h
}

// CloseIdleConnections closes the connections that no call is using.
func (p *Pipeline) CloseIdleConnections() { p.http.CloseIdleConnections() }

// Do sends r and passes the response of the last attempt, whatever its status, to handle, which owns its body. An error
// of handle that is a *CutError may cause the request to be repeated; any other ends the call and is returned.
func (p *Pipeline) Do(ctx context.Context, r *Request, handle func(*http.Response) error) ([]Attempt, error) {
	c := newCall(ctx, p, r)
	kept := false // the handler left the body open for its caller
	defer func() {
		if !kept { // also if the handler panics
			c.end()
		}
	}()
	if err := p.gate.pass(ctx); err != nil {
		return nil, c.cause(err)
	}
	c.host = r.URL.Host
	c.outgoing = *p.template.WithContext(c)
	req := &c.outgoing
	req.Method, req.URL = r.Method, r.URL
	if err := c.fill(req); err != nil {
		return nil, err
	}
	c.sent.Request = req
	c.sent.SetResponseHandler(handle)
	c.begin()
	_, err := p.retry.Do(&c.sent) //nolint:bodyclose // the handler owns the body, and end closes what it leaves
	if err != nil && !c.answered.Load() {
		err = c.cause(err)
	}
	kept = err == nil && c.body.outlive()
	return c.attempts, err
}

// fill gives req the header and the body of one attempt.
func (c *call) fill(req *http.Request) error {
	req.Header = c.pipeline.template.Header // which is empty
	if !c.pipeline.unseen {
		req.Header = c.request.header(c.request.Body != nil || c.request.Stream != nil)
	}
	switch {
	case c.request.Stream != nil:
		c.closeStream()
		body, err := c.request.Stream()
		if err != nil {
			return &SourceError{Err: err}
		}
		c.stream = body
		req.Body, req.ContentLength = sentBody{body, c}, -1
	case c.request.Body != nil:
		body := c.request.Body
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
	}
	return nil
}
