// Package doors tests modules beside a newer root, as users have them who update only the root.
package doors

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestModulesOfTheirLastCommitPassWithTheRootAtHEAD checks out apitest and cmd/metlo at the last commit that changed
// them. It compiles and tests them with the root module at HEAD. With -short it only compiles them, including the
// tests.
func TestModulesOfTheirLastCommitPassWithTheRootAtHEAD(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is not a clone")
	}
	for _, module := range []string{"apitest", "cmd/metlo"} {
		t.Run(module, func(t *testing.T) {
			commit := strings.TrimSpace(run(t, root, "git", "log", "-1", "--format=%H", "--", module))
			if commit == "" {
				t.Fatalf("no commit touches %s", module)
			}
			if isUnchanged(t, root, commit) {
				t.Skip("no Go file has changed since: the tests of " + module + " themselves show the same")
			}
			dir := t.TempDir()
			archive := filepath.Join(dir, "archive.tar")
			// The whole tree, since tests of the modules read documents, test data and files of the root folder.
			run(t, root, "git", "archive", "-o", archive, commit)
			run(t, dir, "tar", "-xf", archive)
			dir = filepath.Join(dir, filepath.FromSlash(module))
			run(t, dir, "go", "mod", "edit", "-replace=github.com/metlo-go/metlo="+root)
			if testing.Short() {
				run(t, dir, "go", "test", "-mod=mod", "-run=^$", "./...")
				return
			}
			run(t, dir, "go", "test", "-mod=mod", "./...")
		})
	}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// isUnchanged reports whether all Go files and requirements are as they were at a commit.
func isUnchanged(t *testing.T, root, commit string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "diff", "--quiet", commit, "--", "*.go", "*go.mod", "*go.sum")
	cmd.Dir = root
	return cmd.Run() == nil
}
