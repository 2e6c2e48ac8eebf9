package capturegin_test

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

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/capturegin"
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

// record serves requests with an engine behind a recorder and returns their traces.
func record(t *testing.T, routes func(*gin.Engine), requests ...*http.Request) ([]metlo.Trace, capture.Stats) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	require.NoError(t, err)
	rec, err := capture.New(client, capture.WithHost("shop.example.com"), capture.WithSampling(capture.Sampling{First: 2}))
	require.NoError(t, err)
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }), capturegin.Middleware(rec))
	routes(engine)
	server := httptest.NewServer(engine)
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

func TestGinIsRecorded(t *testing.T) {
	traces, stats := record(t, func(e *gin.Engine) {
		e.POST("/orders/:id", func(c *gin.Context) {
			var order map[string]any
			assert.NoError(t, c.ShouldBindJSON(&order))
			c.Status(http.StatusTeapot) // the status that is set last counts
			c.JSON(http.StatusCreated, order)
		})
		e.GET("/reset/:token", func(c *gin.Context) { c.String(http.StatusOK, "done") })
		e.DELETE("/orders/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
		e.PUT("/orders/:id", func(*gin.Context) { panic("out of luck") })
	},
		request("POST", "/orders/a", `{"sku":"A1","password":"x"}`), request("POST", "/orders/b", `{}`), request("POST", "/orders/c", `{}`),
		request("GET", "/reset/abc", ""), request("DELETE", "/orders/7", ""), request("PUT", "/orders/7", ""), request("GET", "/none", ""))
	var seen []string
	for _, trace := range traces {
		seen = append(seen, string(trace.Request.Method)+" "+trace.Request.URL.Path+" "+http.StatusText(trace.Response.Status)+" "+trace.Response.Body)
	}
	assert.Equal(t, []string{
		`POST /orders/a Created {"password":"[redacted]","sku":"A1"}`, "POST /orders/b Created {}", "GET /reset/[redacted] OK done",
		"DELETE /orders/7 No Content ", "PUT /orders/7 Internal Server Error ",
	}, seen)
	assert.EqualValues(t, 1, stats.SampledOut, "by the template of the route")
	assert.EqualValues(t, 1, stats.Skipped, "the 404")
}

func TestGinStreamsAtOnce(t *testing.T) {
	goOn := make(chan struct{})
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	require.NoError(t, err)
	rec, err := capture.New(client)
	require.NoError(t, err)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(capturegin.Middleware(rec))
	engine.GET("/events", func(c *gin.Context) {
		assert.NoError(t, http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(time.Minute)))
		c.SSEvent("message", "one")
		c.Writer.Flush()
		<-goOn
	})
	server := httptest.NewServer(engine)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/events")
	require.NoError(t, err)
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "event:message\n", line)
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
func TestGinMiddlewareSeesWhatOthersSet(t *testing.T) {
	var outside any
	through(t, func(rec *capture.Recorder) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(func(c *gin.Context) {
			c.Next()
			outside = c.Request.Context().Value(key{})
		}, capturegin.Middleware(rec), func(c *gin.Context) {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, "jane"))
		})
		e.GET("/a", func(c *gin.Context) { c.String(http.StatusOK, "ok") })
		return e
	}, request("GET", "/a", ""))
	assert.Equal(t, "jane", outside)
}

func TestGinRemovesTheFilesOfForms(t *testing.T) {
	var name string
	through(t, func(rec *capture.Recorder) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.MaxMultipartMemory = 1
		e.Use(capturegin.Middleware(rec))
		e.POST("/upload", func(c *gin.Context) {
			header, err := c.FormFile("f")
			if !assert.NoError(t, err) {
				return
			}
			f, err := header.Open()
			if onDisk, ok := f.(*os.File); assert.NoError(t, err) && ok {
				name = onDisk.Name()
				assert.NoError(t, f.Close())
			}
		})
		return e
	}, upload(t))
	require.NotEmpty(t, name)
	assert.NoFileExists(t, name)
}

func TestGinOnceAndHijackedNever(t *testing.T) {
	var hijacking capture.Stats
	traces, stats := through(t, func(rec *capture.Recorder) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(capturegin.Middleware(rec))
		e.Use(capturegin.Middleware(rec))
		e.GET("/a", func(c *gin.Context) { c.String(http.StatusOK, strings.Repeat("x", 100)) })
		e.GET("/ws", func(c *gin.Context) { echoLine(t, c.Writer) })
		front := httptest.NewServer(e)
		upgraded(t, front.URL)
		front.Close()
		require.Eventually(t, func() bool { hijacking = rec.Stats(); return hijacking.Seen == 1 }, 10*time.Second, time.Millisecond)
		return rec.Handler(e)
	}, request("GET", "/a", ""))
	assert.EqualValues(t, 1, hijacking.Skipped)
	require.Len(t, traces, 1)
	assert.Len(t, traces[0].Response.Body, 100)
	assert.EqualValues(t, 2, stats.Seen)
}

func TestGinPanicsGoOn(t *testing.T) {
	var caught []any
	traces, _ := through(t, func(rec *capture.Recorder) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(func(c *gin.Context) {
			defer func() {
				if v := recover(); v != nil {
					caught = append(caught, v)
					c.AbortWithStatus(http.StatusInternalServerError)
				}
			}()
			c.Next()
		}, capturegin.Middleware(rec))
		e.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
		e.GET("/written", func(c *gin.Context) { c.String(http.StatusAccepted, "part"); panic("late") })
		return e
	}, request("GET", "/abort", ""), request("GET", "/written", ""))
	assert.Equal(t, []any{http.ErrAbortHandler, "late"}, caught)
	require.Len(t, traces, 2)
	assert.Equal(t, http.StatusInternalServerError, traces[0].Response.Status)
	assert.Equal(t, http.StatusAccepted, traces[1].Response.Status)
	assert.Equal(t, "part", traces[1].Response.Body)
}
