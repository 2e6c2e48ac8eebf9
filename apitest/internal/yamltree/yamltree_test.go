package yamltree

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

func TestScalars(t *testing.T) {
	for text, want := range map[string]Node{
		"no": {Kind: String}, "01234": {Kind: Number, Number: 1234}, "1.10": {Kind: Number, Number: 1.1}, "1_000": {Kind: Number, Number: 1000},
		"0x1F": {Kind: Number, Number: 31}, "0o17": {Kind: Number, Number: 15}, "0b101": {Kind: Number, Number: 5}, "-1e3": {Kind: Number, Number: -1000},
		"-.inf": {Kind: Number, Number: math.Inf(-1)}, "True": {Kind: Bool, Bool: true}, "~": {}, "2020-01-01": {Kind: String},
		"1:30": {Kind: String}, "+.5": {Kind: Number, Number: .5},
	} {
		got, err := Parse(text)
		require.NoError(t, err)
		want.Line, want.Column, want.Text = 1, 1, text
		assert.Equal(t, &want, got, text)
	}
}

func TestPlacesOfFaults(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb: 2\na: 3\n": `3:1: duplicated mapping key "a"`,
		"a: &x\n  b: *x\n":   "2:6: the alias *x refers to a value that contains it",
		"a: *y\n":            "1:4: unknown anchor 'y' referenced",
		"a: 1\n---\nb: 2\n":  "expected a single document, but found more",
		"a: b: c\n":          "1:5: mapping values are not allowed in this context",
		"ab: 1\ncd: x\x01\n": "2:6: control characters are not allowed",
		"<<: [1]\n":          "1:6: only a mapping, or a list of mappings, can be merged",
		strings.Repeat("[", 1900) + strings.Repeat("]", 1900):     "nested more than 1800 deep",
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000): "nested deeper than 10000",
	} {
		_, err := Parse(text)
		assert.ErrorContains(t, err, want)
		var fault *Error
		require.ErrorAs(t, err, &fault)
		assert.Positive(t, fault.Line)
		assert.Positive(t, fault.Column)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	text := "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for c := 'b'; c < 'k'; c++ {
		text += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	_, err := Parse(text)
	assert.ErrorContains(t, err, "too many aliases of aliases")
}

func TestJSON(t *testing.T) {
	root, err := Parse("{\n\t\"a\": \"\\ud83d\\ude00 \\/ \\u00e9\",\n\t\"b\": \"\\\\ud83d\\\\ude00\"\n}")
	require.NoError(t, err)
	assert.Equal(t, "😀 / é", root.Get("a").Text)
	assert.Equal(t, `\ud83d\ude00`, root.Get("b").Text)
}

func TestMergeKeys(t *testing.T) {
	root, err := Parse("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 5\n")
	require.NoError(t, err)
	c := root.Get("c")
	require.Len(t, c.Pairs, 3)
	assert.Equal(t, []string{"5", "2", "4"}, []string{c.Get("x").Text, c.Get("y").Text, c.Get("z").Text})
}

// TestTextIsTheSameEverywhere parses written texts with another reader too, by the rules of YAML 1.1 and 1.2.
func TestTextIsTheSameEverywhere(t *testing.T) {
	for _, s := range []string{
		"", " ", "\n", "no", "No", "y", "012", "0o12", "1e3", "1_0", "1:30", "190:20:30.5", "2020-01-01", "2001-12-14 21:59:43.10 -5", ".inf", "+1", "-1", "0x1f", "~",
		"null", "<<", "=", "a: b", "a #b", "#", "a\nb", "a\n", "a\n\n", "\na", " a\nb", "a \nb\n", "a\n\n b\n", "a\tb", "\u2028", "\ufeff", "😀", "é: x", "\x7f",
		"\u0085", "'", `"`, "\\", "00000000-0000-4000-8000-000000000000", "2xx", "---", "...", "...a", "a: |\n  b\n", "\ufffd", "a\u00a0b", "1e400", "0b2", "12:", "1.2.3.4",
	} {
		text := "v: " + Text(s, 1) + "\nw: x\n"
		root, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, s, root.Get("v").Text, text)
		assert.Equal(t, String, root.Get("v").Kind, text)
		var back map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &back), text)
		assert.Equal(t, any(s), back["v"], text)
	}
	for s, want := range map[string]string{
		"no": "'no'", "012": "'012'", "1e3": "'1e3'", "2020-01-01": "'2020-01-01'", "1_0": "'1_0'", "a b": "a b", "<<X>>": "<<X>>", "a\nb\n": "|\n  a\n  b",
	} {
		assert.Equal(t, want, Text(s, 1))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a: [1, *b]\n<<: {c: 1}\n")
	f.Add("a: &a !!int x\n? [b]\n: |\n  c\n")
	f.Fuzz(func(t *testing.T, text string) {
		root, err := Parse(text)
		if err != nil {
			var fault *Error
			require.ErrorAs(t, err, &fault)
			assert.Positive(t, fault.Line)
		}
		_ = root.Get("c")
		if utf8.ValidString(text) {
			written := "v: " + Text(text, 1) + "\n"
			back, err := Parse(written)
			require.NoError(t, err, written)
			assert.Equal(t, text, back.Get("v").Text, written)
		}
	})
}
