package handlebars

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRender(t *testing.T) {
	vars := map[string]any{
		"NAME": "Ann", "EMPTY": "", "N": 7, "F": 1.5, "YES": true, "NONE": nil, "user-id": "u1", "json": "j",
		"global": map[string]any{"TOKEN": "g1"},
		"list":   []any{"a", map[string]any{"b": "c"}},
		"html":   `<a href="x">&=`,
	}
	for _, tc := range []struct{ text, want string }{
		{"", ""},
		{"plain } text }}", "plain } text }}"},
		{"Hi {{NAME}}!", "Hi Ann!"},
		{"{{ NAME }}{{{NAME}}}{{&NAME}}", "AnnAnnAnn"},
		{"{{N}} {{F}} {{YES}} {{NONE}}|{{UNKNOWN}}|", "7 1.5 true ||"},
		{"{{global.TOKEN}} {{global/TOKEN}} {{global.[TOKEN]}} {{this.global.TOKEN}}", "g1 g1 g1 g1"},
		{"{{global.MISSING.deeper}}|{{NAME.length}}|{{list.length}}", "|3|2"},
		{"{{list.0}} {{list.[1].b}} {{list.9}}", "a c "},
		{"{{list}}", `["a",{"b":"c"}]`},
		{"{{user-id}}", "u1"},
		{"{{html}}", `<a href="x">&=`},
		{`{{default NAME "x"}} {{default EMPTY "x"}} {{default UNKNOWN 'y'}} {{default NONE 5}}`, "Ann x y 5"},
		{`{{default A (default B "deep")}}`, "deep"},
		{`{{default A "with }} inside"}}`, "with }} inside"},
		{`{{default A "say \"hi\""}}`, `say "hi"`},
		{`{{default A NAME}}`, "Ann"},
		{`{{default YES "no"}} {{default A true}}`, "true true"},
		{`{"q": {{json html}}, "n": {{json N}}, "none": {{json NONE}}}`, `{"q": "<a href=\"x\">&=", "n": 7, "none": null}`},
		{"{{json}}", "j"},
		{"a{{! gone }}b{{!-- also }} gone --}}c", "abc"},
		{"a {{~NAME~}} b", "aAnnb"},
		{`\{{NAME}} {{NAME}}`, "{{NAME}} Ann"},
		{`\\{{NAME}}`, `\\Ann`},
		{`{"a":{"b":{{N}}}}`, `{"a":{"b":7}}`},
		{`{{"{{"}}`, "{{"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, _, err := Render(tc.text, vars)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestRenderFaults(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"{{NAME", "}} is missing"},
		{"{{{NAME}}", "}}} is missing"},
		{"{{}}", "empty"},
		{"{{#if X}}y{{/if}}", "blocks"},
		{"{{> part}}", "blocks"},
		{"{{else}}", "blocks"},
		{"{{NAME other}}", "only default and json"},
		{"{{default X}}", "a value and a fallback"},
		{"{{default X Y Z}}", "a value and a fallback"},
		{"{{json A B}}", "one value"},
		{`{{default X "open}}`, "}} is missing"},
		{"{{a..b}}", "a name is expected"},
		{"{{a.[b}}", "}} is missing"},
		{"{{default (X Y}}", "only default and json"},
		{"{{default X (Y}}", ") is missing"},
		{"{{!-- open", "no end"},
		{"{{(X}}", ") is missing"},
		{"{{X)}}", "unexpected"},
		{"{{" + strings.Repeat("(", 100) + "X}}", "nested too deeply"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			_, _, err := Render(tc.text, nil)
			var fault *Error
			require.ErrorAs(t, err, &fault)
			assert.Contains(t, fault.Message, tc.want)
			assert.LessOrEqual(t, len(fault.Text), 60)
		})
	}
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"{{a}}", `{{default a "b"}}`, "{{{a}}}", `\{{a}}`, "{{!-- a --}}", "{{~a.[b c]~}}", "{{json (default a 'x')}}"} {
		f.Add(s)
	}
	vars := map[string]any{"a": map[string]any{"b": []any{1, "x"}}, "x": "{{a}}"}
	f.Fuzz(func(t *testing.T, text string) {
		out, _, err := Render(text, vars)
		if err == nil && !strings.Contains(text, "{{") && out != text {
			t.Fatalf("text without expressions changed: %q to %q", text, out)
		}
		back, _, err := Render(Literal(text), vars)
		if err != nil || back != text {
			t.Fatalf("literal text of %q came back as %q, %v", text, back, err)
		}
	})
}

func TestRenderTellsWhatItRead(t *testing.T) {
	vars := map[string]any{"A": "a", "EMPTY": ""}
	for _, tc := range []struct {
		text string
		want []Use
	}{
		{"plain", nil},
		{"{{A}}{{B}}", []Use{{Name: "A", Value: "a"}, {Name: "B"}}},
		{"{{global.X}} {{EMPTY}}", []Use{{Name: "global.X"}, {Name: "EMPTY", Value: ""}}},
		{`{{default B "x"}}`, []Use{{Name: "B", Guarded: true}}},
		{"{{default B C}}", []Use{{Name: "B", Guarded: true}, {Name: "C"}}},
		{"{{default A C}}", []Use{{Name: "A", Value: "a", Guarded: true}, {Name: "C", Guarded: true}}},
		{"{{json B}} {{json true}}", []Use{{Name: "B"}}},
	} {
		_, uses, err := Render(tc.text, vars)
		require.NoError(t, err)
		assert.Equal(t, tc.want, uses, tc.text)
	}
}
