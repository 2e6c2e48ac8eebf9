package jsyaml_test

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

func readJSON[T any](t testing.TB, file string) (list []T) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &list))
	require.NotEmpty(t, list)
	return list
}

// encoded returns a tree in the form of the golden files.
func encoded(n *jsyaml.Node) any {
	if n == nil {
		return map[string]any{"u": 1.0}
	}
	switch n.Kind {
	case jsyaml.Bool:
		return n.Bool
	case jsyaml.String:
		return n.Text
	case jsyaml.Number:
		if n.Number == 0 && math.Signbit(n.Number) {
			return map[string]any{"n": "-0"}
		}
		return map[string]any{"n": jsyaml.FormatNumber(n.Number)}
	case jsyaml.Timestamp:
		return map[string]any{"d": n.Time().Format("2006-01-02T15:04:05.000Z")}
	case jsyaml.Binary:
		return map[string]any{"b": hex.EncodeToString(n.Bytes())}
	case jsyaml.Sequence:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, encoded(item))
		}
		return list
	case jsyaml.Mapping:
		list := []any{}
		for _, p := range n.Pairs {
			list = append(list, []any{p.Key, encoded(p.Value)})
		}
		return map[string]any{"m": list}
	case jsyaml.Null:
	}
	return nil
}
