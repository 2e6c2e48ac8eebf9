// Package gate decides which open alerts fail a build.
package gate

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
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
func Run(ctx context.Context, client *metlo.Client, rules *Rules) (*Result, error) {
	filter := &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: rules.Hosts, AlertTypes: rules.Types}
	// The severity is judged here, so that one which this program does not know is not filtered away.
	return judge(client.Alerts.All(ctx, filter), rules)
}

func judge(alerts iter.Seq2[metlo.Alert, error], rules *Rules) (*Result, error) {
	result, left := &Result{Findings: &findings.List{}}, map[string]int{}
	show := rules.Show
	if !rules.Severity.AtLeast(show) {
		show = rules.Severity
	}
	for alert, err := range alerts {
		if err != nil {
			return nil, err
		}
		switch {
		case !rules.Since.IsZero() && !alert.CreatedAt.IsZero() && alert.CreatedAt.Before(rules.Since):
			left["raised before "+rules.Since.UTC().Format("2006-01-02 15:04 UTC")]++
		case rules.Baseline[alert.UUID]:
			left["in the baseline"]++
		case rules.Ignores.match(&alert, rules.Now):
			left["in the ignore file"]++
		case !severe(alert.RiskScore, show):
			left["under severity "+string(show)]++
		default:
			if severe(alert.RiskScore, rules.Severity) {
				result.Failing++
			}
			result.Findings.Add(finding(&alert, rules.Specs))
		}
	}
	result.Findings.Sort()
	for _, reason := range slices.Sorted(maps.Keys(left)) {
		result.Notes = append(result.Notes, fmt.Sprintf("%d left out: %s", left[reason], reason))
	}
	if len(rules.Hosts) > 0 {
		result.Notes = append(result.Notes, "only hosts "+strings.Join(rules.Hosts, ", "))
	}
	if len(rules.Types) > 0 {
		types := make([]string, len(rules.Types))
		for i, t := range rules.Types {
			types[i] = string(t)
		}
		result.Notes = append(result.Notes, "only types "+strings.Join(types, ", "))
	}
	result.Notes = append(result.Notes, rules.Ignores.Report(rules.Now)...)
	return result, nil
}

// severe counts a severity that the SDK does not know: it may be the worst.
func severe(risk, lowest metlo.RiskScore) bool { return risk.AtLeast(lowest) || !risk.Known() }

func finding(a *metlo.Alert, specs *SpecFiles) *findings.Finding {
	file, line := specs.place(a)
	return &findings.Finding{
		ID: a.UUID, Rule: string(a.Type), Severity: findings.Severity(a.RiskScore), Method: string(a.APIEndpoint.Method),
		Host: a.APIEndpoint.Host, Path: a.APIEndpoint.Path, Message: a.Description, Created: a.CreatedAt, File: file, Line: line,
	}
}
