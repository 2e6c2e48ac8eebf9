package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// loopback returns a pipeline over kernel sockets. Its waits are short, and a watchdog ends the test's context.
func loopback(t *testing.T, tr *http.Transport, edits ...func(*Config)) (*Pipeline, context.Context) {
	t.Cleanup(tr.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	edits = append([]func(*Config){func(c *Config) {
		c.Retry = Policy{MaxRetries: 2, BaseWait: time.Millisecond, MaxWait: time.Millisecond}
	}}, edits...)
	return pipeline(&http.Client{Transport: tr}, edits...), ctx
}

// resetting serves connections, each of which it resets when serve returns.
func resetting(t *testing.T, serve func(net.Conn)) (address string, seen *atomic.Int32) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	seen = new(atomic.Int32)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			seen.Add(1)
			running.Go(func() {
				serve(conn)
				assert.NoError(t, conn.(*net.TCPConn).SetLinger(0))
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return "http://" + l.Addr().String() + "/", seen
}

func readRequest(conn net.Conn) {
	if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func TestResets(t *testing.T) {
	tests := map[string]func(net.Conn){
		"after the request":  readRequest,
		"within the headers": func(c net.Conn) { readRequest(c); _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nServer: metlo\r\n") },
		"within the body": func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
		},
		"within a chunk": func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf")
		},
	}
	for name, serve := range tests {
		t.Run(name, func(t *testing.T) {
			for repeat, want := range map[Repeat]int{RepeatNever: 1, RepeatUnprocessed: 1, RepeatIdempotent: 1, RepeatSafe: 3} {
				method := http.MethodPut
				if repeat == RepeatSafe {
					method = http.MethodGet
				}
				address, seen := resetting(t, serve)
				p, ctx := loopback(t, &http.Transport{})
				r := request(method, address, repeat)
				if repeat != RepeatSafe {
					r.Body = []byte("a body")
				}
				attempts, err := p.do(ctx, r, discard)
				require.Error(t, err)
				require.NoError(t, ctx.Err())
				assert.Len(t, attempts, want, "%v", err)
				assert.EqualValues(t, want, seen.Load())
			}
		})
	}
}

func TestResetOfEveryConnection(t *testing.T) {
	address, _ := resetting(t, func(net.Conn) {})
	for range 20 { // the reset may come before, while or after the request is sent
		p, ctx := loopback(t, &http.Transport{})
		attempts, err := p.do(ctx, get(address), discard)
		require.Error(t, err)
		require.NoError(t, ctx.Err())
		assert.Len(t, attempts, 3, "%v", err)
	}
}

func TestRefusal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String() + "/"
	require.NoError(t, l.Close())
	for repeat, want := range map[Repeat]int{RepeatNever: 1, RepeatUnprocessed: 3, RepeatIdempotent: 3, RepeatSafe: 3} {
		p, ctx := loopback(t, &http.Transport{})
		attempts, err := p.do(ctx, request("POST", address, repeat), discard)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		assert.Len(t, attempts, want)
	}
}

func TestServerThatNeverAnswers(t *testing.T) {
	tests := map[string]string{"headers": "", "body": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}
	for what, text := range tests {
		t.Run(what, func(t *testing.T) {
			address, seen := resetting(t, func(c net.Conn) {
				readRequest(c)
				_, _ = io.WriteString(c, text)
				_, _ = io.Copy(io.Discard, c) // until the client goes
			})
			p, ctx := loopback(t, &http.Transport{}, func(c *Config) {
				if what == "headers" {
					c.HeaderTimeout = 100 * time.Millisecond
				} else { // their headers come, however slow the machine is
					c.IdleTimeout = 100 * time.Millisecond
				}
			})
			_, err := p.do(ctx, get(address), discard)
			assert.Contains(t, requireAs[*TimeoutError](t, err).For, what)
			assert.EqualValues(t, 1, seen.Load())
		})
	}
}

// secure serves https with a certificate for example.com and 127.0.0.1, and counts connections.
func secure(t *testing.T, h http.HandlerFunc, edit func(*httptest.Server)) (*httptest.Server, *x509.CertPool, *atomic.Int32) {
	seen := new(atomic.Int32)
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			seen.Add(1)
		}
	}
	if edit != nil {
		edit(srv)
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return srv, pool, seen
}

func TestTLSFailuresAreFinal(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	tests := map[string]struct {
		server func(*httptest.Server)
		client func(*tls.Config)
		plain  bool // the server speaks http
		is     func(error) bool
	}{
		"wrong name": {
			client: func(c *tls.Config) { c.ServerName = "metlo.invalid" },
			is:     func(err error) bool { var e x509.HostnameError; return errors.As(err, &e) },
		},
		"unknown authority": {
			client: func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
			is:     func(err error) bool { var e x509.UnknownAuthorityError; return errors.As(err, &e) },
		},
		"no common version": {
			server: func(s *httptest.Server) { s.TLS = &tls.Config{MinVersion: tls.VersionTLS13} },
			client: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
			is:     func(err error) bool { var e *net.OpError; return errors.As(err, &e) && e.Op == "remote error" },
		},
		"client certificate wanted": {
			server: func(s *httptest.Server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} },
			client: func(*tls.Config) {},
			is:     func(err error) bool { var e *net.OpError; return errors.As(err, &e) && e.Op == "remote error" },
		},
		"plain http": {
			plain:  true,
			client: func(*tls.Config) {},
			is:     func(err error) bool { return errors.Is(err, http.ErrSchemeMismatch) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			srv, pool, seen := secure(t, ok, tt.server)
			address := srv.URL
			if tt.plain {
				plain := httptest.NewServer(http.HandlerFunc(ok))
				t.Cleanup(plain.Close)
				u, err := url.Parse(plain.URL)
				require.NoError(t, err)
				address = "https://" + u.Host
			}
			cfg := &tls.Config{RootCAs: pool}
			tt.client(cfg)
			for _, r := range []*Request{get(address), request("POST", address, RepeatUnprocessed)} {
				seen.Store(0)
				p, ctx := loopback(t, &http.Transport{TLSClientConfig: cfg})
				attempts, err := p.do(ctx, r, discard)
				require.Error(t, err)
				assert.True(t, tt.is(err), "%T: %v", err, err)
				assert.Len(t, attempts, 1, "%v", err)
				if !tt.plain {
					assert.EqualValues(t, 1, seen.Load())
				}
			}
		})
	}
}

func TestResetStreamsOfHTTP2(t *testing.T) {
	half := func(w http.ResponseWriter) {
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
	}
	tests := map[string]func(http.ResponseWriter){
		"before the headers": func(http.ResponseWriter) {},
		"within the body":    half,
	}
	for name, write := range tests {
		t.Run(name, func(t *testing.T) {
			var seen atomic.Int32
			srv, pool, _ := secure(t, func(w http.ResponseWriter, r *http.Request) {
				seen.Add(1)
				assert.Equal(t, 2, r.ProtoMajor)
				write(w)
				panic(http.ErrAbortHandler)
			}, func(s *httptest.Server) { s.EnableHTTP2 = true })
			for repeat, want := range map[Repeat]int32{RepeatNever: 1, RepeatUnprocessed: 1, RepeatIdempotent: 1, RepeatSafe: 3} {
				seen.Store(0)
				p, ctx := loopback(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true})
				attempts, err := p.do(ctx, request(http.MethodPut, srv.URL, repeat), discard)
				require.Error(t, err)
				assert.EqualValues(t, want, len(attempts), "%T: %v", err, err)
				assert.Equal(t, want, seen.Load())
			}
		})
	}
}
