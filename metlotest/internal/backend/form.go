package backend

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
)

// readForm simulates multer's single("file") over busboy.
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
		contentType, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		name := part.FileName()
		if !strings.Contains(part.Header.Get("Content-Disposition"), "filename*") {
			name = latin1(name)
		}
		if name == "" && contentType != "application/octet-stream" {
			continue
		}
		if part.FormName() != "file" || c.file != nil {
			return fail("MulterError: Unexpected field")
		}
		if contentType == "" {
			contentType = "text/plain"
		}
		c.file = &upload{name: name, contentType: contentType, data: data}
	}
}

// latin1 reads each byte as a character, like busboy.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
