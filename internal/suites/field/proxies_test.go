package field

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/internal/transport"
)

func quickRetries() metlo.Option {
	return metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: time.Nanosecond, MaxWait: time.Millisecond})
}

// calls returns a call that reads, and one that creates.
func calls() map[string]func(context.Context, *metlo.Client) error {
	return map[string]func(context.Context, *metlo.Client) error{
		"GET":  func(ctx context.Context, c *metlo.Client) error { _, err := c.Hosts.Names(ctx); return err },
		"POST": func(ctx context.Context, c *metlo.Client) error { _, err := c.Keys.Create(ctx, "ci", ""); return err },
	}
}

func refusingProxies(t *testing.T) (cases int, saw string) {
	total := 0
	for status, again := range map[int]bool{
		400: false, 403: false, 404: false, 407: false, 408: true, 429: true, 500: false, 502: true, 503: true, 504: true, 521: true,
	} {
		for whose, newTransport := range map[string]func() *http.Transport{
			"ours":       func() *http.Transport { return transport.NewTransport(time.Minute) },
			"a caller's": func() *http.Transport { return &http.Transport{} },
		} {
			if whose == "a caller's" && http.StatusText(status) == "" {
				continue // net/http keeps only the status's text
			}
			for method, call := range calls() {
				cases++
				t.Run(fmt.Sprintf("CONNECT %d, %s, %s", status, whose, method), func(t *testing.T) {
					var asked atomic.Int64
					proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						asked.Add(1)
						assert.Equal(t, http.MethodConnect, r.Method)
						assert.Empty(t, r.Header.Get("Authorization"))
						w.WriteHeader(status)
					}))
					defer proxy.Close()
					client := through(t, newTransport(), proxy.URL, "https://metlo.example.com")
					e := refusedByProxy(t, call(t.Context(), client), status)
					want := 1
					if again {
						want = 4
					}
					assert.EqualValues(t, want, asked.Load())
					require.Len(t, e.Attempts, want)
					assert.True(t, e.Attempts[0].Unsent)
					assert.Equal(t, again, e.Retryable())
					total += want
				})
			}
		}
	}
	for method, call := range calls() {
		cases++
		t.Run("407 to a plain request, "+method, func(t *testing.T) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(407) }))
			defer proxy.Close()
			client := through(t, &http.Transport{}, proxy.URL, "http://metlo.example.com", metlo.WithInsecureHTTP())
			refusedByProxy(t, call(t.Context(), client), 407)
		})
		cases++
		t.Run("a proxy that does not listen, "+method, func(t *testing.T) {
			proxy := httptest.NewServer(nil)
			proxy.Close()
			client := through(t, &http.Transport{}, proxy.URL, "https://metlo.example.com")
			e := refusedByProxy(t, call(t.Context(), client), 0)
			assert.Len(t, e.Attempts, 4, "nothing was sent, so it can be again")
			assert.True(t, e.Retryable())
		})
	}
	return cases, fmt.Sprintf("the proxies were asked %d times to connect, and got no key", total)
}

func through(t *testing.T, tr *http.Transport, proxy, base string, opts ...metlo.Option) *metlo.Client {
	t.Helper()
	u, err := url.Parse(proxy)
	require.NoError(t, err)
	tr.Proxy = http.ProxyURL(u)
	t.Cleanup(tr.CloseIdleConnections)
	client, err := metlo.NewClient(base, kit.Key,
		append(opts, metlo.WithHTTPClient(&http.Client{Transport: tr}), metlo.WithoutRateLimit(), quickRetries())...)
	require.NoError(t, err)
	return client
}

func refusedByProxy(t *testing.T, err error, status int) *metlo.Error {
	t.Helper()
	require.ErrorIs(t, err, metlo.ErrProxy)
	assert.Equal(t, 1, kit.CountSentinels(err))
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, status, e.StatusCode)
	assert.Contains(t, err.Error(), "proxy")
	return e
}

// passingStatuses answers a call with each retryable status.
func passingStatuses(t *testing.T) (cases int, saw string) {
	reads, changes := 0, 0
	for _, status := range []int{408, 425, 429, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530, 500, 501, 505, 528, 529} {
		for method, call := range calls() {
			cases++
			sent := 0
			client := kit.Client(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				sent++
				return kit.Text(status, "not now").RoundTrip(r)
			}), quickRetries())
			err := call(t.Context(), client)
			require.Error(t, err)
			passes := status != 500 && status != 501 && status != 505 && status != 528 && status != 529
			want := 1
			if passes && (method == "GET" || status == 429) {
				want = 4
			}
			assert.Equal(t, want, sent, "%s, %d", method, status)
			if method == "GET" {
				reads += sent
			} else {
				changes += sent
			}
			if status == 408 {
				require.ErrorIs(t, err, metlo.ErrServer)
			}
		}
	}
	return cases, fmt.Sprintf("%d requests that read, %d that change", reads, changes)
}
