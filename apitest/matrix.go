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

// Access describes what tests proved about the access of one identity to one endpoint.
type Access string

// The kinds of access.
const (
	// AccessAllowed means that the endpoint served the identity.
	AccessAllowed Access = "allowed"
	// AccessDenied means that the endpoint refused the identity although its credentials are valid and the endpoint
	// serves another one.
	AccessDenied Access = "denied"
	// AccessLeaks means that the endpoint served the identity an object of another one.
	AccessLeaks Access = "leaks"
	// AccessUntested means that the identity sent no request to the endpoint.
	AccessUntested Access = "untested"
	// AccessUnknown means that the responses of the endpoint prove nothing.
	AccessUnknown Access = "could-not-tell"
)

// CellState is the result of comparing a cell with the policy.
type CellState string

// The states of a cell.
const (
	StateOK        CellState = "ok"        // the access is proven and agrees with the policy
	StateViolation CellState = "violation" // the access contradicts the policy, or is not proven although the policy requires it
	StateUnknown   CellState = "unknown"   // the responses prove nothing
	StateOpen      CellState = "open"      // the cell is untested or the policy has no rule for it
	StateExcepted  CellState = "excepted"  // the access is not proven, and an exception of the policy applies
)

// Endpoint is a known operation. Parameters of its path are in braces. Host may be empty.
type Endpoint struct {
	Method string `json:"method"`
	Host   string `json:"host,omitempty"`
	Path   string `json:"path"`
}

// String returns the method and the address.
func (e Endpoint) String() string { return e.Method + " " + e.Host + e.Path }

// MatrixInput is the input of NewMatrix.
type MatrixInput struct {
	// Endpoints holds all known operations. At least one is required.
	Endpoints []Endpoint
	// Results holds the results of a run, and Earlier those of earlier runs.
	Results []*Result
	Earlier Earlier
	// Policy is the policy to compare with. If it is nil, only leaks are violations.
	Policy *Policy
	// RequireAll determines whether a cell that is untested or has no rule is a violation.
	RequireAll bool
	// Now is the time at which exceptions are checked. The zero value means the current time.
	Now time.Time
}

// Matrix shows what tests proved for every endpoint and identity.
type Matrix struct {
	Version    int      `json:"version"`
	Outcome    Outcome  `json:"outcome"`
	Identities []string `json:"identities"`
	Rows       []Row    `json:"rows"`
	// Unlisted holds the requests that belong to no known endpoint.
	Unlisted []string `json:"unlisted"`
	// Unused holds the patterns of the policy that match no known endpoint. They may be misspelled or out of date.
	Unused []string `json:"unused"`
	// NotRun holds the tests of which no step ran, by file or else by name.
	NotRun []string `json:"notRun"`
}

// Row holds the cells of an endpoint, one for each identity.
type Row struct {
	Endpoint
	Cells []Cell `json:"cells"`
}

// Cell shows what tests proved about one identity at one endpoint.
type Cell struct {
	Identity string    `json:"identity"`
	Access   Access    `json:"access"`
	State    CellState `json:"state"`
	// Policy is the access that the policy demands: allow, own, deny, or "" without a rule.
	Policy string `json:"policy"`
	// Reason is the reason why the cell is not ok, or empty.
	Reason string `json:"reason,omitempty"`
	// Evidence holds the steps that the cell is based on.
	Evidence []Evidence `json:"evidence"`
}

// Evidence describes a step and the access that it shows.
type Evidence struct {
	Test    string `json:"test"`
	Step    string `json:"step"`
	Status  int    `json:"status"`
	Access  Access `json:"access"`
	Control string `json:"control,omitempty"`
	Reason  string `json:"reason,omitempty"`

	refusal bool // whether the step demands a refusal
}

// NewMatrix returns the matrix of the results. It returns an error if there is no endpoint, or if one occurs twice.
func NewMatrix(in *MatrixInput) (*Matrix, error) {
	if len(in.Endpoints) == 0 {
		return nil, errors.New("apitest: the matrix has no endpoints: name those of an instance or of an OpenAPI document")
	}
	input := *in
	if input.Now.IsZero() {
		input.Now = time.Now()
	}
	b := newMatrixBuilder(&input)
	seen := make(map[Endpoint]bool, len(in.Endpoints))
	for _, e := range in.Endpoints {
		if seen[e] {
			return nil, fmt.Errorf("apitest: the matrix has the endpoint %s twice: remove one", e)
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
	templates  [][]string     // segments of the path of each endpoint
	found      map[string]int // index of the endpoint by method and address
	identities []string
	evidence   map[cellKey][]Evidence
	worked     map[string]bool            // identities that some endpoint served
	workedAt   map[cellKey]bool           // endpoints and the identities that they served
	served     map[string]map[string]bool // identities that an address served in a step that passed, by address
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
		b.evidence[key] = append(b.evidence[key], b.evidenceOf(t, s))
	})
}

// endpoint returns the index of the known endpoint that matches an address, or -1. If several match, it returns the one
// with the fewest parameters.
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

// fits reports whether a path matches a template. It returns the number of segments that are not parameters.
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

// evidenceOf returns the access that a step shows for its identity.
func (b *matrixBuilder) evidenceOf(t *earlierTest, s *earlierStep) Evidence {
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
		return unknown("401 to credentials that this endpoint never accepted: renew them if they have expired")
	case !refuses(e.Status) && (!e.refusal || !isRedirect(e.Status)):
		return unknown(fmt.Sprintf("%d is neither a success nor a refusal", e.Status))
	case !e.refusal && e.Status == http.StatusNotFound && !b.servedOther(s):
		return unknown("404: check that the object exists")
	case !controlled:
		return unknown(fmt.Sprintf("%d without a control: nothing shows that the endpoint works and the credentials are valid", e.Status))
	default:
		e.Access = AccessDenied
	}
	return e
}

// controls reports whether the address of a step served another identity, and any endpoint served the identity of the
// step.
func (b *matrixBuilder) controls(s *earlierStep) bool {
	return b.servedOther(s) && (s.Identity == anonymous || b.worked[s.Identity])
}

// refuses reports whether a status refuses access.
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

// workedThere reports whether the endpoint of a step served the step's identity. Other endpoints may not check
// credentials.
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
			c.combine()
			b.in.Policy.judge(&c, e, b.in)
			row.Cells = append(row.Cells, c)
		}
		m.Rows = append(m.Rows, row)
	}
	m.Outcome = m.worstOutcome()
	return m
}

// combine sets the access of a cell from its evidence. Access that a step demands to be refused comes first.
// Then comes unknown access, then the access of steps that demand success, and last a proven refusal.
func (c *Cell) combine() {
	var best [2]Access // access of the steps that demand a refusal, and of the others
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

// refusesOthers reports whether a step proves that the identity cannot reach objects of others.
func (c *Cell) refusesOthers() bool {
	return slices.ContainsFunc(c.Evidence, func(e Evidence) bool { return e.refusal && e.Access == AccessDenied })
}

// allowedThoughRefused reports whether the endpoint served a step that demands a refusal.
func (c *Cell) allowedThoughRefused() bool {
	return slices.ContainsFunc(c.Evidence, func(e Evidence) bool { return e.refusal && e.Access == AccessAllowed })
}

// worstOutcome returns Failed if a cell is a violation. It returns Inconclusive if a cell is unknown, if a test did not
// run, or if no cell is ok. Otherwise it returns Passed.
func (m *Matrix) worstOutcome() Outcome {
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

// Coverage shows how many of the known operations were tested.
type Coverage struct {
	Known    int        `json:"known"`
	Tested   int        `json:"tested"`
	Untested []Endpoint `json:"untested"`
}

// Coverage returns the coverage of the known operations. An operation is tested if its access is proven for an
// identity.
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
