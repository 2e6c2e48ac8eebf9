package authrules

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

func TestParseTestingConfigForms(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       Statement
	}{
		{"a quoted name", `actor "Shop Customer 2" {}`, Statement{Actor: &Actor{Name: "Shop Customer 2"}}},
		{"a quoted member", `host a { "testingHost" = "b" }`, Statement{Host: &Host{Name: "a", TestingHost: "b"}}},
		{"space before anything", " \n\thas_permission ( A , [ ] , B ( ) ) ", Statement{Permission: &Permission{
			Actor: Selector{Name: "A", bare: true}, Permissions: []string{}, Resource: Selector{Name: "B", Filters: Item{}},
		}}},
		{"filters", `has_permission(A(n=1, "x y"="z"), ["p", "q"], B)`, Statement{Permission: &Permission{
			Actor:       Selector{Name: "A", Filters: Item{{"n", 1}, {"x y", "z"}}},
			Permissions: []string{"p", "q"}, Resource: Selector{Name: "B", bare: true},
		}}},
		{"values", `actor A { items = [{"s": "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "n": [-1, 0.5, 1e3, 12E-1], "t": [true, false, null], "o": {}}] }`,
			Statement{Actor: &Actor{Name: "A", Items: []Item{{
				{"s", "a\"\\/\b\f\n\r\té😀"}, {"n", []any{-1, 0.5, 1000, 1.2}}, {"t", []any{true, false, nil}}, {"o", Item{}},
			}}}}},
		{"the last of two members", `actor A { items = [], items = [{"a": 1, "a": 2}] }`, Statement{Actor: &Actor{Name: "A", Items: []Item{{{"a", 2}}}}}},
		{"a resource rule", `resource R { endpoints = [{"permissions": ["x"], "contains_resource": {"path": "req.path", "type": "A"}, "method": ["GET", "PUT"]}] }`,
			Statement{Resource: &Resource{Name: "R", Endpoints: []EndpointRule{{
				Permissions: []string{"x"}, Methods: []metlo.RestMethod{"GET", "PUT"}, ContainsResource: &ContainsResource{Path: "req.path", Type: "A"},
			}}}}},
		{"a comment", "#  two  ", Statement{Comment: "  two  "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := ParseTestingConfig(tc.text)
			require.NoError(t, err)
			require.Len(t, cfg.Statements, 1)
			got := cfg.Statements[0]
			assert.Positive(t, got.Line)
			got.Line, got.Column, got.members = 0, 0, nil
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestTestingConfigSyntaxErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"only space", "  \n ", `2:2: Expected "#", "actor", "has_permission", "host", or "resource" but end of input found.`},
		{"no name", "host {}", `1:6: Expected Identifier or string but "{" found.`},
		{"a digit in a name", "host a1 {}", `1:7: Expected "{" but "1" found.`},
		{"no brace", "host a", `1:7: Expected "{" but end of input found.`},
		{"no value", "host a { x = }", `1:14: Expected "[", "false", "null", "true", "{", number, or string but "}" found.`},
		{"no equals sign", "host a { x \"y\" }", `1:12: Expected "=" but "\"" found.`},
		{"an open string", "host a { x = \"y }", `1:18: Expected "\"", "\\", or a printable character but end of input found.`},
		{"a line break in a string", "host a { x = \"y\n\" }", `1:16: Expected`},
		{"a bad escape", `host a { x = "\q" }`, `1:16: Expected "/", "\"", "\\", "b"`},
		{"a bad unicode escape", `host a { x = "\u12" }`, `1:17: Expected four hexadecimal digits but "1" found.`},
		{"a trailing comma", `host a { x = 1, }`, `1:17: Expected Identifier or string but "}" found.`},
		{"a trailing comma in a list", `host a { x = [1,] }`, `but "]" found.`},
		{"a selector with a quoted name", `has_permission("A", [], B)`, `1:16: Expected Identifier but "\"" found.`},
		{"a filter with a list", `has_permission(A(x=[]), [], B)`, `1:20: Expected number or string but "[" found.`},
		{"no permissions", `has_permission(A, B)`, `1:19: Expected "[" but "B" found.`},
		{"a large number", `host a { x = 1e999 }`, `1:14: The number 1e999 is too large.`},
		{"deep nesting", `host a { x = ` + strings.Repeat("[", 600), "nested more than 500 deep"},
		{"bytes that are no text", "# \xff", "1:3: The text is not valid UTF-8."},
		{"columns in UTF-16", "host \"😀\" x", `1:11: Expected "{" but "x" found.`},
		{"a later line", "host a {}\r\n\r\nhost b {]", `3:9: Expected Identifier or string but "]" found.`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseTestingConfig(tc.text)
			var fault *SyntaxError
			require.ErrorAs(t, err, &fault)
			assert.Contains(t, err.Error(), tc.want)
			_, err = Format(tc.text)
			assert.ErrorAs(t, err, &fault)
		})
	}
}

func TestTestingConfigSchemaErrors(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"two unknown members", "host a {\n b = 1,\n c = 2 }", "2:2: Unrecognized key(s) in object: 'b', 'c'"},
		{"a number for a text", "host a { headerKey = 1 }", "1:22: Expected string, received number"},
		{"null for an enum", "host a { authType = null }", "received null"},
		{"no list", "actor a { items = {} }", "1:19: Expected array, received object"},
		{"no object", `actor a { items = [[], true] }`, "1:20: Expected object, received array\n1:24: Expected object, received boolean"},
		{"a rule without permissions", `resource a { endpoints = [{"method": "GET"}] }`, "1:27: Required: permissions"},
		{"a rule of text", `resource a { endpoints = ["x"] }`, "Expected object, received string"},
		{"a method in lower case", `resource a { endpoints = [{"permissions": [], "method": "get"}] }`, "received 'get'"},
		{"a method list", `resource a { endpoints = [{"permissions": [], "method": ["get"]}] }`, "1:58: Invalid enum value"},
		{"a permission that is a number", `has_permission(A, [1], B)`, "Expected string, received number"},
		{"a rule without a path", `resource a { endpoints = [{"permissions": [], "contains_resource": {}}] }`, "Required: path"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseTestingConfig(tc.text)
			var fault *SchemaError
			require.ErrorAs(t, err, &fault)
			assert.Contains(t, err.Error(), tc.want)
		})
	}
}

func TestTemplateConfigKeepsOrder(t *testing.T) {
	cfg, err := ParseTestingConfig("actor B {}\nactor A {}\nhost x {}\nactor B { items = [{\"z\": 1, \"a\": 2}] }\nresource R {}")
	require.NoError(t, err)
	tc := cfg.TemplateConfig()
	require.Len(t, tc.Actors, 2)
	assert.Equal(t, "B", tc.Actors[0].Name)
	raw, err := json.Marshal(tc.Actors[0].Items)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"z":1,"a":2}]`, string(raw))
	assert.Equal(t, `[{"z":1,"a":2}]`, string(raw))
	assert.Equal(t, tc.Actors[0].Items, tc.Items("B"))
	assert.Nil(t, tc.Items("nobody"))
}

func TestFormat(t *testing.T) {
	messy := `# people
host   "api.example.org"{testingHost="staging.example.org",authType="header"} host plain {}
   has_permission( Customer (id = "c1"),[ "read" ],Order(owner="c1"))
has_permission(Admin,["read","update"], Order())
actor "Big One" { items = [{"id": "a rather long identifier", "auth": "token number one"}, {"id": "b", "nested": {"list": [1, 2.5, true, null]}}] }
# end
`
	want := `# people
host "api.example.org" {
  testingHost = "staging.example.org",
  authType = "header"
}

host plain {}

has_permission(Customer(id="c1"), ["read"], Order(owner="c1"))
has_permission(Admin, ["read", "update"], Order())

actor "Big One" {
  items = [
    {"id": "a rather long identifier", "auth": "token number one"},
    {"id": "b", "nested": {"list": [1, 2.5, true, null]}}
  ]
}

# end`
	got, err := Format(messy)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	again, err := Format(got)
	require.NoError(t, err)
	assert.Equal(t, got, again)
}

func FuzzTestingConfig(f *testing.F) {
	raw, err := os.ReadFile("../../testdata/testing-config.json")
	if err != nil {
		f.Fatal(err)
	}
	var golden []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		f.Fatal(err)
	}
	for _, c := range golden {
		f.Add(c.Text)
	}
	f.Add(`has_permission(A(n=-1.5e3), ["p"], B())`)
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := ParseTestingConfig(text)
		var syntax *SyntaxError
		if errors.As(err, &syntax) {
			if syntax.Line < 1 || syntax.Column < 1 || syntax.Message == "" {
				t.Fatalf("a fault without a place: %+v", syntax)
			}
			return
		}
		pretty, formatErr := Format(text)
		if formatErr != nil {
			t.Fatalf("format: %v", formatErr)
		}
		again, formatErr := Format(pretty)
		if formatErr != nil || again != pretty {
			t.Fatalf("format is not stable: %v\n%q\n%q", formatErr, pretty, again)
		}
		if err != nil {
			return
		}
		back, err := ParseTestingConfig(pretty)
		if err != nil {
			t.Fatalf("the formatted text does not parse: %v\n%s", err, pretty)
		}
		assert.Equal(t, cfg.TemplateConfig(), back.TemplateConfig())
	})
}
