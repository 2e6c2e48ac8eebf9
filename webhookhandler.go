package metlo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const (
	defaultWebhookQueue      = 1024
	defaultWebhookQueueBytes = 64 << 20
	defaultWebhookWorkers    = 4
	defaultWebhookAttempts   = 5
	defaultWebhookBackoff    = time.Second
	maxWebhookBackoff        = time.Minute
	webhookMemory            = 4096 // alerts whose repetition is recognised
)

// WebhookHandler is an [http.Handler] that receives what Metlo posts to a webhook. It answers at once and calls back
// afterwards, each alert once. It holds no goroutine while there is no work. Make it with [NewWebhookHandler].
type WebhookHandler struct {
	handle     func(context.Context, *WebhookEvent) error
	report     func(*WebhookEvent, error)
	tokens     tokenHashes
	store      WebhookStore // nil for none
	maxBytes   int64
	maxQueue   int
	queueBytes int64
	maxWorkers int
	attempts   int
	backoff    time.Duration

	// The callbacks outlive the requests, so their context is the handler's.
	ctx    context.Context
	cancel context.CancelFunc

	refusals sync.Mutex    // one event at a time is decoded only to be reported
	saves    chan struct{} // has room for what may be saved at once

	mu       sync.Mutex
	queue    []*queuedWebhook
	bytes    int64                     // of the queue
	current  map[string]*queuedWebhook // by key: in the queue or with a worker
	saving   map[string]int            // by key: calls of the store's Save
	seen     recentAlerts              // answered as received
	finished recentAlerts              // no longer current
	workers  int
	replay   webhookReplay
	closed   bool
	idle     chan struct{} // closed once the handler is, and its work is done
}

// queuedWebhook is a delivery until its callback has returned.
type queuedWebhook struct {
	WebhookDelivery
	uuid     string
	running  bool
	reported bool
}

// NewWebhookHandler returns a handler that calls handle for each new alert, from at most 4 goroutines at once. The
// context given to handle ends when [WebhookHandler.Shutdown] gives up. An error of handle has the event handled again,
// up to 5 times, after 1, 2, 4 and 8 s; then it is reported. A panic is reported at once. A nil handle panics.
//
// The sender retries what it takes for lost; an alert that comes again among the 4,096 that follow it is answered as
// received and not handled again. While the queue is full the answer is 503, upon which the sender retries three times.
//
// What is in the queue is lost when the process dies, unless there is a store: see [WithWebhookStore].
func NewWebhookHandler(handle func(context.Context, *WebhookEvent) error, opts ...WebhookOption) *WebhookHandler {
	if handle == nil {
		panic("metlo: NewWebhookHandler: the callback is nil")
	}
	h := &WebhookHandler{
		handle: handle,
		report: func(event *WebhookEvent, err error) {
			slog.Error("metlo: webhook event not handled", "alert", event.Alert.UUID, "err", err)
		},
		maxBytes:   defaultWebhookBytes,
		maxQueue:   defaultWebhookQueue,
		queueBytes: defaultWebhookQueueBytes,
		maxWorkers: defaultWebhookWorkers,
		attempts:   defaultWebhookAttempts,
		backoff:    defaultWebhookBackoff,
		saves:      make(chan struct{}, maxWebhookSaves),
		current:    map[string]*queuedWebhook{},
		saving:     map[string]int{},
		replay:     webhookReplay{room: make(chan struct{}, 1), stop: make(chan struct{})},
		idle:       make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	for _, opt := range opts {
		if opt != nil {
			opt(h)
		}
	}
	if h.store != nil {
		h.mu.Lock()
		h.startReplay()
		h.mu.Unlock()
	}
	return h
}

// ServeHTTP checks the request, stores its alert if there is a store, queues it and answers: 202 if the alert will be
// handled, 200 if it was received before, 400, 401, 405, 413 or 415 with a line that says what is wrong, 503 while the
// queue is full, when the store fails or takes over 200 ms, and after shutdown.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	item, err := h.receive(r)
	if err != nil {
		refuse(w, err)
		return
	}
	fresh, err := h.accept(r.Context(), item)
	switch {
	case err != nil:
		http.Error(w, refusalOf(err).Error(), http.StatusServiceUnavailable)
		// The answer must not wait for the report.
		_ = http.NewResponseController(w).Flush()
		h.refusals.Lock()
		defer h.refusals.Unlock()
		h.tell(item.event(), err)
	case fresh:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// refusalOf leaves out what the store said, which is not the sender's business.
func refusalOf(err error) error {
	if errors.Is(err, ErrWebhookStore) {
		return ErrWebhookStore
	}
	return err
}

func (h *WebhookHandler) receive(r *http.Request) (*queuedWebhook, error) {
	if err := h.tokens.check(r); err != nil {
		return nil, err
	}
	body, err := readWebhook(r, h.maxBytes)
	if err != nil {
		return nil, err
	}
	return h.item(body)
}

// item makes an item of a body that is a delivery.
func (h *WebhookHandler) item(body []byte) (*queuedWebhook, error) {
	uuid, err := webhookAlertID(body, h.maxBytes)
	if err != nil {
		return nil, err
	}
	return &queuedWebhook{WebhookDelivery: WebhookDelivery{Key: webhookKey(uuid), Body: body}, uuid: uuid}, nil
}

func webhookKey(uuid string) string {
	if isUUID(uuid) {
		return strings.ToLower(uuid)
	}
	hash := sha256.Sum256([]byte(uuid))
	return "sha256-" + hex.EncodeToString(hash[:])
}

// event decodes the delivery. Each caller gets an event of its own, which the callback may change.
func (q *queuedWebhook) event() *WebhookEvent {
	if event, err := decodeWebhook(q.Body); err == nil {
		return event
	}
	return &WebhookEvent{Alert: WebhookAlert{UUID: q.uuid}}
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	var fault *WebhookError
	if errors.As(err, &fault) {
		status = fault.StatusCode
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, err.Error(), status)
}

// accept stores and queues an item, and reports whether it is new. An item that is refused is not remembered, so that
// its retry is new.
func (h *WebhookHandler) accept(ctx context.Context, item *queuedWebhook) (fresh bool, err error) {
	if fresh, err = h.check(item); !fresh || err != nil {
		return fresh, err
	}
	if h.store != nil {
		err = h.save(ctx, item)
	}
	h.mu.Lock()
	h.stopSaving(item.Key)
	if err != nil {
		h.mu.Unlock()
		return false, err
	}
	if h.seen.has(item.Key) { // it came twice at once
		h.mu.Unlock()
		h.savedBeside(item.Key)
		return false, nil
	}
	defer h.mu.Unlock()
	switch {
	case h.store == nil && h.closed:
		return false, ErrWebhookShutdown
	case h.store == nil && !h.hasRoom(item):
		return false, ErrWebhookQueueFull
	}
	h.seen.add(item.Key)
	h.finished.forget(item.Key)
	switch {
	case h.closed: // the store has it for the next start
	case h.hasRoom(item):
		h.enqueue(item)
	default:
		h.startReplay() // the store has it until there is room
	}
	return true, nil
}

// check says what can be said of an item before it is stored.
func (h *WebhookHandler) check(item *queuedWebhook) (fresh bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.seen.has(item.Key):
		return false, nil
	case h.closed:
		return false, ErrWebhookShutdown
	case h.store == nil && !h.hasRoom(item):
		return false, ErrWebhookQueueFull
	}
	h.saving[item.Key]++
	return true, nil
}

// stopSaving lets the replay take what accept leaves to it. The caller holds h.mu.
func (h *WebhookHandler) stopSaving(key string) {
	if h.saving[key]--; h.saving[key] <= 0 {
		delete(h.saving, key)
	}
}

// hasRoom reports whether the queue takes the item. The caller holds h.mu.
func (h *WebhookHandler) hasRoom(item *queuedWebhook) bool {
	return len(h.queue) < h.maxQueue && (h.bytes+int64(len(item.Body)) <= h.queueBytes || len(h.queue) == 0)
}

// enqueue hands an item to the workers. The caller holds h.mu.
func (h *WebhookHandler) enqueue(item *queuedWebhook) {
	h.current[item.Key] = item
	h.queue = append(h.queue, item)
	h.bytes += int64(len(item.Body))
	h.hire()
}

// hire starts a worker if there is work for one more. The caller holds h.mu.
func (h *WebhookHandler) hire() {
	if len(h.queue) > 0 && h.workers < h.maxWorkers {
		h.workers++
		go h.work()
	}
}

func (h *WebhookHandler) work() {
	// A deferred leave also runs when the callback ends its goroutine with runtime.Goexit.
	defer h.leave()
	for {
		item := h.next()
		if item == nil {
			return
		}
		h.deliver(item)
	}
}

func (h *WebhookHandler) next() *queuedWebhook {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return nil
	}
	item := h.queue[0]
	h.queue[0] = nil
	h.queue = h.queue[1:]
	h.bytes -= int64(len(item.Body))
	item.running = true
	h.replay.signalRoom()
	return item
}

func (h *WebhookHandler) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.workers--
	h.hire()
	h.settle()
}

// settle closes h.idle when the last work is done. The caller holds h.mu.
func (h *WebhookHandler) settle() {
	if !h.closed || h.workers > 0 || len(h.queue) > 0 || h.replay.running {
		return
	}
	select {
	case <-h.idle:
	default:
		close(h.idle)
		h.cancel()
	}
}

// deliver calls back until that succeeds or is given up, and finishes the item whatever the callback does.
func (h *WebhookHandler) deliver(item *queuedWebhook) {
	err := ErrWebhookExit // is left standing if the callback ends this goroutine
	defer func() { h.finish(item, err) }()
	err = h.try(item)
}

// try calls back, and again after an error.
func (h *WebhookHandler) try(item *queuedWebhook) error {
	wait := h.backoff
	for attempt := 1; ; attempt++ {
		event, err := decodeWebhook(item.Body)
		if err != nil {
			return err
		}
		err = h.call(event)
		var panicked *WebhookPanicError
		if err == nil || attempt == h.attempts || errors.As(err, &panicked) {
			return err
		}
		select {
		case <-h.ctx.Done():
			return err
		case <-time.After(wait):
		}
		wait = min(2*wait, max(maxWebhookBackoff, h.backoff))
	}
}

func (h *WebhookHandler) call(event *WebhookEvent) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &WebhookPanicError{value, debug.Stack()}
		}
	}()
	return h.handle(h.ctx, event)
}

// finish forgets an item and reports a failure, unless the shutdown did.
func (h *WebhookHandler) finish(item *queuedWebhook, err error) {
	h.mu.Lock()
	delete(h.current, item.Key)
	h.finished.add(item.Key)
	reported := item.reported
	h.mu.Unlock()
	interrupted := err != nil && h.ctx.Err() != nil // the store keeps it for the next start
	if h.store != nil && !interrupted {
		if fault := h.done(item.Key, err); fault != nil {
			err = errors.Join(err, fault)
		}
	}
	switch {
	case err == nil || reported:
	case interrupted:
		h.tell(item.event(), fmt.Errorf("%w: %w", ErrWebhookShutdown, err))
	default:
		h.tell(item.event(), err)
	}
}

// tell reports an event that was not handled, and survives a report that panics.
func (h *WebhookHandler) tell(event *WebhookEvent, err error) {
	defer func() {
		if value := recover(); value != nil {
			slog.Error("metlo: the report of a webhook event panicked", "alert", event.Alert.UUID, "err", err, "panic", fmt.Sprint(value))
		}
	}()
	h.report(event, err)
}

// Shutdown refuses new events with 503, and waits until those in the queue are handled. When ctx ends first, it drops
// the events still queued, ends the context of the callbacks that run, reports each event of both kinds with
// [ErrWebhookShutdown], and returns ctx's error without waiting for the callbacks. A store keeps these events, unless
// their callback succeeds after all, and what else it holds, for the next start. Shut the http.Server down before, so
// that nothing arrives in vain. It may be called again.
func (h *WebhookHandler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.replay.stop)
	}
	h.settle()
	h.mu.Unlock()
	select {
	case <-h.idle:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	queued := h.queue
	h.queue, h.bytes = nil, 0
	for _, item := range queued {
		delete(h.current, item.Key)
	}
	var unreported []*queuedWebhook
	running := 0
	for _, item := range h.current {
		running++
		if !item.reported {
			item.reported = true
			unreported = append(unreported, item)
		}
	}
	h.settle()
	h.mu.Unlock()
	h.cancel()
	if len(queued) == 0 && running == 0 {
		return nil // the work ended with the context
	}
	for _, item := range append(queued, unreported...) {
		h.tell(item.event(), ErrWebhookShutdown)
	}
	return fmt.Errorf("metlo: webhook handler: %d events dropped, %d callbacks still running: %w", len(queued), running, ctx.Err())
}
