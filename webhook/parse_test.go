package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/webhook"
)

func TestParseReadsWhatARealServerPosts(t *testing.T) {
	event, err := webhook.Parse(post("/metlo", recordedDelivery(t)))
	require.NoError(t, err)
	assert.Equal(t, metlo.AlertNewEndpoint, event.Alert.Type)
	assert.Equal(t, metlo.RiskLow, event.Alert.RiskScore)
	assert.Equal(t, metlo.StatusOpen, event.Alert.Status)
	assert.Equal(t, time.Date(2026, 11, 22, 19, 3, 51, 563e6, time.UTC), event.Alert.CreatedAt)
	assert.Equal(t, "/cards/{param1}", event.Alert.APIEndpoint.Path)
	assert.Len(t, event.Alert.APIEndpoint.DataFields, 4)
	assert.Equal(t, metlo.WebhookMeta{Host: "pay.example.com", TotalEndpoints: 17, TotalSensitiveEndpoints: 12}, event.Meta)
}

func TestParseRefuses(t *testing.T) {
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
		{"a compressed body", func() *http.Request {
			r := post("/", "\x1f\x8b")
			r.Header.Set("Content-Encoding", "gzip")
			return r
		}, 415, metlo.ErrBadRequest, `the Content-Encoding is "gzip"`},
		{"a body that is compressed twice", func() *http.Request {
			r := post("/", "\x1f\x8b")
			r.Header.Add("Content-Encoding", "br")
			r.Header.Add("Content-Encoding", "gzip")
			return r
		}, 415, metlo.ErrBadRequest, `the Content-Encoding is "br, gzip"`},
		{"an encoding of control characters", func() *http.Request {
			r := post("/", good)
			r.Header.Set("Content-Encoding", "\x1b[31m"+strings.Repeat("x", 100))
			return r
		}, 415, metlo.ErrBadRequest, `the Content-Encoding is "\x1b[31mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": want`},
		{"another charset", func() *http.Request {
			r := post("/", "\x00{\x00}")
			r.Header.Set("Content-Type", "application/json; charset=UTF-16")
			return r
		}, 415, metlo.ErrBadRequest, `the charset is "UTF-16": want utf-8`},
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
			event, err := webhook.Parse(tt.request())
			assert.Nil(t, event)
			var fault *webhook.Error
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, tt.status, fault.StatusCode)
			assert.ErrorIs(t, err, tt.is)
			assert.ErrorContains(t, err, tt.says)
		})
	}
}

func TestParseTakes(t *testing.T) {
	tests := []struct{ name, contentType, encoding, body string }{
		{"a charset", "application/json; charset=utf-8", "", `{"alert":{"uuid":"1"}}`},
		{"a charset that is part of UTF-8", "application/json; charset=US-ASCII", "", `{"alert":{"uuid":"1"}}`},
		{"the encoding that is none", "application/json", "Identity", `{"alert":{"uuid":"1"}}`},
		{"attack traffic that is not UTF-8", "application/json", "", "{\"alert\":{\"uuid\":\"1\",\"context\":{\"trace\":\"\xff\"}}}"},
		{"members that it does not know", "application/json", "", `{"alert":{"uuid":"1"},"organizationUuid":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := post("/", tt.body)
			r.Header.Set("Content-Type", tt.contentType)
			r.Header.Set("Content-Encoding", tt.encoding)
			event, err := webhook.Parse(r)
			require.NoError(t, err)
			assert.Equal(t, "1", event.Alert.UUID)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(recordedDelivery(f), "application/json")
	data, err := os.ReadFile(filepath.Join("..", "testdata", "samples", "webhooks-with-runs.json"))
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
		event, err := webhook.Parse(r)
		var fault *webhook.Error
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

// TestDeliveriesOfEmptyValuesAreRefused measures that the values of a body of the allowed size cannot fill the memory.
func TestDeliveriesOfEmptyValuesAreRefused(t *testing.T) {
	if testing.Short() || kit.Race {
		t.Skip("decodes millions of values, ten times as slow under the race detector")
	}
	sizes, deliveries := []int{900 << 10, 4<<20 - 100}, 30
	for _, size := range sizes {
		for _, value := range []string{"{}", "null", `{"a":0}`} {
			body := `{"alert":{"uuid":"1","apiEndpoint":{"dataFields":[` + strings.Repeat(value+",", size/(len(value)+1)) + "{}]}}}"
			_, err := webhook.Parse(post("/", body))
			require.ErrorIs(t, err, metlo.ErrTooLarge, "%d bytes of %s", size, value)
		}
	}
	h := webhook.NewHandler(func(ctx context.Context, _ *metlo.WebhookEvent) error {
		<-ctx.Done()
		return nil
	}, webhook.WithReport(func(*metlo.WebhookEvent, error) {}))
	body := `{"alert":{"uuid":"%d","apiEndpoint":{"dataFields":[` + strings.Repeat("{},", 25_000) + "{}]}}}"
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range deliveries {
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", fmt.Sprintf(body, n))).Code)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
	t.Logf("%d deliveries of 25,001 empty data fields: the heap grew by %d MiB", deliveries, grown)
	assert.Less(t, grown, int64(128), "a decoded one takes 12 MiB, and eight are handled at once")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.Shutdown(ctx), context.Canceled)
	require.NoError(t, h.Shutdown(t.Context()))
}

func TestTokens(t *testing.T) {
	tests := map[string]struct {
		tokens []string
		target string
		status int // status of the answer; 0 for accepted
	}{
		"the new one":         {[]string{"new", "old"}, "/?token=new", 0},
		"the old one":         {[]string{"new", "old"}, "/?token=old", 0},
		"another":             {[]string{"new", "old"}, "/?token=older", 401},
		"none":                {[]string{"new"}, "/", 401},
		"both at once":        {[]string{"new", "old"}, "/?token=newold", 401},
		"no check":            {nil, "/", 0},
		"an empty one to ask": {[]string{""}, "/?token=", 500},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := webhook.Parse(post(tt.target, alertNumber(1)), tt.tokens...)
			if tt.status == 0 {
				require.NoError(t, err)
			} else {
				var fault *webhook.Error
				require.ErrorAs(t, err, &fault)
				assert.Equal(t, tt.status, fault.StatusCode)
			}
			if tt.status == 500 {
				assert.ErrorIs(t, err, metlo.ErrInvalidArgument)
				assert.Panics(t, func() { webhook.WithToken(tt.tokens...) })
			} else if tt.tokens != nil {
				h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return nil }, webhook.WithToken(tt.tokens...))
				code := serve(h, post(tt.target, alertNumber(1))).Code
				assert.Equal(t, tt.status == 401, code == 401)
				require.NoError(t, h.Shutdown(t.Context()))
			}
		})
	}
}

func ExampleParse() {
	body := `{"alert":{"uuid":"34fdd2c3-574c-438a-b0f5-172a56ac023c","type":"PII Data Detected","riskScore":"high"}}`
	request := httptest.NewRequest(http.MethodPost, "/metlo", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")

	event, err := webhook.Parse(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Alert.RiskScore, event.Alert.Type)
	// Output: high PII Data Detected
}
