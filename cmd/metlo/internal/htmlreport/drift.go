package htmlreport

import (
	"cmp"
	"fmt"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// Drift represents a file that metlo drift wrote.
type Drift struct {
	File   string
	Report *findings.Report // nil if the file could not be read
	Err    error            // error of reading the file
}

// Unknown returns the reason why the differences are unknown, or nil if they are known.
func (d *Drift) Unknown() error {
	switch {
	case d.Err != nil:
		return d.Err
	case d.Report.Outcome == findings.Unknown:
		return fmt.Errorf("%s: the check is incomplete: %s", d.File, cmp.Or(d.Report.Why, "it names no reason"))
	case d.Report.Outcome == findings.Found && d.Report.Findings.Len() == 0:
		return fmt.Errorf("%s: the outcome is findings, and the list of findings is empty: run the check again", d.File)
	}
	return nil
}

type driftView struct {
	File, Check, Instance, Time string
	Unknown                     string // reason why the outcome is unknown; empty if it is known
	Count                       int
	Summary                     string
	Rows                        []findingRow
	More                        *more
	Notes                       []string
}

type findingRow struct {
	Severity, Class, Name, Anchor, Text, Place string
	Label                                      label
}

func (d *Drift) view(rules *ruleList) driftView {
	v := driftView{File: shown(d.File)}
	if err := d.Unknown(); err != nil {
		v.Unknown = shownMessage(err.Error())
	}
	r := d.Report
	if r == nil {
		return v
	}
	v.Check, v.Instance, v.Count, v.Summary = shown(r.Title), shown(r.Instance), r.Findings.Len(), shownMessage(r.Summary)
	if !r.Time.IsZero() {
		v.Time = r.Time.UTC().Format("2 January 2006, 15:04 UTC")
	}
	for f := range r.Findings.All() {
		if len(v.Rows) == maxDrift {
			v.More = &more{counted(v.Count-maxDrift, "more finding"), ""}
			break
		}
		v.Rows = append(v.Rows, findingRow{
			Severity: shorten(safetext.Line(string(f.Severity)), 12), Class: severityClass(f.Severity),
			Name: shown(f.RuleTitle()), Anchor: rules.anchor(f.Rule),
			Text: shownMessage(f.Message), Place: place(f), Label: newLabel(f.Method, f.Host, f.Path),
		})
	}
	for _, note := range r.Notes[:min(len(r.Notes), maxTests)] {
		v.Notes = append(v.Notes, shownMessage(note))
	}
	if n := len(r.Notes) - maxTests; n > 0 {
		v.Notes = append(v.Notes, counted(n, "more note"))
	}
	return v
}

// place returns the file and the line of a finding.
func place(f *findings.Finding) string {
	switch {
	case f.File == "":
		return ""
	case f.Line == 0:
		return shown(f.File)
	}
	return shown(f.File) + fmt.Sprintf(":%d", f.Line)
}

// severityClass returns the class with the color of a severity.
func severityClass(s findings.Severity) string {
	switch s {
	case "critical", findings.High:
		return "high"
	case findings.Medium, findings.Low, findings.None:
		return string(s)
	}
	return "other"
}

// driftTile returns the number of findings, or a question mark if the outcome of a file is unknown.
func driftTile(list []driftView) tile {
	n, unknown := 0, false
	for i := range list {
		n += list[i].Count
		unknown = unknown || list[i].Unknown != ""
	}
	switch {
	case unknown && n == 0:
		return tile{"?", "differences from OpenAPI documents: unknown", "alarm"}
	case unknown:
		return newTile(n, "difference", " from OpenAPI documents, and an incomplete report", "alarm")
	}
	return newTile(n, "difference", " from OpenAPI documents", alarm(n, true))
}
