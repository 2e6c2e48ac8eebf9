package capture

import (
	"hash/maphash"
	"strings"
	"time"
)

const (
	maxRoutes     = 4096
	errorAllot    = 20          // errors of a route that are always kept
	errorShare    = 4           // successes for each further error
	errorInterval = time.Minute // between errors beyond that share
	statusClasses = 6
)

// sampler selects the traces that are kept. Its caller holds the recorder's lock.
type sampler struct {
	settings Sampling
	routes   map[uint64]*routeSamples
	tokens   float64
	refilled time.Time
}

type routeSamples struct {
	classes   [statusClasses]classSamples
	successes int
	errors    int
}

type classSamples struct {
	kept int
	last time.Time
}

func newSampler(s Sampling, now time.Time) sampler {
	return sampler{settings: s, routes: map[uint64]*routeSamples{}, tokens: s.PerSecond, refilled: now}
}

// keep reports whether a trace of the route with this status is kept, and counts it.
func (s *sampler) keep(route uint64, status int, now time.Time) bool {
	if s.settings.all {
		return true
	}
	samples := s.routes[route]
	if samples == nil {
		if len(s.routes) >= maxRoutes {
			route = 0 // routes beyond the limit share one
			samples = s.routes[route]
		}
		if samples == nil {
			samples = new(routeSamples)
			s.routes[route] = samples
		}
	}
	class := &samples.classes[min(max(status/100, 0), statusClasses-1)]
	failed := status >= 400
	if !s.allowed(samples, class, failed, now) {
		return false
	}
	class.kept++
	class.last = now
	if failed {
		samples.errors++
	} else {
		samples.successes++
	}
	return true
}

func (s *sampler) allowed(samples *routeSamples, class *classSamples, failed bool, now time.Time) bool {
	if failed && samples.successes > 0 && samples.errors >= errorAllot+samples.successes/errorShare {
		return now.Sub(class.last) >= errorInterval
	}
	if class.kept < s.settings.First {
		return true
	}
	if s.settings.Interval > 0 && now.Sub(class.last) >= s.settings.Interval {
		return true
	}
	if failed && samples.successes > 0 {
		return false
	}
	return s.token(now)
}

// token takes a token from a bucket that PerSecond fills and that holds the tokens of one second. It reports whether there was one.
func (s *sampler) token(now time.Time) bool {
	s.tokens = min(s.tokens+now.Sub(s.refilled).Seconds()*s.settings.PerSecond, max(s.settings.PerSecond, 1))
	s.refilled = now
	if s.settings.PerSecond == 0 || s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// routeHash returns a hash of a method and a route.
func routeHash(seed maphash.Seed, method, route, path string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(method)
	_ = h.WriteByte(' ')
	if route != "" && !isCatchAll(route) {
		_, _ = h.WriteString(route)
		return h.Sum64() | 1
	}
	for path != "" {
		element, rest, _ := strings.Cut(path, "/")
		path = rest
		_ = h.WriteByte('/')
		if !isIdentifier(element) {
			_, _ = h.WriteString(element)
		}
	}
	return h.Sum64() | 1 // the routes beyond the limit share 0
}

// isCatchAll reports whether a route may serve many endpoints, as /, /static/{path...} and /*path do.
func isCatchAll(route string) bool {
	return strings.HasSuffix(route, "/") || strings.HasSuffix(route, "...}") || strings.Contains(route, "*")
}

// isIdentifier reports whether an element of a path looks like a parameter: it has over 32 bytes, or contains a digit, @, %, a space
// or a byte outside ASCII. A version such as v1 is not a parameter.
func isIdentifier(element string) bool {
	if len(element) > 32 {
		return true
	}
	digits := 0
	for i := range len(element) {
		switch c := element[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 0x80 || c == '@' || c == '%' || c == ' ':
			return true
		}
	}
	isVersion := len(element) <= 3 && (element[:min(1, len(element))] == "v") && digits == len(element)-1
	return digits > 0 && !isVersion
}
