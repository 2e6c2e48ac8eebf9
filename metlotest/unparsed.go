package metlotest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

const (
	// goHead follows the status line where Go's server answers by itself. Ours have a date.
	goHead       = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	nodeRefusal  = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
	nodeTooLarge = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"
)

// nodeListener gives Node's answers to requests that Go's parser refuses.
type nodeListener struct {
	net.Listener
	handler http.Handler
}

func (l nodeListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &nodeConn{Conn: conn, handler: l.handler}, nil
}

// nodeConn keeps the head of the request that is being read, and puts an answer in the place of Go's refusal.
type nodeConn struct {
	net.Conn
	handler http.Handler

	mu   sync.Mutex // net/http reads in the background while the handler writes
	head []byte
}

func (c *nodeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if room := headerCap - len(c.head); room > 0 {
		c.head = append(c.head, p[:min(n, room)]...)
	}
	return n, err
}

func (c *nodeConn) Write(p []byte) (int, error) {
	status, refused := goRefusal(p)
	head := c.endHead(refused)
	if !refused {
		return c.Conn.Write(p)
	}
	answer := []byte(nodeTooLarge)
	if status != "431" {
		answer = c.answer(head)
	}
	if _, err := c.Conn.Write(answer); err != nil {
		return 0, err
	}
	return len(p), nil
}

// endHead begins the next head, and returns the last if it is wanted.
func (c *nodeConn) endHead(wanted bool) (last string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wanted {
		last = string(c.head)
	}
	c.head = c.head[:0]
	return last
}

// CloseWrite lets the client read an answer before the connection ends.
func (c *nodeConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// goRefusal reports whether p is an answer of Go's server itself, and its status.
func goRefusal(p []byte) (status string, refused bool) {
	text, answers := bytes.CutPrefix(p, []byte("HTTP/1.1 "))
	if !answers {
		return "", false // a part of a body
	}
	line, rest, _ := bytes.Cut(text, []byte("\r\n"))
	return string(line[:min(3, len(line))]), bytes.HasPrefix(rest, []byte(goHead))
}

// answer is what Node says to a request that Go refused. Escapes that are broken are none of its parser's business.
func (c *nodeConn) answer(head string) []byte {
	line, rest, _ := strings.Cut(head, "\n")
	parts := strings.Split(line, " ")
	if len(parts) != 3 {
		return []byte(nodeRefusal)
	}
	target := parts[1]
	parts[1] = backend.EscapeBroken(target)
	if parts[1] == target {
		return []byte(nodeRefusal)
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Join(parts, " ") + "\n" + rest)))
	if err != nil || !validHeader(r.Header) {
		return []byte(nodeRefusal)
	}
	r.RequestURI = target
	var w recordedAnswer
	if !w.record(c.handler, r) {
		return nil
	}
	return w.bytes()
}

func validHeader(header http.Header) bool {
	for name, values := range header {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(strings.Join(values, "")) {
			return false
		}
	}
	return true
}

// recordedAnswer keeps what a handler writes.
type recordedAnswer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (w *recordedAnswer) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *recordedAnswer) WriteHeader(status int)      { w.status = status }
func (w *recordedAnswer) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *recordedAnswer) Flush()                      {}

// record runs the handler; false means that it cut the connection.
func (w *recordedAnswer) record(h http.Handler, r *http.Request) (finished bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

func (w *recordedAnswer) bytes() []byte {
	w.Header().Del("Keep-Alive")
	res := http.Response{
		StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Close: true,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}
	var b bytes.Buffer
	_ = res.Write(&b)
	return b.Bytes()
}
