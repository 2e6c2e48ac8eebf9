// Package findings writes what a check found, in the forms that CI systems read. It contains values and writers, and no
// commands. The writers stream: a report of 100,000 findings needs little more memory than the findings.
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

// rank returns the place of s, 0 for the worst. An unknown severity comes right after high, because it may be as bad.
func (s Severity) rank() int {
	if i := slices.Index(severities, s); i >= 0 {
		return 2 * i
	}
	return 3
}

// Finding is one thing that a check found.
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

	occurrence int // the number among findings with the same fingerprint, from 1
}

// FieldName returns the form that all sources use for the field of a finding: the section, the path in it, and the data
// class if the finding is about one, such as "resBody user.email: Email".
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

// Key returns a hash of what the finding is about: rule, method, host, path and field. Its id, time, severity, message
// and place do not count, nor do the case of host and method and the names of path parameters.
func (f *Finding) Key() [16]byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		strings.ToLower(f.Rule), strings.ToLower(f.Method), strings.ToLower(f.Host), anonymous(f.Path), f.Field,
	}, "\x00")))
	return [16]byte(sum[:])
}

// Fingerprint returns the Key as text, which stands for the finding in baselines, ignore files and reports.
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

// afterName returns what follows the name at the start of text.
func afterName(text string) string {
	if end := strings.IndexAny(text, "{}/"); end >= 0 {
		return text[end:]
	}
	return ""
}

// numbered returns the fingerprint with a number that distinguishes findings of the same fingerprint.
func (f *Finding) numbered() string { return fmt.Sprintf("%s:%d", f.Fingerprint(), f.occurrence) }

// RuleID returns the id of a rule as reports for other tools use it.
func RuleID(rule string) string { return rules.ReportPrefix + cmp.Or(rules.Slug(rule), "unknown") }

// Outcome is the result of a check.
type Outcome int

// The outcomes. The zero value is Unknown, so that a report without an outcome is never clean.
const (
	Unknown Outcome = iota // the check could not tell
	Clean
	Found
)

// Report is the result of a check.
type Report struct {
	Title    string    // Title names the check, such as metlo gate.
	Version  string    // Version is the version of the command.
	Instance string    // Instance is what was checked.
	Time     time.Time // Time is when the check began.
	Outcome  Outcome
	Why      string   // Why is the reason for an Unknown outcome.
	Findings *List    // Findings may be nil.
	Notes    []string // Notes name what was left out, and entries that have expired or match nothing.
	Summary  string   // Summary is one line.

	// Repository resolves the files of the findings. The zero value takes them as they are.
	Repository repository.Repository
	// Warn receives what a writer leaves out of a format that has a limit; nil to drop it.
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

// place returns file, or landmark for a finding that has none: tools that track findings drop those without a file.
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

// Formats are the forms of a report by name.
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
