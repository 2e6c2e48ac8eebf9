package backend

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// readForm is multer's single("file") over busboy.
func (c *call) readForm(r *http.Request, body []byte) *Response {
	header := r.Header.Get("Content-Type")
	mediaType, params, _ := mime.ParseMediaType(header)
	if !strings.HasPrefix(mediaType, "multipart/") {
		return nil
	}
	fail := func(message string) *Response {
		return page(http.StatusInternalServerError, message, "Multer.makeError (multer/lib/make-error.js:5:10)")
	}
	if mediaType != "multipart/form-data" {
		return fail("Error: Unsupported content type: " + header)
	}
	if params["boundary"] == "" {
		return fail("Error: Multipart: Boundary not found")
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF && len(body) > 0 { //nolint:errorlint // a wrapped EOF is a body without its last boundary
			return nil
		}
		if err != nil {
			return fail("Error: Unexpected end of form")
		}
		data, err := io.ReadAll(part)
		if err != nil && !errors.Is(err, io.EOF) {
			return fail("Error: Unexpected end of form")
		}
		disposition := parseDisposition(part.Header.Get("Content-Disposition"))
		contentType, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		name := disposition.fileName()
		if name == "" && contentType != "application/octet-stream" {
			continue
		}
		if disposition["name"] != "file" || c.file != nil {
			return fail("MulterError: Unexpected field")
		}
		if contentType == "" {
			contentType = "text/plain"
		}
		c.file = &upload{name: name, contentType: contentType, data: data}
	}
}

// disposition has the parameters of a Content-Disposition, those of RFC 5987 under their names with *.
type disposition map[string]string

// parseDisposition reads what busboy reads: bytes outside ASCII are Latin 1.
func parseDisposition(header string) disposition {
	params := disposition{}
	_, rest, _ := strings.Cut(header, ";")
	for rest = strings.TrimLeft(rest, " \t;"); rest != ""; rest = strings.TrimLeft(rest, " \t;") {
		name, after, found := strings.Cut(rest, "=")
		if !found {
			break
		}
		name = strings.ToLower(strings.TrimSpace(name))
		var value string
		value, rest = dispositionValue(after)
		if strings.HasSuffix(name, "*") {
			decoded, ok := extendedValue(value)
			if !ok {
				continue
			}
			params[name] = decoded
		} else {
			params[name] = latin1(value)
		}
	}
	return params
}

// dispositionValue reads a token or a quoted string.
func dispositionValue(s string) (value, rest string) {
	if s == "" || s[0] != '"' {
		value, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

func extendedValue(value string) (string, bool) {
	parts := strings.SplitN(value, "'", 3)
	if len(parts) != 3 {
		return "", false
	}
	decoded, err := url.PathUnescape(parts[2])
	if err != nil {
		return "", false
	}
	switch strings.ToLower(parts[0]) {
	case "utf-8", "utf8":
		return decoded, true
	case "iso-8859-1", "latin1", "us-ascii", "ascii":
		return latin1(decoded), true
	}
	return "", false
}

// latin1 reads each byte as a character.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// fileName is the name of the file, without the folders before it.
func (d disposition) fileName() string {
	name := d["filename"]
	if extended := d["filename*"]; extended != "" {
		name = extended
	}
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if name == "." || name == ".." {
		return ""
	}
	return name
}
