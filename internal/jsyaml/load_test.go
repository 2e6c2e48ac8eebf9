package jsyaml_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

// goldenCase is a text with what js-yaml makes of it.
type goldenCase struct {
	Name, Text, Error, LinesError string
	Value                         any
	Dump, Sorted                  string
	Lines                         map[string]int
}

// dumpsByDesign lists the golden cases whose dump differs from js-yaml's, and why.
var dumpsByDesign = map[string]string{
	"surrogates apart": "half a surrogate pair, which js-yaml keeps, is U+FFFD in a Go string",
}

func TestAsJSYAML(t *testing.T) {
	cases := readJSON[goldenCase](t, "js-yaml.json")
	equal := 0
	for _, c := range cases {
		if t.Run(c.Name, func(t *testing.T) { checkGolden(t, c) }) {
			equal++
		}
	}
	fmt.Printf("jsyaml: %d of %d texts as js-yaml 4.1.0: values, error texts, dumps and lines (%d dump differs by design)\n",
		equal, len(cases), len(dumpsByDesign))
}

func checkGolden(t *testing.T, c goldenCase) {
	root, lines, err := jsyaml.LoadLines(c.Text)
	if c.Error != "" {
		require.EqualError(t, err, c.Error)
		var failure *jsyaml.Error
		require.ErrorAs(t, err, &failure)
		assert.False(t, failure.Limit)
		return
	}
	require.NoError(t, err)
	require.Equal(t, c.Value, encoded(root))
	assert.Equal(t, c.Lines, lines.Known())
	if root == nil || dumpsByDesign[c.Name] != "" {
		return
	}
	assert.Equal(t, c.Dump, dump(t, root, jsyaml.DumpOptions{}))
	assert.Equal(t, c.Sorted, dump(t, root, jsyaml.DumpOptions{SortKeys: true, NoRefs: true, LineWidth: -1}))
}

func dump(t *testing.T, v any, options jsyaml.DumpOptions) string {
	t.Helper()
	text, err := jsyaml.Dump(v, options)
	require.NoError(t, err)
	return text
}

func TestLoadSharesAliases(t *testing.T) {
	root, err := jsyaml.Load("a: &x {q: 1}\nb: *x\nc: {<<: *x, r: 2}\n")
	require.NoError(t, err)
	assert.Same(t, root.Get("a"), root.Get("b"))
	assert.Same(t, root.Get("a").Get("q"), root.Get("c").Get("q"))
	assert.Nil(t, root.Get("d"))
	assert.Nil(t, root.Get("d").Get("e"))
}

func TestLoadPlaces(t *testing.T) {
	root, err := jsyaml.Load("a: 1\n\"😀\": [é, {b: c}]\nd:\n  - &x e\n  -\n  - |\n    f\ng:\nh: *x\n")
	require.NoError(t, err)
	place := func(line, column int) [2]int { return [2]int{line, column} }
	at := func(n *jsyaml.Node) [2]int { return place(n.Line, n.Column) }
	emoji, d := root.Get("😀"), root.Get("d")
	assert.Equal(t, place(1, 1), at(root))
	assert.Equal(t, place(1, 4), at(root.Get("a")))
	assert.Equal(t, place(2, 7), at(emoji), "a character beyond the first plane is two columns")
	assert.Equal(t, place(2, 8), at(emoji.Items[0]))
	assert.Equal(t, place(2, 11), at(emoji.Items[1]))
	assert.Equal(t, place(2, 15), at(emoji.Items[1].Get("b")))
	assert.Equal(t, place(2, 12), place(emoji.Items[1].Pairs[0].Line, emoji.Items[1].Pairs[0].Column))
	assert.Equal(t, place(4, 3), at(d))
	assert.Equal(t, place(4, 8), at(d.Items[0]), "a node starts behind its anchor")
	assert.Equal(t, place(5, 3), at(d.Items[1]), "nothing is at its dash")
	assert.Equal(t, place(6, 5), at(d.Items[2]))
	assert.Equal(t, place(8, 1), at(root.Get("g")), "nothing is at its key")
	assert.Equal(t, place(4, 8), at(root.Get("h")), "an alias is its anchor")
}

func TestLoadKinds(t *testing.T) {
	root, err := jsyaml.Load("[~, true, 1.5, a, 2026-01-02, !!binary aGk=, [], {}]")
	require.NoError(t, err)
	var kinds []string
	for _, item := range root.Items {
		kinds = append(kinds, item.Kind.String())
	}
	assert.Equal(t, []string{"null", "boolean", "number", "string", "timestamp", "binary", "sequence", "mapping"}, kinds)
	assert.Equal(t, "kind 99", jsyaml.Kind(99).String())
	assert.Equal(t, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), root.Items[4].Time())
	assert.Equal(t, []byte("hi"), root.Items[5].Bytes())
	assert.Equal(t, "1.5", root.Items[2].Text, "the text of a number stays")
}

func TestLoadAll(t *testing.T) {
	documents, err := jsyaml.LoadAll("a\n---\nb\n...\n")
	require.NoError(t, err)
	require.Len(t, documents, 2)
	_, err = jsyaml.Load("a\n---\nb\n")
	require.EqualError(t, err, "expected a single document in the stream, but found more")
	documents, err = jsyaml.LoadAll("a\n---\n[b\n")
	require.Error(t, err)
	assert.Nil(t, documents)
}

func TestLoadReplacesBytesThatAreNoUTF8(t *testing.T) {
	root, err := jsyaml.Load("a: x\xffy\n")
	require.NoError(t, err)
	assert.Equal(t, "x\ufffdy", root.Get("a").Text)
}

func TestLoadLimits(t *testing.T) {
	chain := "a0: &a0 " + nested("[", 1000, "1", "]") + "\n"
	for i := range 5 {
		chain += fmt.Sprintf("a%d: &a%d %s\n", i+1, i+1, nested("[", 1000, fmt.Sprintf("*a%d ", i), "]"))
	}
	merges := "a: &a {" + keys(1000) + "}\n"
	for i := range 300 {
		merges += fmt.Sprintf("b%d: {<<: *a}\n", i)
	}
	for _, tt := range []struct{ name, text, reason string }{
		{"flow nested deeply", strings.Repeat("[", 5000), "collections are nested more than 1800 deep"},
		{"mappings nested deeply", strings.Repeat("{a: ", 5000), "collections are nested more than 1800 deep"},
		{"lists nested deeply", strings.Repeat("- ", 5000), "collections are nested more than 1800 deep"},
		{"keys nested deeply", strings.Repeat("? ", 5000), "collections are nested more than 1800 deep"},
		{"nested deeply by aliases", chain, "collections are nested more than 1800 deep"},
		{"an alias in its own list", "&a [*a]", `the alias "a" is inside the node that it stands for`},
		{"an alias in its own mapping", "a: &a\n  b:\n    - *a\n", `the alias "a" is inside the node that it stands for`},
		{"many merged keys", merges, "<< copies more than 250000 keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := jsyaml.Load(tt.text)
			var failure *jsyaml.Error
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, tt.reason, failure.Reason)
			assert.True(t, failure.Limit)
			assert.Positive(t, failure.Line)
			assert.Positive(t, failure.Column)
		})
	}
}

func nested(opening string, depth int, inner, closing string) string {
	return strings.Repeat(opening, depth) + inner + strings.Repeat(closing, depth)
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: %d,\n", i, i)
	}
	return b.String()
}

func TestLoadAliasBombStaysSmall(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := range 50 {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), ", "))
	}
	root, err := jsyaml.Load(text)
	require.NoError(t, err)
	assert.Equal(t, 1_000_000, root.Size(1_000_000))
	assert.Equal(t, 10, root.Get("a0").Size(1_000_000))
	assert.Equal(t, 91, root.Get("a1").Size(1_000_000))
	list, isList := root.Get("a50").Values(nil).([]any)
	require.True(t, isList)
	assert.Len(t, list, 9)
	assert.Less(t, len(dump(t, root, jsyaml.DumpOptions{})), 8000)
}

// TestLoadIsLinear compares memory, because time depends on the machine.
func TestLoadIsLinear(t *testing.T) {
	for _, tt := range []struct {
		name string
		text func(n int) string
	}{
		{"keys", func(n int) string { return strings.ReplaceAll(keys(n), ",", "") }},
		{"lists on one line", func(n int) string { return "[" + strings.Repeat("[é], ", n) + "]" }},
		{"list entries", func(n int) string { return strings.Repeat("- a: b\n  c: [d]\n", n) }},
		{"folded lines", func(n int) string { return "a: >\n" + strings.Repeat("  b\n\n", n) }},
		{"surrogate pairs", func(n int) string { return `"` + strings.Repeat(`\ud83d\ude00`, n) + `"` }},
		{"plain lines", func(n int) string { return "a:" + strings.Repeat(" b\n", n) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			measure := func(n int) float64 {
				text := tt.text(n)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := jsyaml.Load(text)
				runtime.ReadMemStats(&after)
				require.NoError(t, err)
				return float64(after.TotalAlloc - before.TotalAlloc)
			}
			small, large := measure(500), measure(4000)
			assert.Less(t, large, 12*small)
			assert.Less(t, large, 250*float64(len(tt.text(4000))))
		})
	}
}

func FuzzLoad(f *testing.F) {
	for _, c := range readJSON[goldenCase](f, "js-yaml.json") {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, err := jsyaml.Load(text)
		if err != nil {
			var failure *jsyaml.Error
			if !errors.As(err, &failure) || failure.Reason == "" {
				t.Fatalf("%v is no error with a reason", err)
			}
			return
		}
		if root == nil || root.Size(10_000) == 10_000 {
			return
		}
		for _, options := range []jsyaml.DumpOptions{{}, {SortKeys: true, NoRefs: true, LineWidth: -1}} {
			if _, err := jsyaml.Dump(root, options); err != nil {
				t.Fatal(err)
			}
		}
	})
}
