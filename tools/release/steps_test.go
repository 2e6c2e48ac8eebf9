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
			out, _ := command.CombinedOutput() // the exit code is what counts
			if code := command.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tt.code, tt.says, out)
			}
			if _, err := os.Stat(filepath.Join(folder, ".git", "passed-run")); (err == nil) != tt.marked {
				t.Errorf("marked as passed: %t", err == nil)
			}
		})
	}
}
