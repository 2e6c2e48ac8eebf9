package analysis

import (
	"bytes"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// anyMedia stands for a content type that is not known.
const anyMedia = "*/*"

// MediaType returns a content type without its parameters, */* for what is none. A subtype whose parts are not names is
// left out: whoever sends a request chooses it.
func MediaType(contentType string) string {
	media := mediaType(contentType)
	class, subtype, found := strings.Cut(media, "/")
	if !found || !slices.Contains([]string{"application", "text", "image", "audio", "video", "font", "multipart", "message", "model"}, class) {
		return anyMedia
	}
	var known names
	for part := range strings.FieldsFuncSeq(subtype, func(r rune) bool { return strings.ContainsRune(".+-", r) }) {
		if !known.isName([]byte(part), memberName) {
			return anyMedia
		}
	}
	return media
}

// mediaType returns a content type without its parameters in lower case, "" for what is none.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	for i := range len(media) {
		if c := media[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"[]?={}`, c) >= 0 {
			return ""
		}
	}
	if class, subtype, found := strings.Cut(media, "/"); !found || class == "" || subtype == "" || strings.Contains(subtype, "/") {
		return ""
	}
	return media
}

// fields analyses a body whose content type names its parts, and reports whether it does.
func (a *Analyzer) fields(n *node, b *Body) bool {
	if len(b.Data) == 0 {
		return false
	}
	_, subtype, _ := strings.Cut(mediaType(b.ContentType), "/")
	switch subtype {
	case "x-www-form-urlencoded":
		a.form(n, b.Data)
		return true
	case "form-data":
		_, params, _ := mime.ParseMediaType(b.ContentType)
		a.multipart(n, b, params["boundary"])
		return true
	}
	return false
}

// form analyses an encoded form. Its values are texts, whatever they hold.
func (a *Analyzer) form(n *node, data []byte) {
	for pair := range bytes.SplitSeq(data, []byte("&")) {
		if len(pair) > 0 {
			name, value, _ := bytes.Cut(pair, []byte("="))
			a.value(a.child(n, unescape(name), nestedName), unescape(value))
		}
	}
}

// unescape decodes a part of a query or a form; what is not well escaped stays.
func unescape(text []byte) []byte {
	if bytes.IndexByte(text, '%') < 0 && bytes.IndexByte(text, '+') < 0 {
		return text
	}
	if plain, err := url.QueryUnescape(string(text)); err == nil {
		return []byte(plain)
	}
	return bytes.ReplaceAll(text, []byte("+"), []byte(" "))
}

// ParseQuery returns the parameters of a query, decoded, in their order.
func ParseQuery(query string) []Pair {
	var pairs []Pair
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			pairs = append(pairs, Pair{string(unescape([]byte(name))), string(unescape([]byte(value)))})
		}
	}
	return pairs
}

// multipart analyses the parts of a form by their names. The content of files is a text like any other, or none.
func (a *Analyzer) multipart(n *node, b *Body, boundary string) {
	if boundary == "" {
		return
	}
	delimiter := []byte("--" + boundary)
	data := b.Data
	_, rest, found := bytes.Cut(data, delimiter)
	for found && !bytes.HasPrefix(rest, []byte("--")) {
		var part []byte
		part, rest, found = bytes.Cut(rest, delimiter)
		if !found && !b.Cut {
			return
		}
		head, content, whole := bytes.Cut(bytes.TrimPrefix(part, []byte("\r\n")), []byte("\r\n\r\n"))
		if whole {
			a.part(n, head, bytes.TrimSuffix(content, []byte("\r\n")), !found)
		}
	}
}

// maxPartHead is how long the head of a part may be; those of browsers have some hundred bytes.
const maxPartHead = 4 << 10

func (a *Analyzer) part(n *node, head, content []byte, cut bool) {
	if len(head) > maxPartHead {
		n.other().saw(TypeString)
		return
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !strings.EqualFold(string(name), "content-disposition") {
			continue
		}
		_, disposition, _ := mime.ParseMediaType(string(value))
		kid := a.child(n, []byte(disposition["name"]), nestedName)
		if IsText(content) {
			a.text(kid, content, cut)
		} else {
			kid.saw(TypeString)
		}
	}
}
