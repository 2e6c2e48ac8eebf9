package apitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// Outcome is what a test or a step found out.
type Outcome string

// The outcomes. Of several, Failed counts before Inconclusive, and that before Passed.
const (
	// Passed is a test that tested something, and all of it held.
	Passed Outcome = "passed"
	// Failed is a service that does not do what the test demands.
	Failed Outcome = "failed"
	// Inconclusive is a test that tells nothing about the service: a variable is missing, a step could not be sent,
	// an extractor found nothing, a redirect led elsewhere, or nothing is asserted.
	Inconclusive Outcome = "inconclusive"
)

func worse(a, b Outcome) Outcome {
	order := []Outcome{Passed, Inconclusive, Failed}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

// Summarize gives one outcome for many results: Failed if one failed, else Inconclusive if one is, or is nil, or there is
// none at all, else Passed.
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

// Result is the outcome of a run. Secrets in it are masked, unless WithSecretsShown was given: values of variables from
// WithEnv and WithGlobalEnv, what requests send to authenticate, and cookies. Addresses and values of fewer than four
// characters are masked only where they are such a value as a whole.
type Result struct {
	// Test is a copy of the test that ran.
	Test *Config
	// Outcome is the worst outcome of the steps and of the test as a whole.
	Outcome Outcome
	// Verdict is the worst verdict of the steps.
	Verdict Verdict
	// Success is true for Passed.
	Success bool
	// Reasons says why the test as a whole is inconclusive. The reasons of steps are with the steps.
	Reasons []string
	// Results has one list per step that ran, with one entry per request of that step.
	Results [][]StepResult
	// AbortedAt is the number, from 1, of the assertion at which a test that stops on failure ended; else 0.
	AbortedAt int
	// Duration is the time that the run took.
	Duration time.Duration
}

// StepResult is the outcome of one request.
type StepResult struct {
	// Index is the step's place in the test, from 0.
	Index int
	// Name is the step's number, method, path as written, and payload. It is the same in every run.
	Name string
	// Outcome is what the step found out.
	Outcome Outcome
	// Verdict is what the step proved.
	Verdict Verdict
	// Identity names who sent the request: what the step says with as, else the variables of its credentials, or
	// "anonymous".
	Identity string
	// Control names the request that shows the target to work, which is this one when it succeeded. It is empty when
	// nothing shows it.
	Control string
	// Demands is what the assertions about the status want: "success", "refusal", or "" when they take both or name none.
	Demands string
	// Attack is set when the request carried a payload.
	Attack bool
	// Success is true for Passed.
	Success bool
	// Reasons says, one line each, why the step did not pass.
	Reasons []string
	// Payload holds the payload values in force.
	Payload map[string]string
	// Variables are those after the step, extracted ones included.
	Variables map[string]any
	// Cookies holds, for each host and port, the cookies it set.
	Cookies map[string]map[string]string
	// Assertions says for each assertion whether it held. It is empty when they were not reached.
	Assertions []bool
	// Failures describes the assertions that did not hold.
	Failures []Failure
	// Request is what was sent, or would have been.
	Request StepRequest
	// Response is what came back; nil when nothing did.
	Response *StepResponse
	// Attempts is how often the request was sent.
	Attempts int
	// Err is why the step could not be carried out, or what a script threw; else nil.
	Err error

	seen *sighting
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
	// Found is what the response has instead.
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

// Failed gives the steps that did not pass.
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

// String gives a summary with one line per request and the reasons of those that did not pass.
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

// title names the test by file and name, with its severity.
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

// String gives one line, and one more for each reason.
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

// summary is the status and the time.
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

// Curl gives the request as a command line for a shell.
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

// trim drops the steps that did not run at the end.
func (r *Result) trim() {
	for len(r.Results) > 0 && len(r.Results[len(r.Results)-1]) == 0 {
		r.Results = r.Results[:len(r.Results)-1]
	}
}

// MarshalJSON gives the original library's form, with outcome and reasons. Numbers that JSON does not know become null.
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

// MarshalJSON gives the original library's form: idx, ctx, success, assertions, req, res, err; with name, outcome and
// reasons.
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

// MarshalJSON gives the original library's form, with the duration in milliseconds.
func (r StepResponse) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Data       any        `json:"data"`
		Status     int        `json:"status"`
		StatusText string     `json:"statusText"`
		Duration   int64      `json:"duration"`
		Headers    []KeyValue `json:"headers"`
	}{jsvalue.Finite(r.Data), r.Status, r.StatusText, r.Duration.Milliseconds(), r.Headers})
}
