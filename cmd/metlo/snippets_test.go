package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// gitlabJob returns the script and the variables of docs/gitlab/metlo.gitlab-ci.yml.
func gitlabJob(t *testing.T) (script string, variables map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "gitlab", "metlo.gitlab-ci.yml"))
	require.NoError(t, err)
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci.md"))
	require.NoError(t, err)
	require.Contains(t, string(document), "```yaml\n"+string(text)+"```\n", "docs/ci.md shows another file")
	var file struct {
		Metlo struct {
			Variables map[string]string
			Script    []string
			Artifacts struct{ Reports map[string]string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.NotEmpty(t, file.Metlo.Script)
	for _, report := range file.Metlo.Artifacts.Reports {
		require.Contains(t, strings.Join(file.Metlo.Script, "\n"), "="+report)
	}
	return strings.Join(file.Metlo.Script, "\n"), file.Metlo.Variables
}

// TestGitLabJob runs the script of the GitLab snippet as a runner does, with a release that the test serves.
func TestGitLabJob(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the job is for Linux on amd64")
	}
	script, variables := gitlabJob(t)
	srv := shop(t)
	whole := func(map[string][]byte) {}
	for name, tt := range map[string]struct {
		host   string
		change func(map[string][]byte)
		code   int
		says   string
	}{
		"findings":        {srv.URL, whole, 1, "3 open alerts of severity high or above"},
		"clean":           {clean(t).URL, whole, 0, "0 open alerts"},
		"result unknown":  {"http://127.0.0.1:1", whole, 2, "result unknown"},
		"another archive": {srv.URL, func(files map[string][]byte) { files["metlo_1.2.0_linux_amd64.tar.gz"] = []byte("x") }, 1, "FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", script)
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
			for name, value := range variables {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			cmd.Env = append(cmd.Env, "METLO_VERSION=1.2.0", "METLO_RELEASES="+release(t, tt.change), "METLO_HOST="+tt.host, "METLO_API_KEY="+srv.APIKey)
			out, _ := cmd.CombinedOutput() // the exit code is checked below
			assert.Equal(t, tt.code, cmd.ProcessState.ExitCode(), string(out))
			assert.Contains(t, string(out), tt.says)
			for _, report := range []string{"gl-code-quality-report.json", "metlo.xml"} {
				_, err := os.Stat(filepath.Join(folder, report))
				assert.Equal(t, name != "another archive", err == nil, report)
			}
		})
	}
}

// clean starts a server whose alerts are all resolved.
func clean(t *testing.T) *metlotest.Server {
	t.Helper()
	srv := shop(t)
	client := srv.Client()
	for alert, err := range client.Alerts.All(t.Context(), nil) {
		require.NoError(t, err)
		if alert.Status == "Open" {
			_, err := client.Alerts.Resolve(t.Context(), alert.UUID, "fixed")
			require.NoError(t, err)
		}
	}
	return srv
}

// TestPreCommitHooks runs each hook on valid and invalid files.
func TestPreCommitHooks(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", ".pre-commit-hooks.yaml"))
	require.NoError(t, err)
	var hooks []struct{ ID, Name, Entry, Language, Files string }
	require.NoError(t, yaml.Unmarshal(data, &hooks))
	srv := shop(t)
	// A document agrees with what was seen lately.
	require.NoError(t, srv.Client().Collector.Log(t.Context(), &metlo.Trace{
		Request:  metlo.TraceRequest{Method: "GET", URL: metlo.TraceURL{Host: "new.example.com", Path: "/orders"}},
		Response: metlo.TraceResponse{Status: 200},
		Meta:     metlo.TraceMeta{Incoming: true, Source: "10.0.0.1", SourcePort: "1", Destination: "10.0.0.2", DestinationPort: "443"},
	}))
	document := func(path string) string {
		return "openapi: 3.0.3\ninfo: {title: Orders, version: '1'}\nservers: [{url: https://new.example.com}]\n" +
			"paths: {" + path + ": {get: {responses: {'200': {description: all}}}}}\n"
	}
	cases := map[string]struct {
		file, right, wrong string
		code               int // for the wrong file
		says               string
	}{
		"metlo-drift": {"api/openapi.yaml", document("/orders"), document("/users"), 1, "Shadow endpoint"},
		"metlo-test-files": {
			"metlo-tests/shop/login.yaml",
			"id: a\ntest:\n  - request:\n      method: GET\n      url: '{{URL}}'\n",
			"id: a\ntest:\n  - request:\n      methd: GET\n      url: '{{URL}}'\n",
			2, `login.yaml:4:7: test[0].request: unknown key "methd"`,
		},
	}
	require.Len(t, hooks, len(cases), "each hook has a case")
	for _, hook := range hooks {
		t.Run(hook.ID, func(t *testing.T) {
			tt, ok := cases[hook.ID]
			require.True(t, ok)
			assert.NotEmpty(t, hook.Name)
			assert.Regexp(t, regexp.MustCompile(hook.Files), tt.file)
			assert.NotRegexp(t, regexp.MustCompile(hook.Files), "README.md")
			for text, code := range map[string]int{tt.right: 0, tt.wrong: tt.code} {
				folder := t.TempDir()
				file := filepath.Join(folder, filepath.FromSlash(tt.file))
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
				words := append(strings.Fields(hook.Entry), tt.file)
				cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
				cmd.Dir = folder
				cmd.Env = append(os.Environ(), "HOME="+folder, "METLO_HOST="+srv.URL, "METLO_API_KEY="+srv.APIKey)
				out, _ := cmd.CombinedOutput() // the exit code is checked below
				assert.Equal(t, code, cmd.ProcessState.ExitCode(), string(out))
				if code != 0 {
					assert.Contains(t, string(out), tt.says)
				}
			}
		})
	}
}
