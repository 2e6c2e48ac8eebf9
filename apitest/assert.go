package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// check evaluates an assertion. why tells what was found instead when it does not hold.
func (r *runner) check(ctx context.Context, a Assertion, st *state, ex *exchange) (holds bool, why string, err error) {
	want, err := primitive(a.Value, true)
	if err != nil {
		return false, "", err
	}
	if text, ok := want.(string); ok {
		if want, err = render(text, st.vars); err != nil {
			return false, "", err
		}
	}
	if a.kind() == AssertJS {
		_, truthy, err := r.scripts.runScript(ctx, want.(string), scriptScope{vars: st.vars, resp: ex}, true)
		return truthy, "", err
	}
	key, err := render(a.Key, st.vars)
	if err != nil {
		return false, "", err
	}
	got := getPath(st.pathScope(ex), key)
	why = fmt.Sprintf("%s is %s", key, printed(got))
	if a.kind() == AssertRegexp {
		if got == nil {
			return false, why, nil
		}
		_, found, err := r.scripts.matchRegexp(ctx, want.(string), jsString(got), false)
		return found, why, err
	}
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return looseEqual(e, got) }), why, nil
	}
	return strictEqual(want, got), why, nil
}

// String says what the assertion demands.
func (a Assertion) String() string {
	value, err := primitive(a.Value, true)
	if err != nil {
		value = fmt.Sprint(a.Value)
	}
	switch a.kind() {
	case AssertJS:
		return jsString(value)
	case AssertRegexp:
		return fmt.Sprintf("%s matches /%s/", a.Key, jsString(value))
	}
	if list, ok := value.([]any); ok {
		words := make([]string, len(list))
		for i, v := range list {
			words[i] = printed(v)
		}
		return a.Key + " is one of " + strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s is %s", a.Key, printed(value))
}

// printed gives a value as JSON, cut to a length that fits a report.
func printed(v any) string {
	if v == nil {
		return "missing"
	}
	text := []rune(jsJSON(v))
	if len(text) > 100 {
		return string(text[:100]) + "…"
	}
	return string(text)
}
