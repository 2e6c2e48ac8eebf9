package safetext_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

func TestLine(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"plain":                    {"GET shop.example.com/a?b=c#d", "GET shop.example.com/a?b=c#d"},
		"other scripts":            {"naïve Größe 東京 🙂 ❤️", "naïve Größe 東京 🙂 ❤️"},
		"erase line":               {"a\x1b[2Kb", `a\x1b[2Kb`},
		"title and bell":           {"\x1b]0;x\x07", `\x1b]0;x\x07`},
		"C1 as a character":        {"a\u009b2Jb", `a\u009b2Jb`},
		"C1 as a byte":             {"a\x9b2Jb", `a\x9b2Jb`},
		"DEL, NUL, backspace":      {"\x7f\x00\x08", `\x7f\x00\x08`},
		"line breaks":              {"a\nb\r\nc\vd\fe", `a\nb\r\nc\x0bd\x0ce`},
		"Unicode line breaks":      {"a\u0085b\u2028c\u2029d", `a\u0085b\u2028c\u2029d`},
		"tab":                      {"a\tb", `a\tb`},
		"bidi override":            {"a\u202eb\u2066c\u200fd\u061ce", `a\u202eb\u2066c\u200fd\u061ce`},
		"zero width":               {"a\u200bb\u200dc\ufeffd\u2060e", `a\u200bb\u200dc\ufeffd\u2060e`},
		"tag characters":           {"a\U000e0041", `a\U000e0041`},
		"blank letters":            {"\u3164\u115f\u2800\u00ad", `\u3164\u115f\u2800\u00ad`},
		"replacement character":    {"a\ufffdb", "a\ufffdb"},
		"bytes outside UTF-8":      {"a\xff\xc3", `a\xff\xc3`},
		"GitHub command":           {"::error::x", `\::error::x`},
		"GitHub command, blanks":   {"\u00a0 ::stop-commands::x", "\u00a0 \\::stop-commands::x"},
		"colons within":            {"a::b", "a::b"},
		"GitHub's old command":     {"a ##[set-env name=x]y", `a #\#[set-env name=x]y`},
		"a name with signs":        {"##a_b-c[x]", `#\#a_b-c[x]`},
		"Azure":                    {"##vso[task.complete result=Succeeded;]", `#\#vso[task.complete result=Succeeded;]`},
		"TeamCity":                 {"x###teamcity[x]", `x##\#teamcity[x]`},
		"several":                  {"##[a]##[b]", `#\#[a]#\#[b]`},
		"heading":                  {"## a [b]", "## a [b]"},
		"command behind a control": {"\x1b::x ##\x00[y]", `\x1b::x ##\x00[y]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, safetext.Line(tt.text)) })
	}
}

func TestTerminalKeepsLines(t *testing.T) {
	assert.Equal(t, "a\tb\nc\n\\::error::\n#\\#[x]\\rd\n", safetext.Terminal("a\tb\r\nc\n::error::\n##[x]\rd\n"))
}

func TestLinefSeesWhatPartsMakeTogether(t *testing.T) {
	assert.Equal(t, `\::error::`, safetext.Linef("%s%s", ":", ":error::"))
	assert.Equal(t, `#\#vso[x]`, safetext.Linef("%s%s", "##vso", "[x]"))
}

func TestCSV(t *testing.T) {
	tests := map[string]struct{ cell, want string }{
		"plain":                {"shop.example.com", "shop.example.com"},
		"formula":              {`=HYPERLINK("http://x")`, `"'=HYPERLINK(""http://x"")"`},
		"plus":                 {"+1", `"'+1"`},
		"minus":                {"-1", `"'-1"`},
		"at":                   {"@SUM(A1)", `"'@SUM(A1)"`},
		"full width":           {"＝1＋1", `"'＝1＋1"`},
		"full width at":        {"＠x", `"'＠x"`},
		"minus sign":           {"−1", `"'−1"`},
		"behind blanks":        {"  =1", `"  '=1"`},
		"behind a no-break":    {"\u00a0=1", "\"\u00a0'=1\""},
		"behind a semicolon":   {"a;=1", `"a;'=1"`},
		"behind ; and quote":   {`a; "=1`, `"a; ""'=1"`},
		"behind a comma":       {"a,=1", `"a,'=1"`},
		"behind a tab":         {"\t=1", `"\t=1"`},
		"behind a line break":  {"a\n=1", `"a\n=1"`},
		"within":               {"a=b", "a=b"},
		"escape for terminals": {"a\x1bb", `"a\x1bb"`},
		"comma":                {"a,b", `"a,b"`},
		"empty":                {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, "x,"+tt.want+",y\n", safetext.CSV("x", tt.cell, "y"))
		})
	}
}

func TestMarkdown(t *testing.T) {
	tests := map[string]string{
		"a|b":                    "a&#124;b",
		"<img src=x>":            "&#60;img src=x&#62;",
		"![x](http://y)":         "&#33;&#91;x&#93;(http&#58;//y)",
		"@team #1 `x` **b** a&b": "&#64;team &#35;1 &#96;x&#96; &#42;&#42;b&#42;&#42; a&#38;b",
		"a\nb www.x.y":           "a&#92;nb www&#46;x&#46;y",
	}
	for text, want := range tests {
		assert.Equal(t, want, safetext.Markdown(text))
	}
}

var seeds = []string{
	"", "plain", "\x1b[2K##vso[task.complete result=Succeeded;]DONE", "::error::x", " \t::x", "##[x", "####[x", "##_[x", "##a-b[x", "a\r\n::b",
	"\u202e\u200b\u009b\x9b\xff", "=1;=2", "a;\"=1", "＝1", "\u2028::x", "##\u00adv[", ":", "##é[",
	"/v1/users/{param1}", "2026-01-31T08:00:00Z", "a b ", " a", "-1", "a-1", "a::x", "^/users$", "Ä",
}

func FuzzText(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := safetext.Line(text)
		assertSafe(t, line)
		assert.Equal(t, line, safetext.Line(line), "what is safe stays as it is")
		for part := range strings.SplitSeq(safetext.Terminal(text), "\n") {
			assertSafe(t, strings.ReplaceAll(part, "\t", " "))
		}
		assertSafe(t, safetext.Markdown(text))

		record := safetext.CSV(text, "x")
		assert.Equal(t, 1, strings.Count(record, "\n"))
		cells, err := csv.NewReader(strings.NewReader(record)).Read()
		require.NoError(t, err)
		assert.Equal(t, []string{safetext.Cell(text), "x"}, cells)
		for _, separator := range ",;\t|" {
			for cell := range strings.SplitSeq(strings.TrimSuffix(record, "\n"), string(separator)) {
				cell = strings.TrimLeftFunc(cell, func(r rune) bool { return r == '"' || unicode.IsSpace(r) })
				first, _ := utf8.DecodeRuneInString(cell)
				assert.NotContains(t, "=+-@＝＋－＠", string(first), "a formula in a locale that separates by %q", separator)
			}
		}
	})
}

// assertSafe checks that a line holds nothing that acts on a terminal or in a CI system.
func assertSafe(t *testing.T, line string) {
	t.Helper()
	assert.True(t, utf8.ValidString(line))
	for _, r := range line {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Errorf("%U in %q", r, line)
		}
	}
	assert.False(t, strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"), "%q", line)
	assert.NotRegexp(t, `##\w*\[`, line)
}

func FuzzJSON(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, err := json.Marshal(map[string]string{"value": text})
		require.NoError(t, err)
		safe := safetext.JSON(data)
		assertSafe(t, string(safe))
		assert.JSONEq(t, string(data), string(safe))
	})
}
