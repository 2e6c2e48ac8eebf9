package transport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// What a call waits for.
const (
	waitForHeaders = "response headers"
	waitForBody    = "the next KiB of the response body"
)

// waitTimer cancels a call whose wait for the server lasts too long. Its timer is set once and looks for itself whether
// it comes too early: to set and stop it for each wait would cost more than most waits take.
type waitTimer struct {
	mu    sync.Mutex
	timer *time.Timer
	looks time.Time     // when the timer ends, zero if it does not run
	due   time.Time     // when the wait under way is too long, zero without one
	wants string        // what the wait is for
	limit time.Duration // how long such a wait may last
}

// start begins a wait that may last for d.
func (w *waitTimer) start(c *call, now time.Time, d time.Duration, wants string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due, w.wants = now.Add(d), wants
	w.limit = c.pipeline.headerTimeout
	if wants == waitForBody {
		w.limit = c.pipeline.idleTimeout
	}
	switch {
	case w.timer == nil:
		d = min(d, c.pipeline.idleTimeout) // the next wait, for the body, need not set it then
		w.timer, w.looks = time.AfterFunc(d, func() { w.look(c) }), now.Add(d)
	case w.looks.IsZero() || w.due.Before(w.looks):
		w.timer.Reset(d)
		w.looks = w.due
	}
}

// extend has the wait for headers, if it is under way, last for d from now on.
func (w *waitTimer) extend(now time.Time, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.due.IsZero() && w.wants == waitForHeaders {
		w.due = now.Add(d)
	}
}

// pause ends the wait.
func (w *waitTimer) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
}

// stop ends the wait for good.
func (w *waitTimer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	if w.timer != nil {
		w.timer.Stop()
	}
}

// look cancels the call if its wait is too long.
func (w *waitTimer) look(c *call) {
	if err := w.overdue(); err != nil {
		c.cancel(err)
	}
}

// overdue returns what ends a wait that is too long, and sets the timer anew if it is not yet.
func (w *waitTimer) overdue() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := time.Until(w.due)
	switch {
	case w.due.IsZero():
		w.looks = time.Time{}
		return nil
	case left > 0:
		w.timer.Reset(left)
		w.looks = w.due
		return nil
	}
	return &TimeoutError{Waited: w.limit, For: w.wants}
}

// TimeoutError is a wait that the pipeline ended. It matches context.DeadlineExceeded and os.ErrDeadlineExceeded.
type TimeoutError struct {
	Waited time.Duration
	For    string
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("waited %v for %s", e.Waited, e.For) }

// Timeout makes the error one of package net's timeouts.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is one of the standard library's timeouts.
func (e *TimeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// isTimeout reports whether an attempt ended for want of an answer, by the pipeline's timeout or by the caller's deadline.
func isTimeout(err error) bool {
	var limit *LimitError
	return errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &limit)
}
