// Package examples_test builds the examples, runs each like a user, and checks their output.
package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

var binaries string // where TestMain put the programs

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "examples")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binaries = dir
	if out, err := exec.Command("go", "build", "-ldflags=-w", "-o", dir+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// command returns a program without settings of the machine's user; env adds to its environment. The test kills a
// program that does not end.
func command(t *testing.T, env []string, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, name), args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Dir = t.TempDir()
	return cmd
}

type outcome struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, env []string, name string, args ...string) outcome {
	t.Helper()
	cmd := command(t, env, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// instance returns a Metlo server for the programs, and the environment that leads to it.
func instance(t *testing.T, opts ...metlotest.Option) (*metlotest.Server, []string) {
	t.Helper()
	srv := metlotest.NewServer(append(opts, metlotest.Demo())...)
	t.Cleanup(srv.Close)
	return srv, []string{"METLO_HOST=" + srv.URL, "METLO_API_KEY=" + srv.APIKey, "METLO_COLLECTOR_HOST=" + srv.CollectorURL}
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

const demoLine = "METLO_HOST is not set: this is a demo server."

func TestEveryProgram(t *testing.T) {
	programs, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(programs), 6)
	for _, program := range programs {
		name := filepath.Dir(program)
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(program)
			require.NoError(t, err)
			assert.Less(t, bytes.Count(source, []byte("\n")), 150, "an example teaches one thing")
			help := run(t, nil, name, "-h")
			assert.Equal(t, 0, help.code)
			assert.Contains(t, help.stderr, "\n  ", "an example of its use")
			assert.Contains(t, help.stderr, "Exit codes: 0")
			wrong := run(t, nil, name, "-no-such-flag")
			assert.Equal(t, 2, wrong.code)
			assert.Contains(t, wrong.stderr, "no-such-flag")
			demo := run(t, nil, name)
			assert.Equal(t, demoLine, lines(demo.stderr)[0])
			lost := run(t, []string{"METLO_HOST=http://metlo.example.com", "METLO_API_KEY=metlo.secret"}, name)
			assert.Contains(t, []int{1, 2}, lost.code)
			assert.Contains(t, lost.stderr, "use https, or WithInsecureHTTP")
		})
	}
}

// TestProgramsThatSayWhatIsWrong covers the mistakes that look like success.
func TestProgramsThatSayWhatIsWrong(t *testing.T) {
	tests := []struct {
		says string
		args []string
	}{
		{"no such host: nope", []string{"cigate", "-host", "nope"}},
		{"-resolve needs a filter", []string{"triage", "-resolve", "done", "-yes"}},
		{"-yes needs -resolve", []string{"triage", "-yes"}},
		{"high is not a flag", []string{"triage", "high"}},
		{`invalid value "extreme"`, []string{"triage", "-severity", "extreme"}},
		{"no such file", []string{"inventory", "-o", "no-such-folder/file"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			got := run(t, nil, tt.args[0], tt.args[1:]...)
			assert.Equal(t, 2, got.code)
			assert.Contains(t, lines(strings.TrimPrefix(got.stderr, demoLine+"\n"))[0], tt.says)
			assert.Empty(t, got.stdout)
		})
	}
}

// TestProgramsReportWriteErrors runs them on a full disk.
func TestProgramsReportWriteErrors(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	defer full.Close()
	for _, name := range []string{"quickstart", "triage", "cigate", "inventory"} {
		cmd := command(t, nil, name)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		require.Error(t, cmd.Run(), name)
		assert.Equal(t, 2, cmd.ProcessState.ExitCode(), name)
		assert.Contains(t, stderr.String(), "no space left", name)
	}
}

// TestProgramsEndOnInterrupt sends Ctrl-C while the server does not answer.
func TestProgramsEndOnInterrupt(t *testing.T) {
	for name, path := range map[string]string{"quickstart": "/endpoints", "triage": "/alerts", "cigate": "/alerts", "inventory": "/endpoints"} {
		t.Run(name, func(t *testing.T) {
			srv, env := instance(t)
			srv.Inject(metlotest.Fault{Path: path, Delay: time.Hour})
			cmd := command(t, env, name)
			require.NoError(t, cmd.Start())
			ticker := time.NewTicker(5 * time.Millisecond)
			defer ticker.Stop()
			for len(srv.Requests()) == 0 {
				<-ticker.C
			}
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			require.Error(t, cmd.Wait())
			assert.Equal(t, 130, cmd.ProcessState.ExitCode())
		})
	}
}

// TestProgramsAreSafeInTerminalsAndLogs has an anonymous request to a watched API contain control characters.
func TestProgramsAreSafeInTerminalsAndLogs(t *testing.T) {
	const hostile = "shop\x1b[2K\u202e::error::x##vso[task.complete]"
	srv, env := instance(t)
	require.NoError(t, srv.Client().Collector.Log(t.Context(), &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: hostile, Path: "/x"}},
		Response: metlo.TraceResponse{Status: http.StatusOK},
	}))
	for _, args := range [][]string{{"quickstart"}, {"triage"}, {"cigate", "-severity", "none"}, {"cigate", "-severity", "none", "-github"}, {"inventory"}} {
		got := run(t, env, args[0], args[1:]...)
		for _, r := range got.stdout {
			require.False(t, r != '\n' && r != '\t' && r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e', "%v: %U", args, r)
		}
		assert.NotContains(t, got.stdout, "##vso[")
		if args[0] != "quickstart" {
			assert.Contains(t, got.stdout, `\x1b[2K`, args)
		}
	}
}

func TestQuickstart(t *testing.T) {
	got := run(t, nil, "quickstart")
	assert.Equal(t, 0, got.code)
	assert.Regexp(t, `(?m)^ +high +GET shop\.example\.com/v1/export/customers +none +Email, Social Security Number$`, got.stdout)
	assert.Regexp(t, `(?m)^ +high +POST pay\.example\.com/v1/payments +(required|unknown) +Credit Card Number$`, got.stdout)
}

func TestTriageChangesOnlyWithYes(t *testing.T) {
	srv, env := instance(t)
	client := srv.Client()
	open := func() int {
		alerts, err := metlo.Collect(client.Alerts.All(t.Context(), &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}))
		require.NoError(t, err)
		return len(alerts)
	}
	before := open()
	table := run(t, env, "triage")
	assert.Equal(t, 0, table.code, table.stderr)
	assert.Len(t, lines(table.stdout), before+2, "a header, the alerts, their number")

	args := []string{"-host", "pay.example.com", "-severity", "HIGH", "-resolve", "masked in 1.4.2"}
	dry := run(t, env, "triage", args...)
	assert.Equal(t, 0, dry.code, dry.stderr)
	assert.Contains(t, dry.stdout, "2 open alerts, nothing changed: add -yes to resolve them")
	assert.Equal(t, before, open())

	done := run(t, env, "triage", append(args, "-yes")...)
	assert.Equal(t, 0, done.code, done.stderr)
	assert.Contains(t, done.stdout, "2 of 2 alerts resolved")
	assert.Equal(t, before-2, open())
	id := regexp.MustCompile(`resolved  (\S+)`).FindStringSubmatch(done.stdout)
	require.NotNil(t, id)
	alert, err := client.Alerts.Get(t.Context(), id[1])
	require.NoError(t, err)
	assert.Equal(t, "masked in 1.4.2", alert.ResolutionMessage)

	srv.Inject(metlotest.Fault{Method: http.MethodPut, Path: "/alert/*", Status: http.StatusUnauthorized})
	refused := run(t, env, "triage", "-host", "shop.example.com", "-resolve", "masked in 1.4.2", "-yes")
	assert.Equal(t, 2, refused.code)
	assert.Contains(t, refused.stdout, "failed: ")
	assert.Regexp(t, `0 of \d+ alerts resolved\n$`, refused.stdout)
	assert.Contains(t, refused.stderr, "unauthorized")
	assert.Equal(t, before-2, open())
}

func TestCigateExitCodes(t *testing.T) {
	srv, env := instance(t)
	found := run(t, env, "cigate")
	assert.Equal(t, 1, found.code)
	assert.Len(t, lines(found.stdout), 13)
	assert.Contains(t, found.stderr, "13 open alerts of severity high or above; left out: 8 of lower severity, 0 raised before")
	github := run(t, env, "cigate", "-github", "-severity", "medium")
	for _, line := range lines(github.stdout) {
		assert.Regexp(t, `^::error title=Metlo \((high|medium)\)::\S.*$`, line)
	}
	assert.Equal(t, 0, run(t, env, "cigate", "-since", "1m").code, "nothing severe was raised in the last minute")

	srv.Inject(metlotest.Fault{Path: "/alerts", Status: 500, Body: "no database"})
	broken := run(t, env, "cigate")
	assert.Equal(t, 2, broken.code, "a server that fails is no clean bill")
	assert.Contains(t, broken.stderr, "could not tell")

	empty := metlotest.NewServer()
	t.Cleanup(empty.Close)
	nothing := run(t, []string{"METLO_HOST=" + empty.URL}, "cigate")
	assert.Equal(t, 2, nothing.code, "nor is an instance that has seen nothing")
	assert.Contains(t, nothing.stderr, "knows no endpoint")
}

func TestInventoryHasARowForEachEndpoint(t *testing.T) {
	srv, env := instance(t)
	endpoints, err := metlo.Collect(srv.Client().Endpoints.All(t.Context(), nil))
	require.NoError(t, err)
	got := run(t, env, "inventory")
	require.Equal(t, 0, got.code, got.stderr)
	rows, err := csv.NewReader(strings.NewReader(got.stdout)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(endpoints)+1)
	assert.Equal(t, []string{"uuid", "host", "method", "path", "riskScore", "dataClasses"}, rows[0][:6])
	assert.Contains(t, got.stdout, `GET,/v1/export/customers,high,Email; Social Security Number,none,true`)

	jsonl := run(t, env, "inventory", "-jsonl", "-host", "pay.example.com")
	require.Equal(t, 0, jsonl.code, jsonl.stderr)
	require.Len(t, lines(jsonl.stdout), 3)
	assert.NotContains(t, jsonl.stdout, "0001-01-01")
	for _, line := range lines(jsonl.stdout) {
		var e metlo.Endpoint
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		assert.Equal(t, "pay.example.com", e.Host)
	}
}

func TestInventoryKeepsWhatItHas(t *testing.T) {
	srv, env := instance(t)
	file := filepath.Join(t.TempDir(), "endpoints.csv")
	require.Equal(t, 0, run(t, env, "inventory", "-o", file).code)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	srv.Inject(metlotest.Fault{Path: "/endpoints", Status: 500, Body: "no database"})
	assert.Equal(t, 2, run(t, env, "inventory", "-o", file).code)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, whole, data, "a failed export replaces nothing")
	assert.NoFileExists(t, file+".partial")
}

func TestWebhookDeliversToItself(t *testing.T) {
	got := run(t, []string{"TMPDIR=" + t.TempDir()}, "webhook")
	require.Equal(t, 0, got.code, got.stderr)
	assert.Equal(t, "New Endpoint Detected (low) on GET shop.example.com/v2/vouchers: "+
		"A new endpoint has been detected for shop.example.com: /v2/vouchers.\n", got.stdout)
	assert.Contains(t, got.stderr, "shut down, every alert handled")
}

func TestWebhookWantsAToken(t *testing.T) {
	_, env := instance(t)
	got := run(t, env, "webhook")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.stderr, "METLO_WEBHOOK_TOKEN is not set")
}

// receiver is the program with its output.
type receiver struct {
	cmd            *exec.Cmd
	stdout, stderr *bufio.Scanner
	url            string
}

func startReceiver(t *testing.T, env []string, dir string) *receiver {
	t.Helper()
	cmd := command(t, append(env, "METLO_WEBHOOK_TOKEN=s3cret"), "webhook", "-listen", "127.0.0.1:0", "-dir", dir)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	r := &receiver{cmd: cmd, stdout: bufio.NewScanner(stdout), stderr: bufio.NewScanner(stderr)}
	require.True(t, r.stderr.Scan())
	var found bool
	_, r.url, found = strings.Cut(r.stderr.Text(), "listening on ")
	require.True(t, found, r.stderr.Text())
	return r
}

// interrupt ends the program, and returns its output since the last read.
func (r *receiver) interrupt(t *testing.T) (stdout []string) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(os.Interrupt))
	require.True(t, r.stderr.Scan())
	assert.Equal(t, "shut down, every alert handled", r.stderr.Text())
	for r.stdout.Scan() {
		stdout = append(stdout, r.stdout.Text())
	}
	require.NoError(t, r.cmd.Wait())
	return stdout
}

// TestWebhookLosesNothing posts recorded deliveries, with and without the token, and interrupts. The program prints the
// open alerts that it missed, and none twice, even after a restart.
func TestWebhookLosesNothing(t *testing.T) {
	srv, env := instance(t)
	open, err := metlo.Collect(srv.Client().Alerts.All(t.Context(), &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}))
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join("..", "testdata", "samples", "webhook-delivery.json"))
	require.NoError(t, err)
	var sample struct {
		Body string `json:"body"`
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	dir := t.TempDir()
	r := startReceiver(t, env, dir)
	send := func(query string) int {
		resp, err := http.Post(r.url+query, "application/json", strings.NewReader(sample.Body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusUnauthorized, send(""))
	assert.Equal(t, http.StatusAccepted, send("?token=s3cret"))
	assert.Equal(t, http.StatusOK, send("?token=s3cret"), "the same alert again")
	var printed []string
	for range len(open) + 1 {
		require.True(t, r.stdout.Scan())
		printed = append(printed, r.stdout.Text())
	}
	assert.Equal(t, 1, strings.Count(strings.Join(printed, "\n"), "GET pay.example.com/cards/{param1}"))
	assert.Empty(t, r.interrupt(t))

	asked := func() int {
		return len(slices.DeleteFunc(srv.Requests(), func(r metlotest.Request) bool { return r.Path != "/alerts" }))
	}
	before := asked()
	r = startReceiver(t, env, dir)
	assert.Equal(t, http.StatusAccepted, send("?token=s3cret"), "another process does not remember what it answered")
	require.Eventually(t, func() bool { return asked() > before }, time.Minute, time.Millisecond)
	assert.Empty(t, r.interrupt(t), "nothing is printed twice")

	srv.Inject(metlotest.Fault{Path: "/alerts", Status: 500, Body: "no database"})
	r = startReceiver(t, env, dir)
	require.True(t, r.stderr.Scan())
	assert.Contains(t, r.stderr.Text(), "could not look for alerts that were missed")
	r.interrupt(t)
}

func TestIngestMakesEndpointsAppear(t *testing.T) {
	srv, env := instance(t, metlotest.InstantAnalysis())
	got := run(t, env, "ingest", "-requests", "7")
	require.Equal(t, 0, got.code, got.stderr)
	assert.Equal(t, []string{
		"14 traces sent, 0 dropped, 0 failed",
		"POST orders.ingest.example.com/orders/{id}  Email",
	}, lines(got.stdout))
	names, err := srv.Client().Hosts.Names(t.Context())
	require.NoError(t, err)
	assert.Contains(t, names, "orders.ingest.example.com")
	assert.Contains(t, names, "127.0.0.1", "what it asks of others")
	batches := slices.DeleteFunc(srv.Requests(), func(r metlotest.Request) bool { return !strings.HasSuffix(r.Path, "/batch") })
	assert.Less(t, len(batches), 14, "traces go in batches")
}

func TestIngestCountsWhatItDrops(t *testing.T) {
	srv, env := instance(t, metlotest.InstantAnalysis())
	srv.Inject(metlotest.Fault{Path: "/log-request/batch", Times: 1, Delay: 5 * time.Second})
	slow := run(t, env, "ingest", "-requests", "90", "-queue", "2")
	var sent, dropped, failed int
	_, err := fmt.Sscanf(slow.stdout, "%d traces sent, %d dropped, %d failed", &sent, &dropped, &failed)
	require.NoError(t, err, slow.stdout)
	assert.Equal(t, 180, sent+dropped, "every exchange is counted")
	assert.Positive(t, dropped, "a slow collector does not slow the service")
	assert.Zero(t, failed)

	srv, env = instance(t)
	srv.Inject(metlotest.Fault{Path: "/log-request/batch", Status: 400, Body: "no"})
	refused := run(t, env, "ingest", "-requests", "5", "-patience", "3s")
	assert.Equal(t, 1, refused.code)
	assert.Contains(t, refused.stdout, "0 traces sent, 0 dropped, 10 failed")
	assert.Contains(t, refused.stderr, "Metlo does not show orders.ingest.example.com yet")
}
