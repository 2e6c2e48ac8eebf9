package backend

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/qs"
)

const byteOrderMark = "\ufeff"

// readBody simulates express.json and express.urlencoded: other types leave an empty object.
func (c *call) readBody(service string, r *http.Request, body []byte) *Response {
	c.body = js.New()
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil { // an invalid media type is not JSON
		return nil
	}
	isForm := mediaType == "application/x-www-form-urlencoded"
	if mediaType != "application/json" && !isForm || len(body) == 0 {
		return nil
	}
	charset := strings.ToLower(params["charset"])
	if charset != "" && charset != "utf-8" {
		return page(http.StatusUnsupportedMediaType, `UnsupportedMediaTypeError: unsupported charset "`+strings.ToUpper(charset)+`"`, "jsonParser (body-parser/lib/types/json.js:127:12)")
	}
	limit := backendBodyLimit
	if service == collector {
		limit = collectorBodyLimit
	}
	body, bad := inflate(r.Header.Get("Content-Encoding"), body)
	if bad != nil {
		return bad
	}
	if len(body) > limit {
		return page(http.StatusRequestEntityTooLarge, "PayloadTooLargeError: request entity too large", "readStream (raw-body/index.js:163:17)")
	}
	text := strings.TrimPrefix(string(body), byteOrderMark)
	if isForm {
		return c.readURLEncoded(text)
	}
	return c.readJSON(text)
}

func page(status int, message string, frames ...string) *Response {
	res := HTMLPage(status, message, frames...)
	return &res
}

func inflate(encoding string, body []byte) ([]byte, *Response) {
	var plain io.Reader
	var err error
	switch strings.ToLower(encoding) {
	case "", "identity":
		return body, nil
	case "gzip":
		plain, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		plain, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, page(http.StatusUnsupportedMediaType, `UnsupportedMediaTypeError: unsupported content encoding "`+encoding+`"`,
			"contentstream (body-parser/lib/read.js:179:14)")
	}
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(plain, collectorBodyLimit+1))
	}
	if err != nil {
		return nil, page(http.StatusBadRequest, "Error: incorrect header check", "genericNodeError (node:internal/errors:984:15)")
	}
	return body, nil
}

func (c *call) readURLEncoded(text string) *Response {
	const parameterLimit = 1000
	if n := strings.Count(text, "&") + 1; n > parameterLimit {
		return page(http.StatusRequestEntityTooLarge, "PayloadTooLargeError: too many parameters", "queryparse (body-parser/lib/types/urlencoded.js:150:13)")
	}
	c.body = qs.ParseForm(text)
	return nil
}

func (c *call) readJSON(text string) *Response {
	if text == "" {
		return nil
	}
	v, err := js.Decode([]byte(text))
	if first := strings.TrimLeft(text, " \t\r\n"); first != "" && first[0] != '{' && first[0] != '[' {
		err = fmt.Errorf("unexpected token %q", first[:1]) // body-parser is strict
	}
	if err != nil {
		return page(http.StatusBadRequest, "SyntaxError: "+err.Error(), "JSON.parse (<anonymous>)")
	}
	c.body = v
	return nil
}
