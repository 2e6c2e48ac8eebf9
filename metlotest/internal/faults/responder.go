package faults

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// hostOf returns the host and port of a URL that this package made.
func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic("metlotest: " + err.Error())
	}
	return u.Host
}

func (s *Server) accept(l net.Listener, service string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !s.keep(conn) {
			conn.Close()
			return
		}
		s.work.Go(func() {
			defer s.forget(conn)
			s.converse(conn, service)
		})
	}
}

// keep records an open connection, unless the server is closing.
func (s *Server) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.accepted++
	s.conns[conn] = struct{}{}
	return true
}

func (s *Server) forget(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// converse serves the requests of one connection.
func (s *Server) converse(conn net.Conn, service string) {
	x := &responder{server: s, raw: conn, conn: conn, reader: bufio.NewReader(conn)}
	if service == "backend" {
		if s.failure.accept != nil && s.meet() {
			s.failure.accept(x)
			return
		}
		if s.tls != nil {
			first, err := x.reader.Peek(1)
			switch {
			case err != nil:
				return
			case first[0] == tlsHandshakeRecord:
				if !x.secure() {
					return
				}
			default:
				service = "elsewhere" // the same port without TLS counts as another server
			}
		}
	}
	for x.next(service) {
	}
}

// responder serves one request.
type responder struct {
	server *Server
	raw    net.Conn
	conn   net.Conn // raw, or TLS over it
	reader *bufio.Reader

	request *http.Request
	body    []byte
	index   int // index of the request in server.received
	number  int // number of the request among those of its service, from 1
	over    bool
}

type readerConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c readerConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

func (x *responder) secure() bool {
	secured := tls.Server(readerConn{x.raw, x.reader}, x.server.tls.server())
	if secured.HandshakeContext(context.Background()) != nil {
		return false
	}
	x.conn, x.reader = secured, bufio.NewReader(secured)
	return true
}

// next answers the next request, and reports whether the connection can serve another.
func (x *responder) next(service string) bool {
	request, err := http.ReadRequest(x.reader)
	if err != nil {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(request.Body, backend.BodyCap))
	x.request, x.body = request, body
	x.note(service, err == nil)
	if err != nil {
		return false
	}
	if service == "elsewhere" {
		x.respond(backend.Success())
		return !x.over
	}
	failure := &x.server.failure
	if (failure.answer == nil && failure.send == nil) || !x.server.meet() {
		x.respond(x.sound(backend.Spoil{}))
		return !x.over
	}
	var res backend.Response
	if failure.answer != nil {
		res = failure.answer(x)
	} else {
		res = x.sound(backend.Spoil{})
	}
	if failure.send != nil {
		failure.send(x, res)
	} else {
		x.respond(res)
	}
	return !x.over
}

// note records the request.
func (x *responder) note(service string, whole bool) {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if service == "backend" {
		s.begun++
	}
	x.number, x.index = s.begun, len(s.received)
	r := x.request
	s.received = append(s.received, Received{
		Service: service, Request: r, Header: r.Header.Clone(), Body: x.body, Time: time.Now(), Whole: whole,
	})
}

// sound returns the answer of a server that has at most a lesser fault.
func (x *responder) sound(spoiled backend.Spoil) backend.Response {
	res := x.server.sound.Answer("backend", x.request, x.body, spoiled)
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.server.received[x.index].Sound = res.Body
	return res
}

// respond sends an answer without a failure.
func (x *responder) respond(res backend.Response) {
	x.head(res, "Content-Length: "+strconv.Itoa(len(res.Body)))
	x.halves(res.Body)
}

// head sends a status line and the header, including the lines of framing.
func (x *responder) head(res backend.Response, framing ...string) {
	x.pause(x.server.failure.Delay)
	x.write(x.headText(res, framing...) + "\r\n")
}

// headText returns a head without the empty line at its end.
func (x *responder) headText(res backend.Response, framing ...string) string {
	x.server.mu.Lock()
	x.server.received[x.index].Status = res.Status
	x.server.mu.Unlock()
	lines := []string{fmt.Sprintf("HTTP/1.1 %d %s", res.Status, http.StatusText(res.Status))}
	if res.ContentType != "" {
		lines = append(lines, "Content-Type: "+res.ContentType)
	}
	var names []string
	for name := range res.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, value := range res.Header[name] {
			lines = append(lines, name+": "+value)
		}
	}
	return strings.Join(append(lines, framing...), "\r\n") + "\r\n"
}

// halves sends a body in two parts, with the failure's delay between them.
func (x *responder) halves(body []byte) {
	half := len(body) / 2
	if x.server.failure.Delay <= 0 {
		half = 0
	}
	x.write(string(body[:half]))
	x.pause(x.server.failure.Delay)
	x.write(string(body[half:]))
}

func (x *responder) write(text string) {
	if x.over || text == "" {
		return
	}
	if _, err := io.WriteString(x.conn, text); err != nil {
		x.over = true
	}
}

// chunk sends a chunk of the chunked transfer coding.
func (x *responder) chunk(text string) { x.write(fmt.Sprintf("%x\r\n%s\r\n", len(text), text)) }

// pause waits, unless the server is closed meanwhile.
func (x *responder) pause(d time.Duration) {
	if d <= 0 || x.over {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.server.done:
		x.over = true
	}
}

// hang sends nothing more until the client hangs up.
func (x *responder) hang() {
	_, _ = io.Copy(io.Discard, x.conn)
	x.over = true
}

// hangUp closes the connection after the sent bytes.
func (x *responder) hangUp() {
	x.over = true
	x.conn.Close()
}

// reset drops the connection, so that the client's kernel reports it as reset.
func (x *responder) reset() {
	x.over = true
	if tcp, ok := x.raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	x.raw.Close()
}

// drip sends text byte by byte.
func (x *responder) drip(text string, every time.Duration) {
	for i := range len(text) {
		x.write(text[i : i+1])
		x.pause(every)
		if x.over {
			return
		}
	}
}

// stream sends the same block repeatedly, size bytes in total.
func (x *responder) stream(block string, size int64, chunked bool) {
	for sent := int64(0); sent < size && !x.over; sent += int64(len(block)) {
		if chunked {
			x.chunk(block)
		} else {
			x.write(block)
		}
		x.pause(time.Millisecond)
	}
}

var errNoArray = errors.New("not [items, total]")

// splitPair returns the items, with their brackets, of [items, total].
func splitPair(body []byte) (items string, err error) {
	text := string(body)
	at := strings.LastIndex(text, "],")
	if !strings.HasPrefix(text, "[[") || at < 0 || !strings.HasSuffix(text, "]") {
		return "", errNoArray
	}
	return text[1 : at+1], nil
}
