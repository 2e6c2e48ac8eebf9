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

// deadlines cancels a request whose server is silent for too long. Before the response headers, progress of an upload
// extends the wait. Within the body, a KiB must arrive within the idle timeout. Time without a pending read does not
// count.
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
		// A switched connection has no end, and ignores the context.
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
	ctx    context.Context // context of the request
	cancel context.CancelCauseFunc
	sent   io.Closer // body of an upload

	timer    *time.Timer
	due      atomic.Int64 // end of the current wait in Unix nanoseconds; 0 without one
	answered atomic.Bool  // the response headers arrived

	body    io.ReadCloser
	rest    int64         // unread bytes of the body; negative if the length is unknown
	quantum int           // bytes since the idle timeout began
	left    time.Duration // rest of the idle timeout
	ended   bool
	closed  bool
}

// extend restarts the wait for response headers, unless it is over.
func (x *exchange) extend() {
	if due := x.due.Load(); due != 0 && !x.answered.Load() && x.due.CompareAndSwap(due, time.Now().Add(x.header).UnixNano()) {
		x.timer.Reset(x.header)
	}
}

// expire cancels the request if the wait is over. It ignores a timer that fired before it was stopped or reset.
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
		_ = x.sent.Close() // net/http waits for a pending read
	}
}

// cause returns the reason for a cancelled request, and otherwise err.
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

// Read reads from the connection. The error of an ended context takes precedence.
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
	case err == io.EOF: // readers return io.EOF unwrapped; a wrapped one is not the end
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
	drainBytes = 64 << 10 // a rest of up to this size is read to reuse the connection
	drainTime  = 50 * time.Millisecond
)

// Close frees the connection. It reads a short rest of the body first, so that the connection can be reused.
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

// sending is the body of an upload. Each read of it shows progress of the server.
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

// TimeoutError describes a wait that the pipeline ended. It matches context.DeadlineExceeded and
// os.ErrDeadlineExceeded.
type TimeoutError struct {
	Waited time.Duration
	For    string
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("waited %v for %s", e.Waited, e.For) }

// Timeout reports true, as net.Error requires for a timeout.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is one of the standard library's timeouts.
func (e *TimeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// isTimeout reports whether an attempt timed out, by the pipeline or by the caller's deadline.
func isTimeout(err error) bool {
	var limit *LimitError
	return errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &limit)
}
