package metlotest_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

// TestFIPS140Only starts a process that imports the package and starts servers. In it cryptography outside of FIPS 140
// panics.
func TestFIPS140Only(t *testing.T) {
	const child = "METLOTEST_TEST_FIPS"
	if os.Getenv(child) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"=1", "GODEBUG=fips140=only")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestFIPS140Only/on_loopback")
		require.Contains(t, string(out), "--- PASS: TestFIPS140Only/in_memory")
		require.Contains(t, string(out), "--- PASS: TestFIPS140Only/failures")
		return
	}
	require.True(t, fips140.Enforced())
	for name, opts := range map[string][]metlotest.Option{
		"on loopback": {metlotest.Demo()},
		"in memory":   {metlotest.Demo(), metlotest.InMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			server := metlotest.New(t, opts...)
			client := server.Client()
			require.NoError(t, client.Ping(t.Context()))
			// The server encrypts the variables of globalTestEnv.
			require.NoError(t, client.Settings.UpdateMetloConfig(t.Context(), "globalTestEnv:\n  - name: STAGE\n    value: test\n"))
			config, err := client.Settings.MetloConfig(t.Context())
			require.NoError(t, err)
			assert.NotEmpty(t, config.Env.Reveal())
			assert.NotEmpty(t, config.EnvTag.Reveal())
			assert.NotEmpty(t, config.EnvIV.Reveal())
		})
	}
	t.Run("failures", func(*testing.T) { // some of which need certificates
		for _, failure := range metlotest.Failures() {
			metlotest.NewFaultServer(failure).Close()
		}
	})
}
