// Package examples_test builds the examples, runs each as its user would, and checks what they say.
package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
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
	if out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// command is a program without settings of the machine's user; env adds to its environment. It is killed when it does
// not end by itself.
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

// instance is a Metlo server for the programs, and the environment that leads to it.
func instance(t *testing.T) (*metlotest.Server, []string) {
	t.Helper()
	srv := metlotest.NewServer(metlotest.Demo())
	t.Cleanup(srv.Close)
	return srv, []string{"METLO_HOST=" + srv.URL, "METLO_API_KEY=" + srv.APIKey, "METLO_COLLECTOR_HOST=" + srv.CollectorURL}
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

const demoLine = "METLO_HOST is not set: this is a demo server."

func TestEveryProgram(t *testing.T) {
	for _, name := range []string{"triage", "cigate", "inventory", "webhook", "ingest"} {
		t.Run(name, func(t *testing.T) {
			help := run(t, nil, name, "-h")
			assert.Equal(t, 0, help.code)
			assert.Contains(t, help.stderr, "\n  ", "an example of its use")
			assert.Contains(t, help.stderr, "Exit codes: 0")
			wrong := run(t, nil, name, "-no-such-flag")
			assert.Equal(t, 2, wrong.code)
			assert.Contains(t, wrong.stderr, "no-such-flag")
			demo := run(t, nil, name)
			assert.Equal(t, demoLine, lines(demo.stderr)[0])
			if name == "webhook" {
				return // it needs no client, and listens until it is told to stop
			}
			lost := run(t, []string{"METLO_HOST=http://metlo.example.com", "METLO_API_KEY=metlo.secret"}, name)
			assert.Contains(t, []int{1, 2}, lost.code)
			assert.Contains(t, lost.stderr, "use https, or WithInsecureHTTP")
		})
	}
}

func TestQuickstart(t *testing.T) {
	got := run(t, nil, "quickstart")
	assert.Equal(t, 0, got.code)
	assert.Contains(t, got.stdout, "/v1/export/customers")
}

func TestTriageShowsATable(t *testing.T) {
	got := run(t, nil, "triage")
	require.Equal(t, 0, got.code, got.stderr)
	rows := lines(got.stdout)
	assert.Regexp(t, `^SEVERITY +ALERTS +ENDPOINT +TYPES$`, rows[0])
	assert.Regexp(t, `^high +\d+ +\S+ \S+`, rows[1], "the most severe come first")
	assert.Equal(t, "25 open alerts", rows[len(rows)-1])
	total := 0
	for _, row := range rows[1 : len(rows)-1] {
		var n int
		_, err := fmt.Sscan(strings.Fields(row)[1], &n)
		require.NoError(t, err)
		total += n
	}
	assert.Equal(t, 25, total, "the rows add up")
}

func TestTriageChangesOnlyWithYes(t *testing.T) {
	srv, env := instance(t)
	client := srv.Client()
	open := func() []metlo.Alert {
		alerts, err := metlo.Collect(client.Alerts.All(t.Context(), &metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}))
		require.NoError(t, err)
		return alerts
	}
	before := len(open())
	args := []string{"-host", "pay.example.com", "-severity", "HIGH", "-resolve", "masked in 1.4.2"}

	dry := run(t, env, "triage", args...)
	assert.Equal(t, 0, dry.code, dry.stderr)
	assert.Contains(t, dry.stdout, "2 alerts, nothing changed: add -yes to resolve them")
	assert.Len(t, open(), before)

	done := run(t, env, "triage", append(args, "-yes")...)
	assert.Equal(t, 0, done.code, done.stderr)
	assert.Contains(t, done.stdout, "2 of 2 alerts changed")
	assert.Len(t, open(), before-2)
	id := regexp.MustCompile(`Resolved  (\S+)`).FindStringSubmatch(done.stdout)
	require.NotNil(t, id)
	alert, err := client.Alerts.Get(t.Context(), id[1])
	require.NoError(t, err)
	assert.Equal(t, "masked in 1.4.2", alert.ResolutionMessage)

	ignored := run(t, env, "triage", "-type", "NEW_ENDPOINT", "-ignore", "-yes")
	assert.Equal(t, 0, ignored.code, ignored.stderr)
	assert.Contains(t, ignored.stdout, "9 of 9 alerts changed")
	assert.Len(t, open(), before-11)
}

func TestTriageRefuses(t *testing.T) {
	tests := map[string][]string{
		"need a filter":           {"-resolve", "done", "-yes"},
		"exclude each other":      {"-host", "a", "-resolve", "done", "-ignore"},
		"-yes needs -resolve":     {"-yes"},
		"is no flag":              {"-ignore", "high"},
		`invalid value "extreme"`: {"-severity", "extreme"},
	}
	for says, args := range tests {
		got := run(t, nil, "triage", args...)
		assert.Equal(t, 2, got.code, args)
		assert.Contains(t, got.stderr, says)
	}
}

func TestCigateExitCodes(t *testing.T) {
	srv, env := instance(t)
	found := run(t, env, "cigate")
	assert.Equal(t, 1, found.code)
	assert.Len(t, lines(found.stdout), 15)
	assert.Contains(t, found.stderr, "15 open alerts of severity high or above")

	baseline := filepath.Join(t.TempDir(), "alerts.txt")
	assert.Equal(t, 0, run(t, env, "cigate", "-severity", "low", "-save-baseline", baseline).code)
	same := run(t, env, "cigate", "-severity", "low", "-baseline", baseline)
	assert.Equal(t, 0, same.code, "what the baseline names is accepted")
	assert.Empty(t, same.stdout)
	require.NoError(t, srv.Client().Collector.Log(t.Context(), &metlo.Trace{
		Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: "/v2/new"}},
		Response: metlo.TraceResponse{Status: 200},
	}))
	fresh := run(t, env, "cigate", "-severity", "low", "-baseline", baseline)
	assert.Equal(t, 1, fresh.code, "what is new is not")
	assert.Contains(t, fresh.stdout, "/v2/new")
	assert.Len(t, lines(fresh.stdout), 1)

	assert.Equal(t, 0, run(t, env, "cigate", "-since", "1m").code, "nothing severe was raised in the last minute")
	assert.Equal(t, 1, run(t, env, "cigate", "-since", "2001-01-01T00:00:00Z").code)
	srv.Inject(metlotest.Fault{Path: "/alerts", Status: 500, Body: "no database"})
	broken := run(t, env, "cigate")
	assert.Equal(t, 2, broken.code, "a server that fails is no clean bill")
	assert.Contains(t, broken.stderr, "could not tell")
	srv.Close()
	assert.Equal(t, 2, run(t, env, "cigate", "-timeout", "100ms").code)
	assert.Equal(t, 2, run(t, nil, "cigate", "-baseline", "no-such-file").code)
	assert.Equal(t, 2, run(t, nil, "cigate", "-save-baseline", "no-such-folder/file").code)
	assert.Equal(t, 2, run(t, nil, "cigate", "-junit", "no-such-folder/file").code)
}

func TestCigateFormats(t *testing.T) {
	github := run(t, nil, "cigate", "-format", "github", "-severity", "medium")
	assert.Equal(t, 1, github.code)
	for _, line := range lines(github.stdout) {
		assert.Regexp(t, `^::(error|warning) title=Metlo%3A [^:]+ \((high|medium)\)::\S.*$`, line)
	}
	assert.Len(t, lines(github.stdout), 16)

	gitlab := run(t, nil, "cigate", "-format", "gitlab")
	var issues []map[string]any
	require.NoError(t, json.Unmarshal([]byte(gitlab.stdout), &issues))
	assert.Len(t, issues, 15)
	for _, issue := range issues {
		assert.Equal(t, "critical", issue["severity"])
		assert.NotEmpty(t, issue["fingerprint"])
		assert.NotEmpty(t, issue["location"].(map[string]any)["path"])
	}
	none := run(t, nil, "cigate", "-format", "gitlab", "-host", "no.example.com")
	assert.Equal(t, 0, none.code)
	assert.JSONEq(t, "[]", none.stdout)
}

func TestCigateWritesJUnit(t *testing.T) {
	tests := []struct {
		host            string
		tests, failures int
	}{{"pay.example.com", 2, 2}, {"no.example.com", 1, 0}}
	for _, tt := range tests {
		file := filepath.Join(t.TempDir(), "report.xml")
		run(t, nil, "cigate", "-host", tt.host, "-junit", file)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var suite struct {
			XMLName  xml.Name `xml:"testsuite"`
			Tests    int      `xml:"tests,attr"`
			Failures int      `xml:"failures,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		}
		require.NoError(t, xml.Unmarshal(data, &suite))
		assert.Equal(t, tt.tests, suite.Tests)
		assert.Equal(t, tt.failures, suite.Failures)
		require.Len(t, suite.Cases, tt.tests)
		for _, c := range suite.Cases {
			assert.Equal(t, tt.failures > 0, c.Failure != nil)
		}
	}
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
	assert.Contains(t, got.stdout, "GET,/v1/export/customers,high,Email; Social Security Number,false,true")

	jsonl := run(t, env, "inventory", "-format", "jsonl", "-host", "pay.example.com")
	require.Equal(t, 0, jsonl.code, jsonl.stderr)
	require.Len(t, lines(jsonl.stdout), 3)
	for _, line := range lines(jsonl.stdout) {
		var e metlo.Endpoint
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		assert.Equal(t, "pay.example.com", e.Host)
	}
	assert.Empty(t, jsonl.stderr, "no progress where no terminal is")
}

// TestInventoryResumes cuts an export in the middle of a line, as an interruption does, and goes on.
func TestInventoryResumes(t *testing.T) {
	_, env := instance(t)
	for _, format := range []string{"csv", "jsonl"} {
		t.Run(format, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "endpoints")
			require.Equal(t, 0, run(t, env, "inventory", "-format", format, "-o", file).code)
			whole, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.NoFileExists(t, file+".partial")
			require.NoError(t, os.Remove(file))
			for _, kept := range []int{0, 5, len(whole) / 2, len(whole)} {
				require.NoError(t, os.WriteFile(file+".partial", whole[:kept], 0o600))
				got := run(t, env, "inventory", "-format", format, "-o", file, "-resume")
				require.Equal(t, 0, got.code, got.stderr)
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				assert.ElementsMatch(t, lines(string(whole)), lines(string(data)), "resumed after %d bytes", kept)
				assert.True(t, bytes.HasPrefix(data, whole[:bytes.LastIndexByte(whole[:kept], '\n')+1]), "what was whole is kept")
			}
		})
	}
}

func TestInventoryKeepsWhatItHas(t *testing.T) {
	srv, env := instance(t)
	srv.Inject(metlotest.Fault{Path: "/endpoints", Status: 500, Body: "no database"})
	file := filepath.Join(t.TempDir(), "endpoints.csv")
	require.NoError(t, os.WriteFile(file, []byte("the last export"), 0o600))
	got := run(t, env, "inventory", "-o", file)
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stderr, "go on with -resume")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "the last export", string(data), "a failed export replaces nothing")
	assert.FileExists(t, file+".partial")
}

func TestWebhookDeliversToItself(t *testing.T) {
	got := run(t, nil, "webhook")
	require.Equal(t, 0, got.code, got.stderr)
	assert.Equal(t, ":large_yellow_circle: *New Endpoint Detected* (low) on `GET shop.example.com/v2/vouchers`: "+
		"A new endpoint has been detected for shop.example.com: /v2/vouchers. _7 of 11 endpoints of the host are sensitive_\n", got.stdout)
	assert.Contains(t, got.stderr, "shut down, every alert handled")
}

// TestWebhookShutsDown posts what a real server posted, with and without the token, and interrupts.
func TestWebhookShutsDown(t *testing.T) {
	env := []string{"METLO_HOST=https://metlo.example.com", "METLO_WEBHOOK_TOKEN=s3cret"}
	cmd := command(t, env, "webhook", "-listen", "127.0.0.1:0")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := bufio.NewScanner(stderr)
	require.True(t, said.Scan())
	_, url, found := strings.Cut(said.Text(), "listening on ")
	require.True(t, found, said.Text())

	data, err := os.ReadFile(filepath.Join("..", "testdata", "samples", "webhook-delivery.json"))
	require.NoError(t, err)
	var sample struct {
		Body string `json:"body"`
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	send := func(query string) int {
		resp, err := http.Post(url+query, "application/json", strings.NewReader(sample.Body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusUnauthorized, send(""))
	assert.Equal(t, http.StatusAccepted, send("?token=s3cret"))
	assert.Equal(t, http.StatusOK, send("?token=s3cret"), "the same alert again")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var rest []string
	for said.Scan() {
		rest = append(rest, said.Text())
	}
	require.NoError(t, cmd.Wait())
	assert.Equal(t, []string{"shut down, every alert handled"}, rest)
	assert.Equal(t, 1, strings.Count(stdout.String(), "\n"), "one alert, one line")
	assert.Contains(t, stdout.String(), "`GET pay.example.com/cards/{param1}`")
}

func TestIngestMakesEndpointsAppear(t *testing.T) {
	srv, env := instance(t)
	got := run(t, env, "ingest", "-requests", "7")
	require.Equal(t, 0, got.code, got.stderr)
	assert.Equal(t, []string{
		"14 traces sent, 0 dropped, 0 failed",
		"POST orders.ingest.example.com/orders/{param1}  Email",
		"GET stock.ingest.example.com/items/{param1}  ",
	}, lines(got.stdout))
	names, err := srv.Client().Hosts.Names(t.Context())
	require.NoError(t, err)
	assert.Subset(t, names, []string{"orders.ingest.example.com", "stock.ingest.example.com"})
	batches := slices.DeleteFunc(srv.Requests(), func(r metlotest.Request) bool { return !strings.HasSuffix(r.Path, "/batch") })
	assert.Less(t, len(batches), 14, "traces go in batches")
}

func TestIngestCountsWhatItDrops(t *testing.T) {
	srv, env := instance(t)
	srv.Inject(metlotest.Fault{Path: "/log-request/batch", Times: 1, Delay: 300 * time.Millisecond})
	slow := run(t, env, "ingest", "-requests", "200", "-queue", "1")
	var sent, dropped, failed int
	_, err := fmt.Sscanf(slow.stdout, "%d traces sent, %d dropped, %d failed", &sent, &dropped, &failed)
	require.NoError(t, err, slow.stdout)
	assert.Equal(t, 400, sent+dropped, "every exchange is counted")
	assert.Positive(t, dropped, "a slow collector does not slow the service")
	assert.Zero(t, failed)

	srv, env = instance(t)
	srv.Inject(metlotest.Fault{Path: "/log-request/batch", Status: 400, Body: "no"})
	refused := run(t, env, "ingest", "-requests", "5", "-patience", "1s")
	assert.Equal(t, 1, refused.code)
	assert.Contains(t, refused.stdout, "0 traces sent, 0 dropped, 10 failed")
	assert.Contains(t, refused.stderr, "Metlo shows 0 of 2 hosts")
}
