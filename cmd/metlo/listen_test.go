package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

// listener represents a running metlo webhook listen.
type listener struct {
	*exec.Cmd
	url            string
	stdout, stderr *bufio.Reader
}

func listen(t *testing.T, srv *metlotest.Server, token string, args ...string) *listener {
	t.Helper()
	interruptible(t)
	cmd := command(t, srv, append([]string{"webhook", "listen", "--address", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(cmd.Env, "METLO_WEBHOOK_TOKEN="+token)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	l := &listener{Cmd: cmd, stdout: bufio.NewReader(stdout), stderr: bufio.NewReader(stderr)}
	found := regexp.MustCompile(`^listening on (http://127\.0\.0\.1:\d+)\n$`).FindStringSubmatch(l.line(t, l.stderr))
	require.NotNil(t, found)
	l.url = found[1]
	return l
}

func (l *listener) line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	require.NoError(t, err, line)
	return line
}

// deliver posts an alert as a server does, and returns the status of the response.
func (l *listener) deliver(t *testing.T, path string, change func(alert map[string]any)) int {
	t.Helper()
	data, err := os.ReadFile("../../testdata/samples/webhook-delivery.json")
	require.NoError(t, err)
	var sample struct {
		Headers map[string]string
		Body    string
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	var body map[string]map[string]any
	require.NoError(t, json.Unmarshal([]byte(sample.Body), &body))
	if change != nil {
		change(body["alert"])
	}
	text, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+path, strings.NewReader(string(text)))
	require.NoError(t, err)
	for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
		req.Header.Set(name, sample.Headers[name])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func (l *listener) interrupt(t *testing.T) string {
	t.Helper()
	require.NoError(t, l.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(l.stderr)
	require.NoError(t, err)
	require.Error(t, l.Wait())
	assert.Equal(t, 130, l.ProcessState.ExitCode(), string(rest))
	return string(rest)
}

func TestListenPrintsEachDeliveryOnce(t *testing.T) {
	l := listen(t, shop(t), "")
	assert.Equal(t, 202, l.deliver(t, "/metlo", nil))
	assert.Equal(t, "34fdd2c3-574c-438a-b0f5-172a56ac023c  low  New Endpoint Detected  GET pay.example.com/cards/{param1}  "+
		"A new endpoint has been detected for pay.example.com: /cards/{param1}.\n", l.line(t, l.stdout))
	assert.Equal(t, 200, l.deliver(t, "/metlo", nil), "the server posts again what it takes for lost")
	hostile := "\x1b[2K\r\n::error::owned ##vso[task.complete result=Succeeded;]\u202e"
	l.deliver(t, "/metlo", func(alert map[string]any) {
		alert["uuid"], alert["description"] = "34fdd2c3-574c-438a-b0f5-172a56ac023d", hostile
		alert["apiEndpoint"].(map[string]any)["path"] = hostile
	})
	second := l.line(t, l.stdout)
	assert.True(t, strings.HasPrefix(second, "34fdd2c3-574c-438a-b0f5-172a56ac023d  low"), "one line each: %q", second)
	assert.NotContains(t, second, "\x1b")
	assert.NotContains(t, second, "\r")
	assert.NotContains(t, second, "##vso")
	assert.Contains(t, l.interrupt(t), "metlo: interrupted")
}

func TestListenWantsTheToken(t *testing.T) {
	l := listen(t, shop(t), "s3cret", "-o", "json")
	for _, path := range []string{"/metlo", "/metlo?token=wrong"} {
		assert.Equal(t, 401, l.deliver(t, path, nil))
		assert.Regexp(t, `^refused a POST from 127\.0\.0\.1:\d+ with 401 Unauthorized\n$`, l.line(t, l.stderr))
	}
	assert.Equal(t, 202, l.deliver(t, "/metlo?token=s3cret", nil))
	var event struct {
		Alert struct{ UUID, Description string }
	}
	require.NoError(t, json.Unmarshal([]byte(l.line(t, l.stdout)), &event))
	assert.Equal(t, "34fdd2c3-574c-438a-b0f5-172a56ac023c", event.Alert.UUID)
	assert.NotContains(t, l.interrupt(t), "s3cret")
}

// TestListenCountsManyRefusals checks a log that anybody on the network could fill.
func TestListenCountsManyRefusals(t *testing.T) {
	l := listen(t, shop(t), "s3cret")
	for range 13 {
		req, err := http.NewRequestWithContext(t.Context(), strings.Repeat("X", 1000), l.url, http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	told := l.interrupt(t)
	assert.Equal(t, 10, strings.Count(told, "refused a "+strings.Repeat("X", 20)+" from"), told)
	assert.Contains(t, told, "3 more refused\n")
}

func TestListenEndsAfterItsLimit(t *testing.T) {
	l := listen(t, shop(t), "", "--limit", "1", "--jq", ".alert.riskScore")
	assert.Equal(t, 202, l.deliver(t, "/", nil))
	assert.Equal(t, "low\n", l.line(t, l.stdout))
	require.NoError(t, l.Wait())
}

// TestListenRemovesItsWebhook adds a webhook to the instance, which must be deleted at the end.
func TestListenRemovesItsWebhook(t *testing.T) {
	srv := shop(t)
	l := listen(t, srv, "", "--url", "https://hooks.example.com/metlo")
	out, err := command(t, srv, "webhook", "list", "--jq", ".[].url").Output()
	require.NoError(t, err)
	assert.Equal(t, "https://hooks.example.com/metlo\n", string(out))
	l.interrupt(t)
	out, err = command(t, srv, "webhook", "list", "--jq", "length").Output()
	require.NoError(t, err)
	assert.Equal(t, "0\n", string(out))
}
