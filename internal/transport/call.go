package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// call is one request under way: the context of its attempts, and their history.
type call struct {
	context.Context
	caller   context.Context
	cancel   context.CancelCauseFunc
	pipeline *Pipeline
	request  *Request
	sent     retryablehttp.Request
	outgoing http.Request // the first attempt's
	host     string       // of each attempt, also if a transport of the caller's changes the URL
	watchdog watchdog
	stream   io.Closer // of the attempt under way
	body     body

	attempts []Attempt
	first    [1]Attempt  // room for the usual history
	started  time.Time   // of the attempt under way
	resume   time.Time   // when the next one may start
	answered atomic.Bool // its response went to the handler
}

type callKey struct{}

func newCall(ctx context.Context, p *Pipeline, r *Request) *call {
	c := &r.call
	c.caller, c.pipeline, c.request = ctx, p, r
	c.attempts = c.first[:0]
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

// begin starts an attempt, which must bring response headers before the watchdog bites.
func (c *call) begin() {
	c.answered.Store(false)
	c.started = time.Now()
	c.watch(c.started, c.pipeline.headerTimeout)
}

// closeStream ends an upload: net/http may go on reading it after the response.
func (c *call) closeStream() {
	if c.stream != nil {
		_ = c.stream.Close()
	}
}

// end closes the body of the response and releases the call.
func (c *call) end() {
	_ = c.body.Close()
	c.release()
}

// release frees what the call holds. It may be called more than once.
func (c *call) release() {
	c.watchdog.stop()
	c.closeStream()
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
	if !c.answered.Load() && isLate(err) {
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
