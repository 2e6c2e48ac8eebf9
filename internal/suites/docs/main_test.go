package docs_test

import (
	"os"
	"testing"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// TestMain runs the tests in the module's folder, from which documents are named.
func TestMain(m *testing.M) {
	if err := os.Chdir(kit.Root()); err != nil {
		panic(err)
	}
	m.Run()
}
