package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
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
	"github.com/metlo-go/metlo/webhook"
)

func TestHandlerAnswersBeforeTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []string
		h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Minute)
			handled = append(handled, e.Alert.UUID)
			return nil
		}, webhook.WithWorkers(1))
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

func TestHandlerBoundsItsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error {
			<-time.After(time.Minute)
			return nil
		},
			webhook.WithWorkers(3))
		start := time.Now()
		for n := range 7 {
			serve(h, post("/", alertNumber(n)))
		}
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, 3*time.Minute, time.Since(start), "7 events of a minute take 3 workers 3 minutes")
	})
}

// TestHandlerFullQueue rejects and reports events while the queue is full, and accepts the sender's retry.
func TestHandlerFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled, dropped []string
		h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Minute)
			handled = append(handled, e.Alert.UUID)
			return nil
		}, webhook.WithWorkers(1), webhook.WithQueue(1), webhook.WithReport(func(e *metlo.WebhookEvent, err error) {
			assert.ErrorIs(t, err, webhook.ErrQueueFull)
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

func TestHandlerHandlesAnAlertOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := map[string]int{}
		h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			calls[e.Alert.UUID]++
			return nil
		}, webhook.WithWorkers(1))
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

// TestHandlerKnowsWhatItHandles answers 200 to a repeated alert whose callback runs, regardless of the number of later
// alerts.
func TestHandlerKnowsWhatItHandles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
			if e.Alert.UUID == "0" {
				calls++
				<-time.After(time.Hour)
			}
			return nil
		}, webhook.WithWorkers(2))
		for n := range 5_000 {
			serve(h, post("/", alertNumber(n)))
			synctest.Wait()
		}
		assert.Equal(t, http.StatusOK, serve(h, post("/", alertNumber(0))).Code)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, 1, calls)
	})
}

func TestHandlerToken(t *testing.T) {
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
			h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { panic("boom") }, webhook.WithToken(token))
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
		h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return nil }, webhook.WithToken(token))
		r := post("/metlo", "")
		r.Body = io.NopCloser(iotest.ErrReader(errors.New("was read")))
		assert.Equal(t, http.StatusUnauthorized, serve(h, r).Code)
	})
}

func TestHandlerRefuses(t *testing.T) {
	h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error {
		t.Error("was called")
		return nil
	}, webhook.WithMaxBytes(30))
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

// TestHandlerSurvives has callbacks end their goroutine in different ways: the handler still handles the next event.
func TestHandlerSurvives(t *testing.T) {
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
				h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
					if e.Alert.UUID == "0" {
						tt.do()
					}
					handled = append(handled, e.Alert.UUID)
					return nil
				}, webhook.WithWorkers(1), webhook.WithReport(func(e *metlo.WebhookEvent, err error) {
					if p := (*webhook.PanicError)(nil); errors.As(err, &p) {
						assert.Contains(t, string(p.Stack), "handler_test.go")
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

func TestHandlerShutdownGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []string
		ended := 0
		h := webhook.NewHandler(func(ctx context.Context, _ *metlo.WebhookEvent) error {
			<-ctx.Done()
			<-time.After(time.Hour)
			ended++
			return nil
		}, webhook.WithWorkers(1), webhook.WithReport(func(e *metlo.WebhookEvent, err error) {
			assert.ErrorIs(t, err, webhook.ErrShutdown)
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
		synctest.Wait()
		assert.Equal(t, []string{"1", "2", "0", "3"}, dropped, "what comes too late is reported")
		require.NoError(t, h.Shutdown(t.Context()), "a second call waits for the callback")
		assert.Equal(t, 1, ended)
	})
}

func TestHandlerShutdownWithoutWork(t *testing.T) {
	h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, h.Shutdown(ctx), "an ended context drops nothing where nothing is")
	require.NoError(t, h.Shutdown(t.Context()))
}

func TestHandlerOptionsPanic(t *testing.T) {
	tests := map[string]func(){
		"callback is nil": func() { webhook.NewHandler(nil) },
		"WithToken":       func() { webhook.WithToken("") },
		"WithQueue: 0":    func() { webhook.WithQueue(0) },
		"WithWorkers: -1": func() { webhook.WithWorkers(-1) },
		"WithMaxBytes: 0": func() { webhook.WithMaxBytes(0) },
		"WithReport: nil": func() { webhook.WithReport(nil) },
	}
	for says, do := range tests {
		t.Run(says, func(t *testing.T) {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), says) }()
			do()
		})
	}
}

// TestHandlerReceivesFromAServer covers the whole way: a trace creates an endpoint, the endpoint an alert, and the
// handler receives the alert.
func TestHandlerReceivesFromAServer(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	srv := metlotest.NewServer()
	defer srv.Close()
	events := make(chan *metlo.WebhookEvent, 1)
	h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
		events <- e
		return nil
	}, webhook.WithToken("open sesame"))
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

// TestHandlerManySenders is for the race detector.
func TestHandlerManySenders(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var mu sync.Mutex
	calls := map[string]int{}
	h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
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

func TestHandlerTriesAgain(t *testing.T) {
	broken := errors.New("the ticket system is down")
	tests := map[string]struct {
		failures int
		opts     []webhook.Option
		calls    int
		lasts    time.Duration
		reports  error
	}{
		"no failure":            {0, nil, 1, 0, nil},
		"two failures":          {2, nil, 3, 3 * time.Second, nil},
		"failures without end":  {math.MaxInt, nil, 5, 15 * time.Second, broken},
		"no retries":            {math.MaxInt, []webhook.Option{webhook.WithRetry(1, time.Second)}, 1, 0, broken},
		"waits up to a minute":  {math.MaxInt, []webhook.Option{webhook.WithRetry(4, 40*time.Second)}, 4, 160 * time.Second, broken},
		"a longer first wait":   {math.MaxInt, []webhook.Option{webhook.WithRetry(3, time.Hour)}, 3, 2 * time.Hour, broken},
		"success at the last":   {4, nil, 5, 15 * time.Second, nil},
		"failure after success": {0, []webhook.Option{webhook.WithRetry(9, time.Second)}, 1, 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log eventLog
				calls := 0
				h := webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
					assert.Equal(t, "1", e.Alert.UUID, "each try gets the event as it came")
					e.Alert.UUID = "changed"
					if calls++; calls <= tt.failures {
						return broken
					}
					return nil
				}, append(tt.opts, webhook.WithReport(log.report))...)
				start := time.Now()
				serve(h, post("/", alertNumber(1)))
				require.NoError(t, h.Shutdown(t.Context()), "waits for the retries too")
				assert.Equal(t, tt.calls, calls)
				assert.Equal(t, tt.lasts, time.Since(start))
				if tt.reports == nil {
					assert.Empty(t, log.errs)
				} else {
					assert.Equal(t, []string{"1"}, log.reported)
					assert.ErrorIs(t, log.errs[0], tt.reports)
				}
			})
		})
	}
}

// TestHandlerShutdownEndsRetries reports an event that waits for its next attempt, once, with its error.
func TestHandlerShutdownEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return errors.New("down") },
			webhook.WithRetry(100, time.Hour), webhook.WithReport(log.report))
		serve(h, post("/", alertNumber(1)))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, h.Shutdown(ctx), context.DeadlineExceeded)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"1"}, log.reported)
		assert.ErrorIs(t, log.errs[0], webhook.ErrShutdown)
	})
}

func TestHandlerBoundsBytes(t *testing.T) {
	long := func(n, size int) string {
		return fmt.Sprintf(`{"alert":{"uuid":"%d","description":%q}}`, n, strings.Repeat("x", size))
	}
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var log eventLog
		h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
			<-release
			return log.handle(ctx, e)
		}, webhook.WithWorkers(1), webhook.WithQueueBytes(10_000), webhook.WithReport(log.report))
		serve(h, post("/", long(0, 10)))
		synctest.Wait()
		for n := 1; n <= 2; n++ {
			assert.Equal(t, http.StatusAccepted, serve(h, post("/", long(n, 4_000))).Code)
		}
		assert.Equal(t, http.StatusServiceUnavailable, serve(h, post("/", long(3, 4_000))).Code)
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", long(4, 1_000))).Code, "a small one still fits")
		synctest.Wait()
		assert.Equal(t, []string{"3"}, log.reported)
		close(release)
		synctest.Wait()
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", long(5, 20_000))).Code, "a single one may be larger")
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"0", "1", "2", "4", "5"}, log.handled)
	})
}

func TestHandlerTakesEverySize(t *testing.T) {
	var log eventLog
	h := webhook.NewHandler(log.handle, webhook.WithMaxBytes(math.MaxInt64))
	assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(1))).Code)
	assert.Equal(t, http.StatusBadRequest, serve(h, &http.Request{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}},
	}).Code, "a request without body and URL")
	require.NoError(t, h.Shutdown(t.Context()))
	exact := alertNumber(2)
	h = webhook.NewHandler(log.handle, webhook.WithMaxBytes(int64(len(exact))))
	assert.Equal(t, http.StatusAccepted, serve(h, post("/", exact)).Code)
	assert.Equal(t, http.StatusRequestEntityTooLarge, serve(h, post("/", exact+" ")).Code)
	require.NoError(t, h.Shutdown(t.Context()))
}

// TestAnswersDoNotWaitForReports has a callback of WithReport that takes 300 ms, longer than the sender waits.
func TestAnswersDoNotWaitForReports(t *testing.T) {
	tests := map[string]struct {
		opts   []webhook.Option
		failed error
	}{
		"the queue is full": {nil, webhook.ErrQueueFull},
		"the store fails": {[]webhook.Option{webhook.WithStore(&fakeStore{save: func(context.Context) error {
			return errors.New("disk full")
		}})}, webhook.ErrStore},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log eventLog
				h := webhook.NewHandler(log.handle, append(tt.opts, webhook.WithWorkers(1), webhook.WithQueue(1),
					webhook.WithReport(func(e *metlo.WebhookEvent, err error) {
						<-time.After(300 * time.Millisecond)
						log.report(e, err)
					}))...)
				log.block = make(chan struct{})
				if tt.failed == webhook.ErrQueueFull { //nolint:errorlint // it is the table's
					for n := range 2 { // one with the worker, one in the queue
						require.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(100+n))).Code)
						synctest.Wait()
					}
				}
				start := time.Now()
				var want []string
				for n := range 10 {
					assert.Equal(t, http.StatusServiceUnavailable, serve(h, post("/", alertNumber(n))).Code)
					want = append(want, strconv.Itoa(n))
				}
				assert.Zero(t, time.Since(start))
				close(log.block)
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Equal(t, 3*time.Second, time.Since(start), "Shutdown waits for the reports, one after another")
				assert.Equal(t, want, log.reported)
				for _, err := range log.errs {
					assert.ErrorIs(t, err, tt.failed)
				}
			})
		})
	}
}

// TestAnswersEndBeforeReports reads the whole answer from a socket while the callback of WithReport blocks, and sends
// the retry over the same connection.
func TestAnswersEndBeforeReports(t *testing.T) {
	release := make(chan struct{})
	h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return nil },
		webhook.WithReport(func(*metlo.WebhookEvent, error) { <-release }))
	require.NoError(t, h.Shutdown(t.Context()))
	receiver := httptest.NewServer(h)
	defer receiver.Close()
	for range 3 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, receiver.URL, strings.NewReader(alertNumber(1)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		resp, err := receiver.Client().Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.Equal(t, "webhook handler is shut down\n", string(body))
	}
	close(release)
	require.NoError(t, h.Shutdown(t.Context()))
}

// TestReportsThatWaitAreBounded reports only the UUID beyond the byte limit of the queue.
func TestReportsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var reported []metlo.WebhookAlert
		h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return nil },
			webhook.WithQueueBytes(10_000), webhook.WithReport(func(e *metlo.WebhookEvent, _ error) {
				<-release
				reported = append(reported, e.Alert)
			}))
		require.NoError(t, h.Shutdown(t.Context()))
		long := strings.Repeat("x", 4_000)
		for n := range 5 {
			serve(h, post("/", fmt.Sprintf(`{"alert":{"uuid":"%d","description":%q}}`, n, long)))
			synctest.Wait()
		}
		close(release)
		require.NoError(t, h.Shutdown(t.Context()))
		var uuids []string
		whole := 0
		for _, alert := range reported {
			uuids = append(uuids, alert.UUID)
			if alert.Description != "" {
				whole++
			}
		}
		assert.Equal(t, []string{"0", "1", "2", "3", "4"}, uuids)
		assert.Equal(t, 3, whole, "one with the callback, and two that wait")
	})
}

// TestALargeReportIsWhole reports the whole event if it waits alone.
func TestALargeReportIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []string
		h := webhook.NewHandler(func(context.Context, *metlo.WebhookEvent) error { return errors.New("no such team") },
			webhook.WithQueueBytes(10), webhook.WithRetry(1, time.Second), webhook.WithReport(func(e *metlo.WebhookEvent, _ error) {
				reported = append(reported, e.Alert.Description)
			}))
		serve(h, post("/", `{"alert":{"uuid":"1","description":"whole"}}`))
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"whole"}, reported)
	})
}

// TestReportsSurviveTheirCallback continues after a callback of WithReport ends its goroutine.
func TestReportsSurviveTheirCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		h := webhook.NewHandler(log.handle, webhook.WithReport(func(e *metlo.WebhookEvent, err error) {
			log.report(e, err)
			runtime.Goexit()
		}))
		require.NoError(t, h.Shutdown(t.Context()))
		for n := range 3 {
			serve(h, post("/", alertNumber(n)))
		}
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"0", "1", "2"}, log.reported)
	})
}

// The whole way of an alert: traffic, alert, delivery, callback.
func ExampleNewHandler() {
	ctx := context.Background()
	server := metlotest.NewServer()
	defer server.Close()
	client := server.Client()

	handled := make(chan struct{})
	handler := webhook.NewHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		fmt.Println(event.Alert.RiskScore, event.Alert.Description)
		close(handled)
		return nil
	}, webhook.WithToken("s3cret"))
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
