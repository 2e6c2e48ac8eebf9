package findings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
)

// saved writes a report in the JSON form and reads it.
func saved(t *testing.T, outcome findings.Outcome, list ...findings.Finding) *findings.SavedReport {
	t.Helper()
	report := reports()["clean"]
	report.Outcome, report.Findings = outcome, findings.NewList(list...)
	if outcome == findings.Unknown {
		report.Why = "the list ended early"
	}
	name := filepath.Join(t.TempDir(), "report.json")
	require.NoError(t, os.WriteFile(name, write(t, "json", report), 0o600))
	read, err := findings.ReadReport(name)
	require.NoError(t, err)
	return read
}

// about returns a finding. The message does not belong to its identity.
func about(path, message string) findings.Finding {
	return findings.Finding{Rule: "pii-data-detected", Severity: "high", Method: "GET", Host: "shop.example.com", Path: path, Message: message}
}

func TestCompare(t *testing.T) {
	const found, unknown = findings.Found, findings.Unknown
	a, b, a2 := about("/a", "one"), about("/b", "one"), about("/a", "two")
	severe, moved := a, a
	severe.Severity, moved.File, moved.Line = "low", "api.yaml", 3
	severe.ID = "another"
	type list []findings.Finding
	tests := []struct {
		name                        string
		beforeOutcome, afterOutcome findings.Outcome
		before, after               list
		want                        string
		outcome                     string
	}{
		{"the same", found, found, list{a, b}, list{b, a}, "0 new, 0 gone, 0 changed, 2 unchanged", "none-new"},
		{"new", found, found, list{a}, list{a, b}, "1 new, 0 gone, 0 changed, 1 unchanged", "new"},
		{"gone", found, found, list{a, b}, list{b}, "0 new, 1 gone, 0 changed, 1 unchanged", "none-new"},
		{"both", found, found, list{a}, list{b}, "1 new, 1 gone, 0 changed, 0 unchanged", "new"},
		{"another severity", found, found, list{a}, list{severe}, "0 new, 0 gone, 1 changed, 0 unchanged", "none-new"},
		{"another message", found, found, list{a}, list{a2}, "0 new, 0 gone, 1 changed, 0 unchanged", "none-new"},
		{"another place", found, found, list{a}, list{moved}, "0 new, 0 gone, 1 changed, 0 unchanged", "none-new"},
		{"a second one of the same identity", found, found, list{a}, list{a2, a}, "1 new, 0 gone, 0 changed, 1 unchanged", "new"},
		{"one of two of the same identity", found, found, list{a, a2}, list{a2}, "0 new, 1 gone, 0 changed, 1 unchanged", "none-new"},
		{"the later is incomplete", found, unknown, list{a, b}, nil, "0 new, 0 gone, 0 changed, 0 unchanged, 2 uncertain", "could-not-tell"},
		{"the later is incomplete, and found", found, unknown, list{a}, list{b}, "1 new, 0 gone, 0 changed, 0 unchanged, 1 uncertain", "could-not-tell"},
		{"the earlier is incomplete", unknown, found, list{a}, list{a, b}, "0 new, 0 gone, 0 changed, 1 unchanged, 1 uncertain", "could-not-tell"},
		{"the earlier is incomplete, and found", unknown, found, list{a, b}, list{b}, "0 new, 1 gone, 0 changed, 1 unchanged", "could-not-tell"},
		{"neither could tell", unknown, unknown, list{a}, list{b}, "0 new, 0 gone, 0 changed, 0 unchanged, 2 uncertain", "could-not-tell"},
		{"nothing", findings.Clean, findings.Clean, nil, nil, "0 new, 0 gone, 0 changed, 0 unchanged", "none-new"},
	}
	schema := schemaFile(t, filepath.Join(schemas, "findings-diff.schema.json"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			diff, err := findings.Compare(saved(t, tt.beforeOutcome, tt.before...), saved(t, tt.afterOutcome, tt.after...))
			require.NoError(t, err)
			assert.Equal(t, tt.want, diff.Summary)
			assert.Equal(t, tt.outcome, diff.Outcome)
			assert.Equal(t, tt.outcome != "could-not-tell", diff.Known())
			var out bytes.Buffer
			require.NoError(t, diff.Write(&out, "json"))
			assert.NoError(t, schema.Validate(decode(t, out.Bytes())))
		})
	}
	assert.Error(t, schema.Validate(decode(t, []byte(`{}`))), "the schema refuses what is wrong")
}

func TestDifferenceIsSafe(t *testing.T) {
	attack := findings.Finding{Rule: hostile, Title: hostile, Severity: hostile, Method: hostile, Host: hostile, Path: hostile, Message: hostile}
	changed := attack
	changed.Message = "x" + hostile
	diff, err := findings.Compare(saved(t, findings.Unknown, attack, about("/a", hostile)), saved(t, findings.Found, changed, about("/b", hostile)))
	require.NoError(t, err)
	for _, format := range findings.DiffFormats {
		var out bytes.Buffer
		require.NoError(t, diff.Write(&out, format))
		assertSafe(t, format, out.String())
	}
}

func TestReadReportRefuses(t *testing.T) {
	const hash = `"fingerprint":"0123456789abcdef0123456789abcdef"`
	tests := map[string]string{
		``: "is not a report", `[]`: "is not a report", `{}`: "it has no version", `{"version":2}`: "it has version 2, and this command reads version 1",
		`{"version":1}`: `it has the outcome ""`, `{"version":1,"outcome":"clean"}`: "it has no list of findings",
		`{"version":1,"outcome":"clean","findings":[{` + hash + `},{"fingerprint":"x"}]}`: "finding 2 has no fingerprint",
		`{"runs":[{"results":[]}],"version":"2.1.0"}`:                                     "is not a report",
	}
	for text, want := range tests {
		name := filepath.Join(t.TempDir(), "report.json")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		_, err := findings.ReadReport(name)
		require.ErrorContains(t, err, want, text)
		assert.ErrorContains(t, err, "write one with --format json=FILE")
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(`{"version":1,"check":"metlo gate","outcome":"findings","findings":[{"fingerprint":"0123456789abcdef0123456789abcdef","message":"x"}]}`))
	f.Add([]byte(`{"version":1,"outcome":"could-not-tell","findings":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "report.json")
		require.NoError(t, os.WriteFile(name, data, 0o600))
		report, err := findings.ReadReport(name)
		if err != nil {
			return
		}
		diff, err := findings.Compare(report, report)
		require.NoError(t, err)
		assert.False(t, diff.HasNew(), "a report has nothing new compared to itself")
		assert.Equal(t, len(report.Findings), diff.Unchanged)
		var out bytes.Buffer
		require.NoError(t, diff.Write(&out, "json"))
		assert.True(t, json.Valid(out.Bytes()))
	})
}

// TestCompareManyOfOneIdentity has reports of many findings with one fingerprint, which took the square of their number.
func TestCompareManyOfOneIdentity(t *testing.T) {
	const many = 100_000
	report := func(name string, from int) string {
		var out bytes.Buffer
		out.WriteString(`{"version": 1, "check": "metlo gate", "outcome": "findings", "findings": [`)
		for i := range many {
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, `{"fingerprint": "0123456789abcdef0123456789abcdef", "rule": "r", "severity": "low", "message": "%d"}`, from+i)
		}
		out.WriteString("]}")
		name = filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(name, out.Bytes(), 0o600))
		return name
	}
	before, err := findings.ReadReport(report("before.json", 0))
	require.NoError(t, err)
	after, err := findings.ReadReport(report("after.json", many/2))
	require.NoError(t, err)
	diff, err := findings.Compare(before, after)
	require.NoError(t, err)
	assert.Equal(t, "0 new, 0 gone, 50000 changed, 50000 unchanged", diff.Summary)
}

// TestCompareWithPartsThatWereNotChecked has reports with findings, whose checks missed a part.
func TestCompareWithPartsThatWereNotChecked(t *testing.T) {
	partial := func(list ...findings.Finding) *findings.SavedReport {
		report := saved(t, findings.Found, list...)
		report.Reason = "api/pay.yaml could not be compared"
		return report
	}
	a, b := about("/a", "one"), about("/b", "one")
	for name, tt := range map[string]struct {
		before, after *findings.SavedReport
		want          string
	}{
		"the later":   {saved(t, findings.Found, a, b), partial(a), "0 new, 0 gone, 0 changed, 1 unchanged, 1 uncertain"},
		"the earlier": {partial(a), saved(t, findings.Found, a, b), "0 new, 0 gone, 0 changed, 1 unchanged, 1 uncertain"},
	} {
		t.Run(name, func(t *testing.T) {
			diff, err := findings.Compare(tt.before, tt.after)
			require.NoError(t, err)
			assert.Equal(t, tt.want, diff.Summary)
			assert.False(t, diff.Known())
			assert.Contains(t, diff.Reason, "api/pay.yaml could not be compared")
		})
	}
}
