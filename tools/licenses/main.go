// Command licenses prints the licence texts of Go and of the modules that a command links on any of some platforms. It
// fails if a module has none.
//
//	go -C tools run ./licenses -platforms linux/amd64,windows/amd64 ../cmd/metlo
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const own = "github.com/metlo-go/metlo"

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)([.-].*)?$`)

func main() {
	log.SetFlags(0)
	platforms := flag.String("platforms", "linux/amd64", "list of GOOS/GOARCH")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("licenses: name the folder of a command, and nothing else")
	}
	if err := run(os.Stdout, flag.Arg(0), strings.Split(*platforms, ",")); err != nil {
		log.Fatal("licenses: ", err)
	}
}

func run(w io.Writer, folder string, platforms []string) error {
	linked := map[string]*linkedModule{}
	for _, platform := range platforms {
		if err := list(linked, folder, platform); err != nil {
			return err
		}
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	library := strings.TrimSpace(string(goroot))
	linked["Go"] = &linkedModule{dir: library, packages: map[string]bool{library: true}}
	return write(w, linked)
}

// linkedModule represents a module and the folders of its linked packages.
type linkedModule struct {
	version, dir string
	packages     map[string]bool
}

// list adds the modules that a command links on a platform, without those of this repository.
func list(linked map[string]*linkedModule, folder, platform string) error {
	system, arch, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("%q is not a platform: write GOOS/GOARCH", platform)
	}
	command := exec.Command("go", "list", "-deps", "-json=Dir,Module", ".")
	command.Dir, command.Stderr = folder, os.Stderr
	command.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("go list for %s: %w", platform, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var pkg struct {
			Dir    string
			Module *struct{ Path, Version, Dir string }
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if pkg.Module == nil || pkg.Module.Path == own || strings.HasPrefix(pkg.Module.Path, own+"/") {
			continue
		}
		found := linked[pkg.Module.Path]
		if found == nil {
			found = &linkedModule{pkg.Module.Version, pkg.Module.Dir, map[string]bool{}}
			linked[pkg.Module.Path] = found
		}
		found.packages[pkg.Dir] = true
	}
}

// write prints each text of each module once: those of its folder, and of the folders from there to a linked package.
func write(w io.Writer, linked map[string]*linkedModule) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(linked)) {
		files, err := linked[name].files()
		if err != nil {
			return err
		}
		if len(files) == 0 {
			faults = append(faults, fmt.Errorf("%s has no licence text in %s", name, linked[name].dir))
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(linked[name].dir, file))
			if err != nil {
				return err
			}
			title := strings.TrimSpace(name + " " + linked[name].version)
			fmt.Fprintf(w, "=== %s, %s\n\n%s\n\n", title, filepath.ToSlash(file), strings.TrimSpace(string(text)))
		}
	}
	return errors.Join(faults...)
}

// files returns the paths of the licence texts within the module, sorted.
func (m *linkedModule) files() ([]string, error) {
	folders := map[string]bool{m.dir: true}
	for folder := range m.packages {
		for ; strings.HasPrefix(folder, m.dir); folder = filepath.Dir(folder) {
			folders[folder] = true
		}
	}
	var files []string
	for folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.Type().IsRegular() && licenceFile.MatchString(entry.Name()) {
				file, err := filepath.Rel(m.dir, filepath.Join(folder, entry.Name()))
				if err != nil {
					return nil, err
				}
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return files, nil
}
