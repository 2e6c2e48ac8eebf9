// Package ajv implements the rules of JSON schema in the order of the npm package ajv 8, up to the first error, with
// its messages.
package ajv

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// Error is the first error that a rule found.
type Error struct {
	// Pointer is the JSON pointer of the value.
	Pointer string
	// Message is ajv's, without the pointer.
	Message string
	// Unexpected is the name of a property that is not allowed.
	Unexpected string
	// Allowed holds the permitted values of an enum.
	Allowed []string
}

// Rule checks a value at a JSON pointer.
type Rule func(pointer string, v any) *Error

func fail(pointer, format string, args ...any) *Error {
	return &Error{Pointer: pointer, Message: fmt.Sprintf("must "+format, args...)}
}

func first(pointer string, v any, rules ...Rule) *Error {
	for _, rule := range rules {
		if err := rule(pointer, v); err != nil {
			return err
		}
	}
	return nil
}

// Below returns the pointer of a member.
func Below(pointer, name string) string {
	return pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// Type requires a value of a type, and applies the other rules to it.
func Type(want string, rules ...Rule) Rule {
	return func(pointer string, v any) *Error {
		if js.TypeName(v) != want {
			return fail(pointer, "be %s", want)
		}
		return first(pointer, v, rules...)
	}
}

// Length limits the number of characters of a string; a maximum of 0 sets none.
func Length(minimum, maximum int) Rule {
	return func(pointer string, v any) *Error {
		s, _ := v.(string)
		n := utf8.RuneCountInString(s)
		switch {
		case maximum > 0 && n > maximum:
			return fail(pointer, "NOT have more than %d characters", maximum)
		case n < minimum:
			return fail(pointer, "NOT have fewer than %d characters", minimum)
		}
		return nil
	}
}

// Pattern requires a string that matches a JavaScript expression, which must be valid.
func Pattern(pattern string) Rule {
	return func(pointer string, v any) *Error {
		s, _ := v.(string)
		if re, err := js.CompileRegexp(pattern); err != nil || !re.MatchString(s) {
			return fail(pointer, `match pattern "%s"`, pattern)
		}
		return nil
	}
}

// RegexFormat requires a string that is a regular expression.
func RegexFormat(pointer string, v any) *Error {
	s, _ := v.(string)
	_, err := js.CompileRegexp(s)
	switch {
	case errors.Is(err, js.ErrUnsupported):
		return fail(pointer, `match format "regex": %v`, err)
	case err != nil:
		return fail(pointer, `match format "regex"`)
	}
	return nil
}

// Enum requires one of some strings.
func Enum(allowed ...string) Rule {
	return func(pointer string, v any) *Error {
		if s, isText := v.(string); isText && slices.Contains(allowed, s) {
			return nil
		}
		err := fail(pointer, "be equal to one of the allowed values")
		err.Allowed = allowed
		return err
	}
}

// Items limits the length of an array, may require distinct elements, and applies a rule to each. A maximum of 0 sets
// no limit.
func Items(minimum, maximum int, unique bool, element Rule) Rule {
	return func(pointer string, v any) *Error {
		list, _ := v.([]any)
		switch {
		case maximum > 0 && len(list) > maximum:
			return fail(pointer, "NOT have more than %d items", maximum)
		case len(list) < minimum:
			return fail(pointer, "NOT have fewer than %d items", minimum)
		}
		if unique {
			if err := duplicate(pointer, list); err != nil {
				return err
			}
		}
		for i, e := range list {
			if err := element(pointer+"/"+strconv.Itoa(i), e); err != nil {
				return err
			}
		}
		return nil
	}
}

func duplicate(pointer string, list []any) *Error {
	later := map[string]int{}
	for i := len(list) - 1; i >= 0; i-- {
		s, isText := list[i].(string)
		if !isText {
			continue
		}
		if j, known := later[s]; known {
			return fail(pointer, "NOT have duplicate items (items ## %d and %d are identical)", j, i)
		}
		later[s] = i
	}
	return nil
}

// Properties limits the number of properties; a maximum of 0 sets none.
func Properties(minimum, maximum int) Rule {
	return func(pointer string, v any) *Error {
		o, _ := v.(*js.Object)
		switch {
		case maximum > 0 && o.Len() > maximum:
			return fail(pointer, "NOT have more than %d properties", maximum)
		case o.Len() < minimum:
			return fail(pointer, "NOT have fewer than %d properties", minimum)
		}
		return nil
	}
}

// Required requires properties.
func Required(names ...string) Rule {
	return func(pointer string, v any) *Error {
		o, _ := v.(*js.Object)
		for _, name := range names {
			if !o.Has(name) {
				return fail(pointer, "have required property '%s'", name)
			}
		}
		return nil
	}
}

// Member is a property with its rule.
type Member struct {
	name string
	rule Rule
}

// Named assigns a rule to a property.
func Named(name string, rule Rule) Member { return Member{name, rule} }

// Only rejects other properties than these, and applies their rules.
func Only(members ...Member) Rule {
	return func(pointer string, v any) *Error {
		o, _ := v.(*js.Object)
		for name := range o.All() {
			if !slices.ContainsFunc(members, func(m Member) bool { return m.name == name }) {
				err := fail(pointer, "NOT have additional properties")
				err.Unexpected = name
				return err
			}
		}
		return Members(members...)(pointer, v)
	}
}

// Members applies rules to properties where they are there.
func Members(members ...Member) Rule {
	return func(pointer string, v any) *Error {
		o, _ := v.(*js.Object)
		for _, m := range members {
			if o.Has(m.name) {
				if err := m.rule(Below(pointer, m.name), o.Get(m.name)); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// Each applies to each property the rule that its name has; an unnamed rule refuses the property.
func Each(rule func(name string) (Rule, bool)) Rule {
	return func(pointer string, v any) *Error {
		o, _ := v.(*js.Object)
		for name := range o.All() {
			if _, named := rule(name); !named {
				err := fail(pointer, "NOT have additional properties")
				err.Unexpected = name
				return err
			}
		}
		for name, member := range o.All() {
			r, _ := rule(name)
			if err := r(Below(pointer, name), member); err != nil {
				return err
			}
		}
		return nil
	}
}

// Anything lets all pass.
func Anything(string, any) *Error { return nil }

// AnyOf requires that one of several rules passes; the error is that of the first.
func AnyOf(rules ...Rule) Rule {
	return func(pointer string, v any) *Error {
		var found *Error
		for _, rule := range rules {
			err := rule(pointer, v)
			if err == nil {
				return nil
			}
			if found == nil {
				found = err
			}
		}
		return found
	}
}

// If applies a rule where a property is absent or has a value.
func If(name, value string, then Rule) Rule {
	return func(pointer string, v any) *Error {
		o, _ := v.(*js.Object)
		if o.Has(name) && o.Get(name) != value {
			return nil
		}
		return then(pointer, v)
	}
}
