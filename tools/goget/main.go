// Command goget proves that the module can be fetched: it packs the working tree into a module proxy in a folder, and
// gets, builds and runs it from an empty folder. With -release it also refuses what must not be in a release: replace
// directives, and modules of this repository that require another version of each other.
//
//	go -C tools run ./goget -root .. -version v0.1.0
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const root = "github.com/metlo-go/metlo"

const program = `package main

import (
	"fmt"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func main() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	var client *metlo.Client = server.Client()
	fmt.Println(client)
}
`

func main() {
	folder := flag.String("root", "..", "`folder` of the repository")
	version := flag.String("version", "v0.0.1", "version to pack")
	release := flag.Bool("release", false, "refuse replace directives and versions that differ")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*folder, *version, *release); err != nil {
		log.Fatal("goget: ", err)
	}
	fmt.Printf("%s@%s: got, built and run from an empty folder\n", root, *version)
}

func run(folder, version string, release bool) error {
	if release {
		if err := check(folder, version); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp("", "goget")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	proxy := filepath.Join(work, "proxy")
	if err := pack(folder, proxy, version); err != nil {
		return err
	}
	return get(filepath.Join(work, "program"), proxy, version)
}

// check reads the go.mod of each module of the repository that is released, and the version that the SDK sends.
func check(folder, version string) error {
	var faults []error
	source, err := os.ReadFile(filepath.Join(folder, "metlo.go"))
	if err != nil {
		return err
	}
	if line := fmt.Sprintf("const Version = %q", strings.TrimPrefix(version, "v")); !slices.Contains(strings.Split(string(source), "\n"), line) {
		faults = append(faults, fmt.Errorf("metlo.go names another version: write %s", line))
	}
	for _, dir := range []string{".", "apitest", "cmd/metlo", "redislimit", "metlootel", "capture/capturegin", "capture/captureecho"} {
		name := filepath.Join(folder, dir, "go.mod")
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			return err
		}
		if len(file.Replace) > 0 {
			faults = append(faults, fmt.Errorf("%s has replace directives: remove them", name))
		}
		for _, r := range file.Require {
			if (r.Mod.Path == root || strings.HasPrefix(r.Mod.Path, root+"/")) && r.Mod.Version != version {
				faults = append(faults, fmt.Errorf("%s requires %s: require %s", name, r.Mod, version))
			}
		}
	}
	return errors.Join(faults...)
}

// pack lays a module out as the go command expects it of a proxy.
func pack(folder, proxy, version string) error {
	dir := filepath.Join(proxy, filepath.FromSlash(root), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	err = zip.CreateFromDir(archive, module.Version{Path: root, Version: version}, folder)
	return errors.Join(err, archive.Close(),
		os.WriteFile(filepath.Join(dir, "list"), []byte(version+"\n"), 0o644),
		os.WriteFile(filepath.Join(dir, version+".info"), fmt.Appendf(nil, `{"Version":%q}`, version), 0o644),
		os.WriteFile(filepath.Join(dir, version+".mod"), mod, 0o644))
}

// get does what a user does first. Other modules come from where they usually do.
func get(dir, proxy, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644); err != nil {
		return err
	}
	usual, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		return err
	}
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GONOSUMDB="+root, "GONOSUMCHECK="+root, "GOPRIVATE=",
		"GOMODCACHE="+filepath.Join(dir, "..", "cache"), "GOPROXY=file://"+filepath.ToSlash(proxy)+","+strings.TrimSpace(string(usual)))
	for _, args := range [][]string{
		{"mod", "init", "example.com/program"}, {"get", root + "@" + version}, {"mod", "tidy"}, {"vet", "."}, {"run", "."},
		{"clean", "-modcache"},
	} {
		command := exec.Command("go", args...)
		command.Dir, command.Env = dir, env
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, output)
		}
	}
	return nil
}
