package metlo_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestListsThatAreTooLongForOneResponse(t *testing.T) {
	takesSeconds(t)
	t.Run("over the limit of one request", func(t *testing.T) {
		m := &model{rows: ids(60_000)}
		seen, err := walked(t, inProcess(t, m).Alerts.All(t.Context(), &metlo.AlertListOptions{Offset: 500}), uuidOfAlert)
		require.NoError(t, err)
		assertEachOnce(t, seen, 59_500)
		assert.NotContains(t, seen, alertID(500))
		assert.Equal(t, 2, m.requests, "the second request has neither limit nor offset")
	})
	t.Run("over the limit of a JavaScript string", func(t *testing.T) {
		m := &model{rows: ids(210_000)}
		seen, err := walked(t, inProcess(t, m).Alerts.All(t.Context(), nil), uuidOfAlert)
		require.NoError(t, err)
		assert.Len(t, seen, 210_000)
		assert.LessOrEqual(t, m.requests, 14, "two passes of five pages, after the list could not be split")
	})
}

// endless is a body that does not end.
type endless struct {
	head string
	item string
	read int
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read == 0 {
		e.rest = []byte(e.head)
	}
	for len(e.rest) < len(p) {
		e.rest = append(e.rest, e.item...)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	e.read += n
	return n, nil
}

func (e *endless) Close() error { return nil }

func TestBodiesThatDoNotEnd(t *testing.T) {
	tests := []struct {
		name, head, item string
		says             string
	}{
		{"array of items", `[[{"uuid":"x"}`, `,{"uuid":"` + alertID(1) + `"}`, "does not end"},
		{"one item", `[[{"description":"`, "xxxxxxxxxxxxxxxx", "larger than"},
		{"white space", ``, "                ", "larger than"},
		{"nesting", `[[{"context":`, "[", "depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var body *endless
			client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				body = &endless{head: tt.head, item: tt.item}
				return &http.Response{StatusCode: 200, ContentLength: -1, Body: body, Request: r}, nil
			}), metlo.WithMaxResponseBytes(8<<20))
			_, err := walked(t, client.Alerts.All(t.Context(), nil), uuidOfAlert)
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.Contains(t, err.Error(), tt.says)
			_, err = client.Alerts.List(t.Context(), nil)
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.LessOrEqual(t, body.read, 10<<20)
		})
	}
}

func TestACutListIsAskedForAgainAsOftenAsThePolicySays(t *testing.T) {
	head := `[[{"uuid":"` + alertID(1) + `"},{"uuid":`
	for retries, opt := range map[int]metlo.Option{
		0: metlo.WithoutRetry(),
		5: metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 5, MaxWait: time.Nanosecond}),
	} {
		requests := 0
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			return (&kit.Answer{Status: 200, Body: []byte(head)}).RoundTrip(r)
		}), opt)
		seen, err := walked(t, client.Alerts.All(t.Context(), nil), uuidOfAlert)
		require.ErrorIs(t, err, metlo.ErrInvalidResponse)
		assertEachOnce(t, seen, 1)
		assert.Equal(t, 1+retries, requests)
	}
}

func TestConnectionAfterABreakInALoop(t *testing.T) {
	tests := map[string]struct {
		alerts int
		first  int // rows of the first request
		dials  int64
	}{
		"serves on after a page":            {alerts: 1000, first: 100, dials: 1},
		"serves on after a list of 2 MiB":   {alerts: 4000, first: 5000, dials: 1},
		"is given up for the rest of 5 MiB": {alerts: 8000, first: 50_000, dials: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := metlotest.NewServer(backlog(tt.alerts))
			defer server.Close()
			var dials atomic.Int64
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				return new(net.Dialer).DialContext(ctx, network, address)
			}}
			defer transport.CloseIdleConnections()
			client, err := metlo.NewClient(server.URL, "", metlo.WithHTTPClient(&http.Client{Transport: transport}), unlimited())
			require.NoError(t, err)
			for _, err := range client.Alerts.All(t.Context(), &metlo.AlertListOptions{PageSize: tt.first}) {
				require.NoError(t, err)
				break
			}
			require.NoError(t, client.Ping(t.Context()))
			assert.Equal(t, tt.dials, dials.Load())
		})
	}
}

// TestLongResponsesAreRefused walks behind a gateway that refuses more than 1,000 items.
func TestLongResponsesAreRefused(t *testing.T) {
	for _, status := range []int{400, 413, 414, 500, 502, 503, 504, 524} {
		for _, first := range []int{0, 2000} {
			m := &model{rows: ids(2500)}
			gateway := roundTrip(func(r *http.Request) (*http.Response, error) {
				if n, err := strconv.Atoi(r.URL.Query().Get("limit")); strings.HasSuffix(r.URL.Path, "/alerts") && (err != nil || n > 1000) {
					return answering(status, "too long").RoundTrip(r)
				}
				return m.RoundTrip(r)
			})
			client := inProcess(t, gateway, metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 1, MaxWait: time.Nanosecond}))
			seen, err := walked(t, client.Alerts.All(t.Context(), &metlo.AlertListOptions{PageSize: first}), uuidOfAlert)
			require.NoError(t, err, "status %d", status)
			assertEachOnce(t, seen, 2500)
			assert.LessOrEqual(t, m.requests, 12*3+20)
		}
	}
	for _, answer := range []*kit.Answer{answering(401, ""), answering(404, ""), answering(400, `{"type":"ZOD","err":{"issues":[{"code":"custom","path":["limit"],"message":"no"}]}}`)} {
		requests := 0
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			return answer.RoundTrip(r)
		}))
		_, err := metlo.Collect(client.Alerts.All(t.Context(), &metlo.AlertListOptions{PageSize: 2000}))
		require.Error(t, err)
		assert.Equal(t, 1, requests, "a smaller page would not help: %d", answer.Status)
	}
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
