package doors

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

const root = "github.com/metlo-go/metlo"

// TestNoModuleImportsForeignInternals reads the imports of every file, tests included, of every module. An example imports
// public packages only, since its reader copies it.
func TestNoModuleImportsForeignInternals(t *testing.T) {
	files := 0
	folder := kit.Root()
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")) {
			return orElse(err, fs.SkipDir)
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		files++
		relative, err := filepath.Rel(folder, name)
		require.NoError(t, err)
		module := moduleOf(t, folder, path.Dir(filepath.ToSlash(relative)))
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if !strings.HasPrefix(imported, root) || !strings.Contains(imported, "/internal") {
				continue
			}
			owner := moduleOf(t, folder, strings.TrimPrefix(strings.TrimPrefix(imported, root), "/"))
			assert.Equal(t, owner, module, "%s imports %s", relative, imported)
			assert.NotContains(t, filepath.ToSlash(relative), "examples/", "%s imports %s", relative, imported)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, files, 300)
}

func orElse(err, skip error) error {
	if err != nil {
		return err
	}
	return skip
}

// moduleOf returns the folder of the module that a folder belongs to, "" for the root module.
func moduleOf(t *testing.T, root, dir string) string {
	t.Helper()
	for ; dir != "." && dir != "" && dir != "/"; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir), "go.mod")); err == nil {
			return dir
		}
	}
	return ""
}

// TestAProgramThatListsAlertsHasNoFake lists the packages that such a program compiles.
func TestAProgramThatListsAlertsHasNoFake(t *testing.T) {
	list := exec.Command("go", "list", "-deps", ".")
	list.Dir = kit.Root()
	out, err := list.Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, root)
	for _, p := range packages {
		for _, foreign := range []string{
			root + "/metlotest", root + "/capture", root + "/testingconfig", "go.yaml.in/", "github.com/vektah/", "golang.org/x/net/", "golang.org/x/text/",
			"text/template", "testing",
		} {
			assert.False(t, p == strings.TrimSuffix(foreign, "/") || strings.HasPrefix(p, strings.TrimSuffix(foreign, "/")+"/"), "it compiles %s", p)
		}
	}
}
