package metlo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// webhookDelivery is the body that a real server posted.
func webhookDelivery(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "samples", "webhook-delivery.json"))
	require.NoError(t, err)
	var sample struct {
		Body string `json:"body"`
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	return sample.Body
}

func post(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// alertNumber is a delivery of the n-th alert.
func alertNumber(n int) string { return fmt.Sprintf(`{"alert":{"uuid":"%d"},"meta":{}}`, n) }

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestParseWebhookReadsWhatARealServerPosts(t *testing.T) {
	event, err := metlo.ParseWebhook(post("/metlo", webhookDelivery(t)))
	require.NoError(t, err)
	assert.Equal(t, metlo.AlertNewEndpoint, event.Alert.Type)
	assert.Equal(t, metlo.RiskLow, event.Alert.RiskScore)
	assert.Equal(t, metlo.StatusOpen, event.Alert.Status)
	assert.Equal(t, time.Date(2026, 11, 22, 19, 3, 51, 563e6, time.UTC), event.Alert.CreatedAt)
	assert.Equal(t, "/cards/{param1}", event.Alert.APIEndpoint.Path)
	assert.Len(t, event.Alert.APIEndpoint.DataFields, 4)
	assert.Equal(t, metlo.WebhookMeta{Host: "pay.example.com", TotalEndpoints: 17, TotalSensitiveEndpoints: 12}, event.Meta)
}

func TestParseWebhookRefuses(t *testing.T) {
	const good = `{"alert":{"uuid":"1"}}`
	tests := []struct {
		name    string
		request func() *http.Request
		status  int
		is      error
		says    string
	}{
		{"another method", func() *http.Request {
			r := post("/", good)
			r.Method = http.MethodGet
			return r
		}, 405, metlo.ErrBadRequest, "want a POST"},
		{"no content type", func() *http.Request {
			r := post("/", good)
			r.Header.Del("Content-Type")
			return r
		}, 415, metlo.ErrBadRequest, "want Content-Type: application/json"},
		{"a form", func() *http.Request {
			r := post("/", "alert=1")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}, 415, metlo.ErrBadRequest, "want Content-Type: application/json"},
		{"a length over the limit", func() *http.Request { return post("/", strings.Repeat(" ", 4<<20+1)) },
			413, metlo.ErrTooLarge, "at most 4194304 bytes"},
		{"more than the limit without a length", func() *http.Request {
			r := post("/", strings.Repeat(" ", 4<<20+1))
			r.ContentLength = -1
			return r
		}, 413, metlo.ErrTooLarge, "at most 4194304 bytes"},
		{"more than the caller's own limit", func() *http.Request {
			r := post("/", good)
			r.Body = http.MaxBytesReader(nil, r.Body, 10)
			return r
		}, 413, metlo.ErrTooLarge, "at most"},
		{"a body cut short", func() *http.Request {
			r := post("/", good)
			r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
			return r
		}, 400, metlo.ErrBadRequest, "cut short"},
		{"an empty body", func() *http.Request { return post("/", "") }, 400, metlo.ErrBadRequest, "want a JSON object"},
		{"half an object", func() *http.Request { return post("/", good[:12]) }, 400, metlo.ErrBadRequest, "want a JSON object"},
		{"a list", func() *http.Request { return post("/", "["+good+"]") }, 400, metlo.ErrBadRequest, "want a JSON object"},
		{"no alert", func() *http.Request { return post("/", `{"text":"hello"}`) }, 400, metlo.ErrBadRequest, "want an alert"},
		{"no body at all", func() *http.Request { return &http.Request{Method: http.MethodPost} }, 400, metlo.ErrBadRequest, "no body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			event, err := metlo.ParseWebhook(tt.request())
			assert.Nil(t, event)
			var fault *metlo.WebhookError
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.status, fault.StatusCode)
			assert.ErrorIs(t, err, tt.is)
			assert.ErrorContains(t, err, tt.says)
		})
	}
}

func TestParseWebhookTakes(t *testing.T) {
	tests := []struct{ name, contentType, body string }{
		{"a charset", "application/json; charset=utf-8", `{"alert":{"uuid":"1"}}`},
		{"attack traffic that is not UTF-8", "application/json", "{\"alert\":{\"uuid\":\"1\",\"context\":{\"trace\":\"\xff\"}}}"},
		{"members that it does not know", "application/json", `{"alert":{"uuid":"1"},"organizationUuid":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := post("/", tt.body)
			r.Header.Set("Content-Type", tt.contentType)
			event, err := metlo.ParseWebhook(r)
			require.NoError(t, err)
			assert.Equal(t, "1", event.Alert.UUID)
		})
	}
}

func FuzzParseWebhook(f *testing.F) {
	f.Add(webhookDelivery(f), "application/json")
	data, err := os.ReadFile(filepath.Join("testdata", "samples", "webhooks-with-runs.json"))
	require.NoError(f, err)
	var hooks []struct {
		Runs []struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"runs"`
	}
	require.NoError(f, json.Unmarshal(data, &hooks))
	for _, hook := range hooks {
		for _, run := range hook.Runs {
			f.Add(string(run.Payload), "application/json; charset=utf-8")
		}
	}
	f.Add(`{"ok":true,"data":{"alert":{"uuid":"1"}}}`, "application/json")
	f.Add(`{"alert":{"uuid":1e999}}`, `application/json; a="`)
	f.Fuzz(func(t *testing.T, body, contentType string) {
		r := post("/", body)
		r.Header.Set("Content-Type", contentType)
		event, err := metlo.ParseWebhook(r)
		var fault *metlo.WebhookError
		switch {
		case err == nil:
			assert.NotEmpty(t, event.Alert.UUID)
		case errors.As(err, &fault):
			assert.Contains(t, []int{400, 413, 415}, fault.StatusCode)
			assert.NotContains(t, err.Error(), "\n")
		default:
			t.Errorf("%T: %v", err, err)
		}
	})
}

func ExampleParseWebhook() {
	body := `{"alert":{"uuid":"34fdd2c3-574c-438a-b0f5-172a56ac023c","type":"PII Data Detected","riskScore":"high"}}`
	request := httptest.NewRequest(http.MethodPost, "/metlo", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")

	event, err := metlo.ParseWebhook(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Alert.RiskScore, event.Alert.Type)
	// Output: high PII Data Detected
}
