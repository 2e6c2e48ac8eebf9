package inventory

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// endpoints are those of the tests' instances, an empty one and one with everything that JSON escapes.
func endpoints(t *testing.T) []metlo.Endpoint {
	t.Helper()
	list := []metlo.Endpoint{{}, {
		UUID: "\x00\"\\<&>\u2028\xff\U0001f600", HostIPs: map[string]int{"10.0.0.1": 3}, SrcIPs: map[string]int{}, IsAuthenticatedUserSet: new(bool),
		DataClasses: []string{"<b>", "Email"}, ResourcePermissions: []string{}, NumberParams: -4, IsPublic: true, IsGraphQL: true,
		GraphQLMetadata: json.RawMessage(`{"a": [1, "<"]}`), LastActive: time.Date(2026, 1, 31, 8, 0, 0, 123e6, time.FixedZone("", 3600)),
	}}
	for _, name := range []string{"../../testdata/shop.json", "../../../../testdata/dataset.json"} {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		var set struct{ Endpoints []metlo.Endpoint }
		require.NoError(t, json.Unmarshal(data, &set))
		list = append(list, set.Endpoints...)
	}
	return list
}

// TestLinesAreWhatTheServerSends compares with the endpoint's own encoding.
func TestLinesAreWhatTheServerSends(t *testing.T) {
	l, err := newLines()
	require.NoError(t, err)
	list := endpoints(t)
	require.Greater(t, len(list), 60)
	for i := range list {
		want, err := json.Marshal(&list[i])
		require.NoError(t, err)
		var got bytes.Buffer
		require.NoError(t, l.write(&got, &list[i]))
		assert.Equal(t, string(want)+"\n", got.String())
	}
}
