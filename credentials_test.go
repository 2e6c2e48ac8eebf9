package metlo_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

func TestReadCredentials(t *testing.T) {
	setHome(t, nil)
	path, err := metlo.CredentialsPath()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(os.Getenv("HOME"), ".metlo", "credentials"), path)
	got, err := metlo.ReadCredentials()
	require.NoError(t, err, "a file that does not exist says nothing")
	assert.Equal(t, "", got.Host+got.APIKey.Reveal()+got.CollectorHost+got.InsecureHTTP)

	writeCredentials(t, "METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=metlo.a\nMETLO_COLLECTOR_HOST=https://c.example.com\nMETLO_INSECURE_HTTP=true\n")
	got, err = metlo.ReadCredentials()
	require.NoError(t, err)
	assert.Equal(t, "https://metlo.example.com", got.Host)
	assert.Equal(t, "metlo.a", got.APIKey.Reveal())
	assert.Equal(t, "https://c.example.com", got.CollectorHost)
	assert.Equal(t, "true", got.InsecureHTTP)

	t.Setenv("HOME", "")
	_, err = metlo.CredentialsPath()
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	_, err = metlo.ReadCredentials()
	require.NoError(t, err)
}

func TestParseCredentials(t *testing.T) {
	got, err := metlo.ParseCredentials(strings.NewReader("\ufeffMETLO_API_KEY='metlo.a'\r\n"))
	require.NoError(t, err)
	assert.Empty(t, got.Host)
	assert.Equal(t, "metlo.a", got.APIKey.Reveal())

	for name, text := range map[string]string{
		"a fault":  "METLO_HOST=h\nMETLO_API_KEY metlo.a\n",
		"too long": strings.Repeat("A=b\n", 20<<10),
	} {
		_, err := metlo.ParseCredentials(strings.NewReader(text))
		require.ErrorIs(t, err, metlo.ErrInvalidArgument, name)
	}
	broken := errors.New("broken")
	_, err = metlo.ParseCredentials(iotest.ErrReader(broken))
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	require.ErrorIs(t, err, broken)
}

func TestNoHost(t *testing.T) {
	setHome(t, nil)
	_, err := metlo.NewClientFromEnv()
	require.ErrorIs(t, err, metlo.ErrNoHost)
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	require.ErrorContains(t, err, "METLO_HOST")
	require.ErrorContains(t, err, "~/.metlo/credentials")
}
