package field

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// lookups returns calls that name something, each of another kind.
func lookups() map[string]func(context.Context, *metlo.Client) error {
	return map[string]func(context.Context, *metlo.Client) error{
		"Alerts.Resolve": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.Resolve(ctx, kit.Nowhere, "")
			return err
		},
		"Endpoints.Get": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.Get(ctx, kit.Nowhere)
			return err
		},
		"Endpoints.Delete": func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.Delete(ctx, kit.Nowhere) },
		"Specs.Get":        func(ctx context.Context, c *metlo.Client) error { _, err := c.Specs.Get(ctx, "nope"); return err },
		"Specs.Delete":     func(ctx context.Context, c *metlo.Client) error { return c.Specs.Delete(ctx, "nope") },
		"Keys.Delete":      func(ctx context.Context, c *metlo.Client) error { return c.Keys.Delete(ctx, "nope") },
		"DataFields.SetEntity": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.DataFields.SetEntity(ctx, kit.Nowhere, nil)
			return err
		},
		"Call": func(ctx context.Context, c *metlo.Client) error {
			return c.Call(ctx, http.MethodPut, "/alert/"+kit.Nowhere, nil, map[string]string{"updateType": "resolve"}, nil)
		},
	}
}

// otherServers returns servers that are not Metlo's backend.
func otherServers() map[string]http.Handler {
	fixed := func(status int, contentType, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	express := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<body>\n<pre>Cannot %s %s</pre>\n</body>\n</html>\n", r.Method, r.URL.Path)
	})
	return map[string]http.Handler{
		"nginx":              fixed(404, "text/html", "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body><center>nginx</center></body>\r\n</html>\r\n"),
		"an Ingress":         fixed(404, "text/plain; charset=utf-8", "default backend - 404"),
		"Go":                 http.NotFoundHandler(),
		"Express":            express,
		"a gateway's JSON":   fixed(404, "application/json", `{"message":"no Route matched with those values"}`),
		"a CDN":              fixed(404, "application/xml", `<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>`),
		"no body":            fixed(404, "text/html", ""),
		"Not Found":          fixed(404, "text/html; charset=utf-8", "Not Found"),
		"Not Found in JSON":  fixed(404, "application/json", `"Not Found"`),
		"Not Found in plain": fixed(404, "text/plain", "Not Found"),
		"OK to everything":   fixed(200, "text/plain; charset=utf-8", "OK"),
		"an object as HTML":  fixed(404, "text/html", `{"error":"Endpoint does not exist."}`),
		"a page to all":      fixed(200, "text/html", "<!DOCTYPE html><title>Welcome</title>"),
		"a static export":    fixed(200, "application/json", `[]`),
	}
}

func wrongAddresses(t *testing.T) (cases int, saw string) {
	fine := func(t *testing.T, name string, err error) {
		if err == nil {
			return // a server acknowledges a change without a text of Metlo's
		}
		if errors.Is(err, metlo.ErrNotFound) { // the same bytes as Metlo's
			assert.ErrorContains(t, err, "check the base URL", name)
			return
		}
		assert.Equal(t, 1, kit.CountSentinels(err), name)
	}
	for kind, handler := range otherServers() {
		t.Run(kind, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			client, err := metlo.NewClient(server.URL, kit.Key, metlo.WithoutRateLimit(), metlo.WithoutRetry())
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			for name, call := range lookups() {
				cases++
				fine(t, name, call(t.Context(), client))
			}
			cases++
			require.ErrorIs(t, client.Ping(t.Context()), metlo.ErrInvalidResponse)
		})
	}
	srv := metlotest.NewServer()
	defer srv.Close()
	t.Run("the collector as backend", func(t *testing.T) {
		client, err := metlo.NewClient(srv.CollectorURL, srv.APIKey, metlo.WithoutRateLimit(), metlo.WithoutRetry())
		require.NoError(t, err)
		defer client.CloseIdleConnections()
		for name, call := range lookups() {
			cases++
			err := call(t.Context(), client)
			require.Error(t, err, name)
			fine(t, name, err)
			if name != "Call" {
				assert.Contains(t, err.Error(), "collector", name)
			}
		}
		cases++
		err = client.Ping(t.Context())
		require.ErrorIs(t, err, metlo.ErrInvalidResponse)
		assert.Contains(t, err.Error(), "collector")
	})
	t.Run("the backend as collector", func(t *testing.T) {
		client, err := metlo.NewClient(srv.URL, srv.APIKey, metlo.WithCollectorURL(srv.URL), metlo.WithoutRateLimit(), metlo.WithoutRetry())
		require.NoError(t, err)
		defer client.CloseIdleConnections()
		cases += 2
		for _, err := range []error{client.Collector.Verify(t.Context()), client.Collector.LogBatch(t.Context(), []*metlo.Trace{someTrace()})} {
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.Contains(t, err.Error(), "backend")
		}
	})
	t.Run("Metlo itself", func(t *testing.T) {
		client := srv.Client(metlo.WithoutRateLimit())
		defer client.CloseIdleConnections()
		require.NoError(t, client.Ping(t.Context()))
		for name, call := range lookups() {
			cases++
			if name == "Endpoints.Delete" {
				continue // an empty 500 has no message
			}
			require.ErrorIs(t, call(t.Context(), client), metlo.ErrNotFound, name)
		}
	})
	return cases, "none of them said not found but Metlo"
}

func someTrace() *metlo.Trace {
	trace := &metlo.Trace{}
	trace.Request.URL.Host, trace.Request.URL.Path, trace.Request.Method = "a.example.com", "/", "GET"
	trace.Response.Status = 200
	return trace
}

// wrongProtocols calls ports that speak another protocol than that of the base URL.
func wrongProtocols(t *testing.T) (cases int, saw string) {
	overTLS := httptest.NewTLSServer(http.NotFoundHandler())
	defer overTLS.Close()
	overTLS.Config.ErrorLog = nil
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	nginx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"))
	}))
	defer nginx.Close()
	ssh, alert := banner(t, "SSH-2.0-OpenSSH_9.6\r\n"), banner(t, "\x15\x03\x03\x00\x02\x02\x28")
	redis := banner(t, "-ERR unknown command 'GET'\r\n")
	tests := map[string]struct{ base, says string }{
		"TLS, spoken to in plain http":         {"http" + strings.TrimPrefix(overTLS.URL, "https"), "the port speaks TLS"},
		"nginx's TLS, spoken to in plain http": {nginx.URL, "the port speaks TLS"},
		"a TLS alert":                          {"http://" + alert, "the port speaks TLS"},
		"plain http, spoken to in TLS":         {"https" + strings.TrimPrefix(plain.URL, "http"), "the port speaks plain http"},
		"SSH":                                  {"http://" + ssh, "does not speak HTTP"},
		"SSH, spoken to in TLS":                {"https://" + ssh, "neither TLS nor HTTP"},
		"Redis":                                {"http://" + redis, "does not speak HTTP"},
	}
	for name, tt := range tests {
		cases++
		t.Run(name, func(t *testing.T) {
			client, err := metlo.NewClient(tt.base, kit.Key, quickRetries())
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			err = client.Ping(t.Context())
			require.ErrorContains(t, err, tt.says)
			assert.NotErrorIs(t, err, metlo.ErrNotFound)
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.False(t, e.Retryable())
			assert.Len(t, e.Attempts, 1)
		})
	}
	return cases, ""
}

// banner returns a server that writes a text to each connection and closes it.
func banner(t *testing.T, text string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_, _ = conn.Write([]byte(text))
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = conn.Read(make([]byte, 4<<10))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-served
	})
	return l.Addr().String()
}
