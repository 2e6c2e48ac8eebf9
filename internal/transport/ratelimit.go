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

// rateLimit is what every attempt waits for: the cool-down of its server, then the rate limit of all.
type rateLimit struct {
	limiter Limiter

	mu    sync.Mutex
	hosts map[string]*host
}

// host is what the attempts to one host and port told.
type host struct {
	coolUntil time.Time
	suspect   bool // an attempt timed out, perhaps since its connection is dead
}

// of returns what is known of a host, with the lock held.
func (l *rateLimit) of(name string) *host {
	name = strings.ToLower(name)
	h := l.hosts[name]
	if h == nil {
		h = new(host)
		if l.hosts == nil {
			l.hosts = map[string]*host{}
		}
		l.hosts[name] = h
	}
	return h
}

// wait returns when an attempt may start.
func (l *rateLimit) wait(ctx context.Context, host string) error {
	for {
		until := l.cooling(host)
		if err := sleepUntil(ctx, until); err != nil {
			return err
		}
		if l.limiter != nil {
			if err := l.limiter.Wait(ctx); err != nil {
				return limitError(ctx, err)
			}
		}
		if l.cooling(host).Equal(until) {
			return nil
		}
		// A cool-down began meanwhile: the token is spent, or all the waiting calls would start at once after it.
	}
}

func (l *rateLimit) cooling(host string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(host).coolUntil
}

// cool makes every attempt at a host wait for d from now.
func (l *rateLimit) cool(host string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.of(host)
	if until := time.Now().Add(d); until.After(h.coolUntil) {
		h.coolUntil = until
	}
}

// learn keeps what an attempt at a host came to.
func (l *rateLimit) learn(host string, o outcome, wait time.Duration) {
	if o.cooldown {
		l.cool(host, wait)
	}
	timedOut := o.Err != nil && isTimeout(o.Err)
	if o.Err != nil && !timedOut {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(host).suspect = timedOut
}

// suspect reports whether the last attempt at a host timed out. HTTP/2 would send the next one on the same connection,
// also if it is dead: then the attempt had better have it closed.
func (l *rateLimit) suspect(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(host).suspect
}

// sleepUntil waits until t, and fails at once if the context would end first.
func sleepUntil(ctx context.Context, t time.Time) error {
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
