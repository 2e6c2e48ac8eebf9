package htmlreport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest"
)

// Tests holds the results of API test runs.
type Tests struct {
	Faults   []string          // Faults are the files that could not be read, with the reason.
	Coverage *apitest.Coverage // Coverage is nil if it is not known.
	Why      error             // Why is the reason for a nil Coverage.

	outcomes map[apitest.Outcome]int
	open     []testRow // tests that did not pass
}

type testRow struct{ Name, Outcome, Class, Text string }

// Add adds the results of a run.
func (t *Tests) Add(results apitest.Earlier) {
	if t.outcomes == nil {
		t.outcomes = map[apitest.Outcome]int{}
	}
	for i := range results {
		test := &results[i]
		t.outcomes[test.Outcome]++
		if test.Outcome == apitest.Passed {
			continue
		}
		name := test.Test.ID
		if test.Test.Meta != nil {
			name = cmp.Or(test.Test.Meta.Name, name)
		}
		var reasons []string
		for _, runs := range test.Results {
			for j := range runs {
				if step := &runs[j]; step.Outcome == test.Outcome && len(reasons) < maxReasons {
					reasons = append(reasons, cmp.Or(strings.Join(step.Reasons, "; "), step.Name))
				}
			}
		}
		class := "high"
		if test.Outcome == apitest.Inconclusive {
			class = "other"
		}
		t.open = append(t.open, testRow{
			shown(cmp.Or(name, test.Test.File, "a test without a name")), string(test.Outcome), class,
			shownMessage(cmp.Or(strings.Join(reasons, "; "), "no step ran")),
		})
	}
}

// maxReasons is the maximum number of stored reasons of a test. A list of payloads has hundreds.
const maxReasons = 3

type testsView struct {
	Faults   []string
	Counts   string
	Rows     []testRow
	More     *more
	Coverage string
	Unknown  string
	Untested []label
	Hidden   *more

	tile tile
}

func (t *Tests) view() *testsView {
	v := &testsView{}
	for _, fault := range t.Faults {
		v.Faults = append(v.Faults, shownMessage(fault))
	}
	total := 0
	for _, n := range t.outcomes {
		total += n
	}
	v.Counts = fmt.Sprintf("%s: %s passed, %s failed, %s inconclusive", counted(total, "test"), number(t.outcomes[apitest.Passed]),
		number(t.outcomes[apitest.Failed]), number(t.outcomes[apitest.Inconclusive]))
	open := slices.Clone(t.open)
	slices.SortStableFunc(open, func(x, y testRow) int { return strings.Compare(x.Outcome, y.Outcome) })
	v.Rows = open[:min(len(open), maxTests)]
	if n := len(open) - maxTests; n > 0 {
		v.More = &more{counted(n, "more test"), ""}
	}
	v.cover(t)
	return v
}

// cover fills in the coverage.
func (v *testsView) cover(t *Tests) {
	c := t.Coverage
	if c == nil {
		v.Unknown = "no result could be read"
		if t.Why != nil {
			v.Unknown = shownMessage(t.Why.Error())
		}
		v.tile = tile{"?", "operations tested: unknown", "alarm"}
		return
	}
	v.Coverage = fmt.Sprintf("Tests proved something about %s of %s.", number(c.Tested), counted(c.Known, "operation"))
	v.tile = tile{number(c.Tested), "of " + counted(c.Known, "operation") + " tested", ""}
	failed, inconclusive := t.outcomes[apitest.Failed], t.outcomes[apitest.Inconclusive]
	if failed > 0 {
		v.tile.Label += ", " + counted(failed, "failed test")
	}
	if inconclusive > 0 {
		v.tile.Label += ", " + counted(inconclusive, "inconclusive test")
	}
	if len(t.Faults) > 0 {
		v.tile.Label += ", " + counted(len(t.Faults), "unreadable file")
	}
	if c.Tested == 0 || failed+inconclusive+len(t.Faults) > 0 {
		v.tile.Class = "alarm"
	}
	for _, e := range c.Untested[:min(len(c.Untested), maxUntested)] {
		v.Untested = append(v.Untested, newLabel(e.Method, e.Host, e.Path))
	}
	if n := len(c.Untested) - maxUntested; n > 0 {
		v.Hidden = &more{counted(n, "more operation"), "metlo test coverage --from FILE"}
	}
}
