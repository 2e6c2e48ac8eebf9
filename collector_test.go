package metlo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const collectorLimit = 2 << 20 // the real collector's limit for a body, in bytes

// traceOf returns a valid trace whose request body has n bytes.
func traceOf(path string, n int) *metlo.Trace {
	return &metlo.Trace{
		Request: metlo.TraceRequest{
			URL: metlo.TraceURL{Host: "shop.example.com", Path: path}, Method: metlo.MethodPost, Body: strings.Repeat("x", n),
		},
		Response: metlo.TraceResponse{Status: 201},
	}
}

// numbered returns n traces of about size bytes each, with their number in the path.
func numbered(n, size int) []*metlo.Trace {
	traces := make([]*metlo.Trace, n)
	for i := range traces {
		traces[i] = traceOf("/"+strconv.Itoa(i), size)
	}
	return traces
}

func pathsOf(traces []*metlo.Trace) []string {
	var paths []string
	for _, trace := range traces {
		paths = append(paths, trace.Request.URL.Path)
	}
	return paths
}

func TestCollectorVerify(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.Collector.Verify(t.Context()))
	assert.Equal(t, "GET collector:/api/v1/verify", server.sent[0].Method+" "+server.sent[0].Path)
	assert.Equal(t, madeUpKey, server.sent[0].Header.Get("Authorization"))

	client, _ = scriptedClient(t, always(http.StatusUnauthorized, "Client unauthorized"))
	assert.ErrorIs(t, client.Collector.Verify(t.Context()), metlo.ErrUnauthorized)
}

func TestCollectorNeedsAnAddress(t *testing.T) {
	client := inProcess(t, unreachable{t})
	for name, err := range map[string]error{
		"Verify":   client.Collector.Verify(t.Context()),
		"Log":      client.Collector.Log(t.Context(), traceOf("/", 0)),
		"LogBatch": client.Collector.LogBatch(t.Context(), numbered(2, 0)),
	} {
		assert.ErrorIs(t, err, metlo.ErrInvalidArgument, name)
		assert.ErrorContains(t, err, "use WithCollectorURL", name)
	}
}

// recordedTrace returns the trace of a recorded request to the real collector.
func recordedTrace() *metlo.Trace {
	contentType := []metlo.NameValue{{Name: "content-type", Value: "application/json"}}
	return &metlo.Trace{
		Request: metlo.TraceRequest{
			URL:     metlo.TraceURL{Host: "shop.example.com", Path: "/carts/7", Parameters: []metlo.NameValue{{Name: "q", Value: "x"}}},
			Headers: contentType, Body: `{"email":"a@example.com"}`, Method: "post",
		},
		Response: metlo.TraceResponse{Status: 201, Headers: contentType, Body: `{"ok":true}`},
		Meta: metlo.TraceMeta{
			Incoming: true, Source: "203.0.113.5", SourcePort: "50000", Destination: "198.51.100.9", DestinationPort: "443",
			Environment: "production",
		},
	}
}

func TestCollectorSendsWhatTheRealOneTook(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.Collector.Log(t.Context(), recordedTrace()))
	require.NoError(t, client.Collector.LogBatch(t.Context(), []*metlo.Trace{recordedTrace(), recordedTrace()}))
	for i, name := range []string{"log_single_v1", "log_batch_v1"} {
		recorded := recordingNamed(t, "collector", name).Request
		assert.Equal(t, recorded.Method+" collector:"+recorded.Path, server.sent[i].Method+" "+server.sent[i].Path)
		assert.JSONEq(t, *recorded.Body, server.sent[i].Body)
		assert.Equal(t, "application/json", server.sent[i].Header.Get("Content-Type"))
	}
}

func TestTraceEncodesEveryMember(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	trace := traceOf("/", 0)
	trace.Meta.OriginalSource = "192.0.2.1"
	require.NoError(t, client.Collector.Log(t.Context(), trace))
	assert.JSONEq(t, `{"request":{"url":{"host":"shop.example.com","path":"/","parameters":[]},"headers":[],"body":"","method":"POST"},
		"response":{"status":201,"headers":[],"body":""},
		"meta":{"incoming":false,"source":"","sourcePort":"","destination":"","destinationPort":"","originalSource":"192.0.2.1"}}`,
		server.sent[0].Body)
}

func TestCollectorLogErrors(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"bad path":  {400, "Invalid path /a: Path contains invalid characters.", metlo.ErrBadRequest},
		"bad key":   {401, "Client unauthorized", metlo.ErrUnauthorized},
		"too large": {413, "<!DOCTYPE html><pre>PayloadTooLargeError: request entity too large<br></pre>", metlo.ErrTooLarge},
		"a page":    {200, "<!DOCTYPE html><title>Sign in</title>", metlo.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(row.status, row.body))
			assert.ErrorIs(t, client.Collector.Log(t.Context(), traceOf("/", 0)), row.want)
		})
	}
}

func TestCollectorBatchesStayUnderTheLimit(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.Collector.Log(t.Context(), traceOf("/0", 0)))
	empty := len(server.sent[0].Body)
	half := (collectorLimit-len("[,]"))/2 - empty // two such traces fill a body except for at most one byte
	for name, row := range map[string]struct {
		traces []*metlo.Trace
		sizes  []int // numbers of traces per request
	}{
		"none":                        {nil, nil},
		"one":                         {numbered(1, 10), []int{1}},
		"all in one":                  {numbered(500, 10), []int{500}},
		"two that just fit":           {numbered(2, half), []int{2}},
		"two that just do not":        {numbered(2, half+1), []int{1, 1}},
		"one that just fits":          {numbered(1, collectorLimit-len("[]")-empty), []int{1}},
		"a third of the limit each":   {numbered(7, 700_000), []int{2, 2, 2, 1}},
		"small ones around a big one": {append(append(numbered(3, 10), traceOf("/3", 2_090_000)), traceOf("/4", 10_000)), []int{4, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			var sizes []int
			client, _ := scriptedClient(t, func(r sentRequest) (int, string, error) {
				assert.LessOrEqual(t, len(r.Body), collectorLimit)
				var batch []*metlo.Trace
				if err := json.Unmarshal([]byte(r.Body), &batch); err != nil {
					return http.StatusBadRequest, err.Error(), nil
				}
				got, sizes = append(got, pathsOf(batch)...), append(sizes, len(batch))
				return http.StatusOK, "OK", nil
			})
			require.NoError(t, client.Collector.LogBatch(t.Context(), row.traces))
			assert.Equal(t, pathsOf(row.traces), got, "each once, in order")
			assert.Equal(t, row.sizes, sizes)
		})
	}
}

func TestCollectorBatchErrorSaysWhatWasSent(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	traces := numbered(3, 1_100_000) // one trace per request
	for name, row := range map[string]struct {
		status  int
		body    string
		err     error
		unknown bool // whether the failed request's traces may have been queued
		want    error
	}{
		"no connection":          {err: dial, want: syscall.ECONNREFUSED},
		"a connection cut":       {err: reset, unknown: true, want: syscall.ECONNRESET},
		"an end of the stream":   {err: io.ErrUnexpectedEOF, unknown: true, want: io.ErrUnexpectedEOF},
		"a key not accepted":     {status: 401, body: "Client unauthorized", want: metlo.ErrUnauthorized},
		"forbidden":              {status: 403, want: metlo.ErrForbidden},
		"another route":          {status: 404, body: "<pre>Cannot POST</pre>", want: metlo.ErrInvalidResponse},
		"a redirect":             {status: 308, want: metlo.ErrRedirected},
		"a body too large":       {status: 413, want: metlo.ErrTooLarge},
		"too many requests":      {status: 429, want: metlo.ErrRateLimited},
		"a bad trace in between": {status: 400, body: "Invalid path /: x", unknown: true, want: metlo.ErrBadRequest},
		"a failing server":       {status: 500, unknown: true, want: metlo.ErrServer},
		"a failing gateway":      {status: 502, unknown: true, want: metlo.ErrServer},
		"an overloaded server":   {status: 503, unknown: true, want: metlo.ErrServer},
		"another answer":         {status: 200, body: `{"login":"required"}`, unknown: true, want: metlo.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			requests := 0
			client, server := scriptedClient(t, func(sentRequest) (int, string, error) {
				if requests++; requests == 2 {
					return row.status, row.body, row.err
				}
				return http.StatusOK, "OK", nil
			})
			err := client.Collector.LogBatch(t.Context(), traces)
			var batch *metlo.BatchError
			require.ErrorAs(t, err, &batch)
			require.ErrorIs(t, err, row.want)
			assert.Len(t, server.sent, 2, "nothing follows a failure")
			unknown, unsent := []string(nil), pathsOf(traces[1:])
			if row.unknown {
				unknown, unsent = pathsOf(traces[1:2]), pathsOf(traces[2:])
			}
			assert.Equal(t, pathsOf(traces[:1]), pathsOf(batch.Sent))
			assert.Equal(t, unknown, pathsOf(batch.Unknown))
			assert.Equal(t, unsent, pathsOf(batch.Unsent))
		})
	}
}

// TestCollectorBatchErrorOfAHiddenCause has a network error contain a secret header's value. The error is hidden, but
// still matches its sentinel.
func TestCollectorBatchErrorOfAHiddenCause(t *testing.T) {
	const value = "proxy.internal.example.com"
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("lookup %s: no such host", value)}
	server := &script{answer: func(sentRequest) (int, string, error) { return 0, "", refused }}
	client, err := metlo.NewClient("https://metlo.example.com", madeUpKey, metlo.WithCollectorURL("https://collector.example.com"),
		metlo.WithHTTPClient(&http.Client{Transport: server}), metlo.WithoutRetry(), metlo.WithHeader("X-Proxy", value))
	require.NoError(t, err)
	err = client.Collector.LogBatch(t.Context(), numbered(2, 10))
	var batch *metlo.BatchError
	require.ErrorAs(t, err, &batch)
	assert.NotContains(t, fmt.Sprintf("%v %+v", err, batch.Err), value)
	assert.Len(t, batch.Unsent, 2, "nothing was sent")
	assert.Empty(t, batch.Unknown)
	assert.NotEmpty(t, server.sent)
}

// TestCollectorFaultsHideSecrets has a text of ErrInvalidArgument quote a secret.
func TestCollectorFaultsHideSecrets(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, "OK"))
	bad := traceOf("/a?key="+madeUpKey, 0)
	for name, err := range map[string]error{
		"Log":      client.Collector.Log(t.Context(), bad),
		"LogBatch": client.Collector.LogBatch(t.Context(), []*metlo.Trace{traceOf("/", 0), bad}),
	} {
		require.ErrorIs(t, err, metlo.ErrInvalidArgument, name)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), madeUpKey, name)
		assert.Contains(t, err.Error(), "[redacted]", name)
	}
}

func TestCollectorBatchGoesOnWhereItFailed(t *testing.T) {
	traces := numbered(5, 700_000)
	var got []string
	refuse := true
	client, _ := scriptedClient(t, func(r sentRequest) (int, string, error) {
		if refuse && got != nil {
			return http.StatusTooManyRequests, "", nil
		}
		var batch []*metlo.Trace
		if err := json.Unmarshal([]byte(r.Body), &batch); err != nil {
			return http.StatusBadRequest, err.Error(), nil
		}
		got = append(got, pathsOf(batch)...)
		return http.StatusOK, "OK", nil
	})
	var batch *metlo.BatchError
	require.ErrorAs(t, client.Collector.LogBatch(t.Context(), traces), &batch)
	refuse = false
	require.NoError(t, client.Collector.LogBatch(t.Context(), batch.Unsent))
	assert.Equal(t, pathsOf(traces), got)
}

func TestCollectorBatchWhoseContextEnds(t *testing.T) {
	t.Run("before it starts", func(t *testing.T) {
		client, server := scriptedClient(t, always(http.StatusOK, "OK"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := client.Collector.LogBatch(ctx, numbered(3, 10))
		var batch *metlo.BatchError
		require.ErrorAs(t, err, &batch)
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, batch.Unsent, 3)
		assert.Empty(t, server.sent)
	})
	t.Run("while a request is under way", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client, _ := scriptedClient(t, func(sentRequest) (int, string, error) {
			cancel()
			return 0, "", context.Canceled
		})
		err := client.Collector.LogBatch(ctx, numbered(4, 700_000))
		var batch *metlo.BatchError
		require.ErrorAs(t, err, &batch)
		require.ErrorIs(t, err, context.Canceled)
		assert.Len(t, batch.Unknown, 2)
		assert.Len(t, batch.Unsent, 2)
	})
}

func TestBatchErrorShowsNoTrace(t *testing.T) {
	trace := traceOf("/", 0)
	trace.Request.Body = "the customer's secret"
	err := error(&metlo.BatchError{Sent: []*metlo.Trace{trace}, Unknown: []*metlo.Trace{trace}, Unsent: []*metlo.Trace{trace, trace}, Err: errors.New("out of luck")})
	assert.EqualError(t, err, "metlo: batch of 4 traces: 1 sent, 1 unknown, 2 not sent: out of luck")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "err", err)
	assert.Contains(t, log.String(), "err.sent=1 err.unknown=1 err.unsent=2")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %q %s", err, err, err, err, err)+log.String(), "secret")
}

// TestCollectorRefuses has one of the traces be invalid: nothing is sent, and the error names it.
func TestCollectorRefuses(t *testing.T) {
	bad := map[string]struct {
		change func(*metlo.Trace)
		says   string
	}{
		"without a host":     {func(t *metlo.Trace) { t.Request.URL.Host = "" }, "Request.URL.Host is empty"},
		"without a path":     {func(t *metlo.Trace) { t.Request.URL.Path = "" }, `Request.URL.Path "" does not begin with a slash`},
		"with a URL as path": {func(t *metlo.Trace) { t.Request.URL.Path = "https://a/b" }, "does not begin with a slash"},
		"with a query":       {func(t *metlo.Trace) { t.Request.URL.Path = "/a?b=c" }, "put the query into Parameters"},
		"without a method":   {func(t *metlo.Trace) { t.Request.Method = "" }, "Request.Method is empty"},
		"with a method that is not tracked": {func(t *metlo.Trace) { t.Request.Method = "PROPFIND" },
			`Request.Method "PROPFIND" is not one that Metlo tracks`},
		"without a status":            {func(t *metlo.Trace) { t.Response.Status = 0 }, "Response.Status 0 is not an HTTP status"},
		"with a NUL":                  {func(t *metlo.Trace) { t.Request.Body = "a\x00b" }, "NUL"},
		"with a binary request body":  {func(t *metlo.Trace) { t.Request.Body = "\xff" }, "Request.Body is not UTF-8"},
		"with a binary response body": {func(t *metlo.Trace) { t.Response.Body = "\x1f\x8b" }, "Response.Body is not UTF-8"},
		"with a binary header": {func(t *metlo.Trace) { t.Response.Headers = []metlo.NameValue{{Name: "a"}, {Value: "\xff"}} },
			"Response.Headers[1] is not UTF-8"},
		"with an address that is no text": {func(t *metlo.Trace) { t.Meta.Source = "\xff" }, "the trace cannot be encoded"},
		"of 10 MB":                        {func(t *metlo.Trace) { t.Response.Body = strings.Repeat("x", 10<<20) }, "over the collector's limit"},
		"of a byte too many": {func(t *metlo.Trace) { t.Request.Body = strings.Repeat("x", collectorLimit) },
			"shorten its bodies"},
	}
	rows := map[string]refusal{
		"a nil trace": {func(ctx context.Context, c *metlo.Client) error { return c.Collector.Log(ctx, nil) }, "the trace is nil"},
		"a nil trace in a batch": {func(ctx context.Context, c *metlo.Client) error {
			return c.Collector.LogBatch(ctx, []*metlo.Trace{traceOf("/", 0), nil})
		}, "trace 1: the trace is nil"},
	}
	for name, row := range bad {
		trace := traceOf("/", 0)
		row.change(trace)
		rows["a trace "+name] = refusal{func(ctx context.Context, c *metlo.Client) error { return c.Collector.Log(ctx, trace) }, row.says}
		rows["a batch with a trace "+name] = refusal{func(ctx context.Context, c *metlo.Client) error {
			return c.Collector.LogBatch(ctx, append(numbered(3, 10), trace, traceOf("/", 0)))
		}, "trace 3: "}
	}
	assertRefusals(t, rows)
}

func ExampleCollectorService_LogBatch() {
	server := metlotest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	var traces []*metlo.Trace
	for _, path := range []string{"/v1/users/17", "/v1/users/18", "/v1/carts"} {
		traces = append(traces, &metlo.Trace{
			Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: path}},
			Response: metlo.TraceResponse{Status: http.StatusOK},
		})
	}
	if err := client.Collector.LogBatch(ctx, traces); err != nil {
		fmt.Println(err)
		return
	}
	for endpoint, err := range client.Endpoints.All(ctx, nil) {
		fmt.Println(endpoint.Method, endpoint.Path, err)
	}
	// Unordered output:
	// GET /v1/users/{param1} <nil>
	// GET /v1/carts <nil>
}

func TestCollectorMeetsFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"Verify": func(ctx context.Context, c *metlo.Client) error { return c.Collector.Verify(ctx) },
		"Log":    func(ctx context.Context, c *metlo.Client) error { return c.Collector.Log(ctx, traceOf("/", 0)) },
		"LogBatch": func(ctx context.Context, c *metlo.Client) error {
			err := c.Collector.LogBatch(ctx, numbered(2, 0))
			var batch *metlo.BatchError
			assert.ErrorAs(t, err, &batch)
			return err
		},
	})
}

func analyzedOf(path string) *metlo.AnalyzedTrace {
	return &metlo.AnalyzedTrace{
		Request:  metlo.AnalyzedRequest{URL: metlo.AnalyzedURL{Host: "shop.example.com", Path: path}, Method: metlo.MethodGet},
		Response: metlo.AnalyzedResponse{Status: 200}, Redacted: true, AnalysisType: metlo.AnalysisFull,
	}
}

// TestAnalyzedTracesOfTheSample decodes and encodes the recorded requests of version 2.
func TestAnalyzedTracesOfTheSample(t *testing.T) {
	data, err := os.ReadFile("testdata/samples/local-analysis.json")
	require.NoError(t, err)
	var sample struct {
		Exchanges []struct {
			Name  string
			Trace json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	checked := 0
	for _, x := range sample.Exchanges {
		if x.Trace == nil || x.Name == "spec" || x.Name == "emptysession" { // one has members that the server ignores, the other an empty session
			continue
		}
		checked++
		var trace metlo.AnalyzedTrace
		require.NoError(t, json.Unmarshal(x.Trace, &trace), x.Name)
		client, server := scriptedClient(t, always(http.StatusOK, "OK"))
		require.NoError(t, client.Collector.LogAnalyzed(t.Context(), &trace), x.Name)
		assert.Equal(t, "POST collector:/api/v2/log-request/single", server.sent[0].Method+" "+server.sent[0].Path)
		assert.JSONEq(t, string(x.Trace), server.sent[0].Body, x.Name)
	}
	assert.GreaterOrEqual(t, checked, 7)
}

func TestLogAnalyzedBatch(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.Collector.LogAnalyzedBatch(t.Context(), nil))
	assert.Empty(t, server.sent)
	var traces []*metlo.AnalyzedTrace
	for range 3 {
		trace := analyzedOf("/a")
		trace.Analysis.DataTypes = map[string][]string{"resBody." + strings.Repeat("x", 900_000): {"string"}}
		traces = append(traces, trace)
	}
	require.NoError(t, client.Collector.LogAnalyzedBatch(t.Context(), traces))
	require.Len(t, server.sent, 2, "as few requests as the limit allows")
	for _, sent := range server.sent {
		assert.Equal(t, "/api/v2/log-request/batch", strings.TrimPrefix(sent.Path, "collector:"))
		assert.LessOrEqual(t, len(sent.Body), collectorLimit)
	}
	require.NoError(t, client.Collector.Verify(t.Context()), "the first version stays in use")
}

func TestAnalyzedBatchError(t *testing.T) {
	for name, row := range map[string]struct{ status, unknown, unsent int }{"500": {500, 2, 0}, "401": {401, 0, 2}} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(row.status, "no"))
			err := client.Collector.LogAnalyzedBatch(t.Context(), []*metlo.AnalyzedTrace{analyzedOf("/a"), analyzedOf("/b")})
			var partly *metlo.AnalyzedBatchError
			require.ErrorAs(t, err, &partly)
			assert.Len(t, partly.Unknown, row.unknown)
			assert.Len(t, partly.Unsent, row.unsent)
			assert.NotContains(t, err.Error(), "shop.example.com")
			var of *metlo.Error
			assert.ErrorAs(t, err, &of)
		})
	}
}

func TestLogAnalyzedRefuses(t *testing.T) {
	for says, change := range map[string]func(*metlo.AnalyzedTrace){
		"Host is empty":                      func(a *metlo.AnalyzedTrace) { a.Request.URL.Host = "" },
		"does not begin with a slash":        func(a *metlo.AnalyzedTrace) { a.Request.URL.Path = "a" },
		"more than two empty elements":       func(a *metlo.AnalyzedTrace) { a.Request.URL.Path = "//a//b//" },
		"Method":                             func(a *metlo.AnalyzedTrace) { a.Request.Method = "BREW" },
		"Status 0":                           func(a *metlo.AnalyzedTrace) { a.Response.Status = 0 },
		"differ in their number of elements": func(a *metlo.AnalyzedTrace) { a.Request.URL.EndpointPath = "/a/{id}" },
		"EndpointPath":                       func(a *metlo.AnalyzedTrace) { a.Request.URL.EndpointPath = "/<id>" },
	} {
		trace := analyzedOf("/a")
		change(trace)
		client, server := scriptedClient(t, always(http.StatusOK, "OK"))
		for _, err := range []error{
			client.Collector.LogAnalyzed(t.Context(), trace), client.Collector.LogAnalyzedBatch(t.Context(), []*metlo.AnalyzedTrace{analyzedOf("/b"), trace}),
			client.Collector.LogAnalyzed(t.Context(), nil),
		} {
			assert.ErrorIs(t, err, metlo.ErrInvalidArgument, says)
		}
		assert.ErrorContains(t, client.Collector.LogAnalyzed(t.Context(), trace), says)
		assert.Empty(t, server.sent)
	}
}
