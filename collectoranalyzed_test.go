package metlo_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

func analyzedOf(path string) *metlo.AnalyzedTrace {
	return &metlo.AnalyzedTrace{
		Request:  metlo.AnalyzedRequest{URL: metlo.AnalyzedURL{Host: "shop.example.com", Path: path}, Method: metlo.MethodGet},
		Response: metlo.AnalyzedResponse{Status: 200}, Redacted: true, AnalysisType: metlo.AnalysisFull,
	}
}

// What the real server was sent survives decoding and encoding.
func TestAnalyzedTracesOfTheSample(t *testing.T) {
	data, err := os.ReadFile("testdata/samples/local-analysis.json")
	require.NoError(t, err)
	var sample struct {
		Exchanges []struct {
			Name  string
			Trace json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	checked := 0
	for _, x := range sample.Exchanges {
		if x.Trace == nil || x.Name == "spec" || x.Name == "emptysession" { // which holds what the server passes over, and which says nothing
			continue
		}
		checked++
		var trace metlo.AnalyzedTrace
		require.NoError(t, json.Unmarshal(x.Trace, &trace), x.Name)
		client, server := scriptedClient(t, always(http.StatusOK, "OK"))
		require.NoError(t, client.Collector.LogAnalyzed(t.Context(), &trace), x.Name)
		assert.Equal(t, "POST collector:/api/v2/log-request/single", server.sent[0].Method+" "+server.sent[0].Path)
		assert.JSONEq(t, string(x.Trace), server.sent[0].Body, x.Name)
	}
	assert.GreaterOrEqual(t, checked, 7)
}

func TestLogAnalyzedBatch(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.Collector.LogAnalyzedBatch(t.Context(), nil))
	assert.Empty(t, server.sent)
	var traces []*metlo.AnalyzedTrace
	for range 3 {
		trace := analyzedOf("/a")
		trace.Analysis.DataTypes = map[string][]string{"resBody." + strings.Repeat("x", 900_000): {"string"}}
		traces = append(traces, trace)
	}
	require.NoError(t, client.Collector.LogAnalyzedBatch(t.Context(), traces))
	require.Len(t, server.sent, 2, "as few requests as the limit allows")
	for _, sent := range server.sent {
		assert.Equal(t, "/api/v2/log-request/batch", strings.TrimPrefix(sent.Path, "collector:"))
		assert.LessOrEqual(t, len(sent.Body), collectorLimit)
	}
	require.NoError(t, client.Collector.Verify(t.Context()), "the first version stays in use")
}

func TestAnalyzedBatchError(t *testing.T) {
	for name, row := range map[string]struct{ status, unknown, unsent int }{"500": {500, 2, 0}, "401": {401, 0, 2}} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(row.status, "no"))
			err := client.Collector.LogAnalyzedBatch(t.Context(), []*metlo.AnalyzedTrace{analyzedOf("/a"), analyzedOf("/b")})
			var partly *metlo.AnalyzedBatchError
			require.ErrorAs(t, err, &partly)
			assert.Len(t, partly.Unknown, row.unknown)
			assert.Len(t, partly.Unsent, row.unsent)
			assert.NotContains(t, err.Error(), "shop.example.com")
			var of *metlo.Error
			assert.ErrorAs(t, err, &of)
		})
	}
}

func TestLogAnalyzedRefuses(t *testing.T) {
	for says, change := range map[string]func(*metlo.AnalyzedTrace){
		"Host is empty":                func(a *metlo.AnalyzedTrace) { a.Request.URL.Host = "" },
		"does not begin with a slash":  func(a *metlo.AnalyzedTrace) { a.Request.URL.Path = "a" },
		"more than two empty elements": func(a *metlo.AnalyzedTrace) { a.Request.URL.Path = "//a//b//" },
		"Method":                       func(a *metlo.AnalyzedTrace) { a.Request.Method = "BREW" },
		"Status 0":                     func(a *metlo.AnalyzedTrace) { a.Response.Status = 0 },
		"unequal numbers of elements":  func(a *metlo.AnalyzedTrace) { a.Request.URL.EndpointPath = "/a/{id}" },
		"EndpointPath":                 func(a *metlo.AnalyzedTrace) { a.Request.URL.EndpointPath = "/<id>" },
	} {
		trace := analyzedOf("/a")
		change(trace)
		client, server := scriptedClient(t, always(http.StatusOK, "OK"))
		for _, err := range []error{
			client.Collector.LogAnalyzed(t.Context(), trace), client.Collector.LogAnalyzedBatch(t.Context(), []*metlo.AnalyzedTrace{analyzedOf("/b"), trace}),
			client.Collector.LogAnalyzed(t.Context(), nil),
		} {
			assert.ErrorIs(t, err, metlo.ErrInvalidArgument, says)
		}
		assert.ErrorContains(t, client.Collector.LogAnalyzed(t.Context(), trace), says)
		assert.Empty(t, server.sent)
	}
}
