package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metlo-go/metlo/tools/internal/gittest"
)

// TestSteps runs scripts as .ci/run is one, and looks at what passed reads.
func TestSteps(t *testing.T) {
	shared, err := os.ReadFile("../../.ci/steps.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		steps, only string
		code        int
		says        string
		marked      bool
	}{
		"all pass":                     {"step a true\nstep b true", "", 0, "ok: 2 steps", true},
		"one fails":                    {"step a true\nstep b false", "", 1, " s: 1 of 2 steps\n  b\n", false},
		"a command before others":      {"f() { false; true; }\nstep a f", "", 1, "1 of 1 steps", false},
		"a part of a pipe":             {"f() { false | true; }\nstep a f", "", 1, "1 of 1 steps", false},
		"some are left out":            {"step a true\nstep b false", "a", 0, "ok: 1 steps", false},
		"all are left out":             {"step a true", "b", 1, "no step matches STEPS=b", false},
		"one leaves no result":         {"step a true\nsettle\nf() { rm -r \"$scratch/lock\"; mkdir \"$scratch/lock\"; }\nstep b f", "", 1, "1 of 2 steps left no result", false},
		"a commit came meanwhile":      {"f() { git commit -q --allow-empty -m b; }\nstep a f", "", 0, "ok: 1 steps", false},
		"the working tree has changes": {"step a touch new", "", 0, "ok: 1 steps", false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := gittest.Repository(t, map[string]string{
				".ci/steps.sh": string(shared),
				".ci/run":      "set -euo pipefail\nsource \"$(dirname \"${BASH_SOURCE[0]}\")/steps.sh\"\n" + tt.steps + "\nsum_up\n",
			})
			command := exec.CommandContext(t.Context(), "bash", filepath.Join(folder, ".ci", "run"))
			command.Env = append(os.Environ(), "STEPS="+tt.only, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
			out, _ := command.CombinedOutput() // the exit code is checked below
			if code := command.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tt.code, tt.says, out)
			}
			if _, err := os.Stat(filepath.Join(folder, ".git", "passed-run")); (err == nil) != tt.marked {
				t.Errorf("marked as passed: %t", err == nil)
			}
		})
	}
}

// TestAPICheckChoosesTheLastRelease runs tools/apicheck.sh with a go that finds no change.
func TestAPICheckChoosesTheLastRelease(t *testing.T) {
	script, err := os.ReadFile("../apicheck.sh")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	folder := gittest.Repository(t, map[string]string{"tools/apicheck.sh": string(script)})
	check := func(want string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "bash", filepath.Join(folder, "tools", "apicheck.sh"))
		command.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
		out, err := command.CombinedOutput()
		if err != nil || string(out) != want+"\n" {
			t.Errorf("%v, want %s:\n%s", err, want, out)
		}
	}
	check("no release yet: there is nothing to be compatible with")
	gittest.Git(t, folder, "tag", "v0.1.0")
	gittest.Git(t, folder, "tag", "capture/v0.1.0")
	check("no release yet: there is nothing to be compatible with")
	gittest.Write(t, folder, "a", "")
	gittest.Commit(t, folder)
	check("compatible with v0.1.0")
	gittest.Git(t, folder, "tag", "v0.2.0")
	check("compatible with v0.1.0")
}
