package analysis

import (
	"bytes"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// anyMedia is the media type of unknown content.
const anyMedia = "*/*"

// MediaType returns a content type without its parameters. It returns */* for an invalid content type, and for one whose subtype
// does not consist of names, because it may be a value that a client chose.
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

// mediaType returns a content type in lower case without its parameters, or "" if it is invalid.
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

// fields analyzes a form or multipart body. It reports whether the body has one of these types.
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

// form analyzes an encoded form. Its values are always strings.
func (a *Analyzer) form(n *node, data []byte) {
	for pair := range bytes.SplitSeq(data, []byte("&")) {
		if len(pair) > 0 {
			name, value, _ := bytes.Cut(pair, []byte("="))
			a.value(a.child(n, unescape(name), nestedName), unescape(value))
		}
	}
}

// unescape decodes a part of a query or a form. It keeps percent signs that do not begin a valid escape.
func unescape(text []byte) []byte {
	if bytes.IndexByte(text, '%') < 0 && bytes.IndexByte(text, '+') < 0 {
		return text
	}
	if plain, err := url.QueryUnescape(string(text)); err == nil {
		return []byte(plain)
	}
	return bytes.ReplaceAll(text, []byte("+"), []byte(" "))
}

// ParseQuery returns the decoded parameters of a query in their order.
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

// multipart analyzes the parts of a multipart form by their names. Files are treated as texts.
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

// maxPartHead is the maximum length of a part's header. Browsers send a few hundred bytes.
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
