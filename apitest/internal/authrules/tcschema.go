package authrules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"
)

// tcChecker turns statements as written into typed ones and gathers every wrong member.
type tcChecker struct {
	text string
	errs []error
}

func (c *tcChecker) fail(pos int, path []any, code, format string, args ...any) {
	e := &SchemaError{Path: slices.Clone(path), Code: code, Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column = position(c.text, pos)
	c.errs = append(c.errs, e)
}

func (c *tcChecker) statement(i int, raw tcStatement) Statement {
	s := Statement{members: raw.members}
	s.Line, s.Column = position(c.text, raw.pos)
	path := []any{i, "members"}
	switch raw.kind {
	case "#":
		s.Comment = raw.name
	case "host":
		s.Host = c.host(raw, path)
	case "actor":
		s.Actor = &Actor{Name: raw.name}
		c.object(raw.pos, raw.members, path, tcFields{
			"items": func(v tcValue, path []any) { s.Actor.Items = c.items(v, path) },
		})
	case "resource":
		s.Resource = c.resource(raw, path)
	case "has_permission":
		s.Permission = &Permission{
			Actor: raw.actor, Resource: raw.resource,
			Permissions: c.strings(tcValue{pos: raw.pos, v: raw.permissions}, []any{i, "permissions"}),
		}
	}
	return s
}

// tcFields says how each member is read.
type tcFields map[string]func(v tcValue, path []any)

func (c *tcChecker) object(pos int, members []tcMember, path []any, known tcFields, required ...string) {
	var unknown []string
	var at int
	for _, m := range members {
		read, ok := known[m.name]
		if !ok {
			if unknown == nil {
				at = m.pos
			}
			unknown = append(unknown, m.name)
			continue
		}
		read(m.value, append(slices.Clip(path), m.name))
	}
	if unknown != nil {
		c.fail(at, path, "unrecognized_keys", "Unrecognized key(s) in object: '%s'", strings.Join(unknown, "', '"))
	}
	for _, name := range required {
		if !slices.ContainsFunc(members, func(m tcMember) bool { return m.name == name }) {
			c.fail(pos, append(slices.Clip(path), name), "invalid_type", "Required: %s, one of the members %s",
				name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
}

func (c *tcChecker) host(raw tcStatement, path []any) *Host {
	h := &Host{Name: raw.name}
	text := func(into *string) func(tcValue, []any) {
		return func(v tcValue, path []any) { *into = c.str(v, path) }
	}
	c.object(raw.pos, raw.members, path, tcFields{
		"testingHost": text(&h.TestingHost),
		"authType": func(v tcValue, path []any) {
			h.AuthType = metlo.AuthType(c.enum(v, path, "basic", "header", "jwt", "session_cookie"))
		},
		"headerKey":   text(&h.HeaderKey),
		"jwtUserPath": text(&h.JWTUserPath),
		"cookieName":  text(&h.CookieName),
		"responseAssertions": func(v tcValue, path []any) {
			c.each(v, path, func(v tcValue, path []any) {
				var r ResponseAssertion
				c.nested(v, path, tcFields{
					"path": text(&r.Path), "success": text(&r.Success), "unauthenticated": text(&r.Unauthenticated),
				})
				h.ResponseAssertions = append(h.ResponseAssertions, r)
			})
		},
	})
	return h
}

func (c *tcChecker) resource(raw tcStatement, path []any) *Resource {
	r := &Resource{Name: raw.name}
	c.object(raw.pos, raw.members, path, tcFields{
		"permissions": func(v tcValue, path []any) { r.Permissions = c.strings(v, path) },
		"items":       func(v tcValue, path []any) { r.Items = c.items(v, path) },
		"endpoints": func(v tcValue, path []any) {
			c.each(v, path, func(v tcValue, path []any) { r.Endpoints = append(r.Endpoints, c.rule(v, path)) })
		},
	})
	return r
}

func (c *tcChecker) rule(v tcValue, path []any) EndpointRule {
	var e EndpointRule
	c.nested(v, path, tcFields{
		"permissions": func(v tcValue, path []any) { e.Permissions = c.strings(v, path) },
		"host":        func(v tcValue, path []any) { e.Host = c.str(v, path) },
		"path":        func(v tcValue, path []any) { e.Path = c.str(v, path) },
		"method": func(v tcValue, path []any) {
			if _, isList := v.v.([]tcValue); !isList {
				e.Methods = []metlo.RestMethod{metlo.RestMethod(c.enum(v, path, restMethods()...))}
				return
			}
			c.each(v, path, func(v tcValue, path []any) {
				e.Methods = append(e.Methods, metlo.RestMethod(c.enum(v, path, restMethods()...)))
			})
		},
		"contains_resource": func(v tcValue, path []any) {
			e.ContainsResource = &ContainsResource{}
			c.nested(v, path, tcFields{
				"path": func(v tcValue, path []any) { e.ContainsResource.Path = c.str(v, path) },
				"type": func(v tcValue, path []any) { e.ContainsResource.Type = c.str(v, path) },
			}, "path")
		},
	}, "permissions")
	return e
}

func (c *tcChecker) nested(v tcValue, path []any, known tcFields, required ...string) {
	members, ok := v.v.([]tcMember)
	if !ok {
		c.wrongType(v, path, "object")
		return
	}
	c.object(v.pos, members, path, known, required...)
}

func (c *tcChecker) each(v tcValue, path []any, f func(v tcValue, path []any)) {
	list, ok := v.v.([]tcValue)
	if !ok {
		c.wrongType(v, path, "array")
		return
	}
	for i, e := range list {
		f(e, append(slices.Clip(path), i))
	}
}

func (c *tcChecker) items(v tcValue, path []any) []Item {
	out := []Item{}
	c.each(v, path, func(v tcValue, path []any) {
		item, ok := v.plain().(Item)
		if !ok {
			c.wrongType(v, path, "object")
		}
		out = append(out, item)
	})
	return out
}

func (c *tcChecker) strings(v tcValue, path []any) []string {
	out := []string{}
	c.each(v, path, func(v tcValue, path []any) { out = append(out, c.str(v, path)) })
	return out
}

func (c *tcChecker) str(v tcValue, path []any) string {
	s, ok := v.v.(string)
	if !ok {
		c.wrongType(v, path, "string")
	}
	return s
}

func (c *tcChecker) enum(v tcValue, path []any, allowed ...string) string {
	s, ok := v.v.(string)
	if !ok {
		c.wrongType(v, path, "'"+strings.Join(allowed, "' | '")+"'")
		return ""
	}
	if !slices.Contains(allowed, s) {
		c.fail(v.pos, path, "invalid_enum_value", "Invalid enum value. Expected '%s', received '%s'", strings.Join(allowed, "' | '"), s)
	}
	return s
}

func (c *tcChecker) wrongType(v tcValue, path []any, want string) {
	c.fail(v.pos, path, "invalid_type", "Expected %s, received %s", want, v.typeName())
}

func (v tcValue) typeName() string {
	switch v.v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []tcValue:
		return "array"
	case []tcMember:
		return "object"
	}
	return "number"
}

// plain gives the value without places: lists as []any, objects as Item.
func (v tcValue) plain() any {
	switch x := v.v.(type) {
	case []tcValue:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = e.plain()
		}
		return list
	case []tcMember:
		item := Item{}
		for _, m := range x {
			item = item.Set(m.name, m.value.plain())
		}
		return item
	}
	return v.v
}
