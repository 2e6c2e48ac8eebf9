package testingconfig_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
	"github.com/metlo-go/metlo/testingconfig"
)

// TestUnusableIsWhatTheServerFailsOn sends each text to a server, which answers 500 to those that are unusable.
func TestUnusableIsWhatTheServerFailsOn(t *testing.T) {
	for text, places := range map[string][]string{
		"": nil,
		`host "a.example.com" { authType = "basic" }`: nil,
		`actor A { items = [{"id": "1"}] }`:           nil,
		// a text of the recordings
		`resource R { permissions = ["read"], items = [{"id": "1"}], endpoints = [] }`:                                       {"1:1"},
		`resource R { permissions = ["read"], endpoints = [{"permissions": ["read"]}] }`:                                     {"1:51"},
		`resource R { permissions = ["read"], items = [{"id": "1"}], endpoints = [{"permissions": ["read"], "path": "("}] }`: {"1:108"},
		// further members of the kind
		`resource R { permissions = ["read"] }`:                                                                               {"1:1"},
		`resource R { endpoints = [{"permissions": [], "path": "^/a"}] }`:                                                     {"1:1"},
		`resource R { endpoints = [{"permissions": ["read"], "path": "^/a"}] }`:                                               nil,
		`resource R { endpoints = [{"permissions": ["read"], "method": "GET"}] }`:                                             nil,
		`resource R { endpoints = [{"permissions": ["read"], "method": ["GET", "PUT"]}] }`:                                    {"1:63"},
		`resource R { endpoints = [{"permissions": ["read"], "host": "*x"}] }`:                                                {"1:61"},
		`resource R { endpoints = [{"permissions": ["read"], "host": "[a"}] }`:                                                {"1:61"},
		`resource R { endpoints = [{"permissions": ["read"], "contains_resource": {"path": "req.body"}}] }`:                   nil,
		"resource A { }\nresource B { endpoints = [{\"permissions\": [\"read\"], \"path\": \"a\"}] }":                         nil,
		"resource A { endpoints = [\n  {\"permissions\": [\"read\"]},\n  {\"permissions\": [\"read\"], \"path\": \")\"}\n] }": {"2:3", "3:37"},
	} {
		t.Run(text, func(t *testing.T) {
			statements, err := testingconfig.Parse(text)
			require.NoError(t, err)
			require.Empty(t, testingconfig.Validate(statements))
			var found []string
			for _, issue := range testingconfig.Unusable(statements) {
				found = append(found, fmt.Sprintf("%d:%d", issue.Line, issue.Column))
			}
			assert.Equal(t, places, found)
			if text == "" {
				return // the server rejects its syntax
			}
			srv := metlotest.New(t, metlotest.InMemory())
			err = srv.Client(metlo.WithoutRetry()).Testing.UpdateConfig(t.Context(), text)
			if len(places) == 0 {
				assert.NoError(t, err)
				return
			}
			var failure *metlo.Error
			require.True(t, errors.As(err, &failure), "%v", err)
			assert.Equal(t, http.StatusInternalServerError, failure.StatusCode)
		})
	}
}
