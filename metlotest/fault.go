package metlotest

import (
	"net/http"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// Fault makes the server misbehave on matching requests. The server applies the first fault that matches a request. A
// fault with a Status answers instead of the server, whose state does not change; all others modify the real answer.
type Fault struct {
	// Method is the HTTP method to match; empty matches all.
	Method string
	// Path is the path to match below /api/v1 (or the collector's /api/v2), such as "/endpoints" or
	// "/endpoint/*/usage", where * is any one segment. The path must be escaped like [Request.Path]. A leading /api/v1
	// or /api/v2 is ignored. Empty matches all.
	Path string
	// Times is the number of affected requests; 0 means all.
	Times int

	// Status replaces the status unless it is 0. Body and ContentType (default text/html; charset=utf-8) belong to it.
	Status      int
	Body        string
	ContentType string
	// Header is added to the answer. RetryAfter sets its Retry-After.
	Header     http.Header
	RetryAfter string
	// Delay is the wait before the answer.
	Delay time.Duration
	// Cut is the number of bytes of the body after which the server cuts the connection; -1 cuts it before the status
	// line, and 0 does not cut.
	Cut int

	// PageCap is the maximum number of rows in a list, regardless of limit; 0 means no maximum.
	PageCap int
	// IgnoreOffset makes lists start at their first row.
	IgnoreOffset bool
	// UnknownTotal sends lists in the documented form: a bare array without a total.
	UnknownTotal bool
}

func (f *Fault) matches(method, path string) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, method) {
		return false
	}
	if f.Path == "" {
		return true
	}
	want := strings.Split(strings.Trim(apiPath(f.Path), "/"), "/")
	got := strings.Split(strings.Trim(path, "/"), "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != got[i] {
			return false
		}
	}
	return true
}

// replacement returns the answer of a fault with a Status.
func (f *Fault) replacement() backend.Response {
	contentType := f.ContentType
	if contentType == "" {
		contentType = backend.TypeHTML
	}
	return backend.Response{Status: f.Status, ContentType: contentType, Body: []byte(f.Body)}
}

// injected is a fault with its number of requests.
type injected struct {
	Fault
	used int
}

func (f *injected) spent() bool { return f.Times > 0 && f.used >= f.Times }

// Inject adds a fault. It remains until Times requests have met it.
func (s *Server) Inject(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault.Header = fault.Header.Clone()
	s.faults = append(s.faults, &injected{Fault: fault})
}

// UnusedFaults returns the faults that no request met, and those that fewer than Times requests met, with the rest in
// Times. The order is that of Inject. A test with unused faults did not cover its case.
func (s *Server) UnusedFaults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unused []Fault
	for _, f := range s.faults {
		if f.spent() || f.Times == 0 && f.used > 0 {
			continue
		}
		left := f.Fault
		left.Header = left.Header.Clone()
		if left.Times > 0 {
			left.Times -= f.used
		}
		unused = append(unused, left)
	}
	return unused
}

// takeFault returns the fault for a request, or nil. The caller holds s.mu.
func (s *Server) takeFault(method, path string) *Fault {
	for _, f := range s.faults {
		if f.spent() || !f.matches(method, path) {
			continue
		}
		f.used++
		taken := f.Fault
		return &taken
	}
	return nil
}

// apiPath returns the part of a path below /api/v1 or /api/v2.
func apiPath(path string) string {
	for _, prefix := range []string{"/api/v1", "/api/v2"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return rest
		}
	}
	return path
}

// spoil returns the fault's effect on lists.
func (f *Fault) spoil() backend.Spoil {
	return backend.Spoil{PageCap: f.PageCap, IgnoreOffset: f.IgnoreOffset, UnknownTotal: f.UnknownTotal}
}
