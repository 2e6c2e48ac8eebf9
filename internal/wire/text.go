package wire

import (
	"bytes"
	"html"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// maxMessage is the maximum length of a message in bytes; a longer one is cut and ends in an ellipsis.
const maxMessage = 512

// IsDone reports whether body is one of the server's confirmations of a write.
func IsDone(body []byte) bool {
	text := string(bytes.TrimSpace(body))
	switch text {
	case "OK", "Success", `"OK"`, `"Success"`:
		return true
	}
	var answer struct {
		Status string `json:"status"`
		OK     *bool  `json:"ok"`
	}
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &answer, fast) != nil {
		return false
	}
	if answer.OK != nil {
		return *answer.OK && (answer.Status == "" || answer.Status == "OK")
	}
	return answer.Status == "OK"
}

// Text returns a text in one of the exact forms of a Metlo server. The real server sends the bare text with the type
// text/html, and the documented one a JSON string. It returns false for anything else, such as a page or an object.
func Text(contentType string, body []byte) (string, bool) {
	media, _, _ := mime.ParseMediaType(contentType)
	text := strings.TrimSpace(string(body))
	switch {
	case text == "" || text[0] == '{' || text[0] == '[' || text[0] == '<' || IsPage(body):
		return "", false
	case text[0] == '"':
		var s string
		err := json.Unmarshal([]byte(text), &s, fast)
		return s, err == nil
	}
	return string(body), media == "text/html"
}

// IsPage reports whether body is an HTML document.
func IsPage(body []byte) bool {
	head := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 512)])))
	return strings.HasPrefix(head, "<!doctype") || strings.HasPrefix(head, "<html") || strings.HasPrefix(head, "<head")
}

// Message returns the message of an error body in one line. It is a JSON string, an object's message, the message of an
// Express error page, the title of any other page, or the text itself.
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
		_, rest, ok := cutTag(page, "<"+tag+">")
		if !ok {
			continue
		}
		inner, _, _ := cutTag(rest, "</"+tag+">")
		inner, _, _ = cutTag(inner, "<br>")
		if inner = strings.TrimSpace(html.UnescapeString(inner)); inner != "" {
			return inner
		}
	}
	return "an HTML page"
}

// cutTag is like strings.Cut for a tag, ignoring the case of its letters.
func cutTag(s, tag string) (before, after string, found bool) {
	for at := 0; ; at++ {
		next := strings.IndexByte(s[at:], '<')
		if at += next; next < 0 || len(s)-at < len(tag) {
			return s, "", false
		}
		if strings.EqualFold(s[at:at+len(tag)], tag) {
			return s[:at], s[at+len(tag):], true
		}
	}
}

// OneLine replaces runs of white space, control characters and bidirectional marks with one space, and cuts long text.
func OneLine(text string) string {
	var b strings.Builder
	space := 0
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			space = min(b.Len(), 1)
			continue
		}
		if b.Len()+space+utf8.RuneLen(r) > maxMessage {
			b.WriteString("…")
			break
		}
		b.WriteString(" "[:space])
		b.WriteRune(r)
		space = 0
	}
	return b.String()
}
