package testingconfig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/testingconfig"
)

func TestNewConfig(t *testing.T) {
	statements, err := testingconfig.ParseExact(`# people
host h { testingHost = "t", authType = "jwt", headerKey = "K", jwtUserPath = "sub", cookieName = "c", responseAssertions = [{"path": "/", "success": "a"}] }
actor B {}
actor A { items = [{"z": 1, "a": [true, null, {"x": "y"}]}] }
resource R {
  permissions = ["read"],
  endpoints = [{"permissions": ["read"], "host": "h", "method": "GET"}, {"permissions": [], "method": ["PUT"], "contains_resource": {"path": "req.path", "type": "A"}}]
}
actor B { items = [{"2": "b", "1": "a"}], items = [{"n": 1}] }
has_permission(A(z=1), ["read"], R)`)
	require.NoError(t, err)
	require.Empty(t, testingconfig.Validate(statements))
	assert.Equal(t, &testingconfig.Config{
		Hosts: []testingconfig.Host{{
			Name: "h", TestingHost: "t", AuthType: "jwt", HeaderKey: "K", JWTUserPath: "sub", CookieName: "c",
			ResponseAssertions: []testingconfig.ResponseAssertion{{Path: "/", Success: "a"}},
		}},
		Actors: []testingconfig.Actor{
			{Name: "B", Items: []testingconfig.Object{{{"n", 1.0}}}},
			{Name: "A", Items: []testingconfig.Object{{{"z", 1.0}, {"a", []any{true, nil, testingconfig.Object{{"x", "y"}}}}}}},
		},
		Resources: []testingconfig.Resource{{
			Name: "R", Permissions: []string{"read"}, Items: []testingconfig.Object{},
			Endpoints: []testingconfig.EndpointRule{
				{Permissions: []string{"read"}, Host: "h", Methods: []string{"GET"}},
				{Permissions: []string{}, Methods: []string{"PUT"}, MethodIsList: true, ContainsResource: &testingconfig.ContainsResource{Path: "req.path", Type: "A"}},
			},
		}},
		Permissions: []testingconfig.Permission{{
			Actor:       testingconfig.Selection{Name: "A", Filters: testingconfig.Object{{"z", 1.0}}},
			Permissions: []string{"read"},
			Resource:    testingconfig.Selection{Name: "R", Filters: testingconfig.Object{}},
		}},
	}, testingconfig.NewConfig(statements))
}

func TestObjectGet(t *testing.T) {
	o := testingconfig.Object{{"a", 1.0}}
	v, known := o.Get("a")
	assert.Equal(t, 1.0, v)
	assert.True(t, known)
	_, known = o.Get("b")
	assert.False(t, known)
}
