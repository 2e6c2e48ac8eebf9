package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// maxAttempts is a ceiling for go-retryablehttp: checkRetry decides when a call ends. At the ceiling the last response
// would remain unread.
const maxAttempts = 1 << 30

// call is the state of one call. It holds its loop, its request and the URL of its first attempt by value, which saves
// a GET 4 of 33 allocations.
type call struct {
	pipeline *Pipeline
	ctx      context.Context // context of the caller
	request  *Request
	loop     retryablehttp.Client
	sent     retryablehttp.Request
	req      http.Request
	url      url.URL
	upload   *uploadBody // body of the current attempt
	started  time.Time   // start of the current attempt
	ended    time.Time   // end of the last attempt
	failing  time.Time   // time at which the first attempt failed
	last     outcome
	read     *http.Response // last response, while its reader reads it
	result   Result
	first    [1]Attempt // room for the usual number of attempts
}

// prepare waits for the cool-down and the rate limit, and sets the parts that transports may edit.
func (c *call) prepare(req *http.Request) error {
	r := c.request
	c.result.Handled, c.result.Err = false, nil
	var onWait func(WaitReason, time.Duration)
	if c.pipeline.onWait != nil {
		onWait = func(reason WaitReason, d time.Duration) {
			c.pipeline.onWait(c.ctx, Event{Request: r, Number: len(c.result.Attempts) + 1, Reason: reason, Duration: d})
		}
		if len(c.result.Attempts) > 0 {
			onWait(WaitRetry, time.Since(c.ended))
		}
	}
	timedOut, err := c.pipeline.limit.wait(c.ctx, r.URL.Host, onWait)
	if err != nil {
		return err
	}
	req.URL, req.Host, req.Header, req.Close = &c.url, r.URL.Host, c.pipeline.noHeader, timedOut
	if len(c.result.Attempts) > 0 {
		req.URL = new(url.URL)
	}
	*req.URL = r.URL
	if r.ContentType != "" || c.pipeline.http.Jar != nil {
		req.Header = http.Header{}
	}
	if r.ContentType != "" {
		req.Header["Content-Type"] = []string{r.ContentType}
	}
	c.started = time.Now()
	return nil
}

// setUpload sets the body of every attempt to the upload, which only go-retryablehttp reopens.
func (c *call) setUpload() {
	err := c.sent.SetBody(retryablehttp.ReaderFunc(func() (io.Reader, error) {
		body, err := c.request.Upload.open(c.ctx, c.upload)
		c.upload = body
		return body, err
	}))
	if err != nil {
		panic(err) // a first open cannot fail
	}
	c.sent.GetBody, c.sent.ContentLength = nil, c.request.Upload.length()
}

// checkRetry records an attempt, and reports whether another follows. For a response that was read, it is called a
// second time with the error of the reader.
func (c *call) checkRetry(_ context.Context, resp *http.Response, err error) (bool, error) {
	if c.read != nil {
		c.read = nil
		return c.checkRead(resp, err), nil
	}
	if err != nil {
		c.result.Err = c.cause(err)
	}
	o := classify(resp, c.result.Err, time.Now())
	c.last, c.result.RetryAfter = o, o.retryAfter
	c.result.Attempts = append(c.result.Attempts, o.Attempt)
	if o.repeatable == noRepeat && o.Err == nil {
		c.read = resp
		return false, nil
	}
	wait := c.waitAfter(o)
	c.pipeline.limit.record(c.request.URL.Host, o, min(wait, c.pipeline.policy.MaxRetryAfter))
	retry := c.mayRepeat(o.repeatable) && c.schedule(wait, o)
	if retry && err == nil {
		_ = resp.Body.Close()
		resp.Body = http.NoBody // go-retryablehttp would wait for the rest
	}
	if retry || err != nil {
		c.log(o)
	} else {
		c.read = resp
	}
	return retry, nil
}

// checkRead ends a call whose response was read, unless the body was cut short and the request may be repeated.
func (c *call) checkRead(resp *http.Response, err error) (retry bool) {
	o := c.last
	c.result.Handled, c.result.Err = true, err
	if err != nil {
		_ = resp.Body.Close()
		retry = c.repeatTruncated(err, &o)
	}
	if c.pipeline.logger != nil || c.pipeline.onAttempt != nil {
		c.log(o)
	}
	return retry
}

// repeatTruncated reports whether another attempt follows because the last body was cut short.
func (c *call) repeatTruncated(err error, o *outcome) bool {
	var truncated *TruncatedError
	if !errors.As(err, &truncated) {
		return false
	}
	c.result.Attempts[len(c.result.Attempts)-1].Err = truncated.Err
	o.repeatable = RepeatSafe
	return !truncated.timedOut() && c.mayRepeat(o.repeatable) && c.schedule(c.waitAfter(*o), *o)
}

// mayRepeat reports whether the request's class allows a repetition, and its body can be sent again.
func (c *call) mayRepeat(least Repeat) bool {
	r := c.request
	return c.ctx.Err() == nil && r.Repeat != RepeatNever && r.Repeat >= least && (c.upload == nil || c.upload.rewindable())
}

// waitAfter returns the wait before another attempt: the server's Retry-After, the longest backoff if that could not be
// parsed, or a random time.
func (c *call) waitAfter(o outcome) time.Duration {
	switch {
	case o.retryAfter > 0:
		return o.retryAfter
	case o.unreadable:
		return c.pipeline.policy.MaxWait
	}
	return c.pipeline.policy.backoff(len(c.result.Attempts))
}

// schedule plans another attempt after wait. It returns false if the policy allows no more attempts or no wait that
// long, or if the context would end earlier.
func (c *call) schedule(wait time.Duration, o outcome) bool {
	now, n := time.Now(), len(c.result.Attempts)
	if c.failing.IsZero() {
		c.failing = now
	}
	patient := c.request.Patient && now.Add(wait).Sub(c.failing) <= c.pipeline.policy.Patience
	if n > c.pipeline.policy.MaxRetries && !patient || (o.retryAfter > 0 && wait > c.pipeline.policy.MaxRetryAfter) {
		return false
	}
	if deadline, ok := c.ctx.Deadline(); ok && now.Add(wait).After(deadline) {
		c.result.TooLate = o.cooldown
		return false
	}
	c.ended = now
	c.loop.RetryWaitMin, c.loop.PrepareRetry, c.result.Attempts[n-1].Wait = wait, c.prepare, wait
	return true
}

// backoff returns a random time below a limit that doubles with each failure.
func (p *Policy) backoff(failures int) time.Duration {
	ceiling := p.MaxWait
	if shift := failures - 1; p.BaseWait < ceiling>>shift {
		ceiling = p.BaseWait << shift
	}
	if ceiling <= 0 {
		return 0
	}
	return rand.N(ceiling)
}

// ErrGiveUp reports that the policy allows no further attempt.
var ErrGiveUp = errors.New("no retry is left")

// Pause waits like Do after a number of failures in a row, for a caller that repeats a request itself.
func (p *Pipeline) Pause(ctx context.Context, failures int) error {
	if failures > p.policy.MaxRetries {
		return ErrGiveUp
	}
	return sleepUntil(ctx, time.Now().Add(p.policy.backoff(failures)))
}

// cause returns the reason for an error of net/http, without the URL that net/http adds. The context's error takes
// precedence.
func (c *call) cause(err error) error {
	if caller := contextError(c.ctx); caller != nil {
		return caller
	}
	var withURL *url.Error
	if errors.As(err, &withURL) && withURL == err { //nolint:errorlint // only the outermost one holds the request's URL
		// A dialer's own timeout is also one, and occurs earlier.
		if limit := c.pipeline.http.Timeout; withURL.Timeout() && limit > 0 && time.Since(c.started) >= limit {
			return &TimeoutError{Waited: limit, For: "the whole exchange, which http.Client.Timeout bounds"}
		}
		err = withURL.Err
	}
	if isLate(err) {
		return lateError{err}
	}
	return err
}

// contextError returns the error of an ended context, with its cause, or nil.
func contextError(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// isLate reports whether a transport timed out, such as for a TLS handshake. A connection that the kernel timed out is
// broken instead, and the wait of a limiter is not the server's.
func isLate(err error) bool {
	var (
		timeout interface{ Timeout() bool }
		limit   *LimitError
		kernel  syscall.Errno
	)
	return errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, &limit) && !errors.As(err, &kernel)
}

// lateError adds the timeouts of package net to those of net/http.
type lateError struct{ error }

func (e lateError) Unwrap() error { return e.error }

func (e lateError) Is(target error) bool { return (&TimeoutError{}).Is(target) }
