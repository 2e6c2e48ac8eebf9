package account_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/account"
	"github.com/metlo-go/metlo/credentials"
)

func store(t *testing.T) (*account.Store, string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	s, err := account.Open()
	require.NoError(t, err)
	return s, filepath.Join(home, ".metlo")
}

func TestStoreKeepsWhatItIsGiven(t *testing.T) {
	keys := map[string]string{
		"as the server makes them": "metlo.3Kx9", "none": "", "dollar and hash": "a$b#c", "quote": `a"b`, "blank": "a b", "backslash": `a\b`,
		"equals sign": "a=b==", "grave": "a`b",
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			s, dir := store(t)
			entry := &account.Account{Host: "https://metlo.example.com/x", Collector: "https://c.example.com", Key: metlo.NewSecret(key), Insecure: true}
			for _, context := range []string{account.Default, "staging"} {
				require.NoError(t, s.Write(context, entry))
				got, err := s.Read(context)
				require.NoError(t, err)
				assert.Equal(t, key, got.Key.Reveal())
				got.Key, entry.Key = metlo.Secret{}, metlo.Secret{}
				assert.Equal(t, entry, got)
				entry.Key = metlo.NewSecret(key)
			}
			if runtime.GOOS == "windows" {
				return // files have no modes on Windows
			}
			info, err := os.Stat(filepath.Join(dir, "credentials"))
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), info.Mode())
			info, err = os.Stat(dir)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
		})
	}
}

// TestTheSDKReadsWhatTheCommandWrites checks that programs can use a login of the command.
func TestTheSDKReadsWhatTheCommandWrites(t *testing.T) {
	s, _ := store(t)
	require.NoError(t, s.Write(account.Default, &account.Account{Host: "https://metlo.example.com", Key: metlo.NewSecret("metlo.a$b")}))
	path, err := credentials.Path()
	require.NoError(t, err)
	saved, err := credentials.Read(path)
	require.NoError(t, err)
	assert.Equal(t, "https://metlo.example.com", saved["METLO_HOST"])
	assert.Equal(t, "metlo.a$b", saved["METLO_API_KEY"])
}

func TestContexts(t *testing.T) {
	s, dir := store(t)
	names, err := s.Names()
	require.NoError(t, err)
	assert.Empty(t, names)
	require.ErrorIs(t, s.Use("staging"), fs.ErrNotExist)
	require.NoError(t, s.Write("staging", &account.Account{Host: "https://a"}))
	require.NoError(t, s.Use("staging"))
	current, err := s.Current()
	require.NoError(t, err)
	assert.Equal(t, "staging", current)
	require.NoError(t, s.Delete("staging"))
	current, err = s.Current()
	require.NoError(t, err)
	assert.Equal(t, account.Default, current, "what is gone is not in use")

	for _, name := range []string{"..", "a/b", "", ".hidden", "a b", "../credentials"} {
		_, err := s.Path(name)
		require.Error(t, err, name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "context"), []byte("../x"), 0o600))
	_, err = s.Current()
	require.ErrorContains(t, err, "metlo context use")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "credentials"), []byte("METLO_API_KEY metlo.planted"), 0o600))
	if _, err = s.Read(account.Default); err != nil {
		assert.NotContains(t, err.Error(), "planted")
	}
}

func TestSameServer(t *testing.T) {
	same := [][2]string{
		{"https://a.example.com", "https://A.example.com:443/"}, {"https://a.example.com.", "https://a.example.com/api/v1"},
		{"http://a:80/x", "http://a/x/"},
	}
	other := [][2]string{{"https://a", "http://a"}, {"https://a", "https://a:8443"}, {"https://a/x", "https://a/y"}, {"", ""}, {"a", "a"}}
	for _, p := range same {
		assert.True(t, account.SameServer(p[0], p[1]), p)
	}
	for _, p := range other {
		assert.False(t, account.SameServer(p[0], p[1]), p)
	}
}
