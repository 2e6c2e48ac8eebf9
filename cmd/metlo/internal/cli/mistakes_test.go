package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

// goName matches names that only a programmer knows: an option, a constructor, a method of a service.
var goName = regexp.MustCompile(`\b(With(out)?[A-Z]\w+|AllowHosts|NewClient\w*|Parse[A-Z]\w+|[A-Z][a-z]+[A-Za-z]*\.[A-Z][a-z]\w+)`)

// execute runs the command in this process, and returns its exit code and standard error.
func execute(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	var stderr bytes.Buffer
	a := &app{in: strings.NewReader(""), stdout: null, out: bufio.NewWriter(io.Discard), err: &stderr}
	return a.run(ctx, args), stderr.String()
}

// commands returns the paths of all commands that have an action.
func commands(cmd *cobra.Command, path ...string) (all [][]string) {
	for _, sub := range cmd.Commands() {
		here := append(append([]string{}, path...), sub.Name())
		if sub.HasSubCommands() {
			all = append(all, commands(sub, here...)...)
		} else if name := here[0]; name != "demo" && name != "completion" && name != "help" {
			all = append(all, here)
		}
	}
	return all
}

// TestErrorsSpeakFlags makes the most common mistakes with every command.
func TestErrorsSpeakFlags(t *testing.T) {
	srv := metlotest.New(t, metlotest.Demo())
	folder := t.TempDir()
	t.Chdir(folder)
	t.Setenv("HOME", folder)
	for name, content := range map[string]string{
		"empty.yaml": "", "bad.yaml": "id: [", "bad.metlo": "actor {", "bad.har": "{}", "secret.env": "NAME",
		"payload.yaml":    "id: payload\ntest:\n  - request: {method: GET, url: 'http://127.0.0.1:1/'}\n    payload: [{key: X, value: NO_SUCH_LIST}]\n    assert: ['true']\n",
		"otherhost.yaml":  "id: other\ntest:\n  - request: {method: GET, url: 'https://not-allowed.example.com/'}\n    assert: ['true']\n",
		"nourl.yaml":      "id: nourl\ntest:\n  - request: {method: GET, url: '{{BASE_URL}}/'}\n    assert: ['true']\n",
		"notest.yaml":     "id: notest\n",
		".metloignore.no": "ignore: []",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	healthy := []string{"METLO_HOST=" + srv.URL, "METLO_API_KEY=" + srv.APIKey, "METLO_COLLECTOR_HOST=" + srv.CollectorURL}
	settings := map[string][]string{
		"no instance":           {"METLO_HOST=", "METLO_API_KEY=", "METLO_COLLECTOR_HOST="},
		"plain http":            {"METLO_HOST=http://metlo.example.com", "METLO_API_KEY=metlo.x", "METLO_COLLECTOR_HOST="},
		"no address":            {"METLO_HOST=https://", "METLO_API_KEY=metlo.x", "METLO_COLLECTOR_HOST="},
		"collector's address":   {"METLO_HOST=" + srv.CollectorURL, "METLO_API_KEY=" + srv.APIKey, "METLO_COLLECTOR_HOST="},
		"plain http collector":  {"METLO_HOST=" + srv.URL, "METLO_API_KEY=" + srv.APIKey, "METLO_COLLECTOR_HOST=http://collector.example.com"},
		"collector not known":   {"METLO_HOST=" + srv.URL, "METLO_API_KEY=" + srv.APIKey, "METLO_COLLECTOR_HOST="},
		"key with a line break": {"METLO_HOST=" + srv.URL, "METLO_API_KEY=metlo.x\ny", "METLO_COLLECTOR_HOST="},
		"nobody listens":        {"METLO_HOST=http://127.0.0.1:1", "METLO_API_KEY=metlo.x", "METLO_COLLECTOR_HOST="},
	}
	check := func(t *testing.T, args []string) {
		t.Helper()
		code, stderr := execute(t, args...)
		assert.NotRegexp(t, goName, stderr, "%s", strings.Join(args, " "))
		for line := range strings.Lines(stderr) {
			assert.LessOrEqual(t, len(line), 500, "%s: %s", strings.Join(args, " "), line)
		}
		if code != 0 && code != exitFindings {
			assert.NotEmpty(t, stderr, "%s", strings.Join(args, " "))
		}
	}
	arguments := [][]string{
		{}, {"nonsense"}, {""}, {"00000000-0000-4000-8000-0000000000ff"}, {"one", "two"}, {"--no-such-flag"}, {"nonsense", "--yes"},
		{"empty.yaml"}, {"bad.yaml"}, {"bad.metlo"}, {"bad.har"}, {"missing.file"}, {"."}, {"--timeout", "1"}, {"--host", "no.example.com"},
	}
	for _, command := range commands(Root()) {
		t.Run(strings.Join(command, " "), func(t *testing.T) {
			setenv(t, healthy)
			for _, more := range arguments {
				if command[0] == "webhook" && command[1] == "listen" && len(more) == 0 {
					continue // it would listen
				}
				check(t, append(append([]string{}, command...), more...))
			}
			for name, env := range settings {
				t.Run(name, func(t *testing.T) {
					if command[len(command)-1] == "listen" || command[len(command)-1] == "login" && name == "no instance" {
						return
					}
					setenv(t, env)
					check(t, append(append([]string{"--timeout", "20s"}, command...), "00000000-0000-4000-8000-0000000000ff"))
					if name != "nobody listens" { // the test waits for that address
						check(t, append([]string{"--timeout", "20s"}, command...))
					}
				})
			}
		})
	}
	setenv(t, healthy)
	for _, line := range []string{
		"test run payload.yaml --allow-host http://127.0.0.1:1", "test run otherhost.yaml --allow-host http://127.0.0.1:1",
		"test run nourl.yaml --allow-host http://127.0.0.1:1", "test run notest.yaml --allow-host a.example.com",
		"test run nourl.yaml --allow-host https://a.example.com/path", "test run nourl.yaml --allow-host a.example.com --parallel 0",
		"test run nourl.yaml --allow-host a.example.com --rate -1", "test run nourl.yaml --allow-host a.example.com --env-file secret.env",
		"test run nourl.yaml --allow-host a.example.com --payload-dir missing", "test run nourl.yaml --allow-host a.example.com --set X",
		"test generate --host no.example.com", "test generate --template NO", "webhook create ftp://a.example.com", "webhook create nonsense",
		"key create ''", "key delete nonsense", "spec upload bad.yaml", "spec get nonsense", "gate --baseline missing", "gate --spec-dir missing",
		"gate --ignore-file .metloignore.no", "gate --format nonsense", "ingest har bad.har --dry-run", "ingest har bad.har --mask ''",
		"alert resolve 00000000-0000-4000-8000-0000000000ff -m ''", "alert list --since tomorrow", "endpoint list --search [", "--instance x --context y status",
		"host delete ''", "webhook update 00000000-0000-4000-8000-0000000000ff --url x",
	} {
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "''", "")
		}
		check(t, args)
	}
}

func setenv(t *testing.T, pairs []string) {
	t.Helper()
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// TestManyFailuresAreOneLineEach uploads several documents that the server refuses.
func TestManyFailuresAreOneLineEach(t *testing.T) {
	srv := metlotest.New(t)
	setenv(t, []string{"METLO_HOST=" + srv.URL, "METLO_API_KEY=" + srv.APIKey, "HOME=" + t.TempDir()})
	t.Chdir(t.TempDir())
	args := []string{"spec", "upload"}
	for i := range 5 {
		name := fmt.Sprintf("spec%d.yaml", i)
		require.NoError(t, os.WriteFile(name, []byte("openapi: ["), 0o600))
		args = append(args, name)
	}
	code, stderr := execute(t, args...)
	assert.Equal(t, exitUnknown, code)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	assert.Len(t, lines, 6, stderr)
	for i, line := range lines[:5] {
		assert.Contains(t, line, fmt.Sprintf("spec%d.yaml: ", i))
	}
	assert.Equal(t, "metlo: 5 of 5 documents not uploaded", lines[5])
}
