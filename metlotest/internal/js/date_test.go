package js_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

func TestParseDate(t *testing.T) {
	const invalid = "invalid"
	tests := []struct{ text, want string }{
		{"2026", "2026-01-01T00:00:00.000Z"},
		{"2026-02", "2026-02-01T00:00:00.000Z"},
		{"2026-02-03", "2026-02-03T00:00:00.000Z"},
		{"2026-02-03T04:05", "2026-02-03T04:05:00.000Z"},
		{"2026-02-03T04:05:06.789+02:00", "2026-02-03T02:05:06.789Z"},
		{"2026-1-3", "2026-01-03T00:00:00.000Z"},
		{"2026-01-03 10:00", "2026-01-03T10:00:00.000Z"},
		{"2026-01-03 10:00:30.5", "2026-01-03T10:00:30.500Z"},
		{"1/2/2026", "2026-01-02T00:00:00.000Z"},
		{"2026/1/2", "2026-01-02T00:00:00.000Z"},
		{"Jan 2, 2026", "2026-01-02T00:00:00.000Z"},
		{"2 January 2026", "2026-01-02T00:00:00.000Z"},
		{"Fri, 02 Jan 2026 10:20:30 GMT", "2026-01-02T10:20:30.000Z"},
		{"Fri Jan 02 2026 10:20:30 GMT+0200 (CEST)", "2026-01-02T08:20:30.000Z"},
		{"Jan 2 2026 3:04 PM", "2026-01-02T15:04:00.000Z"},
		{"12/31/2026", "2026-12-31T00:00:00.000Z"},
		{"31/12/2026", invalid},
		{"yesterday", invalid},
		{"(", invalid},
		{"", invalid},
		{"2026-13-01", invalid},
	}
	for _, tt := range tests {
		got := invalid
		if at, ok := js.ParseDate(tt.text); ok {
			got = at.Format("2006-01-02T15:04:05.000Z")
		}
		assert.Equal(t, tt.want, got, tt.text)
	}
}

func TestParseInt(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{"10", "10"},
		{"1e3", "1"},
		{"1.5", "1"},
		{"-1", "-1"},
		{" 7x", "7"},
		{"0x1f", "31"},
		{"ten", "NaN"},
		{[]any{"4", "5"}, "4"},
		{js.New(), "NaN"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, js.String(js.ParseInt(tt.value)), tt.value)
	}
}

func TestIsNumeric(t *testing.T) {
	for _, s := range []string{"", "1", "-1.5", "1e3", "0x1f", "0b1", "Infinity", "1e400", ".5", "5."} {
		assert.True(t, js.IsNumeric(s), s)
	}
	for _, s := range []string{"x", "1x", "0xg", "1_000", "NaN", "--1", "infinity", "e", "."} {
		assert.False(t, js.IsNumeric(s), s)
	}
}
