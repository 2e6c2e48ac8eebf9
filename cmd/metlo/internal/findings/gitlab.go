package findings

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string         `json:"path"`
	Lines map[string]int `json:"lines"`
}

var gitlabSeverities = map[Severity]string{"critical": "blocker", High: "critical", Medium: "major", Low: "minor", None: "info"}

// gitlab writes a code quality report, which GitLab shows in the merge request. It writes an issue for an unknown
// outcome too, because an empty report would mean that there are no findings.
func gitlab(w io.Writer, report *Report) error {
	items, landmark := newArray(w), report.Repository.Landmark()
	if report.Outcome == Unknown {
		items.add(gitlabIssue{
			Description: "Result unknown: " + safetext.Line(report.Why), CheckName: RuleID("could not tell"),
			Fingerprint: (&Finding{Rule: "could not tell"}).Fingerprint(), Severity: "blocker",
			Location: gitlabLocation{landmark, map[string]int{"begin": 1}},
		})
	}
	for f := range report.Findings.All() {
		severity, known := gitlabSeverities[f.Severity]
		if !known {
			severity = "major"
		}
		file, line := report.place(f, landmark)
		items.add(gitlabIssue{
			Description: safetext.Line(f.Text()), CheckName: RuleID(f.Rule), Fingerprint: f.numbered(), Severity: severity,
			Location: gitlabLocation{safetext.Line(file), map[string]int{"begin": line}},
		})
	}
	return items.end("\n")
}

// array writes a JSON array item by item. It keeps the first error.
type array struct {
	w      io.Writer
	buffer bytes.Buffer
	count  int
	err    error
}

func newArray(w io.Writer) *array { return &array{w: w} }

func (a *array) add(item any) {
	if a.err != nil {
		return
	}
	a.buffer.Reset()
	separator := ",\n  "
	if a.count == 0 {
		separator = "[\n  "
	}
	a.count++
	a.buffer.WriteString(separator)
	encoder := json.NewEncoder(&a.buffer)
	encoder.SetEscapeHTML(false)
	if a.err = encoder.Encode(item); a.err == nil {
		_, a.err = a.w.Write(safetext.JSON(bytes.TrimSuffix(a.buffer.Bytes(), []byte("\n"))))
	}
}

func (a *array) end(after string) error {
	text := "\n]" + after
	if a.count == 0 {
		text = "[]" + after
	}
	if a.err == nil {
		_, a.err = io.WriteString(a.w, text)
	}
	return a.err
}
