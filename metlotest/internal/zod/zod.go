// Package zod validates requests like the npm package of that name, with its issues and messages.
package zod

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// issue is one zod issue, with its properties in the order of zod 3.20.
type issue = *js.Object

// Issues collects the issues of a schema.
type Issues struct{ List []any }

func (c *Issues) add(i issue) { c.List = append(c.List, i) }

func pathOf(path []any) []any { return slices.Clone(append([]any{}, path...)) }

func at(path []any, key any) []any { return append(slices.Clone(path), key) }

// Schema checks a value at a path, reports to c and returns the value for the handler.
type Schema func(path []any, v any, c *Issues) any

func wrongType(path []any, expected string, v any) issue {
	message := "Expected " + expected + ", received " + js.TypeName(v)
	if js.IsUndefined(v) {
		message = "Required"
	}
	return js.New("code", "invalid_type", "expected", expected, "received", js.TypeName(v),
		"path", pathOf(path), "message", message)
}

// String returns the schema of a text.
func String() Schema {
	return func(path []any, v any, c *Issues) any {
		if _, ok := v.(string); !ok {
			c.add(wrongType(path, "string", v))
		}
		return v
	}
}

// Bool returns the schema of a boolean.
func Bool() Schema {
	return func(path []any, v any, c *Issues) any {
		if _, ok := v.(bool); !ok {
			c.add(wrongType(path, "boolean", v))
		}
		return v
	}
}

// Format returns the schema of a string that satisfies valid; validation is zod's name for the check.
func Format(validation, message string, valid func(string) bool) Schema {
	return func(path []any, v any, c *Issues) any {
		s, ok := v.(string)
		if !ok {
			c.add(wrongType(path, "string", v))
		} else if !valid(s) {
			c.add(js.New("validation", validation, "code", "invalid_string", "message", message, "path", pathOf(path)))
		}
		return v
	}
}

// UUID returns the schema of a string with a UUID.
func UUID() Schema { return Format("uuid", "Invalid uuid", IsUUID) }

// URL returns the schema of a string that new URL accepts.
func URL() Schema {
	return Format("url", "Invalid url", func(s string) bool {
		_, _, ok := js.ParseURL(s)
		return ok
	})
}

// IsUUID reports whether zod and validator.js accept a text as a UUID.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if r != '-' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdefABCDEF", rune(r)):
			return false
		}
	}
	return true
}

func quoteJoin(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "'" + v + "'"
	}
	return strings.Join(quoted, " | ")
}

// Enum returns the schema of one of some texts.
func Enum(options ...string) Schema {
	return func(path []any, v any, c *Issues) any {
		s, isText := v.(string)
		_, isNumber := v.(float64)
		switch {
		case !isText && !isNumber:
			i := wrongType(path, quoteJoin(options), v)
			c.add(js.New("expected", i.Get("expected"), "received", i.Get("received"), "code", "invalid_type",
				"path", i.Get("path"), "message", i.Get("message")))
		case !isText || !slices.Contains(options, s):
			c.add(js.New("received", v, "code", "invalid_enum_value", "options", options, "path", pathOf(path),
				"message", "Invalid enum value. Expected "+quoteJoin(options)+", received '"+js.String(v)+"'"))
		}
		return v
	}
}

// Literal returns the schema of one text.
func Literal(value string) Schema {
	return func(path []any, v any, c *Issues) any {
		if v != value {
			c.add(js.New("code", "invalid_literal", "expected", value, "path", pathOf(path),
				"message", "Invalid literal value, expected "+strconv.Quote(value)))
		}
		return v
	}
}

// Array returns the schema of a list with a schema for its elements.
func Array(element Schema) Schema {
	return func(path []any, v any, c *Issues) any {
		list, ok := v.([]any)
		if !ok {
			c.add(wrongType(path, "array", v))
			return v
		}
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = element(at(path, i), e, c)
		}
		return out
	}
}

// Optional lets undefined pass.
func Optional(s Schema) Schema {
	return func(path []any, v any, c *Issues) any {
		if js.IsUndefined(v) {
			return v
		}
		return s(path, v, c)
	}
}

// Nullable lets null pass.
func Nullable(s Schema) Schema {
	return func(path []any, v any, c *Issues) any {
		if v == nil {
			return nil
		}
		return s(path, v, c)
	}
}

// Default replaces undefined with a value.
func Default(s Schema, value any) Schema {
	return func(path []any, v any, c *Issues) any {
		if js.IsUndefined(v) {
			return value
		}
		return s(path, v, c)
	}
}

// Union returns the schema of a value that passes one of several schemas.
func Union(options ...Schema) Schema {
	return func(path []any, v any, c *Issues) any {
		var failures []any
		for _, option := range options {
			var own Issues
			out := option(path, v, &own)
			if len(own.List) == 0 {
				return out
			}
			failures = append(failures, js.New("issues", own.List, "name", "ZodError"))
		}
		c.add(js.New("code", "invalid_union", "unionErrors", failures, "path", pathOf(path), "message", "Invalid input"))
		return v
	}
}

// Count returns the schema of offset and limit: a number, or a string of digits that becomes one. A string
// of anything else is "dirty" to zod, so the union reports that one issue alone.
func Count() Schema { return count(false) }

// StrictCount is like [Count] in newer versions of zod, where the union reports both branches.
func StrictCount() Schema { return count(true) }

func count(both bool) Schema {
	number := func(path []any, v any, c *Issues) any {
		if _, ok := v.(float64); !ok {
			c.add(wrongType(path, "number", v))
		}
		return v
	}
	digits := Format("regex", "Invalid", regexp.MustCompile(`^\d+$`).MatchString)
	union := Union(number, digits)
	return func(path []any, v any, c *Issues) any {
		text, isText := v.(string)
		if !isText || both {
			v = union(path, v, c)
		} else {
			digits(path, v, c)
		}
		if isText {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				f = math.Inf(1)
			}
			return f
		}
		return v
	}
}

// ParsedInt returns the schema of a number that parseInt parses, or fallback if there is none.
func ParsedInt(fallback string, maximum float64) Schema {
	return func(path []any, v any, c *Issues) any {
		if !js.Truthy(v) {
			v = fallback
		}
		f := js.ParseInt(v)
		switch {
		case math.IsNaN(f):
			c.add(wrongType(path, "number", f))
		case f > maximum:
			c.add(js.New("code", "too_big", "maximum", maximum, "type", "number", "inclusive", true, "exact", false,
				"message", "Number must be less than or equal to "+js.String(maximum), "path", pathOf(path)))
		}
		return f
	}
}

// Property is one member of an object schema.
type Property struct {
	name   string
	schema Schema
}

// Key returns a member of an object schema.
func Key(name string, s Schema) Property { return Property{name, s} }

// Object returns an object schema that drops unknown keys.
func Object(properties ...Property) Schema { return objectSchema(false, properties) }

// Strict returns an object schema that rejects unknown keys.
func Strict(properties ...Property) Schema { return objectSchema(true, properties) }

func objectSchema(strict bool, properties []Property) Schema {
	return func(path []any, v any, c *Issues) any {
		o, ok := v.(*js.Object)
		if !ok {
			c.add(wrongType(path, "object", v))
			return v
		}
		out, known := js.New(), map[string]bool{}
		for _, p := range properties {
			known[p.name] = true
			if got := p.schema(at(path, p.name), o.Get(p.name), c); !js.IsUndefined(got) {
				out.Set(p.name, got)
			}
		}
		if !strict {
			return out
		}
		var unknown []string
		for _, key := range o.Keys {
			if !known[key] {
				unknown = append(unknown, key)
			}
		}
		if len(unknown) > 0 {
			quoted := strings.ReplaceAll(quoteJoin(unknown), " | ", ", ")
			c.add(js.New("code", "unrecognized_keys", "keys", unknown, "path", pathOf(path),
				"message", "Unrecognized key(s) in object: "+quoted))
		}
		return out
	}
}

// Validate applies a schema to a whole request. It returns the value for the handler, and zod's issues.
func Validate(s Schema, v any) (*js.Object, []any) {
	var c Issues
	out := s(nil, v, &c)
	o, _ := out.(*js.Object)
	return o, c.List
}

// Message returns one line per issue: its path and its message.
func Message(list []any) string {
	lines := make([]string, len(list))
	for i, e := range list {
		o := e.(*js.Object)
		path, _ := o.Get("path").([]any)
		keys := make([]string, len(path))
		for j, p := range path {
			if n, ok := p.(int); ok {
				keys[j] = strconv.Itoa(n)
			} else {
				keys[j] = p.(string)
			}
		}
		lines[i] = strings.Join(keys, ".") + ": " + o.Text("message")
	}
	return strings.Join(lines, "\n")
}
