package backend

import (
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// cacheEntry is a cached answer.
type cacheEntry struct {
	value any
	until time.Time
}

// cached returns the result of compute, cached for ttl like in the server.
func cached[T any](st *Store, key string, ttl time.Duration, compute func() T) T {
	if st.instant {
		return compute()
	}
	now := time.Now()
	if entry, known := st.caches[key]; known && now.Before(entry.until) {
		value, _ := entry.value.(T)
		return value
	}
	value := compute()
	st.caches[key] = cacheEntry{value, now.Add(ttl)}
	return value
}

// forget drops an answer.
func (st *Store) forget(key string) { delete(st.caches, key) }

// configCache is the time for which the analyzer uses a metlo-config that it has read.
const configCache = time.Minute

// config returns the metlo-config as the analyzer knows it. The parts that the server stores in tables, authentication
// and blockFields, are always the latest.
func (st *Store) config(part string) *js.Object {
	if part != "" {
		return st.metloConfig.value.Object(part)
	}
	known := cached(st, "metloConfig", configCache, func() *js.Object { return st.metloConfig.value })
	latest := js.New()
	for key, v := range known.All() {
		if key != "authentication" {
			latest.Set(key, v)
		}
	}
	if st.metloConfig.value.Has("authentication") {
		latest.Set("authentication", st.metloConfig.value.Get("authentication"))
	}
	return latest
}

func (st *Store) configFlag(name string) bool {
	on, _ := st.config("").Get(name).(bool)
	return on
}
