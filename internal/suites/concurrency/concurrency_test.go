package concurrency_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/cases"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// faultyServer is a RoundTripper that answers every fifth request with a fault.
type faultyServer struct {
	faults, sent atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
	writes map[string]int // number of writes by message that the server may have acted on
}

func (f *faultyServer) roll() (fault, kind int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.IntN(5), f.random.IntN(8)
}

func (f *faultyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	f.sent.Add(1)
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	roll, kind := f.roll()
	if r.Method != http.MethodGet && (roll != 0 || kind != 0) { // a 429 is not acted on
		f.note(sent)
	}
	if roll == 0 {
		f.faults.Add(1)
		if resp, err := f.fail(r, kind); resp != nil || err != nil {
			return resp, err
		}
	}
	return reply(r, http.StatusOK, f.body(r)), nil
}

func (f *faultyServer) note(sent []byte) {
	var update struct{ ResolutionMessage string }
	if json.Unmarshal(sent, &update) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes[update.ResolutionMessage]++
}

// fail returns one of eight faults.
func (f *faultyServer) fail(r *http.Request, kind int) (*http.Response, error) {
	switch kind {
	case 0:
		return reply(r, http.StatusTooManyRequests, "slow down"), nil
	case 1:
		return reply(r, http.StatusServiceUnavailable, "down"), nil
	case 2:
		return reply(r, http.StatusInternalServerError, "broken"), nil
	case 3:
		return nil, io.ErrUnexpectedEOF
	case 4:
		return reply(r, http.StatusOK, loginHTML), nil
	case 5:
		resp := reply(r, http.StatusOK, f.body(r))
		resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 40), breaking{}))
		return resp, nil
	case 6:
		return reply(r, http.StatusUnauthorized, "Client unauthorized"), nil
	}
	return reply(r, http.StatusOK, "[["), nil
}

const loginHTML = "<!DOCTYPE html><html><title>Sign in</title></html>"

type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (f *faultyServer) body(r *http.Request) string {
	const alert = `{"uuid":"00000000-0000-4000-b000-000000000001","status":"Open","apiEndpoint":{"uuid":"00000000-0000-4000-8000-000000000001"}}`
	switch {
	case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/alerts"):
		return "Success"
	case r.Method == http.MethodPut:
		return alert
	case strings.HasSuffix(r.URL.Path, "/alerts"):
		return "[[" + alert + "],1]"
	}
	return `{"uuid":"00000000-0000-4000-8000-000000000001"}`
}

func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)), Request: r,
	}
}

// TestManyGoroutinesShareAClient makes up to 1,000 mixed calls in each of 64 goroutines. Every fifth call meets a
// fault.
func TestManyGoroutinesShareAClient(t *testing.T) {
	workers, calls := 64, cases.Of(1000)
	server := &faultyServer{random: rand.New(rand.NewPCG(1, 2)), writes: map[string]int{}}
	client := kit.Client(t, server, metlo.WithRetry(metlo.RetryPolicy{
		MaxRetries: 3, BaseWait: time.Microsecond, MaxWait: 2 * time.Microsecond, MaxRetryAfter: time.Microsecond,
	}))
	var done, failed atomic.Int64
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range calls {
				err := mixedCall(t.Context(), client, w, i)
				done.Add(1)
				if err == nil {
					continue
				}
				failed.Add(1)
				var e *metlo.Error
				if !errors.As(err, &e) || kit.CountSentinels(err) > 1 {
					t.Errorf("%v", err)
				}
			}
		})
	}
	group.Wait()
	server.mu.Lock()
	defer server.mu.Unlock()
	for message, n := range server.writes {
		assert.Equal(t, 1, n, "%q was sent again", message)
	}
	assert.EqualValues(t, workers*calls, done.Load())
	assert.Positive(t, failed.Load())
	t.Logf("%d calls in %d requests with %d faults: %d failed, %d changes, none twice",
		done.Load(), server.sent.Load(), server.faults.Load(), failed.Load(), len(server.writes))
}

func mixedCall(ctx context.Context, c *metlo.Client, worker, i int) error {
	message := fmt.Sprintf("worker %d, call %d", worker, i)
	switch i % 5 {
	case 0:
		_, err := c.Endpoints.Get(ctx, kit.EndpointID(1))
		return err
	case 1:
		_, err := c.Alerts.List(ctx, nil, 0, 0)
		return err
	case 2:
		for _, err := range c.Alerts.All(ctx, nil) {
			if err != nil {
				return err
			}
		}
		return nil
	case 3:
		_, err := c.Alerts.Resolve(ctx, kit.AlertID(1), message)
		return err
	}
	return c.Alerts.UpdateMany(ctx, &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, AllAlerts: true, ResolutionMessage: message})
}

// TestTheRateHoldsByTheServersClock calls from more goroutines than the limit allows at once. Some requests fail and are
// repeated.
func TestTheRateHoldsByTheServersClock(t *testing.T) {
	for _, perSecond := range []float64{10, 100} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const seconds, burst = 60, 10
				srv := metlotest.NewServer(metlotest.InMemory())
				defer srv.Close()
				srv.Inject(metlotest.Fault{Path: "/endpoints", Status: http.StatusBadGateway, Times: int(perSecond)})
				client := srv.Client(metlo.WithRateLimit(perSecond, burst))
				ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
				defer cancel()
				var group sync.WaitGroup
				for w := range 64 {
					group.Go(func() {
						// The limiter refuses requests in advance that would start after the deadline.
						var err error
						for !errors.Is(err, context.DeadlineExceeded) {
							if w%2 == 0 {
								_, err = client.Endpoints.List(ctx, nil, 0, 0)
							} else {
								err = client.Ping(ctx)
							}
						}
					})
				}
				group.Wait()
				client.CloseIdleConnections()
				requests := srv.Requests()
				first, last := requests[0].Time, requests[len(requests)-1].Time
				require.Greater(t, last.Sub(first), (seconds-5)*time.Second)
				rate := float64(len(requests)-burst) / last.Sub(first).Seconds()
				t.Logf("%d requests in %v: %.2f a second of %v", len(requests), last.Sub(first), rate, perSecond)
				assert.InEpsilon(t, perSecond, rate, 0.05)
				inAnySecond(t, requests, int(perSecond*1.05)+burst)
			})
		})
	}
}

// inAnySecond asserts that the server's clock counts at most most requests in any second.
func inAnySecond(t *testing.T, requests []metlotest.Request, most int) {
	t.Helper()
	from := 0
	for i, r := range requests {
		for r.Time.Sub(requests[from].Time) > time.Second {
			from++
		}
		require.LessOrEqual(t, i-from+1, most)
	}
}

// TestACoolDownStopsEveryGoroutine checks that after one 429 all goroutines of a client wait.
func TestACoolDownStopsEveryGoroutine(t *testing.T) {
	for _, fault := range []metlotest.Fault{
		{Status: http.StatusTooManyRequests, RetryAfter: "7", Times: 1},
		{Status: http.StatusServiceUnavailable, RetryAfter: "7", Times: 1},
	} {
		t.Run(fmt.Sprint(fault.Status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := metlotest.NewServer(metlotest.InMemory())
				defer srv.Close()
				client := srv.Client(metlo.WithoutRateLimit())
				require.NoError(t, client.Ping(t.Context()))
				var group sync.WaitGroup
				stop := time.Now().Add(20 * time.Second)
				for range 64 {
					group.Go(func() {
						for time.Now().Before(stop) {
							assert.NoError(t, client.Ping(t.Context()))
							<-time.After(300 * time.Millisecond)
						}
					})
				}
				<-time.After(3 * time.Second)
				synctest.Wait()
				before := len(srv.Requests())
				srv.Inject(fault)
				group.Wait()
				client.CloseIdleConnections()
				told := srv.Requests()[before].Time // the rejected one; others were in flight with it
				quiet := 0
				for _, r := range srv.Requests()[before:] {
					switch since := r.Time.Sub(told); {
					case since == 0:
					case since < 7*time.Second:
						t.Errorf("a request %v after the server asked for 7 s", since)
					default:
						quiet++
					}
				}
				assert.Greater(t, quiet, 64, "all go on afterwards")
			})
		})
	}
}
