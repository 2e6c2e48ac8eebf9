package testingconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/testingconfig"
)

func TestFormat(t *testing.T) {
	messy := `# people
host   "api.example.org"{testingHost="staging.example.org",authType="header"} host plain {}
   has_permission( Customer (id = "c1"),[ "read" ],Order(owner="c1"))
has_permission(Admin,["read","update"], Order())
actor "Big One" { items = [{"id": "a rather long identifier", "auth": "token number one"}, {"id": "b", "nested": {"list": [1, 2.5, true, null, -0, 1e999]}}] }
resource R { endpoints = [{"permissions": ["a permission that is long"], "path": "/a/rather/long/path/of/an/endpoint", "method": "GET"}] }
# end`
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
    {"id": "b", "nested": {"list": [1, 2.5, true, null, -0, 1e999]}}
  ]
}

resource R {
  endpoints = [
    {
      "permissions": ["a permission that is long"],
      "path": "/a/rather/long/path/of/an/endpoint",
      "method": "GET"
    }
  ]
}

# end`
	statements, err := testingconfig.ParseExact(messy)
	require.NoError(t, err)
	assert.Equal(t, want, testingconfig.Format(statements))
	assert.Empty(t, testingconfig.Format(nil))
	escaped, err := testingconfig.ParseExact(`host a { headerKey = "\"\\\b\f\n\r\t\u0001é" }`)
	require.NoError(t, err)
	assert.Equal(t, "host a {\n  headerKey = \"\\\"\\\\\\b\\f\\n\\r\\t\\u0001é\"\n}\n", testingconfig.Format(escaped))
}
