package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/metlo-go/metlo"
)

// Option changes how a [Handler] works. A value that makes no sense panics where the option is made.
type Option func(*config)

type config struct {
	tokens     tokenHashes
	store      Store // nil for none
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

// pause returns the wait that follows a wait.
func (c *config) pause(wait time.Duration) time.Duration {
	return min(2*wait, max(time.Minute, c.backoff))
}

// WithToken accepts only requests whose URL has ?token= with one of the values, such as
// https://hooks.example.com/metlo?token=…; any other is answered 401. Metlo sends no signature and no header that only it
// knows. Several tokens let one be replaced without a gap. An empty token panics, and so does none.
func WithToken(tokens ...string) Option {
	hashes, ok := hashTokens(tokens)
	if !ok || len(hashes) == 0 {
		panic("metlo: webhook: WithToken: a token is empty or missing: set one, or leave the option out to accept every sender")
	}
	return func(c *config) { c.tokens = hashes }
}

// WithStore keeps each alert in store from before the answer until the callback has returned, so that it outlives a
// crash: an alert that is answered 202 is handled at least once. What the store holds is handled before what comes
// later. While the queue is full, alerts wait in the store alone. An alert that is given up is reported, and not handled
// again at the next start. The store has 200 ms, since the sender waits 250 ms; then the answer is 503. An alert that
// the store keeps later than that is handled all the same. A nil store panics.
func WithStore(store Store) Option {
	if folder, ok := store.(*Folder); store == nil || ok && folder == nil {
		panic("metlo: webhook: WithStore: the store is nil: leave the option out to keep alerts in memory alone")
	}
	return func(c *config) { c.store = store }
}

// WithRetry calls back up to attempts times for one event while the callback returns an error, after a wait of backoff,
// which doubles up to a minute; the default is 5 times from 1 s. With 1 there is no retry. The worker waits too, so that
// one worker keeps the order. Fewer than 1 panics, and so does a wait that is not positive.
func WithRetry(attempts int, backoff time.Duration) Option {
	mustBePositive("WithRetry", int64(attempts))
	mustBePositive("WithRetry: backoff", int64(backoff))
	return func(c *config) { c.attempts, c.backoff = attempts, backoff }
}

// WithQueue bounds the events that wait for a worker; the default is 1,024. Fewer than 1 panics.
func WithQueue(events int) Option {
	mustBePositive("WithQueue", int64(events))
	return func(c *config) { c.maxQueue = events }
}

// WithQueueBytes bounds the bodies of the events that wait for a worker, in bytes; the default is 64 MiB. A single one
// may be larger. It also bounds the bodies of the events that wait for the callback of [WithReport]: beyond it, an event
// is reported with its alert's UUID alone. Fewer than 1 panics.
func WithQueueBytes(n int64) Option {
	mustBePositive("WithQueueBytes", n)
	return func(c *config) { c.queueBytes = n }
}

// WithWorkers bounds the callbacks that run at once; the default is 4. With 1, events are handled in the order of their
// arrival. Fewer than 1 panics.
func WithWorkers(n int) Option {
	mustBePositive("WithWorkers", int64(n))
	return func(c *config) { c.maxWorkers = n }
}

// WithMaxBytes bounds a request's body, in bytes; the default is 4 MiB. A body of many values that are almost empty,
// which would take over 4 times as much memory, is refused too. Fewer than 1 panics.
func WithMaxBytes(n int64) Option {
	mustBePositive("WithMaxBytes", n)
	return func(c *config) { c.maxBytes = n }
}

// WithReport calls report once for each event that was refused with 503 and is not stored, or that was accepted and not
// handled: with [ErrQueueFull], [ErrStore], [ErrShutdown], [ErrExit], a *[PanicError], or the last error of the
// callback. The sender may repeat an event that was refused, which is then accepted. No answer and no worker waits for
// report. Calls follow one another, except that Shutdown makes its own when it gives up. Without this option such events
// are logged by the default logger of log/slog. A nil report panics.
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
