package capture

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxPart       = 256 << 10 // of a text field
	deepestBodies = 2         // levels of multipart; what lies deeper is emptied
)

// multipart keeps text fields, masked, and the heads of files without their content. What is cut is left out. It is not
// ok if the body cannot be taken apart. The level is 1 for a body, and 2 for a part of it.
func (m *masker) multipart(data []byte, contentType string, limit, level int) (string, bool) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return "", false
	}
	var b strings.Builder
	boundary := params["boundary"]
	reader := multipart.NewReader(bytes.NewReader(data), boundary)
	parts := 0
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			break
		}
		head, content, ok := m.part(part, level)
		if !ok || (limit > 0 && b.Len()+len(head)+len(content)+2*len(boundary)+16 > limit) {
			break
		}
		b.WriteString("--" + boundary + "\r\n" + head + "\r\n" + content + "\r\n")
		parts++
	}
	if parts == 0 {
		return "", false
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.String(), true
}

// part is the head and the content of a part as they are sent; not ok if it is cut.
func (m *masker) part(part *multipart.Part, level int) (head, content string, ok bool) {
	var b strings.Builder
	for _, name := range sortedKeys(part.Header) {
		for _, value := range part.Header[name] {
			if !strings.EqualFold(name, "Content-Disposition") {
				value = m.header(name, value)
			}
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	disposition, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, isFile := params["filename"]
	mediaType := part.Header.Get("Content-Type")
	kind := kindOf(mediaType)
	tooDeep := kind == kindMultipart && level >= deepestBodies
	if isFile || tooDeep || disposition == "attachment" || kind == kindBinary || part.Header.Get("Content-Transfer-Encoding") == "base64" {
		_, err := io.Copy(io.Discard, part)
		return b.String(), "", err == nil || isFile
	}
	raw, readErr := io.ReadAll(io.LimitReader(part, maxPart))
	if readErr != nil {
		return "", "", false
	}
	name := params["name"]
	switch {
	case err != nil && part.Header.Get("Content-Disposition") != "", !utf8.Valid(raw), bytes.IndexByte(raw, 0) >= 0:
		return b.String(), "", true // a name that cannot be read may be that of a secret
	case m.secret(name):
		return b.String(), maskedText(string(raw)), true
	}
	text, ok := m.contentAt(raw, mediaType, 0, level+1)
	if !ok {
		text = ""
	}
	return b.String(), text, true
}

func sortedKeys(h textproto.MIMEHeader) []string {
	keys := make([]string, 0, len(h))
	for key := range h {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
