package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Policy bounds how often and how soon a request is repeated.
type Policy struct {
	MaxRetries    int           // attempts after the first
	BaseWait      time.Duration // ceiling of the first random wait; each later ceiling is twice as high
	MaxWait       time.Duration // highest ceiling
	MaxRetryAfter time.Duration // longest wait that a server may ask for
}

// mayRepeat reports whether the request belongs to a class that may be sent again, and can be.
func (c *call) mayRepeat(least Repeat) bool {
	r := &c.request
	return c.Context.Err() == nil && r.Repeat != RepeatNever && r.Repeat >= least &&
		(c.upload == nil || c.upload.rewindable())
}

// wait is how long to put off an attempt after an outcome: what the server told, the longest backoff if it told what
// cannot be read, or else a random time under a ceiling that doubles.
func (c *call) wait(o outcome) time.Duration {
	switch {
	case o.retryAfter > 0:
		return o.retryAfter
	case o.unreadable:
		return c.pipeline.policy.MaxWait
	}
	return c.pipeline.policy.backoff(len(c.result.Attempts))
}

// schedule puts off another attempt by wait. It reports false if there were enough attempts, if the server asks for a
// longer wait than the policy allows, and if the context would end before.
func (c *call) schedule(wait time.Duration, o outcome) bool {
	n := len(c.result.Attempts)
	if n > c.pipeline.policy.MaxRetries || (o.retryAfter > 0 && wait > c.pipeline.policy.MaxRetryAfter) {
		return false
	}
	resume := time.Now().Add(wait)
	if deadline, ok := c.Deadline(); ok && resume.After(deadline) {
		c.result.TooLate = o.cooldown
		return false
	}
	c.resume, c.result.Attempts[n-1].Wait = resume, wait
	c.log(o)
	return true
}

// backoff is a random time under a ceiling that doubles with each failure.
func (p *Policy) backoff(failures int) time.Duration {
	ceiling := p.MaxWait
	if shift := failures - 1; p.BaseWait < ceiling>>shift {
		ceiling = p.BaseWait << shift
	}
	if ceiling <= 0 {
		return 0
	}
	return rand.N(ceiling)
}

// ErrGiveUp says that a request failed as often as the policy allows.
var ErrGiveUp = errors.New("no retry is left")

// Pause waits as Do would after so many failures in a row, for a caller that repeats a request by itself.
func (p *Pipeline) Pause(ctx context.Context, failures int) error {
	if failures > p.policy.MaxRetries {
		return ErrGiveUp
	}
	return sleepUntil(ctx, time.Now().Add(p.policy.backoff(failures)))
}
