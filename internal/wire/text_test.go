package wire

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestIsDone(t *testing.T) {
	tests := map[string]bool{
		"OK": true, "Success": true, `"OK"`: true, `"Success"`: true, " OK\n": true,
		`{"status":"OK"}`: true, ` {"status" : "OK"} `: true, `{"ok":true}`: true, `{"ok":true,"status":"OK"}`: true,
		"": false, "ok": false, "OK!": false, "OKAY": false, "Not OK": false, "null": false, "true": false, "{}": false, "[]": false,
		`["OK"]`: false, `{"status":"ok"}`: false, `{"status":"failed"}`: false, `{"status":null}`: false,
		`{"ok":false}`: false, `{"ok":null}`: false, `{"ok":false,"status":"OK"}`: false, `{"ok":true,"status":"failed"}`: false,
		`{"ok":"true"}`: false, `{"status":"OK"}x`: false, `{"status":"OK"`: false,
		"<html>OK</html>": false, "<!DOCTYPE html><pre>OK</pre>": false,
	}
	for body, want := range tests {
		assert.Equal(t, want, IsDone([]byte(body)), "%q", body)
	}
}

func TestIsPage(t *testing.T) {
	tests := map[string]bool{
		"<!DOCTYPE html>": true, "<!doctype HTML>\n<html>": true, "<html>": true, "<HTML lang=en>": true, "\r\n  <html>": true, "<head>": true,
		"": false, "OK": false, "<": false, "<b>bold</b>": false, `"<html>"`: false, "{}": false, "\xff\xfe<html>": false,
		strings.Repeat(" ", 600) + "<html>": false,
	}
	for body, want := range tests {
		assert.Equal(t, want, IsPage([]byte(body)), "%q", body)
	}
}

func TestMessage(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"nothing":                          {"", ""},
		"white space":                      {" \n", ""},
		"a text":                           {"Alert is already resolved.", "Alert is already resolved."},
		"a JSON string":                    {`"Alert \"a\" is resolved."`, `Alert "a" is resolved.`},
		"a quote that is no JSON":          {`"Alert`, `"Alert`},
		"lines":                            {"bad indentation (2:1)\n\n 1 | a\n 2 |  b\n", "bad indentation (2:1) 1 | a 2 | b"},
		"an object's message":              {`{"message":"a","error":"b"}`, "a"},
		"its msg":                          {`{"msg":"a","error":"b"}`, "a"},
		"its error":                        {`{"message":null,"msg":"","error":"b"}`, "b"},
		"an object without any":            {`{"code":1}`, `{"code":1}`},
		"an object for a message":          {`{"message":{"a":1}}`, `{"message":{"a":1}}`},
		"an object that is cut":            {`{"message":"a`, `{"message":"a`},
		"an array":                         {`["a"]`, `["a"]`},
		"an Express page":                  {"<!DOCTYPE html>\n<html><head><title>Error</title></head><body><pre>Cannot GET /a&amp;b</pre></body></html>", "Cannot GET /a&b"},
		"only the first line of its stack": {"<!DOCTYPE html><pre>SyntaxError: x<br> &nbsp; &nbsp;at parse (/app/x.js:1)</pre>", "SyntaxError: x"},
		"a proxy's page":                   {"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center>", "502 Bad Gateway"},
		"a page in capitals":               {"<HTML><TITLE>Sign in</TITLE>", "Sign in"},
		"a heading":                        {"<html><title> </title><h1>Service unavailable</h1>", "Service unavailable"},
		"a tag that does not end":          {"<html><pre>half a line", "half a line"},
		"a page that says nothing":         {"<html><body></body></html>", "an HTML page"},
		"tags in a text":                   {"no <pre>page</pre>", "no <pre>page</pre>"},
		"invalid UTF-8":                    {"a\xffb", "a\ufffdb"},
		"a page of nothing but brackets":   {"<html>" + strings.Repeat("<", 100_000), "an HTML page"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, Message([]byte(tt.body))) })
	}
}

func TestMessagesOfRecordings(t *testing.T) {
	tests := map[string]string{
		"alerts.json/update_missing":         "Not Found",
		"transport.json/unknown_route":       "Cannot GET /api/v1/nope",
		"endpoints.json/get_missing":         "Error: Endpoint does not exist.",
		"endpoints.json/list_limit_negative": "limit: Invalid input",
	}
	for name, want := range tests {
		assert.Equal(t, want, Message(recorded(t, name)), name)
	}
}

func TestOneLine(t *testing.T) {
	long := strings.Repeat("x", 512)
	tests := map[string]struct{ text, want string }{
		"empty":                      {"", ""},
		"a line":                     {"a b", "a b"},
		"runs of white space":        {"\n a \t\r\n\v\f b \n", "a b"},
		"control characters":         {"a\x00\x1b[31mb\x7f\u0085c", "a [31mb c"},
		"line separators":            {"a\u2028b\u2029c", "a b c"},
		"marks that reorder":         {"a\u202eb\u2066c\u200fd\u061ce", "a b c d e"},
		"joined emoji":               {"👩\u200d💻", "👩\u200d💻"},
		"invalid UTF-8":              {"a\xff\xfe", "a\ufffd\ufffd"},
		"as long as it may be":       {long, long},
		"longer":                     {long + "x", long + "…"},
		"longer by a space":          {long + " ", long},
		"longer by a word":           {long[1:] + " x", long[1:] + "…"},
		"longer by a wide character": {long[1:] + "é", long[1:] + "…"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, OneLine(tt.text)) })
	}
}

func FuzzMessage(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add([]byte(r.Response.Body))
	}
	f.Add([]byte("<html><pre>x<br></pre>"))
	f.Add([]byte("<HTML><Title>\u202e</tITLE>"))
	f.Add([]byte(`{"message":"\u0000"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		requireOneLine(t, Message(body))
		IsPage(body)
		IsDone(body)
		if string(body) != before {
			t.Fatal("the body was changed")
		}
	})
}

func FuzzOneLine(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.Response.Body)
	}
	f.Add("\u202e\u2066\x1b[31m\x00\r\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		line := OneLine(text)
		requireOneLine(t, line)
		if again := OneLine(line); again != line && !strings.HasSuffix(line, "…") {
			t.Fatalf("%q becomes %q", line, again)
		}
	})
}

func requireOneLine(t *testing.T, line string) {
	t.Helper()
	if len(line) > maxMessage+len("…") {
		t.Fatalf("%d bytes", len(line))
	}
	if !utf8.ValidString(line) || strings.TrimSpace(line) != line || strings.Contains(line, "  ") {
		t.Fatalf("%q is not clean", line)
	}
	for _, r := range line {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || (unicode.IsSpace(r) && r != ' ') {
			t.Fatalf("%q holds %q", line, r)
		}
	}
}
