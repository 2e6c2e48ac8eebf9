package wire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type recording struct {
	Name     string `json:"name"`
	Response struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
	} `json:"response"`
}

// recordings returns the recorded answers of a real server.
func recordings(t testing.TB) map[string]recording {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "recordings", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]recording{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var some []recording
		require.NoError(t, json.Unmarshal(data, &some))
		for _, r := range some {
			all[filepath.Base(file)+"/"+r.Name] = r
		}
	}
	return all
}

// recorded returns the body of one answer.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	r, ok := recordings(t)[name]
	require.True(t, ok, "no recording %s", name)
	return []byte(r.Response.Body)
}

// item is an item of the server's lists, with the members that these tests use.
type item struct {
	UUID         string          `json:"uuid"`
	NumEndpoints int             `json:"numEndpoints"`
	Context      json.RawMessage `json:"context"`
}
