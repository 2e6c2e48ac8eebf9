// Package modules lists the modules of the repository that are released together, and checks them before a tag.
package modules

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// Root is the path of the module in the root folder.
const Root = "github.com/metlo-go/metlo"

// Module represents one go.mod of the repository.
type Module struct {
	Dir  string // Dir is the folder below the root, with slashes; "." for the root.
	File *modfile.File
}

// Path returns the module path.
func (m *Module) Path() string { return m.File.Module.Mod.Path }

// Tag returns the name of the tag of a version.
func (m *Module) Tag(version string) string {
	if m.Dir == "." {
		return version
	}
	return m.Dir + "/" + version
}

// IsOwn reports whether a module path belongs to the repository.
func IsOwn(modulePath string) bool {
	return modulePath == Root || strings.HasPrefix(modulePath, Root+"/")
}

// requires returns the modules of the repository that m requires, with their versions.
func (m *Module) requires() map[string]string {
	found := map[string]string{}
	for _, r := range m.File.Require {
		if IsOwn(r.Mod.Path) {
			found[r.Mod.Path] = r.Mod.Version
		}
	}
	return found
}

// Released reads the released modules: all in git except those of benchmarks and tools. Each follows the modules that
// it requires.
func Released(root string) ([]*Module, error) {
	command := exec.Command("git", "ls-files", "-z", "--", "go.mod", "*/go.mod")
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files in %s: %w", root, err)
	}
	var found []*Module
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		dir := path.Dir(name)
		if first, _, _ := strings.Cut(dir, "/"); first == "benchmarks" || first == "tools" || name == "" {
			continue
		}
		file := filepath.Join(root, filepath.FromSlash(name))
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		parsed, err := modfile.Parse(file, data, nil)
		if err != nil {
			return nil, err
		}
		if parsed.Module == nil {
			return nil, fmt.Errorf("%s names no module", file)
		}
		found = append(found, &Module{dir, parsed})
	}
	return inOrder(found)
}

func inOrder(found []*Module) ([]*Module, error) {
	byPath := map[string]*Module{}
	for _, m := range found {
		byPath[m.Path()] = m
	}
	var ordered []*Module
	for len(ordered) < len(found) {
		before := len(ordered)
		for _, m := range found {
			ready := !slices.Contains(ordered, m)
			for required := range m.requires() {
				ready = ready && slices.Contains(ordered, byPath[required])
			}
			if ready {
				ordered = append(ordered, m)
			}
		}
		if len(ordered) == before {
			return nil, errors.New("modules require each other in a circle, or one that is not released")
		}
	}
	return ordered, nil
}

// CheckVersion returns an error unless the text is a version in the form of a tag.
func CheckVersion(version string) error {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return fmt.Errorf("%q is not a version: write it as v0.1.0", version)
	}
	return nil
}

// Check returns an error if the modules cannot be tagged: for replace directives, different versions of each other, or
// another version in the SDK's requests.
func Check(root, version string) error {
	var faults []error
	source, err := os.ReadFile(filepath.Join(root, "metlo.go"))
	if err != nil {
		return err
	}
	line := fmt.Sprintf("const Version = %q", strings.TrimPrefix(version, "v"))
	if !slices.Contains(strings.Split(string(source), "\n"), line) {
		faults = append(faults, fmt.Errorf("metlo.go names another version: write %s", line))
	}
	released, err := Released(root)
	if err != nil {
		return err
	}
	for _, m := range released {
		name := path.Join(m.Dir, "go.mod")
		if len(m.File.Replace) > 0 {
			faults = append(faults, fmt.Errorf("%s has replace directives: remove them", name))
		}
		for required, have := range m.requires() {
			if have != version {
				faults = append(faults, fmt.Errorf("%s requires %s %s: require %s", name, required, have, version))
			}
		}
	}
	return errors.Join(faults...)
}
