package htmlreport

import (
	"fmt"
	"strconv"

	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

// ruleList collects the rules that the page mentions, in the order of their first mention.
type ruleList struct {
	known map[string]string // anchors by name; empty for a rule without a text
	list  []rules.Rule
}

func newRuleList() *ruleList { return &ruleList{known: map[string]string{}} }

// anchor returns the link to the text of a rule, or an empty string if it has none.
func (l *ruleList) anchor(name string) string {
	anchor, known := l.known[name]
	if known {
		return anchor
	}
	if rule, found := rules.Lookup(name); found {
		anchor = "#rule-" + rule.ID
		if !l.has(rule.ID) {
			l.list = append(l.list, rule)
		}
	}
	l.known[name] = anchor
	return anchor
}

func (l *ruleList) has(id string) bool {
	for i := range l.list {
		if l.list[i].ID == id {
			return true
		}
	}
	return false
}

type ruleView struct {
	ID, Title, Meaning, Verify, Fix string
	References                      []reference
}

type reference struct{ Text, URL string }

func (l *ruleList) views() []ruleView {
	var list []ruleView
	for i := range l.list {
		r := &l.list[i]
		v := ruleView{ID: "rule-" + r.ID, Title: r.Title, Meaning: r.Meaning, Verify: r.Verify, Fix: r.Fix}
		if r.CWE != 0 {
			v.References = append(v.References, reference{fmt.Sprintf("CWE-%d", r.CWE), "https://cwe.mitre.org/data/definitions/" + strconv.Itoa(r.CWE) + ".html"})
		}
		if r.OWASP != "" {
			v.References = append(v.References, reference{"OWASP " + r.OWASP, "https://owasp.org/API-Security/editions/2023/en/0x11-t10/"})
		}
		v.References = append(v.References, reference{"documentation", r.URL()})
		list = append(list, v)
	}
	return list
}
