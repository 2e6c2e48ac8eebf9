package apitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/markup"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// evaluator evaluates the extractors and assertions of a step on its response.
type evaluator struct {
	*stepRun
	ctx    context.Context //nolint:containedctx // it lives as long as one step
	ex     *response
	engine *script.Engine
}

// extractAll sets the variables of the extractors, in order. Unless the run is lenient, an extractor that finds nothing
// unsets its variable.
func (e *evaluator) extractAll() {
	for _, x := range e.step.Extract {
		value, err := e.extract(x)
		if err != nil {
			e.fault(fmt.Errorf("extract %s: %w", x.Name, err))
		}
		if err == nil && (e.lenient || value != nil && value != "") {
			e.st.vars[x.Name] = jsvalue.Copy(value)
			e.secrets.addExtracted(x.Name, value)
			delete(e.st.unset, x.Name)
			continue
		}
		if err == nil {
			e.doubts = append(e.doubts, fmt.Sprintf("extract %s: %s finds nothing in the response (status %d)", x.Name, e.shown(x.Value), e.ex.status))
		}
		delete(e.st.vars, x.Name)
		e.st.unset[x.Name] = []string{fmt.Sprintf("the value that step %d extracts as %s", e.res.Index+1, x.Name)}
	}
}

// render fills in the templates of a text. It records variables that are missing as doubts about the step.
func (e *evaluator) render(where, text string) (out string, whole bool, err error) {
	out, uses, err := handlebars.Render(text, e.st.vars)
	if err != nil {
		return "", false, err
	}
	problems := e.st.problems(where, uses, false)
	if e.lenient {
		problems = nil
	}
	e.doubts = append(e.doubts, problems...)
	return out, len(problems) == 0, nil
}

func (e *evaluator) extract(x Extractor) (any, error) {
	source, whole, err := e.render("extract "+x.Name, x.Value)
	if err != nil || !whole {
		return nil, err
	}
	switch x.kind() {
	case ExtractJS:
		return e.engine.Eval(e.ctx, source, e.st.vars)
	case ExtractRegexp:
		if e.ex.isStructured() {
			match, _, err := e.engine.MatchBody(e.ctx, source)
			return match, err
		}
		match, _, err := e.engine.Match(e.ctx, source, strings.ToValidUTF8(e.ex.body, "\ufffd"))
		return match, err
	case ExtractHTML:
		return markup.InnerHTML(e.ex.body, source)
	}
	return jsvalue.Get(e.pathScope(), source), nil
}

// assertAll records which assertions hold. If the test stops on failure, the assertions after the first failure are
// recorded as failed without being evaluated.
func (e *evaluator) assertAll() {
	for n, a := range e.step.Assert {
		if e.result.AbortedAt > 0 {
			e.res.Assertions = append(e.res.Assertions, false)
			continue
		}
		before := len(e.doubts)
		holds, found, err := e.check(fmt.Sprintf("assert %d", n+1), a)
		if err != nil {
			e.assertionFault(n, a, err)
			holds = false
		}
		e.res.Assertions = append(e.res.Assertions, holds)
		if holds {
			continue
		}
		if err == nil && len(e.doubts) == before {
			e.res.Failures = append(e.res.Failures, Failure{
				Assertion: n, Expected: a.describe(e.hide), Description: a.Description, Found: found,
			})
		}
		if e.cfg.StopOnFailure {
			e.result.AbortedAt = n + 1
		}
	}
}

// assertionFault records an assertion that could not be evaluated. If a script throws because of what the response
// holds, the service failed. If a script names an unknown variable or exceeds a limit, the test is at fault.
func (e *evaluator) assertionFault(n int, a Assertion, err error) {
	var unknown *script.ReferenceError
	var odd *script.ResultError
	wrapped := fmt.Errorf("assert %d: %w", n+1, err)
	if errors.As(err, &unknown) {
		for _, name := range sortedKeys(e.st.unset) {
			if namesVariable(unknown.Message, name) {
				wrapped = fmt.Errorf("%w; %s", wrapped, e.st.whyUnset(name))
			}
		}
	}
	if a.kind() == AssertJS && !errors.As(err, &unknown) && !errors.As(err, &odd) && !errors.Is(err, script.ErrLimit) && e.ctx.Err() == nil {
		e.res.Err = errors.Join(e.res.Err, wrapped)
		e.res.Failures = append(e.res.Failures, Failure{
			Assertion: n, Expected: a.describe(e.hide), Description: a.Description,
			Found: "it threw " + strings.TrimPrefix(err.Error(), "script: ") + "; " + e.firstLine(),
		})
		return
	}
	e.fault(wrapped)
}

// check evaluates an assertion. If it does not hold, found describes what the response holds instead.
func (e *evaluator) check(where string, a Assertion) (holds bool, found string, err error) {
	want, err := primitive(a.Value, true)
	if err != nil {
		return false, "", err
	}
	if text, ok := want.(string); ok {
		rendered, whole, err := e.render(where, text)
		if err != nil || !whole {
			return false, "", err
		}
		want = rendered
	}
	if a.kind() == AssertJS {
		source, _ := want.(string)
		holds, err := e.engine.Truthy(e.ctx, source, e.st.vars, !e.lenient)
		if err != nil || holds {
			return holds, "", err
		}
		return false, e.scriptValues(source), nil
	}
	key, whole, err := e.render(where, a.Key)
	if err != nil || !whole {
		return false, "", err
	}
	scope := e.pathScope()
	root := key
	if path := jsvalue.SplitPath(key); len(path) > 0 {
		root = path[0]
	}
	_, exists := scope[root]
	if _, whole := scope[key]; !exists && !whole && !e.lenient {
		e.doubts = append(e.doubts, where+": "+e.st.whyUnset(root))
		return false, "", nil
	}
	got := jsvalue.Get(scope, key)
	found = fmt.Sprintf("%s is %s", key, e.shown(got))
	if key != "resp.status" && key != "status" {
		found += "; " + e.firstLine()
	}
	if a.kind() == AssertRegexp {
		if got == nil {
			return false, found, nil
		}
		pattern, _ := want.(string)
		_, match, err := e.engine.Match(e.ctx, pattern, strings.ToValidUTF8(jsvalue.String(got), "\ufffd"))
		return match, found, err
	}
	if list, ok := want.([]any); ok {
		return slices.ContainsFunc(list, func(w any) bool { return jsvalue.LooseEqual(w, got) }), found, nil
	}
	return jsvalue.StrictEqual(want, got), found, nil
}

// scriptValues describes the response and the values in it that a script names.
func (e *evaluator) scriptValues(source string) string {
	found := e.firstLine()
	scope := e.pathScope()
	var seen []string
	for _, path := range valuePaths(source) {
		if path == "resp.status" || slices.Contains(seen, path) || len(seen) == 5 {
			continue
		}
		seen = append(seen, path)
		found += fmt.Sprintf("; %s is %s", path, e.shown(jsvalue.Get(scope, path)))
	}
	for _, name := range sortedKeys(e.st.vars) {
		if name != "global" && namesVariable(source, name) && len(seen) < 8 {
			seen = append(seen, name)
			found += fmt.Sprintf("; %s is %s", name, e.shown(e.st.vars[name]))
		}
	}
	return found
}

// pathScope returns the names that a path can begin with: status, resp, ctx and all variables. A variable wins over the
// others.
func (e *evaluator) pathScope() map[string]any {
	cookies := map[string]any{}
	for host, jar := range e.st.jars.Snapshot() {
		values := map[string]any{}
		for name, v := range jar {
			values[name] = v
		}
		cookies[host] = values
	}
	scope := map[string]any{
		"status": e.ex.status,
		"resp":   e.ex.value(),
		"ctx":    map[string]any{"envVars": e.st.vars, "cookies": cookies},
	}
	for name, v := range e.st.vars {
		scope[name] = v
	}
	return scope
}

// shown returns v as JSON, with secrets masked, cut to a length that fits a report.
func (s *stepRun) shown(v any) string { return printedBy(v, s.hide) }

// hide masks secrets in text. Call it before text is cut, because it may not find a short part of a secret.
func (s *stepRun) hide(text string) string { return s.secrets.text(text, s.showSecrets) }

// String returns the condition in words.
func (a Assertion) String() string { return a.describe(func(text string) string { return text }) }

func (a *Assertion) describe(hide func(string) string) string {
	value, err := primitive(a.Value, true)
	if err != nil {
		value = fmt.Sprint(a.Value)
	}
	switch a.kind() {
	case AssertJS:
		return hide(jsvalue.String(value))
	case AssertRegexp:
		return fmt.Sprintf("%s matches /%s/", a.Key, hide(jsvalue.String(value)))
	}
	if list, ok := value.([]any); ok {
		words := make([]string, len(list))
		for i, v := range list {
			words[i] = printedBy(v, hide)
		}
		return a.Key + " is one of " + strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s is %s", a.Key, printedBy(value, hide))
}

// printed returns v as JSON, cut to a length that fits a report.
func printed(v any) string { return printedBy(v, func(text string) string { return text }) }

func printedBy(v any, hide func(string) string) string {
	if v == nil {
		return "missing"
	}
	return cut(hide(jsvalue.JSON(v)), 100)
}

func cut(text string, length int) string {
	if short := []rune(text); len(short) > length {
		return string(short[:length]) + "…"
	}
	return text
}
