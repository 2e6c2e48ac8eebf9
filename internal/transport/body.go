package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

const (
	stepBytes = 256 << 10 // a full buffer of this size or more grows in one step
	announced = 4 << 20   // maximum number of bytes allocated because the server announces them
)

// TruncatedError describes a body that ended early: the connection broke, stalled or was cancelled.
type TruncatedError struct{ Err error }

func (e *TruncatedError) Error() string { return "the response was cut short: " + e.Err.Error() }
func (e *TruncatedError) Unwrap() error { return e.Err }

// TooLargeError describes a body, or an item of a list, over the limit.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("larger than %d bytes: ask for less, or raise WithMaxResponseBytes", e.Limit)
}

// timedOut reports whether the body ended because of a timeout or of the caller's context, as opposed to a broken
// connection.
func (e *TruncatedError) timedOut() bool {
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled) || isLate(e.Err)
}

// Body returns a reader of a response's body. An error of it other than io.EOF is a *TruncatedError.
func Body(resp *http.Response) io.Reader { return bodyReader{resp.Body} }

type bodyReader struct{ src io.Reader }

func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if err != nil && err != io.EOF { // readers return io.EOF unwrapped; a wrapped one is not the end
		err = &TruncatedError{Err: err}
	}
	return n, err
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

// room returns the growth of a full buffer: twofold, but in one step where doubling would leave much garbage.
func room(size int) int64 {
	if size < stepBytes {
		return int64(max(size, 512))
	}
	return int64(max(size, announced))
}

// ReadUpTo appends up to limit bytes of the body to buf, and reports whether there are more. If so, buf also holds the
// byte after the limit.
func ReadUpTo(resp *http.Response, buf []byte, limit int64) ([]byte, bool, error) {
	start, body := len(buf), bodyReader{resp.Body}
	buf = slices.Grow(buf, int(max(min(resp.ContentLength, limit, announced), 0))+1)
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, int(min(room(len(buf)), limit-int64(len(buf)-start)))+1)
		}
		space := buf[len(buf):cap(buf)]
		if rest := limit - int64(len(buf)-start); int64(len(space))-1 > rest {
			space = space[:rest+1]
		}
		n, err := body.Read(space)
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)-start) > limit:
			return buf, true, nil
		case err == io.EOF: //nolint:errorlint // bodyReader returns it bare
			return buf, false, nil
		case err != nil:
			return buf, false, err
		}
	}
}
