package gate

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
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

// TestEntryThatIgnoresEverythingIsRefused is about patterns that leave nothing out, alone and together.
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

// TestAlertWithoutATimeCounts is about alerts that a server sends without createdAt: they may be new.
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
