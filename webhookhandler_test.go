package metlo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

func TestWebhookHandlerAnswersBeforeTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []string
		h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Minute)
			handled = append(handled, e.Alert.UUID)
			return nil
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
		h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error {
			<-time.After(time.Minute)
			return nil
		},
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
		h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Minute)
			handled = append(handled, e.Alert.UUID)
			return nil
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
		h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			calls[e.Alert.UUID]++
			return nil
		}, metlo.WithWebhookWorkers(1))
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
			h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error { panic("boom") }, metlo.WithWebhookToken(token))
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
		h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error { return nil }, metlo.WithWebhookToken(token))
		r := post("/metlo", "")
		r.Body = io.NopCloser(iotest.ErrReader(errors.New("was read")))
		assert.Equal(t, http.StatusUnauthorized, serve(h, r).Code)
	})
}

func TestWebhookHandlerRefuses(t *testing.T) {
	h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error {
		t.Error("was called")
		return nil
	}, metlo.WithWebhookMaxBytes(30))
	get := serve(h, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.Equal(t, http.StatusMethodNotAllowed, get.Code)
	assert.Equal(t, "POST", get.Header().Get("Allow"))
	assert.Equal(t, http.StatusRequestEntityTooLarge, serve(h, post("/", alertNumber(1))).Code)
	none := post("/", "")
	none.Body = nil
	assert.Equal(t, http.StatusBadRequest, serve(h, none).Code, "a request without a body is refused, and does not panic")
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
		{"the end of its goroutine", runtime.Goexit, "webhook callback called runtime.Goexit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var handled, reported []string
				h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
					if e.Alert.UUID == "0" {
						tt.do()
					}
					handled = append(handled, e.Alert.UUID)
					return nil
				}, metlo.WithWebhookWorkers(1), metlo.WithWebhookReport(func(e *metlo.WebhookEvent, err error) {
					if p := (*metlo.WebhookPanicError)(nil); errors.As(err, &p) {
						assert.Contains(t, string(p.Stack), "webhookhandler_test.go")
					}
					reported = append(reported, err.Error())
					panic("the report panics too")
				}))
				serve(h, post("/", alertNumber(0)))
				serve(h, post("/", alertNumber(1)))
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Equal(t, []string{"1"}, handled)
				assert.Equal(t, []string{tt.reports}, reported)
			})
		})
	}
}

func TestWebhookHandlerShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []string
		ended := 0
		h := metlo.NewWebhookHandler(func(ctx context.Context, _ *metlo.WebhookEvent) error {
			<-ctx.Done()
			<-time.After(time.Hour)
			ended++
			return nil
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
		assert.Equal(t, []string{"1", "2", "0"}, dropped, "what waits and what is under way, each once")
		late := serve(h, post("/", alertNumber(3)))
		assert.Equal(t, http.StatusServiceUnavailable, late.Code)
		assert.Equal(t, []string{"1", "2", "0", "3"}, dropped, "what comes too late is reported")
		require.NoError(t, h.Shutdown(t.Context()), "a second call waits for the callback")
		assert.Equal(t, 1, ended)
	})
}

func TestWebhookHandlerShutdownWithoutWork(t *testing.T) {
	h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error { return nil })
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
	h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
		events <- e
		return nil
	}, metlo.WithWebhookToken("open sesame"))
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
	h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
		mu.Lock()
		defer mu.Unlock()
		calls[e.Alert.UUID]++
		return nil
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

// The whole way of an alert: traffic, alert, delivery, callback.
func ExampleNewWebhookHandler() {
	ctx := context.Background()
	server := metlotest.NewServer()
	defer server.Close()
	client := server.Client()

	handled := make(chan struct{})
	handler := metlo.NewWebhookHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		fmt.Println(event.Alert.RiskScore, event.Alert.Description)
		close(handled)
		return nil
	}, metlo.WithWebhookToken("s3cret"))
	receiver := httptest.NewServer(handler)
	defer receiver.Close()

	if _, err := client.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: receiver.URL + "?token=s3cret"}); err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Collector.Log(ctx, &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/carts"}},
		Response: metlo.TraceResponse{Status: http.StatusOK},
	}); err != nil {
		fmt.Println(err)
		return
	}
	<-handled
	fmt.Println(handler.Shutdown(ctx))
	// Output:
	// low A new endpoint has been detected for shop.example.com: /carts.
	// <nil>
}
