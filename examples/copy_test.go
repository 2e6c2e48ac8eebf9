package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExamplesCanBeCopied copies each example into an empty module, like a reader, and builds it. It may import public
// packages only.
func TestExamplesCanBeCopied(t *testing.T) {
	for _, group := range []struct{ programs, module string }{
		{"*/main.go", ".."},
		{"../apitest/examples/*/main.go", "../apitest"},
	} {
		programs, err := filepath.Glob(group.programs)
		require.NoError(t, err)
		require.NotEmpty(t, programs)
		for _, program := range programs {
			t.Run(filepath.Base(filepath.Dir(program)), func(t *testing.T) {
				dir := t.TempDir()
				emptyModule(t, dir, group.module)
				sources, err := filepath.Glob(filepath.Join(filepath.Dir(program), "*"))
				require.NoError(t, err)
				for _, source := range sources {
					if strings.HasSuffix(source, "_test.go") {
						continue
					}
					data, err := os.ReadFile(source)
					require.NoError(t, err, "an example is a folder of files")
					assert.NotContains(t, string(data), "/internal/", source)
					require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(source)), data, 0o600))
				}
				build := exec.Command("go", "build", "-mod=mod", "-o", os.DevNull, ".")
				build.Dir, build.Env = dir, append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=")
				out, err := build.CombinedOutput()
				require.NoError(t, err, string(out))
			})
		}
	}
}

// emptyModule writes a module that requires the one in folder and its dependencies.
func emptyModule(t *testing.T, dir, folder string) {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	require.NoError(t, err)
	root, err := filepath.Abs(folder)
	require.NoError(t, err)
	name := regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(string(mod))
	require.NotNil(t, name)
	text := strings.Replace(string(mod), name[0], "module example.com/copied", 1)
	text = regexp.MustCompile(`=> (\.\S*)`).ReplaceAllStringFunc(text, func(target string) string {
		return "=> " + filepath.Join(root, strings.TrimPrefix(target, "=> "))
	})
	text += "\nrequire " + name[1] + " v0.0.0\n\nreplace " + name[1] + " => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600))
	sum, err := os.ReadFile(filepath.Join(folder, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600))
}
