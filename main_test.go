package metlo_test

import (
	"bytes"
	"context"
	"encoding/json"
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

// skipWhenShort keeps what takes seconds out of -short, which CI uses where an emulator is ten times as slow.
func skipWhenShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
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

// sentRequest is what a scripted server was sent.
type sentRequest struct {
	Method string
	Path   string // escaped
	Query  url.Values
	Header http.Header
	Body   string
}

// script is a server without a network: one function answers all requests, and what was sent is kept.
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

// typeOf is the type by which the server sends a body.
func typeOf(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json; charset=utf-8"
	}
	return "text/html; charset=utf-8"
}

// always answers every request alike.
func always(status int, body string) func(sentRequest) (int, string, error) {
	return func(sentRequest) (int, string, error) { return status, body, nil }
}

// refusal is a call that must fail before anything is sent, with an error that says what to do.
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
			assert.Empty(t, server.sent, "nothing may be sent")
		})
	}
}
