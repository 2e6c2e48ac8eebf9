package apitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// Outcome is the outcome of a test or a step.
type Outcome string

// The outcomes. Failed takes precedence over Inconclusive, and Inconclusive over Passed.
const (
	// Passed means that the test tested something and that every assertion held.
	Passed Outcome = "passed"
	// Failed means that the service does not do what the test demands.
	Failed Outcome = "failed"
	// Inconclusive means that the test shows nothing about the service. For example, a variable is missing, a step
	// could not be sent, or nothing is asserted.
	Inconclusive Outcome = "inconclusive"
)

func worse(a, b Outcome) Outcome {
	order := []Outcome{Passed, Inconclusive, Failed}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// Summarize returns the outcome of several results. It returns Failed if one failed. It returns Inconclusive if one is
// inconclusive or nil, or if there is no result. Otherwise it returns Passed.
func Summarize(results ...*Result) Outcome {
	out := Passed
	if len(results) == 0 {
		out = Inconclusive
	}
	for _, r := range results {
		if r == nil {
			out = worse(out, Inconclusive)
			continue
		}
		out = worse(out, r.Outcome)
	}
	return out
}

// Result is the result of running a test. Secrets in it are masked unless WithSecretsShown is given. Secrets are values
// of variables from WithEnv and WithGlobalEnv, credentials in requests, and cookies. Addresses and values shorter than
// four characters are masked only as the value of their variable.
type Result struct {
	// Test is a copy of the test that ran.
	Test *Config
	// Outcome is the worst outcome of the steps and of the test as a whole.
	Outcome Outcome
	// Verdict is the worst verdict of the steps.
	Verdict Verdict
	// Success is true for Passed.
	Success bool
	// Reasons holds the reasons why the test as a whole is inconclusive. The steps hold their own reasons.
	Reasons []string
	// Results holds one list for each step that ran, with one element for each request of the step.
	Results [][]StepResult
	// AbortedAt is the number, from 1, of the assertion at which the test stopped, or 0.
	AbortedAt int
	// Duration is the duration of the run.
	Duration time.Duration
}

// StepResult is the result of one request.
type StepResult struct {
	// Index is the index of the step in the test, from 0.
	Index int
	// Name is the number of the step, its method, its path as in the file, and its payload. It is the same in every
	// run.
	Name string
	// Outcome is the outcome of the step.
	Outcome Outcome
	// Verdict is the verdict of the step.
	Verdict Verdict
	// Identity is the name of the identity that sent the request: that of the step, or the names of the variables that
	// hold its credentials, or "anonymous".
	Identity string
	// Control is the name of the request that shows the target to work, or empty. A request that succeeded is its own
	// control.
	Control string
	// Demands is the demand of the assertions about the status: "success", "refusal", or "" for neither.
	Demands string
	// Attack reports whether the request carried a payload, or an attack in the file that the service did not serve.
	Attack bool
	// Success is true for Passed.
	Success bool
	// Reasons holds the reasons why the step did not pass, one line each.
	Reasons []string
	// Payload holds the value of each payload variable.
	Payload map[string]string
	// Variables holds the variables after the step, including extracted ones.
	Variables map[string]any
	// Cookies holds the cookies that each host set, by host and port.
	Cookies map[string]map[string]string
	// Assertions reports for each assertion whether it held. It is empty if none was reached.
	Assertions []bool
	// Failures holds the assertions that did not hold.
	Failures []Failure
	// Request is the request that was sent, or that would have been sent.
	Request StepRequest
	// Response is the response, or nil if there was none.
	Response *StepResponse
	// Attempts is the number of times that the request was sent.
	Attempts int
	// Err is the error that a script threw or that prevented the step, or nil.
	Err error

	seen *observation
}

// StepRequest is the request of a step, with templates filled in.
type StepRequest struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Data    string            `json:"data,omitempty"`
}

// StepResponse is the response to a step.
type StepResponse struct {
	// Data is the decoded body if it is JSON, or else the body as a string.
	Data any
	// Status is the status code, and StatusText its reason phrase.
	Status     int
	StatusText string
	// Duration is the time from sending the request to the last byte of the response.
	Duration time.Duration
	// Headers holds the headers sorted by name. Names are in lower case.
	Headers []KeyValue
}

// Failure describes an assertion that did not hold.
type Failure struct {
	// Assertion is the index of the assertion in the step, from 0.
	Assertion int
	// Expected is the condition that the assertion demands.
	Expected string
	// Description is the description in the test file, which may be empty.
	Description string
	// Found describes what the response holds instead.
	Found string
}

// String returns the failure in one line.
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

// Failed returns the steps that did not pass.
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

var marks = map[Outcome]string{Passed: "PASS", Failed: "FAIL", Inconclusive: "INCONCLUSIVE"}

// String returns one line for each request and the reasons of those that did not pass.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", marks[r.Outcome], r.title())
	for _, why := range r.Reasons {
		b.WriteString("  " + why + "\n")
	}
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

// title returns the name of the test for reports, with its severity.
func (r *Result) title() string {
	if r.Test == nil {
		return ""
	}
	title := r.Test.label()
	if m := r.Test.Meta; m != nil && m.Name != "" && m.Severity != "" {
		title += " (" + string(m.Severity) + ")"
	}
	return title
}

// String returns one line for the step and one for each reason.
func (s StepResult) String() string {
	mark := map[Outcome]string{Passed: "ok  ", Failed: "FAIL", Inconclusive: "?   "}[s.Outcome]
	text := "  " + mark + " " + s.Name
	if note := s.summary(); note != "" {
		text += ": " + note
	}
	if s.Verdict == VerdictUncontrolled {
		text += ", uncontrolled"
	}
	for _, why := range s.Reasons {
		text += "\n       " + why
	}
	return text
}

// summary returns the status, the duration and the number of attempts.
func (s *StepResult) summary() string {
	if s.Response == nil {
		return ""
	}
	text := fmt.Sprintf("%d in %v", s.Response.Status, s.Response.Duration.Round(time.Millisecond))
	if s.Attempts > 1 {
		text += fmt.Sprintf(" (attempt %d)", s.Attempts)
	}
	return text
}

// Curl returns the request as a shell command.
func (s *StepResult) Curl() string {
	quote := func(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
	parts := []string{"curl -i -X " + s.Request.Method, quote(s.Request.URL)}
	for _, name := range sortedKeys(s.Request.Headers) {
		parts = append(parts, "-H "+quote(name+": "+s.Request.Headers[name]))
	}
	if s.Request.Data != "" {
		parts = append(parts, "--data-raw "+quote(s.Request.Data))
	}
	return strings.Join(parts, " ")
}

// trim removes the steps at the end that did not run.
func (r *Result) trim() {
	for len(r.Results) > 0 && len(r.Results[len(r.Results)-1]) == 0 {
		r.Results = r.Results[:len(r.Results)-1]
	}
}

// MarshalJSON encodes the result in the form of the original library, with its outcome and reasons. Numbers that JSON
// cannot represent become null.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Test      *Config        `json:"test"`
		Success   bool           `json:"success"`
		Outcome   Outcome        `json:"outcome"`
		Verdict   Verdict        `json:"verdict"`
		Reasons   []string       `json:"reasons,omitempty"`
		Results   [][]StepResult `json:"results"`
		AbortedAt int            `json:"abortedAt,omitempty"`
		Duration  int64          `json:"duration"`
	}{r.Test, r.Success, r.Outcome, r.Verdict, r.Reasons, r.Results, r.AbortedAt, r.Duration.Milliseconds()})
}

// MarshalJSON encodes the step in the form of the original library, with its name, outcome and reasons.
func (s StepResult) MarshalJSON() ([]byte, error) {
	type stepContext struct {
		Cookies map[string]map[string]string `json:"cookies"`
		EnvVars any                          `json:"envVars"`
	}
	out := struct {
		Index      int               `json:"idx"`
		Name       string            `json:"name"`
		Context    stepContext       `json:"ctx"`
		Success    bool              `json:"success"`
		Outcome    Outcome           `json:"outcome"`
		Verdict    Verdict           `json:"verdict"`
		Identity   string            `json:"identity,omitempty"`
		Control    string            `json:"control,omitempty"`
		Demands    string            `json:"demands,omitempty"`
		Attack     bool              `json:"attack,omitempty"`
		Reasons    []string          `json:"reasons,omitempty"`
		Payload    map[string]string `json:"payload,omitempty"`
		Assertions []bool            `json:"assertions"`
		Request    StepRequest       `json:"req"`
		Response   *StepResponse     `json:"res,omitempty"`
		Err        string            `json:"err,omitempty"`
	}{
		s.Index, s.Name, stepContext{s.Cookies, jsvalue.Finite(s.Variables)}, s.Success, s.Outcome, s.Verdict, s.Identity,
		s.Control, s.Demands, s.Attack, s.Reasons, s.Payload, s.Assertions, s.Request, s.Response, "",
	}
	if s.Err != nil {
		out.Err = s.Err.Error()
	}
	return json.Marshal(out)
}

// MarshalJSON encodes the response in the form of the original library, with the duration in milliseconds.
func (r StepResponse) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Data       any        `json:"data"`
		Status     int        `json:"status"`
		StatusText string     `json:"statusText"`
		Duration   int64      `json:"duration"`
		Headers    []KeyValue `json:"headers"`
	}{jsvalue.Finite(r.Data), r.Status, r.StatusText, r.Duration.Milliseconds(), r.Headers})
}
