package capture

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// serverWriter has the interfaces of net/http's HTTP/1 writer, and allocates nothing.
type serverWriter struct {
	http1Server

	header http.Header
}

func (w *serverWriter) Header() http.Header         { return w.header }
func (w *serverWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *serverWriter) WriteHeader(int)             {}

type memoryBody struct{ bytes.Reader }

func (*memoryBody) Close() error { return nil }

// exchanger serves POST requests of 1 kB with responses of 2 kB. It allocates nothing itself.
func exchanger(handler http.Handler) func() {
	in, out := bytes.Repeat([]byte("i"), 1000), bytes.Repeat([]byte("o"), 2000)
	copy(in, `{"sku":"`)
	copy(in[998:], `"}`)
	copy(out, `{"text":"`)
	copy(out[1998:], `"}`)
	w := &serverWriter{header: http.Header{}}
	body := new(memoryBody)
	req, err := http.NewRequest(http.MethodPost, "https://shop.example.com/orders/17", http.NoBody)
	if err != nil {
		panic(err)
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"test/1.0"}, "Accept": {"*/*"}, "Authorization": {"Bearer " + strings.Repeat("x", 40)},
		"X-Request-Id": {"f3a1"}, "Accept-Encoding": {"gzip"},
	}
	req.ContentLength, req.RemoteAddr = 1000, "192.0.2.1:5000"
	contentType := []string{"application/json"}
	serveResponse = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = contentType
		_, _ = w.Write(out)
	}
	return func() {
		body.Reset(in)
		req.Body = body
		clear(w.header)
		handler.ServeHTTP(w, req)
	}
}

var serveResponse http.HandlerFunc

func responder() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serveResponse(w, r) })
}

// shutDown ends a recorder without waiting for its requests.
func shutDown(r *Recorder) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Shutdown(ctx)
}

// full fills the queue of a recorder.
func full(r *Recorder) {
	r.full.Store(true)
	r.budget.used.Add(r.budget.limit)
}

// TestAllocationBudgets checks the number of allocations that recording adds to a handler.
func TestAllocationBudgets(t *testing.T) {
	bare := testing.AllocsPerRun(200, exchanger(responder()))
	for name, row := range map[string]struct {
		opts    []Option
		prepare func(*Recorder)
		most    float64
		kept    bool
	}{
		"recorded":    {opts: []Option{WithoutSampling(), WithQueueBytes(64 << 20)}, most: 2, kept: true},
		"sampled out": {opts: []Option{WithSampling(Sampling{First: 1})}, most: 1},
		"full":        {prepare: full},
		"skipped":     {opts: []Option{WithSkips(Skips{Methods: []string{"POST"}})}},
		"disabled":    {prepare: shutDown},
	} {
		t.Run(name, func(t *testing.T) {
			if kit.Race {
				t.Skip("the race detector allocates")
			}
			entered := make(chan struct{}, 1)
			c := collector{answer: func(r *http.Request) (int, string, error) {
				if r.Method == http.MethodPost {
					entered <- struct{}{}
				}
				<-r.Context().Done()
				return 0, "", r.Context().Err()
			}}
			r := recorderFor(t, &c, row.opts...)
			serveOne := exchanger(r.Handler(responder()))
			serveOne()
			if row.kept {
				for range batchTraces - 1 {
					serveOne()
				}
				<-entered // the sender waits after this and allocates nothing
			}
			if row.prepare != nil {
				row.prepare(r)
			}
			got := testing.AllocsPerRun(1000, serveOne) - bare
			t.Logf("%s: %v allocations above bare, which has %v; %+v", name, got, bare, r.Stats())
			assert.LessOrEqual(t, got, row.most)
			if row.kept {
				assert.Zero(t, r.Stats().Dropped)
			}
		})
	}
}

// discard takes a batch and counts it as sent.
func discard(r *Recorder) {
	batch, size := r.take()
	r.settle(size, func(s *Stats) {
		s.Queued -= int64(len(batch))
		s.Sent += int64(len(batch))
	})
}

func BenchmarkHandler(b *testing.B) {
	for name, row := range map[string]struct {
		handler func(*Recorder) http.Handler
		opts    []Option
		prepare func(*Recorder)
	}{
		"bare":        {handler: func(*Recorder) http.Handler { return responder() }},
		"recorded":    {opts: []Option{WithoutSampling(), WithQueueBytes(1 << 30), WithQueueItems(1 << 30)}},
		"sampled out": {opts: []Option{WithSampling(Sampling{First: 1})}},
		"full":        {prepare: full},
	} {
		b.Run(name, func(b *testing.B) {
			c := collector{answer: func(r *http.Request) (int, string, error) {
				<-r.Context().Done()
				return 0, "", r.Context().Err()
			}}
			r := recorderFor(b, &c, row.opts...)
			handler := r.Handler(responder())
			if row.handler != nil {
				handler = row.handler(r)
			}
			serveOne := exchanger(handler)
			serveOne()
			if row.prepare != nil {
				row.prepare(r)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				serveOne()
				if n++; n%batchTraces == 0 && row.prepare == nil {
					discard(r) // stands in for the sender's goroutine
				}
			}
			s := r.Stats()
			b.ReportMetric(float64(s.Queued+s.Sent)/float64(max(s.Seen, 1)), "kept")
		})
	}
}
