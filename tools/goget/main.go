// Command goget proves that the go command can get the modules at a version. It prepares a copy of the last commit as a
// release does: it removes the replace directives, requires the version of each other, and tags. The go command then
// fetches the tags from that copy, as it would from GitHub, into a module proxy in a folder. Finally goget gets each module
// from that proxy, and builds and runs it in an empty folder.
//
//	go -C tools run ./goget -root .. -version v0.1.0
//
// With -release it fails if anything is left to do. With -prepare it writes the go.mod and go.sum of the release to the
// working tree. With -keep FOLDER the copy stays in FOLDER/tree and the proxy in FOLDER/proxy.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/metlo-go/metlo/tools/internal/modules"
)

func main() {
	folder := flag.String("root", "..", "`folder` of the repository")
	version := flag.String("version", "v0.0.1", "version to tag in the copy")
	release := flag.Bool("release", false, "fail if the last commit differs from the release")
	prepare := flag.Bool("prepare", false, "write go.mod and go.sum of the release to the working tree")
	keep := flag.String("keep", "", "empty `folder` for the copy and the proxy")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*folder, *version, *keep, *release, *prepare); err != nil {
		log.Fatal("goget: ", err)
	}
}

func run(root, version, keep string, release, prepare bool) error {
	if err := modules.CheckVersion(version); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "goget")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if keep == "" {
		keep = filepath.Join(work, "kept")
	}
	kept, err := filepath.Abs(keep)
	if err != nil {
		return err
	}
	copied, err := newCopy(root, version, filepath.Join(kept, "tree"), filepath.Join(work, "cache"))
	if err != nil {
		return err
	}
	defer copied.clean()
	if release {
		if err := modules.Check(copied.folder, version); err != nil {
			return err
		}
	}
	changed, err := copied.release()
	if err != nil {
		return err
	}
	switch {
	case release && len(changed) > 0:
		return fmt.Errorf("these files differ from the release: %s\nwrite them with -prepare, and commit them", strings.Join(changed, ", "))
	case prepare:
		return copied.write(root, changed)
	}
	proxy := filepath.Join(kept, "proxy")
	if err := copied.pack(proxy); err != nil {
		return err
	}
	user, err := newUser(filepath.Join(work, "user"), proxy, version)
	if err != nil {
		return err
	}
	defer user.clean()
	for _, m := range copied.modules {
		if err := user.get(m.Path()); err != nil {
			return err
		}
		fmt.Printf("%s@%s: got, built and run from an empty folder\n", m.Path(), version)
	}
	return nil
}

// releaseCopy is a copy of the repository, whose tags the go command treats as those of GitHub.
type releaseCopy struct {
	folder, version string
	modules         []*modules.Module
	env             []string
}

func newCopy(root, version, folder, cache string) (*releaseCopy, error) {
	if status, err := output(root, nil, "git", "status", "--porcelain"); err != nil {
		return nil, err
	} else if status != "" {
		return nil, fmt.Errorf("the working tree has changes, and only the last commit is copied: commit first:\n%s", status)
	}
	source, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if _, err := output(root, nil, "git", "clone", "--quiet", "--no-tags", source, folder); err != nil {
		return nil, err
	}
	released, err := modules.Released(folder)
	if err != nil {
		return nil, err
	}
	date, err := output(folder, nil, "git", "log", "-1", "--format=%cI")
	if err != nil {
		return nil, err
	}
	usual, err := usualProxy()
	if err != nil {
		return nil, err
	}
	c := &releaseCopy{folder: folder, version: version, modules: released}
	c.env = append(os.Environ(),
		"GOWORK=off", "GOFLAGS=-modcacherw", "GOMODCACHE="+cache, "GOPROXY="+usual, "GOPRIVATE="+modules.Root,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.file://"+filepath.ToSlash(folder)+".insteadOf", "GIT_CONFIG_VALUE_0=https://"+modules.Root,
		// The same contents produce the same commit, so that builds of it have the same hash.
		"GIT_AUTHOR_NAME=release", "GIT_AUTHOR_EMAIL=release@localhost", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=release", "GIT_COMMITTER_EMAIL=release@localhost", "GIT_COMMITTER_DATE="+date,
	)
	return c, nil
}

// usualProxy returns the list of proxies for other modules, with the module cache first.
func usualProxy() (string, error) {
	out, err := output("", nil, "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return "", err
	}
	cache, proxy, _ := strings.Cut(out, "\n")
	return "file://" + filepath.ToSlash(filepath.Join(cache, "cache", "download")) + "," + proxy, nil
}

// release writes the go.mod files of the release, and tags. It returns the files that changed.
func (c *releaseCopy) release() ([]string, error) {
	base, err := output(c.folder, nil, "git", "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	for _, m := range c.modules {
		if err := c.require(m); err != nil {
			return nil, err
		}
		// Modules that require m get its hash, which no later commit changes.
		if err := c.commitAndTag(m); err != nil {
			return nil, err
		}
	}
	changed, err := output(c.folder, nil, "git", "diff", "--name-only", base)
	if err != nil || changed == "" {
		return nil, err
	}
	if _, err := output(c.folder, c.env, "git", "reset", "--quiet", "--soft", base); err != nil {
		return nil, err
	}
	if err := c.commitAndTag(c.modules...); err != nil {
		return nil, err
	}
	return strings.Split(changed, "\n"), nil
}

// require removes the replace directives of a module, and adds requirements on the version of the others.
func (c *releaseCopy) require(m *modules.Module) error {
	dir := filepath.Join(c.folder, filepath.FromSlash(m.Dir))
	for _, r := range append([]*modfile.Replace(nil), m.File.Replace...) {
		if !modules.IsOwn(r.Old.Path) {
			return fmt.Errorf("%s/go.mod replaces %s, which does not hold for users: remove it", m.Dir, r.Old.Path)
		}
		if err := m.File.DropReplace(r.Old.Path, r.Old.Version); err != nil {
			return err
		}
	}
	own := false
	for _, r := range m.File.Require {
		if modules.IsOwn(r.Mod.Path) {
			own = true
			if err := m.File.AddRequire(r.Mod.Path, c.version); err != nil {
				return err
			}
		}
	}
	m.File.Cleanup()
	data, err := m.File.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), data, 0o644); err != nil {
		return err
	}
	if !own {
		return nil // its go.sum has no hash of another module of the repository
	}
	_, err = output(dir, c.env, "go", "mod", "tidy")
	return err
}

func (c *releaseCopy) commitAndTag(tagged ...*modules.Module) error {
	if _, err := output(c.folder, c.env, "git", "add", "--all"); err != nil {
		return err
	}
	if staged, err := output(c.folder, c.env, "git", "diff", "--cached", "--name-only"); err != nil {
		return err
	} else if staged != "" {
		if _, err := output(c.folder, c.env, "git", "commit", "--quiet", "--message", "Release "+c.version); err != nil {
			return err
		}
	}
	for _, m := range tagged {
		if _, err := output(c.folder, c.env, "git", "tag", "--force", m.Tag(c.version)); err != nil {
			return err
		}
	}
	return nil
}

// write copies files to the working tree.
func (c *releaseCopy) write(root string, files []string) error {
	if len(files) == 0 {
		fmt.Println("nothing to write")
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(c.folder, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, file), data, 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", file)
	}
	return nil
}

// pack lets the go command fetch each module at its tag, and arranges the result as a proxy.
func (c *releaseCopy) pack(proxy string) error {
	cache, err := os.MkdirTemp(filepath.Dir(c.folder), "cache") // the hashes of go.sum must match the final modules
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	env := append(slices.Clip(c.env), "GOMODCACHE="+cache)
	for _, m := range c.modules {
		dir := filepath.Join(c.folder, filepath.FromSlash(m.Dir))
		if _, err := output(dir, env, "go", "mod", "tidy", "-diff"); err != nil {
			return err
		}
		if _, err := output(dir, env, "go", "mod", "download", m.Path()+"@"+c.version); err != nil {
			return err
		}
	}
	own := filepath.FromSlash(path.Dir(modules.Root))
	return os.CopyFS(filepath.Join(proxy, own), os.DirFS(filepath.Join(cache, "cache", "download", own)))
}

func (c *releaseCopy) clean() { cleanCache(c.env) }

// cleanCache removes the module cache of an environment.
func cleanCache(env []string) { _, _ = output("", env, "go", "clean", "-modcache") }

// output runs a command in a folder, and returns its output without the last line end.
func output(dir string, env []string, name string, args ...string) (string, error) {
	command := exec.Command(name, args...)
	command.Dir, command.Env = dir, env
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s in %s: %w\n%s%s", name, strings.Join(args, " "), dir, err, out, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// user represents a user who has Go and the proxy, but no other part of this repository.
type user struct {
	folder, version string
	env             []string
}

func newUser(folder, proxy, version string) (*user, error) {
	usual, err := usualProxy()
	if err != nil {
		return nil, err
	}
	u := &user{folder: folder, version: version}
	u.env = append(os.Environ(),
		"GOWORK=off", "GOFLAGS=-trimpath -modcacherw", "GOPRIVATE=", "GONOSUMDB="+modules.Root, "GOBIN="+filepath.Join(folder, "bin"),
		"GOMODCACHE="+filepath.Join(folder, "cache"), "GOPROXY=file://"+filepath.ToSlash(proxy)+","+usual)
	return u, os.MkdirAll(folder, 0o755)
}

func (u *user) clean() { cleanCache(u.env) }

// get takes the first steps of a module's user.
func (u *user) get(module string) error {
	if module == modules.Root+"/cmd/metlo" {
		return u.install(module)
	}
	source, ok := programs()[module]
	if !ok {
		return fmt.Errorf("no program uses %s: add one to goget", module)
	}
	dir := filepath.Join(u.folder, path.Base(module))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/program"}, {"get", module + "@" + u.version}, {"mod", "tidy"}, {"run", "."},
	} {
		if _, err := output(dir, u.env, "go", args...); err != nil {
			return err
		}
	}
	return nil
}

// install installs the command, whose version must be that of the tag.
func (u *user) install(module string) error {
	if _, err := output(u.folder, u.env, "go", "install", module+"@"+u.version); err != nil {
		return err
	}
	program := filepath.Join(u.folder, "bin", path.Base(module))
	got, err := output(u.folder, u.env, program, "--version")
	if err != nil {
		return err
	}
	if want := "metlo " + strings.TrimPrefix(u.version, "v"); got != want {
		return fmt.Errorf("metlo --version prints %q, and not %q", got, want)
	}
	_, err = output(u.folder, u.env, program, "--demo", "status")
	return err
}
