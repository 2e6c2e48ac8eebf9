package authrules

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parseDifferences lists, by case, where the parser differs from the original's on purpose, and why.
var parseDifferences = map[string]string{
	"trailing_comment": "the original refuses a line break after the last comment; it is harmless, so it is read",
}

// TestGolden compares the parser with the recorded outputs of the original library.
func TestGolden(t *testing.T) {
	matched, differing, total := goldenParseCount(t)
	fmt.Printf("%d of %d parsed, %d by design\n", matched, total, differing)
	assert.Equal(t, total, matched+differing)
}

func goldenParseCount(t *testing.T) (matched, differing, total int) {
	var golden []struct {
		Name         string           `json:"name"`
		Text         string           `json:"text"`
		Statements   any              `json:"statements"`
		Config       any              `json:"config"`
		SchemaIssues []map[string]any `json:"schemaIssues"`
		SyntaxError  map[string]any   `json:"syntaxError"`
	}
	raw, err := os.ReadFile("../../testdata/testing-config.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &golden))
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
		if _, differs := parseDifferences[c.Name]; ok && differs {
			differing++
		} else if ok {
			matched++
		}
	}
	return matched, differing, total
}

// statementsJSON gives the statements in the original's form.
func statementsJSON(cfg *TestingConfig) []any {
	var out []any
	for _, s := range cfg.Statements {
		members := Item{}
		for _, m := range s.members {
			members = members.Set(m.name, m.value.plain())
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

// asJSON gives v the Go types that encoding/json decodes into.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	var out any
	require.NoError(t, json.Unmarshal(raw, &out))
	if reflect.ValueOf(v).Kind() == reflect.Map && out == nil {
		return map[string]any{}
	}
	return out
}
