package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/metlo-go/metlo/tools/internal/gittest"
	"github.com/metlo-go/metlo/tools/internal/modules"
)

const root = modules.Root

// threeModules returns a repository whose modules replace each other, as between releases.
func threeModules(t *testing.T) string {
	t.Helper()
	return gittest.Repository(t, map[string]string{
		"LICENSE":  "licence of all",
		"go.mod":   "module " + root + "\n\ngo 1.26.0\n",
		"metlo.go": "package metlo\n\nconst Version = \"1.2.0\"\n",
		"apitest/go.mod": "module " + root + "/apitest\n\ngo 1.26.0\n\nrequire " + root + " v0.0.0\n\nreplace " +
			root + " => ../\n",
		"apitest/apitest.go": "package apitest\n\nimport _ \"" + root + "\"\n",
		"cmd/metlo/go.mod": "module " + root + "/cmd/metlo\n\ngo 1.26.0\n\nrequire (\n\t" + root + " v1.1.0\n\t" + root +
			"/apitest v0.0.0\n)\n\nreplace (\n\t" + root + " => ../../\n\t" + root + "/apitest => ../../apitest\n)\n",
		"cmd/metlo/main.go": "package main\n\nimport (\n\t_ \"" + root + "\"\n\t_ \"" + root + "/apitest\"\n)\n\nfunc main() {}\n",
		"tools/go.mod":      "module " + root + "/tools\n",
	})
}

func copyOf(t *testing.T, folder string) *releaseCopy {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	copied, err := newCopy(folder, "v1.2.0", filepath.Join(t.TempDir(), "tree"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(copied.clean)
	return copied
}

func TestReleaseMakesEachModuleWhatItIsAtTheTag(t *testing.T) {
	folder := threeModules(t)
	if err := modules.Check(folder, "v1.2.0"); err == nil {
		t.Fatal("it is ready at once, so that nothing is proven")
	}
	copied := copyOf(t, folder)
	changed, err := copied.release()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"apitest/go.mod", "apitest/go.sum", "cmd/metlo/go.mod", "cmd/metlo/go.sum"}; !slices.Equal(changed, want) {
		t.Errorf("%q, want %q", changed, want)
	}
	if err := modules.Check(copied.folder, "v1.2.0"); err != nil {
		t.Error(err)
	}
	tags := strings.Fields(gittest.Git(t, copied.folder, "tag", "--points-at", "HEAD"))
	if want := []string{"apitest/v1.2.0", "cmd/metlo/v1.2.0", "v1.2.0"}; !slices.Equal(tags, want) {
		t.Errorf("%q, want %q", tags, want)
	}
	if got := gittest.Git(t, copied.folder, "rev-list", "--count", "HEAD"); got != "2\n" {
		t.Errorf("%s commits, want one of the release", got)
	}

	proxy := t.TempDir()
	if err := copied.pack(proxy); err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string][]string{
		"":           {"LICENSE", "go.mod", "metlo.go"},
		"/apitest":   {"LICENSE", "apitest.go", "go.mod", "go.sum"}, // a proxy adds the licence of the root
		"/cmd/metlo": {"LICENSE", "go.mod", "go.sum", "main.go"},
	} {
		got := packed(t, filepath.Join(proxy, filepath.FromSlash(root+module), "@v", "v1.2.0.zip"), root+module+"@v1.2.0/")
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", module, got, want)
		}
	}
}

// packed returns the names in an archive of a module.
func packed(t *testing.T, name, prefix string) (names []string) {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		names = append(names, strings.TrimPrefix(f.Name, prefix))
	}
	slices.Sort(names)
	return names
}

// TestWritePreparesTheWorkingTree checks that preparing a prepared tree changes nothing.
func TestWritePreparesTheWorkingTree(t *testing.T) {
	folder := threeModules(t)
	copied := copyOf(t, folder)
	changed, err := copied.release()
	if err != nil {
		t.Fatal(err)
	}
	if err := copied.write(folder, changed); err != nil {
		t.Fatal(err)
	}
	gittest.Commit(t, folder)
	again := copyOf(t, folder)
	if changed, err := again.release(); err != nil || len(changed) > 0 {
		t.Errorf("%q, %v, want nothing", changed, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Run("changes without a commit", func(t *testing.T) {
		folder := threeModules(t)
		gittest.Write(t, folder, "metlo.go", "package other\n")
		_, err := newCopy(folder, "v1.2.0", filepath.Join(t.TempDir(), "tree"), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "commit first") {
			t.Error(err)
		}
	})
	t.Run("a replacement of somebody else's module", func(t *testing.T) {
		folder := threeModules(t)
		gittest.Write(t, folder, "apitest/go.mod", "module "+root+"/apitest\n\ngo 1.26.0\n\nreplace golang.org/x/mod => ../mod\n")
		gittest.Commit(t, folder)
		_, err := copyOf(t, folder).release()
		if err == nil || !strings.Contains(err.Error(), "apitest/go.mod replaces golang.org/x/mod") {
			t.Error(err)
		}
	})
	t.Run("a release that is not prepared", func(t *testing.T) {
		err := run(threeModules(t), "v1.2.0", "", true, false)
		if err == nil || !strings.Contains(err.Error(), "cmd/metlo/go.mod has replace directives") {
			t.Error(err)
		}
	})
	t.Run("no version", func(t *testing.T) {
		if err := run(".", "1.2.0", "", false, false); err == nil || !strings.Contains(err.Error(), "write it as v0.1.0") {
			t.Error(err)
		}
	})
}

func TestEachModuleHasAProgram(t *testing.T) {
	released, err := modules.Released("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range released {
		if _, ok := programs()[m.Path()]; !ok && m.Dir != "cmd/metlo" {
			t.Errorf("no program uses %s", m.Path())
		}
	}
}
