package redislimit

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	askTimeout = 500 * time.Millisecond // a slower Redis counts as unavailable
	probeEvery = 500 * time.Millisecond // interval of probes while Redis is unavailable
	redial     = time.Second            // go-redis's own pause between failed connections
	countedIn  = time.Second            // the server's interval for counting requests
)

// pace knows whether Redis is unavailable, and how soon this process may therefore start a request.
type pace struct {
	gap     time.Duration // time between requests of this process without Redis; 0 to start none
	horizon time.Duration // maximum time for which slots are assigned in advance
	settle  time.Duration // time until every process must have noticed that Redis is back
	logger  *slog.Logger

	mu        sync.Mutex
	cause     error // reason why Redis is unavailable, nil if it is available
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
	wait  time.Duration // time until this process may start a request by itself
	away  bool
	cause error
	probe bool // the caller must probe Redis
}

// state returns the next step of the call that holds the turn. Only one call probes until an answer is due.
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

// started records that a request of this process starts now.
func (p *pace) started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.cause != nil || now.Before(p.settled) {
		p.notBefore = now.Add(p.gap)
	}
}

// failed records that Redis did not answer.
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
	// Other processes may hold slots up to the horizon. A random time within the gap keeps them from starting together.
	p.postpone(now.Add(p.horizon + rand.N(p.gap)))
	p.logger.Warn("redis is away: going on at the local share of the rate", "error", err, "every", p.gap)
}

// answered records that Redis answered, and reports whether a slot in the answer is usable. It is not if slots of an
// earlier Redis, or requests of processes that have not noticed its return, may come at the same time.
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
