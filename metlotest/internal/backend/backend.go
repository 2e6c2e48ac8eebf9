// Package backend is the management backend and the collector in memory: routes, store, analyzer and jobs.
package backend

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Server is a management backend and a collector over one store. Its methods may be called from any
// goroutine.
type Server struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu         sync.Mutex
	closed     bool
	store      *Store
	routes     []route
	requireKey bool
	outages    outages
}

// Fill adds data to a new store.
type Fill func(*Store) error

// New returns a server over a store, to which it applies fills in order.
func New(fills ...Fill) (*Server, error) {
	b := &Server{store: newStore(), routes: allRoutes()}
	for _, f := range fills {
		if err := f(b.store); err != nil {
			return nil, err
		}
	}
	b.store.masterKey = newKey()
	b.store.deliver = b.deliver
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Instant configures a store to analyse at once, and to answer without caches.
func Instant(st *Store) error {
	st.instant = true
	return nil
}

// Key returns the key that the collector accepts from the start.
func (b *Server) Key() string { return b.store.masterKey }

// Close ends the goroutines in the background and waits for them.
func (b *Server) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.work.Wait()
}

// SetRequireKey configures the backend to reject requests without a valid key, like the collector.
func (b *Server) SetRequireKey() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requireKey = true
}

// RunJobs runs the jobs of the server now.
func (b *Server) RunJobs() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.store.runJobs()
}

// Churn keeps endpoints moving like live traffic; 0 stops it.
func (b *Server) Churn(perSecond int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.store.churnRate, b.store.churnLast = max(perSecond, 0), time.Now()
}

// Answer handles one request of a service, "backend" or "collector".
func (b *Server) Answer(service string, r *http.Request, body []byte, spoiled Spoil) Response {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.outages.stopped[Jobs] && !b.outages.stopped[Database] {
		b.store.runDueJobs(time.Now())
	}
	if service == backend {
		rate := b.store.churnRate
		if b.outages.stopped[Queue] {
			b.store.churnRate = max(rate, 1) // the analyzer is still processing earlier calls
		}
		b.store.churn(time.Now())
		b.store.churnRate = rate
	}
	return b.dispatch(service, r, body, spoiled)
}

func (b *Server) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
