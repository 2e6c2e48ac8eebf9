package apitest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

func TestMatrixReports(t *testing.T) {
	l := newLaboratory()
	l.open = map[cellKey]bool{{0, "ann"}: true}
	m := l.matrix(t, true, Endpoint{Method: "GET", Path: "/shared/a|b"})
	text := m.String()
	assert.Contains(t, text, "GET /own/ca/{id}")
	assert.Contains(t, text, "LEAKS ✗")
	assert.Contains(t, text, "violation: GET /own/ca/{id} as ann: the endpoint serves it an object of another identity")
	assert.True(t, strings.HasSuffix(text, "61 endpoints, 4 identities, 244 cells: 239 ok, 5 violations, 0 could not tell, 0 open, 0 excepted\n"), text[len(text)-200:])
	assert.Contains(t, m.Markdown(), `| GET /shared/a\|b | untested ✗ |`)
	report, err := m.JUnit()
	require.NoError(t, err)
	var doc junitSuites
	require.NoError(t, xml.Unmarshal(report, &doc))
	assert.Equal(t, []int{244, 5, 0, 0}, []int{doc.Tests, doc.Failures, doc.Errors, doc.Skipped})
	assert.NotContains(t, string(report), "token-of")
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "token-of")
	var back Matrix
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, m.Summary(), back.Summary())
	assert.Equal(t, "step 3 GET http://lab.test/own/ca/1-ann", strings.Replace(back.Rows[0].Cells[1].Evidence[0].Step, "GET /", "GET http://lab.test/", 1))
	var schema map[string]any
	require.NoError(t, json.Unmarshal(MatrixSchema(), &schema))
	_, err = NewMatrix(&MatrixInput{})
	require.ErrorContains(t, err, "no endpoint")
}

// TestMatrixOfEarlierRuns builds the matrix from the JSON that a run wrote.
func TestMatrixOfEarlierRuns(t *testing.T) {
	as := get("http://x.test/orders/1", Equal("resp.status", 200))
	as.As = "clerk"
	as.Request.Headers = []KeyValue{{"Authorization", "Bearer hidden-token"}}
	results, err := RunAll(t.Context(), []*Config{{ID: "t", Test: []Step{as, get("http://x.test/elsewhere", Equal("resp.status", 401))}}},
		WithHandler(byToken(401, map[string]int{"hidden-token": 200})))
	require.NoError(t, err)
	text, err := json.Marshal(results)
	require.NoError(t, err)
	before, err := ParseResults(text)
	require.NoError(t, err)
	m, err := NewMatrix(&MatrixInput{Endpoints: []Endpoint{{Method: "GET", Path: "/orders/all"}, {Method: "GET", Path: "/orders/{id}"}}, Earlier: before})
	require.NoError(t, err)
	assert.Equal(t, []string{"clerk"}, m.Identities)
	assert.Equal(t, []string{"GET /elsewhere"}, m.Unlisted)
	assert.Equal(t, []Access{AccessUntested, AccessAllowed}, []Access{m.Rows[0].Cells[0].Access, m.Rows[1].Cells[0].Access})
	assert.Equal(t, Inconclusive, m.Outcome, "without a policy nothing is compared")
}

// TestMatrixOfRefusals builds matrices of refusals. Only cells with a control are denied.
func TestMatrixOfRefusals(t *testing.T) {
	step := func(method metlo.RestMethod, path, token string, statuses ...any) Step {
		return Step{
			As: token, Assert: []Assertion{OneOf(statusKey, statuses...)},
			Request: Request{Method: method, URL: "http://x.test" + path, Headers: []KeyValue{{"Authorization", "Bearer " + token}}},
		}
	}
	public := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/public" {
			reply(w, 200, nil)
			return
		}
		byToken(403, map[string]int{"admin": 200, "old": 401})(w, r)
	}
	for name, row := range map[string]struct {
		service http.HandlerFunc
		steps   []Step
		who     string
		want    Access
	}{
		"a service that refuses everything": {always(403), []Step{step("GET", "/page", "user", 200)}, "user", AccessUnknown},
		"credentials that work nowhere":     {public, []Step{step("GET", "/page", "admin", 200), step("GET", "/page", "user", 200)}, "user", AccessUnknown},
		"an expired token and a public endpoint": {
			public, []Step{step("GET", "/page", "admin", 200), step("GET", "/public", "old", 200), step("GET", "/page", "old", 401, 403)}, "old", AccessUnknown,
		},
		"the refusal of an attack": {
			public, []Step{step("GET", "/page", "admin", 200), step("GET", "/public", "user", 200), step("GET", "/page?q=' OR 1=1", "user", 403)}, "user", AccessUntested,
		},
		"another is served": {
			public, []Step{step("GET", "/page", "admin", 200), step("GET", "/public", "user", 200), step("GET", "/page", "user", 200)}, "user", AccessDenied,
		},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := RunAll(t.Context(), []*Config{{ID: "t", Test: row.steps}}, WithHandler(row.service))
			require.NoError(t, err)
			m, err := NewMatrix(&MatrixInput{
				Endpoints: []Endpoint{{Method: "GET", Path: "/page"}, {Method: "GET", Path: "/public"}}, Results: results,
				Policy: &Policy{Identities: []string{row.who}, Rules: []Rule{{Endpoints: []string{"GET /page"}}}},
			})
			require.NoError(t, err)
			cell := m.Rows[0].Cells[0]
			assert.Equal(t, row.want, cell.Access, cell.Reason)
			assert.Equal(t, row.want == AccessDenied, cell.State == StateOK)
		})
	}
}

// TestMatrixOfWhatCouldNotRun builds a matrix of one test that ran and one whose file is broken.
func TestMatrixOfWhatCouldNotRun(t *testing.T) {
	results, err := RunAll(t.Context(), []*Config{{ID: "t", Test: []Step{get("http://x.test/page", Equal("resp.status", 200))}}}, WithHandler(always(200)))
	require.NoError(t, err)
	in := &MatrixInput{
		Endpoints: []Endpoint{{Method: "GET", Path: "/page"}}, Results: results,
		Policy: &Policy{Identities: []string{anonymous}, Rules: []Rule{{Endpoints: []string{"GET /page"}, Allow: []string{anonymous}}}},
	}
	m, err := NewMatrix(in)
	require.NoError(t, err)
	assert.Equal(t, Passed, m.Outcome, m)
	assert.Empty(t, m.NotRun)
	in.Results = append(in.Results, NotRun(&Config{File: "broken.yaml"}, errors.New("why")))
	m, err = NewMatrix(in)
	require.NoError(t, err)
	assert.Equal(t, Inconclusive, m.Outcome)
	assert.Equal(t, []string{"broken.yaml"}, m.NotRun)
	assert.Contains(t, m.String(), "not run: broken.yaml\n")
	assert.Contains(t, m.Markdown(), "- not run: broken.yaml\n")
	report, err := m.JUnit()
	require.NoError(t, err)
	assert.Contains(t, string(report), `name="broken.yaml"`)
	assert.Contains(t, string(report), `errors="1"`)

	in = &MatrixInput{Endpoints: in.Endpoints, Policy: in.Policy}
	in.Policy.Exceptions = []Exception{{Endpoints: []string{"GET /page"}, Reason: "later", Until: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}}
	m, err = NewMatrix(in)
	require.NoError(t, err)
	assert.Equal(t, StateOpen, m.Rows[0].Cells[0].State, "an exception that ended, without a time")
}

// TestMatrixOfAnOldPolicy builds a matrix with patterns that match no endpoint, and with an exception on its last day
// and after.
func TestMatrixOfAnOldPolicy(t *testing.T) {
	in := &MatrixInput{
		Endpoints: []Endpoint{{Method: "GET", Path: "/v2/orders"}},
		Policy: &Policy{
			Identities: []string{"user"},
			Rules:      []Rule{{Endpoints: []string{"GET /v1/orders", "* /v2/**"}}, {Endpoints: []string{"GET api.test/v2/orders"}}},
			Exceptions: []Exception{{Endpoints: []string{"GET /**", "PUT /**"}, Reason: "later", Until: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)}},
		},
	}
	for now, want := range map[time.Time]CellState{
		time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC): StateExcepted, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC): StateOpen,
	} {
		in.Now = now
		m, err := NewMatrix(in)
		require.NoError(t, err)
		assert.Equal(t, want, m.Rows[0].Cells[0].State, now)
		assert.Equal(t, []string{"GET /v1/orders", "GET api.test/v2/orders", "PUT /**"}, m.Unused)
		assert.Contains(t, m.String(), "\nthe policy names an endpoint that is not known: GET /v1/orders\n")
		assert.Contains(t, m.Markdown(), "\n- the policy names an endpoint that is not known: PUT /**\n")
	}
}

// TestPatterns matches patterns of a policy with paths.
func TestPatterns(t *testing.T) {
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"/", "/", true},
		{"/a", "/a/", true},
		{"/*", "/a", true},
		{"/*", "/", true},
		{"/*", "/a/b", false},
		{"/**", "/", true},
		{"/**", "/a/b/c", true},
		{"/a/**", "/a", true},
		{"/a/**", "/b", false},
		{"/**/c", "/a/b/c", true},
		{"/**/c", "/a/c/d", false},
		{"/**/b/**/d", "/a/b/c/b/d", true},
		{"/**/b/*/d", "/b/c/b/c/d", true},
		{"/{id}", "/{orderId}", true},
		{"/{id}", "/a", false},
		{strings.Repeat("/**/a", 30) + "/b", strings.Repeat("/a", 40), false}, // there are too many ways to match to try them all
	} {
		assert.Equal(t, tc.want, patternFits("GET "+tc.pattern, Endpoint{Method: "GET", Path: tc.path}), "%s %s", tc.pattern, tc.path)
	}
}

func TestPolicyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("identities: [anonymous, user, admin]\nrules:\n  - endpoints: ['GET /orders/{id}', '* api.test/admin/**']\n    own: [user]\n    allow: [admin]\n" +
		"exceptions:\n  - endpoints: ['* /**']\n    identities: [user]\n    reason: later\n    until: 2027-01-31\n")
	p, err := LoadPolicy(file)
	require.NoError(t, err)
	assert.Equal(t, time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), p.Exceptions[0].Until)
	for want, e := range map[string]Endpoint{
		"own": {"GET", "", "/orders/{orderId}"}, "": {"GET", "", "/orders"},
	} {
		assert.Equal(t, want, p.demands(e, "user"), e)
	}
	assert.Equal(t, "own", p.demands(Endpoint{"PUT", "api.test", "/admin/a/b"}, "user"))
	assert.Empty(t, p.demands(Endpoint{"PUT", "other.test", "/admin/a/b"}, "user"))
	assert.Equal(t, "deny", p.demands(Endpoint{"GET", "", "/orders/{id}"}, "anonymous"))
	assert.Empty(t, p.demands(Endpoint{"GET", "", "/orders/{id}"}, "stranger"))
	for text, want := range map[string]string{
		"identities: [a]\nrules: [{endpoints: [GET /x], allow: [b]}]":                                    `:2:9: rules[0]: "b" is not one of the identities`,
		"identities: [a]\nrules: [{endpoints: [/x]}]":                                                    "must be a method or *",
		"identities: [a]\nrules: []\nexceptions: [{endpoints: [GET /x], reason: r, until: soon}]":        "must be a date",
		"identities: [a]\nrules: []\nexceptions: [{endpoints: [GET /x], until: 2027-01-01}]":             "reason is missing",
		"identities: [a]\nrules: []\nexceptions: [{endpoints: [GET /x], reason: '', until: 2027-01-01}]": "is empty",
		"identity: [a]\nrules: []":                                              `unknown key "identity"`,
		"identities: [a, b, a]\nrules: []":                                      `:1:13: identities: "a" is named twice`,
		"identities: [a]\nrules: [{endpoints: [GET /x], allow: [a], own: [a]}]": `rules[0]: "a" is named twice`,
		"identities: [a]\nrules: [{endpoints: ['GET https://api.test/x']}]":     "must be a method or *",
		"identities: [admin]\nrules: []\nexceptions: [{endpoints: [GET /x], identities: [admn], reason: r, until: 2027-01-01}]": `exceptions[0]: "admn" is not one of the identities; did you mean admin?`,
		"identities: [a]\nrules: []\nexceptions: [{endpoints: [GET /x], reason: r, until: 2027-02-30}]":                         "must be a date",
	} {
		write(text)
		_, err := LoadPolicy(file)
		require.ErrorContains(t, err, want)
	}
}

func TestPolicyOfATestingConfig(t *testing.T) {
	rules, err := ParseTestingConfig(demoRules)
	require.NoError(t, err)
	p, err := PolicyOf(rules, []metlo.TestEndpoint{*demoEndpoint("/orders/{orderId}", nil, orderRef), *demoEndpoint("/status", nil)})
	require.NoError(t, err)
	assert.Equal(t, &Policy{Identities: []string{"Customer_1", "Customer_2", "Admin_1"}, Rules: []Rule{{
		Endpoints: []string{"GET shop.example.com/orders/{orderId}"}, Own: []string{"Customer_1", "Customer_2"}, Allow: []string{"Admin_1"},
	}}}, p)
}

func TestOpenAPIEndpoints(t *testing.T) {
	got, err := OpenAPIEndpoints([]byte("openapi: 3.1.0\nservers: [{url: 'https://a.test/v1/'}]\npaths:\n  /orders/{id}:\n    parameters: []\n    get: {}\n    delete: {}\n"))
	require.NoError(t, err)
	assert.Equal(t, []Endpoint{{"GET", "", "/v1/orders/{id}"}, {"DELETE", "", "/v1/orders/{id}"}}, got)
	got, err = OpenAPIEndpoints([]byte(`{"swagger": "2.0", "basePath": "/v2", "paths": {"/a": {"post": {}}}}`))
	require.NoError(t, err)
	assert.Equal(t, []Endpoint{{"POST", "", "/v2/a"}}, got)
	for _, bad := range []string{"", "a: 1", "openapi: 3.0.0\npaths: {}", "{"} {
		_, err := OpenAPIEndpoints([]byte(bad))
		require.ErrorContains(t, err, "OpenAPI", bad)
	}
}
