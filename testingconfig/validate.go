package testingconfig

import (
	"math"
	"slices"
	"strings"
)

// AuthTypes returns the values of a host's authType.
func AuthTypes() []string { return []string{"basic", "header", "jwt", "session_cookie"} }

// Methods returns the values of a rule's method.
func Methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
}

// Validate returns the issues that the server's schema finds in statements, in its order. The server accepts statements
// without issues.
func Validate(statements []Statement) []*Issue {
	c := &checker{}
	for i := range statements {
		c.statement(i, &statements[i])
	}
	return c.issues
}

type checker struct{ issues []*Issue }

// schema checks a value at a path.
type schema func(c *checker, v Value, path []any)

// field is a member that an object may or must have.
type field struct {
	name     string
	check    schema
	required bool
}

func (c *checker) statement(i int, s *Statement) {
	members := Value{Line: s.Line, Column: s.Column, V: s.Members}
	path := []any{i, "members"}
	switch s.Kind {
	case KindHost:
		strict(hostFields()...)(c, members, path)
	case KindActor:
		strict(field{name: "items", check: arrayOf(object())})(c, members, path)
	case KindResource:
		strict(resourceFields()...)(c, members, path)
	case KindPermission:
		arrayOf(text)(c, Value{Line: s.Line, Column: s.Column, V: s.Permissions}, []any{i, "permissions"})
	case KindComment:
	}
}

func hostFields() []field {
	return []field{
		{name: "testingHost", check: text},
		{name: "authType", check: enum(AuthTypes()...)},
		{name: "headerKey", check: text},
		{name: "jwtUserPath", check: text},
		{name: "cookieName", check: text},
		{name: "responseAssertions", check: arrayOf(object(
			field{name: "path", check: text}, field{name: "success", check: text}, field{name: "unauthenticated", check: text},
		))},
	}
}

func resourceFields() []field {
	return []field{
		{name: "permissions", check: arrayOf(text)},
		{name: "items", check: arrayOf(object())},
		{name: "endpoints", check: arrayOf(strict(
			field{name: "permissions", check: arrayOf(text), required: true},
			field{name: "host", check: text},
			field{name: "method", check: union(enum(Methods()...), arrayOf(enum(Methods()...)))},
			field{name: "path", check: text},
			field{name: "contains_resource", check: object(
				field{name: "path", check: text, required: true}, field{name: "type", check: text},
			)},
		))},
	}
}

func (c *checker) add(v Value, path []any, issue *Issue) {
	issue.Line, issue.Column, issue.Path = v.Line, v.Column, slices.Clone(path)
	c.issues = append(c.issues, issue)
}

func (c *checker) wrongType(v Value, path []any, want string, options ...string) {
	got := v.typeName()
	c.add(v, path, &Issue{
		Code: "invalid_type", Message: "Expected " + want + ", received " + got, Expected: want, Received: got, Options: options,
	})
}

func text(c *checker, v Value, path []any) {
	if _, ok := v.V.(string); !ok {
		c.wrongType(v, path, "string")
	}
}

func enum(allowed ...string) schema {
	list := "'" + strings.Join(allowed, "' | '") + "'"
	return func(c *checker, v Value, path []any) {
		var received string
		switch x := v.V.(type) {
		case string:
			if slices.Contains(allowed, x) {
				return
			}
			received = x
		case float64:
			received = inline(v)
			if math.IsInf(x, 0) {
				received = map[bool]string{true: "Infinity", false: "-Infinity"}[x > 0]
			}
		default:
			c.wrongType(v, path, list, allowed...)
			return
		}
		c.add(v, path, &Issue{
			Code: "invalid_enum_value", Message: "Invalid enum value. Expected " + list + ", received '" + received + "'", Value: v.V, Options: allowed,
		})
	}
}

func arrayOf(element schema) schema {
	return func(c *checker, v Value, path []any) {
		list, ok := v.V.([]Value)
		if !ok {
			c.wrongType(v, path, "array")
			return
		}
		for i, e := range list {
			element(c, e, append(slices.Clip(path), i))
		}
	}
}

// union accepts a value that one of the schemas accepts.
func union(schemas ...schema) schema {
	return func(c *checker, v Value, path []any) {
		var all [][]*Issue
		for _, s := range schemas {
			own := &checker{}
			if s(own, v, path); len(own.issues) == 0 {
				return
			}
			all = append(all, own.issues)
		}
		c.add(v, path, &Issue{Code: "invalid_union", Message: "Invalid input", Unions: all})
	}
}

// object accepts any members in addition to the fields.
func object(fields ...field) schema { return objectSchema(false, fields) }

// strict accepts only the fields.
func strict(fields ...field) schema { return objectSchema(true, fields) }

func objectSchema(strict bool, fields []field) schema {
	return func(c *checker, v Value, path []any) {
		written, ok := v.V.([]Member)
		if !ok {
			c.wrongType(v, path, "object")
			return
		}
		members := Properties(written)
		for _, f := range fields {
			i := slices.IndexFunc(members, func(m Member) bool { return m.Name == f.name })
			own := append(slices.Clip(path), f.name)
			switch {
			case i >= 0:
				f.check(c, members[i].Value, own)
			case f.required:
				c.missing(v, own, f)
			}
		}
		if strict {
			c.unknown(v, path, members, fields)
		}
	}
}

// missing reports a missing field, in the schema's text for its type.
func (c *checker) missing(v Value, path []any, f field) {
	probe := &checker{}
	f.check(probe, Value{}, path)
	c.add(v, path, &Issue{Code: "invalid_type", Message: "Required", Expected: probe.issues[0].Expected, Received: "undefined"})
}

func (c *checker) unknown(v Value, path []any, members []Member, fields []field) {
	var names []string
	for _, m := range members {
		if slices.ContainsFunc(fields, func(f field) bool { return f.name == m.Name }) {
			continue
		}
		if names = append(names, m.Name); len(names) == 1 {
			v.Line, v.Column = m.Line, m.Column
		}
	}
	if names != nil {
		c.add(v, path, &Issue{
			Code: "unrecognized_keys", Message: "Unrecognized key(s) in object: '" + strings.Join(names, "', '") + "'", Keys: names,
		})
	}
}

// typeName returns the server's name for the type of a value.
func (v Value) typeName() string {
	switch v.V.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []Value:
		return "array"
	case []Member:
		return "object"
	}
	return "number"
}
