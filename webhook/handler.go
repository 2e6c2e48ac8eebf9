package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
)

var (
	// ErrQueueFull is reported for an event that the full queue rejected. The sender retries three times, 500 ms apart.
	ErrQueueFull = errors.New("webhook queue is full")
	// ErrShutdown is reported for an event that arrived after Shutdown was called, which the sender retries. It is also
	// reported for an event whose callback or Save had not returned when the context of Shutdown ended. That event is
	// lost unless a store holds it for the next start.
	ErrShutdown = errors.New("webhook handler is shut down")
	// ErrStore is reported, together with the store's error, for an event that could not be stored, which the sender
	// retries. It is also reported for a handled event that could not be removed from the store. With an empty event it
	// reports stored events that could not be read; the handler reads these again later.
	ErrStore = errors.New("webhook store failed")
	// ErrExit is reported for an event whose callback called runtime.Goexit, as t.FailNow does.
	ErrExit = errors.New("webhook callback called runtime.Goexit")
)

// PanicError is reported for an event whose callback panicked. The handler does not retry it.
type PanicError struct {
	Value any    // value of the panic
	Stack []byte // stack of the callback
}

// Error returns one line with the value of the panic.
func (e *PanicError) Error() string {
	return "webhook callback panicked: " + wire.OneLine(fmt.Sprint(e.Value))
}

// Handler is an [http.Handler] that receives the alerts that Metlo posts to a webhook. It answers at once and calls
// back afterwards, once per alert. It holds no goroutine while it is idle. Create it with [NewHandler].
type Handler struct {
	config
	handle func(context.Context, *metlo.WebhookEvent) error

	// The callbacks outlive the requests, so they use the handler's context. It ends when Shutdown returns.
	ctx    context.Context
	cancel context.CancelFunc

	saveSlots chan struct{} // limits concurrent calls of Save
	wake      chan struct{} // makes the feed check whether to read the store

	mu       sync.Mutex
	alerts   line             // events that wait for their callback
	reports  line             // events that wait for the report
	current  map[string]*item // items by key: in alerts or with a worker
	saves    map[string]*save // running calls of Save by key
	seen     recent           // keys of accepted alerts
	finished recent           // keys that are no longer current
	behind   bool             // the feed is running: the store has older events than new requests
	left     bool             // an alert was only stored, not queued, since the last read of the store
	closed   bool
	running  int           // number of goroutines
	idle     chan struct{} // closed while no goroutine runs
}

// item is a delivery that waits for its callback or its report.
type item struct {
	Delivery
	uuid     string // id of the alert
	err      error  // error to report
	reported bool
}

// line is a queue with its worker goroutines. The handler's mutex guards it.
type line struct {
	do         func(*item)
	maxWorkers int

	items   []*item
	bytes   int64 // size of the items' bodies
	workers int
}

// NewHandler returns a handler that calls handle for each new alert, from at most 4 goroutines at once. The context of
// the callback ends when [Handler.Shutdown] stops waiting. After an error of handle the handler retries up to 4 times,
// after 1, 2, 4 and 8 s; then it reports the event. It reports a panic at once. NewHandler panics if handle is nil.
//
// The sender repeats alerts that it considers lost. The handler recognises a repetition among the latest 4,096 alerts,
// answers 200, and does not handle it again. While the queue is full it answers 503, and the sender retries three
// times.
//
// Without a store, queued events are lost when the process dies: see [WithStore].
func NewHandler(handle func(context.Context, *metlo.WebhookEvent) error, opts ...Option) *Handler {
	if handle == nil {
		panic("metlo: webhook: NewHandler: the callback is nil")
	}
	h := &Handler{
		config:    defaults(),
		handle:    handle,
		saveSlots: make(chan struct{}, maxSaves),
		wake:      make(chan struct{}, 1),
		current:   map[string]*item{},
		saves:     map[string]*save{},
		idle:      make(chan struct{}),
	}
	close(h.idle)
	for _, opt := range opts {
		if opt != nil {
			opt(&h.config)
		}
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.alerts = line{do: h.deliver, maxWorkers: h.maxWorkers}
	h.reports = line{do: h.callReport, maxWorkers: 1}
	h.seen.size = recentAlerts
	h.finished.size = max(recentAlerts, h.maxQueue+h.maxWorkers)
	if h.store != nil {
		h.mu.Lock()
		h.leaveToStore()
		h.mu.Unlock()
	}
	return h
}

// ServeHTTP checks the request, stores its alert if there is a store, queues it and answers. The status is 202 for a
// new alert and 200 for a repeated one. It is 400, 401, 405, 413 or 415, with a line that describes the problem, for an
// invalid request. It is 503 while the queue is full, when the store fails or takes over 200 ms, and after Shutdown.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	it, err := h.receive(r)
	if err != nil {
		refuse(w, err)
		return
	}
	fresh, err := h.accept(r.Context(), it)
	switch {
	case errors.Is(err, ErrStore):
		http.Error(w, ErrStore.Error(), http.StatusServiceUnavailable) // the sender must not see the store's own error
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case fresh:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (h *Handler) receive(r *http.Request) (*item, error) {
	if err := h.tokens.check(r); err != nil {
		return nil, err
	}
	body, err := readBody(r, h.maxBytes)
	if err != nil {
		return nil, err
	}
	uuid, err := alertID(body, h.maxBytes)
	if err != nil {
		return nil, err
	}
	return &item{Delivery: Delivery{Key: alertKey(uuid), Body: body}, uuid: uuid}, nil
}

// alertKey returns the key of an alert's delivery.
func alertKey(uuid string) string {
	if _, ok := walk.ParseUUID(uuid); ok {
		return strings.ToLower(uuid)
	}
	hash := sha256.Sum256([]byte(uuid))
	return "sha256-" + hex.EncodeToString(hash[:])
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	var fault *Error
	if errors.As(err, &fault) {
		status = fault.StatusCode
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, err.Error(), status)
}

// accept stores an item if there is a store, queues it, and reports whether it is new. It does not remember a rejected
// item, so that its retry is new.
func (h *Handler) accept(ctx context.Context, it *item) (fresh bool, err error) {
	h.mu.Lock()
	s := h.saves[it.Key]
	fresh = s == nil && !h.seen.has(it.Key) && h.current[it.Key] == nil
	switch {
	case !fresh:
	case h.closed:
		err = ErrShutdown
	case h.store != nil:
		s = h.startSave(ctx, it)
	case !h.hasRoom(it):
		err = ErrQueueFull
	default:
		h.admit(it)
	}
	if err != nil {
		h.fail(it, err)
	}
	h.mu.Unlock()
	if s != nil {
		err = s.wait()
	}
	return fresh, err
}

// admit remembers an accepted item, and queues it unless the store holds older ones. The caller holds h.mu.
func (h *Handler) admit(it *item) {
	h.seen.add(it.Key)
	h.finished.forget(it.Key)
	switch {
	case h.ctx.Err() != nil: // the store holds it for the next start
	case !h.behind && h.hasRoom(it):
		h.enqueue(it)
	default:
		h.leaveToStore()
	}
}

// hasRoom reports whether the item fits into the queue. The caller holds h.mu.
func (h *Handler) hasRoom(it *item) bool {
	waiting := len(h.alerts.items)
	return waiting < h.maxQueue && (waiting == 0 || h.alerts.bytes+int64(len(it.Body)) <= h.queueBytes)
}

// enqueue passes an item to the workers. The caller holds h.mu.
func (h *Handler) enqueue(it *item) {
	h.current[it.Key] = it
	h.add(&h.alerts, it)
}

// fail queues an item for the report, which another goroutine makes. The caller holds h.mu.
func (h *Handler) fail(it *item, err error) {
	report := item{Delivery: it.Delivery, uuid: it.uuid, err: err}
	if len(h.reports.items) > 0 && h.reports.bytes+int64(len(report.Body)) > h.queueBytes {
		report.Body = nil
	}
	h.add(&h.reports, &report)
}

// add appends an item to a line. The caller holds h.mu.
func (h *Handler) add(l *line, it *item) {
	l.items = append(l.items, it)
	l.bytes += int64(len(it.Body))
	h.hire(l)
}

// hire starts a worker if the line has work for another. The caller holds h.mu.
func (h *Handler) hire(l *line) {
	if len(l.items) > 0 && l.workers < l.maxWorkers {
		l.workers++
		h.start(func() { h.work(l) })
	}
}

// work processes the items of a line until it is empty.
func (h *Handler) work(l *line) {
	defer h.leave(l) // runs also if an item calls runtime.Goexit
	for it := h.next(l); it != nil; it = h.next(l) {
		l.do(it)
	}
}

func (h *Handler) next(l *line) *item {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(l.items) == 0 {
		return nil
	}
	it := l.items[0]
	l.items[0] = nil
	l.items = l.items[1:]
	l.bytes -= int64(len(it.Body))
	h.wakeFeed()
	return it
}

func (h *Handler) leave(l *line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.workers--
	h.hire(l)
}

// start runs do in a goroutine that Shutdown waits for. The caller holds h.mu.
func (h *Handler) start(do func()) {
	if h.running == 0 {
		h.idle = make(chan struct{})
	}
	h.running++
	go func() {
		defer func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.running--; h.running == 0 {
				close(h.idle)
			}
		}()
		do()
	}()
}

// deliver calls back until a call succeeds or the retries end, and always finishes the item.
func (h *Handler) deliver(it *item) {
	err := ErrExit // remains if the callback ends this goroutine
	defer func() { h.finish(it, err) }()
	err = h.try(it)
}

// try calls back, and retries after an error.
func (h *Handler) try(it *item) error {
	wait := h.backoff
	for attempt := 1; ; attempt++ {
		event, err := decode(it.Body, h.maxBytes) // the callback may change its event
		if err != nil {
			return err
		}
		err = h.call(event)
		var panicked *PanicError
		if err == nil || attempt == h.attempts || errors.As(err, &panicked) {
			return err
		}
		select {
		case <-h.ctx.Done():
			return err
		case <-time.After(wait):
		}
		wait = h.pause(wait)
	}
}

func (h *Handler) call(event *metlo.WebhookEvent) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{value, debug.Stack()}
		}
	}()
	return h.handle(h.ctx, event)
}

// finish removes an item from the store, forgets it, and reports a failure unless Shutdown did.
func (h *Handler) finish(it *item, err error) {
	switch {
	case err != nil && h.ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", ErrShutdown, err) // the store holds it for the next start
	case h.store != nil:
		if fault := h.done(it.Key, err); fault != nil {
			err = errors.Join(err, fault)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.current, it.Key)
	h.finished.add(it.Key)
	if err != nil && !it.reported {
		h.fail(it, err)
	}
}

// callReport reports an item and recovers from a panic of the report.
func (h *Handler) callReport(it *item) {
	event, err := decode(it.Body, h.maxBytes)
	if err != nil {
		event = &metlo.WebhookEvent{Alert: metlo.WebhookAlert{UUID: it.uuid}}
	}
	defer func() {
		if value := recover(); value != nil {
			slog.LogAttrs(h.ctx, slog.LevelError, "metlo: the report of a webhook event panicked",
				slog.String("alert", it.uuid), slog.Any("err", it.err), slog.String("panic", fmt.Sprint(value)))
		}
	}()
	h.report(event, it.err)
}

// Shutdown rejects new events with 503. It waits for the queued events, and for stored events that fit into the queue.
// If ctx ends first, Shutdown drops the queued events, ends the context of running callbacks, and reports each of these
// events with [ErrShutdown]. It then returns ctx's error without waiting for the callbacks. A store holds these events
// and its other ones for the next start, unless their callback still succeeds. Shut down the http.Server first, so that
// no request is rejected. Shutdown may be called again.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	idle := h.idle
	h.wakeFeed()
	h.mu.Unlock()
	defer h.cancel()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return h.abandon(ctx)
	}
}

// abandon reports the events that Shutdown drops, and all that wait for the report.
func (h *Handler) abandon(ctx context.Context) error {
	h.mu.Lock()
	h.cancel()
	reports, queued := h.reports.take(), h.alerts.take()
	for _, it := range queued {
		delete(h.current, it.Key)
	}
	lost := slices.AppendSeq(slices.Clone(queued), maps.Values(h.current))
	for _, s := range h.saves {
		lost = append(lost, s.item)
	}
	calls, saves := len(h.current), len(h.saves)
	for _, it := range lost {
		if !it.reported {
			it.reported = true
			reports = append(reports, &item{Delivery: it.Delivery, uuid: it.uuid, err: ErrShutdown})
		}
	}
	h.mu.Unlock()
	for _, it := range reports {
		h.callReport(it)
	}
	if len(lost) == 0 {
		return nil // the work ended with the context
	}
	return fmt.Errorf("metlo: webhook handler: %d events dropped, %d callbacks still running, %d events still being stored: %w",
		len(queued), calls, saves, ctx.Err())
}

// take removes and returns the items of the line.
func (l *line) take() []*item {
	items := l.items
	l.items, l.bytes = nil, 0
	return items
}

// recentAlerts is the number of alerts among which a repetition is recognised.
const recentAlerts = 4096

// recent holds the latest keys.
type recent struct {
	size  int
	keys  map[string]struct{}
	order []string // the oldest is at next once it is full
	next  int
}

func (r *recent) has(key string) bool {
	_, ok := r.keys[key]
	return ok
}

func (r *recent) add(key string) {
	if r.has(key) {
		return
	}
	if r.keys == nil {
		r.keys = make(map[string]struct{})
	}
	if len(r.order) < r.size {
		r.order = append(r.order, key)
	} else {
		delete(r.keys, r.order[r.next])
		r.order[r.next] = key
		r.next = (r.next + 1) % r.size
	}
	r.keys[key] = struct{}{}
}

func (r *recent) forget(key string) {
	if r.has(key) {
		delete(r.keys, key)
		r.order[slices.Index(r.order, key)] = ""
	}
}
