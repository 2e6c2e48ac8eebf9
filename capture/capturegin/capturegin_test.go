package capturegin_test

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
