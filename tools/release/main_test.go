package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/metlo-go/metlo/tools/internal/gittest"
	"github.com/metlo-go/metlo/tools/internal/modules"
)

const root = modules.Root

// ready returns a repository that can be tagged v1.2.0, after v1.1.0.
func ready(t *testing.T) string {
	t.Helper()
	folder := gittest.Repository(t, map[string]string{
		"go.mod":           "module " + root + "\n",
		"metlo.go":         "package metlo\n\nconst Version = \"1.2.0\"\n",
		"cmd/metlo/go.mod": "module " + root + "/cmd/metlo\n\nrequire " + root + " v1.2.0\n",
		"CHANGELOG.md":     "# Changelog\n\n## [1.2.0] - 2026-12-01\n\n## [1.1.0] - 2026-11-01\n",
	})
	gittest.Git(t, folder, "tag", "v1.1.0")
	gittest.Git(t, folder, "tag", "cmd/metlo/v1.1.0")
	mark(t, folder, "run", "release")
	return folder
}

func mark(t *testing.T, folder string, scripts ...string) {
	t.Helper()
	for _, script := range scripts {
		gittest.Write(t, folder, ".git/passed-"+script, gittest.Git(t, folder, "rev-parse", "HEAD"))
	}
}

func TestRelease(t *testing.T) {
	change := func(file, text string) func(*testing.T, string) {
		return func(t *testing.T, folder string) {
			gittest.Write(t, folder, file, text)
			gittest.Commit(t, folder)
			mark(t, folder, "run", "release")
		}
	}
	tests := map[string]struct {
		change func(t *testing.T, folder string)
		says   string // nothing: it is ready
	}{
		"ready": {func(*testing.T, string) {}, ""},
		"a file that is not committed": {
			func(t *testing.T, folder string) { gittest.Write(t, folder, "new.go", "package metlo\n") }, "new.go",
		},
		"the tag of the root exists": {
			func(t *testing.T, folder string) { gittest.Git(t, folder, "tag", "v1.2.0") }, "tag v1.2.0 exists",
		},
		"the tag of another module exists": {
			func(t *testing.T, folder string) { gittest.Git(t, folder, "tag", "cmd/metlo/v1.2.0") }, "tag cmd/metlo/v1.2.0 exists",
		},
		"a later version exists": {
			func(t *testing.T, folder string) { gittest.Git(t, folder, "tag", "v1.3.0") }, "tag v1.3.0 is later than v1.2.0",
		},
		"no section of the version": {
			change("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n"),
			`its first section is "## [Unreleased]": write ## [1.2.0] - 2026-12-02`,
		},
		"a section without a date": {change("CHANGELOG.md", "## [1.2.0]\n"), "has no date: write ## [1.2.0] - 2026-12-02"},
		"a section of tomorrow":    {change("CHANGELOG.md", "## [1.2.0] - 2026-12-03\n"), "lies ahead"},
		"an empty CHANGELOG":       {change("CHANGELOG.md", "# Changelog\n"), "it has no section"},
		"a replacement": {
			change("cmd/metlo/go.mod", "module "+root+"/cmd/metlo\n\nrequire "+root+" v1.2.0\n\nreplace "+root+" => ../..\n"),
			"cmd/metlo/go.mod has replace directives",
		},
		"another version in the source": {change("metlo.go", "package metlo\n\nconst Version = \"1.1.0\"\n"), `write const Version = "1.2.0"`},
		"checks of another commit": {
			func(t *testing.T, folder string) {
				gittest.Write(t, folder, "new.go", "package metlo\n")
				gittest.Commit(t, folder)
				mark(t, folder, "release")
			}, ": run .ci/run on the commit to tag",
		},
		"checks of the commit before go.mod was written": {
			func(t *testing.T, folder string) {
				gittest.Write(t, folder, "cmd/metlo/go.sum", "")
				gittest.Write(t, folder, "cmd/metlo/go.mod", "module "+root+"/cmd/metlo\n\ngo 1.26\n\nrequire "+root+" v1.2.0\n")
				gittest.Commit(t, folder)
			}, "",
		},
		"checks of two commits before": {
			func(t *testing.T, folder string) {
				for _, text := range []string{"a", "b"} {
					gittest.Write(t, folder, "cmd/metlo/go.sum", text)
					gittest.Commit(t, folder)
				}
				mark(t, folder, "release")
			}, ": run .ci/run on the commit to tag",
		},
		"no checks": {
			func(t *testing.T, folder string) {
				if err := os.Remove(filepath.Join(folder, ".git/passed-release")); err != nil {
					t.Fatal(err)
				}
			}, "it has not passed in this clone: run .ci/release",
		},
	}
	now := time.Date(2026, 12, 2, 12, 0, 0, 0, time.UTC)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			folder := ready(t)
			tt.change(t, folder)
			before := files(t, folder)
			var out strings.Builder
			err := run(&out, folder, "v1.2.0", false, now)
			if !maps.Equal(before, files(t, folder)) {
				t.Error("it changed a file")
			}
			for _, tag := range []string{"  v1.2.0\n", "  cmd/metlo/v1.2.0\n"} {
				if !strings.Contains(out.String(), tag) {
					t.Errorf("%q is not named:\n%s", tag, out.String())
				}
			}
			push := strings.Contains(out.String(), "  git push --atomic origin cmd/metlo/v1.2.0\n  git push origin v1.2.0\n  git push origin HEAD:main\n")
			if tt.says == "" {
				if err != nil || !push || strings.Contains(out.String(), "not ready") {
					t.Errorf("%v\n%s", err, out.String())
				}
				return
			}
			if err == nil || push || !strings.Contains(out.String(), tt.says) || strings.Count(out.String(), "not ready: ") != 1 {
				t.Errorf("%v, want %q and nothing else:\n%s", err, tt.says, out.String())
			}
		})
	}
}

func TestTagged(t *testing.T) {
	now := time.Date(2026, 12, 2, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		tags []string
		says string
	}{
		"all":               {[]string{"v1.2.0", "cmd/metlo/v1.2.0"}, ""},
		"one of them":       {[]string{"v1.2.0"}, "tag cmd/metlo/v1.2.0 is not on this commit"},
		"none":              {nil, "tag v1.2.0 is not on this commit"},
		"of another commit": {[]string{"v1.2.0", "cmd/metlo/v1.2.0", "move"}, "tag v1.2.0 is not on this commit"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := ready(t)
			for _, tag := range tt.tags {
				if tag == "move" {
					gittest.Write(t, folder, "new.go", "package metlo\n")
					gittest.Commit(t, folder)
					continue
				}
				gittest.Git(t, folder, "tag", tag)
			}
			var out strings.Builder
			err := run(&out, folder, "v1.2.0", true, now)
			if (tt.says == "") != (err == nil) || !strings.Contains(out.String(), tt.says) || strings.Contains(out.String(), "git push") {
				t.Errorf("%v, want %q:\n%s", err, tt.says, out.String())
			}
		})
	}
}

// files returns all files below a folder, including .git, except the index, which git status refreshes.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "index" {
			return err
		}
		data, err := os.ReadFile(file)
		found[file] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAVersionWithoutItsFormIsRefused(t *testing.T) {
	for _, version := range []string{"1.2.0", "v1.2", "latest", ""} {
		if err := run(&strings.Builder{}, ".", version, false, time.Now()); err == nil || !strings.Contains(err.Error(), "write it as v0.1.0") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestTheRepositoryNamesSevenTags(t *testing.T) {
	released, err := modules.Released("../..")
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, m := range released {
		tags = append(tags, m.Tag("v0.1.0"))
	}
	slices.Sort(tags)
	want := []string{
		"apitest/v0.1.0", "capture/captureecho/v0.1.0", "capture/capturegin/v0.1.0", "cmd/metlo/v0.1.0", "metlootel/v0.1.0",
		"redislimit/v0.1.0", "v0.1.0",
	}
	if !slices.Equal(tags, want) {
		t.Errorf("%q, want %q", tags, want)
	}
}
