package transport

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Limiter delays an attempt until it may start.
type Limiter interface {
	Wait(context.Context) error
}

// gate is what every attempt passes: the cool-down that all calls share, then the rate limit.
type gate struct {
	limiter Limiter

	mu       sync.Mutex
	coolTill time.Time
}

// pass returns when an attempt may start.
func (g *gate) pass(ctx context.Context) error {
	for {
		till := g.cooling()
		if err := sleepTill(ctx, till); err != nil {
			return err
		}
		if g.limiter != nil {
			if err := g.limiter.Wait(ctx); err != nil {
				return limitError(ctx, err)
			}
		}
		if g.cooling().Equal(till) {
			return nil
		}
		// A cool-down began meanwhile: the token is spent, or all the waiting calls would start at once after it.
	}
}

func (g *gate) cooling() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.coolTill
}

// cool makes every attempt wait for d from now.
func (g *gate) cool(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if till := time.Now().Add(d); till.After(g.coolTill) {
		g.coolTill = till
	}
}

// sleepTill waits until t, and fails at once if the context would end first.
func sleepTill(ctx context.Context, t time.Time) error {
	if t.IsZero() {
		return ctx.Err()
	}
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(t) {
		return &LimitError{Err: fmt.Errorf("a wait of %v would outlast the context: %w", wait.Round(time.Millisecond), context.DeadlineExceeded)}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// LimitError says that an attempt did not start because the rate limit could not let it.
type LimitError struct{ Err error }

func (e *LimitError) Error() string { return "rate limit: " + e.Err.Error() }
func (e *LimitError) Unwrap() error { return e.Err }

// limitError names the context's deadline as the reason where it is: rate.Limiter refuses in advance, with an error
// that does not wrap context.DeadlineExceeded.
func limitError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := ctx.Deadline(); ok && strings.Contains(err.Error(), "deadline") {
		err = fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return &LimitError{Err: err}
}
