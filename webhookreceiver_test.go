package metlo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
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

func TestWebhookHandlerAnswersBeforeTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []string
		h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) {
			<-time.After(time.Minute)
			handled = append(handled, e.Alert.UUID)
		}, metlo.WithWebhookWorkers(1))
		start := time.Now()
		for n := range 3 {
			assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(n))).Code)
		}
		assert.Zero(t, time.Since(start), "no answer waits for the work")
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"0", "1", "2"}, handled, "one worker keeps the order")
		assert.Equal(t, 3*time.Minute, time.Since(start), "Shutdown waits for the queue")
	})
}

func TestWebhookHandlerBoundsItsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) { <-time.After(time.Minute) },
			metlo.WithWebhookWorkers(3))
		start := time.Now()
		for n := range 7 {
			serve(h, post("/", alertNumber(n)))
		}
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, 3*time.Minute, time.Since(start), "7 events of a minute take 3 workers 3 minutes")
	})
}

// TestWebhookHandlerFullQueue drops what finds no place, says so, and takes the sender's retry.
func TestWebhookHandlerFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled, dropped []string
		h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) {
			<-time.After(time.Minute)
			handled = append(handled, e.Alert.UUID)
		}, metlo.WithWebhookWorkers(1), metlo.WithWebhookQueue(1), metlo.WithWebhookReport(func(e *metlo.WebhookEvent, err error) {
			assert.ErrorIs(t, err, metlo.ErrWebhookQueueFull)
			dropped = append(dropped, e.Alert.UUID)
		}))
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(0))).Code, "goes to the worker")
		synctest.Wait()
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(1))).Code, "waits in the queue")
		refused := serve(h, post("/", alertNumber(2)))
		assert.Equal(t, http.StatusServiceUnavailable, refused.Code, "the sender retries only after 500 or more")
		assert.Contains(t, refused.Body.String(), "queue is full")
		<-time.After(90 * time.Second)
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(2))).Code, "the retry is no duplicate")
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"2"}, dropped)
		assert.Equal(t, []string{"0", "1", "2"}, handled)
	})
}

func TestWebhookHandlerHandlesAnAlertOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) { calls[e.Alert.UUID]++ }, metlo.WithWebhookWorkers(1))
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(0))).Code)
		assert.Equal(t, http.StatusOK, serve(h, post("/", alertNumber(0))).Code)
		for n := 1; n <= 4095; n++ {
			serve(h, post("/", alertNumber(n)))
			synctest.Wait()
		}
		assert.Equal(t, http.StatusOK, serve(h, post("/", alertNumber(0))).Code, "4,095 alerts later it is still known")
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(4096))).Code)
		synctest.Wait()
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(0))).Code, "memory is bounded")
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, http.StatusOK, serve(h, post("/", alertNumber(4096))).Code, "a retry of what was handled is no loss")
		assert.Equal(t, 2, calls["0"])
		assert.Equal(t, 1, calls["1"])
	})
}

func TestWebhookHandlerToken(t *testing.T) {
	const token = "s3cret/+&"
	tests := []struct {
		name, target string
		status       int
	}{
		{"the token", "/metlo?token=s3cret%2F%2B%26", http.StatusAccepted},
		{"none", "/metlo", http.StatusUnauthorized},
		{"an empty one", "/metlo?token=", http.StatusUnauthorized},
		{"its beginning", "/metlo?token=s3cret", http.StatusUnauthorized},
		{"another case", "/metlo?token=S3CRET%2F%2B%26", http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			previous := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			defer slog.SetDefault(previous)
			h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) { panic("boom") }, metlo.WithWebhookToken(token))
			w := serve(h, post(tt.target, alertNumber(1)))
			assert.Equal(t, tt.status, w.Code)
			require.NoError(t, h.Shutdown(t.Context()))
			assert.Equal(t, tt.status == http.StatusAccepted, strings.Contains(log.String(), "boom"), "a panic is logged unless told otherwise")
			for _, text := range []string{w.Body.String(), log.String()} {
				assert.NotContains(t, strings.ToLower(text), "s3cret")
			}
		})
	}
	t.Run("is asked for before anything is read", func(t *testing.T) {
		h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) {}, metlo.WithWebhookToken(token))
		r := post("/metlo", "")
		r.Body = io.NopCloser(iotest.ErrReader(errors.New("was read")))
		assert.Equal(t, http.StatusUnauthorized, serve(h, r).Code)
	})
}

func TestWebhookHandlerRefuses(t *testing.T) {
	h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) { t.Error("was called") }, metlo.WithWebhookMaxBytes(30))
	get := serve(h, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Equal(t, http.StatusMethodNotAllowed, get.Code)
	assert.Equal(t, "POST", get.Header().Get("Allow"))
	assert.Equal(t, http.StatusRequestEntityTooLarge, serve(h, post("/", alertNumber(1))).Code)
	bad := serve(h, post("/", "{}"))
	assert.Equal(t, http.StatusBadRequest, bad.Code)
	assert.Equal(t, "metlo: webhook: want an alert with its uuid\n", bad.Body.String())
	require.NoError(t, h.Shutdown(t.Context()))
}

// TestWebhookHandlerSurvives lists what a callback can do to its goroutine; the next event is handled all the same.
func TestWebhookHandlerSurvives(t *testing.T) {
	tests := []struct {
		name    string
		do      func()
		reports string
	}{
		{"a panic", func() { panic("bo\nom") }, "webhook callback panicked: bo om"},
		{"a panic with an error", func() { panic(io.ErrUnexpectedEOF) }, "webhook callback panicked: unexpected EOF"},
		{"the end of its goroutine", runtime.Goexit, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var handled, reported []string
				h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) {
					if e.Alert.UUID == "0" {
						tt.do()
					}
					handled = append(handled, e.Alert.UUID)
				}, metlo.WithWebhookWorkers(1), metlo.WithWebhookReport(func(e *metlo.WebhookEvent, err error) {
					var p *metlo.WebhookPanicError
					if assert.ErrorAs(t, err, &p) {
						assert.Contains(t, string(p.Stack), "webhookreceiver_test.go")
					}
					reported = append(reported, err.Error())
					panic("the report panics too")
				}))
				serve(h, post("/", alertNumber(0)))
				serve(h, post("/", alertNumber(1)))
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Equal(t, []string{"1"}, handled)
				if tt.reports == "" {
					assert.Empty(t, reported)
				} else {
					assert.Equal(t, []string{tt.reports}, reported)
				}
			})
		})
	}
}

func TestWebhookHandlerShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []string
		ended := 0
		h := metlo.NewWebhookHandler(func(ctx context.Context, _ *metlo.WebhookEvent) {
			<-ctx.Done()
			<-time.After(time.Hour)
			ended++
		}, metlo.WithWebhookWorkers(1), metlo.WithWebhookReport(func(e *metlo.WebhookEvent, err error) {
			assert.ErrorIs(t, err, metlo.ErrWebhookShutdown)
			dropped = append(dropped, e.Alert.UUID)
		}))
		for n := range 3 {
			serve(h, post("/", alertNumber(n)))
		}
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := h.Shutdown(ctx)
		assert.Equal(t, 10*time.Second, time.Since(start))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "2 events dropped, 1 callbacks still running")
		assert.Equal(t, []string{"1", "2"}, dropped)
		late := serve(h, post("/", alertNumber(3)))
		assert.Equal(t, http.StatusServiceUnavailable, late.Code)
		assert.Equal(t, []string{"1", "2", "3"}, dropped, "what comes too late is reported")
		require.NoError(t, h.Shutdown(t.Context()), "a second call waits for the callback")
		assert.Equal(t, 1, ended)
	})
}

func TestWebhookHandlerShutdownWithoutWork(t *testing.T) {
	h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, h.Shutdown(ctx), "an ended context drops nothing where nothing is")
	require.NoError(t, h.Shutdown(t.Context()))
}

func TestWebhookHandlerOptionsPanic(t *testing.T) {
	tests := map[string]func(){
		"callback is nil":        func() { metlo.NewWebhookHandler(nil) },
		"WithWebhookToken":       func() { metlo.WithWebhookToken("") },
		"WithWebhookQueue: 0":    func() { metlo.WithWebhookQueue(0) },
		"WithWebhookWorkers: -1": func() { metlo.WithWebhookWorkers(-1) },
		"WithWebhookMaxBytes: 0": func() { metlo.WithWebhookMaxBytes(0) },
		"WithWebhookReport: nil": func() { metlo.WithWebhookReport(nil) },
	}
	for says, do := range tests {
		t.Run(says, func(t *testing.T) {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), says) }()
			do()
		})
	}
}

// TestWebhookHandlerReceivesFromAServer goes the whole way: a trace makes an endpoint, which makes an alert, which is
// posted and handled.
func TestWebhookHandlerReceivesFromAServer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	srv := metlotest.NewServer()
	defer srv.Close()
	events := make(chan *metlo.WebhookEvent, 1)
	h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) { events <- e }, metlo.WithWebhookToken("open sesame"))
	receiver := httptest.NewServer(h)
	defer receiver.Close()
	client := srv.Client()
	_, err := client.Webhooks.Create(t.Context(), &metlo.WebhookSettings{URL: receiver.URL + "/?token=open+sesame"})
	require.NoError(t, err)
	require.NoError(t, client.Collector.Log(t.Context(), &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/carts"}},
		Response: metlo.TraceResponse{Status: 200},
	}))
	event := <-events
	assert.Equal(t, metlo.AlertNewEndpoint, event.Alert.Type)
	assert.Equal(t, "shop.example.com", event.Meta.Host)
	require.NoError(t, h.Shutdown(t.Context()))
	client.CloseIdleConnections()
}

// TestWebhookHandlerManySenders is for the race detector.
func TestWebhookHandlerManySenders(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var mu sync.Mutex
	calls := map[string]int{}
	h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) {
		mu.Lock()
		defer mu.Unlock()
		calls[e.Alert.UUID]++
	})
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for n := range 100 {
				serve(h, post("/", alertNumber(n)))
			}
		})
	}
	senders.Wait()
	require.NoError(t, h.Shutdown(t.Context()))
	assert.Len(t, calls, 100)
	for id, n := range calls {
		assert.Equal(t, 1, n, "alert %s", id)
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
