package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestRedirectOfATransportThatNamesNoRequest(t *testing.T) {
	client := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://elsewhere.example.com/x"}}, Body: http.NoBody,
		}, nil
	}))
	_, err := client.Summary.Get(t.Context())
	require.ErrorIs(t, err, metlo.ErrRedirected)
	assert.ErrorContains(t, err, "https://elsewhere.example.com")
}

// silent is the body of a connection that switched protocols: a read blocks until the server ends it.
type silent struct{ closed chan struct{} }

func (s silent) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

func (s silent) Write(p []byte) (int, error) { return len(p), nil }

func (s silent) Close() error {
	close(s.closed)
	return nil
}

func TestSwitchedProtocolsAreClosedUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := silent{make(chan struct{})}
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: body, Request: r}, nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := client.Summary.Get(ctx)
		require.ErrorIs(t, err, metlo.ErrInvalidResponse)
		assert.Zero(t, time.Since(start))
		<-body.closed
	})
}

func TestTheWaitAfterACutListEndsWithTheContextsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			return answering(http.StatusOK, `[[{"uuid":"`+alertID(1)+`"},{"uuid":`).RoundTrip(r)
		}), metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: 1e6 * time.Hour, MaxWait: 1e6 * time.Hour}))
		ctx, cancel := context.WithCancelCause(t.Context())
		shutdown := errors.New("shutting down")
		time.AfterFunc(time.Second, func() { cancel(shutdown) })
		_, err := metlo.Collect(client.Alerts.All(ctx, nil))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, shutdown)
		assert.Equal(t, 1, requests)
	})
}

func TestAnErrorOfATransportIsNoAnswerOfMetlo(t *testing.T) {
	foreign := fmt.Errorf("mirror: %w", &metlo.Error{StatusCode: http.StatusNotFound, Kind: metlo.ErrNotFound, Message: "elsewhere"})
	client := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, foreign }))
	_, err := client.Summary.Get(t.Context())
	var e *metlo.Error
	require.True(t, errors.As(err, &e))
	assert.Zero(t, e.StatusCode)
	assert.Equal(t, metlo.ErrNoResponse, e.Kind)
}

func TestGlobalEnvKeepsValuesOutOfErrors(t *testing.T) {
	const value = "hunter2-hunter2"
	for name, body := range map[string]string{
		"cut":              `[{"name":"PASSWORD","value":"` + value,
		"followed by text": `[{"name":"PASSWORD","value":"` + value + `"}] and more`,
		"an object":        `{"name":"PASSWORD","value":"` + value + `"}`,
		"bare text":        value,
	} {
		t.Run(name, func(t *testing.T) {
			client := inProcess(t, answering(http.StatusOK, body), metlo.WithoutRetry())
			_, err := client.Testing.GlobalEnv(t.Context())
			require.Error(t, err)
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v %q", cause, cause, cause, cause), value)
			}
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, string(e.Body), value)
		})
	}
}

// TestLargeListsTakeTwoRequests walks lists that one response holds, and one of which it holds only pages.
func TestLargeListsTakeTwoRequests(t *testing.T) {
	takesSeconds(t)
	for name, tt := range map[string]struct {
		rows, churn, pageCap int
		most                 int // requests
	}{
		"20,000 endpoints":                       {rows: 20_000, most: 2},
		"20,000 under changes":                   {rows: 20_000, churn: 20, most: 2},
		"100,000 under changes":                  {rows: 100_000, churn: 20, most: 2},
		"20,000 in pages of 2,000 under changes": {rows: 20_000, churn: 20, pageCap: 2000, most: 12*20_000/2000 + 20},
	} {
		t.Run(name, func(t *testing.T) {
			srv := metlotest.NewServer(inventory(tt.rows), metlotest.InMemory())
			defer srv.Close()
			srv.Churn(tt.churn)
			if tt.pageCap > 0 {
				srv.Inject(metlotest.Fault{Path: "/endpoints", PageCap: tt.pageCap})
			}
			seen, err := walked(t, srv.Client(unlimited()).Endpoints.All(t.Context(), nil), uuidOfEndpoint)
			requests := len(srv.Requests())
			t.Logf("%d items in %d requests", len(seen), requests)
			assert.LessOrEqual(t, requests, tt.most)
			var incomplete *metlo.IncompleteError
			if tt.pageCap > 0 && errors.As(err, &incomplete) {
				assert.GreaterOrEqual(t, incomplete.Missing, tt.rows-len(seen))
				return
			}
			require.NoError(t, err)
			assertEachOnce(t, seen, tt.rows)
		})
	}
}
