package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// call is the state of one call: the context of its attempts, the attempt under way, and what they came to.
type call struct {
	context.Context
	caller   context.Context
	cancel   context.CancelCauseFunc
	pipeline *Pipeline
	request  Request
	handle   func(*http.Response) error

	// The first attempt's, here rather than on their own: two allocations and more.
	sent retryablehttp.Request
	req  http.Request
	url  url.URL

	upload  *uploadBody // of the attempt under way
	timer   waitTimer
	body    body
	started time.Time // of the attempt under way
	resume  time.Time // when the next one may start

	result Result
	first  [1]Attempt // room for the usual history
}

type callKey struct{}

func newCall(ctx context.Context, p *Pipeline, r Request, handle func(*http.Response) error) *call {
	c := &call{caller: ctx, pipeline: p, request: r, handle: handle}
	c.result.Attempts = c.first[:0]
	c.Context, c.cancel = context.WithCancelCause(ctx)
	return c
}

// Value lets the hooks of retryablehttp, which see only a context, find the call.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// RouteOf returns the template of the path that a request of a Pipeline goes to, and "" for any other context.
func RouteOf(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.request.Route
	}
	return ""
}

// newAttempt gives req what transports may edit, and starts the wait for its response headers.
func (c *call) newAttempt(req *http.Request) error {
	r := &c.request
	if len(c.result.Attempts) == 0 {
		req.URL = &c.url
	} else {
		req.URL = new(url.URL)
	}
	*req.URL, req.Host = r.URL, r.URL.Host
	req.Header = r.Header.Clone()
	req.Close = c.pipeline.limit.suspect(r.URL.Host)
	req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	switch {
	case r.Upload != nil:
		body, err := r.Upload.open(c)
		if err != nil {
			return &SourceError{Err: err}
		}
		c.upload, req.Body, req.ContentLength = body, body, r.Upload.length()
	case r.Body != nil:
		req.ContentLength = int64(len(r.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
		req.Body, _ = req.GetBody()
	}
	if req.Body != nil && r.ContentType != "" {
		req.Header["Content-Type"] = []string{r.ContentType}
	}
	c.started = time.Now()
	c.timer.start(c, c.started, c.pipeline.headerTimeout, waitForHeaders)
	return nil
}

// attempted ends an attempt, and reports whether there is another one.
func (c *call) attempted(resp *http.Response, err error) bool {
	c.timer.pause()
	c.result.Handled, c.result.Err = false, nil
	if err != nil {
		c.result.Err = c.cause(err)
	}
	o := classify(resp, c.result.Err, time.Now())
	c.result.Attempts = append(c.result.Attempts, o.Attempt)
	c.result.RetryAfter = o.retryAfter
	wait := c.wait(o)
	c.pipeline.limit.learn(c.request.URL.Host, o, min(wait, c.pipeline.policy.MaxRetryAfter))
	if c.mayRepeat(o.repeatable) && c.schedule(wait, o) {
		if err == nil {
			drain(resp.Body, resp.ContentLength)
			resp.Body = http.NoBody
		}
		return true
	}
	if err == nil && c.hand(resp) {
		return true
	}
	c.log(o)
	return false
}

// hand passes a response to the handler, and reports whether its body was cut and the request is sent again for that.
func (c *call) hand(resp *http.Response) bool {
	if resp.StatusCode < 200 {
		// A connection that switched protocols has no end, and heeds no context.
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	c.result.Handled = true
	c.body.wrap(c, resp)
	c.result.Err = c.handle(resp)
	return c.result.Err != nil && c.truncated()
}

// truncated reports whether the body of the last attempt was cut and the request is sent again for that.
func (c *call) truncated() bool {
	var truncated *TruncatedError
	if !errors.As(c.result.Err, &truncated) {
		return false
	}
	c.result.Attempts[len(c.result.Attempts)-1].Err = truncated.Err
	o := outcome{repeatable: RepeatSafe}
	return c.mayRepeat(o.repeatable) && c.schedule(c.wait(o), o)
}

// again waits until the next attempt may start, and starts it with req.
func (c *call) again(req *http.Request) error {
	c.result.Handled, c.result.Err = false, nil
	if err := sleepUntil(c.caller, c.resume); err != nil {
		return err
	}
	if err := c.pipeline.limit.wait(c.caller, c.request.URL.Host); err != nil {
		return err
	}
	return c.newAttempt(req)
}

// failed ends a call without a response for the handler.
func (c *call) failed(err error) Result {
	c.result.Handled, c.result.Err = false, c.cause(err)
	return c.result
}

// end closes the body of the response and releases the call.
func (c *call) end() {
	_ = c.body.Close()
	c.release()
}

// release frees what the call holds. It may be called more than once.
func (c *call) release() {
	c.timer.stop()
	if c.upload != nil {
		c.upload.finish()
	}
	c.cancel(nil)
}

// cause turns an error of net/http into the reason for it, without the URL that net/http adds.
func (c *call) cause(err error) error {
	if caller := c.caller.Err(); caller != nil {
		if cause := context.Cause(c.caller); cause != nil && !errors.Is(cause, caller) {
			return fmt.Errorf("%w: %w", caller, cause)
		}
		return caller
	}
	var timeout *TimeoutError
	if errors.As(context.Cause(c.Context), &timeout) {
		return timeout
	}
	var withURL *url.Error
	if errors.As(err, &withURL) && withURL == err { //nolint:errorlint // only the outermost one holds the request's URL
		// A dialer's own timeout is one too, and comes earlier.
		if limit := c.pipeline.http.Timeout; withURL.Timeout() && limit > 0 && time.Since(c.started) >= limit {
			return &TimeoutError{Waited: limit, For: "the whole exchange, which http.Client.Timeout bounds"}
		}
		err = withURL.Err
	}
	if !c.result.Handled && isLate(err) {
		return lateError{err}
	}
	return err
}

// isLate reports whether a transport waited too long, such as for a TLS handshake. A connection that the kernel gave up
// is a broken one, and a limiter's wait not the server's.
func isLate(err error) bool {
	var (
		timeout interface{ Timeout() bool }
		limit   *LimitError
		kernel  syscall.Errno
	)
	return errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, &limit) && !errors.As(err, &kernel)
}

// lateError has the timeouts of net/http match what those of package net match.
type lateError struct{ error }

func (e lateError) Unwrap() error { return e.error }

func (e lateError) Is(target error) bool { return (&TimeoutError{}).Is(target) }
