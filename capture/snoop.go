package capture

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"unsafe"
)

// otherWriter wraps a writer that is not one of net/http's, such as that of another middleware. http.ResponseController reaches
// the wrapped writer's other methods through Unwrap.
type otherWriter Exchange

func (w *otherWriter) x() *Exchange                      { return (*Exchange)(w) }
func (w *otherWriter) Header() http.Header               { return w.writer.Header() }
func (w *otherWriter) WriteHeader(status int)            { w.x().writeHeader(status, w.writer.WriteHeader) }
func (w *otherWriter) Write(p []byte) (int, error)       { return w.x().write(p) }
func (w *otherWriter) WriteString(s string) (int, error) { return w.x().writeString(s) }
func (w *otherWriter) ReadFrom(src io.Reader) (n int64, err error) {
	return w.x().readFrom(src, w.rest)
}
func (w *otherWriter) Unwrap() http.ResponseWriter { return w.writer }

// rest writes the remainder of src, which is not copied.
func (w *otherWriter) rest(src io.Reader) (int64, error) {
	if from, ok := w.writer.(io.ReaderFrom); ok {
		return from.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{w.writer}, src)
}

// Handlers check whether a writer has these optional interfaces.
type (
	otherFlusher  Exchange
	otherHijacker Exchange
	otherPusher   Exchange
	otherNotifier Exchange
)

func (w *otherFlusher) Flush() { _ = w.FlushError() }

func (w *otherFlusher) FlushError() error {
	return (*Exchange)(w).flush(func() error {
		if flusher, ok := w.writer.(interface{ FlushError() error }); ok {
			return flusher.FlushError()
		}
		w.writer.(http.Flusher).Flush()
		return nil
	})
}

func (w *otherHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return (*Exchange)(w).hijack(w.writer.(http.Hijacker).Hijack)
}

func (w *otherPusher) Push(target string, opts *http.PushOptions) error {
	return w.writer.(http.Pusher).Push(target, opts)
}

func (w *otherNotifier) CloseNotify() <-chan bool {
	return w.writer.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // handlers may still ask for it
}

// other returns a writer that has the same ones of http.Flusher, http.Hijacker, http.Pusher and http.CloseNotifier as the wrapped
// writer.
func (x *Exchange) other() http.ResponseWriter {
	w, f, h, p, n := (*otherWriter)(x), (*otherFlusher)(x), (*otherHijacker)(x), (*otherPusher)(x), (*otherNotifier)(x)
	has := 0
	if _, ok := x.writer.(http.Flusher); ok {
		has |= 1
	}
	if _, ok := x.writer.(http.Hijacker); ok {
		has |= 2
	}
	if _, ok := x.writer.(http.Pusher); ok {
		has |= 4
	}
	if _, ok := x.writer.(http.CloseNotifier); ok { //nolint:staticcheck // handlers may still ask for it
		has |= 8
	}
	switch has {
	case 1:
		return struct {
			*otherWriter
			*otherFlusher
		}{w, f}
	case 2:
		return struct {
			*otherWriter
			*otherHijacker
		}{w, h}
	case 3:
		return struct {
			*otherWriter
			*otherFlusher
			*otherHijacker
		}{w, f, h}
	case 4:
		return struct {
			*otherWriter
			*otherPusher
		}{w, p}
	case 5:
		return struct {
			*otherWriter
			*otherFlusher
			*otherPusher
		}{w, f, p}
	case 6:
		return struct {
			*otherWriter
			*otherHijacker
			*otherPusher
		}{w, h, p}
	case 7:
		return struct {
			*otherWriter
			*otherFlusher
			*otherHijacker
			*otherPusher
		}{w, f, h, p}
	case 8:
		return struct {
			*otherWriter
			*otherNotifier
		}{w, n}
	case 9:
		return struct {
			*otherWriter
			*otherFlusher
			*otherNotifier
		}{w, f, n}
	case 10:
		return struct {
			*otherWriter
			*otherHijacker
			*otherNotifier
		}{w, h, n}
	case 11:
		return struct {
			*otherWriter
			*otherFlusher
			*otherHijacker
			*otherNotifier
		}{w, f, h, n}
	case 12:
		return struct {
			*otherWriter
			*otherPusher
			*otherNotifier
		}{w, p, n}
	case 13:
		return struct {
			*otherWriter
			*otherFlusher
			*otherPusher
			*otherNotifier
		}{w, f, p, n}
	case 14:
		return struct {
			*otherWriter
			*otherHijacker
			*otherPusher
			*otherNotifier
		}{w, h, p, n}
	case 15:
		return struct {
			*otherWriter
			*otherFlusher
			*otherHijacker
			*otherPusher
			*otherNotifier
		}{w, f, h, p, n}
	}
	return w
}

// wroteString does what Wrote does, for a string.
func (x *Exchange) wroteString(s string) {
	x.Wrote(unsafe.Slice(unsafe.StringData(s), len(s))) //nolint:gosec // the text is only read
}
