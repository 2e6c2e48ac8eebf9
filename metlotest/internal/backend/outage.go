package backend

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Stage is a part of an installation that can be stopped.
type Stage int

// The stages.
const (
	Database Stage = iota + 1
	Cache
	Analyzer
	Queue
	Jobs
)

const (
	queueLength = 1000                    // calls that wait before the collector drops others
	keyCache    = 5 * time.Second         // time for which the collector trusts a key that it has accepted
	cacheGiveUp = 5800 * time.Millisecond // time after which the log routes of version 1 answer without a cache
)

// outages holds the stopped stages and the effects.
type outages struct {
	stopped  map[Stage]bool
	waiting  []*observation       // for the analyzer
	accepted map[string]time.Time // keys, and when
}

// Stop stops stages.
func (b *Server) Stop(stages ...Stage) { b.setStages(true, stages) }

// Start starts stages. The analyzer then processes the calls that waited for it.
func (b *Server) Start(stages ...Stage) { b.setStages(false, stages) }

func (b *Server) setStages(stopped bool, stages []Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := &b.outages
	if o.stopped == nil {
		o.stopped = map[Stage]bool{}
	}
	for _, stage := range stages {
		o.stopped[stage] = stopped
		if stage == Jobs {
			b.store.jobsRunUntil = time.Now()
		}
	}
	if o.analyzes() {
		for _, waited := range o.waiting {
			b.store.ingest(waited)
		}
		o.waiting = nil
	}
}

func (o *outages) analyzes() bool { return !o.stopped[Analyzer] && !o.stopped[Database] }

// take reports whether the analyzer processes a call now. Otherwise the call waits, or is dropped.
func (o *outages) take(call *observation) bool {
	switch {
	case o.stopped[Queue] || o.stopped[Cache]:
		return false
	case o.analyzes():
		return true
	case len(o.waiting) < queueLength:
		o.waiting = append(o.waiting, call)
	}
	return false
}

// accepts reports whether the collector, which cannot query its database, still trusts a key.
func (o *outages) accepts(key string) bool {
	at, known := o.accepted[key]
	return known && time.Since(at) < keyCache
}

func (o *outages) accept(key string) {
	if o.accepted == nil {
		o.accepted = map[string]time.Time{}
	}
	o.accepted[key] = time.Now()
}

// Delay returns how long a request waits for a stopped cache.
func (b *Server) Delay(service, method, path string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.outages.stopped[Cache] {
		return 0
	}
	route := strings.TrimSuffix(strings.ToLower(path), "/")
	switch {
	case service == backend && method == http.MethodGet && (route == "/api/v1/summary" || route == "/api/v1/agent-config"),
		service == collector && strings.HasSuffix(route, "/verify"),
		service == collector && strings.HasPrefix(route, "/api/v2/log-request/"):
		return math.MaxInt64
	case service == collector && strings.HasPrefix(route, "/api/v1/log-request/"):
		return cacheGiveUp
	}
	return 0
}

// withoutDatabase returns the answer of a backend route while its database is stopped, or nil if the route does not
// need it.
func (b *Server) withoutDatabase(found *route) *Response {
	if found == nil || found.open || !b.outages.stopped[Database] {
		return nil
	}
	kept := map[string][]string{
		"/api/v1/summary":      {"classCounts", "alertCounts", "topAlerts", "topEndpoints", "usageStats", "counts"},
		"/api/v1/agent-config": {"agentConfig"},
	}[found.pattern]
	fresh := func(key string) bool { return time.Now().Before(b.store.caches[key].until) }
	if kept != nil && !slices.ContainsFunc(kept, func(key string) bool { return !fresh(key) }) {
		return nil
	}
	text := "connect ECONNREFUSED 127.0.0.1:5432"
	if found.pattern == "/api/v1/endpoints" || found.pattern == "/api/v1/hosts" {
		text = "Error: " + text
	}
	res := Text(http.StatusInternalServerError, text)
	return &res
}
