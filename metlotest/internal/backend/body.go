package backend

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf16"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/qs"
)

const byteOrderMark = "\ufeff"

// readBody is express.json and express.urlencoded: other types leave an empty object.
func (c *call) readBody(service string, r *http.Request, body []byte) *Response {
	c.body = js.New()
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil { // what is no media type is not JSON
		return nil
	}
	isForm := mediaType == "application/x-www-form-urlencoded"
	if mediaType != "application/json" && !isForm || len(body) == 0 {
		return nil
	}
	charset := strings.ToLower(params["charset"])
	if charset != "" && (isForm && charset != "utf-8" || !strings.HasPrefix(charset, "utf-")) {
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
	text := strings.TrimPrefix(decodeCharset(charset, body), byteOrderMark)
	if isForm {
		return c.readURLEncoded(text)
	}
	return c.readJSON(text)
}

// decodeCharset reads UTF-16 as iconv-lite does: without a mark, the byte order that makes more of it ASCII.
func decodeCharset(charset string, body []byte) string {
	var order binary.ByteOrder = binary.LittleEndian
	switch charset {
	case "utf-16":
		if isBigEndian(body) {
			order = binary.BigEndian
		}
	case "utf-16be":
		order = binary.BigEndian
	case "utf-16le":
	default:
		return string(body)
	}
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	return string(utf16.Decode(units))
}

func isBigEndian(body []byte) bool {
	if bytes.HasPrefix(body, []byte{0xfe, 0xff}) {
		return true
	}
	big, little := 0, 0
	for i := 0; i+1 < len(body); i += 2 {
		if body[i] == 0 && body[i+1] != 0 {
			big++
		}
		if body[i] != 0 && body[i+1] == 0 {
			little++
		}
	}
	return big > little && !bytes.HasPrefix(body, []byte{0xff, 0xfe})
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
