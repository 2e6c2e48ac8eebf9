package findings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// The parts of SARIF 2.1.0 that are used. They are written one by one: a library that builds the whole report first
// takes several times the memory of the findings.
type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID         string         `json:"id"`
		Name       string         `json:"name"`
		Short      sarifText      `json:"shortDescription"`
		Config     sarifLevel     `json:"defaultConfiguration"`
		Properties map[string]any `json:"properties"`
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
	// sarifPrints has the fingerprint under the one name that GitHub looks at, too.
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
	// sarifScores are what GitHub sorts alerts by: over 7 is high, over 4 medium.
	sarifScores = map[Severity]string{"critical": "9.5", High: "8.0", Medium: "5.5", Low: "3.0", None: "0.0"}
)

func sarifLevelOf(s Severity) string {
	if level, known := sarifLevels[s]; known {
		return level
	}
	return "warning"
}

// maxSARIFResults is how many GitHub takes: it refuses a report of more.
const maxSARIFResults = 25_000

// sarif writes a report for code scanning. A check that could not tell is an invocation that failed.
func sarif(w io.Writer, report *Report) error {
	rules, index := sarifRules(report)
	driver, err := encode(map[string]any{
		"name": "metlo", "version": report.Version, "semanticVersion": report.Version, "rules": rules,
		"informationUri": "https://github.com/metlo-go/metlo",
	})
	if err != nil {
		return err
	}
	invocation := map[string]any{
		"executionSuccessful": report.Outcome != Unknown, "endTimeUtc": report.Time.UTC().Format("2006-01-02T15:04:05Z"),
		"properties": map[string]any{"summary": report.Summary, "instance": report.Instance, "notes": append([]string{}, report.Notes...)},
	}
	if notifications := sarifNotifications(report); len(notifications) > 0 {
		invocation["toolExecutionNotifications"] = notifications
	}
	invocations, err := encode([]any{invocation})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `{
  "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
  "version": "2.1.0",
  "runs": [{
  "tool": {"driver": %s},
  "automationDetails": {"id": %s},
  "invocations": %s,
  "columnKind": "unicodeCodePoints",
  "results": `, driver, safetext.JSON([]byte(quote(strings.ReplaceAll(report.Title, " ", "/")+"/"))), invocations)
	if err != nil {
		return err
	}
	results := newArray(w)
	for f := range report.Findings.All() {
		if results.count == maxSARIFResults {
			break
		}
		results.add(sarifResultOf(f, index[RuleID(f.Rule)]))
	}
	return results.end("\n}]}\n")
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

// sarifNotifications say why a check could not tell, and what is left out.
func sarifNotifications(report *Report) (list []sarifNotification) {
	if report.Outcome == Unknown {
		list = append(list, sarifNotification{"error", sarifText{sarifMessage("could not tell: " + report.Why)}})
	}
	if more := report.Findings.Len() - maxSARIFResults; more > 0 {
		text := fmt.Sprintf("%s left out, the least severe: GitHub refuses a report of more than %d", output.Count(more, "finding"), maxSARIFResults)
		list = append(list, sarifNotification{"warning", sarifText{text}})
	}
	return list
}

func sarifRules(report *Report) (rules []sarifRule, index map[string]int) {
	rules, index = []sarifRule{}, map[string]int{}
	for f := range report.Findings.All() {
		id := RuleID(f.Rule)
		if _, known := index[id]; known {
			continue
		}
		index[id] = len(rules)
		// Findings come by severity, so that the first one has the highest of its rule.
		score := sarifScores[f.Severity]
		if score == "" {
			score = sarifScores[Medium]
		}
		rules = append(rules, sarifRule{
			id, safetext.Line(f.RuleTitle()), sarifText{safetext.Line(f.RuleTitle())}, sarifLevel{sarifLevelOf(f.Severity)},
			map[string]any{"tags": []string{"security", "api"}, "security-severity": score},
		})
	}
	return rules, index
}

func sarifResultOf(f *Finding, ruleIndex int) sarifResult {
	var location sarifLocation
	location.Physical.Artifact.URI = escapePath(place(f))
	location.Physical.Region.StartLine = max(1, f.Line)
	location.Logical = []sarifLogical{{safetext.Line(f.Name()), "resource"}}
	properties := map[string]any{"id": safetext.Line(f.ID), "severity": safetext.Line(string(f.Severity))}
	if !f.Created.IsZero() {
		properties["created"] = f.Created.UTC().Format(time.RFC3339)
	}
	fingerprint := f.numbered()
	return sarifResult{
		RuleID: RuleID(f.Rule), RuleIndex: ruleIndex, Level: sarifLevelOf(f.Severity), Message: sarifText{sarifMessage(f.Text())},
		Locations:    []sarifLocation{location},
		Fingerprints: sarifPrints{fingerprint, fingerprint}, Properties: properties,
	}
}

// sarifMessage makes text a message in which nothing is a link.
func sarifMessage(text string) string {
	text = safetext.Line(text)
	if strings.Contains(text, "](") {
		text = strings.NewReplacer("[", `\[`, "]", `\]`).Replace(text)
	}
	return text
}

// place is the file of a finding, or one that stands for its endpoint: consumers drop results without a file.
func place(f *Finding) string {
	if f.File != "" {
		return f.File
	}
	name := safetext.Line(strings.TrimLeft(path.Clean("/"+f.Host+"/"+f.Path), "/"))
	if name == "" {
		return "metlo"
	}
	return name
}

// escapePath makes a path a relative URI.
func escapePath(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	escaped := strings.Join(parts, "/")
	if first, _, _ := strings.Cut(escaped, "/"); strings.Contains(first, ":") {
		return "./" + escaped // a colon would make the first part a scheme
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
	data, _ := json.Marshal(text) // a string always encodes
	return string(data)
}
