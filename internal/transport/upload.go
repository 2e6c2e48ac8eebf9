package transport

import (
	"io"
	"time"
)

// SourceError is a body that could not be provided for an attempt, which therefore did not start.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// sentBody is the body of an attempt that streams. The wait for response headers begins anew whenever the server takes more
// of it, so that a long upload is no late answer.
type sentBody struct {
	io.ReadCloser
	call *call
}

func (b sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && !b.call.answered.Load() {
		b.call.watchdog.extend(time.Now(), b.call.pipeline.headerTimeout)
	}
	return n, err
}
