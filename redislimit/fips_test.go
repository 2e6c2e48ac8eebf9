package redislimit

import (
	"crypto/fips140"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// TestFIPS140Only starts a process that imports and uses the package. In it cryptography outside of FIPS 140 panics.
func TestFIPS140Only(t *testing.T) {
	const child = "REDISLIMIT_TEST_FIPS"
	if os.Getenv(child) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"=1", "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestFIPS140Only/away")
		if strings.Contains(string(out), "--- SKIP") {
			t.Skip("redis-server is missing: only the limiter without Redis was tested")
		}
		require.Contains(t, string(out), "--- PASS: TestFIPS140Only/redis")
		return
	}
	require.True(t, fips140.Enforced())
	wait := func(t *testing.T, address string, away Fallback) {
		t.Helper()
		l, err := New(Config{
			Redis:   &redis.UniversalOptions{Addrs: []string{address}},
			BaseURL: "https://metlo.example.com", PerSecond: 100, WhenAway: away, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, l.Wait(t.Context()))
		}
		require.NoError(t, l.Close())
	}
	t.Run("away", func(t *testing.T) { wait(t, freeAddress(t), LocalShare(1)) })
	t.Run("redis", func(t *testing.T) { wait(t, newRedisServer(t).address, Fail()) })
}
