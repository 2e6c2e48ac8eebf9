package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo/metlotest"
)

// actionRun is one run of a script of action.yml with the variables of GitHub's runner.
type actionRun struct {
	workspace string
	code      int
	log       string // what the step printed
	outputs   map[string]string
	summary   string
}

// runAction runs a script of .github/action in a workspace. The runner's variables can be replaced by env.
func runAction(t *testing.T, script, workspace string, env map[string]string) actionRun {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the file system of Windows does not say which files are scripts")
	}
	program, err := filepath.Abs(filepath.Join("..", "..", ".github", "action", script))
	require.NoError(t, err)
	runner := t.TempDir()
	variables := map[string]string{
		"HOME": t.TempDir(), "PATH": os.Getenv("PATH"), "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace,
		"RUNNER_TEMP": filepath.Join(runner, "temp with space"), "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64",
		"GITHUB_OUTPUT": filepath.Join(runner, "output"), "GITHUB_STEP_SUMMARY": filepath.Join(runner, "summary"),
	}
	for name, value := range env {
		variables[name] = value
	}
	require.NoError(t, os.Mkdir(filepath.Join(runner, "temp with space"), 0o700))
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		require.NoError(t, os.WriteFile(variables[name], nil, 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir = workspace
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); !exited { //nolint:errorlint // the process ended, or did not start
		require.NoError(t, err, string(out))
	}
	run := actionRun{workspace: workspace, code: cmd.ProcessState.ExitCode(), log: string(out), outputs: map[string]string{}}
	for name, target := range map[string]*string{"GITHUB_STEP_SUMMARY": &run.summary} {
		text, err := os.ReadFile(variables[name])
		require.NoError(t, err)
		*target = string(text)
	}
	outputs, err := os.ReadFile(variables["GITHUB_OUTPUT"])
	require.NoError(t, err)
	for line := range strings.Lines(string(outputs)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		require.True(t, ok, line)
		require.NotContains(t, run.outputs, name)
		run.outputs[name] = value
	}
	return run
}

// TestActionGate runs the gate in the three situations, under each policy.
func TestActionGate(t *testing.T) {
	srv := shop(t)
	tests := map[string]struct {
		args    string
		host    string
		outcome string
		code    int
		fails   map[string]bool // by policy
		summary string
	}{
		"clean": {
			"--severity=high\n--host=nothing.example.com", "", "unknown", 2, // a host that does not exist
			map[string]bool{"findings": true, "error": true, "never": false}, "",
		},
		"findings": {
			"--severity=low", "", "findings", 1,
			map[string]bool{"findings": true, "error": false, "never": false}, "finding",
		},
		"could not tell": {
			"", "http://127.0.0.1:1", "unknown", 2,
			map[string]bool{"findings": true, "error": true, "never": false}, "",
		},
	}
	for name, tt := range tests {
		for policy, fails := range tt.fails {
			t.Run(name+"/"+policy, func(t *testing.T) {
				host := srv.URL
				if tt.host != "" {
					host = tt.host
				}
				run := runAction(t, "run", t.TempDir(), map[string]string{
					"INPUT_ARGS": tt.args, "INPUT_FAIL_ON": policy, "INPUT_METLO_HOST": host, "INPUT_API_KEY": srv.APIKey,
				})
				assert.Equal(t, tt.outcome, run.outputs["outcome"], run.log)
				assert.Equal(t, fmt.Sprint(tt.code), run.outputs["exit-code"])
				if fails {
					assert.Equal(t, tt.code, run.code, run.log)
				} else {
					assert.Zero(t, run.code, run.log)
					assert.Contains(t, run.log, "::warning title=metlo::metlo gate: "+tt.outcome+", and fail-on is "+policy)
				}
				assert.FileExists(t, run.outputs["sarif"])
				assert.NotEmpty(t, run.summary)
				assert.Contains(t, run.summary, tt.summary)
				assert.NotContains(t, run.log+run.summary, srv.APIKey)
			})
		}
	}
}
