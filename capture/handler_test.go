package capture

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// interfacesOf returns the names of the optional interfaces that a writer has.
func interfacesOf(w http.ResponseWriter) map[string]bool {
	has := map[string]bool{}
	_, has["Flusher"] = w.(http.Flusher)
	_, has["FlushError"] = w.(interface{ FlushError() error })
	_, has["Hijacker"] = w.(http.Hijacker)
	_, has["Pusher"] = w.(http.Pusher)
	_, has["ReaderFrom"] = w.(io.ReaderFrom)
	_, has["StringWriter"] = w.(io.StringWriter)
	_, has["CloseNotifier"] = w.(http.CloseNotifier) //nolint:staticcheck // handlers still ask
	_, has["SetReadDeadline"] = w.(interface{ SetReadDeadline(time.Time) error })
	_, has["SetWriteDeadline"] = w.(interface{ SetWriteDeadline(time.Time) error })
	_, has["EnableFullDuplex"] = w.(interface{ EnableFullDuplex() error })
	return has
}

// bareWriter is a writer that has only the three required methods.
type bareWriter struct{ w http.ResponseWriter }

func (b bareWriter) Header() http.Header         { return b.w.Header() }
func (b bareWriter) Write(p []byte) (int, error) { return b.w.Write(p) }
func (b bareWriter) WriteHeader(status int)      { b.w.WriteHeader(status) }

// unwrappingWriter has Unwrap in addition to the required methods.
type unwrappingWriter struct{ bareWriter }

func (u unwrappingWriter) Unwrap() http.ResponseWriter { return u.w }

func TestTheHandlerSeesTheSameInterfaces(t *testing.T) {
	wrap := map[string]func(http.ResponseWriter) http.ResponseWriter{
		"the server's":     func(w http.ResponseWriter) http.ResponseWriter { return w },
		"a bare one":       func(w http.ResponseWriter) http.ResponseWriter { return bareWriter{w} },
		"one that unwraps": func(w http.ResponseWriter) http.ResponseWriter { return unwrappingWriter{bareWriter{w}} },
	}
	for _, http2 := range []bool{false, true} {
		for name, wrapped := range wrap {
			t.Run(fmt.Sprintf("HTTP2=%v/%s", http2, name), func(t *testing.T) {
				r := recorderFor(t, &collector{})
				var want, got map[string]bool
				var deadline, duplex, flush [2]error
				look := func(i int, has *map[string]bool) http.HandlerFunc {
					return func(w http.ResponseWriter, _ *http.Request) {
						*has = interfacesOf(w)
						c := http.NewResponseController(w)
						deadline[i] = errors.Join(c.SetReadDeadline(time.Now().Add(time.Hour)), c.SetWriteDeadline(time.Now().Add(time.Hour)))
						duplex[i], flush[i] = c.EnableFullDuplex(), c.Flush()
					}
				}
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					look(0, &want)(wrapped(w), req)
					r.Handler(look(1, &got)).ServeHTTP(wrapped(w), req)
				}))
				server.EnableHTTP2 = http2
				server.StartTLS()
				defer server.Close()
				resp, err := server.Client().Get(server.URL)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, resp.Body) // the handlers have returned at the end of the body
				require.NoError(t, errors.Join(err, resp.Body.Close()))
				assert.Equal(t, http2, resp.ProtoMajor == 2)
				if name != "the server's" {
					// These two may be missing or extra: io.WriteString and io.Copy work the same without them.
					delete(want, "StringWriter")
					delete(want, "ReaderFrom")
					assert.Subset(t, got, want)
				} else {
					assert.Equal(t, want, got)
				}
				for _, pair := range [][2]error{deadline, duplex, flush} {
					assert.Equal(t, errors.Is(pair[0], http.ErrNotSupported), errors.Is(pair[1], http.ErrNotSupported))
				}
			})
		}
	}
}

// A handler behind the writer of another middleware sees exactly the interfaces of that writer.
func TestTheInterfacesOfOtherWriters(t *testing.T) {
	type (
		w struct{ http.ResponseWriter }
		f struct{ http.Flusher }
		h struct{ http.Hijacker }
		p struct{ http.Pusher }
		n struct{ http.CloseNotifier }
	)
	for i, writer := range []http.ResponseWriter{
		w{},
		struct {
			w
			f
		}{},
		struct {
			w
			h
		}{},
		struct {
			w
			f
			h
		}{},
		struct {
			w
			p
		}{},
		struct {
			w
			f
			p
		}{},
		struct {
			w
			h
			p
		}{},
		struct {
			w
			f
			h
			p
		}{},
		struct {
			w
			n
		}{},
		struct {
			w
			f
			n
		}{},
		struct {
			w
			h
			n
		}{},
		struct {
			w
			f
			h
			n
		}{},
		struct {
			w
			p
			n
		}{},
		struct {
			w
			f
			p
			n
		}{},
		struct {
			w
			h
			p
			n
		}{},
		struct {
			w
			f
			h
			p
			n
		}{},
	} {
		want, got := interfacesOf(writer), interfacesOf((&Exchange{writer: writer}).other())
		for _, name := range []string{"Flusher", "Hijacker", "Pusher", "CloseNotifier"} {
			assert.Equal(t, want[name], got[name], "%d: %s", i, name)
		}
	}
}

// The writer of another middleware works as without the recorder, and the response is recorded.
func TestOtherWritersWork(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"bare":   func(w http.ResponseWriter) http.ResponseWriter { return bareWriter{w} },
		"reader": func(w http.ResponseWriter) http.ResponseWriter { return readerWriter{bareWriter{w}} },
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c, WithBodyLimit(100))
			w := httptest.NewRecorder()
			text := `{"a":"` + strings.Repeat("b", 1000) + `"}`
			r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(text[:500])})
				assert.NoError(t, err)
				assert.EqualValues(t, 500, n)
				_, err = io.WriteString(w, text[500:])
				assert.NoError(t, err)
			})).ServeHTTP(wrap(w), httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
			assert.Equal(t, text, w.Body.String())
			traces := finish(t, r, &c)
			require.Len(t, traces, 1)
			assert.Equal(t, `{}`, traces[0].Response.Body)
		})
	}
}

// readerWriter has ReadFrom in addition to the required methods.
type readerWriter struct{ bareWriter }

func (r readerWriter) ReadFrom(src io.Reader) (int64, error) { return io.Copy(r.bareWriter, src) }

// counted counts the bytes of a body that were read.
type counted struct {
	io.Reader

	mu sync.Mutex
	n  int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return n, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestNoMoreOfTheRequestIsReadThanTheHandlerReads(t *testing.T) {
	r := recorderFor(t, &collector{})
	read := 0
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		read, _ = io.ReadFull(req.Body, make([]byte, 10))
	}))
	body := &counted{Reader: io.LimitReader(zeros{}, 64<<20)}
	req := httptest.NewRequest(http.MethodPost, "/upload", body)
	handler.ServeHTTP(httptest.NewRecorder(), req)
	assert.Equal(t, 10, read)
	assert.Equal(t, 10, body.n)
}

func TestContinueIsSentOnlyWhenTheHandlerReads(t *testing.T) {
	for name, reads := range map[string]bool{"it reads": true, "it does not": false} {
		t.Run(name, func(t *testing.T) {
			r := recorderFor(t, &collector{})
			server := httptest.NewServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if reads {
					_, _ = io.Copy(io.Discard, req.Body)
				}
				w.WriteHeader(http.StatusAccepted)
			})))
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
			require.NoError(t, err)
			answer := bufio.NewReader(conn)
			first, err := answer.ReadString('\n')
			require.NoError(t, err)
			if !reads {
				assert.Contains(t, first, "202")
				return
			}
			assert.Contains(t, first, "100")
			_, err = io.WriteString(conn, "body")
			require.NoError(t, err)
			_, err = answer.ReadString('\n')
			require.NoError(t, err)
			second, err := answer.ReadString('\n')
			require.NoError(t, err)
			assert.Contains(t, second, "202")
		})
	}
}

func TestTheOriginalRequestIsPutBack(t *testing.T) {
	r := recorderFor(t, &collector{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /files/{name}", func(w http.ResponseWriter, req *http.Request) {
		assert.NoError(t, req.ParseMultipartForm(10)) // small enough to put the file on disk
		req.Body = io.NopCloser(strings.NewReader("another"))
	})
	var file string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, ctx := req.Body, req.Context()
		r.Handler(mux).ServeHTTP(w, req)
		assert.Same(t, body, req.Body)
		assert.Equal(t, ctx, req.Context())
		assert.Equal(t, "POST /files/{name}", req.Pattern)
		assert.Equal(t, "a", req.PathValue("name"))
		f, err := req.MultipartForm.File["f"][0].Open()
		if assert.NoError(t, err) {
			if onDisk, ok := f.(*os.File); ok {
				file = onDisk.Name()
			}
			assert.NoError(t, f.Close())
		}
	}))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("f", "f.txt")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, 11<<20))
	require.NoError(t, errors.Join(err, w.Close()))
	resp, err := server.Client().Post(server.URL+"/files/a", w.FormDataContentType(), &form)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	server.Close()
	require.NotEmpty(t, file)
	assert.NoFileExists(t, file, "the server removes the files of the form")
}

func TestTrailersArrive(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP2=", http2), func(t *testing.T) {
			r := recorderFor(t, &collector{})
			var trailer string
			server := httptest.NewUnstartedServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				trailer = req.Trailer.Get("Checksum")
				w.Header().Set("Trailer", "Sum")
				_, _ = io.WriteString(w, "x")
				w.Header().Set("Sum", "1")
			})))
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, struct{ io.Reader }{strings.NewReader("body")})
			require.NoError(t, err)
			req.Trailer = http.Header{"Checksum": {"abc"}}
			resp, err := server.Client().Do(req)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			assert.Equal(t, "abc", trailer)
			assert.Equal(t, "1", resp.Trailer.Get("Sum"))
		})
	}
}

func TestTrailersThatWereNotAnnouncedArrive(t *testing.T) {
	r := recorderFor(t, &collector{})
	var trailer http.Header
	server := httptest.NewServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		trailer = req.Trailer.Clone()
	})))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nSum: 7\r\n\r\n")
	require.NoError(t, err)
	_, err = bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "7", trailer.Get("Sum"))
}

func TestTheFirstEventLeavesAtOnce(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	goOn := make(chan struct{})
	server := httptest.NewServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: one\n\n")
		w.(http.Flusher).Flush()
		<-goOn
		fmt.Fprint(w, "data: two\n\n")
	})))
	resp, err := server.Client().Get(server.URL + "/events")
	require.NoError(t, err)
	events := bufio.NewReader(resp.Body)
	first, err := events.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "data: one\n", first, "while the handler still works")
	close(goOn)
	rest, err := io.ReadAll(events)
	require.NoError(t, errors.Join(err, resp.Body.Close()))
	assert.Contains(t, string(rest), "data: two")
	server.Close()
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	assert.Empty(t, traces[0].Response.Body)
}

func TestFullDuplex(t *testing.T) {
	r := recorderFor(t, &collector{})
	server := httptest.NewServer(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c := http.NewResponseController(w)
		assert.NoError(t, c.EnableFullDuplex())
		buffer := make([]byte, 1)
		for {
			n, err := req.Body.Read(buffer)
			if n > 0 {
				_, _ = w.Write(buffer[:n])
				_ = c.Flush()
			}
			if err != nil {
				return
			}
		}
	})))
	defer server.Close()
	in, out := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, in)
	require.NoError(t, err)
	go func() { _, _ = out.Write([]byte("a")) }()
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	echo := make([]byte, 1)
	for _, letter := range "abc" {
		if letter != 'a' {
			_, err := out.Write([]byte(string(letter)))
			require.NoError(t, err)
		}
		_, err := io.ReadFull(resp.Body, echo)
		require.NoError(t, err)
		assert.Equal(t, string(letter), string(echo))
	}
	require.NoError(t, out.Close())
}

// upgraded exchanges lines over a connection after an upgrade from HTTP.
func upgraded(t *testing.T, url string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	require.NoError(t, err)
	answer := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answer, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	_, err = io.WriteString(conn, "ping\n")
	require.NoError(t, err)
	line, err := answer.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ping\n", line)
}

func TestHijackedConnectionsWorkAndAreNotRecorded(t *testing.T) {
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		outer   func(http.Handler) http.Handler
	}{
		"by the writer": {handler: func(w http.ResponseWriter, _ *http.Request) { echoAfterUpgrade(t, w.(http.Hijacker).Hijack) }},
		"by a controller": {handler: func(w http.ResponseWriter, _ *http.Request) {
			echoAfterUpgrade(t, http.NewResponseController(w).Hijack)
		}},
		"through another's writer": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				echoAfterUpgrade(t, http.NewResponseController(w).Hijack)
			},
			outer: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(unwrappingWriter{bareWriter{w}}, r)
				})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c)
			handler := r.Handler(row.handler)
			if row.outer != nil {
				handler = row.outer(handler)
			}
			server := httptest.NewServer(handler)
			upgraded(t, server.URL)
			server.Close()
			waitFor(t, func() bool { return r.Stats().Seen == 1 })
			assert.Empty(t, finish(t, r, &c))
			assert.EqualValues(t, 1, r.Stats().Skipped)
		})
	}
}

// waitFor waits until another goroutine has fulfilled a condition.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	require.Eventually(t, done, time.Minute, time.Millisecond)
}

func TestSwitchingProtocolsIsNotRecorded(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Empty(t, finish(t, r, &c))
	assert.EqualValues(t, 1, r.Stats().Skipped)
}

func TestTheSamePanicGoesOn(t *testing.T) {
	custom := errors.New("out of luck")
	for name, row := range map[string]struct {
		value  any
		before func(http.ResponseWriter)
		status int
		body   string
	}{
		"before anything was written": {custom, nil, 500, ""},
		"an abort":                    {http.ErrAbortHandler, nil, 500, ""},
		"no error":                    {"text", nil, 500, ""},
		"headers that were only set":  {custom, func(w http.ResponseWriter) { w.Header().Set("A", "b") }, 500, ""},
		"after the status":            {custom, func(w http.ResponseWriter) { w.WriteHeader(202) }, 202, ""},
		"after a part of the body": {http.ErrAbortHandler, func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", formType)
			_, _ = w.Write([]byte("part"))
		}, 200, "part"},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c)
			handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if row.before != nil {
					row.before(w)
				}
				panic(row.value)
			}))
			var caught any
			func() {
				defer func() { caught = recover() }()
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
			}()
			assert.Equal(t, row.value, caught)
			traces := finish(t, r, &c)
			require.Len(t, traces, 1)
			assert.Equal(t, row.status, traces[0].Response.Status)
			assert.Equal(t, row.body, traces[0].Response.Body)
		})
	}
}

func TestACallbackThatPanicsNeverReachesTheHandler(t *testing.T) {
	for name, opt := range map[string]Option{
		"the one that skips":   WithSkips(Skips{Func: func(*http.Request) bool { panic("callback") }}),
		"the one that masks":   WithValues(WithMaskFunc(func(string) bool { panic("callback") })),
		"the hook for counts":  WithHooks(Hooks{Stats: func(Stats) { panic("callback") }}),
		"the hook for sending": WithHooks(Hooks{Request: func(SendInfo) { panic("callback") }}),
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c, opt)
			served := 0
			handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { served++ }))
			for range 3 {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/a?b=c", http.NoBody))
			}
			assert.Equal(t, 3, served)
			finish(t, r, &c)
			assert.EqualValues(t, 3, r.Stats().Seen)
		})
	}
}

func TestReadFromIsRecordedAndStaysFast(t *testing.T) {
	file := filepath.Join(t.TempDir(), "big")
	content := strings.Repeat("0123456789abcdef", 20_000) // 320 kB
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	for name, row := range map[string]struct {
		path        string
		contentType string
		limit       int
		want        string
	}{
		"a short form": {"/short", formType, 0, content[:1000]},
		"a long text":  {"/long", "text/plain", 0, ""},
		"no body":      {"/empty", "text/plain", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			trace := serve(t, func(w http.ResponseWriter, req *http.Request) {
				f, err := os.Open(file)
				if !assert.NoError(t, err) {
					return
				}
				defer f.Close()
				size := map[string]int64{"/short": 1000, "/long": int64(len(content)), "/empty": 0}[req.URL.Path]
				w.Header().Set("Content-Type", row.contentType)
				w.Header().Set("Content-Length", fmt.Sprint(size))
				n, err := w.(io.ReaderFrom).ReadFrom(io.LimitReader(f, size))
				assert.NoError(t, err)
				assert.Equal(t, size, n)
			}, get(t, row.path))
			assert.Equal(t, row.want, trace.Response.Body)
			assert.Equal(t, 200, trace.Response.Status)
		})
	}
}

// fromWriter is a server's writer that stores the argument of ReadFrom.
type fromWriter struct {
	*httptest.ResponseRecorder

	given io.Reader
}

func (w *fromWriter) ReadFrom(r io.Reader) (int64, error) {
	w.given = r
	return io.Copy(struct{ io.Writer }{w.ResponseRecorder}, r)
}

func TestReadFromPassesTheSameSourceOn(t *testing.T) {
	r := recorderFor(t, &collector{})
	source := io.LimitReader(zeros{}, 300<<10)
	w := &fromWriter{ResponseRecorder: httptest.NewRecorder()}
	r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n, err := io.Copy(w, source)
		assert.NoError(t, err)
		assert.EqualValues(t, 300<<10, n)
	})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Same(t, source, w.given, "the kernel may still send the file behind it")
	assert.Equal(t, 300<<10, w.Body.Len())
}

func TestAReadFromThatFailsFirstLeavesTheStatusOpen(t *testing.T) {
	trace := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.(io.ReaderFrom).ReadFrom(io.MultiReader(failing{}))
		assert.Error(t, err)
		w.WriteHeader(http.StatusBadGateway)
	}, get(t, "/a"))
	assert.Equal(t, http.StatusBadGateway, trace.Response.Status)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestWhatWasNotAcceptedIsNotRecorded(t *testing.T) {
	for name, row := range map[string]struct {
		method  string
		handler http.HandlerFunc
		status  int
		body    string
	}{
		"HEAD": {http.MethodHead, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("text")) }, 200, ""},
		"204":  {http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); _, _ = w.Write([]byte("text")) }, 204, ""},
		"too much": {http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", formType)
			w.Header().Set("Content-Length", "2")
			_, _ = w.Write([]byte("ok"))
			_, _ = w.Write([]byte("more"))
		}, 200, "ok"},
		"a second status": {http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(201)
			w.WriteHeader(500)
		}, 201, ""},
		"nothing": {http.MethodGet, func(http.ResponseWriter, *http.Request) {}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			trace := serve(t, row.handler, func(url string) *http.Request {
				req, err := http.NewRequestWithContext(t.Context(), row.method, url+"/a", http.NoBody)
				require.NoError(t, err)
				return req
			})
			assert.Equal(t, row.status, trace.Response.Status)
			assert.Equal(t, row.body, trace.Response.Body)
		})
	}
}

func TestAStatusThatPanicsIsNoStatus(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	assert.Panics(t, func() {
		r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	})
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	assert.Equal(t, 500, traces[0].Response.Status)
}

func TestNestedHandlersRecordOnce(t *testing.T) {
	plain := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(bareWriter{w}, r) })
	}
	cloning := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.Clone(context.WithValue(r.Context(), http.LocalAddrContextKey, nil)))
		})
	}
	timeout := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "") }
	for name, between := range map[string]func(http.Handler) http.Handler{
		"directly":         func(next http.Handler) http.Handler { return next },
		"a plain writer":   plain,
		"a copied request": cloning,
		"a timeout":        timeout,
	} {
		t.Run(name, func(t *testing.T) {
			var c, other collector
			r, second := recorderFor(t, &c), recorderFor(t, &other)
			handler := r.Handler(between(second.Handler(r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.WriteString(w, "once")
			})))))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			assert.Len(t, finish(t, r, &c), 1)
			assert.Len(t, finish(t, second, &other), 1, "another recorder records too")
			assert.EqualValues(t, 1, r.Stats().Seen)
		})
	}
}

// A handler that keeps its writer and request after its end does not affect other requests.
func TestAHandlerThatKeepsItsWriterTouchesNothing(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	var kept []func()
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", formType)
		_, _ = io.WriteString(w, req.URL.Path)
		for _, late := range kept {
			late()
		}
		kept = append(kept, func() {
			_, _ = w.Write([]byte("late"))
			w.WriteHeader(500)
			_, _ = req.Body.Read(make([]byte, 4))
		})
	}))
	for i := range 20 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, fmt.Sprint("/", i), strings.NewReader("abcdefgh")))
	}
	for i, trace := range finish(t, r, &c) {
		assert.Equal(t, fmt.Sprint("/", i), trace.Response.Body)
		assert.Equal(t, 200, trace.Response.Status)
		assert.Empty(t, trace.Request.Body)
	}
}

// A goroutine of the handler may continue to call the writer after the handler's end.
func TestCallsAfterTheEndChangeNothing(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	for range 50 {
		x := r.Begin(nil, httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
		require.NotNil(t, x)
		stop, calling := make(chan struct{}), sync.WaitGroup{}
		calling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					x.SetRoute("/{a}")
					x.Header(http.StatusAccepted, http.Header{"A": {"b"}})
					x.Wrote([]byte("c"))
				}
			}
		})
		x.End(false)
		x.SetRoute("/late")
		x.Header(http.StatusTeapot, http.Header{})
		close(stop)
		calling.Wait()
		assert.NotEqual(t, "/late", x.route)
		assert.NotEqual(t, http.StatusTeapot, x.status)
	}
	assert.Len(t, finish(t, r, &c), 50)
}

func TestNewRefusesFaults(t *testing.T) {
	client := clientFor(t, &collector{})
	withoutCollector, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key")
	require.NoError(t, err)
	for says, create := range map[string]func() (*Recorder, error){
		"the client is nil":                   func() (*Recorder, error) { return New(nil) },
		"the client has no collector address": func() (*Recorder, error) { return New(withoutCollector) },
		"no host would be recorded":           func() (*Recorder, error) { return New(client) },
		"WithClientAddress":                   func() (*Recorder, error) { return New(client, WithAnyHost(), WithTrustedProxies("10.0.0.0/8")) },
		"WithUsers: nil":                      func() (*Recorder, error) { return New(client, WithUsers(nil)) },
		"WithOutput: nil":                     func() (*Recorder, error) { return New(client, WithOutput(nil)) },
		"WithCredentials":                     func() (*Recorder, error) { return New(client, WithCredentials(" ")) },
		"WithHost: no host is given":          func() (*Recorder, error) { return New(client, WithHost()) },
		"option 2 is nil":                     func() (*Recorder, error) { return New(client, WithAnyHost(), nil) },
		"WithHost":                            func() (*Recorder, error) { return New(client, WithHost("https://a")) },
		"WithBodyLimit: -1":                   func() (*Recorder, error) { return New(client, WithBodyLimit(-1)) },
		"WithCopyLimit: 9999999":              func() (*Recorder, error) { return New(client, WithCopyLimit(9999999)) },
		"WithQueueBytes: 1":                   func() (*Recorder, error) { return New(client, WithQueueBytes(1)) },
		"WithQueueItems: 0":                   func() (*Recorder, error) { return New(client, WithQueueItems(0)) },
		"WithSendRate: 0":                     func() (*Recorder, error) { return New(client, WithSendRate(0)) },
		"WithSampling":                        func() (*Recorder, error) { return New(client, WithSampling(Sampling{First: -1})) },
		"WithTrustedProxies: \"proxy\"":       func() (*Recorder, error) { return New(client, WithTrustedProxies("proxy")) },
		"WithAgentConfig: 0s":                 func() (*Recorder, error) { return New(client, WithAgentConfig(0)) },
		"WithLogger: nil":                     func() (*Recorder, error) { return New(client, WithLogger(nil)) },
		"WithMaskedNames: \"-\"":              func() (*Recorder, error) { return New(client, WithValues(WithMaskedNames("-"))) },
		"WithMaskFunc: nil":                   func() (*Recorder, error) { return New(client, WithValues(WithMaskFunc(nil))) },
		"a MaskOption is zero":                func() (*Recorder, error) { return New(client, WithValues(MaskOption{})) },
	} {
		r, err := create()
		assert.Nil(t, r)
		require.ErrorIs(t, err, metlo.ErrInvalidArgument, says)
		assert.ErrorContains(t, err, says)
	}
}
