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

// Recorder hands the traffic of a service to Metlo's collector. Make one with [New], put [Recorder.Handler] in front of
// what the service serves and [Recorder.Transport] under what it asks others, and call [Recorder.Shutdown] at the end.
// All methods may be called from any goroutine.
type Recorder struct {
	client   *metlo.Client
	settings settings
	skipper  skipper
	seed     maphash.Seed
	now      func() time.Time

	budget    budget
	full      atomic.Bool // there was no room, and there is not enough again
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

// New starts a recorder that sends through client, which needs the collector's address. Two goroutines at most are its
// own: the sender, and the one that fetches the instance's configuration. A nil client without [WithOutput], neither
// [WithHost] nor [WithAnyHost], and an option at fault, are [metlo.ErrInvalidArgument].
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

// check returns what is wrong with the settings together.
func (s *settings) check(client *metlo.Client) error {
	var faults []error
	switch {
	case client == nil && s.output == nil:
		faults = append(faults, invalid("New: the client is nil: pass one, or use WithOutput"))
	case client != nil && s.output == nil && !hasCollector(client):
		faults = append(faults, invalid("New: the client does not know the collector's address: use metlo.WithCollectorURL"))
	}
	if len(s.hosts.named) == 0 && !s.hosts.any {
		faults = append(faults, invalid("New: no host is named, so nothing would be recorded: use WithHost, or WithAnyHost"))
	}
	if s.proxies != nil && !s.clientAddress {
		faults = append(faults, invalid("New: WithTrustedProxies has no effect without WithClientAddress: add it, or leave both out"))
	}
	return errors.Join(faults...)
}

// hasCollector reports whether the client knows where the collector is, without asking it.
func hasCollector(client *metlo.Client) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return !errors.Is(client.Collector.Verify(ctx), metlo.ErrInvalidArgument)
}

// own is the key under which the context of the recorder's requests is told from others.
type own struct{ rec *Recorder }

// Handler records what next serves. The requests reach next as they would without it. Of the optional interfaces next sees
// those of net/http's writers; of another middleware's writer, those of http.Flusher, http.Hijacker, http.Pusher and
// http.CloseNotifier that it has, and through http.ResponseController all it has. No more of a body is read than next reads. A panic goes on with the same value, and is recorded
// as status 500 if nothing was written. One thing cannot be kept: http.MaxBytesReader no longer closes the connection
// behind it, as behind any other wrapper of the writer; put http.MaxBytesHandler in front if that matters. A Handler within
// a Handler of the same recorder records nothing more. A nil next is [http.DefaultServeMux].
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
		defer func() { setRoute(req, req.Pattern, path) }() // for the recording further out, if there is one
		h.next.ServeHTTP(w, req)
		return
	}
	returned := false
	defer func() { x.End(!returned) }()
	h.next.ServeHTTP(x.response(), &x.request)
	returned = true
}

// Shutdown stops recording, sends what waits, and ends the recorder's goroutines. When ctx ends before that, what is
// still waiting is dropped and counted, and the error is that of ctx. Requests go on being served, unrecorded. It may be
// called again, also at the same time: each call waits for the end. Call it after the server's own Shutdown.
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
		return fmt.Errorf("metlo: capture: %d traces that waited were dropped: another Shutdown ran out of time: %w", lost, context.Canceled)
	}
	return nil
}

// abandon drops what waits. What is being sent is settled by the sender when its request ends.
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

// tracked reports whether Metlo knows a method.
func tracked(method string) bool { return method == "" || metlo.RestMethod(method).Known() }

const bufferSize = 32 << 10

func (r *Recorder) newBuffer() *[]byte {
	if buffer, ok := r.buffers.Get().(*[]byte); ok {
		return buffer
	}
	buffer := make([]byte, bufferSize)
	return &buffer
}
