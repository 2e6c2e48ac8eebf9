package redislimit

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// redisServer is a real Redis on loopback that keeps nothing on disk.
type redisServer struct {
	t       *testing.T
	binary  string
	address string
	cmd     *exec.Cmd
}

func newRedisServer(t *testing.T) *redisServer {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: install it (Debian: apt-get install redis-server)")
		}
		t.Skip("redis-server is missing: install it to run this test (Debian: apt-get install redis-server)")
	}
	s := &redisServer{t: t, binary: binary, address: freeAddress(t)}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// start returns when the server answers.
func (s *redisServer) start() {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	require.NoError(s.t, err)
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), s.binary,
		"--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	require.NoError(s.t, s.cmd.Start())
	client := s.client()
	defer func() { require.NoError(s.t, client.Close()) }()
	require.Eventually(s.t, func() bool { return client.Ping(s.t.Context()).Err() == nil }, 20*time.Second, 5*time.Millisecond,
		"redis-server does not answer at %s", s.address)
}

func (s *redisServer) kill() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	require.NoError(s.t, s.cmd.Process.Kill())
	_ = s.cmd.Wait() // reports that it was killed
	s.cmd = nil
}

func (s *redisServer) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.address, MaxRetries: -1, DialerRetries: 1})
}

func (s *redisServer) options() *redis.UniversalOptions {
	return &redis.UniversalOptions{Addrs: []string{s.address}}
}
