package captureecho_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/captureecho"
)

// collector takes traces within the process.
type collector struct {
	mu     sync.Mutex
	traces []metlo.Trace
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Body != nil {
		var batch []metlo.Trace
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			return nil, err
		}
		c.traces = append(c.traces, batch...)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
}

// record serves requests behind a recorder and returns their traces.
func record(t *testing.T, routes func(*echo.Echo), requests ...*http.Request) ([]metlo.Trace, capture.Stats) {
	t.Helper()
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	require.NoError(t, err)
	rec, err := capture.New(client, capture.WithHost("shop.example.com"), capture.WithSampling(capture.Sampling{First: 2}))
	require.NoError(t, err)
	e := echo.New()
	e.Use(captureecho.Middleware(rec))
	routes(e)
	server := httptest.NewServer(e)
	defer server.Close()
	for _, req := range requests {
		out, err := http.NewRequestWithContext(t.Context(), req.Method, server.URL+req.URL.String(), req.Body)
		require.NoError(t, err)
		out.Header = req.Header
		resp, err := server.Client().Do(out)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, rec.Shutdown(ctx))
	return c.traces, rec.Stats()
}

func request(method, target, body string) *http.Request {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	return req
}

func TestEchoIsRecorded(t *testing.T) {
	traces, stats := record(t, func(e *echo.Echo) {
		e.POST("/orders/:id", func(c *echo.Context) error {
			var order map[string]any
			if err := c.Bind(&order); err != nil {
				return err
			}
			delete(order, "id")
			return c.JSON(http.StatusCreated, order)
		})
		e.GET("/reset/:token", func(c *echo.Context) error { return c.String(http.StatusOK, "done") })
		e.DELETE("/orders/:id", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) })
		e.PATCH("/orders/:id", func(*echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "no") })
		e.PUT("/orders/:id", func(*echo.Context) error { return errors.New("out of luck") })
	},
		request("POST", "/orders/a", `{"sku":"A1","password":"x"}`), request("POST", "/orders/b", `{}`), request("POST", "/orders/c", `{}`),
		request("GET", "/reset/abc", ""), request("DELETE", "/orders/7", ""), request("PATCH", "/orders/7", ""), request("PUT", "/orders/7", ""),
		request("GET", "/none", ""))
	var seen []string
	for _, trace := range traces {
		seen = append(seen, string(trace.Request.Method)+" "+trace.Request.URL.Path+" "+http.StatusText(trace.Response.Status)+" "+strings.TrimSpace(trace.Response.Body))
	}
	assert.Equal(t, []string{
		`POST /orders/a Created {"password":"[redacted]","sku":"A1"}`, "POST /orders/b Created {}", "GET /reset/[redacted] OK done",
		"DELETE /orders/7 No Content ", "PATCH /orders/7 Conflict ", "PUT /orders/7 Internal Server Error ",
	}, seen)
	assert.EqualValues(t, 1, stats.SampledOut, "by the template of the route")
	assert.EqualValues(t, 1, stats.Skipped, "the 404")
}

func TestEchoStreamsAtOnce(t *testing.T) {
	goOn := make(chan struct{})
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	require.NoError(t, err)
	rec, err := capture.New(client)
	require.NoError(t, err)
	e := echo.New()
	e.Use(captureecho.Middleware(rec))
	e.GET("/events", func(c *echo.Context) error {
		assert.NoError(t, http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(time.Minute)))
		c.Response().Header().Set("Content-Type", "text/event-stream")
		_, err := io.WriteString(c.Response(), "data: one\n")
		c.Response().(http.Flusher).Flush()
		<-goOn
		return err
	})
	server := httptest.NewServer(e)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/events")
	require.NoError(t, err)
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "data: one\n", line)
	close(goOn)
	require.NoError(t, resp.Body.Close())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, rec.Shutdown(ctx))
}

// through serves requests with what is set up behind a recorder.
func through(t *testing.T, setUp func(*capture.Recorder) http.Handler, requests ...*http.Request) ([]metlo.Trace, capture.Stats) {
	t.Helper()
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	require.NoError(t, err)
	rec, err := capture.New(client, capture.WithHost("shop.example.com"), capture.WithoutSampling())
	require.NoError(t, err)
	server := httptest.NewServer(setUp(rec))
	for _, req := range requests {
		out, err := http.NewRequestWithContext(t.Context(), req.Method, server.URL+req.URL.String(), req.Body)
		require.NoError(t, err)
		out.Header = req.Header
		resp, err := server.Client().Do(out)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, rec.Shutdown(ctx))
	return c.traces, rec.Stats()
}

// upgraded speaks with a connection that left HTTP behind.
func upgraded(t *testing.T, url string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "ping\n", line)
}

func echoLine(t *testing.T, w http.ResponseWriter) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if !assert.NoError(t, err) {
		return
	}
	defer conn.Close()
	line, _ := rw.ReadString('\n')
	_, _ = rw.WriteString(line)
	_ = rw.Flush()
}

// upload is a request with a file too large to stay in memory.
func upload(t *testing.T) *http.Request {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("f", "f.txt")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, 11<<20))
	require.NoError(t, errors.Join(err, w.Close()))
	req := httptest.NewRequest(http.MethodPost, "/upload", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req
}

type key struct{}

// What middleware between the recorder and the handler sets is seen by what stands outside, as it is without the recorder.
func TestEchoMiddlewareSeesWhatOthersSet(t *testing.T) {
	var outside any
	through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				err := next(c)
				outside = c.Request().Context().Value(key{})
				return err
			}
		}, captureecho.Middleware(rec), func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), key{}, "jane")))
				return next(c)
			}
		})
		e.GET("/a", func(c *echo.Context) error { return c.String(http.StatusOK, "ok") })
		return e
	}, request("GET", "/a", ""))
	assert.Equal(t, "jane", outside)
}

func TestEchoRemovesTheFilesOfForms(t *testing.T) {
	var name string
	through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.Use(captureecho.Middleware(rec))
		e.POST("/upload", func(c *echo.Context) error {
			if err := c.Request().ParseMultipartForm(1); err != nil {
				return err
			}
			f, err := c.Request().MultipartForm.File["f"][0].Open()
			if onDisk, ok := f.(*os.File); err == nil && ok {
				name = onDisk.Name()
				err = f.Close()
			}
			return err
		})
		return e
	}, upload(t))
	require.NotEmpty(t, name)
	assert.NoFileExists(t, name)
}

func TestEchoOnceAndHijackedNever(t *testing.T) {
	var hijacking capture.Stats
	traces, stats := through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.Use(captureecho.Middleware(rec))
		e.Use(captureecho.Middleware(rec))
		e.GET("/a", func(c *echo.Context) error { return c.String(http.StatusOK, "once") })
		e.GET("/ws", func(c *echo.Context) error { echoLine(t, c.Response()); return nil })
		front := httptest.NewServer(e)
		upgraded(t, front.URL)
		front.Close()
		require.Eventually(t, func() bool { hijacking = rec.Stats(); return hijacking.Seen == 1 }, 10*time.Second, time.Millisecond)
		return rec.Handler(e)
	}, request("GET", "/a", ""))
	assert.EqualValues(t, 1, hijacking.Skipped)
	require.Len(t, traces, 1)
	assert.Equal(t, "once", traces[0].Response.Body)
	assert.EqualValues(t, 2, stats.Seen)
}

func TestEchoPanicsGoOn(t *testing.T) {
	var caught []any
	traces, _ := through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				defer func() {
					if v := recover(); v != nil {
						caught = append(caught, v)
						panic(http.ErrAbortHandler)
					}
				}()
				return next(c)
			}
		}, captureecho.Middleware(rec))
		e.GET("/abort", func(*echo.Context) error { panic(http.ErrAbortHandler) })
		e.GET("/written", func(c *echo.Context) error { _ = c.String(http.StatusAccepted, "part"); panic("late") })
		return e
	}, request("GET", "/abort", ""), request("GET", "/written", ""))
	assert.Equal(t, []any{http.ErrAbortHandler, "late"}, caught)
	require.Len(t, traces, 2)
	assert.Equal(t, http.StatusInternalServerError, traces[0].Response.Status)
	assert.Equal(t, http.StatusAccepted, traces[1].Response.Status)
	assert.Equal(t, "part", traces[1].Response.Body)
}

// In front of all of Echo the recorder sees the bodies of errors, and the template of the route nevertheless.
func TestEchoBehindTheHandler(t *testing.T) {
	traces, _ := through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.GET("/reset/:token", func(*echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "used already") })
		return rec.Handler(e)
	}, request("GET", "/reset/abc", ""))
	require.Len(t, traces, 1)
	assert.Equal(t, http.StatusConflict, traces[0].Response.Status)
	assert.Equal(t, "/reset/[redacted]", traces[0].Request.URL.Path)
	assert.Contains(t, traces[0].Response.Body, "used already")
}
