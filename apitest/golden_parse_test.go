package apitest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parseDifferences lists, by case, where the parser differs from the original's on purpose, and why.
var parseDifferences = map[string]string{
	"trailing_comment": "the original refuses a line break after the last comment; it is harmless, so it is read",
}

func goldenParseCount(t *testing.T) (matched, total int) {
	var golden []struct {
		Name         string           `json:"name"`
		Text         string           `json:"text"`
		Statements   any              `json:"statements"`
		Config       any              `json:"config"`
		SchemaIssues []map[string]any `json:"schemaIssues"`
		SyntaxError  map[string]any   `json:"syntaxError"`
	}
	readGolden(t, "testing-config.json", &golden)
	for _, c := range golden {
		ok := t.Run("parse/"+c.Name, func(t *testing.T) {
			cfg, err := ParseTestingConfig(c.Text)
			if why, differs := parseDifferences[c.Name]; differs {
				require.NoError(t, err, why)
				assert.Equal(t, " end", cfg.Statements[len(cfg.Statements)-1].Comment)
				return
			}
			switch {
			case c.SyntaxError != nil:
				var fault *SyntaxError
				require.ErrorAs(t, err, &fault)
				assert.Equal(t, c.SyntaxError, asJSON(t, map[string]any{
					"message": fault.Message, "startLine": fault.Line, "startColumn": fault.Column,
					"endLine": fault.EndLine, "endColumn": fault.EndColumn,
				}))
			case c.SchemaIssues != nil:
				require.Len(t, c.SchemaIssues, 1)
				var fault *SchemaError
				require.ErrorAs(t, err, &fault)
				want := c.SchemaIssues[0]
				assert.Equal(t, want["code"], fault.Code)
				assert.Equal(t, want["message"], fault.Message)
				assert.Equal(t, want["path"], asJSON(t, fault.Path))
			default:
				require.NoError(t, err)
				assert.Equal(t, c.Statements, asJSON(t, statementsJSON(cfg)))
				assert.Equal(t, c.Config, asJSON(t, templateConfigJSON(cfg.TemplateConfig())))
			}
		})
		total++
		if ok {
			matched++
		}
	}
	return matched, total
}

// statementsJSON gives the statements in the original's form.
func statementsJSON(cfg *TestingConfig) []any {
	var out []any
	for _, s := range cfg.Statements {
		members := Item{}
		for _, m := range s.members {
			members = members.set(m.name, m.value.plain())
		}
		switch {
		case s.Host != nil:
			out = append(out, map[string]any{"type": "host", "name": s.Host.Name, "members": members})
		case s.Actor != nil:
			out = append(out, map[string]any{"type": "actor", "name": s.Actor.Name, "members": members})
		case s.Resource != nil:
			out = append(out, map[string]any{"type": "resource", "name": s.Resource.Name, "members": members})
		case s.Permission != nil:
			out = append(out, map[string]any{
				"type": "permission_def", "actor": selectorJSON(s.Permission.Actor),
				"permissions": s.Permission.Permissions, "resource": selectorJSON(s.Permission.Resource),
			})
		default:
			out = append(out, map[string]any{"type": "comment", "val": s.Comment})
		}
	}
	return out
}

func selectorJSON(s Selector) any {
	if s.bare {
		return s.Name
	}
	return map[string]any{"name": s.Name, "filters": s.Filters}
}

// templateConfigJSON gives the config in the original's form, from the typed values.
func templateConfigJSON(c *TemplateConfig) map[string]any {
	hosts, actors, resources, permissions := map[string]any{}, map[string]any{}, map[string]any{}, []any{}
	for _, h := range c.Hosts {
		hosts[h.Name] = hostJSON(h)
	}
	for _, a := range c.Actors {
		actors[a.Name] = map[string]any{"type": "actor", "name": a.Name, "items": orEmpty(a.Items)}
	}
	for _, r := range c.Resources {
		endpoints := []any{}
		for _, e := range r.Endpoints {
			endpoints = append(endpoints, ruleJSON(e))
		}
		resources[r.Name] = map[string]any{
			"type": "resource", "name": r.Name, "permissions": orEmpty(r.Permissions),
			"items": orEmpty(r.Items), "endpoints": endpoints,
		}
	}
	for _, p := range c.Permissions {
		permissions = append(permissions, map[string]any{
			"actor":       map[string]any{"name": p.Actor.Name, "filters": p.Actor.Filters},
			"permissions": p.Permissions,
			"resource":    map[string]any{"name": p.Resource.Name, "filters": p.Resource.Filters},
		})
	}
	return map[string]any{"hosts": hosts, "actors": actors, "resources": resources, "permissions": permissions}
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func hostJSON(h Host) map[string]any {
	m := withoutEmpty(map[string]any{
		"name": h.Name, "testingHost": h.TestingHost, "authType": string(h.AuthType),
		"headerKey": h.HeaderKey, "jwtUserPath": h.JWTUserPath, "cookieName": h.CookieName,
	})
	var list []any
	for _, r := range h.ResponseAssertions {
		list = append(list, withoutEmpty(map[string]any{"path": r.Path, "success": r.Success, "unauthenticated": r.Unauthenticated}))
	}
	if list != nil {
		m["responseAssertions"] = list
	}
	return m
}

func ruleJSON(e EndpointRule) map[string]any {
	m := withoutEmpty(map[string]any{"host": e.Host, "path": e.Path})
	m["permissions"] = e.Permissions
	if len(e.Methods) == 1 {
		m["method"] = e.Methods[0]
	} else if len(e.Methods) > 1 {
		m["method"] = e.Methods
	}
	return m
}

func withoutEmpty(m map[string]any) map[string]any {
	for k, v := range m {
		if v == "" {
			delete(m, k)
		}
	}
	return m
}

// templateConfigFrom reads the original's form.
func templateConfigFrom(t *testing.T, raw json.RawMessage) *TemplateConfig {
	t.Helper()
	p := &tcParser{text: string(raw)}
	top := p.value().plain().(Item)
	text := func(it Item, name string) string { v, _ := it.Get(name); s, _ := v.(string); return s }
	section := func(name string) Item { v, _ := top.Get(name); it, _ := v.(Item); return it }
	var b []tcStatement
	for _, kind := range []string{"host", "actor", "resource"} {
		for _, f := range section(kind + "s") {
			s := tcStatement{kind: kind, name: f.Name}
			for _, m := range f.Value.(Item) {
				if m.Name != "name" && m.Name != "type" {
					s.members = append(s.members, tcMember{name: m.Name, value: positioned(m.Value)})
				}
			}
			b = append(b, s)
		}
	}
	list, _ := top.Get("permissions")
	for _, v := range list.([]any) {
		s := tcStatement{kind: "has_permission"}
		for _, f := range v.(Item) {
			switch f.Name {
			case "permissions":
				s.permissions = positioned(f.Value).v.([]tcValue)
			case "actor", "resource":
				filters, _ := f.Value.(Item).Get("filters")
				sel := Selector{Name: text(f.Value.(Item), "name"), Filters: filters.(Item)}
				if f.Name == "actor" {
					s.actor = sel
				} else {
					s.resource = sel
				}
			}
		}
		b = append(b, s)
	}
	c := &tcChecker{}
	cfg := &TestingConfig{}
	for i, s := range b {
		cfg.Statements = append(cfg.Statements, c.statement(i, s))
	}
	require.NoError(t, errors.Join(c.errs...))
	return cfg.TemplateConfig()
}

func positioned(v any) tcValue {
	switch x := v.(type) {
	case []any:
		out := []tcValue{}
		for _, e := range x {
			out = append(out, positioned(e))
		}
		return tcValue{v: out}
	case Item:
		out := []tcMember{}
		for _, f := range x {
			out = append(out, tcMember{name: f.Name, value: positioned(f.Value)})
		}
		return tcValue{v: out}
	}
	return tcValue{v: v}
}
