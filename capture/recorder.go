package capture

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metlo-go/metlo"
)

// Recorder records the traffic of a service and sends it to Metlo's collector. Create one with [New], wrap the service's handler
// with [Recorder.Handler] and its client's transport with [Recorder.Transport], and call [Recorder.Shutdown] at the end. All
// methods are safe for concurrent use.
type Recorder struct {
	client   *metlo.Client
	settings settings
	skipper  skipper
	seed     maphash.Seed
	now      func() time.Time

	budget    budget
	full      atomic.Bool // the queue was full and has not enough room yet
	isClosed  atomic.Bool
	faults    atomic.Int64 // panics of callbacks, and of the recorder's own
	unfetched atomic.Int64 // configurations that could not be fetched
	abandoned atomic.Int64 // traces that a Shutdown dropped
	scratches sync.Pool
	bases     sync.Pool
	buffers   sync.Pool

	mu         sync.Mutex
	queue      [][]byte
	queueBytes int
	closed     bool
	stats      Stats
	sampler    sampler

	wake    chan struct{}
	closing chan struct{} // closed when Shutdown begins
	done    chan struct{} // closed when the sender has ended
	ctx     context.Context
	stop    context.CancelFunc // ends what the sender is waiting for
	config  atomic.Pointer[instanceConfig]
	work    sync.WaitGroup
}

// New starts a recorder that sends through client. The client must have the address of the collector. The recorder starts one
// goroutine that sends, and one that fetches the configuration of the instance. New fails with [metlo.ErrInvalidArgument] if an
// option is invalid, if there is neither [WithHost] nor [WithAnyHost], or if client is nil without [WithOutput].
func New(client *metlo.Client, opts ...Option) (*Recorder, error) {
	s := defaultSettings()
	var faults []error
	for i, opt := range opts {
		if opt == nil {
			faults = append(faults, invalid("New: option %d is nil: leave it out", i+1))
			continue
		}
		if err := opt.apply(&s); err != nil {
			faults = append(faults, err)
		}
	}
	faults = append(faults, s.check(client))
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s.copyLimit = max(s.copyLimit, s.bodyLimit)
	if s.bodyLimit == 0 {
		s.copyLimit = 0
	}
	if client == nil {
		s.agentConfig = 0
	}
	r := &Recorder{
		client: client, settings: s, skipper: newSkipper(s.skips), seed: maphash.MakeSeed(), now: time.Now,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	r.budget.limit = int64(s.queueBytes - min(senderBytes, s.queueBytes/4))
	r.sampler = newSampler(s.sampling, r.now())
	r.ctx, r.stop = context.WithCancel(context.WithValue(context.Background(), own{r}, true))
	sender := newSender(r)
	r.work.Go(func() {
		defer close(r.done)
		sender.run()
	})
	if s.agentConfig > 0 {
		r.work.Go(r.refresh)
	}
	return r, nil
}

// check returns the faults of the settings in combination.
func (s *settings) check(client *metlo.Client) error {
	var faults []error
	switch {
	case client == nil && s.output == nil:
		faults = append(faults, invalid("New: the client is nil: pass one, or use WithOutput"))
	case client != nil && s.output == nil && !hasCollector(client):
		faults = append(faults, invalid("New: the client has no collector address: use metlo.WithCollectorURL"))
	}
	if len(s.hosts.named) == 0 && !s.hosts.any {
		faults = append(faults, invalid("New: no host would be recorded: use WithHost, or WithAnyHost"))
	}
	if s.proxies != nil && !s.clientAddress {
		faults = append(faults, invalid("New: WithTrustedProxies has no effect without WithClientAddress: add it, or leave both out"))
	}
	return errors.Join(faults...)
}

// hasCollector reports whether the client has the address of a collector. It sends nothing.
func hasCollector(client *metlo.Client) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return !errors.Is(client.Collector.Verify(ctx), metlo.ErrInvalidArgument)
}

// own is the context key that marks the recorder's own requests.
type own struct{ rec *Recorder }

// Handler returns a handler that records the requests and responses of next. A nil next is [http.DefaultServeMux]. A Handler
// within another Handler of the same recorder records nothing.
//
// The response writer of next has the same optional interfaces as net/http's. Behind the writer of another middleware it has
// those of [http.Flusher], [http.Hijacker], [http.Pusher] and [http.CloseNotifier] that this writer has, and
// [http.ResponseController] reaches all others. The recorder reads no more of a body than next does. A panic of next continues
// with the same value, and is recorded as status 500 if the response had not begun. One difference remains, as with any wrapper:
// [http.MaxBytesReader] does not close the connection. Wrap the result with [http.MaxBytesHandler] if that matters.
func (r *Recorder) Handler(next http.Handler) http.Handler {
	if next == nil {
		next = http.DefaultServeMux
	}
	return &handler{r, next}
}

type handler struct {
	rec  *Recorder
	next http.Handler
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	x := h.rec.begin(w, req)
	if x == nil {
		path := req.URL.Path
		defer func() { setRoute(req, req.Pattern, path) }() // for an outer recorder
		h.next.ServeHTTP(w, req)
		return
	}
	returned := false
	defer func() { x.End(!returned) }()
	h.next.ServeHTTP(x.response(), &x.request)
	returned = true
}

// Shutdown stops recording, sends the waiting traces, and ends the recorder's goroutines. If ctx ends first, Shutdown drops and
// counts the traces that still wait and returns the cause of ctx. Handlers continue to serve without recording. Call Shutdown
// after the server's own Shutdown. Concurrent and repeated calls all wait for the end.
func (r *Recorder) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		r.isClosed.Store(true)
		close(r.closing)
	}
	r.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		select {
		case <-r.done: // both at once: the sender has ended
		default:
			r.stop()
			r.abandon()
			return context.Cause(ctx)
		}
	}
	r.stop()
	r.work.Wait()
	if lost := r.abandoned.Load(); lost > 0 {
		return fmt.Errorf("metlo: capture: %d traces that waited were dropped: the context of another Shutdown ended: %w", lost, context.Canceled)
	}
	return nil
}

// abandon drops the waiting traces. The sender settles the batch being sent when its request ends.
func (r *Recorder) abandon() {
	for {
		batch, size := r.take()
		if len(batch) == 0 {
			return
		}
		r.abandoned.Add(int64(len(batch)))
		r.settle(size, func(s *Stats) {
			s.Queued -= int64(len(batch))
			s.Drops.Closed += int64(len(batch))
		})
	}
}

// tracked reports whether Metlo tracks a method.
func tracked(method string) bool { return method == "" || metlo.RestMethod(method).Known() }

const bufferSize = 32 << 10

func (r *Recorder) newBuffer() *[]byte {
	if buffer, ok := r.buffers.Get().(*[]byte); ok {
		return buffer
	}
	buffer := make([]byte, bufferSize)
	return &buffer
}
