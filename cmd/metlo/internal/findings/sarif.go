package findings

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// The parts of SARIF 2.1.0 that a report contains. The writer encodes them one by one, because a library that builds
// the whole report first needs several times the memory of the findings.
type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID         string         `json:"id"`
		Name       string         `json:"name"`
		Short      sarifText      `json:"shortDescription"`
		Full       *sarifText     `json:"fullDescription,omitempty"`
		Help       *sarifHelp     `json:"help,omitempty"`
		HelpURI    string         `json:"helpUri,omitempty"`
		Config     sarifLevel     `json:"defaultConfiguration"`
		Properties map[string]any `json:"properties"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID       string          `json:"ruleId"`
		RuleIndex    int             `json:"ruleIndex"`
		Level        string          `json:"level"`
		Message      sarifText       `json:"message"`
		Locations    []sarifLocation `json:"locations"`
		Fingerprints sarifPrints     `json:"partialFingerprints"`
		Properties   map[string]any  `json:"properties"`
	}
	// sarifPrints holds the fingerprint twice: under metlo's name, and under the only name that GitHub reads.
	sarifPrints struct {
		Metlo  string `json:"metlo/v1"`
		GitHub string `json:"primaryLocationLineHash"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region struct {
				StartLine int `json:"startLine"`
			} `json:"region"`
		} `json:"physicalLocation"`
		Logical []sarifLogical `json:"logicalLocations"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

var (
	sarifLevels = map[Severity]string{"critical": "error", High: "error", Medium: "warning", Low: "note", None: "none"}
	// sarifScores maps severities to the numbers by which GitHub sorts alerts: over 7 is high, over 4 medium.
	sarifScores = map[Severity]string{"critical": "9.5", High: "8.0", Medium: "5.5", Low: "3.0", None: "0.0"}
)

func sarifLevelOf(s Severity) string {
	if level, known := sarifLevels[s]; known {
		return level
	}
	return "warning"
}

// The limits of GitHub, which rejects a file that exceeds one of the maximums. A run has no more rules than results,
// and a rule has fewer than 20 tags.
const (
	maxSARIFResults = 25_000
	shownResults    = 5_000     // GitHub stores the most severe ones
	maxSARIFBytes   = 9_500_000 // compressed; GitHub's maximum is 10 MB, and the end of the file must fit too
)

// sarif writes a report for code scanning. An unknown outcome is a failed invocation. The results come first, because
// the rules and the number of omitted results are known only after them.
func sarif(w io.Writer, report *Report) error {
	_, err := fmt.Fprintf(w, `{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [{
  "automationDetails": {"id": %s},
  "columnKind": "unicodeCodePoints",
  "results": `, safetext.JSON([]byte(quote(strings.ReplaceAll(report.Title, " ", "/")+"/"))))
	if err != nil {
		return err
	}
	run := &sarifRun{report: report, landmark: report.Repository.Landmark(), rules: []sarifRule{}, index: map[string]int{}}
	run.size.gzip, _ = gzip.NewWriterLevel(&run.size, gzip.BestSpeed) // the level is valid
	results := newArray(io.MultiWriter(w, run.size.gzip))
	for f := range report.Findings.All() {
		if results.count == maxSARIFResults || run.size.bytes > maxSARIFBytes {
			break
		}
		results.add(run.result(f))
	}
	if err := results.end(""); err != nil {
		return err
	}
	driver, err := encode(map[string]any{
		"name": "metlo", "version": report.Version, "semanticVersion": report.Version, "rules": run.rules,
		"informationUri": "https://github.com/metlo-go/metlo",
	})
	if err != nil {
		return err
	}
	invocation := map[string]any{
		"executionSuccessful": report.Outcome != Unknown, "endTimeUtc": report.Time.UTC().Format("2006-01-02T15:04:05Z"),
		"properties": map[string]any{"summary": report.Summary, "instance": report.Instance, "notes": append([]string{}, report.Notes...)},
	}
	if notifications := sarifNotifications(report, results.count); len(notifications) > 0 {
		invocation["toolExecutionNotifications"] = notifications
	}
	invocations, err := encode([]any{invocation})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, ",\n  \"tool\": {\"driver\": %s},\n  \"invocations\": %s\n}]}\n", driver, invocations)
	return err
}

// compressedSize counts the bytes to which gzip compresses the text.
type compressedSize struct {
	gzip  *gzip.Writer
	bytes int
}

func (c *compressedSize) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

// sarifRun collects the rules of the written results.
type sarifRun struct {
	report   *Report
	landmark string
	rules    []sarifRule // never nil, because the schema requires a list
	index    map[string]int
	size     compressedSize
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

// sarifNotifications returns the reason for an unknown outcome, and the numbers of findings that the limits leave out.
func sarifNotifications(report *Report, written int) (list []sarifNotification) {
	if report.Outcome == Unknown {
		list = append(list, sarifNotification{"error", sarifText{sarifMessage("result unknown: " + report.Why)}})
	}
	note := func(text string) {
		list = append(list, sarifNotification{"warning", sarifText{text}})
		report.warn("SARIF: " + text)
	}
	if more := report.Findings.Len() - written; more > 0 {
		note(fmt.Sprintf("%s left out, the least severe: GitHub rejects a file with more than %d results or 10 MB", output.Count(more, "finding"), maxSARIFResults))
	}
	if written > shownResults {
		note(fmt.Sprintf("GitHub shows %d of %d results, the most severe", shownResults, written))
	}
	return list
}

// rule returns the index of the finding's rule. Findings are ordered by severity, so that the first finding of a rule
// is its most severe.
func (run *sarifRun) rule(f *Finding) int {
	id := RuleID(f.Rule)
	if i, known := run.index[id]; known {
		return i
	}
	score := sarifScores[f.Severity]
	if score == "" {
		score = sarifScores[Medium]
	}
	title, tags := f.RuleTitle(), []string{"security", "api"}
	described, known := rules.Lookup(f.Rule)
	rule := sarifRule{ID: id, Config: sarifLevel{sarifLevelOf(f.Severity)}}
	if known {
		title, tags = described.Title, append(tags, described.Categories()...)
		rule.Full = &sarifText{described.Meaning}
		rule.Help = &sarifHelp{described.Text(), described.Markdown()}
		rule.HelpURI = described.URL()
	}
	rule.Name, rule.Short = safetext.Line(title), sarifText{safetext.Line(title)}
	rule.Properties = map[string]any{"tags": tags, "security-severity": score}
	run.index[id] = len(run.rules)
	run.rules = append(run.rules, rule)
	if text, err := encode(rule); err == nil {
		_, _ = run.size.gzip.Write(text) // counting cannot fail
	}
	return run.index[id]
}

func (run *sarifRun) result(f *Finding) sarifResult {
	var location sarifLocation
	file, line := run.report.place(f, run.landmark)
	location.Physical.Artifact.URI = escapePath(file)
	location.Physical.Region.StartLine = line
	location.Logical = []sarifLogical{{safetext.Line(f.Name()), "resource"}}
	properties := map[string]any{"id": safetext.Line(f.ID), "severity": safetext.Line(string(f.Severity))}
	if f.Field != "" {
		properties["field"] = safetext.Line(f.Field)
	}
	if !f.Created.IsZero() {
		properties["created"] = f.Created.UTC().Format(time.RFC3339)
	}
	fingerprint := f.numbered()
	return sarifResult{
		RuleID: RuleID(f.Rule), RuleIndex: run.rule(f), Level: sarifLevelOf(f.Severity), Message: sarifText{sarifMessage(f.Text())},
		Locations:    []sarifLocation{location},
		Fingerprints: sarifPrints{fingerprint, fingerprint}, Properties: properties,
	}
}

// sarifMessage returns text as a message that contains no link.
func sarifMessage(text string) string {
	text = safetext.Line(text)
	if strings.Contains(text, "](") {
		text = strings.NewReplacer("[", `\[`, "]", `\]`).Replace(text)
	}
	return text
}

// escapePath returns a path as a relative URI.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	escaped := strings.Join(parts, "/")
	if first, _, _ := strings.Cut(escaped, "/"); strings.Contains(first, ":") {
		return "./" + escaped // otherwise a colon would end a scheme
	}
	return escaped
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return safetext.JSON(bytes.TrimSpace(out.Bytes())), nil
}

func quote(text string) string {
	data, _ := json.Marshal(text) // encoding a string cannot fail
	return string(data)
}
