package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// TestSecurityNamesItsProofs checks that each test that SECURITY.md names exists.
func TestSecurityNamesItsProofs(t *testing.T) {
	t.Chdir(kit.Root())
	page, err := os.ReadFile("SECURITY.md")
	require.NoError(t, err)
	var code strings.Builder
	require.NoError(t, filepath.WalkDir(".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		data, err := os.ReadFile(file)
		code.Write(data)
		return err
	}))
	proofs := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`").FindAllSubmatch(page, -1)
	require.NotEmpty(t, proofs)
	for _, proof := range proofs {
		assert.True(t, strings.Contains(code.String(), "\nfunc "+string(proof[1])+"("), "SECURITY.md names %s, which does not exist", proof[1])
	}
}
