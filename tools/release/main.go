// Command release reports whether the last commit can be tagged with a version, and names the tags. It changes nothing.
//
//	go -C tools run ./release v0.1.0
//
// With -tagged it reports whether a commit that is tagged is a whole release.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/metlo-go/metlo/tools/internal/modules"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", "..", "`folder` of the repository")
	tagged := flag.Bool("tagged", false, "check what has been tagged, and not what is to be")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("release: name the version, as v0.1.0, and nothing else")
	}
	if err := run(os.Stdout, *root, flag.Arg(0), *tagged, time.Now()); err != nil {
		log.Fatal("release: ", err)
	}
}

// A check is a condition of a release.
type check struct {
	what string
	run  func() error
}

func run(w io.Writer, root, version string, tagged bool, now time.Time) error {
	if err := modules.CheckVersion(version); err != nil {
		return err
	}
	released, err := modules.Released(root)
	if err != nil {
		return err
	}
	var tags []string
	for _, m := range released {
		tags = append(tags, m.Tag(version))
	}
	checks := []check{
		{"nothing waits to be committed", func() error { return clean(root) }},
		{"CHANGELOG.md begins with the version and its date", func() error { return changelog(root, version, now) }},
		{"modules require each other at the version, without replace", func() error { return modules.Check(root, version) }},
	}
	if tagged {
		checks = append(checks, check{"the commit has the tags of all modules", func() error { return hasTags(root, tags) }})
	} else {
		checks = append(checks,
			check{"the version is new, and follows the last", func() error { return follows(root, version, tags) }},
			check{".ci/run passed", func() error { return passed(root, "run") }},
			check{".ci/release passed", func() error { return passed(root, "release") }})
	}
	faults := 0
	for _, check := range checks {
		if err := check.run(); err != nil {
			faults++
			fmt.Fprintf(w, "not ready: %s:\n  %s\n", check.what, strings.ReplaceAll(err.Error(), "\n", "\n  "))
			continue
		}
		fmt.Fprintln(w, "ok:       ", check.what)
	}
	fmt.Fprintf(w, "\nThe tags of %s:\n", version)
	for _, tag := range tags {
		fmt.Fprintln(w, "  "+tag)
	}
	if faults > 0 {
		return fmt.Errorf("%s is not ready: %d of the checks failed", version, faults)
	}
	if !tagged {
		// GitHub starts no workflow for more than three tags in one push.
		others := strings.Join(tags[1:], " ")
		fmt.Fprintf(w, "\nRun these. The tag of the root starts the workflow, and goes by itself:\n"+
			"  for tag in %s; do git tag -a -m \"$tag\" \"$tag\"; done\n  git push --atomic origin %s\n  git push origin %s\n  git push origin HEAD:main\n",
			strings.Join(tags, " "), others, version)
	}
	return nil
}

// hasTags returns an error unless the last commit has all tags.
func hasTags(root string, tags []string) error {
	out, err := git(root, "tag", "--points-at", "HEAD")
	if err != nil {
		return err
	}
	have := strings.Fields(out)
	var faults []error
	for _, tag := range tags {
		if !slices.Contains(have, tag) {
			faults = append(faults, fmt.Errorf("tag %s is not on this commit: push it before the tag of the root", tag))
		}
	}
	return errors.Join(faults...)
}

func clean(root string) error {
	status, err := git(root, "status", "--porcelain")
	if err == nil && status != "" {
		err = fmt.Errorf("commit or remove:\n%s", status)
	}
	return err
}

// follows returns an error if a tag exists, or a later version of the root.
func follows(root, version string, tags []string) error {
	all, err := git(root, "tag")
	if err != nil {
		return err
	}
	var faults []error
	for existing := range strings.FieldsSeq(all) {
		for _, tag := range tags {
			if existing == tag {
				faults = append(faults, fmt.Errorf("tag %s exists: choose the next version", tag))
			}
		}
		if semver.Compare(existing, version) > 0 {
			faults = append(faults, fmt.Errorf("tag %s is later than %s", existing, version))
		}
	}
	return errors.Join(faults...)
}

var section = regexp.MustCompile(`(?m)^## \[([^\]]+)\](?: - (\S+))?$`)

// changelog returns an error unless the first section belongs to the version and its date has come.
func changelog(root, version string, now time.Time) error {
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	want := fmt.Sprintf("write ## [%s] - %s", strings.TrimPrefix(version, "v"), now.UTC().Format(time.DateOnly))
	first := section.FindStringSubmatch(string(text))
	if first == nil {
		return fmt.Errorf("it has no section: %s", want)
	}
	if first[1] != strings.TrimPrefix(version, "v") {
		return fmt.Errorf("its first section is %q: %s", first[0], want)
	}
	day, err := time.Parse(time.DateOnly, first[2])
	if err != nil {
		return fmt.Errorf("%q has no date: %s", first[0], want)
	}
	if day.After(now) {
		return fmt.Errorf("%q lies ahead: %s", first[0], want)
	}
	return nil
}

// passed returns an error unless a script of .ci passed completely on the last commit. It accepts the commit before the
// last if the last changes only go.mod and go.sum, because no command can fetch their requirements before the tags are
// pushed.
func passed(root, script string) error {
	head, err := git(root, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	marker, err := git(root, "rev-parse", "--path-format=absolute", "--git-path", "passed-"+script)
	if err != nil {
		return err
	}
	commit, err := os.ReadFile(marker)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("it has not passed in this clone: run .ci/%s", script)
	}
	if err != nil {
		return err
	}
	got := strings.TrimSpace(string(commit))
	if got == head {
		return nil
	}
	parent, err := git(root, "rev-parse", "HEAD~1")
	if err != nil {
		return err
	}
	changed, err := git(root, "diff", "--name-only", "HEAD~1", "HEAD")
	if err != nil {
		return err
	}
	if got != parent || slices.ContainsFunc(strings.Fields(changed), func(name string) bool {
		return path.Base(name) != "go.mod" && path.Base(name) != "go.sum"
	}) {
		return fmt.Errorf("it passed on %s: run .ci/%s on the commit to tag", got, script)
	}
	return nil
}

func git(root string, args ...string) (string, error) {
	command := exec.Command("git", args...)
	command.Dir = root
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
