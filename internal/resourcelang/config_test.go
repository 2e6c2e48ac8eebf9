package resourcelang_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/resourcelang"
)

func TestNewConfig(t *testing.T) {
	statements, err := resourcelang.Parse(`# people
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
	require.Empty(t, resourcelang.Check(statements))
	assert.Equal(t, &resourcelang.Config{
		Hosts: []resourcelang.HostConfig{{
			Name: "h", TestingHost: "t", AuthType: "jwt", HeaderKey: "K", JWTUserPath: "sub", CookieName: "c",
			ResponseAssertions: []resourcelang.ResponseAssertion{{Path: "/", Success: "a"}},
		}},
		Actors: []resourcelang.ActorConfig{
			{Name: "B", Items: []resourcelang.Object{{{"n", 1.0}}}},
			{Name: "A", Items: []resourcelang.Object{{{"z", 1.0}, {"a", []any{true, nil, resourcelang.Object{{"x", "y"}}}}}}},
		},
		Resources: []resourcelang.ResourceConfig{{
			Name: "R", Permissions: []string{"read"}, Items: []resourcelang.Object{},
			Endpoints: []resourcelang.EndpointRule{
				{Permissions: []string{"read"}, Host: "h", Methods: []string{"GET"}},
				{Permissions: []string{}, Methods: []string{"PUT"}, MethodIsList: true, ContainsResource: &resourcelang.ContainsResource{Path: "req.path", Type: "A"}},
			},
		}},
		Permissions: []resourcelang.PermissionConfig{{
			Actor:       resourcelang.PermissionSide{Name: "A", Filters: resourcelang.Object{{"z", 1.0}}},
			Permissions: []string{"read"},
			Resource:    resourcelang.PermissionSide{Name: "R", Filters: resourcelang.Object{}},
		}},
	}, resourcelang.NewConfig(statements))
}

func TestObjectGet(t *testing.T) {
	o := resourcelang.Object{{"a", 1.0}}
	v, known := o.Get("a")
	assert.Equal(t, 1.0, v)
	assert.True(t, known)
	_, known = o.Get("b")
	assert.False(t, known)
}
