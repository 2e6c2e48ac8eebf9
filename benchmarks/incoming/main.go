// Command incoming compares middleware in front of a handler: package capture and others that watch requests. It prints
// two tables, and the throughput of one sender. The tables show time and allocations above a bare handler, and the cost
// of a stalled collector.
//
//	go run ./incoming
package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
)

func main() {
	rounds := flag.Int("rounds", 31, "how many measurements a median is taken of")
	requests := flag.Int("requests", 1500, "requests of one measurement: as many as the queue holds by default")
	stalled := flag.Int("stalled", 20_000, "requests while the collector stalls")
	flag.Parse()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if err := costs(w, *rounds, *requests); err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(w)
	if err := throughput(w, *stalled); err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(w)
	if err := stalls(w, *stalled); err != nil {
		log.Fatal(err)
	}
	_ = w.Flush()
}

// watcher is the middleware in front of a handler. stop ends it, kept is the share of requests of which a trace was
// kept.
type watcher struct {
	name   string
	settle func() // waits until all is sent, or discarded while the handler alone is measured
	start  func(collector string) (wrap func(http.Handler) http.Handler, stop func(), kept func() string, err error)
}

func watchers() []watcher {
	all := []capture.Option{
		capture.WithoutSampling(), capture.WithSendRate(1e6), capture.WithQueueBytes(1 << 30), capture.WithQueueItems(1 << 30),
	}
	recorded := ours("metlo capture, recorded and sent", nil, all...)
	recorded.settle = nil
	rested := ours("metlo capture, recorded while nothing is sent", nil, all...)
	return append([]watcher{
		{name: "bare", start: func(string) (func(http.Handler) http.Handler, func(), func() string, error) {
			return func(h http.Handler) http.Handler { return h }, func() {}, func() string { return "" }, nil
		}},
		recorded,
		rested,
		ours("metlo capture, sampled out", nil, capture.WithSampling(capture.Sampling{First: 1})),
		ours("metlo capture, skipped", nil, capture.WithSkips(capture.Skips{Methods: []string{http.MethodPost}})),
		ours("metlo capture, queue full", nil, capture.WithoutSampling(), capture.WithQueueItems(1)),
		ours("metlo capture, shut down", func(rec *capture.Recorder) { _ = rec.Shutdown(context.Background()) }),
	}, peers()...)
}

func ours(name string, prepare func(*capture.Recorder), opts ...capture.Option) watcher {
	var rec *capture.Recorder
	start := func(collector string) (func(http.Handler) http.Handler, func(), func() string, error) {
		client, err := metlo.NewClient(collector, "metlo.made-up-key", metlo.WithCollectorURL(collector), metlo.WithoutRateLimit())
		if err != nil {
			return nil, nil, nil, err
		}
		rec, err = capture.New(client, append([]capture.Option{capture.WithHost("shop.example.com")}, opts...)...)
		if err != nil {
			return nil, nil, nil, err
		}
		if prepare != nil {
			prepare(rec)
		}
		stop := func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = rec.Shutdown(ctx)
			client.CloseIdleConnections()
		}
		kept := func() string {
			s := rec.Stats()
			return fmt.Sprintf("%.0f %%", 100*float64(s.Sent+s.Queued+s.Unknown)/float64(max(s.Seen, 1)))
		}
		return rec.Handler, stop, kept, nil
	}
	settle := func() {
		for rec.Stats().Queued > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	return watcher{name, settle, start}
}

// exchange sends a POST of 1 kB that is answered with 2 kB, without a network.
type exchange struct {
	req  *http.Request
	in   []byte
	out  []byte
	body bytes.Reader
}

func newExchange(out int) *exchange {
	x := &exchange{
		in:  []byte(`{"sku":"` + strings.Repeat("i", 990) + `"}`),
		out: []byte(`{"text":"` + strings.Repeat("o", out-11) + `"}`),
		req: httptest.NewRequest(http.MethodPost, "https://shop.example.com/orders/17", http.NoBody),
	}
	x.req.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bench/1"}, "Accept": {"*/*"}, "Authorization": {"Bearer abc"}}
	x.req.ContentLength = int64(len(x.in))
	return x
}

func (x *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(x.out)
}

// serve serves the request once, with a writer that has the interfaces of a server's.
func (x *exchange) serve(h http.Handler) {
	x.body.Reset(x.in)
	req := *x.req
	req.Body = io.NopCloser(&x.body)
	h.ServeHTTP(&writer{header: http.Header{}}, &req)
}

func costs(out io.Writer, rounds, requests int) error {
	var measuring sync.RWMutex
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		measuring.RLock()
		defer measuring.RUnlock()
		_, _ = io.WriteString(w, "OK")
	}))
	defer collector.Close()
	fmt.Fprintln(out, "In front of a handler (POST, 1 kB in, 2 kB out)\tµs of its thread above bare\tallocations above bare\tkept")
	for i, w := range watchers() {
		wrap, stop, kept, err := w.start(collector.URL)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		x := newExchange(2000)
		handler := wrap(x)
		for range requests { // until pools are filled and first-time costs are over
			x.serve(handler)
		}
		runtime.GC()
		var bare, watched []sample
		for range rounds { // alternates, so that both have the same neighbours
			bare = append(bare, x.measure(x, requests))
			if w.settle == nil {
				watched = append(watched, x.measure(handler, requests))
				continue
			}
			w.settle()
			measuring.Lock()
			watched = append(watched, x.measure(handler, requests))
			measuring.Unlock()
		}
		b, m := middle(bare), middle(watched)
		if i == 0 {
			fmt.Fprintf(out, "%s\t(%.2f)\t(%.0f)\t\n", w.name, b.time, b.allocs)
		} else {
			fmt.Fprintf(out, "%s\t%.2f\t%.0f\t%s\n", w.name, m.time-b.time, m.allocs-b.allocs, kept())
		}
		stop()
	}
	return nil
}

// sample is the cost of a request.
type sample struct {
	time   float64 // µs of the serving thread, including garbage collection that it assists
	allocs float64
}

func (x *exchange) measure(h http.Handler, requests int) sample {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := cpuTime()
	for range requests {
		x.serve(h)
	}
	took := cpuTime() - began
	runtime.ReadMemStats(&after)
	return sample{float64(took.Nanoseconds()) / float64(requests) / 1000, float64(after.Mallocs-before.Mallocs) / float64(requests)}
}

// middle returns the median of the times, and the least of the allocations: others in the process allocate too.
func middle(samples []sample) sample {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.allocs, b.allocs) })
	allocs := samples[0].allocs
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.time, b.time) })
	return sample{samples[len(samples)/2].time, allocs}
}

// throughput returns how many traces one sender masks and sends a second, with the collector in the same process.
func throughput(out io.Writer, traces int) error {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "OK")
	}))
	defer collector.Close()
	client, err := metlo.NewClient(collector.URL, "metlo.made-up-key", metlo.WithCollectorURL(collector.URL), metlo.WithoutRateLimit())
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	rec, err := capture.New(client, capture.WithHost("shop.example.com"), capture.WithoutSampling(), capture.WithSendRate(1),
		capture.WithQueueBytes(1<<30), capture.WithQueueItems(1<<30))
	if err != nil {
		return err
	}
	x := newExchange(2000)
	handler := rec.Handler(x)
	for range traces {
		x.serve(handler)
	}
	before := rec.Stats()
	began := time.Now()
	if err := rec.Shutdown(context.Background()); err != nil { // Shutdown sends without a pace
		return err
	}
	sent := rec.Stats().Sent - before.Sent
	fmt.Fprintf(out, "One sender analyzes and sends %.0f traces a second (%d in all, %.0f %% arrived)\n",
		float64(sent)/time.Since(began).Seconds(), sent, 100*float64(rec.Stats().Sent)/float64(traces))
	return nil
}

func stalls(out io.Writer, requests int) error {
	fmt.Fprintf(out, "A collector that stalls, %d requests with 60 kB answers\tgoroutines\tlive heap MiB\tp99.9 µs\tworst µs\tkept\n", requests)
	for _, w := range append(watchers()[:1], append([]watcher{ours("metlo capture", nil, capture.WithoutSampling())}, peers()...)...) {
		release := make(chan struct{})
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}))
		wrap, stop, kept, err := w.start(collector.URL)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		x := newExchange(60_000)
		handler := wrap(x)
		heap, goroutines := live(), runtime.NumGoroutine()
		times := make([]time.Duration, 0, requests)
		for range requests {
			began := time.Now()
			x.serve(handler)
			times = append(times, time.Since(began))
		}
		goroutines = runtime.NumGoroutine() - goroutines
		grown := float64(live()) - float64(heap) - float64(cap(times)*8)
		slices.Sort(times)
		fmt.Fprintf(out, "%s\t%d\t%.1f\t%.0f\t%.0f\t%s\n", w.name, goroutines, max(grown, 0)/(1<<20),
			float64(times[len(times)*999/1000].Nanoseconds())/1000, float64(times[len(times)-1].Nanoseconds())/1000, kept())
		close(release)
		stop()
		collector.CloseClientConnections()
		collector.Close()
	}
	return nil
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
