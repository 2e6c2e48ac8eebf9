package metlo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// TestMain fails the run if a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decodesMillions skips a test of sizes in -short and under the race detector, which would take minutes. CI runs it
// without both.
func decodesMillions(t *testing.T) {
	t.Helper()
	if testing.Short() || kit.Race {
		t.Skip("decodes millions of values, ten times as slow under the race detector")
	}
}

const someKey = kit.Key

type (
	recording = kit.Recording
	roundTrip = kit.RoundTrip
)

func recordingNamed(t testing.TB, section, name string) recording {
	t.Helper()
	return kit.RecordingNamed(t, section, name)
}

func inProcess(t testing.TB, rt http.RoundTripper, opts ...metlo.Option) *metlo.Client {
	t.Helper()
	return kit.Client(t, rt, opts...)
}

func answering(status int, body string) *kit.Answer {
	return &kit.Answer{Status: status, Body: []byte(body), Header: http.Header{}}
}

func endpointID(n int) string { return kit.EndpointID(n) }

func alertID(n int) string { return kit.AlertID(n) }

func loadJSON(v any) metlotest.Option { return kit.LoadJSON(v) }

const madeUpKey = "metlo.ThisKeyIsMadeUpAndOpensNothingAnywhere00"

// sentRequest is a request to a scripted server.
type sentRequest struct {
	Method string
	Path   string // escaped
	Query  url.Values
	Header http.Header
	Body   string
}

// script is a server without a network: one function answers all requests, and the script records them.
type script struct {
	answer func(sentRequest) (status int, body string, err error)

	mu   sync.Mutex
	sent []sentRequest
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	got := sentRequest{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(), Header: r.Header, Body: string(body)}
	if strings.HasPrefix(r.URL.Host, "collector.") {
		got.Path = "collector:" + got.Path
	}
	s.mu.Lock()
	s.sent = append(s.sent, got)
	s.mu.Unlock()
	status, answer, err := s.answer(got)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {typeOf(answer)}},
		Body: io.NopCloser(bytes.NewReader([]byte(answer))), ContentLength: int64(len(answer)), Request: r,
	}, nil
}

func scriptedClient(t testing.TB, answer func(sentRequest) (int, string, error)) (*metlo.Client, *script) {
	t.Helper()
	s := &script{answer: answer}
	client, err := metlo.NewClient("https://metlo.example.com", madeUpKey,
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: s}),
		metlo.WithoutRateLimit(), metlo.WithoutRetry())
	require.NoError(t, err)
	return client, s
}

// typeOf returns the media type with which the server sends a body.
func typeOf(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json; charset=utf-8"
	}
	return "text/html; charset=utf-8"
}

// always returns a server that answers every request alike.
func always(status int, body string) func(sentRequest) (int, string, error) {
	return func(sentRequest) (int, string, error) { return status, body, nil }
}

// refusal is a call that must fail before anything is sent, and the part of its error about the solution.
type refusal struct {
	call func(context.Context, *metlo.Client) error
	says string
}

func assertRefusals(t *testing.T, rows map[string]refusal) {
	t.Helper()
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			client, server := scriptedClient(t, always(http.StatusOK, "OK"))
			err := row.call(t.Context(), client)
			require.ErrorIs(t, err, metlo.ErrInvalidArgument)
			assert.ErrorContains(t, err, row.says)
			assert.Equal(t, 1, kit.CountSentinels(err))
			assert.Empty(t, server.sent, "nothing may be sent")
		})
	}
}

// unreachable fails the test when anything is sent.
type unreachable struct{ t testing.TB }

func (u unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	u.t.Errorf("%s %s was sent", r.Method, r.URL)
	return nil, errors.New("unreachable")
}

// failing answers every request with a status and a body.
func failing(status int, body string, header http.Header) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return (&kit.Answer{Status: status, Body: []byte(body), Header: header}).RoundTrip(r)
	}
}

// recordedCall is a call that a recording answers.
type recordedCall struct {
	call      func(*testing.T, *metlo.Client) error // checks the result
	sent      string                                // method and escaped path
	query     string                                // decoded, names in order
	body      string                                // JSON; empty for none
	recording string
	want      error // nil for success
}

func assertRecordedCalls(t *testing.T, section string, rows map[string]recordedCall) {
	t.Helper()
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			answer := recordingNamed(t, section, row.recording).Response
			client, server := scriptedClient(t, always(answer.Status, answer.Body))
			err := row.call(t, client)
			if row.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, row.want)
				assert.Equal(t, 1, kit.CountSentinels(err))
			}
			require.Len(t, server.sent, 1)
			sent := server.sent[0]
			assert.Equal(t, row.sent, sent.Method+" "+sent.Path)
			query, err := url.QueryUnescape(sent.Query.Encode())
			require.NoError(t, err)
			assert.Equal(t, row.query, query)
			if row.body == "" {
				assert.Empty(t, sent.Body)
			} else {
				assert.JSONEq(t, row.body, sent.Body)
			}
		})
	}
}

// assertFaults calls every method of a section against all kinds of faulty servers.
func assertFaults(t *testing.T, calls map[string]func(context.Context, *metlo.Client) error) {
	t.Helper()
	faults := map[string]struct {
		answer func(sentRequest) (int, string, error)
		want   error
	}{
		"a key that is not known":     {always(http.StatusUnauthorized, "Client unauthorized"), metlo.ErrUnauthorized},
		"a key that may not":          {always(http.StatusForbidden, "Forbidden"), metlo.ErrForbidden},
		"too many requests":           {always(http.StatusTooManyRequests, "slow down"), metlo.ErrRateLimited},
		"a server that fails":         {always(http.StatusInternalServerError, "connect ECONNREFUSED"), metlo.ErrServer},
		"a gateway without a server":  {always(http.StatusBadGateway, "<html><title>502</title></html>"), metlo.ErrServer},
		"another server's 404":        {always(http.StatusNotFound, "404 page not found"), metlo.ErrInvalidResponse},
		"a login page":                {always(http.StatusOK, "<!DOCTYPE html><title>Sign in</title>"), metlo.ErrInvalidResponse},
		"nothing":                     {always(http.StatusOK, ""), metlo.ErrInvalidResponse},
		"a connection that is broken": {func(sentRequest) (int, string, error) { return 0, "", io.ErrUnexpectedEOF }, metlo.ErrNoResponse},
	}
	for method, call := range calls {
		for name, fault := range faults {
			t.Run(method+" meets "+name, func(t *testing.T) {
				client, _ := scriptedClient(t, fault.answer)
				err := call(t.Context(), client)
				require.ErrorIs(t, err, fault.want)
				assert.Equal(t, 1, kit.CountSentinels(err))
				var e *metlo.Error
				require.ErrorAs(t, err, &e)
				assert.LessOrEqual(t, len(e.Attempts), 1, "a list that is read while it comes has none")
			})
		}
	}
}
