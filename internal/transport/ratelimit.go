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

// rateLimit delays every attempt by the cool-down of its server, then by the rate limit of all.
type rateLimit struct {
	limiter Limiter

	mu    sync.Mutex
	hosts map[string]host // hosts by host and port
}

// host is the state of one server, from its attempts.
type host struct {
	coolUntil time.Time
	timedOut  bool // the last attempt timed out, perhaps because its connection is dead
}

// wait returns when an attempt may start. It reports whether the previous attempt timed out. HTTP/2 would send the next
// one on the same connection even if that is dead, so the caller must close it. If onWait is not nil, it is called
// after each wait.
func (l *rateLimit) wait(ctx context.Context, name string, onWait func(WaitReason, time.Duration)) (timedOut bool, err error) {
	for {
		l.mu.Lock()
		until := l.hosts[name].coolUntil
		l.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return false, err
		}
		begin := time.Now()
		if !until.IsZero() {
			if err := sleepUntil(ctx, until); err != nil {
				return false, err
			}
			if d := time.Since(begin); onWait != nil && d >= shortWait {
				onWait(WaitCoolDown, d)
			}
		}
		if l.limiter != nil {
			begin = time.Now()
			if err := l.limiter.Wait(ctx); err != nil {
				return false, limitError(ctx, err)
			}
			if d := time.Since(begin); onWait != nil && d >= shortWait {
				onWait(WaitRateLimit, d)
			}
		}
		l.mu.Lock()
		h := l.hosts[name]
		if h.timedOut {
			l.hosts[name] = host{coolUntil: h.coolUntil}
		}
		l.mu.Unlock()
		if h.coolUntil.Equal(until) {
			return h.timedOut, nil
		}
		// A cool-down began meanwhile. The token is lost, because all waiting calls would otherwise start at once
		// afterwards.
	}
}

// record records the outcome of an attempt that did not succeed. A cool-down never becomes shorter.
func (l *rateLimit) record(name string, o outcome, cool time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.hosts[name]
	if until := time.Now().Add(cool); o.cooldown && until.After(h.coolUntil) {
		h.coolUntil = until
	}
	h.timedOut = o.Err != nil && isTimeout(o.Err)
	if l.hosts == nil {
		l.hosts = map[string]host{}
	}
	l.hosts[name] = h
}

// sleepUntil waits until t, and fails at once if the context would end earlier.
func sleepUntil(ctx context.Context, t time.Time) error {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(t) {
		return &LimitError{Err: fmt.Errorf("a wait of %v exceeds the context's deadline: %w", wait.Round(time.Millisecond), context.DeadlineExceeded)}
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

// LimitError reports that an attempt did not start because of the rate limit.
type LimitError struct{ Err error }

func (e *LimitError) Error() string { return "rate limit: " + e.Err.Error() }
func (e *LimitError) Unwrap() error { return e.Err }

// limitError wraps context.DeadlineExceeded if the deadline is the reason. rate.Limiter fails before a deadline that it
// would exceed, with an error that does not wrap it.
func limitError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := ctx.Deadline(); ok && strings.Contains(err.Error(), "deadline") {
		err = fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return &LimitError{Err: err}
}
