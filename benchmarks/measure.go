package main

import (
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"
)

// cost is the cost of one call.
type cost struct{ ns, bytes, allocs float64 }

// compare measures calls in turns, so that other work on the machine affects all alike, and returns the medians of
// each.
func compare(rounds, calls int, call []func() error) ([]cost, error) {
	samples := make([][]cost, len(call))
	for round := range rounds + 1 {
		for i, f := range call {
			c, err := measure(calls, f)
			if err != nil {
				return nil, err
			}
			if round > 0 { // the first one fills pools and caches
				samples[i] = append(samples[i], c)
			}
		}
	}
	medians := make([]cost, len(call))
	for i, s := range samples {
		medians[i] = cost{
			ns:     median(s, func(c cost) float64 { return c.ns }),
			bytes:  median(s, func(c cost) float64 { return c.bytes }),
			allocs: median(s, func(c cost) float64 { return c.allocs }),
		}
	}
	return medians, nil
}

func measure(calls int, f func() error) (cost, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range calls {
		if err := f(); err != nil {
			return cost{}, err
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	n := float64(calls)
	return cost{
		ns:     float64(took.Nanoseconds()) / n,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / n,
		allocs: float64(after.Mallocs-before.Mallocs) / n,
	}, nil
}

func median[T any](all []T, value func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// walked is the result of a list's walk.
type walked struct {
	requests int
	seconds  float64
	heap     float64 // MiB above idle, at most
	lost     int
	twice    int
}

func walk(p peer, w wire, size, total int, delay time.Duration, settled bool) (walked, error) {
	s := newServer(w, size, total)
	c, err := p.dial(s)
	if err != nil {
		return walked{}, err
	}
	s.delay, s.settled, s.requests = delay, settled, 0
	seen, visits := make([]bool, total+1), 0
	unique := 0
	start := time.Now()
	heap, err := peak(func() error {
		return c.walk(context.Background(), func(id int) {
			visits++
			if !seen[id] {
				seen[id] = true
				unique++
			}
		})
	})
	return walked{
		requests: s.requests,
		seconds:  time.Since(start).Seconds(),
		heap:     heap,
		lost:     total - unique,
		twice:    visits - unique,
	}, err
}

// peak runs f and returns the maximum growth of the heap in MiB, including garbage.
func peak(f func() error) (float64, error) {
	runtime.GC()
	runtime.GC()
	idle := heap()
	stop, highest := make(chan struct{}), make(chan uint64)
	go func() {
		high := uint64(0)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				high = max(high, heap())
			case <-stop:
				highest <- max(high, heap())
				return
			}
		}
	}()
	err := f()
	close(stop)
	return float64(int64(<-highest)-int64(idle)) / (1 << 20), err
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
