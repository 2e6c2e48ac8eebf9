package apitest

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Access is what was proven about one endpoint and one identity.
type Access string

// The kinds of access.
const (
	// AccessAllowed is an endpoint that served the identity.
	AccessAllowed Access = "allowed"
	// AccessDenied is an endpoint that refused the identity, where it serves another one and the credentials are valid.
	AccessDenied Access = "denied"
	// AccessLeaks is an endpoint that served the identity an object of another one.
	AccessLeaks Access = "leaks"
	// AccessUntested is an endpoint that no request of the identity was sent to.
	AccessUntested Access = "untested"
	// AccessUnknown is an endpoint whose answers prove nothing.
	AccessUnknown Access = "could-not-tell"
)

// CellState is how a cell compares with the policy.
type CellState string

// The states of a cell.
const (
	StateOK        CellState = "ok"        // proven, and as the policy wants
	StateViolation CellState = "violation" // proven otherwise, or not proven where the policy requires it
	StateUnknown   CellState = "unknown"   // could not tell
	StateOpen      CellState = "open"      // untested, or the policy has no rule
	StateExcepted  CellState = "excepted"  // not proven, and the policy says why until a date
)

// Endpoint is a known operation. Host may be empty. Parameters of the path are in braces.
type Endpoint struct {
	Method string `json:"method"`
	Host   string `json:"host,omitempty"`
	Path   string `json:"path"`
}

// String returns the method and the address.
func (e Endpoint) String() string { return e.Method + " " + e.Host + e.Path }

// MatrixInput is what a matrix is made of.
type MatrixInput struct {
	// Endpoints are all operations that are known. At least one is required.
	Endpoints []Endpoint
	// Results are those of a run, and Earlier those of earlier runs.
	Results []*Result
	Earlier Earlier
	// Policy says who may do what. Without one, only leaks are violations.
	Policy *Policy
	// RequireAll makes a violation of each cell that is untested, or that the policy has no rule for.
	RequireAll bool
	// Now is the time by which exceptions end; the zero time is the present.
	Now time.Time
}

// Matrix says for every endpoint and identity what was proven.
type Matrix struct {
	Version    int      `json:"version"`
	Outcome    Outcome  `json:"outcome"`
	Identities []string `json:"identities"`
	Rows       []Row    `json:"rows"`
	// Unlisted are requests of the results to no known endpoint.
	Unlisted []string `json:"unlisted"`
	// Unused are patterns of the policy that fit no known endpoint: they may be misspelt or out of date.
	Unused []string `json:"unused"`
	// NotRun are the tests without a step that ran, by file or else by name. What they would show is not in the matrix.
	NotRun []string `json:"notRun"`
}

// Row is an endpoint with one cell for each identity.
type Row struct {
	Endpoint
	Cells []Cell `json:"cells"`
}

// Cell is what was proven for one endpoint and one identity.
type Cell struct {
	Identity string    `json:"identity"`
	Access   Access    `json:"access"`
	State    CellState `json:"state"`
	// Policy is what the policy wants: allow, own, deny, or "" without a rule.
	Policy string `json:"policy"`
	// Reason says why the cell is not ok; empty for one that is.
	Reason string `json:"reason,omitempty"`
	// Evidence are the steps that the cell rests on.
	Evidence []Evidence `json:"evidence"`
}

// Evidence is a step and what it shows.
type Evidence struct {
	Test    string `json:"test"`
	Step    string `json:"step"`
	Status  int    `json:"status"`
	Access  Access `json:"access"`
	Control string `json:"control,omitempty"`
	Reason  string `json:"reason,omitempty"`

	refusal bool // the step demands a refusal
}

// NewMatrix makes the matrix. Errors: no endpoint, two endpoints that are the same.
func NewMatrix(in *MatrixInput) (*Matrix, error) {
	if len(in.Endpoints) == 0 {
		return nil, errors.New("apitest: the matrix has no endpoint: is the inventory empty?")
	}
	input := *in
	if input.Now.IsZero() {
		input.Now = time.Now()
	}
	b := newMatrixBuilder(&input)
	seen := make(map[Endpoint]bool, len(in.Endpoints))
	for _, e := range in.Endpoints {
		if seen[e] {
			return nil, fmt.Errorf("apitest: the matrix has %s twice", e)
		}
		seen[e] = true
	}
	fresh, err := earlier(in.Results)
	if err != nil {
		return nil, err
	}
	b.read(slices.Concat(in.Earlier, fresh))
	return b.matrix(), nil
}

type cellKey struct {
	endpoint int
	identity string
}

type matrixBuilder struct {
	in         *MatrixInput
	templates  [][]string     // the segments of the path of each endpoint
	found      map[string]int // the endpoint of each method and address
	identities []string
	evidence   map[cellKey][]Evidence
	worked     map[string]bool            // identities that some endpoint served
	workedAt   map[cellKey]bool           // and which
	served     map[string]map[string]bool // the identities that an address served as a test wants it
	unlisted   []string
	notRun     []string
}

func newMatrixBuilder(in *MatrixInput) *matrixBuilder {
	b := &matrixBuilder{
		in: in, evidence: map[cellKey][]Evidence{}, worked: map[string]bool{}, workedAt: map[cellKey]bool{}, served: map[string]map[string]bool{},
		found: map[string]int{},
	}
	for _, e := range in.Endpoints {
		b.templates = append(b.templates, segments(e.Path))
	}
	return b
}

func (b *matrixBuilder) read(tests Earlier) {
	if b.in.Policy != nil {
		b.identities = slices.Clone(b.in.Policy.Identities)
	}
	for i := range tests {
		if !slices.ContainsFunc(tests[i].Results, func(runs []earlierStep) bool { return len(runs) > 0 }) {
			b.notRun = append(b.notRun, cmp.Or(tests[i].Test.File, tests[i].name(), "a test without a name"))
		}
	}
	eachStep := func(f func(t *earlierTest, s *earlierStep)) {
		for i := range tests {
			for _, runs := range tests[i].Results {
				for j := range runs {
					if s := &runs[j]; !s.Payload && s.Identity != "" {
						f(&tests[i], s)
					}
				}
			}
		}
	}
	eachStep(func(_ *earlierTest, s *earlierStep) {
		if s.Response != nil && succeeded(s.Response.Status) && s.Outcome == Passed {
			b.worked[s.Identity] = true
			b.workedAt[cellKey{b.endpoint(s.Request.Method, s.Request.URL), s.Identity}] = true
			address := s.Request.Method + " " + s.Request.URL
			if b.served[address] == nil {
				b.served[address] = map[string]bool{}
			}
			b.served[address][s.Identity] = true
		}
	})
	eachStep(func(t *earlierTest, s *earlierStep) {
		i := b.endpoint(s.Request.Method, s.Request.URL)
		if i < 0 {
			u, _ := url.Parse(s.Request.URL)
			if name := s.Request.Method; u != nil && !slices.Contains(b.unlisted, name+" "+u.Path) {
				b.unlisted = append(b.unlisted, name+" "+u.Path)
			}
			return
		}
		if !slices.Contains(b.identities, s.Identity) {
			b.identities = append(b.identities, s.Identity)
		}
		key := cellKey{i, s.Identity}
		b.evidence[key] = append(b.evidence[key], b.weigh(t, s))
	})
}

// endpoint returns the known endpoint that an address belongs to, the one with the fewest parameters, or -1.
func (b *matrixBuilder) endpoint(method, address string) int {
	key := method + " " + address
	i, ok := b.found[key]
	if !ok {
		i = b.findEndpoint(method, address)
		b.found[key] = i
	}
	return i
}

func (b *matrixBuilder) findEndpoint(method, address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return -1
	}
	path := segments(u.EscapedPath())
	best, points := -1, -1
	for i, e := range b.in.Endpoints {
		if e.Method != method {
			continue
		}
		fixed, ok := fits(b.templates[i], path)
		if !ok {
			continue
		}
		score := 2 * fixed
		if e.Host != "" && e.Host == u.Host {
			score++
		}
		if score > points {
			best, points = i, score
		}
	}
	return best
}

func segments(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// fits reports whether the segments of a path belong to those of a template, and returns how many of them are fixed.
func fits(template, path []string) (fixed int, ok bool) {
	if len(template) != len(path) {
		return 0, false
	}
	for i, segment := range template {
		if strings.Contains(segment, "{") {
			continue
		}
		if segment != path[i] {
			return 0, false
		}
		fixed++
	}
	return fixed, true
}

// weigh returns what a step shows about its endpoint and its identity.
func (b *matrixBuilder) weigh(t *earlierTest, s *earlierStep) Evidence {
	e := Evidence{Test: cmp.Or(t.Test.File, t.name()), Step: s.Name, Control: s.Control, refusal: s.Demands == demandsRefusal}
	unknown := func(why string) Evidence {
		e.Access, e.Reason = AccessUnknown, why
		return e
	}
	if s.Response == nil {
		return unknown(cmp.Or(strings.Join(s.Reasons, "; "), "no response"))
	}
	e.Status = s.Response.Status
	controlled := s.Verdict == VerdictProven
	if !e.refusal {
		controlled = b.controls(s)
	}
	switch {
	case s.Outcome == Inconclusive:
		return unknown(strings.Join(s.Reasons, "; "))
	case succeeded(e.Status) && e.refusal && b.servedOther(s):
		e.Access = AccessLeaks
	case succeeded(e.Status):
		e.Access = AccessAllowed
	case e.Status == http.StatusUnauthorized && s.Identity != anonymous && !b.workedThere(s):
		return unknown("401 to credentials that this endpoint never accepted: have they expired?")
	case !refuses(e.Status) && (!e.refusal || !isRedirect(e.Status)):
		return unknown(fmt.Sprintf("%d neither allows nor refuses", e.Status))
	case !e.refusal && e.Status == http.StatusNotFound && !b.servedOther(s):
		return unknown("404: is the object there?")
	case !controlled:
		return unknown(fmt.Sprintf("%d without a control: nothing shows that the endpoint works and the credentials are valid", e.Status))
	default:
		e.Access = AccessDenied
	}
	return e
}

// controls reports whether the address of a step served another identity, and another address its own.
func (b *matrixBuilder) controls(s *earlierStep) bool {
	return b.servedOther(s) && (s.Identity == anonymous || b.worked[s.Identity])
}

// refuses reports whether a status is one of those that refuse an identity.
func refuses(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound
}

func (t *earlierTest) name() string {
	if t.Test.Meta != nil && t.Test.Meta.Name != "" {
		return t.Test.Meta.Name
	}
	return t.Test.ID
}

// servedOther reports whether the address of a step served another identity.
func (b *matrixBuilder) servedOther(s *earlierStep) bool {
	for identity := range b.served[s.Request.Method+" "+s.Request.URL] {
		if identity != s.Identity && identity != anonymous {
			return true
		}
	}
	return false
}

// workedThere reports whether the endpoint of a step served its identity. Another endpoint may need no credentials.
func (b *matrixBuilder) workedThere(s *earlierStep) bool {
	return b.workedAt[cellKey{b.endpoint(s.Request.Method, s.Request.URL), s.Identity}]
}

func (b *matrixBuilder) matrix() *Matrix {
	m := &Matrix{
		Version: 1, Identities: b.identities, Unlisted: append([]string{}, b.unlisted...),
		Unused: b.in.Policy.unused(b.in.Endpoints), NotRun: append([]string{}, b.notRun...),
	}
	if m.Identities == nil {
		m.Identities = []string{}
	}
	for i, e := range b.in.Endpoints {
		row := Row{Endpoint: e, Cells: []Cell{}}
		for _, identity := range b.identities {
			c := Cell{Identity: identity, Evidence: append([]Evidence{}, b.evidence[cellKey{i, identity}]...)}
			c.sum()
			b.in.Policy.judge(&c, e, b.in)
			row.Cells = append(row.Cells, c)
		}
		m.Rows = append(m.Rows, row)
	}
	m.Outcome = m.outcome()
	return m
}

// sum joins the evidence of a cell. What a step allows that demands a refusal counts first; then what could not be told,
// of steps that demand success and of steps that demand a refusal; then what was allowed.
func (c *Cell) sum() {
	var best [2]Access // of the steps that demand a refusal, and of the others
	rank := [2][]Access{{AccessUnknown, AccessDenied, AccessAllowed, AccessLeaks}, {AccessUnknown, AccessDenied, AccessAllowed}}
	for _, e := range c.Evidence {
		kind := 1
		if e.refusal {
			kind = 0
		}
		if slices.Index(rank[kind], e.Access) > slices.Index(rank[kind], best[kind]) {
			best[kind] = e.Access
		}
	}
	refusal, success := best[0], best[1]
	switch {
	case refusal == AccessLeaks || refusal == AccessAllowed:
		c.Access = refusal
	case refusal == AccessUnknown || success == AccessUnknown:
		c.Access = AccessUnknown
	case success != "":
		c.Access = success
	case refusal != "":
		c.Access = refusal
	default:
		c.Access = AccessUntested
	}
	if c.Access == AccessUnknown {
		for _, e := range c.Evidence {
			if e.Access == AccessUnknown {
				c.Reason = e.Step + ": " + e.Reason
				break
			}
		}
	}
}

// refusesOthers reports whether a step proves that the identity does not reach what belongs to others.
func (c *Cell) refusesOthers() bool {
	return slices.ContainsFunc(c.Evidence, func(e Evidence) bool { return e.refusal && e.Access == AccessDenied })
}

// allowedThoughRefused reports whether a step got what it demands to be refused.
func (c *Cell) allowedThoughRefused() bool {
	return slices.ContainsFunc(c.Evidence, func(e Evidence) bool { return e.refusal && e.Access == AccessAllowed })
}

// outcome is Failed with a violation, else Inconclusive with an unknown cell, a test that did not run or without any cell
// that is ok, else Passed.
func (m *Matrix) outcome() Outcome {
	out, proven := Passed, false
	for _, row := range m.Rows {
		for _, c := range row.Cells {
			switch c.State {
			case StateViolation:
				out = Failed
			case StateUnknown:
				out = worse(out, Inconclusive)
			case StateOK:
				proven = true
			}
		}
	}
	if !proven || len(m.NotRun) > 0 {
		out = worse(out, Inconclusive)
	}
	return out
}

// Coverage is how many of the known operations were tested.
type Coverage struct {
	Known    int        `json:"known"`
	Tested   int        `json:"tested"`
	Untested []Endpoint `json:"untested"`
}

// Coverage counts an operation as tested when its access is proven for an identity.
func (m *Matrix) Coverage() Coverage {
	out := Coverage{Known: len(m.Rows), Untested: []Endpoint{}}
	for _, row := range m.Rows {
		if slices.ContainsFunc(row.Cells, func(c Cell) bool { return c.Access != AccessUntested && c.Access != AccessUnknown }) {
			out.Tested++
		} else {
			out.Untested = append(out.Untested, row.Endpoint)
		}
	}
	return out
}
