package captureecho_test

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/captureecho"
	"github.com/metlo-go/metlo/capture/capturetest"
)

// record serves requests behind a recorder and returns their traces.
func record(t *testing.T, routes func(*echo.Echo), requests ...*http.Request) ([]metlo.AnalyzedTrace, capture.Stats) {
	t.Helper()
	rec, finish := capturetest.New(t, capture.WithSampling(capture.Sampling{First: 2}))
	e := echo.New()
	e.Use(captureecho.Middleware(rec))
	routes(e)
	require.NoError(t, capturetest.Send(t, e, requests...))
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
		e := echo.New()
		e.Use(captureecho.Middleware(rec))
		for _, r := range routes {
			e.Add(r.Method, strings.NewReplacer("{", ":", "}", "").Replace(r.Path), echo.WrapHandler(r.Handler))
		}
		return e
	})
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
		capturetest.Request("POST", "/orders/a", `{"sku":"A1","password":"x"}`), capturetest.Request("POST", "/orders/b", `{}`), capturetest.Request("POST", "/orders/c", `{}`),
		capturetest.Request("GET", "/reset/abc", ""), capturetest.Request("DELETE", "/orders/7", ""), capturetest.Request("PATCH", "/orders/7", ""), capturetest.Request("PUT", "/orders/7", ""),
		capturetest.Request("GET", "/none", ""))
	var seen []string
	for _, trace := range traces {
		seen = append(seen, string(trace.Request.Method)+" "+trace.Request.URL.EndpointPath+" "+http.StatusText(trace.Response.Status))
	}
	assert.Equal(t, []string{
		"POST /orders/{id} Created", "POST /orders/{id} Created", "GET /reset/{token} OK", "DELETE /orders/{id} No Content",
		"PATCH /orders/{id} Conflict", "PUT /orders/{id} Internal Server Error",
	}, seen)
	assert.Contains(t, traces[0].Analysis.DataTypes, "resBody.sku")
	assert.EqualValues(t, 1, stats.SampledOut, "by the template of the route")
	assert.EqualValues(t, 1, stats.Skipped, "the 404")
}

type key struct{}

// Outer middleware sees the values that inner middleware sets, as it does without the recorder.
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
	}, capturetest.Request("GET", "/a", ""))
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

// A recorder in front of Echo records the bodies of errors, and still gets the template of the route.
func TestEchoBehindTheHandler(t *testing.T) {
	traces := through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.GET("/reset/:token", func(*echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "used already") })
		return rec.Handler(e)
	}, capturetest.Request("GET", "/reset/abc", ""))
	require.Len(t, traces, 1)
	assert.Equal(t, http.StatusConflict, traces[0].Response.Status)
	assert.Equal(t, "/reset/{token}", traces[0].Request.URL.EndpointPath)
	assert.Contains(t, traces[0].Analysis.DataTypes, "resBody.message")
}
