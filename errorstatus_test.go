package metlo_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// hanging is a body that begins and then blocks until its context ends.
type hanging struct {
	io.Reader
	ctx context.Context
}

func (h hanging) Read(p []byte) (int, error) {
	if n, err := h.Reader.Read(p); err == nil {
		return n, nil
	}
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func (hanging) Close() error { return nil }

// TestContextsErrorWinsOverAStatus ends the context while the body of an error arrives.
func TestContextsErrorWinsOverAStatus(t *testing.T) {
	for _, status := range []int{200, 400, 401, 404, 409, 500, 501} {
		for name, end := range map[string]error{"cancelled": context.Canceled, "late": context.DeadlineExceeded} {
			t.Run(fmt.Sprint(status, " ", name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					if errors.Is(end, context.Canceled) {
						time.AfterFunc(5*time.Second, cancel)
					}
					client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
						resp, err := failing(status, "", http.Header{"Content-Type": {"text/html"}}).RoundTrip(r)
						resp.Body, resp.ContentLength = hanging{strings.NewReader("Endpoint does not"), r.Context()}, -1
						return resp, err
					}))
					_, err := client.Endpoints.Get(ctx, endpointID(1))
					require.ErrorIs(t, err, end)
					assert.Equal(t, 1, kit.CountSentinels(err))
					require.NotErrorIs(t, err, metlo.ErrNotFound)
				})
			})
		}
	}
}

// TestForeignErrorsMatchOneSentinel has a transport fail with errors of this package, like one that wraps a client.
func TestForeignErrorsMatchOneSentinel(t *testing.T) {
	for _, foreign := range []error{metlo.ErrNotFound, metlo.ErrInvalidArgument, metlo.ErrNameTaken, &metlo.Error{Kind: metlo.ErrConflict}} {
		client := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("a caching proxy: %w", foreign)
		}))
		_, err := client.Endpoints.Get(t.Context(), endpointID(1))
		require.ErrorIs(t, err, metlo.ErrNoResponse)
		assert.Equal(t, 1, kit.CountSentinels(err), "%v", foreign)
	}
}

// TestErrorHoldsTheHistoryOfItsAttempts has a read fail without a response, and then with two.
func TestErrorHoldsTheHistoryOfItsAttempts(t *testing.T) {
	attempts := 0
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		if attempts++; attempts == 1 {
			return nil, fmt.Errorf("with %s: %w", r.Header.Get("Authorization"), syscall.ECONNRESET)
		}
		return answering(http.StatusServiceUnavailable, "").RoundTrip(r)
	}), metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 2, BaseWait: time.Nanosecond, MaxWait: time.Microsecond}))
	_, err := client.Endpoints.Get(t.Context(), endpointID(1))
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Attempts, 3)
	require.ErrorIs(t, e.Attempts[0].Err, syscall.ECONNRESET)
	assert.Equal(t, "with [redacted]: connection reset by peer", e.Attempts[0].Err.Error())
	assert.Zero(t, e.Attempts[0].StatusCode)
	for _, a := range e.Attempts[1:] {
		require.NoError(t, a.Err)
		assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	}
}

func TestErrorOfAnUploadsReaderIsOneLine(t *testing.T) {
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		_, err := io.ReadAll(r.Body)
		return nil, err
	}))
	err := client.Specs.Upload(t.Context(), "a.yaml", io.MultiReader(failingReader{}))
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	assert.NotContains(t, err.Error(), "\x1b")
	assert.NotContains(t, err.Error(), "\n")
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("disk\n\x1b[31m is full") }

// TestBatchThatNeverLeftIsUnsent sends traces to an unreachable collector.
func TestBatchThatNeverLeftIsUnsent(t *testing.T) {
	for name, cause := range map[string]error{
		"no such host":    &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "collector.example.com", IsNotFound: true}},
		"refused":         &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
		"not trusted":     &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"speaks no TLS":   tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		"broken off":      io.ErrUnexpectedEOF,
		"reset in a read": &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			client := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, cause }),
				metlo.WithCollectorURL("https://collector.example.com"), metlo.WithoutRetry())
			trace := &metlo.Trace{Request: metlo.TraceRequest{URL: metlo.TraceURL{Host: "a", Path: "/"}, Method: "GET"}, Response: metlo.TraceResponse{Status: 200}}
			err := client.Collector.LogBatch(t.Context(), []*metlo.Trace{trace})
			var batch *metlo.BatchError
			require.ErrorAs(t, err, &batch)
			sent := name == "broken off" || name == "reset in a read"
			assert.Equal(t, sent, len(batch.Unknown) == 1, "%v", err)
			assert.Equal(t, !sent, len(batch.Unsent) == 1, "%v", err)
		})
	}
}

// TestReadsOutlastARestartOfAServerThatAnswered stops the backend for 5 s, once before its first answer and once after it.
func TestReadsOutlastARestartOfAServerThatAnswered(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
		proof  bool
	}{
		"a success":               {200, `{"exists":true}`, true},
		"an error in Metlo's own": {500, "connect ECONNREFUSED 127.0.0.1:5432", true},
		"a validation error":      {400, `{"type":"ZOD","err":{"issues":[]},"message":"no"}`, true},
		"another server's page":   {404, "<html><title>404</title></html>", false},
		"nothing":                 {0, "", false},
	}
	for name, first := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down := time.Time{}
				client, err := metlo.NewClient("https://metlo.example.com", "", metlo.WithoutRateLimit(), metlo.WithHTTPClient(&http.Client{
					Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						switch {
						case down.IsZero():
							return failing(first.status, first.body, http.Header{"Content-Type": {"text/html"}}).RoundTrip(r)
						case time.Since(down) < 20*time.Second:
							return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
						}
						return failing(200, `{"exists":true}`, nil).RoundTrip(r)
					}),
				}))
				require.NoError(t, err)
				if first.status > 0 {
					_, _ = client.Summary.HasEndpoints(t.Context())
				}
				down = time.Now()
				_, err = client.Summary.HasEndpoints(t.Context())
				assert.Equal(t, first.proof, err == nil, "%v", err)

				down = time.Now()
				_, err = client.Alerts.List(t.Context(), nil, 0, 101)
				require.ErrorIs(t, err, metlo.ErrNoResponse, "a long response gives up after MaxRetries")
			})
		})
	}
}
