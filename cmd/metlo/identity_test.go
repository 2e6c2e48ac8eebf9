package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/metlotest"
)

// rebuilt starts a server that always has the same alerts. Their ids, times and order depend on seed.
func rebuilt(t *testing.T, seed int) *metlotest.Server {
	id := func(kind, n int) string { return fmt.Sprintf("%08d-0000-4000-%d000-%012d", seed, kind, n) }
	paths := []string{"/users/{param1}", "/export"}
	var endpoints []metlo.Endpoint
	var alerts []metlo.Alert
	for i, path := range paths {
		endpoints = append(endpoints, metlo.Endpoint{UUID: id(8, i), Host: "shop.example.com", Method: metlo.MethodGet, Path: path})
		for j, kind := range metlo.AlertTypes() {
			for k, field := range []string{"email", "phone"} {
				n := 100*i + 10*j + k
				alerts = append(alerts, metlo.Alert{
					UUID: id(9, n), APIEndpointUUID: id(8, i), Type: kind, RiskScore: metlo.RiskHigh, Status: metlo.StatusOpen,
					CreatedAt:   time.Date(2026, 1, 1, seed, (n*seed)%60, 0, 0, time.UTC),
					Description: "Sensitive data of type Email has been detected in field '" + field + "' of Response Body.",
				})
			}
		}
	}
	if seed%2 == 0 {
		for i, j := 0, len(alerts)-1; i < j; i, j = i+1, j-1 {
			alerts[i], alerts[j] = alerts[j], alerts[i]
		}
	}
	return metlotest.New(t, metlotest.With(endpoints...), metlotest.With(alerts...))
}

// TestFingerprintsOutliveTheDatabase compares the reports of two servers that have the same alerts with other ids.
func TestFingerprintsOutliveTheDatabase(t *testing.T) {
	type found struct {
		Fingerprint, Rule, ID string
		Occurrence            int
	}
	report := func(seed int) (list []found) {
		cmd := command(t, rebuilt(t, seed), "gate", "--severity", "none", "--format", "json")
		out, _ := cmd.Output() // findings are exit code 1
		require.Equal(t, 1, cmd.ProcessState.ExitCode())
		var doc struct{ Findings []found }
		require.NoError(t, json.Unmarshal(out, &doc))
		return doc.Findings
	}
	first, second := report(1), report(2)
	require.Len(t, first, 2*2*len(metlo.AlertTypes()))
	require.Len(t, second, len(first))
	kinds := map[string]bool{}
	for i := range first {
		kinds[first[i].Rule] = true
		assert.NotEqual(t, first[i].ID, second[i].ID)
		first[i].ID, second[i].ID = "", ""
	}
	assert.Len(t, kinds, len(metlo.AlertTypes()))
	assert.Equal(t, first, second)

	// A baseline of one server works on the other.
	folder := t.TempDir()
	accept := command(t, rebuilt(t, 1), "gate", "--severity", "none", "--save-baseline", "accepted.txt")
	accept.Dir = folder
	require.NoError(t, accept.Run())
	gate := command(t, rebuilt(t, 2), "gate", "--severity", "none", "--baseline", "accepted.txt")
	gate.Dir = folder
	out, err := gate.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "32 left out: in the baseline")
	assert.NotContains(t, string(out), "matches no")
}

// TestIgnoreFilesFollowTheirSchema validates the examples of the documents and of the help, and files that the gate
// rejects.
func TestIgnoreFilesFollowTheirSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	name := filepath.Join("..", "..", "docs", "schemas", "ignore.schema.json")
	schema, err := compiler.Compile(name)
	require.NoError(t, err)
	validate := func(text string) error {
		var value any
		require.NoError(t, yaml.Load([]byte(text), &value), text)
		data, err := json.Marshal(plainTimes(value))
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		require.NoError(t, err)
		return schema.Validate(instance)
	}
	var examples []string
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci.md"))
	require.NoError(t, err)
	for _, b := range block.FindAllStringSubmatch(string(document), -1) {
		if strings.Contains(b[2], "\nignore:\n") || strings.HasPrefix(b[2], "ignore:\n") {
			examples = append(examples, b[2])
		}
	}
	help, err := command(t, rebuilt(t, 1), "gate", "--help").Output()
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(help), "  ignore:\n")
	require.True(t, found)
	example, _, _ := strings.Cut(rest, "\n\n")
	examples = append(examples, strings.ReplaceAll("  ignore:\n"+example, "\n  ", "\n")[2:])
	require.GreaterOrEqual(t, len(examples), 2)
	for _, text := range examples {
		assert.NoError(t, validate(text), text)
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "ignore.yaml"), []byte(text), 0o600))
		cmd := command(t, rebuilt(t, 1), "gate", "--ignore-file", "ignore.yaml")
		cmd.Dir = folder
		out, _ := cmd.CombinedOutput() // findings are exit code 1
		assert.Equal(t, 1, cmd.ProcessState.ExitCode(), string(out))
	}
	for _, text := range []string{
		"{}", "ignore: []", "ignore: [{path: /a}]", "ignore: [{reason: x}]", "ignore: [{path: /a, reason: ' '}]", "ignore: [{path: /a, reason: x, hots: a}]",
		"ignore: [{fingerprint: '12', reason: x}]", "ignore: [{alert: x, reason: x}]", "ignore: [{path: /a, reason: x, until: '30.06.2027'}]",
		"ignore: [{path: 1, reason: x}]", "{ignore: [{path: /a, reason: x}], more: 1}",
	} {
		assert.Error(t, validate(text), text)
	}

	data, err := os.ReadFile(name)
	require.NoError(t, err)
	for _, rule := range rules.All() {
		if rule.Source != rules.Tests {
			assert.Contains(t, string(data), `"`+rule.ID+`"`, "editors offer every rule of the gate")
		}
	}
	for _, kind := range metlo.AlertTypes() {
		assert.Contains(t, string(data), `"`+string(kind)+`"`, "editors offer every type")
	}
}

// plainTimes returns a value of YAML with dates in the form in which they are written.
func plainTimes(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = plainTimes(item)
		}
	case []any:
		for i, item := range v {
			v[i] = plainTimes(item)
		}
	case time.Time:
		return v.Format(time.DateOnly)
	}
	return value
}
