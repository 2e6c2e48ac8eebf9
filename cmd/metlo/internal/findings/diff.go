package findings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// DiffSchemaURL is the address of the JSON schema of a difference, docs/schemas/findings-diff.schema.json.
const DiffSchemaURL = "https://raw.githubusercontent.com/metlo-go/metlo/main/docs/schemas/findings-diff.schema.json"

// DiffFormats lists the names of the formats of a difference.
var DiffFormats = []string{"plain", "json", "markdown"}

// SavedReport is a report that was read from a file in the JSON form.
type SavedReport struct {
	Name string // Name is the name of the file.
	jsonHead
	Findings []jsonFinding `json:"findings"`
}

// ReadReport reads a report in the JSON form.
func ReadReport(name string) (*SavedReport, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	report := &SavedReport{Name: name}
	if err := json.Unmarshal(data, report); err != nil {
		return nil, fmt.Errorf("%s is not a report: %w: write one with --format json=FILE", name, err)
	}
	report.Name = name
	if err := report.check(); err != nil {
		return nil, fmt.Errorf("%s is not a report: %w: write one with --format json=FILE", name, err)
	}
	return report, nil
}

var fingerprintForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{32}$`) })

func (r *SavedReport) check() error {
	switch {
	case r.Version == 0:
		return errors.New("it has no version")
	case r.Version != jsonVersion:
		return fmt.Errorf("it has version %d, and this command reads version %d", r.Version, jsonVersion)
	case r.Outcome != jsonClean && r.Outcome != jsonFound && r.Outcome != jsonUnknown:
		return fmt.Errorf("it has the outcome %q", r.Outcome)
	case r.Findings == nil:
		return errors.New("it has no list of findings")
	}
	for i := range r.Findings {
		if !fingerprintForm().MatchString(r.Findings[i].Fingerprint) {
			return fmt.Errorf("finding %d has no fingerprint", i+1)
		}
	}
	return nil
}

// unknown reports whether the check may have missed findings: its outcome is unknown, or a part of it could not be checked.
func (r *SavedReport) unknown() bool { return r.Outcome == jsonUnknown || r.Reason != "" }

// Difference represents the differences between an earlier and a later report.
type Difference struct {
	Schema    string             `json:"$schema"`
	Version   int                `json:"version"`
	Outcome   string             `json:"outcome"`
	Reason    string             `json:"reason,omitempty"`
	Summary   string             `json:"summary"`
	New       []jsonFinding      `json:"new"`
	Gone      []jsonFinding      `json:"gone"`
	Changed   []changedFinding   `json:"changed"`
	Uncertain []uncertainFinding `json:"uncertain"`
	Unchanged int                `json:"unchanged"`
}

type changedFinding struct {
	Finding jsonFinding `json:"finding"`
	Changes []change    `json:"changes"`
}

type change struct {
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

// uncertainFinding represents a finding that is in one report, while the outcome of the other is unknown.
type uncertainFinding struct {
	Finding jsonFinding `json:"finding"`
	Only    string      `json:"only"` // before or after
}

// Compare returns the difference between two reports of one check. A finding that is in one report alone is uncertain
// if the outcome of the other is unknown, because that check may have missed the finding.
func Compare(before, after *SavedReport) (*Difference, error) {
	if before.Check != after.Check {
		return nil, fmt.Errorf("%s is a report of %s and %s of %s: compare reports of one command", before.Name, before.Check, after.Name, after.Check)
	}
	d := &Difference{
		Schema: DiffSchemaURL, Version: jsonVersion,
		New: []jsonFinding{}, Gone: []jsonFinding{}, Changed: []changedFinding{}, Uncertain: []uncertainFinding{},
	}
	remaining, rest := d.pairEqual(before.Findings, after.Findings)
	earlier := map[string][]*jsonFinding{}
	for _, f := range remaining {
		earlier[f.Fingerprint] = append(earlier[f.Fingerprint], f)
	}
	for _, f := range rest {
		group := earlier[f.Fingerprint]
		switch {
		case len(group) > 0:
			d.Changed = append(d.Changed, changedFinding{*f, changes(group[0], f)})
			earlier[f.Fingerprint] = group[1:]
		case before.unknown():
			d.Uncertain = append(d.Uncertain, uncertainFinding{*f, "after"})
		default:
			d.New = append(d.New, *f)
		}
	}
	for _, f := range remaining {
		group := earlier[f.Fingerprint]
		if len(group) == 0 || group[0] != f {
			continue
		}
		earlier[f.Fingerprint] = group[1:]
		if after.unknown() {
			d.Uncertain = append(d.Uncertain, uncertainFinding{*f, "before"})
		} else {
			d.Gone = append(d.Gone, *f)
		}
	}
	d.conclude(before, after)
	return d, nil
}

// pairEqual counts the findings that have not changed, and returns the others of both lists.
func (d *Difference) pairEqual(before, after []jsonFinding) (earlier, later []*jsonFinding) {
	type content struct{ fingerprint, severity, message, place string }
	contentOf := func(f *jsonFinding) content { return content{f.Fingerprint, f.Severity, f.Message, f.place()} }
	unpaired := map[content]int{}
	for i := range after {
		unpaired[contentOf(&after[i])]++
	}
	for i := range before {
		if key := contentOf(&before[i]); unpaired[key] > 0 {
			unpaired[key]--
			d.Unchanged++
		} else {
			earlier = append(earlier, &before[i])
		}
	}
	for i := len(after) - 1; i >= 0; i-- { // the first of equal findings are those that have not changed
		if key := contentOf(&after[i]); unpaired[key] > 0 {
			unpaired[key]--
			later = append(later, &after[i])
		}
	}
	slices.Reverse(later)
	return earlier, later
}

func changes(from, to *jsonFinding) (list []change) {
	for _, c := range []change{
		{"severity", from.Severity, to.Severity}, {"message", from.Message, to.Message}, {"place", from.place(), to.place()},
	} {
		if c.From != c.To {
			list = append(list, c)
		}
	}
	return list
}

func (f *jsonFinding) place() string {
	if f.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", f.File, max(1, f.Line))
}

func (f *jsonFinding) finding() *Finding {
	return &Finding{Rule: f.Rule, Title: f.Title, Severity: Severity(f.Severity), Method: f.Method, Host: f.Host, Path: f.Path, Message: f.Message}
}

// The outcomes of a comparison.
const (
	diffNew  = "new"
	diffNone = "none-new"
)

func (d *Difference) conclude(before, after *SavedReport) {
	d.Outcome = diffNone
	if len(d.New) > 0 {
		d.Outcome = diffNew
	}
	var reasons []string
	for _, r := range []*SavedReport{before, after} {
		if r.unknown() {
			reasons = append(reasons, fmt.Sprintf("the check of %s is incomplete: %s", r.Name, r.Reason))
		}
	}
	if len(reasons) > 0 {
		d.Outcome, d.Reason = jsonUnknown, strings.Join(reasons, "; ")
	}
	d.Summary = fmt.Sprintf("%d new, %d gone, %d changed, %d unchanged", len(d.New), len(d.Gone), len(d.Changed), d.Unchanged)
	if n := len(d.Uncertain); n > 0 {
		d.Summary += fmt.Sprintf(", %d uncertain", n)
	}
}

// HasNew reports whether the later report has findings that the earlier one lacks.
func (d *Difference) HasNew() bool { return len(d.New) > 0 }

// Known reports whether both reports are complete.
func (d *Difference) Known() bool { return d.Outcome != jsonUnknown }

// Write writes the difference in one of the DiffFormats.
func (d *Difference) Write(w io.Writer, format string) error {
	var out bytes.Buffer
	switch format {
	case "json":
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d); err != nil {
			return err
		}
		_, err := w.Write(safetext.JSON(out.Bytes()))
		return err
	case "markdown":
		d.markdown(&out)
	case "plain":
		for _, row := range d.rows() {
			fmt.Fprintf(&out, "%s\t%s\t%s", row.state, safetext.Line(row.finding.Severity), safetext.Line(row.finding.finding().Text()))
			for _, c := range row.changes {
				fmt.Fprintf(&out, "\t%s", safetext.Line(c.text()))
			}
			out.WriteByte('\n')
		}
	default:
		return fmt.Errorf("unknown format %q", format)
	}
	_, err := w.Write(out.Bytes())
	return err
}

func (c *change) text() string { return fmt.Sprintf("%s was %q", c.What, c.From) }

// diffRow represents a line of a table.
type diffRow struct {
	state   string
	finding *jsonFinding
	changes []change
}

func (d *Difference) rows() (rows []diffRow) {
	for i := range d.New {
		rows = append(rows, diffRow{"new", &d.New[i], nil})
	}
	for i := range d.Changed {
		rows = append(rows, diffRow{"changed", &d.Changed[i].Finding, d.Changed[i].Changes})
	}
	for i := range d.Gone {
		rows = append(rows, diffRow{"gone", &d.Gone[i], nil})
	}
	for i := range d.Uncertain {
		state := "may be new"
		if d.Uncertain[i].Only == "before" {
			state = "may be gone"
		}
		rows = append(rows, diffRow{state, &d.Uncertain[i].Finding, nil})
	}
	return rows
}

func (d *Difference) markdown(out *bytes.Buffer) {
	heading := map[string]string{
		jsonUnknown: "⚠️ Result unknown", diffNone: "✅ Nothing new", diffNew: "❌ " + output.Count(len(d.New), "new finding"),
	}[d.Outcome]
	fmt.Fprintf(out, "## Findings: %s\n\n", heading)
	if d.Reason != "" {
		fmt.Fprintf(out, "%s\n\n", safetext.Markdown(d.Reason))
	}
	fmt.Fprintf(out, "%s\n", d.Summary)
	rows := d.rows()
	if len(rows) > 0 {
		out.WriteString("\n| | Severity | Finding | Endpoint | Description |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, row := range rows[:min(len(rows), maxMarkdownRows)] {
		f := row.finding.finding()
		text := safetext.Markdown(f.Message)
		for _, c := range row.changes {
			text += "; " + safetext.Markdown(c.text())
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", row.state, safetext.Markdown(string(f.Severity)), markdownRule(f), safetext.Markdown(f.Name()), text)
	}
	if more := len(rows) - maxMarkdownRows; more > 0 {
		fmt.Fprintf(out, "\n%s more: see the form json.\n", output.Count(more, "line"))
	}
}
