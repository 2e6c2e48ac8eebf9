package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// actionRun represents one run of a script of action.yml with the variables of GitHub's runner.
type actionRun struct {
	code    int
	log     string // output of the step
	outputs map[string]string
	summary string
}

// runAction runs a script of .github/action in a workspace. The variables in env override those of the runner.
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
	maps.Copy(variables, env)
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
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err, string(out))
	}
	run := actionRun{code: cmd.ProcessState.ExitCode(), log: string(out), outputs: map[string]string{}}
	summary, err := os.ReadFile(variables["GITHUB_STEP_SUMMARY"])
	require.NoError(t, err)
	run.summary = string(summary)
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

// policies returns the values of fail-on, and whether each fails for an outcome.
func policies(outcome string) map[string]bool {
	return map[string]bool{"findings": outcome != "clean", "error": outcome == "unknown", "never": false}
}

// TestAction runs each command in three situations, with each policy.
func TestAction(t *testing.T) {
	srv := shop(t)
	target := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(target.Close)
	test := func(status string) string {
		return "id: missing\nmeta:\n  name: missing\n  severity: HIGH\ntest:\n  - request:\n      method: GET\n      url: '{{URL}}/none'\n" +
			"    assert:\n      - resp.status == " + status + "\n"
	}
	payments := func(host, path string) string {
		return "openapi: 3.0.3\ninfo: {title: Payments, version: '1'}\nservers: [{url: 'https://" + host + "'}]\n" +
			"security: [{key: []}]\ncomponents: {securitySchemes: {key: {type: http, scheme: bearer}}}\npaths:\n  " + path + ":\n    post:\n" +
			"      requestBody: {content: {application/json: {schema: {properties: {card: {type: string, nullable: true}}}}}}\n" +
			"      responses: {'201': {description: paid}}\n"
	}
	tests := map[string]struct {
		command, args, host string
		outcome             string
		code                int
		summary             string
	}{
		"gate, clean":                    {"gate", "--severity=high\n--type=NEW_ENDPOINT", srv.URL, "clean", 0, "Clean"},
		"gate, findings":                 {"gate", "--severity=high", srv.URL, "findings", 1, "3 findings"},
		"gate, no such host":             {"gate", "--host=nothing.example.com", srv.URL, "unknown", 2, "no such host"},
		"gate, no instance":              {"gate", "", "http://127.0.0.1:1", "unknown", 2, "result unknown"},
		"gate, no such flag":             {"gate", "--sevrity=low", srv.URL, "unknown", 2, "wrote no report"},
		"gate, checks nothing":           {"gate", "--help", srv.URL, "unknown", 2, "wrote no report"},
		"drift, clean":                   {"drift", "payments.yaml\n--since=2026-01-20", srv.URL, "clean", 0, "Clean"},
		"drift, findings":                {"drift", "refunds.yaml\n--since=2026-01-20", srv.URL, "findings", 1, "2 differences"},
		"drift, a host that is not seen": {"drift", "staging.yaml\n--since=2026-01-20", srv.URL, "unknown", 2, "Result unknown"},
		"test, clean":                    {"test", "sound.yaml\n--allow-host=" + target.URL + "\n--set=URL=" + target.URL, srv.URL, "clean", 0, "Clean"},
		"test, findings":                 {"test", "flawed.yaml\n--allow-host=" + target.URL + "\n--set=URL=" + target.URL, srv.URL, "findings", 1, "1 finding"},
		"test, a host that is not there": {"test", "sound.yaml\n--allow-host=127.0.0.1:1\n--set=URL=http://127.0.0.1:1", srv.URL, "unknown", 2, ""},
	}
	for name, tt := range tests {
		for policy, fails := range policies(tt.outcome) {
			t.Run(name+"/"+policy, func(t *testing.T) {
				workspace := t.TempDir()
				for file, text := range map[string]string{
					"sound.yaml": test("404"), "flawed.yaml": test("200"), "payments.yaml": payments("pay.example.com", "/payments"),
					"refunds.yaml": payments("pay.example.com", "/refunds"), "staging.yaml": payments("staging.example.com", "/payments"),
				} {
					require.NoError(t, os.WriteFile(filepath.Join(workspace, file), []byte(text), 0o600))
				}
				run := runAction(t, "run", workspace, map[string]string{
					"INPUT_COMMAND": tt.command, "INPUT_ARGS": tt.args, "INPUT_FAIL_ON": policy,
					"INPUT_METLO_HOST": tt.host, "INPUT_API_KEY": srv.APIKey,
				})
				assert.Equal(t, tt.outcome, run.outputs["outcome"], run.log)
				assert.Equal(t, strconv.Itoa(tt.code), run.outputs["exit-code"])
				if fails {
					assert.Equal(t, tt.code, run.code, run.log)
				} else {
					assert.Zero(t, run.code, run.log)
				}
				assert.Equal(t, !fails && tt.code != 0, strings.Contains(run.log, "::warning title=metlo::metlo "+tt.command), run.log)
				assert.Contains(t, run.summary, tt.summary)
				assert.NotContains(t, run.log+run.summary, srv.APIKey)
				if strings.Contains(tt.summary, "no report") {
					assert.Empty(t, run.outputs["sarif"])
					return
				}
				assert.NotEmpty(t, run.summary)
				sarif, err := os.ReadFile(run.outputs["sarif"])
				require.NoError(t, err)
				assert.Contains(t, string(sarif), fmt.Sprintf(`"executionSuccessful":%t`, tt.outcome != "unknown"))
			})
		}
	}
}

// TestActionTakesInputsAsValues checks that no script runs or expands an input, or mistakes it for another one.
func TestActionTakesInputsAsValues(t *testing.T) {
	srv := shop(t)
	const hostile = "$(touch ran) `touch ran`; touch ran & touch ran | touch ran '\" * ${HOME} %0A::set-output name=outcome::clean"
	for name, tt := range map[string]struct {
		env  map[string]string
		says string
	}{
		"an argument":     {map[string]string{"INPUT_ARGS": "--host=" + hostile}, "no host is like $(touch ran) `touch ran`; touch ran"},
		"two in one line": {map[string]string{"INPUT_ARGS": "--severity low"}, "has no flag --severity low"},
		"a command":       {map[string]string{"INPUT_COMMAND": "gate; touch ran"}, "the input command is none of"},
		"another command": {map[string]string{"INPUT_COMMAND": "wipe"}, "the input command is none of"},
		"a policy":        {map[string]string{"INPUT_FAIL_ON": hostile}, "the input fail-on is none of"},
		"a folder":        {map[string]string{"INPUT_WORKING_DIRECTORY": hostile}, "the input working-directory names no folder"},
		"a file":          {map[string]string{"INPUT_WORKING_DIRECTORY": "file"}, "the input working-directory names no folder"},
		"an instance":     {map[string]string{"INPUT_METLO_HOST": hostile}, "::error title=Metlo"},
		"a line of output": {
			map[string]string{"INPUT_ARGS": "--host=a\noutcome=clean"}, "metlo",
		},
	} {
		t.Run(name, func(t *testing.T) {
			workspace := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(workspace, "file"), nil, 0o600))
			env := map[string]string{"INPUT_METLO_HOST": srv.URL, "INPUT_API_KEY": srv.APIKey}
			maps.Copy(env, tt.env)
			run := runAction(t, "run", workspace, env)
			assert.Equal(t, 2, run.code, run.log)
			assert.Contains(t, run.log, tt.says)
			assert.NoFileExists(t, filepath.Join(workspace, "ran"))
			assert.NotEqual(t, "clean", run.outputs["outcome"])
			for line := range strings.Lines(run.log) {
				assert.NotRegexp(t, `^::set-output`, line)
			}
		})
	}
}

// release serves a release archive with its checksums. The metlo in it starts the metlo of the tests.
func release(t *testing.T, change func(files map[string][]byte)) string {
	t.Helper()
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(compressed)
	script := "#!/bin/sh\nexec metlo \"$@\"\n"
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "metlo_1.2.0_linux_amd64/metlo", Mode: 0o755, Size: int64(len(script))}))
	_, err := archive.Write([]byte(script))
	require.NoError(t, errors.Join(err, archive.Close(), compressed.Close()))
	const name = "metlo_1.2.0_linux_amd64.tar.gz"
	files := map[string][]byte{
		name:            buffer.Bytes(),
		"checksums.txt": fmt.Appendf(nil, "%x  other.tar.gz\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256(buffer.Bytes()), name),
	}
	change(files)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[strings.TrimPrefix(r.URL.Path, "/v1.2.0/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestActionInstalls downloads a release, and rejects one that does not match its checksums.
func TestActionInstalls(t *testing.T) {
	const name = "metlo_1.2.0_linux_amd64.tar.gz"
	whole := func(map[string][]byte) {}
	for title, tt := range map[string]struct {
		env    map[string]string
		change func(map[string][]byte)
		says   string
		fails  bool
	}{
		"the version of the action's tag": {map[string]string{"ACTION_REF": "v1.2.0"}, whole, "metlo 0.0.0", false},
		"another version":                 {map[string]string{"ACTION_REF": "main", "INPUT_VERSION": "1.2.0"}, whole, "metlo 0.0.0", false},
		"another version with a v":        {map[string]string{"INPUT_VERSION": "v1.2.0"}, whole, "metlo 0.0.0", false},
		"a branch":                        {map[string]string{"ACTION_REF": "main"}, whole, "set the input version", true},
		"nothing":                         {nil, whole, "set the input version", true},
		"a path for a version":            {map[string]string{"INPUT_VERSION": "../1.2.0"}, whole, "set the input version", true},
		"no such version":                 {map[string]string{"INPUT_VERSION": "9.9.9"}, whole, "could not be downloaded", true},
		"another system":                  {map[string]string{"INPUT_VERSION": "1.2.0", "RUNNER_OS": "Plan9"}, whole, "no archive for the system", true},
		"another processor":               {map[string]string{"INPUT_VERSION": "1.2.0", "RUNNER_ARCH": "X86"}, whole, "no archive for the processor", true},
		"another archive": {
			map[string]string{"INPUT_VERSION": "1.2.0"}, func(files map[string][]byte) { files[name] = append(files[name], 0) },
			"is not what checksums.txt", true,
		},
		"no checksum": {
			map[string]string{"INPUT_VERSION": "1.2.0"}, func(files map[string][]byte) { files["checksums.txt"] = nil },
			"is not what checksums.txt", true,
		},
		"an installed program":  {map[string]string{"INPUT_METLO": "metlo"}, whole, "", false},
		"a program that is not": {map[string]string{"INPUT_METLO": "no-such-metlo"}, whole, "names no program", true},
		"two lines":             {map[string]string{"INPUT_METLO": "metlo\nmetlo=x"}, whole, "more than one line", true},
	} {
		t.Run(title, func(t *testing.T) {
			env := map[string]string{"METLO_RELEASES": release(t, tt.change)}
			maps.Copy(env, tt.env)
			run := runAction(t, "install", t.TempDir(), env)
			assert.Contains(t, run.log, tt.says)
			if tt.fails {
				assert.Equal(t, 2, run.code, run.log)
				assert.Empty(t, run.outputs)
				return
			}
			assert.Zero(t, run.code, run.log)
			_, err := exec.LookPath(run.outputs["metlo"])
			assert.NoError(t, err)
		})
	}
}

// TestActionPassesItsInputs checks that each input reaches a script as a variable, and that a variable sets each
// output.
func TestActionPassesItsInputs(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "action.yml"))
	require.NoError(t, err)
	var action struct {
		Inputs  map[string]struct{ Description, Default string }
		Outputs map[string]struct{ Description, Value string }
		Runs    struct {
			Using string
			Steps []struct {
				ID, Shell, Run string
				Env            map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(data, &action))
	assert.Equal(t, "composite", action.Runs.Using)
	var scripts strings.Builder
	passed := map[string]bool{}
	for _, step := range action.Runs.Steps {
		assert.NotContains(t, step.Run, "${{", "an input in a script is code")
		name := regexp.MustCompile(`\.github/action/(\w+)"$`).FindStringSubmatch(step.Run)
		require.NotNil(t, name, step.Run)
		script, err := os.ReadFile(filepath.Join("..", "..", ".github", "action", name[1]))
		require.NoError(t, err)
		scripts.Write(script)
		for variable, value := range step.Env {
			assert.Contains(t, string(script), "${"+variable, "%s is not read", variable)
			passed[value] = true
		}
	}
	require.NotEmpty(t, action.Inputs)
	for name := range action.Inputs {
		assert.True(t, passed["${{ inputs."+name+" }}"], "the input %s is not passed", name)
	}
	for name, output := range action.Outputs {
		assert.Equal(t, "${{ steps.run.outputs."+name+" }}", output.Value)
		assert.Contains(t, scripts.String(), name+"=%")
	}
}
