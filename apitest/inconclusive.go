package apitest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// doubtResponse records reasons to doubt that a step whose assertions hold tested the endpoint.
func (s *stepRun) doubtResponse(x *response) {
	if len(s.res.Failures) > 0 || s.broken {
		return
	}
	if x.detour != "" {
		s.doubts = append(s.doubts, x.detour)
		return
	}
	about := s.step.subjects()
	switch {
	case len(s.step.Assert) == 0:
	case isRedirect(x.status) && s.step.Request.FollowRedirects == nil && !about.status:
		s.doubts = append(s.doubts, fmt.Sprintf("the service answered %s: assert the status, or set followRedirects", x.statusLine()))
	case s.unreached(x.status) && !about.status && !about.body:
		s.doubts = append(s.doubts, fmt.Sprintf(
			"the service answered %s, so the endpoint was not reached: correct the request, or assert the status or a value of the body", x.statusLine()))
	}
}

func isRedirect(status int) bool {
	return status >= 300 && status < 400 && status != http.StatusNotModified
}

// unreached reports whether the status suggests that the request did not reach the code under test. A 403 to a payload
// does not.
func (s *stepRun) unreached(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusGone,
		http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return len(s.st.payload) == 0 && !s.res.seen.literal
	}
	return status >= 500
}

// subjects describes what the assertions of a step look at.
type subjects struct {
	// status and body report whether an assertion looks at the status, or compares a value of the body. An error page
	// does not hold the expected value by chance.
	status, body bool
	// statuses joins the texts of the assertions about the status.
	statuses string
}

var (
	statusWord = regexp.MustCompile(`\bstatus(Text)?\b`)
	dataPath   = regexp.MustCompile(`^resp\.data\b|^resp\[.data.\]`)
)

func (s *Step) subjects() subjects {
	var out subjects
	for i := range s.Assert {
		a := &s.Assert[i]
		if a.kind() != AssertJS {
			out.body = out.body || dataPath.MatchString(a.Key)
		}
		if a.aboutStatus() {
			out.status = true
			out.statuses += jsvalue.JSON(a.Value) + " "
		}
	}
	return out
}

// whyNothingWasTested returns the reasons why a test as a whole cannot pass.
func (r *runner) whyNothingWasTested() []string {
	if !slices.ContainsFunc(r.cfg.Test, func(s Step) bool { return s.asserts() }) {
		if slices.ContainsFunc(r.cfg.Test, func(s Step) bool { return len(s.Assert) > 0 }) {
			return []string{"no assertion of the test looks at a response: compare resp.status or a value of resp.data"}
		}
		return []string{"the test has no assertion"}
	}
	if r.leftOut {
		return nil
	}
	failed := slices.ContainsFunc(r.result.Results, func(runs []StepResult) bool {
		return slices.ContainsFunc(runs, func(s StepResult) bool { return !s.Success })
	})
	var out []string
	for i, runs := range r.result.Results {
		if len(runs) > 0 || failed && r.cfg.StopOnFailure {
			continue
		}
		why := "it comes after a step that was not sent"
		for _, p := range r.cfg.Test[i].Payload {
			if len(r.payloads[p.Value]) == 0 {
				why = fmt.Sprintf("its payload list %s is empty", p.Value)
			}
		}
		out = append(out, fmt.Sprintf("step %d was not sent: %s", i+1, why))
	}
	return out
}

// asserts reports whether an assertion of the step can fail. A constant script, such as true, cannot.
func (s *Step) asserts() bool {
	return slices.ContainsFunc(s.Assert, func(a Assertion) bool {
		source, isText := a.Value.(string)
		return a.kind() != AssertJS || !isText || !isConstant(source)
	})
}

// pathWord matches paths of response values in a script.
var pathWord = regexp.MustCompile(`\bresp(?:\.[A-Za-z_$][\w$]*|\[\d+\]|\['[^']*'\]|\["[^"]*"\])+`)

func valuePaths(source string) []string {
	var out []string
	for _, at := range pathWord.FindAllStringIndex(source, -1) {
		path := source[at[0]:at[1]]
		if strings.HasPrefix(source[at[1]:], "(") { // the last element is a method
			path = path[:max(strings.LastIndexAny(path, "."), 0)]
		}
		if path != "" && path != "resp" {
			out = append(out, path)
		}
	}
	return out
}
