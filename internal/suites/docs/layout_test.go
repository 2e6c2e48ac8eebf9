package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// TestRootHasATestBesideEachFile checks the description of the root folder in CONTRIBUTING.md.
func TestRootHasATestBesideEachFile(t *testing.T) {
	t.Chdir(kit.Root())
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	require.Greater(t, len(files), 40)
	for _, file := range files {
		name, isTest := strings.CutSuffix(file, "_test.go")
		switch {
		case file == "enums_gen.go", file == "main_test.go", file == "example_test.go":
			continue
		case isTest:
			_, err = os.Stat(name + ".go")
			assert.NoError(t, err, "%s tests no file: move its tests beside what they test", file)
		default:
			_, err = os.Stat(strings.TrimSuffix(file, ".go") + "_test.go")
			assert.NoError(t, err, "%s has no test beside it", file)
		}
	}
}
