package redislimit

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	askTimeout = 500 * time.Millisecond // a Redis that takes longer is away
	probeEvery = 500 * time.Millisecond // a Redis that is away is asked so often
	redial     = time.Second            // is go-redis's own pause between connections that fail
	countedIn  = time.Second            // in which the server counts requests
)

// pace knows whether Redis is away, and how soon this process may start a request because of that.
type pace struct {
	gap     time.Duration // between requests of this process without Redis; 0 if it starts none then
	horizon time.Duration // slots that were given out lie at most so far ahead
	settle  time.Duration // until every process must have seen that Redis is back
	logger  *slog.Logger

	mu        sync.Mutex
	cause     error // why Redis is away, nil if it is not
	probeAt   time.Time
	notBefore time.Time
	settled   time.Time
}

func newPace(gap, horizon time.Duration, logger *slog.Logger) *pace {
	p := &pace{gap: gap, horizon: horizon, logger: logger}
	if gap > 0 {
		p.settle = probeEvery + redial + askTimeout + gap + countedIn
	}
	return p
}

type state struct {
	wait  time.Duration // until this process may start a request, as far as it knows by itself
	away  bool
	cause error
	probe bool // the caller has to ask whether Redis is back
}

// state returns what the call with the turn has to do. Who is told to probe is the only one until an answer is due.
func (p *pace) state() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	s := state{wait: p.notBefore.Sub(now), away: p.cause != nil, cause: p.cause}
	if s.away && !now.Before(p.probeAt) {
		s.probe = true
		p.probeAt = now.Add(probeEvery + askTimeout)
	}
	return s
}

// started notes that a request of this process starts now.
func (p *pace) started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.cause != nil || now.Before(p.settled) {
		p.notBefore = now.Add(p.gap)
	}
}

// failed notes that Redis did not answer.
func (p *pace) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.probeAt = now.Add(probeEvery)
	if p.cause != nil {
		p.cause = err
		return
	}
	p.cause = err
	if p.gap == 0 {
		p.logger.Warn("redis is away: calls fail until it is back", "error", err)
		return
	}
	// Other processes may hold slots up to the horizon. At random within the gap, or all would start together.
	p.postpone(now.Add(p.horizon + rand.N(p.gap)))
	p.logger.Warn("redis is away: going on at the local share of the rate", "error", err, "every", p.gap)
}

// answered notes that Redis answered, and reports whether a slot in the answer may be used. It may not when slots of
// an earlier Redis, or requests of processes that still believe Redis to be away, may come at the same time.
func (p *pace) answered(renewed bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cause == nil && !renewed {
		return true
	}
	now := time.Now()
	if p.cause != nil {
		p.cause = nil
		p.logger.Info("redis is back")
	}
	p.settled = now.Add(p.settle)
	p.postpone(now.Add(max(p.horizon, p.gap)))
	return false
}

func (p *pace) postpone(t time.Time) {
	if t.After(p.notBefore) {
		p.notBefore = t
	}
}
