// Package rules describes each rule that a finding can have: what it means, how to verify a finding, and how to fix it.
package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/metlo-go/metlo"
)

// Source is the kind of check that a rule belongs to.
type Source string

// The sources of findings.
const (
	Alerts Source = "alerts" // open alerts of an instance
	Drift  Source = "drift"  // differences between OpenAPI documents and the inventory
	Tests  Source = "tests"  // API tests that failed
)

// Rule describes one kind of finding.
type Rule struct {
	ID        string          `json:"id"`
	Title     string          `json:"title"`
	Source    Source          `json:"source"`
	AlertType metlo.AlertType `json:"alertType,omitempty"` // AlertType is set for rules of the source Alerts.
	Severity  string          `json:"severity"`            // Severity is the usual severity of a finding.
	Meaning   string          `json:"meaning"`
	Verify    string          `json:"verify"`
	Fix       string          `json:"fix"`
	CWE       int             `json:"cwe,omitempty"`   // CWE is the number of the weakness; 0 if none fits.
	OWASP     string          `json:"owasp,omitempty"` // OWASP is an entry of the OWASP API Security Top 10, such as API3:2023; empty if none fits.
	Tags      []string        `json:"tags,omitempty"`  // Tags are those of API tests whose failure the rule describes.
}

// ReportPrefix is the prefix of rule ids in reports for tools that show the rules of several programs together.
const ReportPrefix = "metlo-"

// Page is the address of the page that describes the rules. The id of a rule is an anchor in it.
const Page = "https://github.com/metlo-go/metlo/blob/main/docs/rules.md"

// URL returns the address of the rule's description.
func (r *Rule) URL() string { return Page + "#" + r.ID }

var registry = sync.OnceValue(func() []Rule {
	all := slices.Concat(of(Alerts, alertRules()), of(Drift, driftRules()), of(Tests, testRules()))
	return slices.Clip(all)
})

func of(source Source, list []Rule) []Rule {
	for i := range list {
		list[i].Source = source
		if source == Alerts {
			list[i].Title = string(list[i].AlertType)
		}
	}
	return list
}

// Categories returns the tags of the rule's weakness and risk, in the form that GitHub recognizes.
func (r *Rule) Categories() (tags []string) {
	if r.CWE > 0 {
		tags = append(tags, fmt.Sprintf("external/cwe/cwe-%03d", r.CWE))
	}
	if r.OWASP != "" {
		tags = append(tags, "owasp-"+Slug(r.OWASP))
	}
	return tags
}

// references returns the names and addresses of other descriptions of the rule.
func (r *Rule) references() (names, addresses []string) {
	if r.CWE > 0 {
		names = append(names, fmt.Sprintf("CWE-%d", r.CWE))
		addresses = append(addresses, fmt.Sprintf("https://cwe.mitre.org/data/definitions/%d.html", r.CWE))
	}
	if r.OWASP != "" {
		names = append(names, "OWASP "+r.OWASP)
		addresses = append(addresses, "https://owasp.org/API-Security/editions/2023/en/"+owaspPage(r.OWASP)+"/")
	}
	return names, addresses
}

func owaspPage(entry string) string {
	return map[string]string{
		"API1:2023": "0xa1-broken-object-level-authorization",
		"API2:2023": "0xa2-broken-authentication",
		"API3:2023": "0xa3-broken-object-property-level-authorization",
		"API5:2023": "0xa5-broken-function-level-authorization",
		"API8:2023": "0xa8-security-misconfiguration",
		"API9:2023": "0xa9-improper-inventory-management",
	}[entry]
}

// Text returns the meaning of the rule, how to verify a finding and how to fix it, in paragraphs without markup.
func (r *Rule) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\nVerify: %s\n\nFix: %s\n", r.Meaning, r.Verify, r.Fix)
	names, addresses := r.references()
	for i, name := range names {
		if i == 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "%s: %s\n", name, addresses[i])
	}
	return out.String()
}

// Markdown returns the same content as Text, with markup and without a heading.
func (r *Rule) Markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n**Verify.** %s\n\n**Fix.** %s\n", r.Meaning, r.Verify, r.Fix)
	names, addresses := r.references()
	for i, name := range names {
		separator := ", "
		if i == 0 {
			separator = "\n"
		}
		fmt.Fprintf(&out, "%s[%s](%s)", separator, name, addresses[i])
	}
	if len(names) > 0 {
		out.WriteByte('\n')
	}
	return out.String()
}

// Document returns the page that describes all rules, in Markdown.
func Document() string {
	var out strings.Builder
	out.WriteString("# Rules\n\n<!-- Written by metlo explain -o markdown. -->\n\n" +
		"Each finding of `metlo gate` and `metlo test run` has a rule. `metlo explain RULE` prints the same text.\n")
	headings := map[Source]string{Alerts: "Alerts of an instance", Drift: "Drift between OpenAPI documents and traffic", Tests: "API tests"}
	source := Source("")
	for _, rule := range All() {
		if rule.Source != source {
			source = rule.Source
			fmt.Fprintf(&out, "\n## %s\n", headings[source])
		}
		fmt.Fprintf(&out, "\n### %s\n\n`%s`, usually of severity %s.\n\n%s", rule.Title, rule.ID, rule.Severity, rule.Markdown())
	}
	return out.String()
}

// All returns the rules in the order of the documentation.
func All() []Rule { return slices.Clone(registry()) }

var byName = sync.OnceValue(func() map[string]*Rule {
	names := map[string]*Rule{}
	for i := range registry() {
		rule := &registry()[i]
		names[rule.ID], names[Slug(rule.Title)], names[rule.Title] = rule, rule, rule
	}
	return names
})

// Lookup returns the rule that name identifies. The name is the rule's id, its id in reports, its title, or the name of
// an alert type in any case.
func Lookup(name string) (Rule, bool) {
	if rule, known := byName()[name]; known {
		return *rule, true
	}
	name = strings.TrimSpace(name)
	if alertType, err := metlo.ParseAlertType(name); err == nil {
		name = string(alertType)
	}
	rule, known := byName()[strings.TrimPrefix(Slug(name), ReportPrefix)]
	if !known {
		return Rule{}, false
	}
	return *rule, true
}

// ForTags returns the rule for a failed API test with these tags.
func ForTags(tags []string) Rule {
	for _, rule := range registry() {
		for _, tag := range rule.Tags {
			if slices.ContainsFunc(tags, func(t string) bool { return strings.EqualFold(t, tag) }) {
				return rule
			}
		}
	}
	rule, _ := Lookup("api-test-failed")
	return rule
}

// Slug returns a name as an id: in lower case, with a hyphen for each run of characters other than letters and digits.
func Slug(name string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out.WriteRune(r)
		case out.Len() > 0 && !strings.HasSuffix(out.String(), "-"):
			out.WriteByte('-')
		}
	}
	return strings.TrimSuffix(out.String(), "-")
}
