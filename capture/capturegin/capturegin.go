// Package capturegin records the traffic of services built with gin. See package capture.
//
//	engine := gin.Default()
//	engine.Use(capturegin.Middleware(rec))
package capturegin

import (
	"bufio"
	"net"
	"net/http"
	"unsafe"

	"github.com/gin-gonic/gin"

	"github.com/metlo-go/metlo/capture"
)

// Middleware returns a gin middleware that records each request with the template of its route. Install it after gin.Recovery,
// which gin.Default includes, because it does not recover panics.
func Middleware(rec *capture.Recorder) gin.HandlerFunc {
	return func(c *gin.Context) {
		x := rec.Begin(nil, c.Request)
		if x == nil {
			capture.SetRoute(c.Request, c.FullPath())
			c.Next()
			return
		}
		request, below := c.Request, c.Writer
		w := &writer{ResponseWriter: below, exchange: x}
		c.Request, c.Writer = x.Request(), w
		x.SetRoute(c.FullPath())
		returned := false
		defer func() {
			if returned {
				w.begin() // gin sends a status that was only set
			}
			x.End(!returned)
			// Keep replacements by other middleware.
			if c.Request == x.Request() {
				c.Request = request
			}
			if c.Writer == gin.ResponseWriter(w) {
				c.Writer = below
			}
		}()
		c.Next()
		returned = true
	}
}

// writer reports the response to the recorder. Gin sends the last status that was set before the body.
type writer struct {
	gin.ResponseWriter

	exchange *capture.Exchange
}

func (w *writer) begin() {
	status := w.Status()
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		status = http.StatusOK // gin keeps an informational status that was sent, and net/http sends 200 with the body
	}
	w.exchange.Header(status, w.ResponseWriter.Header())
}

func (w *writer) Write(data []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(data)
	w.exchange.Wrote(data[:min(max(n, 0), len(data))])
	return n, err
}

func (w *writer) WriteString(s string) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.WriteString(s)
	w.exchange.Wrote(unsafe.Slice(unsafe.StringData(s), min(max(n, 0), len(s)))) //nolint:gosec // the text is only read
	return n, err
}

func (w *writer) WriteHeaderNow() {
	w.exchange.Header(w.Status(), w.ResponseWriter.Header())
	w.ResponseWriter.WriteHeaderNow()
}

func (w *writer) Flush() {
	w.begin()
	w.ResponseWriter.Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.Hijack()
	if err == nil {
		w.exchange.Hijacked()
	}
	return conn, rw, err
}

// Unwrap returns the wrapped writer, through which http.ResponseController sets deadlines.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
