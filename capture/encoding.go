package capture

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
)

// kind classifies a body by its Content-Type.
type kind int

const (
	kindUnknown kind = iota
	kindJSON
	kindForm
	kindMultipart
	kindText
	kindStream
	kindBinary
)

func kindOf(contentType string) kind {
	switch contentType { // the most frequent ones, without parsing
	case "application/json", "application/json; charset=utf-8", "application/json; charset=UTF-8":
		return kindJSON
	case "text/html; charset=utf-8", "text/plain; charset=utf-8":
		return kindText
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	class, _, _ := strings.Cut(media, "/")
	switch {
	case media == "":
		return kindUnknown
	case media == "text/event-stream", media == "multipart/x-mixed-replace", strings.HasPrefix(media, "application/grpc"):
		return kindStream
	case class == "multipart":
		return kindMultipart
	case strings.Contains(media, "json"):
		return kindJSON
	case media == "application/x-www-form-urlencoded":
		return kindForm
	case class == "text", strings.Contains(media, "xml"), strings.Contains(media, "yaml"), strings.Contains(media, "graphql"),
		strings.Contains(media, "javascript"):
		return kindText
	case class == "image", class == "audio", class == "video", class == "font":
		return kindBinary
	}
	for _, part := range []string{"octet-stream", "zip", "gzip", "pdf", "wasm", "protobuf", "msgpack", "cbor", "tar", "compressed", "officedocument"} {
		if strings.Contains(media, part) {
			return kindBinary
		}
	}
	return kindUnknown
}

// copyLimit returns the maximum number of bytes to copy of a body with these headers.
func (r *Recorder) copyLimit(h http.Header) int {
	if encoding := headerValue(h, "Content-Encoding"); encoding != "" && !canDecode(encoding) {
		return 0
	}
	switch kindOf(headerValue(h, "Content-Type")) {
	case kindStream, kindBinary:
		return 0
	case kindForm, kindText:
		if headerValue(h, "Content-Encoding") == "" {
			return r.settings.bodyLimit
		}
	}
	return r.settings.copyLimit
}

func headerValue(h http.Header, canonical string) string {
	if values := h[canonical]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func canDecode(encoding string) bool {
	switch strings.ToLower(encoding) {
	case "gzip", "x-gzip", "deflate", "identity":
		return true
	}
	return false
}

// decodeContent decodes a body into at most limit bytes. It sets cut if the decoded body is longer, and ok to false for an
// unknown or broken encoding.
func decodeContent(data []byte, encoding string, limit int) (decoded []byte, cut, ok bool) {
	var r io.Reader
	var err error
	switch strings.ToLower(encoding) {
	case "", "identity":
		return data, false, true
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(data))
	case "deflate":
		if r, err = zlib.NewReader(bytes.NewReader(data)); err != nil {
			r, err = flate.NewReader(bytes.NewReader(data)), nil // some servers send raw deflate data under this name
		}
	default:
		return nil, false, false
	}
	if err != nil {
		return nil, false, false
	}
	decoded, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(decoded) > limit {
		return decoded[:limit], true, true
	}
	return decoded, err != nil, err == nil || len(decoded) > 0
}
