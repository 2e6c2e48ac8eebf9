package apitest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestREADMECompiles compiles every Go block of the README, and reads its YAML.
func TestREADMECompiles(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	files := map[string]string{}
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	for i, block := range codeBlocks(string(readme), "go") {
		file := filepath.Join(dir, fmt.Sprintf("block%d.go", i))
		require.NoError(t, os.WriteFile(file, []byte(readmeProgram(i, block)), 0o600))
		files[filepath.Join(here, "internal", "readme", fmt.Sprintf("block%d.go", i))] = file
	}
	require.GreaterOrEqual(t, len(files), 4)
	overlay, err := json.Marshal(map[string]any{"Replace": files})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlayFile, "./internal/readme").CombinedOutput()
	require.NoError(t, err, string(out))

	yaml := codeBlocks(string(readme), "yaml")
	require.Len(t, yaml, 1)
	_, err = Parse([]byte(yaml[0]))
	require.NoError(t, err)
	policy := filepath.Join(dir, "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte(codeBlocks(string(readme), "yaml policy")[0]), 0o600))
	_, err = LoadPolicy(policy)
	require.NoError(t, err)
}

func codeBlocks(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// readmeProgram returns a file with a block of the README: its imports, and a function around statements.
func readmeProgram(n int, block string) string {
	var b strings.Builder
	b.WriteString("package readme\n")
	for name, path := range map[string]string{
		"apitest": "github.com/metlo-go/metlo/apitest", "apitestt": "github.com/metlo-go/metlo/apitest/apitestt", "metlo": "github.com/metlo-go/metlo",
		"errors": "errors", "fmt": "fmt", "os": "os", "testing": "testing", "time": "time",
	} {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(block) {
			fmt.Fprintf(&b, "import %q\n", path)
		}
	}
	if strings.HasPrefix(block, "func ") {
		return b.String() + block
	}
	var used []string
	for _, name := range []string{"ctx", "client", "endpoint", "document", "results"} {
		if regexp.MustCompile(`\b` + name + `\b`).MatchString(block) {
			used = append(used, name)
		}
	}
	types := map[string]string{"ctx": "context.Context", "client": "*metlo.Client", "endpoint": "*metlo.TestEndpoint", "document": "[]byte", "results": "[]*apitest.Result"}
	var params []string
	for _, name := range used {
		params = append(params, name+" "+types[name])
	}
	if strings.Contains(strings.Join(params, " "), "metlo.") && !strings.Contains(b.String(), "\"github.com/metlo-go/metlo\"\n") {
		b.WriteString("import \"github.com/metlo-go/metlo\"\n")
	}
	if strings.Contains(strings.Join(params, " "), "context.") {
		b.WriteString("import \"context\"\n")
	}
	fmt.Fprintf(&b, "func block%d(%s) error {\n%s\n", n, strings.Join(params, ", "), block)
	for _, name := range []string{"report", "cfg"} { // readers use the last values of a block
		if regexp.MustCompile(`(?m)^` + name + `, err`).MatchString(block) {
			fmt.Fprintf(&b, "_ = %s\n", name)
		}
	}
	return b.String() + "return err\n}\n"
}
