package metlotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names returns the property names at a place of a JSON text, in order.
func names(t *testing.T, text string, place ...any) []string {
	t.Helper()
	v, err := parseOrdered(text)
	require.NoError(t, err)
	for _, step := range place {
		switch step := step.(type) {
		case int:
			list, isList := v.([]any)
			require.True(t, isList && len(list) > step, "%v of %v", step, place)
			v = list[step]
		case string:
			o, isObject := v.(*ordered)
			require.True(t, isObject, "%v of %v", step, place)
			v = o.values[step]
		}
	}
	o, isObject := v.(*ordered)
	require.True(t, isObject, "%v", place)
	return o.names
}

func readSample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../testdata/samples/" + name)
	require.NoError(t, err)
	return string(data)
}

// TestShapesOfTraffic compares the properties of objects without a recording, which depend on traffic, with the
// samples.
func TestShapesOfTraffic(t *testing.T) {
	received := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- string(body)
	}))
	defer hook.Close()
	w := start(t)
	w.do(http.MethodPost, "/webhook", map[string]any{"url": hook.URL, "alertTypes": []string{}, "hosts": []string{}})
	trace := call("shop.example.com", "POST", "/users/7", `{"id":7,"email":"a@example.com"}`)
	trace["request"].(map[string]any)["body"] = `{"email":"a@example.com"}`
	w.log("/api/v1/log-request/single", trace)
	items, _ := w.rows("/endpoints")

	var delivery struct{ Body string }
	require.NoError(t, json.Unmarshal([]byte(readSample(t, "webhook-delivery.json")), &delivery))
	texts := []struct {
		name, sample, ours string
		places             [][]any
	}{
		{"endpoint", readSample(t, "endpoint-with-traces.json"), w.get("/endpoint/" + items[0].text("uuid")).body,
			[][]any{{}, {"dataFields", 0}, {"traces", 0}, {"alerts", 0}}},
		{"webhook delivery", delivery.Body, <-received,
			[][]any{{}, {"alert"}, {"alert", "apiEndpoint"}, {"alert", "apiEndpoint", "dataFields", 0}, {"meta"}}},
		{"agent config", readSample(t, "agent-config.json"), w.get("/agent-config").body,
			[][]any{{}, {"endpoints", 0}, {"sensitiveDataList", 1}}},
	}
	for _, tt := range texts {
		for _, place := range tt.places {
			assert.Equal(t, names(t, tt.sample, place...), names(t, tt.ours, place...), "%s %v", tt.name, place)
		}
	}
}

// TestAnalyzedTraces sends recorded requests of the collector's version 2, and compares the results.
func TestAnalyzedTraces(t *testing.T) {
	var sample struct {
		Route     string
		Exchanges []struct {
			Name      string
			Sent      int
			Trace     json.RawMessage
			Endpoints []struct {
				Method, Path    string
				IsGraphQl       bool
				IsAuthenticated bool `json:"isAuthenticatedDetected"`
				DataFields      []map[string]any
				NewestTrace     map[string]any
				Alerts          int
			}
			DataFields []map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(readSample(t, "local-analysis.json")), &sample))
	checked := 0
	for _, x := range sample.Exchanges {
		if x.Trace == nil {
			continue
		}
		checked++
		t.Run(x.Name, func(t *testing.T) {
			w := start(t)
			w.log("/api/v2/log-request/batch", "["+string(x.Trace)+"]")
			items, _ := w.rows("/endpoints?limit=10")
			require.Len(t, items, len(x.Endpoints))
			for i, want := range x.Endpoints {
				var got struct {
					Method, Path string
					IsGraphQl    bool
					Detected     bool `json:"isAuthenticatedDetected"`
					DataFields   []map[string]any
					Traces       []map[string]any
					Alerts       []any
				}
				require.NoError(t, json.Unmarshal([]byte(w.get("/endpoint/"+items[i].text("uuid")).body), &got))
				assert.Equal(t, []any{want.Method, want.Path, want.IsGraphQl, want.IsAuthenticated, want.Alerts},
					[]any{got.Method, got.Path, got.IsGraphQl, got.Detected, len(got.Alerts)})
				var fields []map[string]any
				for _, f := range got.DataFields {
					field := map[string]any{}
					for _, name := range []string{"dataSection", "dataPath", "dataType", "contentType", "statusCode", "isNullable"} {
						field[name] = f[name]
					}
					fields = append(fields, field)
				}
				assert.ElementsMatch(t, want.DataFields, fields)
				require.NotEmpty(t, got.Traces)
				for name, value := range want.NewestTrace {
					if value != nil && name != "path" { // the sample shows the last of many
						assert.Equal(t, value, got.Traces[0][name], name)
					}
				}
			}
		})
	}
	require.GreaterOrEqual(t, checked, 9)
}
