package capturegin_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/capturegin"
	"github.com/metlo-go/metlo/internal/suites/adaptertest"
)

// record serves requests with an engine behind a recorder and returns their traces.
func record(t *testing.T, routes func(*gin.Engine), requests ...*http.Request) ([]metlo.Trace, capture.Stats) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	rec, finish := adaptertest.New(t, capture.WithSampling(capture.Sampling{First: 2}))
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }), capturegin.Middleware(rec))
	routes(engine)
	server := httptest.NewServer(engine)
	defer server.Close()
	for _, req := range requests {
		require.NoError(t, adaptertest.Do(t, server, req))
	}
	return finish()
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
		adaptertest.Request("POST", "/orders/a", `{"sku":"A1","password":"x"}`), adaptertest.Request("POST", "/orders/b", `{}`), adaptertest.Request("POST", "/orders/c", `{}`),
		adaptertest.Request("GET", "/reset/abc", ""), adaptertest.Request("DELETE", "/orders/7", ""), adaptertest.Request("PUT", "/orders/7", ""), adaptertest.Request("GET", "/none", ""))
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
	rec, finish := adaptertest.New(t)
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
	finish()
}

type key struct{}

// What middleware between the recorder and the handler sets is seen by what stands outside, as it is without the recorder.
func TestGinMiddlewareSeesWhatOthersSet(t *testing.T) {
	var outside any
	adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
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
	}, adaptertest.Request("GET", "/a", ""))
	assert.Equal(t, "jane", outside)
}

func TestGinRemovesTheFilesOfForms(t *testing.T) {
	var name string
	adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
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
	}, adaptertest.Upload(t))
	require.NotEmpty(t, name)
	assert.NoFileExists(t, name)
}

func TestGinOnceAndHijackedNever(t *testing.T) {
	var hijacking capture.Stats
	traces, stats := adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(capturegin.Middleware(rec))
		e.Use(capturegin.Middleware(rec))
		e.GET("/a", func(c *gin.Context) { c.String(http.StatusOK, strings.Repeat("x", 100)) })
		e.GET("/ws", func(c *gin.Context) { adaptertest.EchoLine(t, c.Writer) })
		front := httptest.NewServer(e)
		adaptertest.Upgraded(t, front.URL)
		front.Close()
		require.Eventually(t, func() bool { hijacking = rec.Stats(); return hijacking.Seen == 1 }, 10*time.Second, time.Millisecond)
		return rec.Handler(e)
	}, adaptertest.Request("GET", "/a", ""))
	assert.EqualValues(t, 1, hijacking.Skipped)
	require.Len(t, traces, 1)
	assert.Len(t, traces[0].Response.Body, 100)
	assert.EqualValues(t, 2, stats.Seen)
}

func TestGinPanicsGoOn(t *testing.T) {
	var caught []any
	traces, _ := adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
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
	}, adaptertest.Request("GET", "/abort", ""), adaptertest.Request("GET", "/written", ""))
	assert.Equal(t, []any{http.ErrAbortHandler, "late"}, caught)
	require.Len(t, traces, 2)
	assert.Equal(t, http.StatusInternalServerError, traces[0].Response.Status)
	assert.Equal(t, http.StatusAccepted, traces[1].Response.Status)
	assert.Equal(t, "part", traces[1].Response.Body)
}
