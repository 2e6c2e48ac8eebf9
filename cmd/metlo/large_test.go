//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

const many = 100_000

// platformCommands returns the commands that only tests on this system use.
func platformCommands() map[string]func() { return map[string]func(){"peak": peak, "walk": walk} }

// walk implements a command of the tests that reads every alert and does nothing else.
func walk() {
	client, err := metlo.NewClientFromEnv()
	if err != nil {
		panic(err)
	}
	for _, err := range client.Alerts.All(context.Background(), &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}) {
		if err != nil {
			panic(err)
		}
	}
}

// peak implements a command of the tests that runs its other arguments. It writes their peak memory in KiB and their
// CPU time in milliseconds to the file that the first argument names. A process inherits the peak of its parent, and
// the tests' peak is high.
func peak() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run() // the exit code is passed on
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	figures := fmt.Sprint(usage.Maxrss, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Milliseconds())
	if err := os.WriteFile(os.Args[1], []byte(figures), 0o600); err != nil {
		panic(err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// large serves many alerts and endpoints about as large as those of a real server. Each has a distinct path and text.
func large(t *testing.T) *httptest.Server {
	t.Helper()
	const endpoint = `"uuid":"00000000-0000-4000-8000-%012[1]d","path":"/v2/tenants/%[1]d/orders/{param1}","host":"host-%[2]d.example.com","method":"PUT","openapiSpecName":null`
	alert := `{"uuid":"00000000-0000-4000-b000-%012[1]d","type":"PII Data Detected","riskScore":"high","apiEndpointUuid":"00000000-0000-4000-8000-%012[1]d",` +
		`"description":"Social Security Number in 'customers[].documents[%[1]d].number' of Response Body.","createdAt":"2026-03-01T00:42:00.000Z",` +
		`"updatedAt":"2026-03-02T00:00:00.000Z","status":"Open","resolutionMessage":null,"context":{},"apiEndpoint":{` + endpoint + `,"openapiSpec":null}}`
	item := `{` + endpoint + `,"pathRegex":"^/v2/tenants/%[1]d/orders/[^/]+(/)*$","createdAt":"2026-01-13T08:00:00Z","updatedAt":"2026-01-30T00:00:00Z",` +
		`"firstDetected":"2026-01-13T08:00:00Z","lastActive":"2026-01-30T12:00:00Z","numberParams":1,"riskScore":"high","owner":null,"oldEndpointUuids":[],` +
		`"resourcePermissions":[],"isAuthenticatedDetected":true,"isAuthenticatedUserSet":null,"isGraphQl":false,"hostIps":{},"srcIps":{},"userSet":false,` +
		`"fullTraceCaptureEnabled":false,"graphQlMetadata":{},"dataClasses":["Social Security Number"],"isPublic":false}`
	list := func(form string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			offset, _ := strconv.Atoi(r.FormValue("offset"))
			limit, err := strconv.Atoi(r.FormValue("limit"))
			if err != nil {
				limit = many
			}
			out := bufio.NewWriter(w)
			separator := "[["
			for id := offset; id < min(offset+limit, many); id++ {
				out.WriteString(separator)
				fmt.Fprintf(out, form, id, id%50)
				separator = ","
			}
			if separator == "[[" {
				out.WriteString(separator)
			}
			fmt.Fprintf(out, "],%d]", many)
			_ = out.Flush() // the client may have gone
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/alerts", list(alert))
	mux.HandleFunc("/api/v1/endpoints", list(item))
	mux.HandleFunc("/api/v1/summary/endpoint-tracked", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"exists":true}`) // the client may have gone
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// TestLargeInstance limits commands to 64 MiB for the whole process, on an instance with 100,000 alerts and endpoints.
func TestLargeInstance(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	server, folder := large(t), t.TempDir()
	// run returns the memory, the CPU time and the output of a command.
	run := func(t *testing.T, code int, args ...string) (kib, milliseconds int, output string) {
		figures := filepath.Join(t.TempDir(), "figures")
		cmd := exec.CommandContext(t.Context(), "peak", append([]string{figures}, args...)...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "HOME="+folder, "METLO_HOST="+server.URL, "METLO_API_KEY=")
		file, err := os.Create(filepath.Join(t.TempDir(), "output"))
		require.NoError(t, err)
		defer file.Close()
		cmd.Stdout, cmd.Stderr = file, file
		_ = cmd.Run() // the code is checked below
		whole, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		require.Equal(t, code, cmd.ProcessState.ExitCode(), string(whole[:min(len(whole), 1000)]))
		text, err := os.ReadFile(figures)
		require.NoError(t, err)
		_, err = fmt.Sscan(string(text), &kib, &milliseconds)
		require.NoError(t, err)
		return kib, milliseconds, string(whole)
	}
	_, bare, _ := run(t, 0, "walk")
	for _, tt := range []struct {
		command string
		code    int
		holds   string // text that the output contains once for each alert or endpoint
	}{
		{"gate", 1, "/orders/{param1}"},
		{"gate --format sarif", 1, ""},
		{"gate --format json", 1, `"fingerprint":`},
		{"gate --format plain=a --format gitlab=b --format junit=c --format sarif=d --format markdown=e --format json=f --format github", 1, "::error "},
		{"gate --save-baseline accepted.txt", 0, ""},
		{"gate --baseline accepted.txt", 0, ""},
		{"inventory", 0, "/orders/{param1}"},
		{"inventory --format jsonl --file endpoints.jsonl", 0, ""},
	} {
		t.Run(tt.command, func(t *testing.T) {
			kib, milliseconds, output := run(t, tt.code, append([]string{"metlo"}, strings.Fields(tt.command)...)...)
			t.Logf("%.1f MiB, %.2f times the CPU of a walk over the alerts", float64(kib)/1024, float64(milliseconds)/float64(bare))
			if !raceDetector() {
				assert.LessOrEqual(t, kib, 64<<10, "KiB at the peak")
			}
			if tt.holds != "" {
				assert.Equal(t, many, strings.Count(output, tt.holds), "nothing is left out")
			}
			if strings.Contains(tt.command, "--baseline") {
				assert.Contains(t, output, "100000 left out: in the baseline")
			}
		})
	}
}

// raceDetector reports whether the race detector runs, which needs memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
