package redislimit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnavailable reports that Redis is unavailable and the fallback is [Fail].
var ErrUnavailable = errors.New("redislimit: redis is away")

// ErrClosed reports that the limiter was closed.
var ErrClosed = errors.New("redislimit: the limiter is closed")

// Limiter is a metlo.Limiter with a rate that several processes share. It is safe for concurrent use.
type Limiter struct {
	askRedis func(ctx context.Context, ahead int) (answer, error)
	end      func() error // closes the connection to Redis
	pace     *pace
	interval time.Duration
	ahead    int // maximum number of slots that are assigned in advance

	turn    chan struct{} // held by the one call that asks Redis
	waiting atomic.Int64  // number of calls that hold or wait for the turn
	probes  sync.WaitGroup
	closed  chan struct{}
	closing atomic.Bool
}

// New returns a limiter. It sends nothing before the first Wait, so an unavailable Redis is not an error here. It
// reports all problems of the configuration together.
func New(config Config) (*Limiter, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	slots, err := newRedisSource(&config)
	if err != nil {
		return nil, err
	}
	return newLimiter(&config, slots.ask, slots.client.Close), nil
}

func newLimiter(config *Config, ask func(context.Context, int) (answer, error), end func() error) *Limiter {
	logger := config.Logger
	if logger == nil {
		logger = slog.Default()
	}
	interval := config.interval()
	ahead := int((lookahead + interval - 1) / interval)
	return &Limiter{
		askRedis: ask,
		end:      end,
		interval: interval,
		ahead:    ahead,
		pace:     newPace(config.gap(), time.Duration(ahead)*interval, logger.With("metlo", config.BaseURL)),
		turn:     make(chan struct{}, 1),
		closed:   make(chan struct{}),
	}
}

// Close ends the connection to Redis. Pending and later calls fail with [ErrClosed].
func (l *Limiter) Close() error {
	if l.closing.Swap(true) {
		return nil
	}
	close(l.closed)
	err := l.end()
	l.turn <- struct{}{} // permanently, so that no call asks again
	l.probes.Wait()
	return err
}

// Wait returns when the next request may start, or when the context ends. If the slot would come after the context's
// deadline, it fails immediately with an error that wraps context.DeadlineExceeded. While Redis is unavailable it
// applies [Config.WhenAway]: it fails with [ErrUnavailable] or continues at the local share.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	for {
		done, err := l.step(ctx)
		if errors.Is(err, errAbandoned) {
			return ctx.Err()
		}
		if done || err != nil {
			l.leave()
			return err
		}
	}
}

// errAbandoned reports that the request to Redis continues without its caller, and releases the turn itself.
var errAbandoned = errors.New("redislimit: abandoned")

// enter waits for the turn.
func (l *Limiter) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The call that holds the turn may be about to start; each other takes at least one slot.
	before := l.waiting.Add(1) - 2
	if err := refuse(ctx, time.Duration(before)*l.interval); err != nil {
		l.waiting.Add(-1)
		return err
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.waiting.Add(-1)
		return ctx.Err()
	case <-l.closed:
		l.waiting.Add(-1)
		return ErrClosed
	}
}

func (l *Limiter) leave() {
	<-l.turn
	l.waiting.Add(-1)
}

// step performs the next step of the call that holds the turn, and reports whether its request may start.
func (l *Limiter) step(ctx context.Context) (bool, error) {
	state := l.pace.state()
	if state.away && l.pace.gap > 0 {
		if state.probe {
			l.probes.Go(func() { l.ask(l.ahead) })
		}
		if err := l.sleep(ctx, state.wait); err != nil || state.wait > 0 {
			return false, err
		}
		l.pace.started()
		return true, nil
	}
	if state.away && !state.probe {
		return false, fmt.Errorf("%w: %w", ErrUnavailable, state.cause)
	}
	if err := l.sleep(ctx, state.wait); err != nil {
		return false, err
	}
	return l.take(ctx)
}

// take requests a slot from Redis and waits for it.
func (l *Limiter) take(ctx context.Context) (bool, error) {
	ahead := l.ahead
	if deadline, ok := ctx.Deadline(); ok {
		ahead = max(0, min(ahead, int(time.Until(deadline)/l.interval)))
	}
	answers := make(chan verdict, 1)
	go func() { answers <- l.ask(ahead) }()
	var v verdict
	select {
	case v = <-answers:
	case <-ctx.Done():
		go func() {
			<-answers
			l.leave()
		}()
		return false, errAbandoned
	}
	switch {
	case v.err != nil && l.pace.gap == 0:
		return false, fmt.Errorf("%w: %w", ErrUnavailable, v.err)
	case !v.usable:
		return false, nil // the next step handles the change
	case !v.granted:
		if err := refuse(ctx, v.wait); err != nil {
			return false, err
		}
		// Without a random delay the process nearest to Redis would always ask first.
		return false, l.sleep(ctx, v.retry+l.jitter(ahead))
	}
	if err := l.sleep(ctx, v.wait); err != nil {
		return false, err
	}
	l.pace.started()
	return true, nil
}

// jitter returns a random time below a slot's length if slots are assigned in advance, so that none passes unused, and
// otherwise 0.
func (l *Limiter) jitter(ahead int) time.Duration {
	if ahead < l.ahead {
		return 0
	}
	return rand.N(l.interval/2 + 1)
}

type verdict struct {
	answer
	usable bool // false after an error
	err    error
}

// ask requests a slot and records whether Redis is available. It does not end with the context of a call: even a call
// that cannot wait long enough must detect an outage.
func (l *Limiter) ask(ahead int) verdict {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	a, err := l.askRedis(ctx, ahead)
	if l.closing.Load() {
		return verdict{err: ErrClosed}
	}
	if err != nil {
		l.pace.failed(err)
		return verdict{err: err}
	}
	return verdict{answer: a, usable: l.pace.answered(a.renewed)}
}

// sleep waits for d, unless the context would end earlier.
func (l *Limiter) sleep(ctx context.Context, d time.Duration) error {
	if l.closing.Load() {
		return ErrClosed
	}
	if d <= 0 {
		return ctx.Err()
	}
	if err := refuse(ctx, d); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closed:
		return ErrClosed
	}
}

// refuse returns the error for a wait beyond the context's deadline.
func refuse(ctx context.Context, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && wait > time.Until(deadline) {
		return fmt.Errorf("redislimit: the next slot comes in %v or later, after the deadline: %w",
			wait.Round(time.Millisecond), context.DeadlineExceeded)
	}
	return nil
}
