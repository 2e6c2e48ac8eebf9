package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/metlo-go/metlo"
)

// Option configures a [Handler]. An invalid value panics in the function that returns the option.
type Option func(*config)

type config struct {
	tokens     tokenHashes
	store      Store // nil for no store
	maxBytes   int64
	maxQueue   int
	queueBytes int64
	maxWorkers int
	attempts   int
	backoff    time.Duration
	report     func(*metlo.WebhookEvent, error)
}

func defaults() config {
	return config{
		maxBytes:   defaultMaxBytes,
		maxQueue:   1024,
		queueBytes: 64 << 20,
		maxWorkers: 4,
		attempts:   5,
		backoff:    time.Second,
		report: func(event *metlo.WebhookEvent, err error) {
			slog.LogAttrs(context.Background(), slog.LevelError, "metlo: webhook event refused or not handled",
				slog.String("alert", event.Alert.UUID), slog.Any("err", err))
		},
	}
}

// pause returns the next wait after a wait.
func (c *config) pause(wait time.Duration) time.Duration {
	return min(2*wait, max(time.Minute, c.backoff))
}

// WithToken accepts only requests whose URL has ?token= with one of the values, such as
// https://hooks.example.com/metlo?token=…, and answers 401 otherwise. Metlo sends no signature and no secret header.
// Several tokens allow a rotation without a gap. It panics for an empty token and for no token.
func WithToken(tokens ...string) Option {
	hashes, ok := hashTokens(tokens)
	if !ok || len(hashes) == 0 {
		panic("metlo: webhook: WithToken: a token is empty or missing: set one, or leave the option out to accept every sender")
	}
	return func(c *config) { c.tokens = hashes }
}

// WithStore stores each alert before the answer and removes it after the callback, so that it survives a crash: an
// alert answered with 202 is handled at least once. Stored events are handled before new ones. While the queue is full,
// new alerts are only stored. An alert whose retries end is reported, and not handled again at the next start. If the
// store takes over 200 ms, the answer is 503, because the sender waits only 250 ms; an alert stored later is handled
// nevertheless. WithStore panics if store is nil.
func WithStore(store Store) Option {
	if folder, ok := store.(*Folder); store == nil || ok && folder == nil {
		panic("metlo: webhook: WithStore: the store is nil: leave the option out to keep alerts in memory alone")
	}
	return func(c *config) { c.store = store }
}

// WithRetry calls back up to attempts times per event while the callback returns an error. The first wait is backoff,
// and each further one is twice as long, up to a minute; the default is 5 attempts and 1 s. With 1 attempt there is no
// retry. The worker waits too, so a single worker preserves the order. It panics for fewer than 1 attempt and for a
// wait that is not positive.
func WithRetry(attempts int, backoff time.Duration) Option {
	mustBePositive("WithRetry", int64(attempts))
	mustBePositive("WithRetry: backoff", int64(backoff))
	return func(c *config) { c.attempts, c.backoff = attempts, backoff }
}

// WithQueue limits the events that wait for a worker; the default is 1,024. It panics below 1.
func WithQueue(events int) Option {
	mustBePositive("WithQueue", int64(events))
	return func(c *config) { c.maxQueue = events }
}

// WithQueueBytes limits the total size of the bodies of events that wait for a worker, in bytes; the default is 64 MiB.
// A single body may be larger. It also limits the bodies of events that wait for the callback of [WithReport]: beyond
// it, an event is reported with only its alert's UUID. It panics below 1.
func WithQueueBytes(n int64) Option {
	mustBePositive("WithQueueBytes", n)
	return func(c *config) { c.queueBytes = n }
}

// WithWorkers limits concurrent callbacks; the default is 4. With 1, events are handled in order of arrival. It panics
// below 1.
func WithWorkers(n int) Option {
	mustBePositive("WithWorkers", int64(n))
	return func(c *config) { c.maxWorkers = n }
}

// WithMaxBytes limits a request's body, in bytes; the default is 4 MiB. The handler also rejects a body of many nearly
// empty values, which would take over 4 times as much memory. It panics below 1.
func WithMaxBytes(n int64) Option {
	mustBePositive("WithMaxBytes", n)
	return func(c *config) { c.maxBytes = n }
}

// WithReport calls report once for each event that was rejected with 503 and not stored, or accepted and not handled.
// The error is [ErrQueueFull], [ErrStore], [ErrShutdown], [ErrExit], a *[PanicError], or the callback's last error. The
// sender may repeat a rejected event, which is then accepted. Neither answers nor workers wait for report. Calls are
// sequential, except that Shutdown makes its own calls when its context ends. Without this option the default logger of
// log/slog logs such events. WithReport panics if report is nil.
func WithReport(report func(*metlo.WebhookEvent, error)) Option {
	if report == nil {
		panic("metlo: webhook: WithReport: nil: leave the option out to log what is not handled")
	}
	return func(c *config) { c.report = report }
}

func mustBePositive(option string, n int64) {
	if n < 1 {
		panic(fmt.Sprintf("metlo: webhook: %s: %d: use at least 1", option, n))
	}
}
