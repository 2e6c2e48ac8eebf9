package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// TestDriftOfTraffic sends the traffic of a service to an instance and compares it with the service's public document.
func TestDriftOfTraffic(t *testing.T) {
	srv := metlotest.NewServer(metlotest.InstantAnalysis())
	t.Cleanup(srv.Close)
	client := srv.Client()
	const host = "petstore3.swagger.io"
	send := func(method metlo.RestMethod, path string, status int, contentType, body string, parameters ...metlo.NameValue) {
		t.Helper()
		require.NoError(t, client.Collector.Log(t.Context(), &metlo.Trace{
			Request:  metlo.TraceRequest{Method: method, URL: metlo.TraceURL{Host: host, Path: "/api/v3" + path, Parameters: parameters}},
			Response: metlo.TraceResponse{Status: status, Headers: []metlo.NameValue{{Name: "Content-Type", Value: contentType}}, Body: body},
			Meta:     metlo.TraceMeta{Incoming: true, Source: "10.0.0.1", SourcePort: "1", Destination: "10.0.0.2", DestinationPort: "443"},
		}))
	}
	served := func(method metlo.RestMethod, path string, credentials bool, types map[string][]string) {
		t.Helper()
		require.NoError(t, client.Collector.LogAnalyzed(t.Context(), &metlo.AnalyzedTrace{
			Request:      metlo.AnalyzedRequest{Method: method, URL: metlo.AnalyzedURL{Host: host, Path: "/api/v3" + path}},
			Response:     metlo.AnalyzedResponse{Status: 200},
			Meta:         metlo.TraceMeta{Incoming: true, Source: "10.0.0.1", SourcePort: "1", Destination: "10.0.0.2", DestinationPort: "443"},
			Redacted:     true,
			Session:      &metlo.TraceSession{AuthenticationProvided: credentials, AuthenticationSuccessful: credentials},
			AnalysisType: metlo.AnalysisFull,
			Analysis: metlo.TraceAnalysis{
				SensitiveDataDetected: map[string][]string{}, DataTypes: types, ResponseContentType: "application/json",
			},
		}))
	}
	send("GET", "/pet/17", 200, "application/json", `{"id": 17, "name": "Rex", "photoUrls": ["a"], "tags": [{"id": 1, "name": "x"}], "owner": {"email": "a@example.com"}}`)
	// The instance treats the last element as a value, so that /pet/{param1} represents three operations.
	send("GET", "/pet/findByStatus", 200, "application/json", `[{"id": 17, "name": "Rex", "weight": 3.5}]`, metlo.NameValue{Name: "status", Value: "sold"}, metlo.NameValue{Name: "sort", Value: "name"})
	send("POST", "/pet/17/uploadImage", 200, "text/html", "<p>done</p>")
	send("GET", "/store/order/3", 200, "application/json", `{"id": 3, "quantity": "two"}`)
	send("GET", "/pet/17/history", 200, "application/json", `[]`)
	served("GET", "/store/inventory", false, map[string][]string{"resBody.[string]": {"integer"}})
	served("GET", "/user/logout", true, map[string][]string{})

	cmd := command(t, srv, "drift", "petstore.yaml", "--since", "1h", "--format", "github")
	text, err := os.ReadFile("testdata/openapi/petstore.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(cmd.Dir, "petstore.yaml"), text, 0o600))
	out, err := cmd.Output()
	require.Error(t, err)
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	for _, want := range []string{
		`line=\d+,title=Metlo%3A Undocumented sensitive field \(high\)::.* GET petstore3.swagger.io/api/v3/pet/\{param1\}: field owner.email of responses with status 200 \(Email\)`,
		`line=\d+,title=Metlo%3A Undocumented field \(low\)::.* GET petstore3.swagger.io/api/v3/pet/\{param1\}: field \[\].weight `,
		`line=\d+,title=Metlo%3A Undocumented field \(low\)::.* query parameter sort was seen`,
		`title=Metlo%3A Undocumented content type \(low\)::.* responses with status 200 and a body of type text/html`,
		`title=Metlo%3A Undocumented field \(low\)::.* field quantity of responses with status 200 was seen as string, and is documented as integer`,
		`title=Metlo%3A Shadow endpoint \(medium\)::.* GET petstore3.swagger.io/api/v3/pet/\{param1\}/history: `,
		`title=Metlo%3A Missing authentication \(high\)::.* GET petstore3.swagger.io/api/v3/store/inventory: .* 1 request without credentials served`,
		`title=Metlo%3A Undocumented authentication \(low\)::.* GET petstore3.swagger.io/api/v3/user/logout: `,
	} {
		assert.Regexp(t, `(?m)^::\w+ file=petstore.yaml,.*`+want, string(out))
	}
	assert.NotContains(t, string(out), "Zombie", "the instance has watched for less than an hour")
	assert.Equal(t, 8, strings.Count(string(out), "\n"), "nothing else:\n%s", out)
}
