package fuzz_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// seedRecordings passes every short exchange with a real server to add.
func seedRecordings(add func(kit.Recording)) {
	for _, section := range kit.Sections() {
		for _, r := range kit.Recordings(section) {
			if len(r.Response.Body) < 8<<10 {
				add(r)
			}
		}
	}
}

// readers returns calls that together decode every kind of answer.
func readers() []func(context.Context, *metlo.Client) error {
	second := func(_ any, err error) error { return err }
	return []func(context.Context, *metlo.Client) error{
		func(ctx context.Context, c *metlo.Client) error {
			return second(c.Endpoints.Get(ctx, kit.EndpointID(1)))
		},
		func(ctx context.Context, c *metlo.Client) error { return second(c.Endpoints.List(ctx, nil, 0, 0)) },
		func(ctx context.Context, c *metlo.Client) error {
			return second(metlo.Collect(c.Endpoints.All(ctx, nil)))
		},
		func(ctx context.Context, c *metlo.Client) error {
			return second(c.Endpoints.Usage(ctx, kit.EndpointID(1)))
		},
		func(ctx context.Context, c *metlo.Client) error { return second(c.Alerts.List(ctx, nil, 0, 0)) },
		func(ctx context.Context, c *metlo.Client) error { return second(metlo.Collect(c.Alerts.All(ctx, nil))) },
		func(ctx context.Context, c *metlo.Client) error {
			return second(c.Alerts.Resolve(ctx, kit.AlertID(1), ""))
		},
		func(ctx context.Context, c *metlo.Client) error {
			return c.Alerts.UpdateMany(ctx, &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, AllAlerts: true})
		},
		func(ctx context.Context, c *metlo.Client) error { return second(c.Hosts.List(ctx, nil, 0, 0)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Hosts.Names(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Hosts.Graph(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Keys.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Keys.Create(ctx, "ci", "")) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Webhooks.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Settings.Get(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Settings.MetloConfig(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Summary.Get(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Specs.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Specs.Get(ctx, "a.yaml")) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Specs.Zip(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.DataClasses.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Testing.Config(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Testing.GlobalEnv(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return c.Testing.UpdateConfig(ctx, "x") },
		func(ctx context.Context, c *metlo.Client) error { return c.Ping(ctx) },
		func(ctx context.Context, c *metlo.Client) error {
			return c.Call(ctx, http.MethodGet, "/x", nil, nil, new(map[string]any))
		},
	}
}

// fuzzClient answers 401 after 1,000 requests, because the walk of a list continues for as long as its total requires.
func fuzzClient(t *testing.T, rt http.RoundTripper) *metlo.Client {
	sent := 0
	limited := kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		if sent++; sent > 1000 {
			return (&kit.Answer{Status: http.StatusUnauthorized, Body: []byte("enough")}).RoundTrip(r)
		}
		return rt.RoundTrip(r)
	})
	return kit.Client(t, limited, metlo.WithMaxResponseBytes(64<<10), metlo.WithRetry(metlo.RetryPolicy{
		MaxRetries: 1, BaseWait: time.Nanosecond, MaxWait: time.Nanosecond, MaxRetryAfter: time.Nanosecond,
	}))
}

// FuzzAnswers feeds a body to every call. KEY in it stands for the client's key.
func FuzzAnswers(f *testing.F) {
	kinds := uint8(len(readers()))
	seedRecordings(func(r kit.Recording) {
		f.Add(uint8(r.Seq)%kinds, uint16(r.Response.Status), r.Response.Body)
	})
	f.Add(uint8(0), uint16(500), `{"message":"Authorization: KEY"}`)
	f.Add(uint8(1), uint16(200), `[[{"uuid":"KEY"}],"KEY"]`)
	f.Add(uint8(7), uint16(200), `<html><title>KEY</title>`)
	f.Fuzz(func(t *testing.T, kind uint8, status uint16, body string) {
		if status < 200 || status > 599 {
			return
		}
		body = strings.ReplaceAll(body, "KEY", kit.Key)
		client := fuzzClient(t, &kit.Answer{Status: int(status), Body: []byte(body), Header: http.Header{}})
		kit.CheckError(t, readers()[kind%kinds](t.Context(), client))
	})
}

// FuzzResponses feeds the bytes of a whole response, with its header, to calls.
func FuzzResponses(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Down\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Down\r\nRetry-After: -99999999999999999999\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/KEY?KEY\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 308 Moved\r\nLocation: /api/v1/x\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: ://\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://KEY.example:0x/\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\nTrailer: KEY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n\x1f\x8b",
		"HTTP/1.0 401 KEY\r\nWWW-Authenticate: KEY\r\n\r\nKEY",
	} {
		f.Add(uint8(1), seed)
		f.Add(uint8(6), seed)
	}
	kinds := uint8(len(readers()))
	f.Fuzz(func(t *testing.T, kind uint8, raw string) {
		raw = strings.ReplaceAll(raw, "KEY", kit.Key)
		client := fuzzClient(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "metlo.example.com" || r.URL.Scheme != "https" {
				t.Fatalf("a request to %s", r.URL)
			}
			if r.Body != nil {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					return nil, err
				}
			}
			return http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), r)
		}))
		kit.CheckError(t, readers()[kind%kinds](t.Context(), client))
	})
}
