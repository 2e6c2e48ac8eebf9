package transport

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	idleQuantum = 1 << 10   // bytes that must arrive within the idle timeout
	drainBytes  = 64 << 10  // a rest up to this size is read, so that the connection can be used again
	stepBytes   = 256 << 10 // from which size on a full buffer grows in one step
	announced   = 4 << 20   // for how many bytes room is made at once because the server announces them
	drainTime   = 50 * time.Millisecond
)

// TruncatedError is a body that ended early: the connection broke, stalled or was cancelled.
type TruncatedError struct{ Err error }

func (e *TruncatedError) Error() string { return "the response was cut short: " + e.Err.Error() }
func (e *TruncatedError) Unwrap() error { return e.Err }

// TooLargeError is a body, or one item of a list, over the limit.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("larger than %d bytes: ask for less, or raise WithMaxResponseBytes", e.Limit)
}

// body is the response body that handlers read. It counts the time spent waiting for the server, and only that.
type body struct {
	call     *call
	src      io.ReadCloser
	length   int64 // -1 if the server did not say
	read     int64
	quantum  int
	left     time.Duration
	ended    bool
	closed   bool
	outlives bool // Do has returned: closing the body ends the call
}

func (b *body) wrap(c *call, resp *http.Response) {
	*b = body{call: c, src: resp.Body, length: resp.ContentLength, left: c.pipeline.idleTimeout}
	resp.Body = b
}

// Read reads from the connection. An error other than io.EOF is a *TruncatedError.
func (b *body) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	start := time.Now()
	b.call.timer.start(b.call, start, b.left, waitForBody)
	n, err := b.src.Read(p)
	b.call.timer.pause()
	b.read += int64(n)
	switch {
	case err == io.EOF: // readers return it bare, and what wraps it is no end
		b.ended = true
		return n, io.EOF
	case err != nil:
		return n, &TruncatedError{Err: b.call.cause(err)}
	}
	if b.quantum += n; b.quantum >= idleQuantum {
		b.quantum, b.left = 0, b.call.pipeline.idleTimeout
	} else {
		b.left = max(b.left-time.Since(start), time.Nanosecond)
	}
	return n, nil
}

// outlive lets the body be read after Do, and reports whether it is open.
func (b *body) outlive() bool {
	b.outlives = true
	return b.src != nil && !b.closed
}

// Close frees the connection.
func (b *body) Close() error {
	if !b.closed && b.src != nil {
		b.closed = true
		switch {
		case b.ended || b.call.Context.Err() != nil:
			_ = b.src.Close()
		case b.length < 0:
			drain(b.src, b.length)
		default:
			drain(b.src, b.length-b.read)
		}
		b.ended = true
	}
	if b.outlives && b.call != nil {
		b.call.release()
	}
	return nil
}

// drain closes a body so that its connection can serve another request if little is left to read: rest bytes, or an
// unknown number if negative.
func drain(src io.ReadCloser, rest int64) {
	if rest <= drainBytes {
		late := time.AfterFunc(drainTime, func() { _ = src.Close() })
		_, _ = io.CopyN(io.Discard, src, drainBytes)
		late.Stop()
	}
	_ = src.Close()
}

// ReadAll appends the whole body to buf and closes it. A body over limit bytes is a *TooLargeError; buf then holds the
// first limit bytes.
func ReadAll(resp *http.Response, buf []byte, limit int64) ([]byte, error) {
	buf, more, err := ReadUpTo(resp, buf, limit)
	if err == nil && more {
		err = &TooLargeError{Limit: limit}
	}
	_ = resp.Body.Close()
	return buf, err
}

// room is by how much a full buffer grows: twofold, but in one step where that would go on to leave much garbage.
func room(size int) int64 {
	if size < stepBytes {
		return int64(max(size, 512))
	}
	return int64(max(size, announced))
}

// ReadUpTo appends up to limit bytes of the body to buf, and reports whether there are more: then the byte after the
// limit is in buf too.
func ReadUpTo(resp *http.Response, buf []byte, limit int64) ([]byte, bool, error) {
	start := len(buf)
	buf = slices.Grow(buf, int(max(min(resp.ContentLength, limit, announced), 0))+1)
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, int(min(room(len(buf)), limit-int64(len(buf)-start)))+1)
		}
		space := buf[len(buf):cap(buf)]
		if rest := limit - int64(len(buf)-start); int64(len(space))-1 > rest {
			space = space[:rest+1]
		}
		n, err := resp.Body.Read(space)
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)-start) > limit:
			return buf, true, nil
		case err == io.EOF:
			return buf, false, nil
		case err != nil:
			return buf, false, err
		}
	}
}
