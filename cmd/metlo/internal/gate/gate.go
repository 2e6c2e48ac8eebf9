// Package gate decides which open alerts fail a build.
package gate

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

// Rules say which alerts count.
type Rules struct {
	Severity metlo.RiskScore // the lowest that fails the build
	Show     metlo.RiskScore // the lowest that is shown
	Hosts    []string
	Types    []metlo.AlertType
	Since    time.Time // alerts raised before are left out; one whose time is not known counts
	Baseline Baseline
	Ignores  *Ignores
	Specs    *SpecFiles
	Now      time.Time
}

// Result is what the rules make of the alerts of an instance.
type Result struct {
	Findings *findings.List // that are shown
	Failing  int            // of those, the ones that fail the build
	Notes    []string       // what was left out, and entries that are expired or unused
}

// Run looks at every open alert.
func Run(ctx context.Context, client *metlo.Client, criteria *Rules) (*Result, error) {
	filter := &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: criteria.Hosts, AlertTypes: criteria.Types}
	// The severity is judged here, so that one which this program does not know is not filtered away.
	return judge(client.Alerts.All(ctx, filter), criteria)
}

func judge(alerts iter.Seq2[metlo.Alert, error], criteria *Rules) (*Result, error) {
	result, left := &Result{Findings: &findings.List{}}, map[string]int{}
	show := criteria.Show
	if !criteria.Severity.AtLeast(show) {
		show = criteria.Severity
	}
	for alert, err := range alerts {
		if err != nil {
			return nil, err
		}
		switch {
		case !criteria.Since.IsZero() && !alert.CreatedAt.IsZero() && alert.CreatedAt.Before(criteria.Since):
			left["raised before "+criteria.Since.UTC().Format("2006-01-02 15:04 UTC")]++
		case criteria.Baseline[alert.UUID]:
			left["in the baseline"]++
		case criteria.Ignores.match(&alert, criteria.Now):
			left["in the ignore file"]++
		case !severe(alert.RiskScore, show):
			left["under severity "+string(show)]++
		default:
			if severe(alert.RiskScore, criteria.Severity) {
				result.Failing++
			}
			result.Findings.Add(finding(&alert, criteria.Specs))
		}
	}
	result.Findings.Sort()
	for _, reason := range slices.Sorted(maps.Keys(left)) {
		result.Notes = append(result.Notes, fmt.Sprintf("%d left out: %s", left[reason], reason))
	}
	if len(criteria.Hosts) > 0 {
		result.Notes = append(result.Notes, "only hosts "+strings.Join(criteria.Hosts, ", "))
	}
	if len(criteria.Types) > 0 {
		types := make([]string, len(criteria.Types))
		for i, t := range criteria.Types {
			types[i] = string(t)
		}
		result.Notes = append(result.Notes, "only types "+strings.Join(types, ", "))
	}
	result.Notes = append(result.Notes, criteria.Ignores.Report(criteria.Now)...)
	return result, nil
}

// severe counts a severity that the SDK does not know: it may be the worst.
func severe(risk, lowest metlo.RiskScore) bool { return risk.AtLeast(lowest) || !risk.Known() }

// finding returns the finding for an alert.
func finding(a *metlo.Alert, specs *SpecFiles) *findings.Finding {
	file, line := specs.place(a)
	f := &findings.Finding{
		ID: a.UUID, Rule: rules.Slug(string(a.Type)), Title: string(a.Type), Severity: findings.Severity(a.RiskScore),
		Method: string(a.APIEndpoint.Method), Host: a.APIEndpoint.Host, Path: a.APIEndpoint.Path, Field: fieldOf(a),
		Message: a.Description, Created: a.CreatedAt, File: file, Line: line,
	}
	if rule, known := rules.Lookup(string(a.Type)); known {
		f.Rule, f.Title = rule.ID, ""
	}
	return f
}

// fieldOf returns the part of the endpoint that an alert is about; empty if it is about the whole. Where the description
// names the part in a form that the SDK cannot read, the description stands for it: two alerts about different parts must
// not have one fingerprint.
func fieldOf(a *metlo.Alert) string {
	switch a.Type {
	case metlo.AlertOpenAPISpecDiff:
		return strings.TrimSpace(pointer(a.SpecPointer()) + " " + a.Description)
	case metlo.AlertPIIData, metlo.AlertQuerySensitiveData, metlo.AlertPathSensitiveData, metlo.AlertBasicAuthentication:
		field := a.Field()
		if field == nil {
			return a.Description
		}
		path := field.Path
		if field.Section == metlo.SectionRequestPath {
			path = position(a.APIEndpoint.Path, path)
		}
		return findings.FieldName(string(field.Section), path, field.DataClass)
	}
	return ""
}

// pointer returns a JSON pointer.
func pointer(elements []string) string {
	var out strings.Builder
	for _, element := range elements {
		out.WriteByte('/')
		out.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(element))
	}
	return out.String()
}

// position returns the place of a parameter in a path, from 1, because the server may choose its name anew. It returns the
// name if the path has no such parameter.
func position(path, name string) string {
	for i, element := range strings.Split(strings.Trim(path, "/"), "/") {
		if element == "{"+name+"}" {
			return strconv.Itoa(i + 1)
		}
	}
	return name
}
