package jsvalue

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"modernc.org/quickjs"
)

// TestValuesBehaveAsInJavaScript compares text and equality of values with the interpreter's.
func TestValuesBehaveAsInJavaScript(t *testing.T) {
	vm, err := quickjs.NewVM()
	require.NoError(t, err)
	defer vm.Close()
	values := []any{
		"", " ", "a", "0", "1", "01", "true", "401", " 401 ", "Infinity", "0x10", "1_0", "null",
		true, false, 0, 1, -1, 100, 401, 16, 0.5, 1e21, 1.5e-7, 123456789012345680000.0, 1e-6, -1e300, math.Inf(1), math.Inf(-1), math.NaN(),
	}
	ask := func(f string, args ...any) any {
		source := make([]string, len(args))
		for i, a := range args {
			if source[i] = JSON(a); source[i] == "null\n" || source[i] == "null" || source[i] == "" {
				source[i] = String(a) // NaN and Infinity
			}
		}
		got, err := vm.Eval(f+"("+strings.Join(source, ",")+")", quickjs.EvalGlobal)
		require.NoError(t, err)
		return got
	}
	const strict, loose, text = "((a, b) => a === b)", "((a, b) => a == b)", "(a => String(a))"
	for _, a := range values {
		assert.Equal(t, ask(text, a), String(a), "text of %#v", a)
		for _, b := range values {
			assert.Equal(t, ask(strict, a, b), StrictEqual(a, b), "%#v === %#v", a, b)
			assert.Equal(t, ask(loose, a, b), LooseEqual(a, b), "%#v == %#v", a, b)
		}
	}
	// The interpreter is wrong about these.
	for s, n := range map[string]any{"1.0": 1, "1e2": 100, "-0": 0, "+1.50": 1.5, ".5": 0.5, "0b11": 3, "0O17": 15} {
		assert.True(t, LooseEqual(s, n), s)
	}
	for _, s := range []string{"nan", "inf", "1_0", "0x1p4", "--1", "+Infinity-", "0x"} {
		for _, n := range []any{0, 1, 10, 16, math.NaN(), math.Inf(1)} {
			assert.False(t, LooseEqual(s, n), s)
		}
	}
	for _, v := range []any{nil, []any{}, map[string]any{}} {
		assert.False(t, StrictEqual(v, v))
		assert.False(t, LooseEqual(v, 0))
	}
}

func TestDecodeJSON(t *testing.T) {
	for text, want := range map[string]any{
		"12":                   12,
		"1.0":                  1,
		"1.5":                  1.5,
		"9007199254740993":     9007199254740993,
		"12345678901234567890": 12345678901234567890.0,
		"1e999":                "1e999",
		`[1, {"a": [2.0]}]`:    []any{1, map[string]any{"a": []any{2}}},
		"null":                 nil,
		` "x" `:                "x",
	} {
		got, ok := Decode([]byte(text))
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "{", "1 2", "nul", "{}x"} {
		_, ok := Decode([]byte(text))
		assert.False(t, ok, text)
	}
}
