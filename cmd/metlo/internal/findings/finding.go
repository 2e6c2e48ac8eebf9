// Package findings writes what a check found, in the forms that CI systems read. It knows values and writers, not
// commands, and streams: a report of 100,000 findings needs little more memory than the findings.
package findings

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first. Any other value counts as unknown.
const (
	High   Severity = "high"
	Medium Severity = "medium"
	Low    Severity = "low"
	None   Severity = "none"
)

var severities = []Severity{"critical", High, Medium, Low, None}

// rank is 0 for the worst. What is not known comes right after high: it may be as bad.
func (s Severity) rank() int {
	if i := slices.Index(severities, s); i >= 0 {
		return 2 * i
	}
	return 3
}

// Finding is one thing that a check found.
type Finding struct {
	ID       string // of the alert, or of the step of a test
	Rule     string // in words, such as PII Data Detected
	Severity Severity
	Method   string
	Host     string
	Path     string
	Message  string
	Created  time.Time // zero if there is none
	File     string    // where a reader should look; relative, with slashes
	Line     int       // from 1

	occurrence int // among findings with the same fingerprint, from 1
}

// Name is the endpoint of the finding.
func (f *Finding) Name() string {
	if f.Method == "" {
		return f.Host + f.Path
	}
	return f.Method + " " + f.Host + f.Path
}

// Text says the finding in one line.
func (f *Finding) Text() string { return f.Rule + ": " + f.Name() + ": " + f.Message }

// Fingerprint names the finding by what it is about, whatever its id, its time and its place: rule, method, host, path.
func (f *Finding) Fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule, f.Method, f.Host, f.Path}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// numbered is the fingerprint with a number that tells findings apart which have the same.
func (f *Finding) numbered() string { return fmt.Sprintf("%s:%d", f.Fingerprint(), f.occurrence) }

// RuleID is the rule as an identifier.
func RuleID(rule string) string {
	id := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, rule), "-")
	return "metlo-" + cmp.Or(id, "unknown")
}

// Outcome is what came of a check.
type Outcome int

// The outcomes. The zero value is the one that may not be taken for good news.
const (
	Unknown Outcome = iota // could not tell
	Clean
	Found
)

// Report is what a check found, and what it left out.
type Report struct {
	Title    string // such as metlo gate
	Version  string
	Instance string // where it was found
	Time     time.Time
	Outcome  Outcome
	Why      string   // could not tell because of this
	Findings *List    // nil for none
	Notes    []string // what a reader should know besides: what was left out, entries that are expired
	Summary  string   // in one line
}

// Formats are the forms of a report by name.
var Formats = []string{"plain", "github", "gitlab", "junit", "sarif", "markdown"}

// Write writes a report in one of the Formats.
func Write(w io.Writer, format string, report *Report) error {
	switch format {
	case "plain":
		return plain(w, report)
	case "github":
		return github(w, report)
	case "gitlab":
		return gitlab(w, report)
	case "junit":
		return junit(w, report)
	case "sarif":
		return sarif(w, report)
	case "markdown":
		return markdown(w, report)
	}
	return fmt.Errorf("unknown format %q", format)
}
