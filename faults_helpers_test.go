package metlo_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const (
	estateSize = 130 // endpoints of a walk, more than it asks for first
	latency    = 10 * time.Millisecond
	cellBytes  = 1 << 20 // of a response at most, in the matrix
	watchdog   = 20 * time.Second
)

// estate is a data set of n endpoints and one open alert.
func estate(n int) metlotest.Option {
	type row map[string]any
	endpoints := make([]row, n)
	for i := range endpoints {
		endpoints[i] = row{
			"uuid": endpointID(i + 1), "path": fmt.Sprintf("/v1/items/%d", i), "host": "shop.example.com", "method": "GET",
			"riskScore": "none", "lastActive": time.Date(2026, 6, 1, 0, i%60, 0, 0, time.UTC),
		}
	}
	return loadJSON(row{"endpoints": endpoints, "alerts": []row{{
		"uuid": alertID(1), "type": "PII Data Detected", "riskScore": "high", "apiEndpointUuid": endpointID(1),
		"createdAt": "2026-03-01T00:00:00.000Z", "updatedAt": "2026-03-01T00:00:00.000Z", "status": "Open",
		"apiEndpoint": row{"uuid": endpointID(1), "path": "/v1/items/0", "host": "shop.example.com", "method": "GET"},
	}}})
}

// faultCall is a call that is tried against every failure.
type faultCall struct {
	name  string
	write bool
	run   func(context.Context, *metlo.Client) (items int, err error)
}

func faultCalls() []faultCall {
	return []faultCall{
		{"get", false, func(ctx context.Context, c *metlo.Client) (int, error) {
			_, err := c.Endpoints.Get(ctx, endpointID(1))
			return 1, err
		}},
		{"list", false, func(ctx context.Context, c *metlo.Client) (int, error) {
			page, err := c.Endpoints.List(ctx, &metlo.EndpointListOptions{Limit: 20})
			if err != nil {
				return 0, err
			}
			return len(page.Items), nil
		}},
		{"walk", false, func(ctx context.Context, c *metlo.Client) (int, error) {
			items := 0
			for _, err := range c.Endpoints.All(ctx, nil) {
				if err != nil {
					return items, err
				}
				items++
			}
			return items, nil
		}},
		{"change", true, func(ctx context.Context, c *metlo.Client) (int, error) {
			_, err := c.Alerts.Resolve(ctx, alertID(1), "fixed")
			return 1, err
		}},
		{"create", true, func(ctx context.Context, c *metlo.Client) (int, error) {
			_, err := c.Keys.Create(ctx, "ci", "")
			return 1, err
		}},
	}
}

// patience is how long a caller waits. Answers begin after the latency and end after twice as much.
type patience struct {
	name   string
	bound  time.Duration // in which a call must end
	cause  error         // with which it may end instead of the failure's own outcome
	always bool          // ends every call before the first answer
	give   func(context.Context) (context.Context, context.CancelFunc)
}

func patiences() []patience {
	cancelAfter := func(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			timer := time.AfterFunc(d, cancel)
			return ctx, func() {
				timer.Stop()
				cancel()
			}
		}
	}
	return []patience{
		// Four attempts with three waits of as long as a Retry-After may ask for; a stall ends after the 60 s of WithHeaderTimeout.
		{"no deadline", 3*time.Minute + time.Second, nil, false, context.WithCancel},
		{"50 ms deadline", 50 * time.Millisecond, context.DeadlineExceeded, false, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}},
		{"cancelled before the answer", latency / 2, context.Canceled, true, cancelAfter(latency / 2)},
		{"cancelled within the answer", latency * 3 / 2, context.Canceled, false, cancelAfter(latency * 3 / 2)},
	}
}

// cell is one call that met one failure.
type cell struct {
	failure  metlotest.Failure
	call     faultCall
	patience patience

	client   *metlo.Client
	items    int
	err      error
	took     time.Duration
	bounded  bool
	open     int // connections that were left
	leak     error
	requests []metlotest.Received
	apiKey   string
}

func (c *cell) name() string { return c.failure.Name + "/" + c.call.name + "/" + c.patience.name }

// run has the call meet the failure: in fake time over pipes, or over sockets with a watchdog. Then
// it passes the outcome to inspect, while the server still runs.
func (c *cell) run(t *testing.T, inspect func(*testing.T), opts ...metlo.Option) {
	c.failure.Delay = latency
	data := estate(30)
	if c.call.name == "walk" {
		data = estate(estateSize)
	}
	opts = append([]metlo.Option{metlo.WithMaxResponseBytes(cellBytes)}, opts...)
	if !c.failure.NeedsSocket {
		synctest.Test(t, func(t *testing.T) {
			srv := metlotest.NewFaultServer(c.failure, data, metlotest.InMemory())
			defer srv.Close()
			c.meet(t, srv, opts)
			c.bounded = c.took <= c.patience.bound
			<-time.After(5 * time.Second) // a server that sends a byte a second does not see at once that the client left
			synctest.Wait()
			_, c.open = srv.Connections()
			inspect(t)
		})
		return
	}
	before := goleak.IgnoreCurrent()
	srv := metlotest.NewFaultServer(c.failure, data)
	// These failures end by themselves, and TLS takes its time on a busy machine.
	opts = append(opts, metlo.WithHeaderTimeout(watchdog/4), metlo.WithIdleTimeout(watchdog/4),
		metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.meet(t, srv, opts)
	}()
	select {
	case <-done:
		c.bounded = true
	case <-time.After(watchdog):
		stack := make([]byte, 1<<20)
		t.Fatalf("%s: does not end:\n%s", c.name(), stack[:runtime.Stack(stack, true)])
	}
	for until := time.After(watchdog); ; {
		if _, c.open = srv.Connections(); c.open == 0 {
			break
		}
		select {
		case <-time.After(time.Millisecond):
			continue
		case <-until:
		}
		break
	}
	inspect(t)
	srv.Close()
	c.leak = goleak.Find(before)
}

func (c *cell) meet(t *testing.T, srv *metlotest.FaultServer, opts []metlo.Option) {
	ctx, cancel := c.patience.give(t.Context())
	defer cancel()
	c.client, c.apiKey = srv.Client(opts...), srv.APIKey
	start := time.Now()
	c.items, c.err = c.call.run(ctx, c.client)
	c.took = time.Since(start)
	c.client.CloseIdleConnections()
	c.requests = srv.Requests()
}

// peak measures how far the heap grows, garbage included.
type peak struct {
	stop, stopped chan struct{}
	base, most    uint64
}

func startPeak() *peak {
	runtime.GC()
	p := &peak{stop: make(chan struct{}), stopped: make(chan struct{}), base: heapBytes()}
	go func() {
		defer close(p.stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.most = max(p.most, heapBytes())
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// bytes ends the measurement.
func (p *peak) bytes() uint64 {
	close(p.stop)
	<-p.stopped
	return max(p.most, p.base) - p.base
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// everyCell visits each failure with each call and each patience.
func everyCell(t *testing.T, visit func(t *testing.T, c *cell), after func(metlotest.Failure)) (failures, calls int) {
	t.Helper()
	for _, failure := range metlotest.Failures() {
		failures++
		t.Run(failure.Name, func(t *testing.T) {
			calls = 0
			for _, call := range faultCalls() {
				for _, p := range patiences() {
					calls++
					visit(t, &cell{failure: failure, call: call, patience: p})
				}
			}
		})
		after(failure)
	}
	require.NotZero(t, calls)
	return failures, calls
}
