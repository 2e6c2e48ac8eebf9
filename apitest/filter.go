package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Select returns the tests that have one of the tags, in any case, and at least the given severity. If tags and
// severity are empty, it returns all tests. A test without a severity has the lowest.
func Select(tests []*Config, tags []string, severity Severity) []*Config {
	var out []*Config
	for _, c := range tests {
		var meta Meta
		if c.Meta != nil {
			meta = *c.Meta
		}
		tagged := len(tags) == 0 || slices.ContainsFunc(meta.Tags, func(have string) bool {
			return slices.ContainsFunc(tags, func(want string) bool { return strings.EqualFold(have, want) })
		})
		if tagged && slices.Index(severities, string(meta.Severity)) >= slices.Index(severities, string(severity)) {
			out = append(out, c)
		}
	}
	return out
}

// Earlier holds results of an earlier run, decoded from the JSON of a Result or of a list of results.
type Earlier []earlierTest

type earlierTest struct {
	Test struct {
		ID    string `json:"id"`
		File  string `json:"file"`
		Meta  *Meta  `json:"meta"`
		Env   any    `json:"env"`
		Steps any    `json:"test"`
	} `json:"test"`
	Outcome Outcome         `json:"outcome"`
	Verdict Verdict         `json:"verdict"`
	Results [][]earlierStep `json:"results"`
}

type earlierStep struct {
	Name     string      `json:"name"`
	Outcome  Outcome     `json:"outcome"`
	Verdict  Verdict     `json:"verdict"`
	Identity string      `json:"identity"`
	Control  string      `json:"control"`
	Demands  string      `json:"demands"`
	Payload  bool        `json:"attack"`
	Reasons  []string    `json:"reasons"`
	Request  StepRequest `json:"req"`
	Response *struct {
		Status int `json:"status"`
	} `json:"res"`
}

// ParseResults decodes the results of an earlier run from JSON: one Result or a list of them.
func ParseResults(text []byte) (Earlier, error) {
	var list Earlier
	err := json.Unmarshal(text, &list)
	if err != nil {
		list = make(Earlier, 1)
		err = json.Unmarshal(text, &list[0])
	}
	if err != nil {
		return nil, fmt.Errorf("apitest: the text is not the JSON of results: %w", err)
	}
	for i := range list {
		if !slices.Contains([]Outcome{Passed, Failed, Inconclusive}, list[i].Outcome) {
			return nil, errors.New("apitest: the text is not the JSON of results: a test has no outcome")
		}
	}
	return list, nil
}

// earlier converts results to the form that ParseResults returns.
func earlier(results []*Result) (Earlier, error) {
	text, err := json.Marshal(results)
	if err != nil {
		return nil, fmt.Errorf("apitest: the results: %w", err)
	}
	return ParseResults(text)
}

// NotPassed returns the tests that did not pass in the earlier run, that it does not contain, or whose steps or
// variables have changed since. Tests are matched by file and id, or by id alone if one of both has no file.
func (e Earlier) NotPassed(tests []*Config) []*Config {
	return e.without(tests, func(t *earlierTest) bool { return t.Outcome == Passed })
}

// NotProven returns the tests that NotPassed returns, and those that passed without a control. Use it with
// RequireControls, under which these do not pass.
func (e Earlier) NotProven(tests []*Config) []*Config {
	return e.without(tests, func(t *earlierTest) bool { return t.Outcome == Passed && t.Verdict == VerdictProven })
}

// without returns the tests except those that are in the earlier run, unchanged, and done there.
func (e Earlier) without(tests []*Config, done func(t *earlierTest) bool) []*Config {
	var out []*Config
	for _, c := range tests {
		passed := false
		for i := range e {
			t := &e[i]
			if t.Test.ID == c.ID && (t.Test.File == c.File || t.Test.File == "" || c.File == "") {
				passed = done(t) && t.unchanged(c)
				if !passed {
					break
				}
			}
		}
		if !passed {
			out = append(out, c)
		}
	}
	return out
}

// unchanged reports whether the test that ran had the steps and the variables of c. A masked secret matches any text.
func (t *earlierTest) unchanged(c *Config) bool {
	text, err := json.Marshal([]any{c.Env, c.Test})
	var now [2]any
	if err != nil || json.Unmarshal(text, &now) != nil {
		return false
	}
	return sameBut(t.Test.Env, now[0]) && sameBut(t.Test.Steps, now[1])
}

// sameBut reports whether two decoded JSON values are equal. A mask in the first one matches any text.
func sameBut(masking, full any) bool {
	switch a := masking.(type) {
	case string:
		b, ok := full.(string)
		return ok && fitsMask(a, b)
	case []any:
		b, ok := full.([]any)
		return ok && slices.EqualFunc(a, b, sameBut)
	case map[string]any:
		b, ok := full.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameBut)
	}
	return masking == full || masking == masked
}

// fitsMask reports whether text matches masking. A mask matches any text.
func fitsMask(masking, text string) bool {
	parts := strings.Split(masking, masked)
	rest, found := strings.CutPrefix(text, parts[0])
	last := len(parts) - 1
	for i := 1; i < last && found; i++ {
		_, rest, found = strings.Cut(rest, parts[i])
	}
	return found && (last == 0 && rest == "" || last > 0 && strings.HasSuffix(rest, parts[last]))
}

// SummaryLine returns the numbers of tests by verdict, in one line.
func SummaryLine(results ...*Result) string {
	counts := map[Verdict]int{}
	for _, r := range results {
		v := VerdictInconclusive
		if r != nil && r.Verdict != "" {
			v = r.Verdict
		}
		counts[v]++
	}
	parts := make([]string, 0, len(counts))
	for _, v := range Verdicts() {
		parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
	}
	return plural(len(results), "test", "tests") + ": " + strings.Join(parts, ", ")
}
