package metlo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/go-querystring/query"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
)

const (
	maxFilterValues = 900    // the server ignores parameters after the 1000th
	maxTarget       = 15_000 // bytes of path and query; the server answers 431 without a text to longer ones
)

// request describes one call of a service method. It keeps its first invalid argument, so that a method is one
// statement. It does not change after it is sent.
type request struct {
	transport.Request // lacks the URL, which the client adds

	name      string // name of the method, such as Alerts.List
	path      string // escaped path below /api/v1
	query     string
	collector bool
	private   bool // a successful response contains a secret, so errors must not quote it
	long      bool // the response may be longer than a first page
	fault     error
}

// newRequest fills the elements of route: {uuid} accepts only a UUID, any other {name} one path element.
func newRequest(name, method, route string, elements ...string) *request {
	r := &request{Request: transport.Request{Method: method, Route: route}, name: name, path: route}
	for _, element := range elements {
		before, rest, _ := strings.Cut(r.path, "{")
		kind, after, _ := strings.Cut(rest, "}")
		switch {
		case kind == "uuid":
			r.uuid(element)
		case element == "" || hasDotElement(url.PathEscape(element)):
			r.fail("%q is not a valid %s: it is empty or contains . or .. between slashes", element, kind)
		}
		if kind != "uuid" {
			element = url.PathEscape(element)
		}
		r.path = before + element + after
	}
	return r
}

// routeOfCall is the route of Call, which the log omits.
const routeOfCall = "Call"

// newCallRequest returns a request for a path that the caller has escaped.
func newCallRequest(method, path string, q url.Values) *request {
	r := &request{Request: transport.Request{Method: method, Route: routeOfCall}, name: "Call", path: path, query: q.Encode()}
	if method == "" || !validHeaderName(method) {
		r.fail("%q is not an HTTP method: use one such as GET", method)
	}
	u, err := url.Parse(path)
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		r.fail("the path %q does not begin with one slash: pass the part after /api/v1", path)
	case strings.ContainsAny(path, "?#"):
		r.fail("the path %q contains ? or #: escape it, and pass the query as url.Values", path)
	case err != nil || u.EscapedPath() != path:
		r.fail("the path %q is not escaped: use url.PathEscape on its elements", path)
	case hasDotElement(path):
		r.fail("the path %q contains . or ..: remove them", path)
	case path == "/api/v1" || strings.HasPrefix(path, "/api/v1/"):
		r.fail("the path %q begins with /api/v1, which Call adds: pass the part after it", path)
	}
	r.checkTarget()
	return r
}

// RouteFromContext returns the template of the path below /api/v1 of a [Client]'s request, such as /alert/{uuid}. A
// transport calls it with the context of the request to name spans and metrics. It returns "Call" for [Client.Call],
// and "" for any other context.
func RouteFromContext(ctx context.Context) string { return transport.RouteOf(ctx) }

// hasDotElement reports whether an escaped path has an element that servers resolve, such as a "..".
func hasDotElement(path string) bool {
	for element := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(element)
		if err != nil {
			return true
		}
		for part := range strings.FieldsFuncSeq(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
			if part == "." || part == ".." {
				return true
			}
		}
	}
	return false
}

// uuid rejects ids that are not UUIDs.
func (r *request) uuid(ids ...string) {
	for _, id := range ids {
		if !isUUID(id) {
			r.fail("%q is not a UUID: use the UUID field of a listed item", id)
		}
	}
}

// optionalUUID rejects ids that are set and not UUIDs.
func (r *request) optionalUUID(ids ...string) {
	for _, id := range ids {
		if id != "" {
			r.uuid(id)
		}
	}
}

func (r *request) fail(format string, args ...any) {
	if r.fault == nil {
		r.fault = invalid("%s: %s", r.name, fmt.Sprintf(format, args...))
	}
}

// filter sets the query from an options struct; nil sets nothing.
func (r *request) filter(opts any) *request {
	if isNil(opts) {
		return r
	}
	values, err := query.Values(opts)
	if err != nil {
		r.fail("%v", err)
		return r
	}
	n := 0
	v := reflect.Indirect(reflect.ValueOf(opts))
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice {
			if !f.IsNil() && f.Len() == 0 {
				r.fail("%s is empty, which the server reads as no filter: use nil if no filter is meant", v.Type().Field(i).Name)
			}
			n += f.Len()
		}
	}
	if n > maxFilterValues {
		r.fail("%d filter values are over %d, and the server would silently drop some: split the filter", n, maxFilterValues)
	}
	r.query = values.Encode()
	r.checkTarget()
	return r
}

func (r *request) checkTarget() {
	if n := len(r.path) + len(r.query); n > maxTarget {
		r.fail("the path and query of %d bytes are over %d: split the filter", n, maxTarget)
	}
}

// number adds a parameter to the query unless it is zero.
func (r *request) number(name string, n int) {
	if n != 0 {
		r.param(name, strconv.Itoa(n))
	}
}

// param adds a parameter to the query.
func (r *request) param(name, value string) {
	if r.query != "" {
		r.query += "&"
	}
	r.query += name + "=" + url.QueryEscape(value)
}

// copy returns a copy that may be changed while r is in use.
func (r *request) copy() *request {
	copied := *r
	return &copied
}

// encode sets the body to in as JSON.
func (r *request) encode(in any) *request {
	body, err := wire.Marshal(in)
	if err != nil {
		r.fail("the body cannot be encoded: %v", err)
		return r
	}
	return r.setBody(body)
}

func (r *request) setBody(json []byte) *request {
	r.Body, r.ContentType = json, "application/json"
	return r
}

func setEscapedPath(u *url.URL, escaped string) {
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		plain = escaped
	}
	u.Path, u.RawPath = plain, escaped
	if u.RawPath == u.Path {
		u.RawPath = ""
	}
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Interface, reflect.Map, reflect.Chan:
		return r.IsNil()
	}
	return false
}

// isUUID reports whether s has the form of a UUID: 8-4-4-4-12 hexadecimal digits.
func isUUID(s string) bool {
	_, ok := walk.ParseUUID(s)
	return ok
}

// upload sends content as the file of a multipart form.
func (r *request) upload(filename, contentType string, content io.Reader) *request {
	if content == nil || isNil(content) {
		r.fail("the reader is nil: pass the file's content")
		return r
	}
	if r.fault != nil {
		return r // the content is not copied
	}
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	_, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {disposition(filename)},
		"Content-Type":        {contentType},
	})
	prefix := frame.String()
	frame.Reset()
	if err = errors.Join(err, form.Close()); err != nil { // writes to a buffer succeed
		r.fail("%v", err)
		return r
	}
	r.ContentType = form.FormDataContentType()
	if r.Upload, err = transport.NewUpload(prefix, frame.String(), content); err != nil {
		r.fail("%v", err)
	}
	return r
}

// disposition returns the header that names the file. The server reads bytes over ASCII in filename as Latin-1. It
// reads filename* of RFC 5987 correctly, which other parsers do not read.
func disposition(filename string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(filename)
	text := `form-data; name="file"; filename="` + quoted + `"`
	if strings.ContainsFunc(filename, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%' }) {
		text += "; filename*=UTF-8''" + extValue(filename)
	}
	return text
}

// extValue encodes a value as RFC 5987 requires.
func extValue(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
