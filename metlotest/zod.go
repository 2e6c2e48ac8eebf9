package metlotest

import (
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// issue is one zod issue: its properties in the order in which zod 3.20 writes them.
type issue = *object

// issues collects what a schema found.
type issues struct{ list []any }

func (c *issues) add(i issue) { c.list = append(c.list, i) }

func pathOf(path []any) []any { return slices.Clone(append([]any{}, path...)) }

func at(path []any, key any) []any { return append(slices.Clone(path), key) }

// schema checks a value at a path, reports to c and returns what the handler gets to see.
type schema func(path []any, v any, c *issues) any

func wrongType(path []any, expected string, v any) issue {
	message := "Expected " + expected + ", received " + typeName(v)
	if isUndefined(v) {
		message = "Required"
	}
	return newObject("code", "invalid_type", "expected", expected, "received", typeName(v),
		"path", pathOf(path), "message", message)
}

func zString() schema {
	return func(path []any, v any, c *issues) any {
		if _, ok := v.(string); !ok {
			c.add(wrongType(path, "string", v))
		}
		return v
	}
}

func zBool() schema {
	return func(path []any, v any, c *issues) any {
		if _, ok := v.(bool); !ok {
			c.add(wrongType(path, "boolean", v))
		}
		return v
	}
}

// zFormat is a string that satisfies valid; validation is the name zod gives the check.
func zFormat(validation, message string, valid func(string) bool) schema {
	return func(path []any, v any, c *issues) any {
		s, ok := v.(string)
		if !ok {
			c.add(wrongType(path, "string", v))
		} else if !valid(s) {
			c.add(newObject("validation", validation, "code", "invalid_string", "message", message, "path", pathOf(path)))
		}
		return v
	}
}

func zUUID() schema { return zFormat("uuid", "Invalid uuid", isUUID) }

func zURL() schema {
	return zFormat("url", "Invalid url", func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
	})
}

func isUUID(s string) bool {
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

func zEnum(options ...string) schema {
	return func(path []any, v any, c *issues) any {
		s, isText := v.(string)
		_, isNumber := v.(float64)
		switch {
		case !isText && !isNumber:
			i := wrongType(path, quoteJoin(options), v)
			c.add(newObject("expected", i.get("expected"), "received", i.get("received"), "code", "invalid_type",
				"path", i.get("path"), "message", i.get("message")))
		case !isText || !slices.Contains(options, s):
			received := "'" + jsText(v) + "'"
			if isNumber {
				received = jsText(v)
			}
			c.add(newObject("received", v, "code", "invalid_enum_value", "options", options, "path", pathOf(path),
				"message", "Invalid enum value. Expected "+quoteJoin(options)+", received "+received))
		}
		return v
	}
}

func zLiteral(value string) schema {
	return func(path []any, v any, c *issues) any {
		if v != value {
			c.add(newObject("received", v, "code", "invalid_literal", "expected", value, "path", pathOf(path),
				"message", "Invalid literal value, expected "+strconv.Quote(value)))
		}
		return v
	}
}

func zArray(element schema) schema {
	return func(path []any, v any, c *issues) any {
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

func zOptional(s schema) schema {
	return func(path []any, v any, c *issues) any {
		if isUndefined(v) {
			return v
		}
		return s(path, v, c)
	}
}

func zNullable(s schema) schema {
	return func(path []any, v any, c *issues) any {
		if v == nil {
			return nil
		}
		return s(path, v, c)
	}
}

func zDefault(s schema, value any) schema {
	return func(path []any, v any, c *issues) any {
		if isUndefined(v) {
			return value
		}
		return s(path, v, c)
	}
}

func zUnion(options ...schema) schema {
	return func(path []any, v any, c *issues) any {
		var failures []any
		for _, option := range options {
			var own issues
			out := option(path, v, &own)
			if len(own.list) == 0 {
				return out
			}
			failures = append(failures, newObject("issues", own.list, "name", "ZodError"))
		}
		c.add(newObject("code", "invalid_union", "unionErrors", failures, "path", pathOf(path), "message", "Invalid input"))
		return v
	}
}

// zCount is the schema of offset and limit: a number, or a string of digits that becomes one.
func zCount() schema {
	number := func(path []any, v any, c *issues) any {
		if _, ok := v.(float64); !ok {
			c.add(wrongType(path, "number", v))
		}
		return v
	}
	digits := regexp.MustCompile(`^\d+$`)
	text := zFormat("regex", "Invalid", digits.MatchString)
	parsed := func(path []any, v any, c *issues) any {
		before := len(c.list)
		text(path, v, c)
		if len(c.list) > before {
			return v
		}
		f, err := strconv.ParseFloat(v.(string), 64)
		if err != nil {
			f = math.Inf(1)
		}
		return f
	}
	return zUnion(number, parsed)
}

func zMax(s schema, maximum float64) schema {
	return func(path []any, v any, c *issues) any {
		out := s(path, v, c)
		if f, ok := out.(float64); ok && f > maximum {
			c.add(newObject("code", "too_big", "maximum", maximum, "type", "number", "inclusive", true, "exact", false,
				"message", "Number must be less than or equal to "+jsText(maximum), "path", pathOf(path)))
		}
		return out
	}
}

// property is one member of an object schema.
type property struct {
	name   string
	schema schema
}

func zObject(properties ...property) schema { return objectSchema(false, properties) }

// zStrict is an object schema that refuses keys it does not name.
func zStrict(properties ...property) schema { return objectSchema(true, properties) }

func objectSchema(strict bool, properties []property) schema {
	return func(path []any, v any, c *issues) any {
		o, ok := v.(*object)
		if !ok {
			c.add(wrongType(path, "object", v))
			return v
		}
		out, known := newObject(), map[string]bool{}
		for _, p := range properties {
			known[p.name] = true
			if got := p.schema(at(path, p.name), o.get(p.name), c); !isUndefined(got) {
				out.set(p.name, got)
			}
		}
		if !strict {
			return out
		}
		var unknown []string
		for _, key := range o.keys {
			if !known[key] {
				unknown = append(unknown, key)
			}
		}
		if len(unknown) > 0 {
			quoted := strings.ReplaceAll(quoteJoin(unknown), " | ", ", ")
			c.add(newObject("code", "unrecognized_keys", "keys", unknown, "path", pathOf(path),
				"message", "Unrecognized key(s) in object: "+quoted))
		}
		return out
	}
}

// validate runs a schema over a whole request: what the handler gets to see, and zod's issues.
func validate(s schema, v any) (*object, []any) {
	var c issues
	out := s(nil, v, &c)
	o, _ := out.(*object)
	return o, c.list
}

// issuesMessage is one line per issue: its path and its message.
func issuesMessage(list []any) string {
	lines := make([]string, len(list))
	for i, e := range list {
		o := e.(*object)
		path, _ := o.get("path").([]any)
		keys := make([]string, len(path))
		for j, p := range path {
			if n, ok := p.(int); ok {
				keys[j] = strconv.Itoa(n)
			} else {
				keys[j] = p.(string)
			}
		}
		lines[i] = strings.Join(keys, ".") + ": " + o.text("message")
	}
	return strings.Join(lines, "\n")
}
