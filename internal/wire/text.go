package wire

import (
	"bytes"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// maxMessage is the longest message in bytes; a longer one is cut and ends in an ellipsis.
const maxMessage = 512

// IsDone reports whether body is one of the texts with which the server says that a write succeeded.
func IsDone(body []byte) bool {
	text := string(bytes.TrimSpace(body))
	switch text {
	case "OK", "Success", `"OK"`, `"Success"`:
		return true
	}
	var answer struct {
		Status string `json:"status"`
		OK     bool   `json:"ok"`
	}
	return strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &answer, fast) == nil &&
		(answer.Status == "OK" || answer.OK)
}

// IsPage reports whether body is an HTML document.
func IsPage(body []byte) bool {
	head := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 512)])))
	return strings.HasPrefix(head, "<!doctype") || strings.HasPrefix(head, "<html") || strings.HasPrefix(head, "<head")
}

// Message returns in one line what an error body says: a JSON string, an object's message, the message of an Express
// error page, the title of any other page, or the text itself.
func Message(body []byte) string {
	text := string(bytes.TrimSpace(body))
	switch {
	case text == "":
		return ""
	case text[0] == '"':
		var s string
		if json.Unmarshal([]byte(text), &s, fast) == nil {
			text = s
		}
	case text[0] == '{':
		if s := objectMessage([]byte(text)); s != "" {
			text = s
		}
	case IsPage(body):
		text = pageMessage(text)
	}
	return OneLine(text)
}

func objectMessage(body []byte) string {
	var o struct {
		Message any `json:"message"`
		Msg     any `json:"msg"`
		Error   any `json:"error"`
	}
	if json.Unmarshal(body, &o, fast) != nil {
		return ""
	}
	for _, v := range []any{o.Message, o.Msg, o.Error} {
		if s, ok := v.(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// pageMessage returns the first line of a page's <pre>, or its title.
func pageMessage(page string) string {
	for _, tag := range []string{"pre", "title", "h1"} {
		_, rest, ok := cutFold(page, "<"+tag+">")
		if !ok {
			continue
		}
		inner, _, _ := cutFold(rest, "</"+tag+">")
		inner, _, _ = cutFold(inner, "<br>")
		if inner = strings.TrimSpace(html.UnescapeString(inner)); inner != "" {
			return inner
		}
	}
	return "an HTML page"
}

// cutFold is strings.Cut without regard to the case of ASCII letters.
func cutFold(s, sep string) (before, after string, found bool) {
	for i := 0; i+len(sep) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sep)], sep) {
			return s[:i], s[i+len(sep):], true
		}
	}
	return s, "", false
}

// OneLine replaces runs of white space and control characters by one space, and cuts what is too long.
func OneLine(text string) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || isBidi(r) {
			space = b.Len() > 0
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxMessage {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isBidi reports whether r reorders the text around it, so that a terminal shows something else than was sent.
func isBidi(r rune) bool {
	return (r >= '\u202a' && r <= '\u202e') || (r >= '\u2066' && r <= '\u2069') || r == '\u200e' || r == '\u200f'
}
