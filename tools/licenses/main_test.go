package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module creates a folder with files, each of which holds its name.
func module(t *testing.T, files ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("text of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestWrite(t *testing.T) {
	tests := map[string]struct {
		files  []string
		linked string // a package below the module
		want   []string
		fails  bool
	}{
		"a licence":                     {[]string{"LICENSE", "README.md", "license.go/x"}, ".", []string{"LICENSE"}, false},
		"other spellings":               {[]string{"Licence.txt", "COPYING", "NOTICE", "PATENTS", "LICENSE-3RD-PARTY.md"}, ".", []string{"COPYING", "LICENSE-3RD-PARTY.md", "Licence.txt", "NOTICE", "PATENTS"}, false},
		"one beside a package":          {[]string{"LICENSE", "a/b/LICENSE", "a/b/x.go"}, "a/b", []string{"LICENSE", "a/b/LICENSE"}, false},
		"one above a package":           {[]string{"LICENSE", "a/NOTICE", "a/b/x.go"}, "a/b", []string{"LICENSE", "a/NOTICE"}, false},
		"one of what is not linked":     {[]string{"LICENSE", "a/LICENSE", "b/x.go"}, "b", []string{"LICENSE"}, false},
		"none":                          {[]string{"README.md"}, ".", nil, true},
		"a name that only begins alike": {[]string{"LICENSES_of_tests.go"}, ".", nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			folder := module(t, tt.files...)
			linked := map[string]*linkedModule{
				"example.com/m": {"v1.0.0", folder, map[string]bool{filepath.Join(folder, filepath.FromSlash(tt.linked)): true}},
			}
			var out strings.Builder
			err := write(&out, linked)
			if tt.fails != (err != nil) {
				t.Fatal(err)
			}
			var want strings.Builder
			for _, file := range tt.want {
				want.WriteString("=== example.com/m v1.0.0, " + file + "\n\ntext of " + file + "\n\n")
			}
			if out.String() != want.String() {
				t.Errorf("%q, want %q", out.String(), want.String())
			}
		})
	}
}

// TestPlatformsDiffer lists the modules of a command that links a module on Windows but not on Linux.
func TestPlatformsDiffer(t *testing.T) {
	linked := map[string]*linkedModule{}
	for _, platform := range []string{"linux/amd64", "windows/amd64"} {
		if err := list(linked, "../../cmd/metlo", platform); err != nil {
			t.Fatal(err)
		}
		_, has := linked["github.com/inconshreveable/mousetrap"]
		if has != strings.HasPrefix(platform, "windows") {
			t.Errorf("%s: mousetrap is linked: %t", platform, has)
		}
	}
	for name := range linked {
		if strings.HasPrefix(name, own) {
			t.Errorf("%s belongs to the repository", name)
		}
	}
}

func TestAPlatformWithoutItsFormIsRefused(t *testing.T) {
	if err := run(&strings.Builder{}, "../../cmd/metlo", []string{"linux"}); err == nil || !strings.Contains(err.Error(), "write GOOS/GOARCH") {
		t.Error(err)
	}
}
