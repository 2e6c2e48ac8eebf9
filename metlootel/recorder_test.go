package metlootel_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/metlootel"
	"github.com/metlo-go/metlo/metlotest"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func TestObserveRecorder(t *testing.T) {
	tm := newTelemetry(t)
	server := metlotest.New(t)
	recorder, err := capture.New(server.Client(), capture.WithHost("shop.example.com"))
	require.NoError(t, err)
	registration, err := metlootel.ObserveRecorder(recorder, tm.options()...)
	require.NoError(t, err)

	handler := recorder.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	serve := func() {
		r := httptest.NewRequest(http.MethodGet, "http://shop.example.com/v1/carts", nil)
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	serve()
	serve()
	counts, queued := observed(t, tm)
	sum := queued
	for _, n := range counts {
		sum += n
	}
	assert.EqualValues(t, 2, sum, "every request has an outcome or waits: %v", counts)

	require.NoError(t, recorder.Shutdown(t.Context()))
	serve()
	stats := recorder.Stats()
	require.EqualValues(t, 3, stats.Seen)
	counts, queued = observed(t, tm)
	assert.Equal(t, map[string]int64{
		"sent": stats.Sent, "dropped": stats.Dropped, "skipped": stats.Skipped, "sampled_out": stats.SampledOut,
		"failed": stats.Failed, "unknown": stats.Unknown,
	}, counts)
	assert.EqualValues(t, 2, counts["sent"])
	assert.EqualValues(t, 1, counts["dropped"])
	assert.Zero(t, queued)

	require.NoError(t, registration.Unregister())
	assert.Empty(t, tm.metrics())
	_, err = metlootel.ObserveRecorder(nil)
	require.ErrorContains(t, err, "capture.New")
}

// observed returns the requests by their outcome, and how many wait.
func observed(t *testing.T, tm *telemetry) (counts map[string]int64, queued int64) {
	t.Helper()
	metrics := tm.metrics()
	require.Len(t, metrics, 3)
	counter, ok := metrics["metlo.capture.requests"].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	assert.True(t, counter.IsMonotonic)
	counts = map[string]int64{}
	for _, p := range counter.DataPoints {
		outcome, _ := p.Attributes.Value(attribute.Key("metlo.capture.outcome"))
		counts[outcome.AsString()] = p.Value
	}
	requests, ok := metrics["metlo.capture.queue.requests"].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	assert.False(t, requests.IsMonotonic)
	size, ok := metrics["metlo.capture.queue.size"].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	assert.Equal(t, "By", metrics["metlo.capture.queue.size"].Unit)
	require.Len(t, size.DataPoints, 1)
	return counts, requests.DataPoints[0].Value
}
