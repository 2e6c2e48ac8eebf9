package apitest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/cookies"
	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// Verdict describes what a test or a step proved about the service.
type Verdict string

// The verdicts, from best to worst. The outcome of a proven and of an uncontrolled test is Passed.
const (
	// VerdictProven means that the check held, and that the same target worked for the same identity.
	VerdictProven Verdict = "proven"
	// VerdictUncontrolled means that the check held, but nothing shows that the target works. Under RequireControls
	// such a check is inconclusive.
	VerdictUncontrolled Verdict = "uncontrolled"
	// VerdictInconclusive means that the check shows nothing about the service.
	VerdictInconclusive Verdict = "inconclusive"
	// VerdictFailed means that the check did not hold.
	VerdictFailed Verdict = "failed"
)

// Verdicts returns the verdicts, from best to worst.
func Verdicts() []Verdict {
	return []Verdict{VerdictProven, VerdictUncontrolled, VerdictInconclusive, VerdictFailed}
}

// observation records one request of a run and its response.
type observation struct {
	target   target
	identity string // the credentials as sent; empty for none
	as       string // identity that the step names
	payload  bool   // whether the request holds a value of a payload list
	literal  bool   // whether the file holds an attack in the request
	status   int    // status code, 0 without a response
	login    bool   // whether the response redirects to a login page
	asserts  bool
	about    subjects
	// allows, challenges, denies and missing report whether the assertions about the status hold for 200, 401, 403 and
	// 404.
	allows, challenges, denies, missing bool
}

// target is the destination of a request. A segment of the route that may vary is empty.
type target struct {
	method, host, path string
	route              []string
}

var leadingVariable = regexp.MustCompile(`^\{\{[^{}]*\}\}`)

// targetOf returns the target of a request. A segment of the path may vary if it contains a variable, a digit, or a
// character that is rare in routes.
func targetOf(written string, o *outgoing) target {
	written, _, _ = strings.Cut(strings.TrimSpace(written), "?")
	if _, rest, ok := strings.Cut(written, "://"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		written = "/" + rest
	} else {
		written = leadingVariable.ReplaceAllString(written, "")
	}
	if !strings.HasPrefix(written, "/") { // a variable holds the whole path
		written = o.url.Path
	}
	t := target{method: o.method, host: o.url.Host, path: o.url.EscapedPath()}
	for pair := range strings.SplitSeq(o.url.RawQuery, "&") { // credentials are part of the identity, not of the address
		if name, _, _ := strings.Cut(pair, "="); pair != "" && !isSecretParameter(name) {
			t.path += "&" + pair
		}
	}
	for _, segment := range segments(written) {
		if strings.Contains(segment, "{{") || strings.ContainsAny(segment, "0123456789%'\"<>;|$() ") {
			segment = ""
		}
		t.route = append(t.route, segment)
	}
	return t
}

// sameRoute reports whether two targets have the same method, host and route.
func (t *target) sameRoute(u *target) bool {
	if t.method != u.method || t.host != u.host || len(t.route) != len(u.route) {
		return false
	}
	for i, segment := range t.route {
		if segment != u.route[i] && segment != "" && u.route[i] != "" {
			return false
		}
	}
	return true
}

// sameObject reports whether two targets have the same method and address.
func (t *target) sameObject(u *target) bool {
	return t.method == u.method && t.host == u.host && t.path == u.path
}

// sameIdentity reports whether two requests have the same credentials and do not name different identities.
func (s *observation) sameIdentity(o *observation) bool {
	return s.identity == o.identity && (s.as == "" || o.as == "" || s.as == o.as)
}

// observe records the request of the step.
func (s *stepRun) observe(out *outgoing) {
	s.res.Identity = s.identityName(out)
	s.res.seen = &observation{
		target: targetOf(s.step.Request.URL, out), identity: s.credentials(out), as: s.step.As, payload: s.step.Request.uses(s.st.payload),
		literal: out.holdsAttack(), asserts: s.step.asserts(), about: s.step.subjects(),
	}
}

// credentials returns the credentials of a request: headers, cookies, user information and query parameters.
func (s *stepRun) credentials(o *outgoing) string {
	parts := o.identity()
	if o.url.User != nil {
		parts += "\n" + o.url.User.String()
	}
	query := o.url.Query()
	for _, name := range sortedKeys(query) {
		if isSecretParameter(name) {
			parts += "\n" + name + "=" + strings.Join(query[name], ",")
		}
	}
	if parts == "" { // a request without credentials uses the jar of the anonymous identity
		for _, c := range s.st.jars.For("").Cookies(o.url) {
			parts += sessionCookie + c.Name + "=" + c.Value
		}
	}
	return parts
}

const (
	anonymous = "anonymous"
	unnamed   = "unnamed"

	sessionCookie = "\nsession " // before each kept cookie in the credentials
)

var credentialSuffix = regexp.MustCompile(`_(CREDENTIALS|JWT|COOKIE|BASIC_AUTH_CRED)$`)

// identityName returns the name of the identity that sends a request: the one of the step, or the names of the
// variables that hold its credentials.
func (s *stepRun) identityName(o *outgoing) string {
	if s.step.As != "" {
		return s.step.As
	}
	sent := s.credentials(o)
	if sent == "" {
		return anonymous
	}
	var names []string
	r := &s.step.Request
	credentials := slices.DeleteFunc(slices.Clone(r.Headers), func(kv KeyValue) bool {
		return !identifies(kv.Name) && !strings.Contains(kv.Value, "COOKIE")
	})
	for _, kv := range r.Query {
		if isSecretParameter(kv.Name) {
			credentials = append(credentials, kv)
		}
	}
	for _, kv := range credentials {
		uses, _ := handlebars.Check(kv.Value) // Validate reports faults
		for _, u := range uses {
			name := credentialSuffix.ReplaceAllString(strings.TrimPrefix(u.Name, "global."), "")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	switch {
	case len(names) > 0:
		return strings.Join(names, "+")
	case strings.HasPrefix(sent, sessionCookie):
		return "session"
	}
	return unnamed
}

// uses reports whether the request reads one of the given variables.
func (r *Request) uses(variables map[string]string) bool {
	if len(variables) == 0 {
		return false
	}
	step := Step{Request: *r}
	for _, t := range step.texts() {
		used, _ := handlebars.Check(t.text) // Validate reports faults
		for _, u := range used {
			root, _, _ := strings.Cut(u.Name, ".")
			if _, ok := variables[root]; ok {
				return true
			}
		}
	}
	return false
}

// probe records for which statuses the assertions of the step hold.
func (e *evaluator) probe() {
	seen := e.res.seen
	seen.status = e.ex.status
	if to, err := e.ex.sent.url.Parse(e.ex.header.Get("Location")); err == nil && isRedirect(seen.status) {
		seen.login = leadsToLogin(e.ex.sent.url, to)
	}
	if succeeded(seen.status) && len(e.res.Failures) == 0 || !seen.about.status {
		free := !seen.about.status // a step that succeeded needs no other status
		seen.allows, seen.challenges, seen.denies, seen.missing = true, free, free, free
		return
	}
	seen.allows = e.holdsFor(http.StatusOK)
	seen.challenges = e.holdsFor(http.StatusUnauthorized)
	seen.denies = e.holdsFor(http.StatusForbidden)
	seen.missing = e.holdsFor(http.StatusNotFound)
}

// holdsFor reports whether the assertions about the status would hold for the given status.
func (e *evaluator) holdsFor(status int) bool {
	ex := *e.ex
	ex.status, ex.text = status, http.StatusText(status)
	res, st := StepResult{}, *e.st
	st.vars = maps.Clone(e.st.vars)
	st.vars["resp"] = ex.value() // shadows the response in scripts
	run := stepRun{runner: e.runner, step: e.step, st: &st, res: &res}
	other := evaluator{stepRun: &run, ctx: e.ctx, ex: &ex, engine: e.engine}
	for _, a := range e.step.Assert {
		if !a.aboutStatus() {
			continue
		}
		if holds, _, err := other.check("", a); err != nil || !holds {
			return false
		}
	}
	return true
}

const (
	demandsSuccess = "success"
	demandsRefusal = "refusal"
)

// demands returns whether the assertions about the status demand success or refusal, or "" if they demand neither.
func (s *observation) demands() string {
	switch refuses := s.refuses(); {
	case !s.about.status || s.allows && refuses || s.status == 0:
		return ""
	case s.allows:
		return demandsSuccess
	case refuses:
		return demandsRefusal
	}
	return ""
}

// refuses reports whether the assertions about the status hold for a refusal.
func (s *observation) refuses() bool { return s.challenges || s.denies || s.missing }

func (a *Assertion) aboutStatus() bool {
	if a.kind() == AssertJS {
		return statusWord.MatchString(jsvalue.String(a.Value))
	}
	return statusWord.MatchString(a.Key)
}

func succeeded(status int) bool { return status >= 200 && status < 300 }

// attack reports whether the step tests how the service processes an attack. A step that demands the refusal of an
// attack in its file does not.
func (s *observation) attack() bool { return s.payload || s.literal && s.allows }

// refusedPayload reports whether the response shows that the service did not process the attack.
func (s *observation) refusedPayload() bool {
	switch s.status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return s.login
}

// unavailable reports whether a status means neither that access is allowed nor that it is refused.
func unavailable(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusProxyAuthRequired
}

// trial holds all tests of one call of Run or RunAll.
type trial struct{ runners []*runner }

// works looks for a benign request in the trial that succeeded and for which fits returns true. It returns the name of
// its step.
func (t *trial) works(fits func(s *observation) bool) (name string, found bool) {
	for _, r := range t.runners {
		for _, runs := range r.result.Results {
			for i := range runs {
				s := runs[i].seen
				if s != nil && !s.payload && !s.literal && succeeded(s.status) && runs[i].Outcome == Passed && fits(s) {
					return runs[i].Name, true
				}
			}
		}
	}
	return "", false
}

// judge sets the verdicts of the steps of every test.
func (t *trial) judge() {
	for _, r := range t.runners {
		reached := r.reached()
		for i, runs := range r.result.Results {
			for j := range runs {
				if res := &runs[j]; res.Outcome == Passed {
					r.settle(i, res, t.judgeStep(r, i, res, reached))
				}
			}
		}
		r.conclude()
	}
}

// reached reports whether a response of the test had a status below 400.
func (r *runner) reached() bool {
	return r.anyStep(func(s *StepResult) bool { return s.seen != nil && s.seen.status > 0 && s.seen.status < 400 })
}

func (r *runner) anyStep(fits func(s *StepResult) bool) bool {
	return slices.ContainsFunc(r.result.Results, func(runs []StepResult) bool {
		for i := range runs {
			if fits(&runs[i]) {
				return true
			}
		}
		return false
	})
}

// ruling is the judgment of a step that passed: the name of its control, or the reason to doubt it.
type ruling struct{ control, doubt string }

func (r *runner) settle(i int, res *StepResult, what ruling) {
	if what.doubt == "" && what.control == "" && r.requireControls && r.cfg.Test[i].asserts() {
		what.doubt = "nothing shows that this target works for " + res.Identity +
			": add a step that succeeds there, or name one with control"
	}
	if what.doubt != "" && !r.lenient {
		res.Outcome, res.Success = Inconclusive, false
		res.Reasons = append(res.Reasons, "inconclusive: "+what.doubt)
		if r.hook != nil { // the hook has already reported the step as passed
			r.result.Reasons = append(r.result.Reasons, fmt.Sprintf("step %d: %s", i+1, what.doubt))
		}
		return
	}
	if what.doubt == "" {
		res.Control = what.control
	}
}

// judgeStep judges a step that passed.
func (t *trial) judgeStep(r *runner, i int, res *StepResult, reached bool) ruling {
	s := res.seen
	if s == nil || s.status == 0 {
		return ruling{}
	}
	if s.as != "" && s.as != anonymous && s.identity == "" && !succeeded(s.status) {
		return ruling{doubt: "the step names the identity " + s.as + ", but its request carries no credentials: add them"}
	}
	asked := succeeded(s.status) || s.status < 400 && s.about.status && !s.refuses() // the step is about this status
	if !s.asserts || asked && r.cfg.Test[i].Control == "" {
		return ruling{control: res.Name}
	}
	if unavailable(s.status) && s.about.status && (s.allows || s.refuses()) {
		return ruling{doubt: fmt.Sprintf("the service answered %d, which is neither a success nor a refusal", s.status)}
	}
	control, doubt := t.control(r, i, s)
	if doubt == "" {
		doubt = t.doubtRefusal(r, i, s, control != "", reached)
	}
	return ruling{control, doubt}
}

// accepts reports whether a request with the credentials of s succeeded. If s got a 401, the request must have the same
// route, because an endpoint without authentication accepts expired credentials too.
func (t *trial) accepts(s *observation) bool {
	_, found := t.works(func(o *observation) bool {
		return s.sameIdentity(o) && (s.status != http.StatusUnauthorized || o.target.sameRoute(&s.target))
	})
	return found
}

// doubtRefusal returns why the refusal of a request proves nothing, or "" if it proves something.
func (t *trial) doubtRefusal(r *runner, i int, s *observation, controlled, reached bool) string {
	if (s.status == http.StatusUnauthorized || s.status < 400) && s.identity != "" && s.denies {
		known := t.accepts(s)
		if s.attack() || !known {
			return fmt.Sprintf("the service answered %d to credentials that may have expired, since "+
				"no request with them succeeded there: log in again, or assert 403 alone if they are valid", s.status)
		}
	}
	switch {
	case s.attack() && controlled && (s.status == http.StatusMethodNotAllowed || s.status == http.StatusTooManyRequests):
		return fmt.Sprintf("the payload was answered with %d, so it was not processed", s.status)
	case s.attack() && !controlled && s.refusedPayload() && !r.processed(i, s):
		return fmt.Sprintf("every payload was refused (%d), and no benign value succeeded: check the credentials and the other fields, or add a step with a benign value", s.status)
	case !controlled && !reached && s.unclear():
		return fmt.Sprintf("status %d may mean that the endpoint was not reached: no step of this test got a response below 400", s.status)
	}
	return ""
}

// unclear reports whether something in front of the code under test may have refused the request.
func (s *observation) unclear() bool {
	named := strings.Contains(s.about.statuses, strconv.Itoa(s.status))
	neutral := s.about.status && s.allows && s.denies && !named
	return neutral || s.status == http.StatusNotFound && s.about.status && (s.allows || s.challenges || s.denies)
}

// processed reports whether the service processed an attack of step i, or of another step with the same target and
// identity.
func (r *runner) processed(i int, s *observation) bool {
	return r.anyStep(func(res *StepResult) bool {
		o := res.seen
		if o == nil || o.status == 0 || o.refusedPayload() {
			return false
		}
		return res.Index == i || (o.payload || o.literal) && s.sameIdentity(o) && o.target.sameRoute(&s.target)
	})
}

// control returns the name of the request that shows the target of s to work, or the reason why the control of the step
// failed.
func (t *trial) control(r *runner, i int, s *observation) (name, doubt string) {
	if named := r.cfg.Test[i].Control; named != "" {
		return t.namedControl(r, named)
	}
	name, found := t.works(func(o *observation) bool {
		return o != s && s.sameIdentity(o) && o.target.sameRoute(&s.target)
	})
	if found {
		return name, ""
	}
	failed := r.anyStep(func(res *StepResult) bool {
		o := res.seen
		return o != nil && res.Index != i && !o.payload && !o.literal && o.status > 0 && !succeeded(o.status) && o.allows && o.about.status &&
			s.sameIdentity(o) && o.target.sameRoute(&s.target)
	})
	if failed {
		return "", "its control, a step with the same target and identity, did not succeed"
	}
	owner, _ := t.works(func(o *observation) bool { return o.identity != s.identity && o.target.sameObject(&s.target) })
	known := t.accepts(s)
	if s.identity == "" || known {
		return owner, ""
	}
	return "", ""
}

// namedControl does what control does for a step that names its control: the number of a step, or the id of another
// test.
func (t *trial) namedControl(r *runner, named string) (name, doubt string) {
	if n, err := strconv.Atoi(named); err == nil {
		if n > len(r.result.Results) || len(r.result.Results[n-1]) == 0 {
			return "", fmt.Sprintf("its control, step %d, was not sent", n)
		}
		for _, res := range r.result.Results[n-1] {
			if res.Outcome != Passed || res.seen == nil || !succeeded(res.seen.status) {
				return "", fmt.Sprintf("its control, step %d, did not succeed", n)
			}
		}
		return r.result.Results[n-1][0].Name, ""
	}
	for _, other := range t.runners {
		if other == r || other.cfg.ID != named {
			continue
		}
		if other.anyStep(func(res *StepResult) bool {
			return res.Outcome != Passed || res.seen == nil || !succeeded(res.seen.status)
		}) {
			return "", fmt.Sprintf("its control, the test %s, did not succeed", named)
		}
		return named, ""
	}
	return "", fmt.Sprintf("its control, the test %s, is not part of this run", named)
}

// conclude sets the verdicts of the steps and of the test.
func (r *runner) conclude() {
	order := Verdicts()
	worst := VerdictProven
	for _, runs := range r.result.Results {
		for i := range runs {
			res := &runs[i]
			if res.seen != nil {
				res.Demands, res.Attack = res.seen.demands(), res.seen.payload || res.seen.literal && !succeeded(res.seen.status)
			}
			switch {
			case res.Outcome == Failed:
				res.Verdict = VerdictFailed
			case res.Outcome == Inconclusive:
				res.Verdict = VerdictInconclusive
			case res.Control == "":
				res.Verdict = VerdictUncontrolled
			default:
				res.Verdict = VerdictProven
			}
			if slices.Index(order, res.Verdict) > slices.Index(order, worst) {
				worst = res.Verdict
			}
		}
	}
	r.result.Verdict = worst
}

// contradiction returns two steps that send the same request, and of which no response can satisfy both.
func contradiction(c *Config) (i, j int, found bool) {
	for j := range c.Test {
		for i := range j {
			a, b := &c.Test[i], &c.Test[j]
			if len(a.Payload) == 0 && len(b.Payload) == 0 && reflect.DeepEqual(a.Request, b.Request) && disjoint(a, b) {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// checkFilled checks a test that compares identities. It returns an error if two contradicting steps send the same request
// after their variables are filled in, as when two users have the same object.
func (s *settings) checkFilled(c *Config, st *state) error {
	if s.lenient || c.Meta == nil || !slices.ContainsFunc(c.Meta.Tags, comparesIdentities) {
		return nil
	}
	filled := make([]string, len(c.Test))
	for i := range c.Test {
		out, problems, err := st.prepare(&c.Test[i].Request, false)
		if err != nil || len(problems) > 0 || len(c.Test[i].Payload) > 0 {
			continue
		}
		filled[i] = fmt.Sprint(out.method, out.url, out.headers, out.cookies, string(out.body))
		if j := slices.Index(filled[:i], filled[i]); j >= 0 && disjoint(&c.Test[j], &c.Test[i]) {
			return &ConfigError{Path: fmt.Sprintf("test[%d]", i), Message: fmt.Sprintf(
				"steps %d and %d are one request that must succeed and must be refused: set a different id for each identity", j+1, i+1)}
		}
	}
	return nil
}

// disjoint reports whether no status satisfies both steps.
func disjoint(a, b *Step) bool {
	for _, status := range []int{200, 201, 202, 204, 301, 302, 400, 401, 403, 404, 405, 409, 410, 415, 422, 429, 500} {
		if a.takes(status) && b.takes(status) {
			return false
		}
	}
	return true
}

// takes reports whether the assertions of the step that are only about the status hold for the given status.
func (s *Step) takes(status int) bool {
	ex := &response{sent: &outgoing{url: &url.URL{}}, status: status}
	run := &stepRun{
		runner: &runner{settings: &settings{scripts: script.Default()}, secrets: &secrets{}},
		res:    &StepResult{}, st: &state{jars: cookies.NewJars(false, false)},
	}
	e := &evaluator{stepRun: run, ctx: context.Background(), ex: ex, engine: script.New(script.Default(), ex.scriptView())}
	defer e.engine.Close()
	for _, a := range s.Assert {
		if !a.aboutStatus() {
			continue
		}
		if holds, _, err := e.check("", a); err == nil && !holds {
			return false
		}
	}
	return true
}
