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

// names gives the property names at a place of a JSON text, in their order.
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

// What depends on traffic has no recording; its properties are those of the samples.
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
