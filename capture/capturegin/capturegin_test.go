package capturegin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/capturegin"
	"github.com/metlo-go/metlo/capture/capturetest"
)

// record serves requests with an engine behind a recorder and returns their traces.
func record(t *testing.T, routes func(*gin.Engine), requests ...*http.Request) ([]metlo.AnalyzedTrace, capture.Stats) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	rec, finish := capturetest.New(t, capture.WithSampling(capture.Sampling{First: 2}))
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }), capturegin.Middleware(rec))
	routes(engine)
	require.NoError(t, capturetest.Send(t, engine, requests...))
	return finish()
}

// through serves requests with the handler that setUp returns for a recorder, and returns their traces.
func through(t *testing.T, setUp func(*capture.Recorder) http.Handler, requests ...*http.Request) []metlo.AnalyzedTrace {
	t.Helper()
	rec, finish := capturetest.New(t, capture.WithoutSampling())
	require.NoError(t, capturetest.Send(t, setUp(rec), requests...))
	traces, _ := finish()
	return traces
}

// upload returns a request with a file too large to stay in memory.
func upload(t *testing.T) *http.Request {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("f", "f.txt")
	require.NoError(t, err)
	_, err = part.Write(make([]byte, 11<<20))
	require.NoError(t, errors.Join(err, w.Close()))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/upload", &form)
	req.Header.Set("Content-Type", w.FormDataContentType())
	return req
}

func TestAdapter(t *testing.T) {
	capturetest.Run(t, func(rec *capture.Recorder, routes ...capturetest.Route) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		e := gin.New()
		e.Use(capturegin.Middleware(rec))
		for _, r := range routes {
			e.Handle(r.Method, strings.NewReplacer("{", ":", "}", "").Replace(r.Path), gin.WrapF(r.Handler))
		}
		return e
	})
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
		capturetest.Request("POST", "/orders/a", `{"sku":"A1","password":"x"}`), capturetest.Request("POST", "/orders/b", `{}`), capturetest.Request("POST", "/orders/c", `{}`),
		capturetest.Request("GET", "/reset/abc", ""), capturetest.Request("DELETE", "/orders/7", ""), capturetest.Request("PUT", "/orders/7", ""), capturetest.Request("GET", "/none", ""))
	var seen []string
	for _, trace := range traces {
		seen = append(seen, string(trace.Request.Method)+" "+trace.Request.URL.EndpointPath+" "+http.StatusText(trace.Response.Status))
	}
	assert.Equal(t, []string{
		"POST /orders/{id} Created", "POST /orders/{id} Created", "GET /reset/{token} OK", "DELETE /orders/{id} No Content",
		"PUT /orders/{id} Internal Server Error",
	}, seen)
	assert.Contains(t, traces[0].Analysis.DataTypes, "resBody.sku")
	assert.EqualValues(t, 1, stats.SampledOut, "by the template of the route")
	assert.EqualValues(t, 1, stats.Skipped, "the 404")
}

type key struct{}

// Outer middleware sees the values that inner middleware sets, as it does without the recorder.
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
	}, capturetest.Request("GET", "/a", ""))
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

// Gin behaves as without the recorder when a response is flushed in parts, when a request is routed again, and when a goroutine
// keeps the request.
func TestGinServesAsWithoutTheRecorder(t *testing.T) {
	for name, row := range map[string]struct {
		handle func(*gin.Engine, *gin.Context)
		status int
		fields []string
	}{
		"103 Early Hints": {func(_ *gin.Engine, c *gin.Context) {
			c.Header("Link", "</style.css>; rel=preload")
			c.Writer.WriteHeader(http.StatusEarlyHints)
			c.Writer.WriteHeaderNow()
			c.JSON(http.StatusOK, gin.H{"a": 1})
		}, http.StatusOK, []string{"resBody.a"}},
		"HandleContext": {func(e *gin.Engine, c *gin.Context) {
			c.Request.URL.Path = "/other/7"
			e.HandleContext(c)
		}, http.StatusAccepted, nil},
		"a goroutine": {func(_ *gin.Engine, c *gin.Context) {
			req := c.Request
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = req.FormValue("a")
				_ = req.Context().Err()
			}()
			<-done
			c.JSON(http.StatusCreated, gin.H{"a": 1})
		}, http.StatusCreated, []string{"resBody.a"}},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(middleware ...gin.HandlerFunc) string {
				gin.SetMode(gin.ReleaseMode)
				e := gin.New()
				e.Use(middleware...)
				e.GET("/orders/:id", func(c *gin.Context) { row.handle(e, c) })
				e.GET("/other/:id", func(c *gin.Context) { c.JSON(http.StatusAccepted, gin.H{"b": c.Param("id")}) })
				server := httptest.NewServer(e)
				defer server.Close()
				resp, err := server.Client().Get(server.URL + "/orders/7?a=b")
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, errors.Join(err, resp.Body.Close()))
				return resp.Status + " " + string(body)
			}
			rec, finish := capturetest.New(t, capture.WithoutSampling())
			assert.Equal(t, answer(), answer(capturegin.Middleware(rec)))
			traces, _ := finish()
			require.Len(t, traces, 1)
			assert.Equal(t, row.status, traces[0].Response.Status)
			assert.Equal(t, "/orders/{id}", traces[0].Request.URL.EndpointPath)
			for _, field := range row.fields {
				assert.Contains(t, traces[0].Analysis.DataTypes, field)
			}
		})
	}
}
