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
	// ErrQueueFull is reported for an event that found no place in the queue. The sender was asked to retry, which it
	// does three times, 500 ms apart.
	ErrQueueFull = errors.New("webhook queue is full")
	// ErrShutdown is reported for an event that came after the handler's shutdown began; the sender was asked to retry. It
	// is also reported for an event whose callback, or whose Save, had not returned when the shutdown's context ended: that
	// one is lost unless a store has it for the next start.
	ErrShutdown = errors.New("webhook handler is shut down")
	// ErrStore is reported, together with the store's error, for an event that could not be stored; the sender was asked to
	// retry. It is also reported for a handled event that could not be taken out of the store, and, with an empty event,
	// for stored events that could not be read; these are read again later.
	ErrStore = errors.New("webhook store failed")
	// ErrExit is reported for an event whose callback ended its goroutine with runtime.Goexit, as t.FailNow does.
	ErrExit = errors.New("webhook callback called runtime.Goexit")
)

// PanicError is reported for an event whose callback panicked. It is not tried again.
type PanicError struct {
	Value any    // what the callback panicked with
	Stack []byte // of the callback
}

// Error returns one line with the value that the callback panicked with.
func (e *PanicError) Error() string {
	return "webhook callback panicked: " + wire.OneLine(fmt.Sprint(e.Value))
}

// Handler is an [http.Handler] that receives what Metlo posts to a webhook. It answers at once and calls back afterwards,
// each alert once. It holds no goroutine while there is no work. Make it with [NewHandler].
type Handler struct {
	config
	handle func(context.Context, *metlo.WebhookEvent) error

	// The callbacks outlive the requests, so their context is the handler's. It ends when Shutdown returns.
	ctx    context.Context
	cancel context.CancelFunc

	saveSlots chan struct{} // has room for the calls of Save that may run at once
	wake      chan struct{} // has the feed look again whether to read the store

	mu       sync.Mutex
	alerts   line             // what waits for its callback
	reports  line             // what waits to be reported
	current  map[string]*item // by key: in alerts or with a worker
	saves    map[string]*save // by key: under way
	seen     recent           // answered as received
	finished recent           // no longer current
	behind   bool             // the feed runs: the store has what must be handled before what comes now
	left     bool             // an alert was left to the store alone since it was last read
	closed   bool
	running  int           // goroutines
	idle     chan struct{} // closed while none runs
}

// item is a delivery on its way to the callback or to the report.
type item struct {
	Delivery
	uuid     string // of the alert
	err      error  // to report
	reported bool
}

// line is a queue with the goroutines that work it off. The handler's mutex guards it.
type line struct {
	do         func(*item)
	maxWorkers int

	items   []*item
	bytes   int64 // of the items' bodies
	workers int
}

// NewHandler returns a handler that calls handle for each new alert, from at most 4 goroutines at once. The context of
// the callback ends when [Handler.Shutdown] stops waiting. After an error of handle the event is handled again, up to 5 times,
// after 1, 2, 4 and 8 s; then it is reported. A panic is reported at once. A nil handle panics.
//
// The sender retries what it takes for lost; an alert that comes again among the 4,096 that follow it is answered as
// received and not handled again. While the queue is full the answer is 503, upon which the sender retries three times.
//
// What is in the queue is lost when the process dies, unless there is a store: see [WithStore].
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

// ServeHTTP checks the request, stores its alert if there is a store, queues it and answers: 202 if the alert will be
// handled, 200 if it was received before, 400, 401, 405, 413 or 415 with a line that describes what is wrong, 503 while
// the queue is full, when the store fails or takes over 200 ms, and after shutdown.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	it, err := h.receive(r)
	if err != nil {
		refuse(w, err)
		return
	}
	fresh, err := h.accept(r.Context(), it)
	switch {
	case errors.Is(err, ErrStore):
		http.Error(w, ErrStore.Error(), http.StatusServiceUnavailable) // the store's own error is not for the sender
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

// accept stores an item if there is a store, queues it, and reports whether it is new. An item that is refused is not
// remembered, so that its retry is new.
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

// admit remembers an item that nothing refused, and queues it unless the store has others to be handled before. The
// caller holds h.mu.
func (h *Handler) admit(it *item) {
	h.seen.add(it.Key)
	h.finished.forget(it.Key)
	switch {
	case h.ctx.Err() != nil: // the store has it for the next start
	case !h.behind && h.hasRoom(it):
		h.enqueue(it)
	default:
		h.leaveToStore()
	}
}

// hasRoom reports whether the queue takes the item. The caller holds h.mu.
func (h *Handler) hasRoom(it *item) bool {
	waiting := len(h.alerts.items)
	return waiting < h.maxQueue && (waiting == 0 || h.alerts.bytes+int64(len(it.Body)) <= h.queueBytes)
}

// enqueue hands an item to the workers. The caller holds h.mu.
func (h *Handler) enqueue(it *item) {
	h.current[it.Key] = it
	h.add(&h.alerts, it)
}

// fail has an item reported, by another goroutine. The caller holds h.mu.
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

// hire starts a worker if there is work for one more. The caller holds h.mu.
func (h *Handler) hire(l *line) {
	if len(l.items) > 0 && l.workers < l.maxWorkers {
		l.workers++
		h.start(func() { h.work(l) })
	}
}

// work does what a line holds, until it is empty.
func (h *Handler) work(l *line) {
	defer h.leave(l) // also when the item's work ends this goroutine with runtime.Goexit
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

// start runs do in a goroutine for which Shutdown waits. The caller holds h.mu.
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

// deliver calls back until that succeeds or is given up, and finishes the item whatever the callback does.
func (h *Handler) deliver(it *item) {
	err := ErrExit // stands if the callback ends this goroutine
	defer func() { h.finish(it, err) }()
	err = h.try(it)
}

// try calls back, and again after an error.
func (h *Handler) try(it *item) error {
	wait := h.backoff
	for attempt := 1; ; attempt++ {
		event, err := decode(it.Body, h.maxBytes) // each attempt has its own event, which the callback may change
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

// finish takes an item out of the store, forgets it, and has a failure reported unless Shutdown did.
func (h *Handler) finish(it *item, err error) {
	switch {
	case err != nil && h.ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", ErrShutdown, err) // the store keeps it for the next start
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

// callReport reports an item, and survives a report that panics.
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

// Shutdown refuses new events with 503, and waits until those in the queue are handled, and those in the store for which
// the queue has room. When ctx ends first, it drops
// the events still queued, ends the context of the callbacks that run, reports each event of both kinds with
// [ErrShutdown], and returns ctx's error without waiting for the callbacks. A store keeps these events, unless their
// callback succeeds after all, and what else it holds, for the next start. Shut the http.Server down before, so that
// nothing arrives in vain. It may be called again.
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

// abandon reports what will not be handled, and all that waits to be reported.
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

// take empties the line, and returns what it held.
func (l *line) take() []*item {
	items := l.items
	l.items, l.bytes = nil, 0
	return items
}

// recentAlerts is the number of alerts whose repetition is recognised.
const recentAlerts = 4096

// recent remembers the latest keys.
type recent struct {
	size  int
	keys  map[string]struct{}
	order []string // oldest at next once full
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
