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

// Run sends the requests of cfg, in order, to the hosts that AllowHosts names, and judges the responses.
//
// What the service does is no error: it is in the Outcome of the Result. Errors are: a Config or options that cannot
// run, a payload list that nobody supplied (ErrUnknownPayload), more requests than allowed (ErrTooManyRequests), all
// before anything is sent; a request or redirect to a host that is not allowed (ErrHostNotAllowed), before that request
// is sent; and the end of ctx or of WithRunTimeout. The last two come with the Result so far.
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

// RunAll is Run for each of configs, as one run: a request of one test can be the control of another. Up to WithParallel
// of them, and of their payloads, run at a time. The results are in the order of configs. A test that could not run has
// an inconclusive result that says why, and its error is among those that are joined.
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
			results[i] = NotRun(cfg, err)
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

// NotRun returns the inconclusive result of a test that could not run, such as a file with faults. A Config with File
// alone stands for such a file. Reports have a row for it.
func NotRun(cfg *Config, why error) *Result {
	if cfg == nil {
		cfg = &Config{}
	}
	return &Result{
		Test: cfg, Outcome: Inconclusive, Verdict: VerdictInconclusive, Results: [][]StepResult{},
		Reasons: []string{"the test could not run: " + strings.TrimSpace(why.Error())},
	}
}

// run sends the requests of a test. The runner is nil when nothing could be sent.
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

// runner holds one run.
type runner struct {
	*settings
	cfg     *Config
	result  *Result
	hook    hook.Step
	secrets *secrets
	ended   *atomic.Bool // no branch of the run sends anything more
	leftOut bool         // the hook did not run a step
}

// runFrom runs step i and all later ones, once per combination of payloads. stop ends the whole run.
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

// runBranch runs step i and all later ones with one choice of payloads, of which other choices see nothing. It sends
// nothing when another branch has ended the run.
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

// runSideBySide runs a branch beside the others when a slot is free, and else itself, so that nothing waits for a slot
// while it holds one. The results stand in the order of the payloads.
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
			_, errs[n] = branch.runBranch(ctx, i, st, combo) // a stop shows in ended
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

// fork gives a runner with results of its own.
func (r *runner) fork() *runner {
	return &runner{
		settings: r.settings, cfg: r.cfg, secrets: r.secrets, ended: r.ended, result: &Result{Results: make([][]StepResult, len(r.cfg.Test))},
	}
}

// join puts the results of a fork behind those of r.
func (r *runner) join(branch *runner) {
	for i, runs := range branch.result.Results {
		r.result.Results[i] = append(r.result.Results[i], runs...)
	}
}

// runStep runs a step, through the hook if there is one, which may leave it out.
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

// finish sums the steps up and masks secrets.
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
