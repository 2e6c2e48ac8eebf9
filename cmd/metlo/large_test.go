//go:build linux

package main

import (
	"bufio"
	"fmt"
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
)

const many = 100_000

// platformCommands are the commands of the tests that exist on this system alone.
func platformCommands() map[string]func() { return map[string]func(){"peak": peak} }

// peak is a command of the tests: it runs the rest of its arguments and writes to the file named first how much memory
// that took at most, in KiB. A process starts with the peak of the one that starts it, and the tests' own is high.
func peak() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	_ = cmd.Run() // the exit code is passed on
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if err := os.WriteFile(os.Args[1], []byte(strconv.FormatInt(usage.Maxrss, 10)), 0o600); err != nil {
		panic(err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// large serves many alerts and endpoints of about the size that a real server's have, each with a path and a text of its own.
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
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// TestLargeInstance holds commands to 64 MiB, all of the process, on an instance with 100,000 alerts and endpoints.
func TestLargeInstance(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	server := large(t)
	for command, code := range map[string]int{
		"gate": 1, "gate --format sarif": 1, "gate --format plain=a --format gitlab=b --format junit=c --format sarif=d --format markdown=e --format github": 1,
		"gate --save-baseline accepted.txt": 0, "inventory": 0, "inventory --format jsonl --file endpoints.jsonl": 0,
	} {
		t.Run(command, func(t *testing.T) {
			figure := filepath.Join(t.TempDir(), "peak")
			cmd := exec.CommandContext(t.Context(), "peak", append([]string{figure, "metlo"}, strings.Fields(command)...)...)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "METLO_HOST="+server.URL, "METLO_API_KEY=")
			output, err := os.Create(filepath.Join(cmd.Dir, "output"))
			require.NoError(t, err)
			defer output.Close()
			cmd.Stdout, cmd.Stderr = output, output
			_ = cmd.Run() // the code is looked at
			require.Equal(t, code, cmd.ProcessState.ExitCode())
			text, err := os.ReadFile(figure)
			require.NoError(t, err)
			kib, err := strconv.Atoi(string(text))
			require.NoError(t, err)
			t.Logf("%.1f MiB", float64(kib)/1024)
			if !raceDetector() {
				assert.LessOrEqual(t, kib, 64<<10, "KiB at the peak")
			}
			if command == "gate" || command == "inventory" {
				whole, err := os.ReadFile(output.Name())
				require.NoError(t, err)
				assert.Equal(t, many, strings.Count(string(whole), "/orders/{param1}"), "nothing is left out")
			}
		})
	}
}

// raceDetector reports whether the race detector runs, which needs memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
