package metlo_test

import (
	"encoding/json"
	"net/http"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// A trace that was stored as JSON, by either version of the package, is what the collector takes.
func TestAStoredTraceIsWhatTheCollectorTakes(t *testing.T) {
	bare := &metlo.Trace{
		Request:  metlo.TraceRequest{URL: metlo.TraceURL{Host: "shop.example.com", Path: "/"}, Method: metlo.MethodGet},
		Response: metlo.TraceResponse{Status: 200},
	}
	full := recordedTrace()
	full.Request.Method = metlo.MethodPost
	full.Meta.OriginalSource = "192.0.2.1"
	full.Meta.Extra = map[string]string{"pod": "shop-7", "zone": "\"<é>\"", "source": "hidden by the field"}
	for name, trace := range map[string]*metlo.Trace{"bare": bare, "full": full} {
		t.Run(name, func(t *testing.T) {
			client, server := scriptedClient(t, always(http.StatusOK, "OK"))
			require.NoError(t, client.Collector.Log(t.Context(), trace))
			v1, err := json.Marshal(trace)
			require.NoError(t, err)
			byValue, err := json.Marshal(*trace)
			require.NoError(t, err)
			v2, err := jsonv2.Marshal(trace)
			require.NoError(t, err)
			for _, stored := range [][]byte{v1, byValue, v2} {
				assert.JSONEq(t, server.sent[0].Body, string(stored))
				assert.NotContains(t, string(stored), "null")
				assert.NotContains(t, string(stored), "Extra")
			}
			var restored metlo.Trace
			require.NoError(t, json.Unmarshal(v1, &restored))
			again, err := json.Marshal(restored)
			require.NoError(t, err)
			assert.Equal(t, string(v1), string(again), "nothing is lost on the way")
		})
	}
}

func TestTraceMetaReadsWhatOthersStored(t *testing.T) {
	for text, want := range map[string]metlo.TraceMeta{
		`{}`: {},
		`{"incoming":true,"sourcePort":443,"pod":"a"}`: {Incoming: true, SourcePort: "443", Extra: map[string]string{"pod": "a"}},
		`{"replicas":3,"labels":{"a":1}}`:              {Extra: map[string]string{"replicas": "3", "labels": `{"a":1}`}},
		`null`:                                         {},
	} {
		var v1, v2 metlo.TraceMeta
		require.NoError(t, json.Unmarshal([]byte(text), &v1), text)
		require.NoError(t, jsonv2.Unmarshal([]byte(text), &v2), text)
		assert.Equal(t, want, v1, text)
		assert.Equal(t, want, v2, text)
	}
	var meta metlo.TraceMeta
	assert.Error(t, json.Unmarshal([]byte(`{"incoming":"yes"}`), &meta))
	assert.Error(t, json.Unmarshal([]byte(`[]`), &meta))
}

func TestTracePartsEncodeAsTheCollectorTakesThem(t *testing.T) {
	for want, part := range map[string]any{
		`{"host":"","path":"","parameters":[]}`:                                                                  metlo.TraceURL{},
		`{"url":{"host":"","path":"","parameters":[]},"headers":[],"body":"","method":""}`:                       metlo.TraceRequest{},
		`{"status":0,"headers":[],"body":""}`:                                                                    metlo.TraceResponse{},
		`{"incoming":false,"source":"","sourcePort":"","destination":"","destinationPort":"","environment":"e"}`: metlo.TraceMeta{Environment: "e"},
	} {
		got, err := json.Marshal(part)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
	_, err := json.Marshal(metlo.TraceMeta{Source: "\xff"})
	assert.Error(t, err)
}
