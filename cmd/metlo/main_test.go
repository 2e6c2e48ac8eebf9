package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

var update = flag.Bool("update", false, "write the golden output of the scripts anew")

// TestMain is also the main function of the commands that scripts and tests start.
func TestMain(m *testing.M) {
	commands := map[string]func(){"metlo": main}
	maps.Copy(commands, platformCommands())
	testscript.Main(m, commands)
}

// shop starts a server with the data of testdata/shop.json.
func shop(t interface{ Cleanup(func()) }) *metlotest.Server {
	data, err := os.ReadFile("testdata/shop.json")
	if err != nil {
		panic(err)
	}
	srv := metlotest.NewServer(metlotest.Load(bytes.NewReader(data)))
	t.Cleanup(srv.Close)
	return srv
}

// TestScripts runs testdata/script/*.txtar. $TARGET is the address of a service to test, with /open and /private. The
// scripts may use these commands besides those of testscript:
//
//	exits CODE COMMAND…        the command ends with this code
//	fault PATH [STATUS|cut]    the server fails requests to the path from now on
//	outage STAGE, mend STAGE  the database or the cache of the server stops, and starts again
//	sent METHOD PATH           prints the bodies of the requests that the server received so
//	instance                   commands talk to the server, which is $SERVER with $KEY and $COLLECTOR
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			srv := shop(cleaner{env})
			env.Values["server"] = srv
			env.Setenv("SERVER", srv.URL)
			env.Setenv("KEY", srv.APIKey)
			env.Setenv("COLLECTOR", srv.CollectorURL)
			target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/private" && r.Header.Get("Authorization") == "" {
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			env.Defer(target.Close)
			env.Setenv("TARGET", target.URL)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			env.Setenv("ESC", "\x1b")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				code := 0
				var exit *exec.ExitError
				if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
					code = exit.ExitCode()
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if code != want {
					ts.Fatalf("exit code %d, want %d\n%s%s", code, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
				}
			},
			"fault": func(ts *testscript.TestScript, _ bool, args []string) {
				fault := metlotest.Fault{Path: args[0], Cut: -1}
				if len(args) > 1 && args[1] != "cut" {
					status, err := strconv.Atoi(args[1])
					ts.Check(err)
					fault = metlotest.Fault{Path: args[0], Status: status, Body: "no database"}
				}
				ts.Value("server").(*metlotest.Server).Inject(fault)
			},
			"outage": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("server").(*metlotest.Server).Stop(stage(ts, args))
			},
			"mend": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("server").(*metlotest.Server).Start(stage(ts, args))
			},
			"sent": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, r := range ts.Value("server").(*metlotest.Server).Requests() {
					if r.Method == args[0] && strings.HasSuffix(r.Path, args[1]) {
						fmt.Fprintf(ts.Stdout(), "%s\n", r.Body)
					}
				}
			},
			"instance": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Setenv("METLO_HOST", ts.Getenv("SERVER"))
				ts.Setenv("METLO_API_KEY", ts.Getenv("KEY"))
				ts.Setenv("METLO_COLLECTOR_HOST", ts.Getenv("COLLECTOR"))
			},
		},
	})
}

func stage(ts *testscript.TestScript, args []string) metlotest.Stage {
	found := map[string]metlotest.Stage{"database": metlotest.Database, "cache": metlotest.Cache}[args[0]]
	if found == 0 {
		ts.Fatalf("no stage %s", args[0])
	}
	return found
}

type cleaner struct{ env *testscript.Env }

func (c cleaner) Cleanup(f func()) { c.env.Defer(f) }

// command returns the metlo command for a server, with an empty folder and home.
func command(t *testing.T, srv *metlotest.Server, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "metlo", args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "METLO_HOST="+srv.URL, "METLO_API_KEY="+srv.APIKey, "METLO_COLLECTOR_HOST="+srv.CollectorURL)
	return cmd
}

// waitFor waits until the server has received a request.
func waitFor(t *testing.T, srv *metlotest.Server, path string) {
	t.Helper()
	eventually(t, "the request never came", func() bool {
		for _, r := range srv.Requests() {
			if strings.HasSuffix(r.Path, path) {
				return true
			}
		}
		return false
	})
}

// patience is the maximum time that a test waits for an immediate event.
const patience = 30 * time.Second

// eventually waits until a condition holds.
func eventually(t *testing.T, otherwise string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatal(otherwise)
		}
	}
}

// TestInterrupt sends Ctrl-C while the server does not answer.
func TestInterrupt(t *testing.T) {
	interruptible(t)
	tests := map[string]struct {
		path string
		args []string
	}{
		"gate":      {"/alerts", []string{"gate", "--format", "sarif=metlo.sarif"}},
		"list":      {"/endpoints", []string{"endpoint", "list"}},
		"inventory": {"/endpoints", []string{"inventory", "--file", "endpoints.csv"}},
		"report":    {"/endpoints", []string{"report"}},
		"change":    {"/alerts", []string{"alert", "ignore", "--risk", "low", "--yes"}},
		"status":    {"/summary", []string{"status"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			srv := shop(t)
			srv.Inject(metlotest.Fault{Path: tt.path, Delay: time.Hour})
			cmd := command(t, srv, tt.args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			require.NoError(t, cmd.Start())
			waitFor(t, srv, tt.path)
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			require.Error(t, cmd.Wait())
			assert.Equal(t, 130, cmd.ProcessState.ExitCode(), stderr.String())
			assert.Contains(t, stderr.String(), "interrupted")
			files, err := os.ReadDir(cmd.Dir)
			require.NoError(t, err)
			for _, file := range files {
				assert.Equal(t, "endpoints.csv.partial", file.Name(), "nothing half-written but what can be resumed")
			}
		})
	}
}

// TestInterruptedChangeSaysWhatWasChanged interrupts the command while it changes the second of two alerts.
func TestInterruptedChangeSaysWhatWasChanged(t *testing.T) {
	interruptible(t)
	srv := shop(t)
	srv.Inject(metlotest.Fault{Method: http.MethodPut, Path: "/alert/00000000-0000-4000-b000-000000000001", Delay: time.Hour})
	cmd := command(t, srv, "alert", "resolve", "--type", "PII Data Detected", "--yes", "-m", "done", "--audit", "audit.jsonl")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	waitFor(t, srv, "/alert/00000000-0000-4000-b000-000000000001")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 130, cmd.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), "interrupted: 1 of 3 alerts resolved, and perhaps 00000000-0000-4000-b000-000000000001, 1 not sent")
	assert.Contains(t, stdout.String(), "  resolved  00000000-0000-4000-b000-000000000004")
	assert.Equal(t, 2, strings.Count(stdout.String(), "\n"), "a line for each that was sent")
	audit, err := os.ReadFile(filepath.Join(cmd.Dir, "audit.jsonl"))
	require.NoError(t, err)
	var outcomes []string
	for line := range strings.Lines(string(audit)) {
		var entry struct{ Alert, Outcome string }
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		outcomes = append(outcomes, entry.Outcome)
	}
	assert.Equal(t, []string{"resolved", "perhaps done", "not sent"}, outcomes)
}

// TestSecondInterruptEndsAtOnce interrupts a demo server twice, because closing it takes time.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	interruptible(t)
	cmd := command(t, shop(t), "demo")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	first := make([]byte, 6)
	_, err = stdout.Read(first)
	require.NoError(t, err)
	assert.Equal(t, "export", string(first))
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended already
	require.Error(t, cmd.Wait())
	assert.Equal(t, 130, cmd.ProcessState.ExitCode())
}

func TestBrokenPipe(t *testing.T) {
	for _, args := range [][]string{{"alert", "list"}, {"endpoint", "list", "-o", "json"}, {"inventory"}, {"gate"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			cmd := command(t, shop(t), args...)
			read, write, err := os.Pipe()
			require.NoError(t, err)
			require.NoError(t, read.Close())
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = write, &stderr
			require.NoError(t, cmd.Start())
			require.NoError(t, write.Close())
			require.Error(t, cmd.Wait())
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			assert.False(t, status.Signaled(), "it cleans up after itself")
			assert.Equal(t, 2, cmd.ProcessState.ExitCode(), "what was not written is no success")
			assert.NotContains(t, stderr.String(), "pipe")
		})
	}
}

// TestEvidenceOfAuthentication has traces that carry credentials, succeed without, fail without, and are unknown.
func TestEvidenceOfAuthentication(t *testing.T) {
	const id = "00000000-0000-4000-8000-000000000001"
	srv := shop(t)
	traces := ""
	for _, trace := range []string{
		`{"responseStatus":200,"sessionMeta":{"authenticationProvided":true,"authenticationSuccessful":true}}`,
		`{"responseStatus":401,"sessionMeta":{"authenticationProvided":true,"authenticationSuccessful":false}}`,
		`{"responseStatus":200,"sessionMeta":{"authenticationProvided":false}}`,
		`{"responseStatus":403,"sessionMeta":{"authenticationProvided":false}}`,
		`{"responseStatus":200,"sessionMeta":{}}`,
	} {
		traces += "," + trace
	}
	srv.Inject(metlotest.Fault{
		Path: "/endpoint/" + id, Status: http.StatusOK, ContentType: "application/json; charset=utf-8",
		Body: `{"uuid":"` + id + `","isAuthenticatedDetected":true,"traces":[` + traces[1:] + `]}`,
	})
	out, err := command(t, srv, "endpoint", "get", id).Output()
	require.NoError(t, err)
	for _, want := range []string{`AUTHENTICATION +unknown`, `TRACES +5`, `WITH CREDENTIALS +2`, `SUCCEEDED WITHOUT +1`} {
		assert.Regexp(t, "(?m)^"+want+"$", string(out))
	}
}

// TestTimesKeepTheirMilliseconds reads one endpoint in every form.
func TestTimesKeepTheirMilliseconds(t *testing.T) {
	const id = "00000000-0000-4000-8000-000000000001"
	srv := shop(t)
	srv.Inject(metlotest.Fault{
		Path: "/endpoint/" + id, Status: http.StatusOK, ContentType: "application/json; charset=utf-8",
		Body: `{"uuid":"` + id + `","firstDetected":"2026-01-11T08:00:00.123Z","lastActive":"2026-01-11T08:00:00.450Z"}`,
	})
	for _, form := range []string{"table", "csv", "json", "yaml", "template={{.firstDetected}} {{.lastActive}}"} {
		out, err := command(t, srv, "endpoint", "get", id, "-o", form).Output()
		require.NoError(t, err)
		assert.Contains(t, string(out), "2026-01-11T08:00:00.123Z", form)
		assert.Contains(t, string(out), "2026-01-11T08:00:00.45", form)
	}
}

// TestLoopsEndWithTheTimeout checks work that makes no request: an infinite filter, and an infinite archive.
func TestLoopsEndWithTheTimeout(t *testing.T) {
	endless := func(w *os.File) {
		entry := `{"request":{"method":"GET","url":"https://a.example.com/` + strings.Repeat("x", 1000) + `","headers":[]},"response":{"status":200,"headers":[],"content":{}}},`
		_, _ = w.WriteString(`{"log":{"entries":[`)
		for {
			if _, err := w.WriteString(entry); err != nil {
				return
			}
		}
	}
	for name, tt := range map[string]struct {
		input func(*os.File)
		args  []string
	}{
		"a filter that calls itself": {nil, []string{"host", "list", "--jq", "def f: f; f"}},
		"a filter that repeats":      {nil, []string{"data-class", "list", "--jq", "repeat(1) | select(. == 2)"}},
		"a filter of status":         {nil, []string{"status", "--jq", "def f: f; f"}},
		"an archive without an end":  {endless, []string{"ingest", "har", "-", "--dry-run"}},
	} {
		t.Run(name, func(t *testing.T) {
			input, args := tt.input, append([]string{"--timeout", "1s"}, tt.args...)
			cmd := command(t, shop(t), args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if input != nil {
				read, write, err := os.Pipe()
				require.NoError(t, err)
				cmd.Stdin = read
				go func() { input(write); _ = write.Close() }()
				defer read.Close()
			}
			require.Error(t, cmd.Run())
			assert.Equal(t, 2, cmd.ProcessState.ExitCode(), stderr.String())
			assert.True(t, strings.HasSuffix(stderr.String(), ": raise --timeout\n"), "no server is at fault: %s", stderr.String())
		})
	}
}
