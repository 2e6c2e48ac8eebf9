package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const idleQuantum = 1 << 10 // bytes that must arrive within the idle timeout

// deadlines cancels a request whose server is silent for too long: before the response headers, which an upload may delay
// as long as the server takes more of it, and within the body, of which a KiB must arrive within the idle timeout. Time in
// which nobody reads does not count.
type deadlines struct {
	header, idle time.Duration
	next         http.RoundTripper
}

// RoundTrip returns a response whose body is an *exchange.
func (d *deadlines) RoundTrip(r *http.Request) (*http.Response, error) {
	x := &exchange{deadlines: d, left: d.idle}
	x.ctx, x.cancel = context.WithCancelCause(r.Context())
	x.due.Store(time.Now().Add(d.header).UnixNano())
	x.timer = time.AfterFunc(d.header, x.expire)
	req := r.WithContext(x.ctx)
	if upload, ok := r.Body.(*uploadBody); ok {
		x.sent, req.Body = upload, sending{upload, x}
	}
	resp, err := d.next.RoundTrip(req)
	x.due.Store(0)
	x.timer.Stop()
	if err != nil || resp == nil { // http.Client reports a round tripper that returns neither
		defer x.cancel(nil)
		return resp, x.cause(err)
	}
	if resp.StatusCode < 200 {
		// A connection that switched protocols has no end, and ignores the context.
		_ = resp.Body.Close()
		resp.Body = http.NoBody
		x.cancel(nil)
		return resp, nil
	}
	x.answered.Store(true)
	x.body, x.rest, resp.Body = resp.Body, resp.ContentLength, x
	return resp, nil
}

// exchange is one request with its response, and the body of the response.
type exchange struct {
	*deadlines
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	sent   io.Closer // the body of an upload

	timer    *time.Timer
	due      atomic.Int64 // when the wait under way is too long, in Unix nanoseconds; 0 while nobody waits
	answered atomic.Bool  // the response headers came

	body    io.ReadCloser
	rest    int64         // bytes of the body that were not read; negative if its length is not known
	quantum int           // bytes since the idle timeout began
	left    time.Duration // of the idle timeout
	ended   bool
	closed  bool
}

// extend renews the wait for response headers, unless it is over.
func (x *exchange) extend() {
	if due := x.due.Load(); due != 0 && !x.answered.Load() && x.due.CompareAndSwap(due, time.Now().Add(x.header).UnixNano()) {
		x.timer.Reset(x.header)
	}
}

// expire cancels the request if the wait is over. A timer that fired before it was stopped or renewed comes too early.
func (x *exchange) expire() {
	if due := x.due.Load(); due == 0 || time.Now().UnixNano() < due {
		return
	}
	err := &TimeoutError{Waited: x.header, For: "response headers"}
	if x.answered.Load() {
		err = &TimeoutError{Waited: x.idle, For: "the next KiB of the response body"}
	}
	x.cancel(err)
	if x.sent != nil {
		_ = x.sent.Close() // net/http waits for a read that is under way
	}
}

// cause returns why the request was cancelled, and err if it was not.
func (x *exchange) cause(err error) error {
	if x.ctx.Err() == nil {
		return err
	}
	var timeout *TimeoutError
	if cause := context.Cause(x.ctx); errors.As(cause, &timeout) {
		return timeout
	}
	return contextError(x.ctx)
}

// Read reads from the connection. It returns the error of a context that has ended, whatever the body does.
func (x *exchange) Read(p []byte) (int, error) {
	if x.ended {
		return 0, io.EOF
	}
	if x.ctx.Err() != nil {
		return 0, x.cause(nil)
	}
	begin := time.Now()
	x.due.Store(begin.Add(x.left).UnixNano())
	x.timer.Reset(x.left)
	n, err := x.body.Read(p)
	x.due.Store(0)
	x.timer.Stop()
	x.rest -= int64(n)
	switch {
	case err == io.EOF: // readers return it bare, and what wraps it is not the end
		x.ended = true
		return n, io.EOF
	case err != nil:
		return n, x.cause(err)
	}
	if x.quantum += n; x.quantum >= idleQuantum {
		x.quantum, x.left = 0, x.idle
	} else {
		x.left = max(x.left-time.Since(begin), time.Nanosecond)
	}
	return n, nil
}

const (
	drainBytes = 64 << 10 // a rest up to this size is read, so that the connection can be used again
	drainTime  = 50 * time.Millisecond
)

// Close frees the connection. It reads a short rest of the body first, so that the connection can serve another request.
func (x *exchange) Close() error {
	if x.closed {
		return nil
	}
	x.closed = true
	if !x.ended && x.rest <= drainBytes && x.ctx.Err() == nil {
		late := time.AfterFunc(drainTime, func() { _ = x.body.Close() })
		_, _ = io.CopyN(io.Discard, x.body, drainBytes)
		late.Stop()
	}
	x.ended = true
	err := x.body.Close()
	x.cancel(nil)
	return err
}

// sending is the body of an upload. Each read of it shows that the server takes more.
type sending struct {
	*uploadBody
	x *exchange
}

func (s sending) Read(p []byte) (int, error) {
	n, err := s.uploadBody.Read(p)
	if n > 0 {
		s.x.extend()
	}
	return n, err
}

// TimeoutError is a wait that the pipeline ended. It matches context.DeadlineExceeded and os.ErrDeadlineExceeded.
type TimeoutError struct {
	Waited time.Duration
	For    string
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("waited %v for %s", e.Waited, e.For) }

// Timeout makes the error one of package net's timeouts.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is one of the standard library's timeouts.
func (e *TimeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// isTimeout reports whether an attempt ended for want of an answer, by a timeout of the pipeline or by the caller's deadline.
func isTimeout(err error) bool {
	var limit *LimitError
	return errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &limit)
}
