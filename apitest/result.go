package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Result is the outcome of a run.
type Result struct {
	// Test is the test that ran.
	Test *Config `json:"test"`
	// Success is true when every request got a response and every assertion held.
	Success bool `json:"success"`
	// Results has one list per step that ran, with one entry per request of that step.
	Results [][]StepResult `json:"results"`
	// AbortedAt is the number, from 1, of the assertion at which a test that stops on failure ended; else 0.
	AbortedAt int `json:"abortedAt,omitempty"`
}

// StepResult is the outcome of one request.
type StepResult struct {
	// Index is the step's place in the test, from 0.
	Index int
	// Payload holds the payload values in force.
	Payload map[string]string
	// Context holds variables and cookies after the step.
	Context StepContext
	// Success is true when the request got a response and every assertion held.
	Success bool
	// Assertions says for each assertion whether it held. It is empty when they were not reached.
	Assertions []bool
	// Failures describes the assertions that did not hold.
	Failures []Failure
	// Request is what was sent.
	Request StepRequest
	// Response is what came back; nil when nothing did.
	Response *StepResponse
	// Err is why the step could not be carried out, or what a script threw; else nil.
	Err error
}

// StepContext holds what a step leaves to the next one.
type StepContext struct {
	// Cookies holds, for each host and port, the cookies it set.
	Cookies map[string]map[string]string `json:"cookies"`
	// EnvVars holds all variables, extracted ones included.
	EnvVars map[string]any `json:"envVars"`
}

// StepRequest is the request of a step, templates filled in.
type StepRequest struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Data    string            `json:"data,omitempty"`
}

// StepResponse is the response to a step.
type StepResponse struct {
	// Data is the decoded body when it is JSON, else the body as a string.
	Data any
	// Status is the status code, StatusText its reason phrase.
	Status     int
	StatusText string
	// Duration is the time from sending to the last byte.
	Duration time.Duration
	// Headers are sorted by name, in lower case.
	Headers []KeyValue
}

// Failure is an assertion that did not hold.
type Failure struct {
	// Assertion is its place in the step, from 0.
	Assertion int
	// Expected is what it demands.
	Expected string
	// Description is the assertion's own description; often empty.
	Description string
	// Found is what the response had instead; empty for scripts.
	Found string
}

// String gives one line.
func (f Failure) String() string {
	text := "expected " + f.Expected
	if f.Found != "" {
		text += "; " + f.Found
	}
	if f.Description != "" {
		text = f.Description + " (" + text + ")"
	}
	return text
}

// Failed gives the steps that did not succeed.
func (r *Result) Failed() []StepResult {
	var out []StepResult
	for _, runs := range r.Results {
		for _, s := range runs {
			if !s.Success {
				out = append(out, s)
			}
		}
	}
	return out
}

// String gives a summary with one line per request and the reasons of failures.
// It holds no header, no body and no query string.
func (r *Result) String() string {
	var b strings.Builder
	verdict := "PASS"
	if !r.Success {
		verdict = "FAIL"
	}
	fmt.Fprintf(&b, "%s %s\n", verdict, r.title())
	for _, runs := range r.Results {
		for i := range runs {
			b.WriteString(runs[i].String() + "\n")
		}
	}
	if r.AbortedAt > 0 {
		fmt.Fprintf(&b, "  stopped at assertion %d\n", r.AbortedAt)
	}
	return b.String()
}

func (r *Result) title() string {
	if r.Test == nil {
		return ""
	}
	if m := r.Test.Meta; m != nil && m.Name != "" {
		if m.Severity != "" {
			return m.Name + " (" + string(m.Severity) + ")"
		}
		return m.Name
	}
	return r.Test.ID
}

// String gives one line, and one more for each failure.
func (s *StepResult) String() string {
	var b strings.Builder
	mark := "ok  "
	if !s.Success {
		mark = "FAIL"
	}
	fmt.Fprintf(&b, "  %s %s", mark, s.name())
	if s.Response != nil {
		fmt.Fprintf(&b, ": %d in %v", s.Response.Status, s.Response.Duration.Round(time.Millisecond))
	}
	for _, f := range s.reasons() {
		b.WriteString("\n       " + f)
	}
	return b.String()
}

// name is the step's number, request line without query, and payload.
func (s *StepResult) name() string {
	name := fmt.Sprintf("step %d %s %s", s.Index+1, s.Request.Method, withoutQuery(s.Request.URL))
	for _, key := range slices.Sorted(maps.Keys(s.Payload)) {
		name += fmt.Sprintf(" %s=%s", key, printed(s.Payload[key]))
	}
	return name
}

func (s *StepResult) reasons() []string {
	var out []string
	for _, f := range s.Failures {
		out = append(out, f.String())
	}
	if s.Err != nil {
		out = append(out, strings.Split(s.Err.Error(), "\n")...)
	}
	return out
}

func (s *StepResult) hasFailedAssertion() bool { return slices.Contains(s.Assertions, false) }

func (r *Result) allSucceeded() bool { return len(r.Failed()) == 0 }

// trim drops the steps that did not run.
func (r *Result) trim() {
	for len(r.Results) > 0 && len(r.Results[len(r.Results)-1]) == 0 {
		r.Results = r.Results[:len(r.Results)-1]
	}
}

func withoutQuery(text string) string {
	before, _, _ := strings.Cut(text, "?")
	if u, err := url.Parse(before); err == nil {
		return u.Redacted()
	}
	return before
}

// withoutURL drops the URL that net/http puts around an error: its query may hold secrets.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// MarshalJSON gives the original library's form: idx, ctx, success, assertions, req, res, err.
func (s StepResult) MarshalJSON() ([]byte, error) {
	out := struct {
		Index      int           `json:"idx"`
		Context    StepContext   `json:"ctx"`
		Success    bool          `json:"success"`
		Assertions []bool        `json:"assertions"`
		Request    StepRequest   `json:"req"`
		Response   *StepResponse `json:"res,omitempty"`
		Err        string        `json:"err,omitempty"`
	}{s.Index, s.Context, s.Success, s.Assertions, s.Request, s.Response, ""}
	if s.Err != nil {
		out.Err = s.Err.Error()
	}
	return json.Marshal(out)
}

// MarshalJSON gives the original library's form, with the duration in milliseconds.
func (r StepResponse) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Data       any        `json:"data"`
		Status     int        `json:"status"`
		StatusText string     `json:"statusText"`
		Duration   int64      `json:"duration"`
		Headers    []KeyValue `json:"headers"`
	}{r.Data, r.Status, r.StatusText, r.Duration.Milliseconds(), r.Headers})
}
