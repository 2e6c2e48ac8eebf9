package apitest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/netguard"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// stepRun holds one request of a step and its result.
type stepRun struct {
	*runner
	step *Step
	st   *state
	res  *StepResult
	// doubts holds the reasons why the step did not test what it should.
	doubts []string
	// broken is set if something failed that counts as a failure of the service.
	broken bool
}

// perform sends the request of a step and judges the response. stop reports whether the run must stop.
func (r *runner) perform(ctx context.Context, i int, step *Step, st *state) (res StepResult, stop bool, err error) {
	res = StepResult{
		Index: i, Name: stepName(i, step, st), Assertions: []bool{}, Payload: maps.Clone(st.payload),
		Request: StepRequest{Method: string(step.Request.Method), URL: step.Request.URL, Headers: map[string]string{}},
	}
	s := &stepRun{runner: r, step: step, st: st, res: &res}
	s.repeat(ctx)
	res.Variables = snapshot(st.vars)
	res.Cookies = st.jars.Snapshot()

	if errors.Is(res.Err, ErrHostNotAllowed) {
		return res, true, fmt.Errorf("apitest: step %d: %w", i+1, res.Err)
	}
	if ctx.Err() != nil {
		return res, true, fmt.Errorf("apitest: run: step %d: %w", i+1, context.Cause(ctx))
	}
	return res, !res.Success && r.cfg.StopOnFailure, nil
}

// repeat runs the step once, or until its assertions hold or its time is over. Each attempt starts from the same state.
// The last attempt starts when the time is over. A step that cannot be sent is not repeated.
func (s *stepRun) repeat(ctx context.Context) {
	blank, before, deadline := *s.res, s.st.clone(), time.Now().Add(s.step.Until)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		sent := s.res.Attempts
		s.run(ctx)
		s.judge()
		left := time.Until(deadline)
		if s.res.Outcome == Passed || left <= 0 || s.res.Attempts == sent || errors.Is(s.res.Err, ErrHostNotAllowed) {
			return
		}
		timer := time.NewTimer(min(wait, left))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		attempts := s.res.Attempts
		*s.res, *s.st = blank, *before.clone()
		s.res.Attempts, s.res.Assertions = attempts, []bool{}
		s.doubts, s.broken, s.result.AbortedAt = nil, false, 0
	}
}

func snapshot(vars map[string]any) map[string]any {
	out, _ := jsvalue.Copy(vars).(map[string]any)
	return out
}

func (s *stepRun) run(ctx context.Context) {
	out, problems, err := s.st.prepare(&s.step.Request, s.lenient)
	if err != nil {
		s.fault(err)
		return
	}
	s.res.Request = out.asSent()
	s.secrets.addRequest(out, s.st.payload)
	s.observe(out)
	if len(problems) > 0 && !s.lenient {
		s.doubts = append(s.doubts, problems...)
		s.doubts[len(s.doubts)-1] += "; nothing was sent"
		return
	}
	ex, err := s.send(ctx, out)
	if err != nil {
		s.sendFault(err)
		return
	}
	s.secrets.addResponse(ex.header)
	s.res.Response = ex.result()
	engine := script.New(s.scripts, ex.scriptView())
	defer engine.Close()
	e := &evaluator{stepRun: s, ctx: ctx, ex: ex, engine: engine}
	e.extractAll()
	e.assertAll()
	e.probe()
	if !s.lenient {
		s.doubtResponse(ex)
	}
}

// fault records an error that prevented the step. It is a fault of the test, not of the service.
func (s *stepRun) fault(err error) {
	s.res.Err = errors.Join(s.res.Err, err)
	if s.lenient {
		s.broken = true
		return
	}
	s.doubts = append(s.doubts, strings.Split(err.Error(), "\n")...)
}

// sendFault records why there is no response. If the request was not sent, the step is inconclusive. If the response is
// missing or broken, the service failed.
func (s *stepRun) sendFault(err error) {
	if neverSent(err) || errors.Is(err, netguard.ErrHostNotAllowed) || errors.Is(err, context.Canceled) {
		s.fault(err)
		return
	}
	s.res.Err = err
	s.broken = true
}

// judge sets the outcome of the step and its reasons.
func (s *stepRun) judge() {
	res := s.res
	for _, f := range res.Failures {
		res.Reasons = append(res.Reasons, f.String())
	}
	switch {
	case len(res.Failures) > 0 || s.broken:
		res.Outcome = Failed
		if s.broken && res.Err != nil {
			res.Reasons = append(res.Reasons, strings.Split(res.Err.Error(), "\n")...)
		}
	case len(s.doubts) > 0:
		res.Outcome = Inconclusive
	default:
		res.Outcome = Passed
	}
	for _, d := range s.doubts {
		res.Reasons = append(res.Reasons, "inconclusive: "+d)
	}
	res.Success = res.Outcome == Passed
}

// stepName returns the step's number, method, path in the file, and payload. It is the same in every run.
func stepName(i int, step *Step, st *state) string {
	target, _, _ := strings.Cut(step.Request.URL, "?")
	if _, rest, ok := strings.Cut(target, "://"); ok {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			target = rest[slash:]
		} else {
			target = "/"
		}
	}
	target = strings.TrimPrefix(target, "{{BASE_URL}}")
	name := fmt.Sprintf("step %d %s %s", i+1, step.Request.Method, target)
	for _, key := range sortedKeys(st.payload) {
		name += fmt.Sprintf(" %s=%s", key, printed(st.payload[key]))
	}
	return name
}

// asSent returns the request for the result.
func (o *outgoing) asSent() StepRequest {
	return StepRequest{Method: o.method, URL: o.url.String(), Headers: flatHeaders(o), Data: string(o.body)}
}

func flatHeaders(o *outgoing) map[string]string {
	out := map[string]string{}
	for name, values := range o.headers {
		out[name] = values[len(values)-1]
	}
	for _, c := range o.cookies {
		if have, ok := out["Cookie"]; ok {
			out["Cookie"] = have + "; " + c.Name + "=" + c.Value
			continue
		}
		out["Cookie"] = c.Name + "=" + c.Value
	}
	return out
}

func (x *response) result() *StepResponse {
	return &StepResponse{Data: x.data, Status: x.status, StatusText: x.text, Duration: x.duration, Headers: sortedHeaders(x.header)}
}

func sortedHeaders(h http.Header) []KeyValue {
	var out []KeyValue
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			out = append(out, KeyValue{Name: strings.ToLower(name), Value: v})
		}
	}
	return out
}
