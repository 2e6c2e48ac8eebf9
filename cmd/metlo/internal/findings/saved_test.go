package findings_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
)

// TestSavedReportIsTheReport reads reports of each outcome and writes them again.
func TestSavedReportIsTheReport(t *testing.T) {
	at := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	for name, report := range map[string]*findings.Report{
		"unknown": {Title: "metlo drift", Version: "0.1.0", Instance: "demo", Time: at, Why: "no document", Summary: "result unknown"},
		"clean":   {Title: "metlo drift", Time: at, Outcome: findings.Clean, Notes: []string{"one", "two"}},
		"found": {Title: "metlo drift", Time: at, Outcome: findings.Found, Findings: findings.NewList(
			findings.Finding{
				ID: "1", Rule: "undocumented-field", Title: "Undocumented field", Severity: "low", Method: "GET", Host: "a.example.com", Path: "/b/{c}",
				Field: "resBody x", Message: "x is not documented.", Created: at, File: "api.yaml", Line: 3,
			},
			findings.Finding{Rule: "shadow", Severity: "high", Host: "a.example.com", Message: "No document."},
			findings.Finding{Rule: "shadow", Severity: "high", Host: "a.example.com", Message: "No document."},
		)},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after bytes.Buffer
			require.NoError(t, findings.Write(&before, "json", report))
			file := filepath.Join(t.TempDir(), "report.json")
			require.NoError(t, os.WriteFile(file, before.Bytes(), 0o600))
			saved, err := findings.ReadReport(file)
			require.NoError(t, err)
			require.NoError(t, findings.Write(&after, "json", saved.Report()))
			assert.Equal(t, before.String(), after.String())
		})
	}
}
