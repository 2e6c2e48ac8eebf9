package capture

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"unsafe"

	"github.com/felixge/httpsnoop"
)

// snoop wraps a writer that is neither of net/http's, such as another middleware's.
func (x *Exchange) snoop() http.ResponseWriter {
	return httpsnoop.Wrap(x.writer, httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) { x.writeHeader(status, next) }
		},
		Write: func(httpsnoop.WriteFunc) httpsnoop.WriteFunc { return x.write },
		WriteString: func(httpsnoop.WriteStringFunc) httpsnoop.WriteStringFunc {
			return x.writeString
		},
		Flush: func(next httpsnoop.FlushFunc) httpsnoop.FlushFunc {
			return func() {
				x.implicit()
				next()
			}
		},
		FlushError: func(next httpsnoop.FlushErrorFunc) httpsnoop.FlushErrorFunc {
			return func() error { return x.flush(next) }
		},
		Hijack: func(next httpsnoop.HijackFunc) httpsnoop.HijackFunc {
			return func() (net.Conn, *bufio.ReadWriter, error) { return x.hijack(next) }
		},
		ReadFrom: func(next httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc {
			return func(src io.Reader) (int64, error) { return x.readFrom(src, next) }
		},
	})
}

// wroteString is Wrote for a text, which is only read.
func (x *Exchange) wroteString(s string) {
	x.Wrote(unsafe.Slice(unsafe.StringData(s), len(s))) //nolint:gosec // the text is only read
}
