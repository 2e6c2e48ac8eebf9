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

// ErrUnavailable says that Redis is away and that the limiter was told to fail then.
var ErrUnavailable = errors.New("redislimit: redis is away")

// ErrClosed says that the limiter was closed.
var ErrClosed = errors.New("redislimit: the limiter is closed")

// Limiter is a metlo.Limiter whose rate all processes of a fleet share. It is safe for concurrent use.
type Limiter struct {
	askRedis func(ctx context.Context, ahead int) (answer, error)
	end      func() error // of the connection to Redis
	pace     *pace
	interval time.Duration
	ahead    int // slots that may be given out before their time

	turn    chan struct{} // held by the one call that asks
	waiting atomic.Int64  // calls that have the turn or want it
	probes  sync.WaitGroup
	closed  chan struct{}
	closing atomic.Bool
}

// New returns a limiter. Nothing is sent before the first Wait, so a Redis that is away is no error here. All faults
// of the configuration are reported together.
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

// Close ends the connection to Redis. Calls that wait, and all later ones, fail with [ErrClosed].
func (l *Limiter) Close() error {
	if l.closing.Swap(true) {
		return nil
	}
	close(l.closed)
	err := l.end()
	l.turn <- struct{}{} // for good, so that nothing is asked any more
	l.probes.Wait()
	return err
}

// Wait returns when the next request may start. It ends with the context. It fails at once, with an error that wraps
// context.DeadlineExceeded, when it knows that the slot would come after the context's deadline. While Redis is away it
// fails with [ErrUnavailable] or goes on at the local share, as [Config.WhenAway] says.
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

// errAbandoned says that the question to Redis goes on without its caller, and gives back the turn itself.
var errAbandoned = errors.New("redislimit: abandoned")

// enter waits for the turn.
func (l *Limiter) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The call that has the turn may be about to start; each of the others takes a slot at least.
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

// step does the next thing that the call with the turn has to do, and reports whether its request may start.
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

// take asks Redis for a slot and waits until it comes.
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
		return false, nil // the next step knows what changed
	case !v.granted:
		if err := refuse(ctx, v.wait); err != nil {
			return false, err
		}
		// A random delay, or the process nearest to Redis would always be the first to ask again.
		return false, l.sleep(ctx, v.retry+l.jitter(ahead))
	}
	if err := l.sleep(ctx, v.wait); err != nil {
		return false, err
	}
	l.pace.started()
	return true, nil
}

// jitter returns less than a slot, and only there when slots are given out ahead, so that none passes unused.
func (l *Limiter) jitter(ahead int) time.Duration {
	if ahead < l.ahead {
		return 0
	}
	return rand.N(l.interval/2 + 1)
}

type verdict struct {
	answer
	usable bool // false with an error
	err    error
}

// ask gets an answer from Redis and records what it says about Redis. It does not end with the context of a call: even
// a call that cannot wait long enough must be able to find out that Redis is away.
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

// sleep waits for d, unless the context would end first.
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

// refuse returns the error of a wait that would outlast the context's deadline.
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
