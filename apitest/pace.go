package apitest

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	metlo "github.com/metlo-go/metlo"
)

// pacer delays requests by host. All tests of a RunAll share one.
type pacer struct {
	perSecond float64
	burst     int

	mu      sync.Mutex
	given   map[string]metlo.Limiter
	buckets map[string]*rate.Limiter
}

func (p *pacer) add(host string, l metlo.Limiter) {
	if p.given == nil {
		p.given = map[string]metlo.Limiter{}
	}
	p.given[strings.ToLower(host)] = l
}

// wait blocks until a request to host may start.
func (p *pacer) wait(ctx context.Context, host string) error {
	for _, l := range p.limiters(strings.ToLower(host)) {
		if err := l.Wait(ctx); err != nil {
			return fmt.Errorf("wait for the rate limit: %w", err)
		}
	}
	return nil
}

func (p *pacer) limiters(host string) []metlo.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []metlo.Limiter
	for _, key := range []string{"", host} {
		if l, ok := p.given[key]; ok {
			out = append(out, l)
		}
	}
	if p.burst == 0 {
		return out
	}
	if p.buckets == nil {
		p.buckets = map[string]*rate.Limiter{}
	}
	if p.buckets[host] == nil {
		p.buckets[host] = rate.NewLimiter(rate.Limit(p.perSecond), p.burst)
	}
	return append(out, p.buckets[host])
}
