package findings

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

// SchemaURL is the address of the JSON schema of a report, docs/schemas/findings.schema.json.
const SchemaURL = "https://raw.githubusercontent.com/metlo-go/metlo/main/docs/schemas/findings.schema.json"

// jsonVersion is the version of the JSON form. It changes when a reader of the earlier one would misunderstand the form.
const jsonVersion = 1

// The outcomes in the JSON form.
const (
	jsonUnknown = "could-not-tell"
	jsonClean   = "clean"
	jsonFound   = "findings"
)

type jsonHead struct {
	Schema   string    `json:"$schema"`
	Version  int       `json:"version"`
	Check    string    `json:"check"`
	Command  string    `json:"commandVersion"`
	Instance string    `json:"instance"`
	Time     time.Time `json:"time"`
	Outcome  string    `json:"outcome"`
	Reason   string    `json:"reason,omitempty"`
	Summary  string    `json:"summary"`
	Notes    []string  `json:"notes"`
}

type jsonFinding struct {
	Fingerprint string     `json:"fingerprint"`
	Occurrence  int        `json:"occurrence"`
	Rule        string     `json:"rule"`
	Title       string     `json:"title"`
	Severity    string     `json:"severity"`
	Method      string     `json:"method,omitempty"`
	Host        string     `json:"host,omitempty"`
	Path        string     `json:"path,omitempty"`
	Field       string     `json:"field,omitempty"`
	Message     string     `json:"message"`
	ID          string     `json:"id,omitempty"`
	Created     *time.Time `json:"created,omitempty"`
	File        string     `json:"file,omitempty"`
	Line        int        `json:"line,omitempty"`
	Help        string     `json:"help,omitempty"`
}

// writeJSON writes the report in the form of docs/schemas/findings.schema.json.
func writeJSON(w io.Writer, report *Report) error {
	outcome := map[Outcome]string{Unknown: jsonUnknown, Clean: jsonClean, Found: jsonFound}[report.Outcome]
	head, err := encode(jsonHead{
		SchemaURL, jsonVersion, report.Title, report.Version, report.Instance, report.Time.UTC(), outcome, report.Why,
		report.Summary, append([]string{}, report.Notes...),
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s,\n\"findings\": ", head[:len(head)-1]); err != nil {
		return err
	}
	items := newArray(w)
	for f := range report.Findings.All() {
		item := jsonFindingOf(f)
		item.File, item.Line = report.file(f), f.Line
		if item.File == "" {
			item.Line = 0
		}
		items.add(&item)
	}
	return items.end("}\n")
}

func jsonFindingOf(f *Finding) jsonFinding {
	item := jsonFinding{
		Fingerprint: f.Fingerprint(), Occurrence: f.occurrence, Rule: cmp.Or(rules.Slug(f.Rule), "unknown"), Title: f.RuleTitle(), Severity: string(f.Severity),
		Method: f.Method, Host: f.Host, Path: f.Path, Field: f.Field, Message: f.Message, ID: f.ID,
	}
	if rule, known := rules.Lookup(f.Rule); known {
		item.Help = rule.URL()
	}
	if !f.Created.IsZero() {
		created := f.Created.UTC()
		item.Created = &created
	}
	return item
}
