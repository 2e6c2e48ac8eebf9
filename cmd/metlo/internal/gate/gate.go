// Package gate decides which findings fail a build: open alerts, and the findings of other checks.
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

// Criteria decide which findings count.
type Criteria struct {
	Severity metlo.RiskScore   // Severity is the lowest that fails the build.
	Show     metlo.RiskScore   // Show is the lowest that reports show, besides what fails the build.
	Hosts    []string          // Hosts are those whose alerts are read; nil for all.
	Types    []metlo.AlertType // Types are those of the alerts that are read; nil for all.
	Since    time.Time         // Since leaves out findings raised before; a finding without a time counts.
	Baseline *Baseline         // Baseline may be nil.
	Ignores  *Ignores          // Ignores may be nil.
	Specs    *SpecFiles        // Specs may be nil.
	Now      time.Time

	// FailOn are the drift rules whose findings fail the build, whatever their severity; nil for those of the severity.
	FailOn []string

	// Sources are the checks whose findings are judged. Entries for other checks are not reported as stale.
	Sources []rules.Source
}

// Result is the outcome of applying criteria to findings.
type Result struct {
	Findings *findings.List // Findings are those that reports show.
	Failing  int            // Failing is the number of Findings that fail the build.
	Missed   string         // Missed names parts that were not checked; empty if there are none.
	Notes    []string       // Notes name what was left out, and entries that have expired or match nothing.
}

// Alerts returns an iterator over the findings for the open alerts of an instance.
func Alerts(ctx context.Context, client *metlo.Client, c *Criteria) iter.Seq2[*findings.Finding, error] {
	// Judge applies the severity, so that an alert of a severity that this program does not know counts.
	filter := &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: c.Hosts, AlertTypes: c.Types}
	return converted(client.Alerts.All(ctx, filter), c.Specs)
}

func converted(alerts iter.Seq2[metlo.Alert, error], specs *SpecFiles) iter.Seq2[*findings.Finding, error] {
	return func(yield func(*findings.Finding, error) bool) {
		for alert, err := range alerts {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(finding(&alert, specs), nil) {
				return
			}
		}
	}
}

// Judge applies the criteria to findings of one or more checks. A pointer that a sequence yields need not stay valid.
func Judge(c *Criteria, sequences ...iter.Seq2[*findings.Finding, error]) (*Result, error) {
	j := &judge{criteria: c, result: &Result{Findings: &findings.List{}}, left: map[string]int{}, accepted: &findings.List{}}
	if c.Ignores != nil {
		j.left[c.Ignores.reason()] = 0 // the note names the file even if it accepts nothing
	}
	for _, sequence := range sequences {
		for f, err := range sequence {
			if err != nil {
				return nil, err
			}
			j.add(f)
		}
	}
	j.settle()
	j.result.Findings.Sort()
	j.notes()
	return j.result, nil
}

type judge struct {
	criteria *Criteria
	result   *Result
	left     map[string]int // number of findings left out, by reason
	accepted *findings.List // findings whose fingerprint is in the baseline
}

func (j *judge) add(f *findings.Finding) {
	ignored := j.criteria.Ignores.match(f, j.criteria.Now)
	switch j.criteria.Baseline.find(f) {
	case byAlert:
		j.left[inBaseline]++
	case byFingerprint:
		j.accepted.Add(f)
	default:
		j.weigh(f, ignored)
	}
}

const inBaseline = "in the baseline"

// settle leaves out the findings whose fingerprint is in the baseline. It leaves out as many of each fingerprint as the
// baseline accepts, the oldest first, and treats the others as new.
func (j *judge) settle() {
	surplus := map[string][]findings.Finding{}
	for f := range j.accepted.All() {
		if j.criteria.Baseline.surplus(f) {
			fingerprint := f.Fingerprint()
			surplus[fingerprint] = append(surplus[fingerprint], *f)
		} else {
			j.left[inBaseline]++
		}
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(surplus)) {
		group := surplus[fingerprint]
		slices.SortStableFunc(group, func(x, y findings.Finding) int { return x.Created.Compare(y.Created) })
		accepted := j.criteria.Baseline.limit(&group[0])
		j.left[inBaseline] += accepted
		for i := range group[accepted:] {
			f := &group[accepted+i]
			j.weigh(f, j.criteria.Ignores.accepts(f, j.criteria.Now))
		}
	}
}

// weigh applies the criteria other than the baseline. The parameter ignored reports whether the ignore file accepts the
// finding.
func (j *judge) weigh(f *findings.Finding, ignored bool) {
	c := j.criteria
	show := c.Show
	if !c.Severity.AtLeast(show) {
		show = c.Severity
	}
	switch {
	case !c.Since.IsZero() && !f.Created.IsZero() && f.Created.Before(c.Since):
		j.left["raised before "+c.Since.UTC().Format("2006-01-02 15:04 UTC")]++
	case ignored:
		j.left[c.Ignores.reason()]++
	case !c.fails(f) && !severe(f, show):
		j.left["under severity "+string(show)]++
	default:
		if c.fails(f) {
			j.result.Failing++
		}
		j.result.Findings.Add(f)
	}
}

// fails reports whether a finding fails the build.
func (c *Criteria) fails(f *findings.Finding) bool {
	if len(c.FailOn) > 0 {
		if rule, _ := rules.Lookup(f.Rule); rule.Source == rules.Drift {
			return slices.Contains(c.FailOn, rule.ID)
		}
	}
	return severe(f, c.Severity)
}

// severe reports whether a finding has at least the given severity. An unknown severity counts, because it may be the
// worst.
func severe(f *findings.Finding, lowest metlo.RiskScore) bool {
	risk := metlo.RiskScore(f.Severity)
	return risk.AtLeast(lowest) || !risk.Known()
}

func (j *judge) notes() {
	c, notes := j.criteria, &j.result.Notes
	for _, reason := range slices.Sorted(maps.Keys(j.left)) {
		*notes = append(*notes, fmt.Sprintf("%d left out: %s", j.left[reason], reason))
	}
	if len(c.Hosts) > 0 {
		*notes = append(*notes, "only hosts "+strings.Join(c.Hosts, ", "))
	}
	if len(c.Types) > 0 {
		types := make([]string, len(c.Types))
		for i, t := range c.Types {
			types[i] = string(t)
		}
		*notes = append(*notes, "only types "+strings.Join(types, ", "))
	}
	*notes = append(*notes, c.Ignores.expired(c)...)
	if c.whole() {
		*notes = append(*notes, c.Ignores.stale(c)...)
		*notes = append(*notes, c.Baseline.stale(c)...)
	}
}

// whole reports whether the findings are all findings of their checks. In a partial list, an entry without a match is
// not stale.
func (c *Criteria) whole() bool { return len(c.Hosts) == 0 && len(c.Types) == 0 }

// judged reports whether the findings of a rule are judged. Unknown rules are rules of alerts.
func (c *Criteria) judged(rule string) bool {
	source := rules.Alerts
	if known, ok := rules.Lookup(rule); ok {
		source = known.Source
	}
	return slices.Contains(c.Sources, source)
}

// noun returns the singular noun for what the criteria judge.
func (c *Criteria) noun() string {
	if slices.Equal(c.Sources, []rules.Source{rules.Alerts}) {
		return "alert"
	}
	return "finding"
}

// finding returns the finding for an alert.
func finding(a *metlo.Alert, specs *SpecFiles) *findings.Finding {
	file, line := specs.place(a)
	f := &findings.Finding{
		ID: a.UUID, Severity: findings.Severity(a.RiskScore),
		Method: string(a.APIEndpoint.Method), Host: a.APIEndpoint.Host, Path: a.APIEndpoint.Path, Field: fieldOf(a),
		Message: a.Description, Created: a.CreatedAt, File: file, Line: line,
	}
	if rule, known := rules.Lookup(string(a.Type)); known {
		f.Rule = rule.ID
	} else {
		f.Rule, f.Title = rules.Slug(string(a.Type)), string(a.Type)
	}
	return f
}

// fieldOf returns the part of the endpoint that an alert is about; empty if it is about the whole endpoint. If the SDK
// cannot parse the part from the description, fieldOf returns the description, because two alerts about different parts
// must not share a fingerprint.
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

// position returns the number of a parameter in a path, from 1, because the server may rename the parameter. It returns
// the name if the path has no such parameter.
func position(path, name string) string {
	for i, element := range strings.Split(strings.Trim(path, "/"), "/") {
		if element == "{"+name+"}" {
			return strconv.Itoa(i + 1)
		}
	}
	return name
}
