package captureecho_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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
