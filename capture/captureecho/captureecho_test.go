package captureecho_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/captureecho"
	"github.com/metlo-go/metlo/internal/suites/adaptertest"
)

// record serves requests behind a recorder and returns their traces.
func record(t *testing.T, routes func(*echo.Echo), requests ...*http.Request) ([]metlo.Trace, capture.Stats) {
	t.Helper()
	rec, finish := adaptertest.New(t, capture.WithSampling(capture.Sampling{First: 2}))
	e := echo.New()
	e.Use(captureecho.Middleware(rec))
	routes(e)
	server := httptest.NewServer(e)
	defer server.Close()
	for _, req := range requests {
		require.NoError(t, adaptertest.Do(t, server, req))
	}
	return finish()
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
		adaptertest.Request("POST", "/orders/a", `{"sku":"A1","password":"x"}`), adaptertest.Request("POST", "/orders/b", `{}`), adaptertest.Request("POST", "/orders/c", `{}`),
		adaptertest.Request("GET", "/reset/abc", ""), adaptertest.Request("DELETE", "/orders/7", ""), adaptertest.Request("PATCH", "/orders/7", ""), adaptertest.Request("PUT", "/orders/7", ""),
		adaptertest.Request("GET", "/none", ""))
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
	rec, finish := adaptertest.New(t)
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
	finish()
}

type key struct{}

// What middleware between the recorder and the handler sets is seen by what stands outside, as it is without the recorder.
func TestEchoMiddlewareSeesWhatOthersSet(t *testing.T) {
	var outside any
	adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
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
	}, adaptertest.Request("GET", "/a", ""))
	assert.Equal(t, "jane", outside)
}

func TestEchoRemovesTheFilesOfForms(t *testing.T) {
	var name string
	adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
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
	}, adaptertest.Upload(t))
	require.NotEmpty(t, name)
	assert.NoFileExists(t, name)
}

func TestEchoOnceAndHijackedNever(t *testing.T) {
	var hijacking capture.Stats
	traces, stats := adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.Use(captureecho.Middleware(rec))
		e.Use(captureecho.Middleware(rec))
		e.GET("/a", func(c *echo.Context) error { return c.String(http.StatusOK, "once") })
		e.GET("/ws", func(c *echo.Context) error { adaptertest.EchoLine(t, c.Response()); return nil })
		front := httptest.NewServer(e)
		adaptertest.Upgraded(t, front.URL)
		front.Close()
		require.Eventually(t, func() bool { hijacking = rec.Stats(); return hijacking.Seen == 1 }, 10*time.Second, time.Millisecond)
		return rec.Handler(e)
	}, adaptertest.Request("GET", "/a", ""))
	assert.EqualValues(t, 1, hijacking.Skipped)
	require.Len(t, traces, 1)
	assert.Equal(t, "once", traces[0].Response.Body)
	assert.EqualValues(t, 2, stats.Seen)
}

func TestEchoPanicsGoOn(t *testing.T) {
	var caught []any
	traces, _ := adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
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
	}, adaptertest.Request("GET", "/abort", ""), adaptertest.Request("GET", "/written", ""))
	assert.Equal(t, []any{http.ErrAbortHandler, "late"}, caught)
	require.Len(t, traces, 2)
	assert.Equal(t, http.StatusInternalServerError, traces[0].Response.Status)
	assert.Equal(t, http.StatusAccepted, traces[1].Response.Status)
	assert.Equal(t, "part", traces[1].Response.Body)
}

// In front of all of Echo the recorder sees the bodies of errors, and the template of the route nevertheless.
func TestEchoBehindTheHandler(t *testing.T) {
	traces, _ := adaptertest.Through(t, func(rec *capture.Recorder) http.Handler {
		e := echo.New()
		e.GET("/reset/:token", func(*echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "used already") })
		return rec.Handler(e)
	}, adaptertest.Request("GET", "/reset/abc", ""))
	require.Len(t, traces, 1)
	assert.Equal(t, http.StatusConflict, traces[0].Response.Status)
	assert.Equal(t, "/reset/[redacted]", traces[0].Request.URL.Path)
	assert.Contains(t, traces[0].Response.Body, "used already")
}
