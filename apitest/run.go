package apitest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
)

// Run sends the requests of cfg, in order, to the hosts that AllowHosts names, and checks the responses.
//
// A failed assertion, a refused connection or a broken script makes the Result unsuccessful; it is no error.
// Errors are: a Config or options that cannot run, a payload list that nobody supplied (ErrUnknownPayload),
// more requests than allowed (ErrTooManyRequests), all before anything is sent;
// a request or redirect to a host that is not allowed (ErrHostNotAllowed), before that request is sent;
// and the end of ctx. The last two come with the Result so far.
func Run(ctx context.Context, cfg *Config, opts ...Option) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	if err := s.checkPayloads(cfg); err != nil {
		return nil, err
	}
	r := &runner{settings: s, cfg: cfg, result: &Result{Test: cfg, Results: make([][]StepResult, len(cfg.Test))}}
	st, err := r.initialState()
	if err != nil {
		return nil, err
	}
	_, err = r.runFrom(ctx, 0, st)
	r.result.Success = err == nil && r.result.allSucceeded()
	r.result.trim()
	return r.result, err
}

// runner holds one run.
type runner struct {
	*settings
	cfg    *Config
	result *Result
}

// state is what steps hand on: variables and cookies.
type state struct {
	vars    map[string]any
	jar     *cookieJar
	payload map[string]string
}

func (s *state) clone() *state {
	return &state{vars: maps.Clone(s.vars), jar: s.jar.clone(), payload: maps.Clone(s.payload)}
}

// initialState resolves the test's env over the caller's.
func (r *runner) initialState() (*state, error) {
	st := &state{vars: maps.Clone(r.env), jar: newCookieJar(r.keepCookies), payload: map[string]string{}}
	for i, kv := range r.cfg.Env {
		value, err := render(kv.Value, st.vars)
		if err != nil {
			return nil, &ConfigError{Path: fmt.Sprintf("env[%d].value", i), Message: err.Error()}
		}
		st.vars[kv.Name] = value
	}
	return st, nil
}

// runFrom runs step i and all later ones, once per combination of payloads. stop ends the whole run.
func (r *runner) runFrom(ctx context.Context, i int, st *state) (stop bool, err error) {
	if i == len(r.cfg.Test) {
		return false, nil
	}
	step := &r.cfg.Test[i]
	for _, combo := range r.combinations(step.Payload) {
		branch := st
		if len(combo) > 0 {
			branch = st.clone()
			for key, value := range combo {
				branch.vars[key] = value
				branch.payload[key] = value
			}
		}
		if stop, err := r.runStep(ctx, i, step, branch); stop || err != nil {
			return stop, err
		}
		if stop, err := r.runFrom(ctx, i+1, branch); stop || err != nil {
			return stop, err
		}
	}
	return false, nil
}

func (r *runner) runStep(ctx context.Context, i int, step *Step, st *state) (stop bool, err error) {
	res := StepResult{Index: i, Assertions: []bool{}, Payload: maps.Clone(st.payload)}
	res.Request = StepRequest{Method: string(step.Request.Method), URL: step.Request.URL}
	res.Err = r.perform(ctx, step, st, &res)
	res.Success = res.Err == nil && !res.hasFailedAssertion()
	res.Context = StepContext{EnvVars: maps.Clone(st.vars), Cookies: st.jar.snapshot()}
	r.result.Results[i] = append(r.result.Results[i], res)

	var host *HostError
	if errors.As(res.Err, &host) {
		return true, host
	}
	if ctx.Err() != nil {
		return true, fmt.Errorf("apitest: run: %w", context.Cause(ctx))
	}
	return !res.Success && r.cfg.Options.StopOnFailure, nil
}

// perform sends the request of step and evaluates its response into res.
func (r *runner) perform(ctx context.Context, step *Step, st *state, res *StepResult) error {
	out, err := step.Request.prepare(st.vars)
	if err != nil {
		return err
	}
	res.Request = StepRequest{
		Method: out.method, URL: out.url.String(), Headers: flatHeaders(out.headers, out.cookies), Data: string(out.body),
	}
	ex, err := r.send(ctx, out, st.jar)
	if err != nil {
		return err
	}
	res.Response = &StepResponse{
		Data: ex.data, Status: ex.status, StatusText: ex.text, Duration: ex.duration, Headers: sortedHeaders(ex.header),
	}
	if err := r.runExtractors(ctx, step.Extract, st, ex); err != nil {
		return err
	}
	return r.runAssertions(ctx, step.Assert, st, ex, res)
}

// runAssertions records which assertions hold. After the first failure of a test that stops on failure
// the rest count as failed, unevaluated.
func (r *runner) runAssertions(ctx context.Context, list []Assertion, st *state, ex *exchange, res *StepResult) error {
	var errs []error
	for n, a := range list {
		if r.result.AbortedAt > 0 {
			res.Assertions = append(res.Assertions, false)
			continue
		}
		holds, why, err := r.check(ctx, a, st, ex)
		if err != nil {
			errs = append(errs, fmt.Errorf("assert %d: %w", n+1, err))
			holds = false
		}
		res.Assertions = append(res.Assertions, holds)
		if holds {
			continue
		}
		res.Failures = append(res.Failures, Failure{Assertion: n, Expected: a.String(), Description: a.Description, Found: why})
		if r.cfg.Options.StopOnFailure {
			r.result.AbortedAt = n + 1
		}
	}
	return errors.Join(errs...)
}

// sendFault makes a network error say what matters: the cause, without the query of the URL.
func sendFault(ctx context.Context, err error) error {
	var host *HostError
	if errors.As(err, &host) {
		return host
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("send: %w", cause)
	}
	return fmt.Errorf("send: %w", withoutURL(err))
}

func flatHeaders(h http.Header, cookies []KeyValue) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		out[name] = values[len(values)-1]
	}
	for _, c := range cookies {
		if have, ok := out["Cookie"]; ok {
			out["Cookie"] = have + "; " + c.Name + "=" + c.Value
			continue
		}
		out["Cookie"] = c.Name + "=" + c.Value
	}
	return out
}
