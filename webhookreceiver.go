package metlo

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/metlo-go/metlo/internal/wire"
)

// defaultWebhookBytes bounds a delivery: an alert may hold a trace, and the collector takes 2 MiB of one.
const defaultWebhookBytes = 4 << 20

// WebhookError is a request that is no delivery of an alert. It matches [ErrUnauthorized] for status 401, [ErrTooLarge]
// for 413, [ErrInvalidArgument] for 500, and [ErrBadRequest] for any other.
type WebhookError struct {
	StatusCode int    // what to answer: 400, 401, 405, 413 or 415; 500 if the receiver has no token to compare with
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
	case http.StatusInternalServerError:
		return target == ErrInvalidArgument
	}
	return target == ErrBadRequest
}

var (
	// ErrWebhookQueueFull is reported for an event that found no place in the queue. The sender was asked to retry,
	// which it does three times, 500 ms apart.
	ErrWebhookQueueFull = errors.New("webhook queue is full")
	// ErrWebhookShutdown is reported for an event that came after the handler's shutdown began; the sender was asked to
	// retry. It is also reported for an event whose callback had not returned when the shutdown's context ended: that one
	// is lost unless a store has it for the next start.
	ErrWebhookShutdown = errors.New("webhook handler is shut down")
	// ErrWebhookStore is reported, together with the store's error, for an event that could not be stored; the sender was
	// asked to retry. It is also reported for a handled event that could not be taken out of the store, and, with an
	// empty event, for stored events that could not be read; these are tried again.
	ErrWebhookStore = errors.New("webhook store failed")
	// ErrWebhookExit is reported for an event whose callback ended its goroutine with runtime.Goexit, as t.FailNow does.
	ErrWebhookExit = errors.New("webhook callback called runtime.Goexit")
)

// WebhookPanicError is reported for an event whose callback panicked. It is not tried again.
type WebhookPanicError struct {
	Value any    // what the callback panicked with
	Stack []byte // of the callback
}

// Error says in one line what the callback panicked with.
func (e *WebhookPanicError) Error() string {
	return "webhook callback panicked: " + wire.OneLine(fmt.Sprint(e.Value))
}

// ParseWebhook reads the alert that Metlo posts: a POST of at most 4 MiB of application/json. Given tokens, it accepts
// only a request whose URL has ?token= with one of them. Anything else is a *[WebhookError], which says what to answer.
// It recognises no repetition: Metlo posts an alert again when it takes it for lost, so keep alerts by their UUID. Metlo
// waits 250 ms for the answer. [WebhookHandler] does all of this.
func ParseWebhook(r *http.Request, tokens ...string) (*WebhookEvent, error) {
	if r == nil || r.Body == nil {
		return nil, badWebhook(noWebhookBody)
	}
	hashes, ok := hashTokens(tokens)
	if !ok {
		return nil, &WebhookError{http.StatusInternalServerError, "the token to compare with is empty: set it, or give none"}
	}
	if err := hashes.check(r); err != nil {
		return nil, err
	}
	body, err := readWebhook(r, defaultWebhookBytes)
	if err != nil {
		return nil, err
	}
	if _, err := webhookAlertID(body, defaultWebhookBytes); err != nil {
		return nil, err
	}
	return decodeWebhook(body)
}

// tokenHashes are of one length, so that a comparison tells nothing of a token's.
type tokenHashes [][sha256.Size]byte

func hashTokens(tokens []string) (hashes tokenHashes, ok bool) {
	for _, token := range tokens {
		if token == "" {
			return nil, false
		}
		hashes = append(hashes, sha256.Sum256([]byte(token)))
	}
	return hashes, true
}

// check accepts every request if there are no tokens.
func (t tokenHashes) check(r *http.Request) error {
	if len(t) == 0 {
		return nil
	}
	var given [sha256.Size]byte
	if r.URL != nil {
		given = sha256.Sum256([]byte(r.URL.Query().Get("token")))
	}
	found := 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(given[:], t[i][:])
	}
	if found != 1 {
		return &WebhookError{http.StatusUnauthorized, "want the webhook's URL with its ?token="}
	}
	return nil
}

const (
	noWebhookBody   = "the request is nil or has no body"
	noWebhookObject = `want a JSON object {"alert": {…}, "meta": {…}}`
)

func badWebhook(message string) error { return &WebhookError{http.StatusBadRequest, message} }

// readWebhook returns the body of a request that has the form of a delivery.
func readWebhook(r *http.Request, maxBytes int64) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, &WebhookError{http.StatusMethodNotAllowed, "want a POST: Metlo posts its alerts here"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &WebhookError{http.StatusUnsupportedMediaType, "want Content-Type: application/json"}
	}
	if r.Body == nil {
		return nil, badWebhook(noWebhookBody)
	}
	tooLarge := &WebhookError{http.StatusRequestEntityTooLarge, fmt.Sprintf("want a body of at most %d bytes", maxBytes)}
	if r.ContentLength > maxBytes {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBytes))
	if err == nil && int64(len(body)) == maxBytes {
		var more [1]byte
		if _, err = io.ReadFull(r.Body, more[:]); err == nil {
			return nil, tooLarge
		}
		if err == io.EOF { //nolint:errorlint // io.ReadFull returns it bare
			err = nil
		}
	}
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case err != nil:
		return nil, badWebhook("the body was cut short")
	}
	return bytes.Clone(body), nil // without the room that ReadAll leaves
}

// webhookAlertID checks the shape of a delivery, without building it, and returns the id of its alert.
func webhookAlertID(body []byte, maxBytes int64) (string, error) {
	if wire.Check(body, new(WebhookEvent), maxBytes) != nil {
		return "", &WebhookError{http.StatusRequestEntityTooLarge, "want an alert with fewer values: they would take more memory than an alert of the allowed size"}
	}
	var event struct {
		Alert struct {
			UUID string `json:"uuid"`
		} `json:"alert"`
	}
	if err := wire.Object(body, &event, maxBytes); err != nil {
		return "", badWebhook(noWebhookObject)
	}
	if event.Alert.UUID == "" {
		return "", badWebhook("want an alert with its uuid")
	}
	return event.Alert.UUID, nil
}

func decodeWebhook(body []byte) (*WebhookEvent, error) {
	event := new(WebhookEvent)
	if err := wire.Object(body, event, int64(len(body))); err != nil {
		return nil, badWebhook(noWebhookObject)
	}
	return event, nil
}

// WebhookOption changes how a [WebhookHandler] works. A value that makes no sense panics where the option is made.
type WebhookOption func(*WebhookHandler)

// WithWebhookToken accepts only requests whose URL has ?token= with one of the values, such as
// https://hooks.example.com/metlo?token=…; any other is answered 401. It is all there is to tell Metlo from others,
// since it sends no header and no signature of its own. Several tokens let one be replaced without a gap. An empty token
// panics, and so does none.
func WithWebhookToken(tokens ...string) WebhookOption {
	hashes, ok := hashTokens(tokens)
	if !ok || len(hashes) == 0 {
		panic("metlo: WithWebhookToken: a token is empty or none is given: set one, or leave the option out to accept every sender")
	}
	return func(h *WebhookHandler) { h.tokens = hashes }
}

// WithWebhookStore keeps each alert in store from before the answer until handle has returned, so that it outlives a
// crash: an alert that is answered 202 is handled at least once. What the store holds already is handled first. While
// the queue is full, alerts wait in the store alone. An alert that is given up is reported, and not handled again at the
// next start. The store has 200 ms, since the sender waits 250 ms; then the answer is 503. A nil store panics.
func WithWebhookStore(store WebhookStore) WebhookOption {
	if isNil(store) {
		panic("metlo: WithWebhookStore: the store is nil: leave the option out to keep alerts in memory alone")
	}
	return func(h *WebhookHandler) { h.store = store }
}

// WithWebhookRetry calls handle up to attempts times for one event while it returns an error, after a wait of backoff,
// which doubles up to a minute; the default is 5 times from 1 s. With 1 there is no retry. The worker waits too, so that
// one worker keeps the order. Fewer than 1 panics, and so does a wait that is not positive.
func WithWebhookRetry(attempts int, backoff time.Duration) WebhookOption {
	mustBePositive("WithWebhookRetry", int64(attempts))
	mustBePositive("WithWebhookRetry: backoff", int64(backoff))
	return func(h *WebhookHandler) { h.attempts, h.backoff = attempts, backoff }
}

// WithWebhookQueue bounds the events that wait for a worker; the default is 1,024. Fewer than 1 panics.
func WithWebhookQueue(events int) WebhookOption {
	mustBePositive("WithWebhookQueue", int64(events))
	return func(h *WebhookHandler) { h.maxQueue = events }
}

// WithWebhookQueueBytes bounds the bodies of the events that wait for a worker, in bytes; the default is 64 MiB. A single
// one may be larger. Fewer than 1 panics.
func WithWebhookQueueBytes(n int64) WebhookOption {
	mustBePositive("WithWebhookQueueBytes", n)
	return func(h *WebhookHandler) { h.queueBytes = n }
}

// WithWebhookWorkers bounds the callbacks that run at once; the default is 4. With 1, events come in the order of their
// arrival. Fewer than 1 panics.
func WithWebhookWorkers(n int) WebhookOption {
	mustBePositive("WithWebhookWorkers", int64(n))
	return func(h *WebhookHandler) { h.maxWorkers = n }
}

// WithWebhookMaxBytes bounds a request's body; the default is 4 MiB. A body of many values that are almost empty, which
// would take over 8 times as much memory, is refused too. Fewer than 1 panics.
func WithWebhookMaxBytes(n int64) WebhookOption {
	mustBePositive("WithWebhookMaxBytes", n)
	return func(h *WebhookHandler) { h.maxBytes = n }
}

// WithWebhookReport calls report once for each event that was refused with 503 or not handled: with
// [ErrWebhookQueueFull], [ErrWebhookStore], [ErrWebhookShutdown], [ErrWebhookExit], a *[WebhookPanicError], or the last
// error of the callback. Many goroutines call it. Without this option such events are logged by the default logger of
// log/slog. A nil report panics.
func WithWebhookReport(report func(*WebhookEvent, error)) WebhookOption {
	if report == nil {
		panic("metlo: WithWebhookReport: nil: leave the option out to log what is not handled")
	}
	return func(h *WebhookHandler) { h.report = report }
}

func mustBePositive(option string, n int64) {
	if n < 1 {
		panic(fmt.Sprintf("metlo: %s: %d: use at least 1", option, n))
	}
}

// recentAlerts remembers the latest alerts by their key.
type recentAlerts struct {
	keys  map[string]struct{}
	order []string // oldest at next once full
	next  int
}

func (r *recentAlerts) has(key string) bool {
	_, ok := r.keys[key]
	return ok
}

func (r *recentAlerts) add(key string) {
	if r.has(key) {
		return
	}
	if r.keys == nil {
		r.keys = make(map[string]struct{})
	}
	if len(r.order) < webhookMemory {
		r.order = append(r.order, key)
	} else {
		delete(r.keys, r.order[r.next])
		r.order[r.next] = key
		r.next = (r.next + 1) % webhookMemory
	}
	r.keys[key] = struct{}{}
}

func (r *recentAlerts) forget(key string) { delete(r.keys, key) }
