// Package findings writes the findings of a check in the formats that CI systems read. It contains values and writers,
// but no commands. The writers stream: a report of 100,000 findings needs little more memory than the findings.
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

	"github.com/metlo-go/metlo/cmd/metlo/internal/repository"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

// Severity is the severity of a finding.
type Severity string

// The severities, the worst first. Any other value counts as unknown.
const (
	High   Severity = "high"
	Medium Severity = "medium"
	Low    Severity = "low"
	None   Severity = "none"
)

var severities = []Severity{"critical", High, Medium, Low, None}

// rank returns the position of s, 0 for the worst. An unknown severity follows high, because it may be as bad.
func (s Severity) rank() int {
	if i := slices.Index(severities, s); i >= 0 {
		return 2 * i
	}
	return 3
}

// Finding represents one finding of a check.
type Finding struct {
	ID       string    // ID identifies the alert, or the step of a test, in its source. It is not part of the identity.
	Rule     string    // Rule is the id of the rule, such as pii-data-detected.
	Title    string    // Title is the rule in words; empty for the title of the registered rule.
	Severity Severity  // Severity is the grade that the source assigned.
	Method   string    // Method is the HTTP method of the endpoint; empty if the finding is about a host or a document.
	Host     string    // Host is the host of the endpoint, with the port if there is one.
	Path     string    // Path is the path template of the endpoint.
	Field    string    // Field is the part of the endpoint that the finding is about; see [FieldName].
	Message  string    // Message describes the finding in one sentence.
	Created  time.Time // Created is when the finding was raised; zero if unknown.
	File     string    // File is the file to look at, relative to the working folder; empty for none.
	Line     int       // Line is the line in File, from 1.

	occurrence int // number among the findings with the same fingerprint, from 1
}

// FieldName returns the field of a finding in the form that all sources use, such as "resBody user.email: Email". It
// consists of the section, the path in it, and the data class if the finding is about one.
func FieldName(section, path, class string) string {
	name := strings.TrimSpace(section + " " + path)
	if class != "" {
		name += ": " + class
	}
	return name
}

// Name returns the endpoint of the finding.
func (f *Finding) Name() string {
	if f.Method == "" {
		return f.Host + f.Path
	}
	return f.Method + " " + f.Host + f.Path
}

// RuleTitle returns the rule in words.
func (f *Finding) RuleTitle() string {
	if f.Title != "" {
		return f.Title
	}
	if rule, known := rules.Lookup(f.Rule); known {
		return rule.Title
	}
	return f.Rule
}

// Text returns the finding in one line.
func (f *Finding) Text() string { return f.RuleTitle() + ": " + f.Name() + ": " + f.Message }

// Key returns a hash of the subject of the finding: rule, method, host, path and field. The hash does not depend on the
// id, time, severity, message and place, on the case of host and method, or on the names of path parameters.
func (f *Finding) Key() [16]byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		strings.ToLower(f.Rule), strings.ToLower(f.Method), strings.ToLower(f.Host), anonymous(f.Path), f.Field,
	}, "\x00")))
	return [16]byte(sum[:])
}

// Fingerprint returns the Key as text, which identifies the finding in baselines, ignore files and reports.
func (f *Finding) Fingerprint() string {
	key := f.Key()
	return hex.EncodeToString(key[:])
}

// anonymous removes the names of the parameters in a path template.
func anonymous(path string) string {
	if !strings.Contains(path, "{") {
		return path
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(path, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteByte('{')
		path = afterName(rest)
	}
}

// afterName returns the rest of text after the name at its start.
func afterName(text string) string {
	if end := strings.IndexAny(text, "{}/"); end >= 0 {
		return text[end:]
	}
	return ""
}

// numbered returns the fingerprint with a number that distinguishes findings with the same fingerprint.
func (f *Finding) numbered() string { return fmt.Sprintf("%s:%d", f.Fingerprint(), f.occurrence) }

// RuleID returns the id of a rule in reports for other tools.
func RuleID(rule string) string { return rules.ReportPrefix + cmp.Or(rules.Slug(rule), "unknown") }

// Outcome is the result of a check.
type Outcome int

// The outcomes. The zero value is Unknown, so that a report without an outcome is never clean.
const (
	Unknown Outcome = iota // the check failed or is incomplete
	Clean
	Found
)

// Report is the result of a check.
type Report struct {
	Title    string    // Title names the check, such as metlo gate.
	Version  string    // Version is the version of the command.
	Instance string    // Instance is the name of the checked instance.
	Time     time.Time // Time is when the check began.
	Outcome  Outcome
	Why      string   // Why is the reason for an Unknown outcome, or for findings that may be missing from the list.
	Findings *List    // Findings may be nil.
	Notes    []string // Notes name what was left out, and entries that have expired or match nothing.
	Summary  string   // Summary is one line.

	// Repository resolves the files of the findings. The zero value leaves their names unchanged.
	Repository repository.Repository
	// Warn receives a message about findings that a limit of the format leaves out; nil to drop it.
	Warn func(text string)
}

// file returns the path of the finding's file from the root of the repository; empty if it has none there.
func (r *Report) file(f *Finding) string {
	if f.File == "" {
		return ""
	}
	path, _ := r.Repository.Path(f.File)
	return path
}

// place returns the finding's file, or landmark if it has none, because tools that track findings drop those without a
// file.
func (r *Report) place(f *Finding, landmark string) (file string, line int) {
	if file = r.file(f); file == "" {
		return landmark, 1
	}
	return file, max(1, f.Line)
}

func (r *Report) warn(text string) {
	if r.Warn != nil {
		r.Warn(text)
	}
}

// Formats lists the names of the formats of a report.
var Formats = []string{"plain", "json", "github", "gitlab", "junit", "sarif", "markdown"}

// Write writes a report in one of the Formats.
func Write(w io.Writer, format string, report *Report) error {
	switch format {
	case "plain":
		return plain(w, report)
	case "json":
		return writeJSON(w, report)
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
