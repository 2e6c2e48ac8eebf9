package transport

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// watchdog ends a wait for the server that lasts too long. Its timer is set once and looks for itself whether it comes
// too early: to set and stop it for each wait would cost more than most waits take.
type watchdog struct {
	mu    sync.Mutex
	timer *time.Timer
	looks time.Time // when the timer ends, zero if it does not run
	due   time.Time // when the wait under way is too long, zero without one
}

// watch begins a wait that may last for d.
func (c *call) watch(now time.Time, d time.Duration) {
	w := &c.watchdog
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = now.Add(d)
	switch {
	case w.timer == nil:
		d = min(d, c.pipeline.idleTimeout) // the next wait, for the body, need not set it then
		w.timer, w.looks = time.AfterFunc(d, c.look), now.Add(d)
	case w.looks.IsZero() || w.due.Before(w.looks):
		w.timer.Reset(d)
		w.looks = w.due
	}
}

// extend has the wait under way, if there is one, last for d from now on.
func (w *watchdog) extend(now time.Time, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.due.IsZero() {
		w.due = now.Add(d)
	}
}

// calm ends the wait.
func (c *call) calm() {
	w := &c.watchdog
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
}

// stop ends the wait for good.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	if w.timer != nil {
		w.timer.Stop()
	}
}

// late reports whether the wait is too long, and sets the timer anew if it is not yet.
func (w *watchdog) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := time.Until(w.due)
	switch {
	case w.due.IsZero():
		w.looks = time.Time{}
		return false
	case left > 0:
		w.timer.Reset(left)
		w.looks = w.due
		return false
	}
	return true
}

// look cancels the call if its wait is too long.
func (c *call) look() {
	switch {
	case !c.watchdog.late():
	case c.answered.Load():
		c.cancel(&TimeoutError{Waited: c.pipeline.idleTimeout, For: "the next KiB of the response body"})
	default:
		c.cancel(&TimeoutError{Waited: c.pipeline.headerTimeout, For: "response headers"})
	}
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
