package credentials

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func utf16Text(text string, bigEndian, mark bool) string {
	if mark {
		text = "\ufeff" + text
	}
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		high, low := byte(unit>>8), byte(unit)
		if bigEndian {
			high, low = low, high
		}
		b.WriteByte(low)
		b.WriteByte(high)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	const plain = "METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=metlo.a+/b\n"
	both := File{"METLO_HOST": "https://metlo.example.com", "METLO_API_KEY": "metlo.a+/b"}
	tests := map[string]struct {
		text string
		want File
	}{
		"as the CLI writes it":      {plain, both},
		"byte order mark":           {"\ufeff" + plain, both},
		"UTF-16, little endian":     {utf16Text(plain, false, true), both},
		"UTF-16, big endian":        {utf16Text(plain, true, true), both},
		"UTF-16 without its mark":   {utf16Text(plain, false, false), both},
		"CRLF":                      {strings.ReplaceAll(plain, "\n", "\r\n"), both},
		"CR alone":                  {strings.ReplaceAll(plain, "\n", "\r"), both},
		"no line break at its end":  {strings.TrimSuffix(plain, "\n"), both},
		"a stray line":              {"hello there\n" + plain, both},
		"a section":                 {"[default]\n" + plain, both},
		"export":                    {"export METLO_HOST=https://metlo.example.com\nexport\tMETLO_API_KEY=metlo.a+/b", both},
		"colons":                    {"METLO_HOST: https://metlo.example.com\nMETLO_API_KEY: metlo.a+/b\n", both},
		"spaces around":             {"  METLO_HOST = https://metlo.example.com \n\tMETLO_API_KEY\t=\tmetlo.a+/b\t\n", both},
		"quotes":                    {"METLO_HOST='https://metlo.example.com'\nMETLO_API_KEY=\"metlo.a+/b\" # mine", both},
		"backquotes":                {"METLO_HOST=`https://metlo.example.com`\nMETLO_API_KEY=metlo.a+/b # mine", both},
		"comments":                  {"# METLO_HOST=x\n" + plain + "#METLO_API_KEY=y", both},
		"the last of two":           {"METLO_API_KEY=old\n" + plain, both},
		"other variables":           {"AWS_KEY=x\n" + plain, File{"METLO_HOST": both["METLO_HOST"], "METLO_API_KEY": both["METLO_API_KEY"], "AWS_KEY": "x"}},
		"a blank value":             {"METLO_HOST=h\nMETLO_API_KEY=\n", File{"METLO_HOST": "h", "METLO_API_KEY": ""}},
		"a blank value in quotes":   {"METLO_HOST=h\nMETLO_API_KEY=''\n", File{"METLO_HOST": "h", "METLO_API_KEY": ""}},
		"a blank value, more below": {"METLO_API_KEY=\nMETLO_HOST=h\n", File{"METLO_HOST": "h", "METLO_API_KEY": ""}},
		"a key with a dollar":       {"METLO_API_KEY=metlo.$HOME${X}$$\n", File{"METLO_API_KEY": "metlo.$HOME${X}$$"}},
		"a dollar in quotes":        {"METLO_API_KEY=\"metlo.${HOME}\"\n", File{"METLO_API_KEY": "metlo.${HOME}"}},
		"a key with equals signs":   {"METLO_API_KEY=metlo.a==\n", File{"METLO_API_KEY": "metlo.a=="}},
		"an empty file":             {"", File{}},
		"only comments":             {"# nothing yet\n\n", File{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tt.text))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const secret = "metlo.s3cr3t"
	tests := map[string]struct{ text, says string }{
		"a variable without an equals sign": {"# x\nMETLO_API_KEY " + secret + "\n", "line 2 names METLO_API_KEY"},
		"in lower case":                     {"METLO_HOST=h\nmetlo_api_key=" + secret, "line 2 sets METLO_API_KEY in another case"},
		"an open quotation mark":            {"METLO_HOST=h\n\nMETLO_API_KEY=\"" + secret + "\nX=y", "line 3: the value of METLO_API_KEY begins with a quotation mark"},
		"a line break in the value":         {"METLO_API_KEY=\"" + secret + "\n" + secret + "\"", "line 1: the value of METLO_API_KEY contains"},
		"an escaped line break":             {`METLO_API_KEY="` + secret + `\n"` + "\nMETLO_API_KEY=\"a\\nb\"", "line 2: the value of METLO_API_KEY contains"},
		"nothing of the form":               {secret + "\n", "NAME=value"},
		"bytes that are no text":            {"METLO_HOST=h\nMETLO_API_KEY=\xff" + secret, "line 2 is not text"},
		"NUL":                               {"METLO_HOST=h\n\nMETLO_API_KEY=" + secret + "\x00", "line 3 is not text"},
		"half a character":                  {"\xff\xfeM\x00E", "ends within a character"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tt.text))
			require.ErrorContains(t, err, tt.says)
			assert.NotContains(t, err.Error(), secret)
			assert.Nil(t, got)
		})
	}
}

func TestPath(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	path, err := Path()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(home, ".metlo", "credentials"), path)
	t.Setenv("HOME", "")
	_, err = Path()
	require.Error(t, err)
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	got, err := Read(path)
	require.NoError(t, err, "a file that does not exist says nothing")
	assert.Empty(t, got)
	require.NoError(t, os.WriteFile(path, []byte("METLO_HOST=h\n"), 0o600))
	got, err = Read(path)
	require.NoError(t, err)
	assert.Equal(t, File{"METLO_HOST": "h"}, got)
	got, err = Read(filepath.Join(path, "below"))
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = Read(dir)
	require.ErrorContains(t, err, "is a directory")
	assert.NotContains(t, err.Error(), dir, "the caller names the file")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("A=b\n", 20<<10)), 0o600))
	_, err = Read(path)
	require.ErrorContains(t, err, "larger than 64 KiB")
}

func TestSameServer(t *testing.T) {
	const base = "https://metlo.example.com/api/v1"
	tests := []struct {
		a, b string
		same bool
	}{
		{base, base, true},
		{base, "https://metlo.example.com:443/api/v1", true},
		{base, "https://METLO.Example.COM/api/v1", true},
		{base, "https://metlo.example.com./api/v1", true},
		{"http://metlo.example.com/api/v1", "http://metlo.example.com:80/api/v1", true},
		{"https://bücher.example/api/v1", "https://xn--bcher-kva.example/api/v1", false},
		{"https://BÜCHER.example/api/v1", "https://bücher.example/api/v1", false},
		{"https://[::1]:8080/api/v1", "https://[0:0:0:0:0:0:0:1]:8080/api/v1", true},
		{base, "http://metlo.example.com/api/v1", false},
		{base, "https://metlo.example.com:8443/api/v1", false},
		{base, "https://metlo.example.com.evil.example/api/v1", false},
		{base, "https://metlo.example.com/other/api/v1", false},
		{"https://under_score.example/api/v1", "https://UNDER_SCORE.example/api/v1", true},
	}
	for _, tt := range tests {
		a, err := url.Parse(tt.a)
		require.NoError(t, err)
		b, err := url.Parse(tt.b)
		require.NoError(t, err)
		assert.Equal(t, tt.same, SameServer(a, b), "%s and %s", tt.a, tt.b)
	}
}

func FuzzParse(f *testing.F) {
	const advice = "NAME=value METLO_HOST=… and METLO_API_KEY=…"
	for _, seed := range []string{
		"METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq\n",
		"METLO_HOST='https://metlo.example.com'\r\n# comment\r\nexport METLO_API_KEY=\"metlo.abc\"\r\n",
		"METLO_HOST=\nMETLO_HOST=x\n", "=\n", "METLO_API_KEY\n", "A=${A}\nB=$B\n", "A='", "\xff\xfe=1\n", "A=\"\\n\\", "",
		"\ufeffA=1", "\x00M\x00E", "[default]\nA: b\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := Parse(data)
		if err == nil {
			return
		}
		if values != nil {
			t.Fatalf("values %v with error %v", values, err)
		}
		text, decodeErr := decode(data)
		if decodeErr != nil {
			return
		}
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			for _, name := range names() {
				line = strings.ReplaceAll(line, name, "")
			}
			quoted := len(line) > 12 && strings.Contains(err.Error(), line)
			if quoted && !strings.Contains(advice, line) {
				t.Fatalf("the error quotes the file: %v", err)
			}
		}
	})
}

func TestFilePrintsNoValue(t *testing.T) {
	file, err := Parse([]byte("METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=metlo.a-key\n"))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		assert.Equal(t, "credentials.File[METLO_API_KEY METLO_HOST]", fmt.Sprintf(verb, file))
	}
}
