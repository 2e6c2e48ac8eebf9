package capture

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// http1Server and http2Server are the method sets of the writers of net/http's servers.
type http1Server interface {
	anyServer
	io.ReaderFrom
	http.Hijacker
}

type http2Server interface {
	anyServer
	http.Pusher
}

type anyServer interface {
	http.ResponseWriter
	http.Flusher
	http.CloseNotifier //nolint:staticcheck // handlers may still ask for it
	io.StringWriter
	FlushError() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	EnableFullDuplex() error
}

type unwrapper interface{ Unwrap() http.ResponseWriter }

// response returns the writer for the handler.
func (x *Exchange) response() http.ResponseWriter {
	_, unwraps := x.writer.(unwrapper)
	_, first := x.writer.(http1Server)
	_, second := x.writer.(http2Server)
	switch {
	case first && !second && !unwraps:
		return (*http1Writer)(x)
	case second && !first && !unwraps:
		return (*http2Writer)(x)
	}
	x.foreign = true
	return x.other()
}

// http1Writer is the writer of a request over HTTP/1.
type http1Writer Exchange

// http2Writer is the writer of a request over HTTP/2.
type http2Writer Exchange

func (w *http1Writer) x() *Exchange { return (*Exchange)(w) }
func (w *http2Writer) x() *Exchange { return (*Exchange)(w) }

func (w *http1Writer) Header() http.Header { return w.writer.Header() }
func (w *http2Writer) Header() http.Header { return w.writer.Header() }

func (w *http1Writer) WriteHeader(status int) { w.x().writeHeader(status, w.writer.WriteHeader) }
func (w *http2Writer) WriteHeader(status int) { w.x().writeHeader(status, w.writer.WriteHeader) }

func (w *http1Writer) Write(p []byte) (int, error) { return w.x().write(p) }
func (w *http2Writer) Write(p []byte) (int, error) { return w.x().write(p) }

func (w *http1Writer) WriteString(s string) (int, error) { return w.x().writeString(s) }
func (w *http2Writer) WriteString(s string) (int, error) { return w.x().writeString(s) }

func (w *http1Writer) Flush() { _ = w.FlushError() }
func (w *http2Writer) Flush() { _ = w.FlushError() }

func (w *http1Writer) FlushError() error { return w.x().flush(w.writer.(anyServer).FlushError) }
func (w *http2Writer) FlushError() error { return w.x().flush(w.writer.(anyServer).FlushError) }

func (w *http1Writer) CloseNotify() <-chan bool { return w.writer.(anyServer).CloseNotify() }
func (w *http2Writer) CloseNotify() <-chan bool { return w.writer.(anyServer).CloseNotify() }

func (w *http1Writer) SetReadDeadline(t time.Time) error {
	return w.writer.(anyServer).SetReadDeadline(t)
}
func (w *http2Writer) SetReadDeadline(t time.Time) error {
	return w.writer.(anyServer).SetReadDeadline(t)
}
func (w *http1Writer) SetWriteDeadline(t time.Time) error {
	return w.writer.(anyServer).SetWriteDeadline(t)
}
func (w *http2Writer) SetWriteDeadline(t time.Time) error {
	return w.writer.(anyServer).SetWriteDeadline(t)
}

func (w *http1Writer) EnableFullDuplex() error { return w.writer.(anyServer).EnableFullDuplex() }
func (w *http2Writer) EnableFullDuplex() error { return w.writer.(anyServer).EnableFullDuplex() }

func (w *http1Writer) ReadFrom(src io.Reader) (int64, error) {
	return w.x().readFrom(src, w.writer.(io.ReaderFrom).ReadFrom)
}

func (w *http1Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.x().hijack(w.writer.(http.Hijacker).Hijack)
}

func (w *http2Writer) Push(target string, opts *http.PushOptions) error {
	return w.writer.(http.Pusher).Push(target, opts)
}

// writeHeader copies the headers before it passes the status on, because the next writer may change them.
func (x *Exchange) writeHeader(status int, next func(int)) {
	x.Header(status, x.writer.Header())
	next(status)
}

func (x *Exchange) write(p []byte) (int, error) {
	x.implicit()
	n, err := x.writer.Write(p)
	x.Wrote(p[:min(max(n, 0), len(p))])
	return n, err
}

func (x *Exchange) writeString(s string) (int, error) {
	x.implicit()
	n, err := io.WriteString(x.writer, s)
	x.wroteString(s[:min(max(n, 0), len(s))])
	return n, err
}

// implicit records the status 200, which a first write or flush sends.
func (x *Exchange) implicit() { x.Header(http.StatusOK, x.writer.Header()) }

func (x *Exchange) flush(next func() error) error {
	x.implicit()
	return next()
}

func (x *Exchange) hijack(next func() (net.Conn, *bufio.ReadWriter, error)) (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := next()
	if err == nil {
		x.Hijacked()
	}
	return conn, rw, err
}

const readFromCopy = 64 << 10

// readFrom passes the beginning of src through write, which copies it, and the remainder to next, which may use sendfile.
func (x *Exchange) readFrom(src io.Reader, next func(io.Reader) (int64, error)) (int64, error) {
	var sent int64
	for room := x.room(); room > 0; room = x.room() {
		buffer := x.rec.newBuffer()
		n, err := src.Read((*buffer)[:min(room, len(*buffer))])
		var written int
		var writeErr error
		if n > 0 {
			written, writeErr = x.write((*buffer)[:n])
			sent += int64(written)
		}
		x.rec.buffers.Put(buffer)
		switch {
		case writeErr != nil:
			return sent, writeErr
		case written < n:
			return sent, io.ErrShortWrite
		case err == io.EOF: // io.Copy returns no error here either
			return sent, nil
		case err != nil:
			return sent, err
		}
	}
	n, err := next(src)
	if n > 0 {
		x.implicit()
		x.skipped(n)
	}
	return sent + n, err
}

// room returns the number of bytes that readFrom still copies.
func (x *Exchange) room() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.scratch == nil {
		return 0
	}
	limit := x.scratch.out.limit
	if x.status == 0 && x.original.Method != http.MethodHead {
		limit = x.rec.copyLimit(x.writer.Header()) // the response has not begun
	}
	return min(limit, readFromCopy) - len(x.scratch.out.data)
}

// skipped counts bytes of the response body that are not copied.
func (x *Exchange) skipped(n int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.scratch != nil {
		x.scratch.out.total += n
	}
}
