package apitest

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/testingconfig"
)

func TestParseTestingConfig(t *testing.T) {
	cfg, err := ParseTestingConfig(`# all of it
host a { "testingHost" = "b", authType = "jwt", responseAssertions = [{"path": "^/x", "success": "s", "unauthenticated": "u"}] }
actor "Shop Customer 2" { items = [{"s": "\u00e9", "n": [-1, 0.5, 1e3], "o": {"z": 1, "a": null}}] }
resource R { endpoints = [{"permissions": ["x"], "contains_resource": {"path": "req.path", "type": "A"}, "method": ["GET", "PUT"]}] }
has_permission(A(n=1, "x y"="z"), ["p", "q"], B)
`)
	require.NoError(t, err)
	assert.Equal(t, &TestingConfig{
		Hosts: []testingconfig.Host{{
			Name: "a", TestingHost: "b", AuthType: "jwt",
			ResponseAssertions: []testingconfig.ResponseAssertion{{Path: "^/x", Success: "s", Unauthenticated: "u"}},
		}},
		Actors: []testingconfig.Actor{{Name: "Shop Customer 2", Items: []testingconfig.Object{{
			{Name: "s", Value: "é"}, {Name: "n", Value: []any{-1.0, 0.5, 1000.0}},
			{Name: "o", Value: testingconfig.Object{{Name: "z", Value: 1.0}, {Name: "a", Value: nil}}},
		}}}},
		Resources: []testingconfig.Resource{{Name: "R", Permissions: []string{}, Items: []testingconfig.Object{}, Endpoints: []testingconfig.EndpointRule{{
			Permissions: []string{"x"}, Methods: []string{"GET", "PUT"}, MethodIsList: true,
			ContainsResource: &testingconfig.ContainsResource{Path: "req.path", Type: "A"},
		}}}},
		Permissions: []testingconfig.Permission{{
			Actor:       testingconfig.Selection{Name: "A", Filters: testingconfig.Object{{Name: "n", Value: 1.0}, {Name: "x y", Value: "z"}}},
			Permissions: []string{"p", "q"}, Resource: testingconfig.Selection{Name: "B", Filters: testingconfig.Object{}},
		}},
	}, cfg)
	for _, empty := range []string{"", " \n\t"} {
		cfg, err := ParseTestingConfig(empty)
		require.NoError(t, err)
		assert.Equal(t, &TestingConfig{}, cfg)
		text, err := Format(empty)
		require.NoError(t, err)
		assert.Empty(t, strings.TrimSpace(text))
	}
}

func TestTestingConfigFaults(t *testing.T) {
	for text, want := range map[string]string{
		"host {}":                            `1:6: testing config: Expected Identifier or string but "{" found.`,
		"actor A {}\nhost a { x = }":         `2:14: testing config: Expected`,
		"host a { x = 1 }":                   "Unrecognized key(s) in object: 'x'",
		`host a { authType = "oauth" }`:      "Invalid enum value",
		"host a { authType = 1, b = 2 }":     "Unrecognized key(s)",
		"has_permission(A, [\"p\"], B())\n(": "2:1: testing config: Expected",
	} {
		_, err := ParseTestingConfig(text)
		var fault *ConfigError
		require.ErrorAs(t, err, &fault, text)
		assert.ErrorContains(t, err, want)
		assert.Positive(t, fault.Line)
	}
	_, err := Format("host")
	var fault *ConfigError
	require.ErrorAs(t, err, &fault)
}

func TestTestingConfigKeepsOrder(t *testing.T) {
	cfg, err := ParseTestingConfig("actor B {}\nactor A {}\nhost x {}\nactor B { items = [{\"z\": 1, \"a\": 2}] }\nresource R {}")
	require.NoError(t, err)
	require.Len(t, cfg.Actors, 2)
	assert.Equal(t, "B", cfg.Actors[0].Name)
	assert.Equal(t, []testingconfig.Object{{{Name: "z", Value: 1.0}, {Name: "a", Value: 2.0}}}, cfg.Actors[0].Items)
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

// FuzzTestingConfig parses odd texts. Formatted text must parse to the same configuration.
func FuzzTestingConfig(f *testing.F) {
	raw, err := os.ReadFile("testdata/testing-config.json")
	if err != nil {
		f.Fatal(err)
	}
	var golden []struct{ Text string }
	if err := json.Unmarshal(raw, &golden); err != nil {
		f.Fatal(err)
	}
	for _, c := range golden {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := ParseTestingConfig(text)
		if err != nil {
			var fault *ConfigError
			if !errors.As(err, &fault) {
				t.Fatalf("not a ConfigError: %v", err)
			}
			return
		}
		formatted, err := Format(text)
		require.NoError(t, err)
		back, err := ParseTestingConfig(formatted)
		require.NoError(t, err, formatted)
		assert.Equal(t, cfg, back)
	})
}
