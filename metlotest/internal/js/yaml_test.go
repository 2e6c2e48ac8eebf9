package js_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

func TestLoadYAML(t *testing.T) {
	for text, want := range map[string]string{
		"[no, 012, 1e3, 0x1F, 0b11, 1_0, '1', ~, True, -.5]": `["no",12,1000,31,3,10,"1",null,true,-0.5]`,
		`{"a":"\ud83d\ude00"}`:                               "{\"a\":\"\U0001f600\"}",
		"a: &x [1]\nb: *x\nc: {<<: {d: 1, e: 2}, e: 3}\n":    `{"a":[1],"b":[1],"c":{"e":3,"d":1}}`,
		"2: a\nb: c\n1: d\n":                                 `{"1":"d","2":"a","b":"c"}`,
		"%YAML 1.2\n---\na: |\n  b\n  c\n":                   `{"a":"b\nc\n"}`,
		"---\n":                                              `null`,
	} {
		v, err := js.LoadYAML(text)
		require.NoError(t, err)
		assert.Equal(t, want, string(js.Encode(v)), text)
	}
	v, err := js.LoadYAML("# nothing\n")
	require.NoError(t, err)
	assert.True(t, js.IsUndefined(v))
}

// TestYAMLFaults checks the frame that the SDK parses: (line:column), an empty line, an excerpt with a mark.
func TestYAMLFaults(t *testing.T) {
	bomb := "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	for text, want := range map[string]string{
		"a: [1,":                   " (2:1)\n\n 1 | a: [1,\n 2 | \n-----^",
		"a: 1\nb:\n\tc: 2\n":       " (3:1)\n\n 1 | a: 1\n 2 | b:\n 3 | →c: 2\n-----^",
		"a: 1\nb: 2\na: 3\nc: 4\n": "duplicated mapping key (3:1)\n\n 1 | a: 1\n 2 | b: 2\n 3 | a: 3\n-----^\n 4 | c: 4",
		"a: &a [*a]\n":             " (1:8)\n\n 1 | a: &a [*a]\n------------^",
		"{a: " + strings.Repeat("x ", 100) + ": : b: }": " (1:",
		bomb: "too many aliases of aliases (",
	} {
		_, err := js.LoadYAML(text)
		assert.ErrorContains(t, err, want)
	}
	_, err := js.LoadYAML(strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + " #")
	assert.ErrorContains(t, err, "nested too deeply")
	_, err = js.LoadYAML("a\n---\nb\n")
	assert.EqualError(t, err, "expected a single document in the stream, but found more")
}

func TestDumpYAML(t *testing.T) {
	for _, s := range []string{"", "a b", "no", "012", "1e3", "2020-01-01", "2001-12-14 21:59:43.10 -5", "1_0", "~", "=", "a: b", " a", "a\n", "a\n\nb", "\n a", "\x01", "é😀", "{{X}}", "#", "0b1", strings.Repeat("long word ", 30)} {
		for _, v := range []any{s, js.New(s+"k", s), []any{s, []any{}, js.New(), nil, true, 1e21, -0.5}} {
			text, err := js.DumpYAML(v)
			require.NoError(t, err)
			back, err := js.LoadYAML(text)
			require.NoError(t, err, text)
			assert.Equal(t, string(js.Encode(v)), string(js.Encode(back)), text)
		}
	}
	text, err := js.DumpYAML(js.New("a", []any{"no", "b"}, "c", "d\ne\n", "f", []any{}))
	require.NoError(t, err)
	assert.Equal(t, "a:\n  - 'no'\n  - b\nc: |\n  d\n  e\nf: []\n", text)
}

func FuzzLoadYAML(f *testing.F) {
	f.Add("a: [1, *b]\n<<: {c: 1}\n")
	f.Add("? {a: b}\n: !!int x\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := js.LoadYAML(text)
		if err != nil || js.IsUndefined(v) {
			return
		}
		written, err := js.DumpYAML(v)
		require.NoError(t, err)
		back, err := js.LoadYAML(written)
		require.NoError(t, err, written)
		assert.Equal(t, string(js.Encode(v)), string(js.Encode(back)), written)
	})
}
