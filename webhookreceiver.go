package metlo

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/metlo-go/metlo/internal/wire"
)

const (
	defaultWebhookBytes   = 4 << 20 // an alert may hold a trace, and the collector takes 2 MiB of one
	defaultWebhookQueue   = 1024
	defaultWebhookWorkers = 4
	webhookMemory         = 4096 // alerts whose repetition is recognised
)

var (
	// ErrWebhookQueueFull is reported for an event that found no place in the queue. The sender was asked to retry,
	// which it does three times, 500 ms apart.
	ErrWebhookQueueFull = errors.New("webhook queue is full")
	// ErrWebhookShutdown is reported for an event that came after the handler's shutdown began, so that the sender was
	// asked to retry, and for one that was still queued when the shutdown's context ended, which is lost.
	ErrWebhookShutdown = errors.New("webhook handler is shut down")
)

// WebhookError is a request that is no delivery of an alert. It matches [ErrUnauthorized] for status 401, [ErrTooLarge]
// for 413, and [ErrBadRequest] for any other.
type WebhookError struct {
	StatusCode int    // what to answer: 400, 401, 405, 413 or 415
	Message    string // what is wrong and what is wanted; holds nothing of the request's URL or body
}

// Error says in one line what is wrong.
func (e *WebhookError) Error() string { return "metlo: webhook: " + e.Message }

// Is reports whether target is the sentinel of the status.
func (e *WebhookError) Is(target error) bool {
	switch e.StatusCode {
	case http.StatusUnauthorized:
		return target == ErrUnauthorized
	case http.StatusRequestEntityTooLarge:
		return target == ErrTooLarge
	}
	return target == ErrBadRequest
}

// WebhookPanicError is reported for an event during which the callback panicked. The event is lost.
type WebhookPanicError struct {
	Value any    // what the callback panicked with
	Stack []byte // of the callback
}

// Error says in one line what the callback panicked with.
func (e *WebhookPanicError) Error() string {
	return "webhook callback panicked: " + wire.OneLine(fmt.Sprint(e.Value))
}

// ParseWebhook reads the alert that Metlo posts: a POST of at most 4 MiB of application/json. Anything else is a
// *[WebhookError], which says what to answer. It checks no token; [WebhookHandler] does. Metlo waits 250 ms for the
// answer, so answer first and work afterwards.
func ParseWebhook(r *http.Request) (*WebhookEvent, error) {
	if r == nil || r.Body == nil {
		return nil, &WebhookError{http.StatusBadRequest, "the request is nil or has no body"}
	}
	return parseWebhook(r, defaultWebhookBytes)
}

func parseWebhook(r *http.Request, maxBytes int64) (*WebhookEvent, error) {
	if r.Method != http.MethodPost {
		return nil, &WebhookError{http.StatusMethodNotAllowed, "want a POST: Metlo posts its alerts here"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &WebhookError{http.StatusUnsupportedMediaType, "want Content-Type: application/json"}
	}
	tooLarge := &WebhookError{http.StatusRequestEntityTooLarge, fmt.Sprintf("want a body of at most %d bytes", maxBytes)}
	if r.ContentLength > maxBytes {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBytes+1))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over) || int64(len(body)) > maxBytes:
		return nil, tooLarge
	case err != nil:
		return nil, &WebhookError{http.StatusBadRequest, "the body was cut short"}
	}
	var event WebhookEvent
	if err := wire.Object(body, &event); err != nil {
		return nil, &WebhookError{http.StatusBadRequest, `want a JSON object {"alert": {…}, "meta": {…}}`}
	}
	if event.Alert.UUID == "" {
		return nil, &WebhookError{http.StatusBadRequest, "want an alert with its uuid"}
	}
	return &event, nil
}

// WebhookOption changes how a [WebhookHandler] works. A value that makes no sense panics where the option is made.
type WebhookOption func(*WebhookHandler)

// WithWebhookToken accepts only requests whose URL has ?token= with this value, such as
// https://hooks.example.com/metlo?token=…; any other is answered 401. It is all there is to tell Metlo from others,
// since it sends no header and no signature of its own. An empty token panics.
func WithWebhookToken(token string) WebhookOption {
	if token == "" {
		panic("metlo: WithWebhookToken: the token is empty: set one, or leave the option out to accept every sender")
	}
	hash := sha256.Sum256([]byte(token))
	return func(h *WebhookHandler) { h.token = &hash }
}

// WithWebhookQueue bounds the events that wait for a worker; the default is 1,024. Fewer than 1 panics.
func WithWebhookQueue(events int) WebhookOption {
	mustBePositive("WithWebhookQueue", int64(events))
	return func(h *WebhookHandler) { h.maxQueue = events }
}

// WithWebhookWorkers bounds the callbacks that run at once; the default is 4. With 1, events come in the order of their
// arrival. Fewer than 1 panics.
func WithWebhookWorkers(n int) WebhookOption {
	mustBePositive("WithWebhookWorkers", int64(n))
	return func(h *WebhookHandler) { h.maxWorkers = n }
}

// WithWebhookMaxBytes bounds a request's body; the default is 4 MiB. Fewer than 1 panics.
func WithWebhookMaxBytes(n int64) WebhookOption {
	mustBePositive("WithWebhookMaxBytes", n)
	return func(h *WebhookHandler) { h.maxBytes = n }
}

// WithWebhookReport calls report for each event that the callback did not finish: with [ErrWebhookQueueFull], with
// [ErrWebhookShutdown], or with a *[WebhookPanicError]. Many goroutines call it. Without this option such events are
// logged by the default logger of log/slog. A nil report panics.
func WithWebhookReport(report func(*WebhookEvent, error)) WebhookOption {
	if report == nil {
		panic("metlo: WithWebhookReport: nil: leave the option out to log what is dropped")
	}
	return func(h *WebhookHandler) { h.report = report }
}

func mustBePositive(option string, n int64) {
	if n < 1 {
		panic(fmt.Sprintf("metlo: %s: %d: use at least 1", option, n))
	}
}

// WebhookHandler is an [http.Handler] that receives what Metlo posts to a webhook. It answers at once and calls back
// afterwards, each alert once. It holds no goroutine while there is no work. Make it with [NewWebhookHandler].
type WebhookHandler struct {
	handle     func(context.Context, *WebhookEvent)
	report     func(*WebhookEvent, error)
	token      *[sha256.Size]byte // hash of the token; nil accepts every sender
	maxBytes   int64
	maxQueue   int
	maxWorkers int

	// The callbacks outlive the requests, so their context is the handler's.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	queue   []*WebhookEvent
	seen    recentAlerts
	workers int
	closed  bool
	idle    chan struct{} // closed once the handler is, and its work is done
}

// NewWebhookHandler returns a handler that calls handle for each new alert, from at most 4 goroutines at once. The
// context given to handle ends when [WebhookHandler.Shutdown] gives up. A panic of handle is caught and reported. A nil
// handle panics.
//
// The sender retries what it takes for lost; an alert that comes again among the 4,096 that follow it is answered as
// received and not handled again. While the queue is full the answer is 503, upon which the sender retries.
func NewWebhookHandler(handle func(context.Context, *WebhookEvent), opts ...WebhookOption) *WebhookHandler {
	if handle == nil {
		panic("metlo: NewWebhookHandler: the callback is nil")
	}
	h := &WebhookHandler{
		handle: handle,
		report: func(event *WebhookEvent, err error) {
			slog.Error("metlo: webhook event dropped", "alert", event.Alert.UUID, "err", err)
		},
		maxBytes:   defaultWebhookBytes,
		maxQueue:   defaultWebhookQueue,
		maxWorkers: defaultWebhookWorkers,
		idle:       make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	for _, opt := range opts {
		if opt != nil {
			opt(h)
		}
	}
	return h
}

// ServeHTTP checks the request, queues its alert and answers: 202 if the alert will be handled, 200 if it was received
// before, 400, 401, 405, 413 or 415 with a line that says what is wrong, 503 while the queue is full or after shutdown.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event, err := h.receive(r)
	if err != nil {
		refuse(w, err)
		return
	}
	fresh, err := h.enqueue(event)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		// The answer must not wait for the report.
		_ = http.NewResponseController(w).Flush()
		h.tell(event, err)
	case fresh:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (h *WebhookHandler) receive(r *http.Request) (*WebhookEvent, error) {
	if h.token != nil {
		// Hashes are of one length, so the comparison tells nothing of the token's.
		given := sha256.Sum256([]byte(r.URL.Query().Get("token")))
		if subtle.ConstantTimeCompare(given[:], h.token[:]) != 1 {
			return nil, &WebhookError{http.StatusUnauthorized, "want the webhook's URL with its ?token="}
		}
	}
	return parseWebhook(r, h.maxBytes)
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

// enqueue reports whether the event is new. An event that is refused is not remembered, so that its retry is new.
func (h *WebhookHandler) enqueue(event *WebhookEvent) (fresh bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := sha256.Sum256([]byte(event.Alert.UUID))
	switch {
	case h.seen.has(id):
		return false, nil
	case h.closed:
		return false, ErrWebhookShutdown
	case len(h.queue) >= h.maxQueue:
		return false, ErrWebhookQueueFull
	}
	h.seen.add(id)
	h.queue = append(h.queue, event)
	h.hire()
	return true, nil
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
		event := h.next()
		if event == nil {
			return
		}
		h.call(event)
	}
}

func (h *WebhookHandler) next() *WebhookEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return nil
	}
	event := h.queue[0]
	h.queue[0] = nil
	h.queue = h.queue[1:]
	return event
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
	if !h.closed || h.workers > 0 || len(h.queue) > 0 {
		return
	}
	select {
	case <-h.idle:
	default:
		close(h.idle)
		h.cancel()
	}
}

func (h *WebhookHandler) call(event *WebhookEvent) {
	defer func() {
		if value := recover(); value != nil {
			h.tell(event, &WebhookPanicError{value, debug.Stack()})
		}
	}()
	h.handle(h.ctx, event)
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

// Shutdown refuses new events with 503, and waits until those received before are handled. When ctx ends first, it drops
// the events still queued, reports each, ends the context of the callbacks that run, and returns ctx's error without
// waiting for these. Shut the http.Server down before, so that nothing arrives in vain. It may be called again.
func (h *WebhookHandler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	h.settle()
	h.mu.Unlock()
	select {
	case <-h.idle:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	dropped, running := h.queue, h.workers
	h.queue = nil
	h.settle()
	h.mu.Unlock()
	h.cancel()
	if len(dropped) == 0 && running == 0 {
		return nil // the work ended with the context
	}
	for _, event := range dropped {
		h.tell(event, ErrWebhookShutdown)
	}
	return fmt.Errorf("metlo: webhook handler: %d events dropped, %d callbacks still running: %w", len(dropped), running, ctx.Err())
}

// recentAlerts remembers the latest alerts by the hash of their id.
type recentAlerts struct {
	ids   map[[sha256.Size]byte]struct{}
	order [][sha256.Size]byte // oldest at next once full
	next  int
}

func (r *recentAlerts) has(id [sha256.Size]byte) bool {
	_, ok := r.ids[id]
	return ok
}

func (r *recentAlerts) add(id [sha256.Size]byte) {
	if r.ids == nil {
		r.ids = make(map[[sha256.Size]byte]struct{})
	}
	if len(r.order) < webhookMemory {
		r.order = append(r.order, id)
	} else {
		delete(r.ids, r.order[r.next])
		r.order[r.next] = id
		r.next = (r.next + 1) % webhookMemory
	}
	r.ids[id] = struct{}{}
}
