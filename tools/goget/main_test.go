package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository makes a folder that holds files by their paths.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestCheckComparesTheVersionThatTheSDKSends(t *testing.T) {
	for source, want := range map[string]string{
		"package metlo\n\nconst Version = \"1.2.0\"\n":     "",
		"package metlo\n\nconst Version = \"1.2.0-rc1\"\n": `write const Version = "1.2.0"`,
		"package metlo\n": `write const Version = "1.2.0"`,
	} {
		err := check(repository(t, map[string]string{"go.mod": "module " + root + "\n", "metlo.go": source}), "v1.2.0")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", source, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	const module = "module " + root + "\n\ngo 1.26\n"
	command := func(requires string) string { return "module " + root + "/cmd/metlo\n\ngo 1.26\n\n" + requires + "\n" }
	tests := map[string]struct {
		command string
		says    []string // nothing: it may be released
	}{
		"no other module":    {"", nil},
		"the version":        {command("require " + root + " v1.2.0"), nil},
		"other dependencies": {command("require golang.org/x/mod v0.1.0"), nil},
		"another version":    {command("require " + root + " v1.1.0"), []string{root + "@v1.1.0: require v1.2.0"}},
		"another version of a module below it": {
			command("require " + root + "/apitest v1.1.0"), []string{root + "/apitest@v1.1.0: require v1.2.0"},
		},
		"a module with a like name": {command("require " + root + "-more v1.1.0"), nil},
		"a replacement":             {command("require " + root + " v1.2.0\n\nreplace " + root + " => ../.."), []string{"replace directives: remove them"}},
		"both faults": {
			command("require " + root + " v1.1.0\n\nreplace " + root + " => ../.."), []string{"remove them", "require v1.2.0"},
		},
		"what is no go.mod": {"modul x", []string{"unknown directive"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"go.mod": module, "metlo.go": "package metlo\n\nconst Version = \"1.2.0\"\n"}
			if tt.command != "" {
				files["cmd/metlo/go.mod"] = tt.command
			}
			err := check(repository(t, files), "v1.2.0")
			if len(tt.says) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, says := range tt.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%v, want %q in it", err, says)
				}
			}
		})
	}
}

func TestPack(t *testing.T) {
	folder := repository(t, map[string]string{
		"go.mod": "module " + root + "\n\ngo 1.26\n", "metlo.go": "package metlo\n", "LICENSE": "text",
		"tools/go.mod": "module " + root + "/tools\n", "tools/main.go": "package main\n",
	})
	proxy := t.TempDir()
	if err := pack(folder, proxy, "v1.2.0"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(proxy, filepath.FromSlash(root), "@v")
	for name, want := range map[string]string{
		"list": "v1.2.0\n", "v1.2.0.info": `{"Version":"v1.2.0"}`, "v1.2.0.mod": "module " + root + "\n\ngo 1.26\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	archive, err := zip.OpenReader(filepath.Join(dir, "v1.2.0.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		names = append(names, strings.TrimPrefix(f.Name, root+"@v1.2.0/"))
	}
	slices.Sort(names)
	if want := []string{"LICENSE", "go.mod", "metlo.go"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q: modules below it stay out", names, want)
	}
}
