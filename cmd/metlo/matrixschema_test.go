package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/apitest"
)

// TestMatrixFollowsItsSchema validates a matrix with every kind of cell, and an invalid matrix.
func TestMatrixFollowsItsSchema(t *testing.T) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(apitest.MatrixSchema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("matrix.json", schema))
	compiled, err := compiler.Compile("matrix.json")
	require.NoError(t, err)

	step := func(path, as string, status int) apitest.Step {
		return apitest.Step{
			Request: apitest.Request{Method: "GET", URL: "http://x.test" + path, Headers: []apitest.KeyValue{{Name: "Authorization", Value: "Bearer " + as}}},
			As:      as, Assert: []apitest.Assertion{apitest.Equal("resp.status", status)},
		}
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	result, err := apitest.Run(t.Context(), &apitest.Config{ID: "t", Test: []apitest.Step{
		step("/orders/1", "ann-token", 200), step("/orders/1", "bob-token", 403), step("/down", "ann-token", 200),
	}}, apitest.WithHandler(handler))
	require.NoError(t, err)
	matrix, err := apitest.NewMatrix(&apitest.MatrixInput{
		Endpoints: []apitest.Endpoint{{Method: "GET", Path: "/orders/{id}"}, {Method: "GET", Host: "x.test", Path: "/down"}, {Method: "PUT", Path: "/new"}},
		Results:   []*apitest.Result{result}, RequireAll: true, Now: time.Now(),
	})
	require.NoError(t, err)
	text, err := json.Marshal(matrix)
	require.NoError(t, err)
	for _, access := range []string{"allowed", "leaks", "could-not-tell", "untested"} {
		require.Contains(t, string(text), access)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, compiled.Validate(instance))
	instance.(map[string]any)["outcome"] = "green"
	require.Error(t, compiled.Validate(instance))
}
