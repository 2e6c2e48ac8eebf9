package metlo

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/metlo-go/metlo/internal/transport"
)

// upload sends content as the file of a multipart form.
func (r *request) upload(filename, contentType string, content io.Reader) *request {
	if content == nil || isNil(content) {
		r.fail("the reader is nil: pass the file's content")
		return r
	}
	if r.fault != nil {
		return r // the content stays where it is
	}
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	_, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {disposition(filename)},
		"Content-Type":        {contentType},
	})
	prefix := frame.String()
	frame.Reset()
	if err = errors.Join(err, form.Close()); err != nil { // a buffer takes everything
		r.fail("%v", err)
		return r
	}
	r.contentType = form.FormDataContentType()
	if r.content, err = transport.NewUpload(prefix, frame.String(), content); err != nil {
		r.fail("%v", err)
	}
	return r
}

// disposition names the file. The server takes bytes over ASCII in filename for Latin-1, and the name as it is from
// filename* of RFC 5987, which other parsers do not read.
func disposition(filename string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(filename)
	text := `form-data; name="file"; filename="` + quoted + `"`
	if strings.ContainsFunc(filename, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' }) {
		text += "; filename*=UTF-8''" + extValue(filename)
	}
	return text
}

// extValue encodes a value as RFC 5987 does.
func extValue(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
