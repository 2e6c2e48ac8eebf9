package field

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/internal/transport"
)

// relay forwards connections to a server until freeze is called. After that it drops their bytes and keeps them open.
type relay struct {
	net.Listener
	target  string
	frozen  atomic.Int64 // connections with a number up to this one
	made    atomic.Int64
	running sync.WaitGroup
	mu      sync.Mutex
	open    []net.Conn
}

func newRelay(t *testing.T, target string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{Listener: l, target: target}
	r.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			r.forward(client)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		for _, conn := range r.open {
			_ = conn.Close()
		}
		r.mu.Unlock()
		r.running.Wait()
	})
	return r
}

func (r *relay) forward(client net.Conn) {
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = client.Close()
		return
	}
	number := r.made.Add(1)
	r.mu.Lock()
	r.open = append(r.open, client, server)
	r.mu.Unlock()
	pipe := func(to, from net.Conn) {
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if number <= r.frozen.Load() {
				if err != nil {
					return
				}
				continue
			}
			if n > 0 {
				_, _ = to.Write(buf[:n])
			}
			if err != nil {
				_ = to.Close()
				return
			}
		}
	}
	r.running.Go(func() { pipe(server, client) })
	r.running.Go(func() { pipe(client, server) })
}

// freeze stops forwarding on all existing connections.
func (r *relay) freeze() { r.frozen.Store(r.made.Load()) }

// headerTimeout is long enough for a busy machine to answer in, and short enough to wait for.
const headerTimeout = 5 * time.Second

func deadConnections(t *testing.T) (cases int, saw string) {
	plain := func(*tls.Config) *http.Transport { return &http.Transport{} }
	tests := []struct {
		name      string
		http2     bool
		transport func(*tls.Config) *http.Transport
		most      int // calls that may fail
	}{
		{"HTTP/2, our transport", true, func(*tls.Config) *http.Transport { return transport.NewTransport(headerTimeout) }, 0},
		{"HTTP/1.1, our transport", false, func(*tls.Config) *http.Transport { return transport.NewTransport(headerTimeout) }, 1},
		{"HTTP/2, a caller's with health checks", true, func(*tls.Config) *http.Transport {
			return &http.Transport{HTTP2: &http.HTTP2Config{SendPingTimeout: headerTimeout / 3, PingTimeout: headerTimeout / 3}}
		}, 0},
		// The second attempt uses the same connection too, and has it closed: net/http offers no other way.
		{"HTTP/2, a caller's without", true, plain, 2},
		{"HTTP/1.1, a caller's", false, plain, 1},
	}
	lines := make([]string, len(tests))
	t.Run("side by side", func(t *testing.T) { // for they only wait
		for i, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				var changes atomic.Int64
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodGet {
						changes.Add(1)
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `["a.example.com"]`)
				}))
				server.EnableHTTP2 = tt.http2
				server.StartTLS()
				defer server.Close()
				relay := newRelay(t, server.Listener.Addr().String())
				own := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
				own.NextProtos = nil
				tr := tt.transport(own)
				tr.TLSClientConfig, tr.ForceAttemptHTTP2 = own, true
				defer tr.CloseIdleConnections()
				client, err := metlo.NewClient("https://"+relay.Addr().String(), kit.Key,
					metlo.WithHTTPClient(&http.Client{Transport: tr}), metlo.WithHeaderTimeout(headerTimeout), metlo.WithoutRateLimit())
				require.NoError(t, err)
				_, err = client.Hosts.Names(t.Context())
				require.NoError(t, err)
				relay.freeze()
				failed := 0
				for range 6 {
					if _, err := client.Hosts.Names(t.Context()); err != nil {
						require.ErrorIs(t, err, metlo.ErrNoResponse)
						failed++
					}
				}
				assert.LessOrEqual(t, failed, tt.most, "calls that failed")
				_, err = client.Hosts.Names(t.Context())
				require.NoError(t, err, "all is well again")
				lines[i] = fmt.Sprintf("%s: %d of 6 calls failed", tt.name, failed)
			})
		}
	})
	return len(tests), strings.Join(lines, ", ")
}
