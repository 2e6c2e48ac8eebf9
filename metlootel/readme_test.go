package metlootel_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "go.opentelemetry.io/otel/exporters/stdout/stdoutmetric" // README.md imports it
	_ "go.opentelemetry.io/otel/exporters/stdout/stdouttrace"  // README.md imports it

	"github.com/metlo-go/metlo/metlotest"
)

// TestREADME builds the program of README.md, and runs it against the demo server.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	program, _, found := strings.Cut(rest, "\n```\n")
	require.True(t, found)
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o600))

	server := metlotest.New(t, metlotest.Demo())
	cmd := exec.CommandContext(t.Context(), "go", "run", file)
	cmd.Env = append(os.Environ(), "METLO_HOST="+server.URL, "METLO_API_KEY="+server.APIKey, "OTEL_SDK_DISABLED=false")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, part := range []string{
		" hosts\n", `"Name":"GET /endpoints/hosts"`, `"Name":"inventory"`, `"Name":"http.client.request.duration"`,
		`{"Key":"url.template","Value":{"Type":"STRING","Value":"/endpoints/hosts"}}`,
	} {
		assert.Contains(t, string(out), part)
	}
}
