package metlotest

import (
	"net/http"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// Fault makes the server misbehave on the requests that it matches. The first fault that matches a
// request is used. A fault with a Status answers in the server's place, and nothing changes there;
// all others spoil the real answer.
type Fault struct {
	// Method is the HTTP method to match; empty matches all.
	Method string
	// Path is the path to match below /api/v1 (or the collector's /api/v2), such as "/endpoints" or
	// "/endpoint/*/usage", where * is any one segment; escaped as it is sent, as in [Request.Path]. A leading
	// /api/v1 or /api/v2 is left out. Empty matches all.
	Path string
	// Times is how many requests are affected; 0 means all.
	Times int

	// Status, when not 0, is sent with Body, ContentType (default text/html; charset=utf-8).
	Status      int
	Body        string
	ContentType string
	// Header is added to the answer, RetryAfter becomes its Retry-After.
	Header     http.Header
	RetryAfter string
	// Delay is waited before anything is answered.
	Delay time.Duration
	// Cut is the number of bytes of the body after which the connection is cut; -1 cuts it before
	// the status line, 0 does not cut.
	Cut int

	// PageCap is the most rows that a list holds, whatever limit asks for; 0 is no cap.
	PageCap int
	// IgnoreOffset makes lists start at their first row.
	IgnoreOffset bool
	// UnknownTotal sends lists as the documentation has them: a bare array without a total.
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

// replacement is the answer of a fault that has a Status.
func (f *Fault) replacement() backend.Response {
	contentType := f.ContentType
	if contentType == "" {
		contentType = backend.TypeHTML
	}
	return backend.Response{Status: f.Status, ContentType: contentType, Body: []byte(f.Body)}
}

// injected is a fault, and how many requests met it.
type injected struct {
	Fault
	used int
}

func (f *injected) spent() bool { return f.Times > 0 && f.used >= f.Times }

// Inject adds a fault. It stays until it has been used Times times.
func (s *Server) Inject(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault.Header = fault.Header.Clone()
	s.faults = append(s.faults, &injected{Fault: fault})
}

// UnusedFaults are the faults that were injected in vain so far, in order: those that no request met, and those
// that fewer than Times requests met, with Times as what is left. A test that ends with any did not try what it was
// to try.
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

// takeFault gives the fault for a request, nil when there is none. The caller holds s.mu.
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

// apiPath is a path below /api/v1 or /api/v2.
func apiPath(path string) string {
	for _, prefix := range []string{"/api/v1", "/api/v2"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return rest
		}
	}
	return path
}

// spoil is what the fault does to lists.
func (f *Fault) spoil() backend.Spoil {
	return backend.Spoil{PageCap: f.PageCap, IgnoreOffset: f.IgnoreOffset, UnknownTotal: f.UnknownTotal}
}
