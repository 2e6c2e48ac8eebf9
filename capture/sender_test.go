package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// serveN serves n requests, each on another route.
func serveN(r *Recorder, n int) {
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	for i := range n {
		handler.ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, fmt.Sprintf("/route-%d", i), http.NoBody))
	}
}

// startRecorder returns a recorder for a synctest bubble. The test must shut it down before the bubble ends.
func startRecorder(t *testing.T, c http.RoundTripper, opts ...Option) *Recorder {
	t.Helper()
	r, err := New(clientFor(t, c), append([]Option{WithAnyHost(), WithoutAgentConfig(), WithoutSampling()}, opts...)...)
	require.NoError(t, err)
	return r
}

func end(t *testing.T, r *Recorder) Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	s := r.Stats()
	assertCountsAddUp(t, s)
	assert.Zero(t, s.Queued)
	assert.Zero(t, s.QueuedBytes)
	return s
}

func TestTracesGoInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		r := startRecorder(t, &c)
		began := time.Now()
		serveN(r, 3)
		<-time.After(batchWait)
		synctest.Wait()
		assert.Len(t, c.bodies, 1, "after a second at most")
		assert.Equal(t, batchWait, time.Since(began))
		serveN(r, batchTraces)
		synctest.Wait()
		assert.Len(t, c.bodies, 2, "at once when they are enough")
		end(t, r)
		assert.Len(t, c.traces(t), 3+batchTraces)
	})
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	text := strings.Repeat("x", 60_000)
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	for range 60 {
		handler.ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	}
	assert.Len(t, finish(t, r, &c), 60)
	for _, body := range c.bodies {
		assert.LessOrEqual(t, len(body), 2<<20)
	}
}

func TestSendingIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		r := startRecorder(t, &c, WithSendRate(50))
		serveN(r, 1000)
		for range 4 {
			<-time.After(2 * time.Second)
			synctest.Wait()
			sent := r.Stats().Sent
			assert.LessOrEqual(t, sent, int64(250+50*8))
			assert.GreaterOrEqual(t, sent, int64(250))
		}
		end(t, r)
		assert.Len(t, c.traces(t), 1000, "and a shutdown does not wait")
	})
}

func TestUnsentStaysQueuedAndUnknownIsNeverSentAgain(t *testing.T) {
	const always = 1 << 30
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for name, row := range map[string]struct {
		status   int
		err      error
		times    int64 // number of failures of the collector
		sent     int64
		failed   int64
		unknown  int64
		requests int64
	}{
		"refused once":       {err: dial, times: 1, sent: 5, requests: 2},
		"refused":            {err: dial, times: always, failed: 5},
		"reset":              {err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, times: 1, unknown: 5, requests: 1},
		"500":                {status: 500, times: 1, unknown: 5, requests: 1},
		"400":                {status: 400, times: 1, unknown: 5, requests: 1},
		"502":                {status: 502, times: 1, unknown: 5, requests: 1},
		"413":                {status: 413, times: 1, sent: 5, requests: 2},
		"a redirect":         {status: 308, times: always, failed: 5},
		"429, and then well": {status: 429, times: 1, sent: 5, requests: 2},
		"401, and then well": {status: 401, times: 1, sent: 5, requests: 2},
		"403":                {status: 403, times: always, failed: 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int64
				c := collector{answer: func(*http.Request) (int, string, error) {
					if requests.Add(1) > row.times {
						return http.StatusOK, "OK", nil
					}
					return row.status, "no", row.err
				}}
				r := startRecorder(t, &c)
				serveN(r, 5)
				<-time.After(10 * time.Minute)
				synctest.Wait()
				s := end(t, r)
				assert.Equal(t, Stats{Seen: 5, Sent: row.sent, Failed: row.failed, Unknown: row.unknown}, s)
				if row.requests > 0 {
					assert.Equal(t, row.requests, requests.Load())
				}
			})
		})
	}
}

func TestAKeyThatIsNotAcceptedStopsSendingForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var requests atomic.Int64
		c := collector{answer: func(*http.Request) (int, string, error) {
			requests.Add(1)
			return http.StatusUnauthorized, "Client unauthorized", nil
		}}
		r := startRecorder(t, &c, WithLogger(loggerTo(&log)))
		for range 10 {
			serveN(r, 10)
			<-time.After(5 * time.Second)
		}
		synctest.Wait()
		assert.EqualValues(t, 1, requests.Load(), "in 50 s")
		<-time.After(10 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(log.String(), "rejects the API key"), log.String())
		s := end(t, r)
		assert.EqualValues(t, 100, s.Seen)
		assert.Zero(t, s.Sent)
	})
}

func TestOneBadTraceCostsNoOther(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { w.Header()["\xff\x00"] = []string{"\xff"} }))
	for _, request := range []func() *http.Request{
		func() *http.Request { return httptest.NewRequest(http.MethodGet, "/good", http.NoBody) },
		func() *http.Request { return httptest.NewRequest(http.MethodGet, "/a//b//", http.NoBody) },
		func() *http.Request {
			req := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
			req.URL.Path, req.URL.RawPath = "/\xff\x00?<>&=\\", ""
			req.URL.RawQuery = "%zz&=&\xff"
			req.RemoteAddr = "\xff:1"
			return req
		},
		func() *http.Request {
			req := httptest.NewRequest(http.MethodGet, "/x", http.NoBody)
			req.Header.Set("Authorization", "basic abc")
			req.Header.Set("X-Device", "\xff\x00")
			return req
		},
		func() *http.Request { return httptest.NewRequest("PROPFIND", "/dav", http.NoBody) },
		func() *http.Request { return httptest.NewRequest(http.MethodGet, "/good", http.NoBody) },
	} {
		handler.ServeHTTP(discardWriter{http.Header{}}, request())
	}
	var paths []string
	for _, trace := range finish(t, r, &c) {
		paths = append(paths, trace.Request.URL.Path)
	}
	assert.Equal(t, []string{"/good", "/a/b/", "/%FF%00%3F%3C%3E%26%3D%5C", "/x", "/good"}, paths)
	assert.EqualValues(t, 1, r.Stats().Skipped)
}

func TestShutdownDeliversWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		r := startRecorder(t, &c, WithSendRate(10))
		serveN(r, 2500)
		began := time.Now()
		end(t, r)
		assert.Len(t, c.traces(t), 2500)
		assert.Less(t, time.Since(began), 5*time.Second)
		serveN(r, 3)
		assert.EqualValues(t, 3, r.Stats().Drops.Closed, "what ends later is served and dropped")
		end(t, r)
	})
}

func TestShutdownEndsByTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := collector{answer: func(r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		}}
		r := startRecorder(t, &c)
		serveN(r, 250)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, r.Shutdown(ctx), context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(began))
		require.ErrorContains(t, r.Shutdown(t.Context()), "150 traces that waited were dropped", "it has ended by then")
		s := r.Stats()
		assertCountsAddUp(t, s)
		assert.EqualValues(t, 250, s.Seen)
		assert.Zero(t, s.Queued)
		assert.EqualValues(t, 150, s.Drops.Closed)
		assert.EqualValues(t, 100, s.Unknown, "of the batch under way nobody knows")
	})
}

func TestShutdownMayBeCalledAtTheSameTime(t *testing.T) {
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	serveN(r, 300)
	failures := make(chan error)
	for range 4 {
		go func() { failures <- r.Shutdown(context.Background()) }()
	}
	for range 4 {
		assert.NoError(t, <-failures)
	}
	assert.Len(t, c.traces(t), 300)
}

func TestTheQueueIsBoundedInBytesAndItems(t *testing.T) {
	stall := func(r *http.Request) (int, string, error) {
		<-r.Context().Done()
		return 0, "", r.Context().Err()
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := startRecorder(t, &collector{answer: stall}, WithQueueItems(150), WithLogger(loggerTo(&log)))
		serveN(r, 1000)
		<-time.After(2 * time.Second)
		synctest.Wait()
		s := r.Stats()
		assert.LessOrEqual(t, s.Queued, int64(250), "150 wait, 100 are being sent")
		assert.Equal(t, 1000-s.Queued, s.Drops.QueueFull)
		<-time.After(2 * sendTimeout)
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(log.String(), "traces were dropped"))
		shutDown(r)
		<-r.done
	})
	synctest.Test(t, func(t *testing.T) {
		r := startRecorder(t, &collector{answer: stall}, WithQueueBytes(100<<10))
		text := strings.Repeat("x", 20<<10)
		handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		for range 100 {
			handler.ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		}
		synctest.Wait()
		s := r.Stats()
		assert.Positive(t, s.Queued)
		assert.LessOrEqual(t, s.QueuedBytes, int64(100<<10))
		assertCountsAddUp(t, s)
		shutDown(r)
		<-r.done
	})
}

// Recording recovers with the collector.
func TestAFullQueueTakesAgainWhenAnEighthIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := collector{answer: func(r *http.Request) (int, string, error) {
			if r.Method == http.MethodPost {
				<-release
			}
			return http.StatusOK, "OK", nil
		}}
		r := startRecorder(t, &c, WithQueueBytes(64<<10))
		serveN(r, 2000)
		synctest.Wait()
		require.True(t, r.full.Load())
		close(release)
		<-time.After(time.Minute)
		synctest.Wait()
		require.False(t, r.isFull())
		before := r.Stats().Drops.QueueFull
		serveN(r, 10)
		assert.Equal(t, before, r.Stats().Drops.QueueFull)
		end(t, r)
	})
}

func TestHooksAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stats []Stats
		var infos []SendInfo
		fail := true
		c := collector{answer: func(r *http.Request) (int, string, error) {
			if fail && r.Method == http.MethodPost {
				return http.StatusInternalServerError, "no", nil
			}
			return http.StatusOK, "OK", nil
		}}
		r := startRecorder(t, &c, WithHooks(Hooks{
			Stats:   func(s Stats) { stats = append(stats, s) },
			Request: func(i SendInfo) { infos = append(infos, i) },
		}))
		serveN(r, 3)
		<-time.After(5 * time.Second)
		synctest.Wait()
		fail = false
		serveN(r, 2)
		end(t, r)
		require.Len(t, infos, 2)
		assert.Equal(t, 3, infos[0].Traces)
		assert.Zero(t, infos[0].Sent)
		var partly *metlo.AnalyzedBatchError
		assert.ErrorAs(t, infos[0].Err, &partly)
		assert.Equal(t, SendInfo{Traces: 2, Sent: 2}, infos[1])
		require.NotEmpty(t, stats)
		assert.Equal(t, r.Stats(), stats[len(stats)-1], "the last has it all")
		assert.LessOrEqual(t, len(stats), 4, "they are told when they change")
	})
}

func TestEachKindOfTroubleIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := collector{answer: func(*http.Request) (int, string, error) { return 0, "", errors.New("cable cut") }}
		r := startRecorder(t, &c, WithLogger(loggerTo(&log)))
		for range 300 {
			serveN(r, 1)
			<-time.After(time.Second)
		}
		synctest.Wait()
		assert.InDelta(t, 5, strings.Count(log.String(), "could not be sent"), 1, "in five minutes")
		end(t, r)
	})
}

// TestWhatIsRecordedRightBeforeAShutdownIsSent repeats a request and a Shutdown, to meet the sender at various moments.
func TestWhatIsRecordedRightBeforeAShutdownIsSent(t *testing.T) {
	for range 2000 {
		var c collector
		r, err := New(clientFor(t, &c), WithAnyHost(), WithoutAgentConfig(), WithSendRate(1e6))
		require.NoError(t, err)
		r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
			ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
		require.Len(t, finish(t, r, &c), 1)
	}
}
