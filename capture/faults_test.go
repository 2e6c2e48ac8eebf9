package capture

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

const faultHandlers = 64

// No fault of the collector changes how requests are served, and the counts cover each request.
func TestEveryFailureOfTheCollector(t *testing.T) {
	for _, failure := range metlotest.Failures() {
		t.Run(failure.Name, func(t *testing.T) {
			var opts []metlotest.Option
			if !failure.NeedsSocket {
				opts = append(opts, metlotest.InMemory())
			}
			server := metlotest.NewFaultServer(failure, opts...)
			defer server.Close()
			client := server.Client(metlo.WithCollectorURL(server.URL), metlo.WithoutRateLimit(), metlo.WithoutRetry())
			r, err := New(client, WithAnyHost(), WithoutAgentConfig(), WithoutSampling(), WithSendRate(1e6))
			require.NoError(t, err)
			handler := r.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, err := io.ReadAll(req.Body)
				assert.NoError(t, err)
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write(body)
			}))
			var work sync.WaitGroup
			for i := range faultHandlers {
				work.Go(func() {
					for j := range 5 {
						body := fmt.Sprintf(`{"n":%d}`, i*5+j)
						w := httptest.NewRecorder()
						handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(body)))
						assert.Equal(t, http.StatusCreated, w.Code)
						assert.Equal(t, body, w.Body.String())
					}
				})
			}
			work.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			_ = r.Shutdown(ctx)
			<-r.done
			s := r.Stats()
			assertCountsAddUp(t, s)
			assert.EqualValues(t, 5*faultHandlers, s.Seen)
			assert.Zero(t, s.Queued)
			assert.Zero(t, s.Drops.Fault)
			assert.Zero(t, s.QueuedBytes)
		})
	}
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A collector that stalls costs at most three goroutines and the configured memory plus a tenth.
func TestAStalledCollectorCostsItsBudget(t *testing.T) {
	if kit.Race {
		t.Skip("the race detector keeps memory of its own")
	}
	for _, size := range []int{2000, 60_000} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			entered := make(chan struct{}, 1)
			stalled := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				select {
				case entered <- struct{}{}:
				default:
				}
				<-req.Context().Done()
			}))
			defer stalled.Close()
			transport := &http.Transport{}
			client, err := metlo.NewClient(stalled.URL, "metlo.made-up-key", metlo.WithCollectorURL(stalled.URL), metlo.WithHTTPClient(&http.Client{Transport: transport}))
			require.NoError(t, err)
			text := `{"text":"` + strings.Repeat("x", size) + `"}`
			serve := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, text)
			})
			request := func(h http.Handler) {
				h.ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
			}
			request(serve)
			heap, goroutines := liveHeap(), runtime.NumGoroutine()
			r, err := New(client, WithAnyHost(), WithoutAgentConfig(), WithoutSampling(), WithSendRate(1e6))
			require.NoError(t, err)
			handler := r.Handler(serve)
			for range batchTraces {
				request(handler)
			}
			<-entered
			for range 20_000 {
				request(handler)
			}
			// The server runs in this process too: two goroutines serve its one connection.
			assert.LessOrEqual(t, runtime.NumGoroutine()-goroutines, 3+2)
			grown := int64(liveHeap()) - int64(heap)
			t.Logf("%d bytes of heap, %d goroutines, %+v", grown, runtime.NumGoroutine()-goroutines-2, r.Stats())
			assert.LessOrEqual(t, grown, int64(9<<20))
			shutDown(r)
			<-r.done
			transport.CloseIdleConnections()
			stalled.CloseClientConnections()
		})
	}
}

// 64 MiB through a handler, up or down, cost less than 1 MiB.
func TestLargeBodiesCostLittle(t *testing.T) {
	if kit.Race {
		t.Skip("the race detector allocates")
	}
	const size = 64 << 20
	for _, contentType := range []string{"application/json", "text/plain", "application/octet-stream", ""} {
		for name, handle := range map[string]http.HandlerFunc{
			"up": func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) },
			"down": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				_, _ = io.Copy(struct{ io.Writer }{w}, io.LimitReader(zeros{}, size))
			},
		} {
			t.Run(contentType+" "+name, func(t *testing.T) {
				request := func(h http.Handler) uint64 {
					req := httptest.NewRequest(http.MethodPost, "/a", io.LimitReader(zeros{}, size))
					req.Header.Set("Content-Type", contentType)
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					h.ServeHTTP(discardWriter{http.Header{}}, req)
					runtime.ReadMemStats(&after)
					return after.TotalAlloc - before.TotalAlloc
				}
				bare := request(handle)
				r := recorderFor(t, &collector{}, WithoutSampling())
				cost := int64(request(r.Handler(handle))) - int64(bare)
				t.Logf("%d bytes allocated in all", cost)
				assert.Less(t, cost, int64(1<<20))
			})
		}
	}
}

// BenchmarkSender serves, analyzes and sends exchanges of 1 kB in and 2 kB out, from the first request to the end of
// Shutdown.
func BenchmarkSender(b *testing.B) {
	for name, opts := range map[string][]Option{"analyzed": nil, "values": {WithValues()}} {
		b.Run(name, func(b *testing.B) {
			const traces = 10_000
			b.ReportAllocs()
			for b.Loop() {
				r, err := New(clientFor(b, discardCollector{}), append([]Option{
					WithAnyHost(), WithoutAgentConfig(), WithoutSampling(), WithSendRate(1e6), WithQueueBytes(1 << 30), WithQueueItems(traces),
				}, opts...)...)
				require.NoError(b, err)
				serveOne := exchanger(r.Handler(responder()))
				for range traces {
					serveOne()
				}
				require.NoError(b, r.Shutdown(context.Background()))
				require.EqualValues(b, traces, r.Stats().Sent)
			}
			b.ReportMetric(float64(b.N)*traces/b.Elapsed().Seconds(), "traces/s")
		})
	}
}

type discardCollector struct{}

func (discardCollector) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
}
