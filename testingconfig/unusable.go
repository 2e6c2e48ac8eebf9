package testingconfig

import (
	"errors"
	"regexp/syntax"
	"slices"
)

// Unusable returns issues that Validate does not report. For these the server stores the statements and then answers
// 500. Its database rejects the resulting rules, and no endpoint has a permission until the text is fixed. The issues
// are resources without a rule that grants a permission, rules without a condition, and lists of methods. They also
// include regular expressions with unbalanced brackets or a quantifier without an operand.
func Unusable(statements []Statement) []*Issue {
	c := &checker{}
	granted := false
	first := -1
	for i := range statements {
		s := &statements[i]
		if s.Kind != KindResource {
			continue
		}
		if first < 0 {
			first = i
		}
		for n, rule := range (Value{V: s.Members}).get("endpoints").list() {
			granted = c.rule(rule, []any{i, "members", "endpoints", n}) || granted
		}
	}
	if first >= 0 && !granted {
		s := &statements[first]
		c.add(Value{Line: s.Line, Column: s.Column}, []any{first, "members", "endpoints"}, unusable(
			"no rule of any resource grants a permission, and the server fails on that: add one such as "+
				`{"permissions": ["read"], "path": "^/orders"}`))
	}
	return c.issues
}

func unusable(message string) *Issue { return &Issue{Code: "unusable", Message: message} }

// rule checks a rule, and reports whether it grants a permission.
func (c *checker) rule(rule Value, path []any) (grants bool) {
	grants = len(rule.get("permissions").list()) > 0
	conditions := 0
	for _, name := range []string{"host", "path"} {
		v := rule.get(name)
		if v.text() == "" {
			continue
		}
		conditions++
		if unbalanced(v.text()) {
			c.add(v, append(slices.Clip(path), name), unusable("the regular expression is not one, and the server fails on it: escape or close its brackets"))
		}
	}
	method := rule.get("method")
	if _, isList := method.V.([]Value); isList {
		conditions++
		c.add(method, append(slices.Clip(path), "method"), unusable("the server fails on a list of methods: write a rule for each method"))
	} else if method.text() != "" {
		conditions++
	}
	if _, isObject := rule.get("contains_resource").V.([]Member); isObject {
		conditions++
	}
	if conditions == 0 && grants {
		c.add(rule, path, unusable("the rule has no condition, and the server fails on that: add host, path, method or contains_resource"))
	}
	return grants
}

// unbalanced reports whether a regular expression has an error for both PostgreSQL and Go. Other errors are left to the
// server, because the two languages differ.
func unbalanced(expression string) bool {
	_, err := syntax.Parse(expression, syntax.Perl)
	var fault *syntax.Error
	return errors.As(err, &fault) &&
		slices.Contains([]syntax.ErrorCode{
			syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrMissingBracket, syntax.ErrMissingRepeatArgument,
		}, fault.Code)
}
