package apitest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

// laboratory is a sound service of 60 endpoints for 4 roles. One guard decides what a role may do. Twenty endpoints
// serve objects to their owner and to root, twenty serve only root, and twenty serve everybody with credentials.
type laboratory struct {
	endpoints []Endpoint
	open      map[cellKey]bool // guards that are removed
	expired   string           // identity whose credentials have expired
	refused   error            // error of every connection, or nil
}

var labRoles = []string{anonymous, "ann", "bob", "root"}

func newLaboratory() *laboratory {
	l := &laboratory{open: map[cellKey]bool{}}
	methods := []string{"GET", "PUT", "POST", "DELETE"}
	for i := range 60 {
		path := fmt.Sprintf("/%s/c%c", []string{"own", "admin", "shared"}[i/20], 'a'+i%20)
		if i < 20 {
			path += "/{id}"
		}
		l.endpoints = append(l.endpoints, Endpoint{Method: methods[i%4], Path: path})
	}
	return l
}

// RoundTrip implements http.RoundTripper.
func (l *laboratory) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.refused != nil {
		return nil, &unsentError{l.refused}
	}
	return inProcess{l}.RoundTrip(r)
}

func (l *laboratory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i := newMatrixBuilder(&MatrixInput{Endpoints: l.endpoints}).findEndpoint(r.Method, r.URL.String())
	role := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
	if role == "" {
		role = anonymous
	}
	owner := r.URL.Path[strings.LastIndexByte(r.URL.Path, '-')+1:]
	may := role == "root" || i < 20 && role == owner || i >= 40 && role != anonymous
	status := http.StatusOK
	switch {
	case i < 0:
		status = http.StatusNotFound
	case role == l.expired:
		status = http.StatusUnauthorized
	case l.open[cellKey{i, role}] || may:
	case role == anonymous:
		status = http.StatusUnauthorized
	case i < 20 && i%2 == 0:
		status = http.StatusNotFound
	default:
		status = http.StatusForbidden
	}
	reply(w, status, map[string]any{"owner": owner})
}

// tests returns one test for each endpoint, in which each role sends requests that it may send and requests that it may
// not.
func (l *laboratory) tests() []*Config {
	var out []*Config
	for i, e := range l.endpoints {
		test := &Config{ID: fmt.Sprintf("t%d", i), Meta: &Meta{Tags: []string{"BOLA"}}}
		step := func(role, owner string, statuses ...any) {
			s := Step{Request: Request{Method: "GET", URL: "http://lab.test" + strings.Replace(e.Path, "{id}", "1-"+owner, 1)}, Assert: []Assertion{OneOf(statusKey, statuses...)}}
			s.Request.Method = metloMethod(e.Method)
			if role != anonymous {
				s.Request.Headers = []KeyValue{{"Authorization", "Bearer {{" + role + "_CREDENTIALS}}"}}
			}
			test.Test = append(test.Test, s)
		}
		serves := func(role, owner string) { step(role, owner, 200, 201, 204) }
		refuses := func(role, owner string) { step(role, owner, 401, 403, 404) }
		serves("root", "ann")
		refuses(anonymous, "ann")
		switch {
		case i < 20:
			serves("ann", "ann")
			serves("bob", "bob")
			refuses("ann", "bob")
			refuses("bob", "ann")
		case i < 40:
			refuses("ann", "ann")
			refuses("bob", "bob")
		default:
			serves("ann", "ann")
			serves("bob", "bob")
		}
		out = append(out, test)
	}
	return out
}

func labPolicy() *Policy {
	return &Policy{Identities: labRoles, Rules: []Rule{
		{Endpoints: []string{"* /own/**"}, Own: []string{"ann", "bob"}, Allow: []string{"root"}},
		{Endpoints: []string{"* /admin/**"}, Allow: []string{"root"}},
		{Endpoints: []string{"* /shared/**"}, Allow: []string{"ann", "bob", "root"}},
	}}
}

// results runs the tests.
func (l *laboratory) results(t *testing.T) []*Result {
	t.Helper()
	env := map[string]string{}
	for _, role := range labRoles[1:] {
		env[role+"_CREDENTIALS"] = "token-of-" + role
	}
	results, err := RunAll(t.Context(), l.tests(), AllowHosts("lab.test"), WithHTTPClient(&http.Client{Transport: l}), WithEnv(env))
	require.NoError(t, err)
	return results
}

// matrix runs the tests and returns the matrix of the results.
func (l *laboratory) matrix(t *testing.T, requireAll bool, more ...Endpoint) *Matrix {
	t.Helper()
	m, err := NewMatrix(&MatrixInput{
		Endpoints: append(slices.Clone(l.endpoints), more...), Results: l.results(t), Policy: labPolicy(), RequireAll: requireAll,
		Now: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	return m
}

// cells returns the access of the cells in a state.
func (m *Matrix) cells(state CellState) map[cellKey]Access {
	out := map[cellKey]Access{}
	for i, row := range m.Rows {
		for _, c := range row.Cells {
			if c.State == state {
				out[cellKey{i, c.Identity}] = c.Access
			}
		}
	}
	return out
}

// TestLaboratory removes each guard in turn. Only the cell that it guards becomes a violation.
func TestLaboratory(t *testing.T) {
	l := newLaboratory()
	m := l.matrix(t, true)
	require.Equal(t, Passed, m.Outcome, m)
	require.Len(t, m.cells(StateOK), 60*4)
	assert.Equal(t, Coverage{Known: 60, Tested: 60, Untested: []Endpoint{}}, m.Coverage())

	var guards []cellKey
	for i := range l.endpoints {
		for _, role := range labRoles[:3] {
			if i < 40 || role == anonymous {
				guards = append(guards, cellKey{i, role})
			}
		}
	}
	red, others := 0, 0
	for _, guard := range guards {
		l.open = map[cellKey]bool{guard: true}
		m := l.matrix(t, true)
		violations := m.cells(StateViolation)
		if _, ok := violations[guard]; ok && m.Outcome == Failed {
			red++
		}
		others += 60*4 - 1 - len(m.cells(StateOK))
		if want := AccessLeaks; guard.endpoint < 20 {
			assert.Equal(t, want, violations[guard], guard)
		}
	}
	fmt.Printf("%d mutants, %d cells red, %d others\n", len(guards), red, others)
	assert.Equal(t, []int{140, 140, 0}, []int{len(guards), red, others})
}

func TestLaboratoryStopped(t *testing.T) {
	l := newLaboratory()
	l.refused = errors.New("connection refused")
	m := l.matrix(t, false)
	assert.Equal(t, Inconclusive, m.Outcome)
	unknown := m.cells(StateUnknown)
	assert.Len(t, unknown, 60*4)
	assert.Equal(t, []Access{AccessUnknown}, slices.Compact(slices.Collect(maps.Values(unknown))))
	assert.Zero(t, m.Coverage().Tested)
}

func TestLaboratoryWithAnExpiredLogin(t *testing.T) {
	for _, role := range labRoles[1:3] {
		l := newLaboratory()
		l.expired = role
		m := l.matrix(t, false)
		assert.Equal(t, Inconclusive, m.Outcome)
		for i := range l.endpoints {
			assert.Equal(t, AccessUnknown, m.cells(StateUnknown)[cellKey{i, role}])
		}
		assert.Len(t, m.cells(StateUnknown), 60, "the cells of the others")
	}
}

func TestLaboratoryWithANewEndpoint(t *testing.T) {
	l := newLaboratory()
	added := Endpoint{Method: "GET", Path: "/shared/new"}
	assert.Equal(t, Passed, l.matrix(t, false, added).Outcome)
	m := l.matrix(t, true, added)
	assert.Equal(t, Failed, m.Outcome)
	assert.Equal(t, map[cellKey]Access{{60, anonymous}: AccessUntested, {60, "ann"}: AccessUntested, {60, "bob"}: AccessUntested, {60, "root"}: AccessUntested}, m.cells(StateViolation))
	assert.Equal(t, []Endpoint{added}, m.Coverage().Untested)

	in := &MatrixInput{Endpoints: []Endpoint{added}, Policy: labPolicy(), RequireAll: true, Now: time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)}
	in.Policy.Exceptions = []Exception{{Endpoints: []string{"GET /shared/new"}, Reason: "no data yet", Until: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}}
	m, err := NewMatrix(in)
	require.NoError(t, err)
	assert.Len(t, m.cells(StateExcepted), 4)
	assert.Equal(t, Inconclusive, m.Outcome, "nothing was tested")
	in.Now = in.Now.AddDate(0, 0, 2)
	m, err = NewMatrix(in)
	require.NoError(t, err)
	assert.Equal(t, Failed, m.Outcome)
	assert.Contains(t, m.String(), `the exception "no data yet" ended on 2026-11-30`)
}

// TestSoundServiceThatValidates attacks a service that answers 422 to payloads and 200 to benign values.
func TestSoundServiceThatValidates(t *testing.T) {
	validating := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[bool]int{true: 200, false: 422}[r.FormValue("q") == "1"], map[string]any{"items": []int{}})
	})
	for name := range attacks() {
		cfg, err := Generate(name, demoEndpoint("/search", nil, searched), nil)
		require.NoError(t, err)
		res, err := Run(t.Context(), cfg, WithHandler(validating))
		require.NoError(t, err)
		assert.Equal(t, VerdictProven, res.Verdict, "%s\n%s", name, res)
	}
}

func metloMethod(m string) metlo.RestMethod { return metlo.RestMethod(m) }
