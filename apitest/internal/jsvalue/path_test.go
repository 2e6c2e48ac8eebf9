package jsvalue

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKeyPaths(t *testing.T) {
	data := map[string]any{
		"status": 200,
		"a.b":    "name wins",
		"a":      map[string]any{"b": "path", "c d": 1, "'": 2},
		"resp":   map[string]any{"data": map[string]any{"tags": []any{"x", "y"}, "text": "日本😀"}},
	}
	for key, want := range map[string]any{
		"status":                 200,
		"a.b":                    "name wins",
		"a['b']":                 "path",
		`a["c d"]`:               1,
		`a['\'']`:                2,
		"resp.data.tags[1]":      "y",
		"resp.data.tags.0":       "x",
		"resp['data'].tags[0]":   "x",
		"resp.data.tags.length":  2,
		"resp.data.text.length":  4,
		"resp.data.tags[2]":      nil,
		"resp.data.tags[-1]":     nil,
		"resp.data.missing.deep": nil,
		"status.deep":            nil,
		"":                       nil,
	} {
		t.Run(key, func(t *testing.T) {
			if key == "" {
				assert.Equal(t, data, Get(data, key))
				return
			}
			assert.Equal(t, want, Get(data, key))
		})
	}
}
