package modules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/metlo-go/metlo/tools/internal/gittest"
	"github.com/metlo-go/metlo/tools/internal/modules"
)

const (
	root   = modules.Root
	goMod  = "module " + root + "\n\ngo 1.26\n"
	source = "package metlo\n\nconst Version = \"1.2.0\"\n"
)

func TestReleased(t *testing.T) {
	folder := gittest.Repository(t, map[string]string{
		"go.mod":            goMod,
		"a/command/go.mod":  "module " + root + "/a/command\n\nrequire " + root + "/z v1.0.0\n\nrequire " + root + " v1.0.0\n",
		"z/go.mod":          "module " + root + "/z\n\nrequire " + root + " v1.0.0\n",
		"tools/go.mod":      "module " + root + "/tools\n",
		"tools/x/go.mod":    "module " + root + "/tools/x\n",
		"benchmarks/go.mod": "module " + root + "/benchmarks\n",
	})
	gittest.Write(t, folder, "untracked/go.mod", "module "+root+"/untracked\n")
	released, err := modules.Released(folder)
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, m := range released {
		tags = append(tags, m.Tag("v1.2.0"))
	}
	if want := []string{"v1.2.0", "z/v1.2.0", "a/command/v1.2.0"}; !slices.Equal(tags, want) {
		t.Errorf("%q, want %q", tags, want)
	}
}

func TestReleasedRefusesACircle(t *testing.T) {
	folder := gittest.Repository(t, map[string]string{
		"go.mod":   goMod + "\nrequire " + root + "/z v1.0.0\n",
		"z/go.mod": "module " + root + "/z\n\nrequire " + root + " v1.0.0\n",
	})
	if _, err := modules.Released(folder); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Error(err)
	}
}

func TestCheckVersion(t *testing.T) {
	for version, want := range map[string]bool{
		"v0.1.0": true, "v1.2.3-rc.1": true, "0.1.0": false, "v1": false, "v1.2": false, "v1.2.3+meta": false, "": false, "v01.2.3": false,
	} {
		if err := modules.CheckVersion(version); (err == nil) != want {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestCheck(t *testing.T) {
	command := func(rest string) string { return "module " + root + "/cmd/metlo\n\ngo 1.26\n\n" + rest + "\n" }
	tests := map[string]struct {
		source, command string
		says            []string // nothing: it may be released
	}{
		"no other module":           {source, "", nil},
		"the version":               {source, command("require " + root + " v1.2.0"), nil},
		"other dependencies":        {source, command("require golang.org/x/mod v0.1.0"), nil},
		"a module with a like name": {source, command("require " + root + "-more v1.1.0"), nil},
		"another version":           {source, command("require " + root + " v1.1.0"), []string{root + " v1.1.0: require v1.2.0"}},
		"a replacement": {
			source, command("require " + root + " v1.2.0\n\nreplace " + root + " => ../.."), []string{"cmd/metlo/go.mod has replace directives: remove them"},
		},
		"both faults": {
			source, command("require " + root + " v1.1.0\n\nreplace " + root + " => ../.."), []string{"remove them", "require v1.2.0"},
		},
		"what is no go.mod":         {source, "modul x", []string{"unknown directive"}},
		"a candidate in the source": {strings.ReplaceAll(source, "1.2.0", "1.2.0-rc1"), "", []string{`write const Version = "1.2.0"`}},
		"no version in the source":  {"package metlo\n", "", []string{`write const Version = "1.2.0"`}},
		"a go.mod without its name": {source, "go 1.26\n", []string{"names no module"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"go.mod": goMod, "metlo.go": tt.source}
			if tt.command != "" {
				files["cmd/metlo/go.mod"] = tt.command
			}
			err := modules.Check(gittest.Repository(t, files), "v1.2.0")
			if len(tt.says) == 0 && err != nil || len(tt.says) > 0 && err == nil {
				t.Fatal(err)
			}
			for _, says := range tt.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%v, want %q in it", err, says)
				}
			}
		})
	}
}
