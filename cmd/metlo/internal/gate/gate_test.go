package gate

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

func alerts(list ...metlo.Alert) iter.Seq2[*findings.Finding, error] {
	return converted(func(yield func(metlo.Alert, error) bool) {
		for _, a := range list {
			if !yield(a, nil) {
				return
			}
		}
	}, nil)
}

func alert(id int, risk metlo.RiskScore, path string) metlo.Alert {
	return metlo.Alert{
		UUID: fmt.Sprintf("00000000-0000-4000-b000-%012d", id), Type: metlo.AlertPIIData, RiskScore: risk, Status: metlo.StatusOpen,
		CreatedAt:   time.Date(2026, 1, id, 0, 0, 0, 0, time.UTC),
		APIEndpoint: metlo.AlertEndpoint{Method: metlo.MethodGet, Host: "shop.example.com", Path: path},
	}
}

func TestWhatFails(t *testing.T) {
	list := alerts(alert(1, "high", "/a"), alert(2, "medium", "/b"), alert(3, "low", "/c"), alert(4, "none", "/d"), alert(5, "catastrophic", "/e"))
	tests := []struct {
		severity, show metlo.RiskScore
		failing, shown int
	}{
		{"high", "high", 2, 2}, {"medium", "medium", 3, 3}, {"none", "none", 5, 5}, {"high", "low", 2, 4}, {"low", "high", 4, 4},
	}
	for _, tt := range tests {
		result, err := Judge(&Criteria{Severity: tt.severity, Show: tt.show}, list)
		require.NoError(t, err)
		assert.Equal(t, tt.failing, result.Failing, "%v: a severity that nobody knows counts", tt)
		assert.Equal(t, tt.shown, result.Findings.Len(), tt)
	}
}

func TestIgnorePatterns(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true}, {"/a", "/a/b", false}, {"/*", "/a", true}, {"/*", "/a/b", false}, {"/a/*/c", "/a/b/c", true},
		{"/a/**", "/a/b/c", true}, {"/a/**", "/a/", true}, {"/a/**", "/ab/c", false}, {"/**", "/", true}, {"/*/x/**", "/v1/x/y/z", true},
		{"/users/{param1}", "/users/{param1}", true},
	}
	for _, tt := range tests {
		e := ignore{Host: "shop.*", Path: tt.pattern, Reason: "a test"}
		require.NoError(t, e.check(), tt.pattern)
		a := alert(1, "high", tt.path)
		assert.Equal(t, tt.want, e.matches(finding(&a, nil)), "%s and %s", tt.pattern, tt.path)
	}
}

// TestEntryThatIgnoresEverythingIsRefused checks patterns that match everything, alone and together.
func TestEntryThatIgnoresEverythingIsRefused(t *testing.T) {
	for _, e := range []ignore{{Host: "*"}, {Host: "**"}, {Path: "**"}, {Path: "/**"}, {Path: "/***"}, {Host: "*", Path: "/**"}, {},
		{Host: "?*"}, {Host: "*?"}, {Host: "[^/]*"}, {Path: "*/**"}, {Host: "?*", Path: "*/**"},
	} {
		e.Reason = "a test"
		assert.ErrorContains(t, e.check(), "would ignore every finding", "%+v", e)
	}
	for _, e := range []ignore{{Host: "*.example.com"}, {Path: "/*"}, {Path: "/a/**"}, {Host: "*", Path: "/a"}, {Host: "a", Path: "/**"}, {Host: "*", Method: "GET"},
		{Host: "??*"}, {Host: "[a-z]*"}, {Path: "/?"}, {Path: "/a**"}, {Host: "a*", Path: "/?**"},
	} {
		e.Reason = "a test"
		assert.NoError(t, e.check(), "%+v", e)
	}
}

// TestAlertWithoutATimeCounts checks alerts that a server sends without createdAt, because they may be new.
func TestAlertWithoutATimeCounts(t *testing.T) {
	timeless := alert(1, "high", "/a")
	timeless.CreatedAt = time.Time{}
	result, err := Judge(&Criteria{Severity: "high", Show: "high", Since: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}, alerts(timeless, alert(2, "high", "/b")))
	require.NoError(t, err)
	assert.Equal(t, 1, result.Failing)
}

func TestIgnoreHoldsThroughItsLastDay(t *testing.T) {
	e := ignore{Path: "/a", Reason: "a test", Until: "2026-01-31"}
	require.NoError(t, e.check())
	assert.True(t, e.holds(time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC)))
	assert.False(t, e.holds(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)))
}

func TestSpecLines(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "specs"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join("specs", "pay.yaml"), []byte("openapi: 3.0.3\npaths:\n  /a:\n    get: {}\n  '/b/{id}':\n    get: {}\n"), 0o600))
	specs, err := FindSpecs("specs")
	require.NoError(t, err)
	at := func(path string) (string, int) {
		a := alert(1, "high", path)
		a.APIEndpoint.OpenAPISpecName = "pay"
		return specs.place(&a)
	}
	for path, want := range map[string]int{"/a": 3, "/b/{id}": 5, "/c": 1} {
		file, line := at(path)
		assert.Equal(t, "specs/pay.yaml", file)
		assert.Equal(t, want, line, path)
	}
	_, err = FindSpecs("missing")
	require.Error(t, err)
}

func FuzzIgnores(f *testing.F) {
	f.Add("ignore:\n  - path: /a\n    reason: x\n    until: 2026-01-31\n")
	f.Add("ignore: [{host: '[', reason: x}]")
	f.Add("ignore: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "ignore.yaml")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		list, err := ReadIgnores(name)
		if err != nil {
			return
		}
		for _, e := range list.entries {
			assert.NotEmpty(t, e.Reason)
		}
		a := alert(1, "high", "/a")
		list.match(finding(&a, nil), time.Now())
	})
}

// described returns an alert with a type, description and context as the server sends them.
func described(id int, kind metlo.AlertType, path, description, context string) metlo.Alert {
	a := alert(id, "high", path)
	a.Type, a.Description, a.Context = kind, description, []byte(context)
	return a
}

// TestIdentityOfAlerts lists pairs of alerts with different ids and times.
func TestIdentityOfAlerts(t *testing.T) {
	const pii, path, diff = metlo.AlertPIIData, metlo.AlertPathSensitiveData, metlo.AlertOpenAPISpecDiff
	const email = "Sensitive data of type Email has been detected in field 'user.email' of Response Body."
	tests := []struct {
		name string
		x, y metlo.Alert
		same bool
	}{
		{"the same field", described(1, pii, "/a", email, "{}"), described(2, pii, "/a", email, `{"trace":{}}`), true},
		{
			"another field", described(1, pii, "/a", email, "{}"),
			described(2, pii, "/a", "Sensitive data of type Email has been detected in field 'user.mail' of Response Body.", "{}"), false,
		},
		{
			"another section", described(1, pii, "/a", email, "{}"),
			described(2, pii, "/a", "Sensitive data of type Email has been detected in field 'user.email' of Request Body.", "{}"), false,
		},
		{
			"another data class", described(1, pii, "/a", email, "{}"),
			described(2, pii, "/a", "Sensitive data of type Phone Number has been detected in field 'user.email' of Response Body.", "{}"), false,
		},
		{"another endpoint", described(1, pii, "/a", email, "{}"), described(2, pii, "/b", email, "{}"), false},
		{"a parameter with another name", described(1, pii, "/a/{param1}/b", email, "{}"), described(2, pii, "/a/{id}/b", email, "{}"), true},
		{
			"a path parameter with another name",
			described(1, path, "/a/{param1}", "Path Parameter at position 2 contains sensitive data of type Email.", `{"pathTokenIdx":1}`),
			described(2, path, "/a/{mail}", "Path Parameter at position 2 contains sensitive data of type Email.", `{"pathTokenIdx":1}`), true,
		},
		{
			"another path parameter",
			described(1, path, "/a/{x}/{y}", "Path Parameter at position 2 contains sensitive data of type Email.", `{"pathTokenIdx":1}`),
			described(2, path, "/a/{x}/{y}", "Path Parameter at position 3 contains sensitive data of type Email.", `{"pathTokenIdx":2}`), false,
		},
		{
			"another query parameter",
			described(1, metlo.AlertQuerySensitiveData, "/a", "Query Parameter 'x' contains sensitive data of type Email.", "{}"),
			described(2, metlo.AlertQuerySensitiveData, "/a", "Query Parameter 'y' contains sensitive data of type Email.", "{}"), false,
		},
		{
			"another place in the document", described(1, diff, "/a", "it differs", `{"pathPointer":["paths","/a","get"]}`),
			described(2, diff, "/a", "it differs", `{"pathPointer":["paths","/a","put"]}`), false,
		},
		{
			"another difference at one place", described(1, diff, "/a", "x is missing", `{"pathPointer":["paths","/a"]}`),
			described(2, diff, "/a", "y is missing", `{"pathPointer":["paths","/a"]}`), false,
		},
		{"a description that cannot be read", described(1, pii, "/a", "Email in 'a'", "{}"), described(2, pii, "/a", "Email in 'b'", "{}"), false},
		{"a description of the whole", described(1, metlo.AlertNewEndpoint, "/a", "new", "{}"), described(2, metlo.AlertNewEndpoint, "/a", "found", "{}"), true},
		{"a type that is not known", described(1, "High Error Rate", "/a", "5 %", "{}"), described(2, "High Error Rate", "/a", "6 %", "{}"), true},
		{"another type", described(1, "High Error Rate", "/a", "", "{}"), described(2, "Slow", "/a", "", "{}"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x, y := finding(&tt.x, nil), finding(&tt.y, nil)
			assert.Equal(t, tt.same, x.Fingerprint() == y.Fingerprint(), "%q and %q", x.Field, y.Field)
			list := findings.NewList(*x, *y)
			prints := map[string]int{}
			for f := range list.All() {
				prints[f.Fingerprint()]++
			}
			assert.Len(t, prints, map[bool]int{true: 1, false: 2}[tt.same], "a list keeps the identity")
		})
	}
	upper := alert(1, "high", "/a")
	upper.APIEndpoint.Host = "SHOP.example.com"
	lower := alert(2, "low", "/a")
	assert.Equal(t, finding(&lower, nil).Fingerprint(), finding(&upper, nil).Fingerprint(), "hosts have no case, and the severity is not part of it")
}

// baseline writes a baseline and reads it.
func baseline(t *testing.T, lines ...string) *Baseline {
	t.Helper()
	name := filepath.Join(t.TempDir(), "baseline.txt")
	require.NoError(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600))
	b, err := ReadBaseline(name)
	require.NoError(t, err)
	b.name = "baseline.txt"
	return b
}

func TestBaselineAcceptsAsManyAsItHasLines(t *testing.T) {
	first, second, third := alert(1, "high", "/a"), alert(2, "high", "/a"), alert(3, "high", "/a")
	hash := finding(&first, nil).Fingerprint()
	accept := func(n int) (lines []string) { return slices.Repeat([]string{hash + " pii-data-detected"}, n) }
	tests := []struct {
		name     string
		baseline []string
		alerts   []metlo.Alert
		left     []string // ids of the findings that count
		stale    []string
	}{
		{"one of one", accept(1), []metlo.Alert{first}, nil, nil},
		{"the second is new", accept(1), []metlo.Alert{third, first}, []string{third.UUID}, nil},
		{"the newest is new", accept(2), []metlo.Alert{second, third, first}, []string{third.UUID}, nil},
		{"three of three", accept(3), []metlo.Alert{second, third, first}, nil, nil},
		{"one is gone", accept(2), []metlo.Alert{third}, nil, []string{"baseline.txt:2: matches no alert: remove the line"}},
		{"in capitals", []string{strings.ToUpper(hash)}, []metlo.Alert{first}, nil, nil},
		{"an id", []string{"# old", strings.ToUpper(second.UUID) + "\thigh"}, []metlo.Alert{first, second}, []string{first.UUID}, nil},
		{"an id twice", []string{second.UUID, second.UUID}, []metlo.Alert{second}, nil, nil},
		{"an id and a fingerprint", append(accept(1), second.UUID), []metlo.Alert{first, second}, nil, nil},
		{"an id that is gone", []string{second.UUID}, nil, nil, []string{"baseline.txt:1: matches no alert: remove the line"}},
		{"of another check", []string{"0123456789abcdef0123456789abcdef shadow-endpoint"}, []metlo.Alert{first}, []string{first.UUID}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &Criteria{Severity: "high", Show: "high", Baseline: baseline(t, tt.baseline...), Sources: []rules.Source{rules.Alerts}}
			result, err := Judge(c, alerts(tt.alerts...))
			require.NoError(t, err)
			var left []string
			for f := range result.Findings.All() {
				left = append(left, f.ID)
			}
			assert.Equal(t, tt.left, left)
			assert.Equal(t, len(tt.left), result.Failing)
			var stale []string
			for _, note := range result.Notes {
				if strings.HasPrefix(note, "baseline.txt") {
					stale = append(stale, note)
				}
			}
			assert.Equal(t, tt.stale, stale)
		})
	}
}

// TestAcceptedFindingIsNotHiddenByTime checks an accepted finding that is also left out by time: it uses up its line.
func TestAcceptedFindingIsNotHiddenByTime(t *testing.T) {
	old, recent := alert(1, "high", "/a"), alert(9, "high", "/a")
	c := &Criteria{
		Severity: "high", Show: "high", Since: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC),
		Baseline: baseline(t, finding(&old, nil).Fingerprint()), Sources: []rules.Source{rules.Alerts},
	}
	result, err := Judge(c, alerts(recent, old))
	require.NoError(t, err)
	assert.Equal(t, 1, result.Failing, "the recent one is new")
}

func TestWrittenBaselineAcceptsWhatItWasWrittenFor(t *testing.T) {
	list := []metlo.Alert{alert(1, "high", "/a"), alert(2, "low", "/a"), alert(3, "low", "/\x1b[2K\n")}
	accepting := &Criteria{Severity: "none", Show: "none", Sources: []rules.Source{rules.Alerts}}
	result, err := Judge(accepting, alerts(list...))
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "baseline.txt")
	var text strings.Builder
	require.NoError(t, WriteBaseline(&text, result.Findings))
	require.NoError(t, os.WriteFile(name, []byte(text.String()), 0o600))
	assert.Equal(t, 4, strings.Count(text.String(), "\n"), "a line for each finding, and the heading")
	for i := range list {
		list[i].UUID = fmt.Sprintf("00000000-0000-4000-c000-%012d", i) // the database was rebuilt
	}
	accepting.Baseline, err = ReadBaseline(name)
	require.NoError(t, err)
	result, err = Judge(accepting, alerts(list...))
	require.NoError(t, err)
	assert.Zero(t, result.Findings.Len())
	assert.Equal(t, []string{"3 left out: in the baseline"}, result.Notes)
}

// TestFindingsOfSeveralChecks judges drift findings and alerts together.
func TestFindingsOfSeveralChecks(t *testing.T) {
	drift := func(yield func(*findings.Finding, error) bool) {
		f := findings.Finding{Severity: "high", Method: "GET", Host: "shop.example.com", Path: "/new"}
		for _, f.Rule = range []string{"shadow-endpoint", "undocumented-status"} {
			if !yield(&f, nil) {
				return
			}
		}
	}
	entry := ignore{Rule: "Shadow endpoint", Reason: "a test"}
	require.NoError(t, entry.check())
	stale := ignore{Rule: "zombie-endpoint", Reason: "gone", line: 7}
	require.NoError(t, stale.check())
	c := &Criteria{
		Severity: "high", Show: "high", Ignores: &Ignores{name: "x", entries: []ignore{entry, stale}},
		Sources: []rules.Source{rules.Alerts, rules.Drift},
	}
	result, err := Judge(c, alerts(alert(1, "high", "/a")), drift)
	require.NoError(t, err)
	assert.Equal(t, 2, result.Failing)
	assert.Equal(t, []string{"1 left out: in the ignore file x", "x:7: matches no finding: remove it: gone"}, result.Notes)

	failed := errors.New("no such file")
	_, err = Judge(c, alerts(alert(1, "high", "/a")), func(yield func(*findings.Finding, error) bool) { yield(nil, failed) })
	assert.ErrorIs(t, err, failed)
}

func TestIgnoreFields(t *testing.T) {
	tests := []struct {
		pattern, field string
		want           bool
	}{
		{"resBody a", "resBody a", true}, {"resBody a", "resBody a.b", false}, {"resBody *", "resBody a/b: Email", true}, {"*: Email", "resBody a: Email", true},
		{"*a*b*", "xaxbx", true}, {"*a*b", "xaxbx", false}, {"a*a", "a", false}, {"*a*a*", "xax", false}, {"resBody [].a", "resBody [].a", true}, {"b*", "ab", false},
	}
	for _, tt := range tests {
		e := ignore{Field: tt.pattern, Reason: "a test"}
		require.NoError(t, e.check())
		assert.Equal(t, tt.want, e.matches(&findings.Finding{Field: tt.field}), "%s and %s", tt.pattern, tt.field)
	}
}

func FuzzBaseline(f *testing.F) {
	f.Add("# x\n0123456789abcdef0123456789abcdef pii-data-detected high x\n00000000-0000-4000-b000-000000000001\thigh\n", "/a")
	f.Add("\ufeff\n\n0123456789ABCDEF0123456789abcdef", "/{a")
	f.Fuzz(func(t *testing.T, text, path string) {
		name := filepath.Join(t.TempDir(), "baseline.txt")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		b, err := ReadBaseline(name)
		if err != nil {
			return
		}
		c := &Criteria{Severity: "none", Show: "none", Baseline: b}
		result, err := Judge(c, alerts(alert(1, "high", path), alert(2, "high", path)))
		require.NoError(t, err)
		assert.LessOrEqual(t, 2-result.Findings.Len(), strings.Count(text, "\n")+1, "a line accepts one finding at most")
	})
}
