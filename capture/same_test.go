package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A move is a call of a handler. It returns what the handler sees of it.
type move struct {
	name string
	call func(w http.ResponseWriter, r *http.Request) string
}

// moves returns the calls that handlers make, in all kinds that matter to a wrapper of the writer.
func moves(file string) []move {
	result := func(n any, err error) string {
		if err != nil {
			return "fails" // how far it came, and the text, depend on the network
		}
		return fmt.Sprint(n)
	}
	var list []move
	add := func(name string, call func(w http.ResponseWriter, r *http.Request) string) {
		list = append(list, move{name, call})
	}
	for _, status := range []int{200, 201, 204, 304, 404, 500, 100, 102, 103, 199} {
		add(fmt.Sprint("status ", status), func(w http.ResponseWriter, _ *http.Request) string { w.WriteHeader(status); return "" })
	}
	for _, size := range []int{0, 5, 600, 3000, 70_000} {
		text := strings.Repeat("x", size)
		add(fmt.Sprint("write ", size), func(w http.ResponseWriter, _ *http.Request) string { return result(w.Write([]byte(text))) })
		add(fmt.Sprint("text ", size), func(w http.ResponseWriter, _ *http.Request) string { return result(io.WriteString(w, text)) })
		add(fmt.Sprint("copy ", size), func(w http.ResponseWriter, _ *http.Request) string {
			return result(io.Copy(w, struct{ io.Reader }{strings.NewReader(text)}))
		})
		add(fmt.Sprint("copy of a part ", size), func(w http.ResponseWriter, _ *http.Request) string {
			return result(io.CopyN(w, strings.NewReader(text), int64(size/2)))
		})
	}
	add("copy of a reader that fails", func(w http.ResponseWriter, _ *http.Request) string {
		return result(io.Copy(w, io.MultiReader(strings.NewReader("begin"), errorReader{})))
	})
	add("file", func(w http.ResponseWriter, r *http.Request) string { http.ServeFile(w, r, file); return "" })
	add("error", func(w http.ResponseWriter, _ *http.Request) string {
		http.Error(w, "wrong", http.StatusTeapot)
		return ""
	})
	add("redirect", func(w http.ResponseWriter, r *http.Request) string {
		http.Redirect(w, r, "/other", http.StatusSeeOther)
		return ""
	})
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Set": "a", "Content-Length": "5", "Content-Encoding": "br", "Trailer": "Sum", "Sum": "1",
		http.TrailerPrefix + "Late": "2", "Connection": "close", "Date": "",
	} {
		add(name, func(w http.ResponseWriter, _ *http.Request) string { w.Header().Set(name, value); return "" })
	}
	add("headers", func(w http.ResponseWriter, _ *http.Request) string { return fmt.Sprint(len(w.Header())) })
	add("flush", func(w http.ResponseWriter, _ *http.Request) string {
		f, ok := w.(http.Flusher)
		if ok {
			f.Flush()
		}
		return fmt.Sprint(ok)
	})
	control := func(name string, call func(c *http.ResponseController) error) {
		add(name, func(w http.ResponseWriter, _ *http.Request) string {
			err := call(http.NewResponseController(w))
			return fmt.Sprint(err == nil, errors.Is(err, http.ErrNotSupported))
		})
	}
	control("controlled flush", (*http.ResponseController).Flush)
	control("full duplex", (*http.ResponseController).EnableFullDuplex)
	control("write deadline", func(c *http.ResponseController) error { return c.SetWriteDeadline(time.Now().Add(time.Minute)) })
	control("read deadline", func(c *http.ResponseController) error { return c.SetReadDeadline(time.Now().Add(time.Minute)) })
	add("push", func(w http.ResponseWriter, _ *http.Request) string {
		p, ok := w.(http.Pusher)
		if !ok {
			return "none"
		}
		return fmt.Sprint(p.Push("/a", nil))
	})
	add("read some", func(_ http.ResponseWriter, r *http.Request) string {
		return result(io.ReadFull(r.Body, make([]byte, 10)))
	})
	add("read all", func(_ http.ResponseWriter, r *http.Request) string { return result(io.Copy(io.Discard, r.Body)) })
	add("close the body", func(_ http.ResponseWriter, r *http.Request) string { return fmt.Sprint(r.Body.Close()) })
	add("hijack", func(w http.ResponseWriter, _ *http.Request) string {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return fmt.Sprint(errors.Is(err, http.ErrNotSupported), errors.Is(err, http.ErrHijacked))
		}
		_, err = rw.WriteString("HTTP/1.1 204 No Content\r\nX-Hijacked: a\r\nConnection: close\r\n\r\n")
		return fmt.Sprint(errors.Join(err, rw.Flush(), conn.Close()))
	})
	add("abort", func(http.ResponseWriter, *http.Request) string { panic(http.ErrAbortHandler) })
	add("panic", func(http.ResponseWriter, *http.Request) string { panic("wrong") })
	return list
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errors.New("cannot be read") }

// outcomeOf holds the results of an exchange for the handler and its client.
type outcomeOf struct {
	handler string // results of its calls
	client  string
}

// play serves one request with a handler that makes the calls, and returns what both sides see.
func play(t *testing.T, http2 bool, wrap func(http.Handler) http.Handler, method string, calls []move) outcomeOf {
	t.Helper()
	seen := make(chan string, 1)
	server := httptest.NewUnstartedServer(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		defer func() { seen <- b.String() }()
		for _, call := range calls {
			fmt.Fprintf(&b, "%s: ", call.name)
			b.WriteString(call.call(w, r) + "\n")
		}
	})))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = http2
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	defer server.Close()
	var client strings.Builder
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		fmt.Fprintln(&client, code, len(header))
		return nil
	}})
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, server.URL+"/api/a", strings.NewReader(strings.Repeat("b", 2000)))
	require.NoError(t, err)
	c := server.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		fmt.Fprintln(&client, "no response")
	} else {
		if resp.Header.Get("Date") != "" {
			resp.Header.Set("Date", "now")
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Fprintln(&client, resp.Status, resp.Header, resp.Trailer, resp.Close)
		fmt.Fprintln(&client, len(body), err != nil, strings.Trim(string(body), "x"))
	}
	select {
	case results := <-seen:
		return outcomeOf{results, client.String()}
	case <-ctx.Done():
		t.Fatal("the handler did not return")
		return outcomeOf{}
	}
}

// plainWriter is a middleware's writer that flushes, hijacks and can be unwrapped, as many are.
type plainWriter struct {
	bareWriter

	conn http.Hijacker
}

func (p plainWriter) Flush()                                       { p.w.(http.Flusher).Flush() }
func (p plainWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return p.conn.Hijack() }

// TestNobodyCanTellTheRecorderIsThere makes random calls in a handler with and without a recorder, behind and in front of
// other handlers, and compares what the handler and the client see.
func TestNobodyCanTellTheRecorderIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.json")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat(`{"a":1}`, 20_000)), 0o600))
	behind := func(wrap func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
		}
	}
	same := func(next http.Handler) http.Handler { return next }
	strip := func(next http.Handler) http.Handler { return http.StripPrefix("/api", next) }
	timeout := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "late") }
	places := []struct {
		name           string
		outside, inner func(http.Handler) http.Handler
	}{
		{"the server", same, same},
		{"a bare writer", behind(func(w http.ResponseWriter) http.ResponseWriter { return bareWriter{w} }), same},
		{"a writer that unwraps", behind(func(w http.ResponseWriter) http.ResponseWriter { return unwrappingWriter{bareWriter{w}} }), same},
		{"a writer that flushes and hijacks", behind(func(w http.ResponseWriter) http.ResponseWriter {
			conn, ok := w.(http.Hijacker)
			if !ok {
				return bareWriter{w}
			}
			return plainWriter{bareWriter{w}, conn}
		}), same},
		{"StripPrefix", strip, strip},
		{"TimeoutHandler", timeout, same},
		{"a handler with TimeoutHandler", same, timeout},
	}
	all := moves(file)
	random := rand.New(rand.NewPCG(1, 2))
	r := recorderFor(t, &collector{}, WithAnyHost())
	for range 400 {
		place := places[random.IntN(len(places))]
		inner := place.inner
		if place.name == "StripPrefix" {
			inner = same
			if random.IntN(2) == 0 {
				place.outside, inner = same, strip
			}
		}
		method := []string{http.MethodGet, http.MethodPost, http.MethodHead}[random.IntN(3)]
		http2 := random.IntN(2) == 0 && method != http.MethodHead // a stream of HEAD ends at once, so whether a write fails depends on the network
		calls := make([]move, 1+random.IntN(6))
		for i := range calls {
			calls[i] = all[random.IntN(len(all))]
		}
		without := play(t, http2, func(h http.Handler) http.Handler { return place.outside(inner(h)) }, method, calls)
		with := play(t, http2, func(h http.Handler) http.Handler { return place.outside(r.Handler(inner(h))) }, method, calls)
		if !assert.Equal(t, without, with, "%s, HTTP/2 %v, behind %s", method, http2, place.name) {
			return
		}
	}
}
