package jsyaml_test

import (
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

// pairs is a mapping as another package may have it.
type pairs []any

func (p *pairs) Len() int { return len(*p) / 2 }

func (p *pairs) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i := 0; i < len(*p); i += 2 {
			if !yield((*p)[i].(string), (*p)[i+1]) {
				return
			}
		}
	}
}

func TestDumpValues(t *testing.T) {
	shared := &pairs{"q", 1}
	list := []any{"x"}
	for _, tt := range []struct {
		name, want string
		value      any
	}{
		{"nil", "null\n", nil},
		{"no node", "null\n", (*jsyaml.Node)(nil)},
		{"numbers", "- 1\n- -2\n- 1.5\n- -0.0\n- 1e+21\n- 1.e-7\n- .inf\n- -.inf\n- .nan\n",
			[]any{1, int64(-2), 1.5, math.Copysign(0, -1), 1e21, 1e-7, math.Inf(1), math.Inf(-1), math.NaN()}},
		{"a time", "2026-01-02T03:04:05.600Z\n", time.Date(2026, 1, 2, 4, 4, 5, 6e8, time.FixedZone("", 3600))},
		{"bytes", "a: !!binary aGk=\n", &pairs{"a", []byte("hi")}},
		{"empty", "a: {}\nb: []\n", &pairs{"a", &pairs{}, "b", []any{}}},
		{"in the order of the mapping", "b: 1\na: 2\n", &pairs{"b", 1, "a", 2}},
		{"shared, numbered as they come again", "a: &ref_1\n  q: 1\nb: &ref_0\n  - x\nc: *ref_0\nd:\n  - *ref_1\n", &pairs{"a", shared, "b", list, "c", list, "d", []any{shared}}},
		{"a string that is no UTF-8", "x�\n", "x\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, dump(t, tt.value, jsyaml.DumpOptions{}))
		})
	}
}

func TestDumpOptions(t *testing.T) {
	shared := &pairs{"q", 1}
	assert.Equal(t, "a:\n  q: 1\nb:\n  q: 1\n", dump(t, &pairs{"a", shared, "b", shared}, jsyaml.DumpOptions{NoRefs: true}))
	assert.Equal(t, "'1': b\na: c\nb: 2\n\U0001F600: d\n\uff41: e\n",
		dump(t, &pairs{"b", 2, "a", "c", "\uff41", "e", "1", "b", "\U0001F600", "d"}, jsyaml.DumpOptions{SortKeys: true}))
	words := strings.TrimSpace(strings.Repeat("word ", 20))
	assert.Equal(t, words+"\n", dump(t, words, jsyaml.DumpOptions{LineWidth: -1}))
	assert.Equal(t, ">-\n  word word word word word word word word\n  word word word word word word word word\n  word word word word\n",
		dump(t, words, jsyaml.DumpOptions{LineWidth: 42}))
}

func TestDumpRefusesOtherTypes(t *testing.T) {
	_, err := jsyaml.Dump([]any{struct{}{}}, jsyaml.DumpOptions{})
	require.EqualError(t, err, "jsyaml: cannot dump a value of type struct {}")
}

func TestDumpString(t *testing.T) {
	assert.Equal(t, "'yes'", jsyaml.DumpString("yes", 1, jsyaml.DumpOptions{}))
	assert.Equal(t, "|-\n      a\n      b", jsyaml.DumpString("a\nb", 3, jsyaml.DumpOptions{}))
}

func TestValuesShare(t *testing.T) {
	root, err := jsyaml.Load("a: &x [1]\nb: *x\nc: &y {d: 2026-01-02}\ne: [*y, ~, true, !!binary aGk=]\n")
	require.NoError(t, err)
	made := 0
	object := func(keys []string, values []any) any {
		made++
		p := pairs{}
		for i := range keys {
			p = append(p, keys[i], values[i])
		}
		return &p
	}
	values := root.Values(object)
	assert.Equal(t, 2, made, "a mapping is made once, however many aliases stand for it")
	assert.Equal(t, "a: &ref_0\n  - 1\nb: *ref_0\nc: &ref_1\n  d: 2026-01-02T00:00:00.000Z\ne:\n  - *ref_1\n  - null\n  - true\n  - !!binary aGk=\n",
		dump(t, values, jsyaml.DumpOptions{}))
}

func FuzzDumpString(f *testing.F) {
	for _, s := range []string{"a", "yes", "a: b", "- a", "a\nb\n", strings.Repeat("word ", 30), "\x00", "é\u2028"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, level int) {
		level = 1 + int(uint(level)%5)
		indent := strings.Repeat("  ", level-1)
		text := ""
		for i := range level - 1 {
			text += strings.Repeat("  ", i) + "k:\n"
		}
		text += indent + "v: " + jsyaml.DumpString(s, level, jsyaml.DumpOptions{}) + "\n"
		root, err := jsyaml.Load(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for range level - 1 {
			root = root.Get("k")
		}
		if got := root.Get("v"); got.Kind != jsyaml.String || got.Text != strings.ToValidUTF8(s, "\ufffd") {
			t.Fatalf("%q reads back as %q", s, got.Text)
		}
	})
}
