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

// readFrom passes the beginning of src to next with a copy for the record, and then the remainder, for which next may use
// sendfile. The beginning does not pass through write, because net/http's ReadFrom frames a response in another way.
func (x *Exchange) readFrom(src io.Reader, next func(io.Reader) (int64, error)) (int64, error) {
	var sent int64
	for room := x.room(); room > 0; room = x.room() {
		buffer := x.rec.newBuffer()
		part := &beginning{x: x, src: src, data: (*buffer)[:0], left: min(max(room, sniffed), len(*buffer))}
		n, err := next(part)
		sent += n
		x.Wrote(part.data[:min(max(int(n), 0), len(part.data))])
		x.rec.buffers.Put(buffer)
		if err != nil || part.left > 0 {
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

// sniffed is the number of bytes for which net/http's ReadFrom waits before it sends the headers.
const sniffed = 512

// beginning reads up to left bytes of src and keeps a copy of them.
type beginning struct {
	x    *Exchange
	src  io.Reader
	data []byte
	left int
}

func (b *beginning) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.src.Read(p[:min(len(p), b.left)])
	if n > 0 {
		b.x.implicit() // the bytes are written next
		b.data = append(b.data, p[:n]...)
		b.left -= n
	}
	return n, err
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
