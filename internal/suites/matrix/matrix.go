// Package matrix runs every kind of call against every failure of the fault server, for callers that wait and callers
// that do not. The suites check the outcomes.
package matrix

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/cases"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// Sizes and times of every cell of the matrix.
const (
	WalkedEndpoints = 130 // endpoints of a walk, more than its first request asks for
	latency         = 10 * time.Millisecond
	MaxResponse     = 1 << 20 // maximum size of a response in the matrix
	socketTimeout   = 20 * time.Second
)

// dataSet returns a data set of n endpoints and one open alert.
func dataSet(n int) metlotest.Option {
	type row map[string]any
	endpoints := make([]row, n)
	for i := range endpoints {
		endpoints[i] = row{
			"uuid": kit.EndpointID(i + 1), "path": fmt.Sprintf("/v1/items/%d", i), "host": "shop.example.com", "method": "GET",
			"riskScore": "none", "lastActive": time.Date(2026, 6, 1, 0, i%60, 0, 0, time.UTC),
		}
	}
	return kit.LoadJSON(row{"endpoints": endpoints, "alerts": []row{{
		"uuid": kit.AlertID(1), "type": "PII Data Detected", "riskScore": "high", "apiEndpointUuid": kit.EndpointID(1),
		"createdAt": "2026-03-01T00:00:00.000Z", "updatedAt": "2026-03-01T00:00:00.000Z", "status": "Open",
		"apiEndpoint": row{"uuid": kit.EndpointID(1), "path": "/v1/items/0", "host": "shop.example.com", "method": "GET"},
	}}})
}

// Call is a call of the matrix.
type Call struct {
	Name  string
	Write bool
	Run   func(context.Context, *metlo.Client) (items int, err error)
}

// Calls returns the calls of the matrix, one of each kind.
func Calls() []Call {
	return []Call{
		{"get", false, func(ctx context.Context, c *metlo.Client) (int, error) {
			_, err := c.Endpoints.Get(ctx, kit.EndpointID(1))
			return 1, err
		}},
		{"list", false, func(ctx context.Context, c *metlo.Client) (int, error) {
			page, err := c.Endpoints.List(ctx, nil, 0, 20)
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
			_, err := c.Alerts.Resolve(ctx, kit.AlertID(1), "fixed")
			return 1, err
		}},
		{"create", true, func(ctx context.Context, c *metlo.Client) (int, error) {
			_, err := c.Keys.Create(ctx, "ci", "")
			return 1, err
		}},
	}
}

// Wait describes how long a caller waits. Answers begin after the latency and end after twice as much.
type Wait struct {
	Name   string
	Bound  time.Duration // time within which a call must end
	Cause  error         // alternative error to the failure's own outcome
	Always bool          // ends every call before the first answer
	Give   func(context.Context) (context.Context, context.CancelFunc)
}

// Waits returns a caller without a deadline, one with a deadline, and two that cancel.
func Waits() []Wait {
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
	return []Wait{
		// Four attempts with three waits of as long as a Retry-After may ask for; a stall ends after the 60 s of WithHeaderTimeout.
		{"no deadline", 3*time.Minute + time.Second, nil, false, context.WithCancel},
		{"50 ms deadline", 50 * time.Millisecond, context.DeadlineExceeded, false, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}},
		{"cancelled before the answer", latency / 2, context.Canceled, true, cancelAfter(latency / 2)},
		{"cancelled within the answer", latency * 3 / 2, context.Canceled, false, cancelAfter(latency * 3 / 2)},
	}
}

// Cell is the combination of one call and one failure.
type Cell struct {
	Failure metlotest.Failure
	Call    Call
	Wait    Wait

	Client   *metlo.Client
	Items    int
	Err      error
	Took     time.Duration
	Bounded  bool
	Open     int // connections that were left
	Leak     error
	Requests []metlotest.Received
	APIKey   string
}

// Name returns which cell it is.
func (c *Cell) Name() string { return c.Failure.Name + "/" + c.Call.Name + "/" + c.Wait.Name }

// Run sends the call against the failure: in fake time over pipes, or over sockets, where socketTimeout limits it. Then
// it calls inspect, while the server still runs.
func (c *Cell) Run(t *testing.T, inspect func(*testing.T), opts ...metlo.Option) {
	c.Failure.Delay = latency
	data := dataSet(30)
	if c.Call.Name == "walk" {
		data = dataSet(WalkedEndpoints)
	}
	opts = append([]metlo.Option{metlo.WithMaxResponseBytes(MaxResponse)}, opts...)
	if !c.Failure.NeedsSocket {
		synctest.Test(t, func(t *testing.T) {
			srv := metlotest.NewFaultServer(c.Failure, data, metlotest.InMemory())
			defer srv.Close()
			c.meet(t, srv, opts)
			c.Bounded = c.Took <= c.Wait.Bound
			<-time.After(5 * time.Second) // a server that sends a byte per second notices late that the client left
			synctest.Wait()
			_, c.Open = srv.Connections()
			inspect(t)
		})
		return
	}
	before := goleak.IgnoreCurrent()
	srv := metlotest.NewFaultServer(c.Failure, data)
	// These failures end by themselves, and TLS is slow on a busy machine.
	opts = append(opts, metlo.WithHeaderTimeout(socketTimeout/4), metlo.WithIdleTimeout(socketTimeout/4),
		metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: time.Millisecond, MaxWait: 2 * time.Millisecond}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.meet(t, srv, opts)
	}()
	select {
	case <-done:
		c.Bounded = true
	case <-time.After(socketTimeout):
		stack := make([]byte, 1<<20)
		t.Fatalf("%s: does not end:\n%s", c.Name(), stack[:runtime.Stack(stack, true)])
	}
	for until := time.After(socketTimeout); ; {
		if _, c.Open = srv.Connections(); c.Open == 0 {
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
	c.Leak = goleak.Find(before)
}

func (c *Cell) meet(t *testing.T, srv *metlotest.FaultServer, opts []metlo.Option) {
	ctx, cancel := c.Wait.Give(t.Context())
	defer cancel()
	c.Client, c.APIKey = srv.Client(opts...), srv.APIKey
	start := time.Now()
	c.Items, c.Err = c.Call.Run(ctx, c.Client)
	c.Took = time.Since(start)
	c.Client.CloseIdleConnections()
	c.Requests = srv.Requests()
}

// Peak measures the growth of the heap, including garbage.
type Peak struct {
	stop, stopped chan struct{}
	base, peak    uint64
}

// StartPeak begins a measurement, which [Peak.Bytes] ends.
func StartPeak() *Peak {
	runtime.GC()
	p := &Peak{stop: make(chan struct{}), stopped: make(chan struct{}), base: heapBytes()}
	go func() {
		defer close(p.stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.peak = max(p.peak, heapBytes())
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// Bytes ends the measurement.
func (p *Peak) Bytes() uint64 {
	close(p.stop)
	<-p.stopped
	return max(p.peak, p.base) - p.base
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

var manyItems = map[string]bool{"array without end": true, "300,000 empty items": true}

// Every visits each failure with each call and each way to wait if all cases are enabled. Otherwise each call and
// failure get one way to wait, in rotation.
func Every(t *testing.T, visit func(t *testing.T, c *Cell), after func(metlotest.Failure)) (failures, calls int) {
	t.Helper()
	for _, failure := range metlotest.Failures() {
		failures++
		t.Run(failure.Name, func(t *testing.T) {
			if kit.Race && manyItems[failure.Name] {
				t.Skip("millions of items are decoded: a minute under the race detector, and tried without it")
			}
			calls = 0
			for c, call := range Calls() {
				for i, p := range Waits() {
					if !cases.All() && (failures+c)%len(Waits()) != i {
						continue
					}
					calls++
					visit(t, &Cell{Failure: failure, Call: call, Wait: p})
				}
			}
		})
		after(failure)
	}
	if calls == 0 {
		t.Fatal("no call was tried")
	}
	return failures, calls
}
