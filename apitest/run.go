package apitest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metlo-go/metlo/apitest/internal/hook"
)

// Run sends the requests of cfg in order, judges the responses, and returns the result. A service that fails the test
// is not an error.
//
// Run returns an error before it sends anything if cfg or an option is invalid. It does the same for an unknown payload
// list (ErrUnknownPayload) and for too many requests (ErrTooManyRequests). It returns a result and an error if a
// request or redirect goes to a host that is not allowed (ErrHostNotAllowed). Nothing is sent to that host. It does so
// too if ctx or the time of WithRunTimeout ends.
func Run(ctx context.Context, cfg *Config, opts ...Option) (*Result, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	s.slots <- struct{}{}
	r, err := s.run(ctx, cfg)
	if r == nil {
		return nil, err
	}
	(&trial{[]*runner{r}}).judge()
	r.finish(err)
	return r.result, err
}

// RunAll runs several tests as one run, in which a request of one test can be the control of another. It runs up to
// WithParallel tests and payloads at the same time. It returns the results in the order of configs. A test that could
// not run has an inconclusive result with the reason. The error joins the errors of all tests.
func RunAll(ctx context.Context, configs []*Config, opts ...Option) ([]*Result, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	runners, errs := make([]*runner, len(configs)), make([]error, len(configs))
	var wg sync.WaitGroup
	for i, cfg := range configs {
		s.slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-s.slots }()
			runners[i], errs[i] = s.run(ctx, cfg)
		})
	}
	wg.Wait()
	ran := slices.DeleteFunc(slices.Clone(runners), func(r *runner) bool { return r == nil })
	(&trial{ran}).judge()
	results := make([]*Result, len(configs))
	for i, cfg := range configs {
		err := errs[i]
		if r := runners[i]; r == nil {
			results[i] = s.notRun(cfg, err)
		} else {
			r.finish(err)
			results[i] = r.result
		}
		if err != nil {
			errs[i] = fmt.Errorf("test %s: %w", cmp.Or(cfg.label(), strconv.Itoa(i+1)), err)
		}
	}
	return results, errors.Join(errs...)
}

// NotRun returns an inconclusive result for a test that could not run, such as an invalid file. For such a file, set
// only the File of cfg. The credentials of cfg are masked in the result.
func NotRun(cfg *Config, why error) *Result { return new(settings).notRun(cfg, why) }

func (s *settings) notRun(cfg *Config, why error) *Result {
	if cfg == nil {
		cfg = &Config{}
	}
	secrets := newSecrets(s.env, cfg)
	return &Result{
		Test: secrets.config(cfg, s.showSecrets), Outcome: Inconclusive, Verdict: VerdictInconclusive, Results: [][]StepResult{},
		Reasons: []string{secrets.text("the test could not run: "+strings.TrimSpace(why.Error()), s.showSecrets)},
	}
}

// run sends the requests of a test. It returns a nil runner if it could not start.
func (s *settings) run(ctx context.Context, cfg *Config) (*runner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := s.checkPayloads(cfg); err != nil {
		return nil, err
	}
	st, err := s.initialState(cfg)
	if err == nil {
		err = s.checkFilled(cfg, st)
	}
	if err != nil {
		return nil, err
	}
	if s.runTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.runTimeout, fmt.Errorf("the test took longer than %v: %w", s.runTimeout, context.DeadlineExceeded))
		defer cancel()
	}
	r := &runner{
		settings: s, cfg: cfg, hook: hook.From(ctx), secrets: newSecrets(s.env, cfg), ended: new(atomic.Bool),
		result: &Result{Results: make([][]StepResult, len(cfg.Test))},
	}
	started := time.Now()
	_, err = r.runFrom(ctx, 0, st)
	r.result.Duration = time.Since(started)
	return r, err
}

// runner holds the state of one run.
type runner struct {
	*settings
	cfg     *Config
	result  *Result
	hook    hook.Step
	secrets *secrets
	ended   *atomic.Bool // whether all branches of the run must stop
	leftOut bool         // whether the hook left out a step
}

// runFrom runs step i and all later ones, once for each combination of payloads. stop reports whether the whole run
// must stop.
func (r *runner) runFrom(ctx context.Context, i int, st *state) (stop bool, err error) {
	if i == len(r.cfg.Test) {
		return false, nil
	}
	combos := r.combinations(r.cfg.Test[i].Payload)
	if len(combos) > 1 && r.parallel > 1 && r.hook == nil && !r.cfg.StopOnFailure {
		return r.runSideBySide(ctx, i, st, combos)
	}
	for _, combo := range combos {
		if stop, err := r.runBranch(ctx, i, st, combo); stop || err != nil {
			return stop, err
		}
	}
	return false, nil
}

// runBranch runs step i and all later ones with one combination of payloads, on a copy of the state. It sends nothing
// if another branch has stopped the run.
func (r *runner) runBranch(ctx context.Context, i int, st *state, combo map[string]string) (stop bool, err error) {
	if len(combo) > 0 {
		st = st.clone()
		for key, value := range combo {
			st.vars[key] = value
			st.payload[key] = value
			delete(st.unset, key)
		}
	}
	if r.ended.Load() {
		return true, nil
	}
	if stop, err := r.runStep(ctx, i, &r.cfg.Test[i], st); stop || err != nil {
		r.ended.Store(true)
		return stop, err
	}
	return r.runFrom(ctx, i+1, st)
}

// runSideBySide runs the branches of step i concurrently. A branch without a free slot runs in this goroutine, so that
// no goroutine waits for a slot while it holds one. The results are in the order of the payloads.
func (r *runner) runSideBySide(ctx context.Context, i int, st *state, combos []map[string]string) (stop bool, err error) {
	branches := make([]*runner, 0, len(combos))
	errs := make([]error, len(combos))
	var wg sync.WaitGroup
	for n, combo := range combos {
		if r.ended.Load() {
			break
		}
		branch := r.fork()
		branches = append(branches, branch)
		run := func() {
			_, errs[n] = branch.runBranch(ctx, i, st, combo) // ended records a stop
		}
		select {
		case r.slots <- struct{}{}:
			wg.Go(func() {
				defer func() { <-r.slots }()
				run()
			})
		default:
			run()
		}
	}
	wg.Wait()
	for _, branch := range branches {
		r.join(branch)
	}
	return r.ended.Load(), cmp.Or(errs...)
}

// fork returns a runner for a branch.
func (r *runner) fork() *runner {
	return &runner{
		settings: r.settings, cfg: r.cfg, secrets: r.secrets, ended: r.ended, result: &Result{Results: make([][]StepResult, len(r.cfg.Test))},
	}
}

// join appends the results of a branch to those of r.
func (r *runner) join(branch *runner) {
	for i, runs := range branch.result.Results {
		r.result.Results[i] = append(r.result.Results[i], runs...)
	}
}

// runStep runs a step. If there is a hook, it decides whether the step runs.
func (r *runner) runStep(ctx context.Context, i int, step *Step, st *state) (stop bool, err error) {
	if r.hook == nil {
		res, stop, err := r.perform(ctx, i, step, st)
		r.result.Results[i] = append(r.result.Results[i], res)
		return stop, err
	}
	name := stepName(i, step, st)
	ran := false
	r.hook(r.secrets.text(name, r.showSecrets), func() hook.Report {
		var res StepResult
		res, stop, err = r.perform(ctx, i, step, st)
		r.result.Results[i] = append(r.result.Results[i], res)
		ran = true
		shown := r.secrets.step(res, r.showSecrets)
		return hook.Report{Reasons: shown.Reasons, Note: shown.summary()}
	})
	r.leftOut = r.leftOut || !ran
	return stop, err
}

// finish sets the outcome of the test and masks secrets.
func (r *runner) finish(err error) {
	res := r.result
	if !r.lenient {
		res.Reasons = append(res.Reasons, r.whyNothingWasTested()...)
	}
	if err != nil {
		res.Reasons = append(res.Reasons, "the run ended early: "+err.Error())
	}
	res.Outcome = Passed
	if len(res.Reasons) > 0 {
		res.Outcome = Inconclusive
	}
	for _, runs := range res.Results {
		for i := range runs {
			res.Outcome = worse(res.Outcome, runs[i].Outcome)
		}
	}
	res.Success = res.Outcome == Passed
	if res.Outcome == Inconclusive {
		res.Verdict = VerdictInconclusive
	}
	res.trim()
	res.Test = r.secrets.config(r.cfg, r.showSecrets)
	for _, runs := range res.Results {
		for i := range runs {
			runs[i] = r.secrets.step(runs[i], r.showSecrets)
			runs[i].seen = nil
		}
	}
	for i, why := range res.Reasons {
		res.Reasons[i] = r.secrets.text(why, r.showSecrets)
	}
}
