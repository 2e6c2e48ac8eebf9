package metlo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-querystring/query"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

const (
	maxFilterValues = 900       // the server drops parameters after the 1000th
	maxTarget       = 15_000    // bytes of path and query; the server answers 431 without a word to longer ones
	wholeBytes      = 4 << 20   // a page up to this size is read before it is decoded, which frees its connection
	readBytes       = 64 << 10  // of a longer page at once: the decoder alone would read 4 KiB
	pooledBytes     = 256 << 10 // larger buffers are left to the garbage collector
)

// request is one call as a service method describes it. Its first fault is kept, so that a method reads as one
// statement.
type request struct {
	method      string
	route       string // template of the path below /api/v1, for the log
	path        string // escaped
	query       string
	body        []byte
	contentType string
	stream      func() (io.ReadCloser, error)
	collector   bool
	prepare     func(context.Context) error // looks at the stream before anything is sent
	seekable    bool                        // the stream can be read again
	private     bool                        // a success holds a secret, of which errors keep nothing
	fault       error
	exchange    *exchange // beside it in memory; a request is sent once
}

type outgoing struct {
	request
	exchange
}

// alloc makes room for a request, its exchange and its call at once.
func (r request) alloc() *request {
	o := &outgoing{request: r}
	o.request.exchange = &o.exchange
	return &o.request
}

// newRequest fills the elements of route: {uuid} takes only a UUID, any other {name} any one path element.
func newRequest(method, route string, elements ...string) *request {
	r := request{method: method, route: route, path: route}.alloc()
	for _, element := range elements {
		before, rest, _ := strings.Cut(r.path, "{")
		name, after, _ := strings.Cut(rest, "}")
		switch {
		case name == "uuid":
			r.uuid(element)
		case element == "" || hasDotElement(url.PathEscape(element)):
			r.fail("%q is no %s: it is empty, or . or .. stands between its slashes", element, name)
		}
		if name != "uuid" {
			element = url.PathEscape(element)
		}
		r.path = before + element + after
	}
	return r
}

// routeOfCall stands for the route of Call, which the log does not tell.
const routeOfCall = "Call"

// newCallRequest takes a path that the caller has escaped.
func newCallRequest(method, path string, q url.Values) *request {
	r := request{method: method, route: routeOfCall, path: path, query: q.Encode()}.alloc()
	if method == "" || !validHeaderName(method) {
		r.fail("%q is no HTTP method", method)
	}
	u, err := url.Parse(path)
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		r.fail("the path %q does not begin with one slash: give what follows /api/v1", path)
	case strings.ContainsAny(path, "?#"):
		r.fail("the path %q holds ? or #: escape it, and pass the query as url.Values", path)
	case err != nil || u.EscapedPath() != path:
		r.fail("the path %q is not escaped: use url.PathEscape on its elements", path)
	case hasDotElement(path):
		r.fail("the path %q holds . or ..", path)
	}
	r.checkTarget()
	return r
}

// hasDotElement reports whether an escaped path has an element that a server would resolve away.
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

// uuid refuses ids that are no UUIDs.
func (r *request) uuid(ids ...string) {
	for _, id := range ids {
		if !isUUID(id) {
			r.fail("%q is no UUID: use the UUID field of a listed item", id)
		}
	}
}

// optionalUUID refuses ids of a filter that are set and are no UUIDs.
func (r *request) optionalUUID(ids ...string) {
	for _, id := range ids {
		if id != "" {
			r.uuid(id)
		}
	}
}

func (r *request) fail(format string, args ...any) {
	if r.fault == nil {
		r.fault = invalid("%s %s: %s", r.method, r.route, fmt.Sprintf(format, args...))
	}
}

// filter sets the query from an options struct; nil sets none.
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
				r.fail("%s is empty, which the server reads as no filter: leave it nil for no filter, or do not ask", v.Type().Field(i).Name)
			}
			n += f.Len()
		}
	}
	if n > maxFilterValues {
		r.fail("%d filter values are over %d, and the server would drop some without a word: split the filter", n, maxFilterValues)
	}
	r.query = values.Encode()
	r.checkTarget()
	return r
}

func (r *request) checkTarget() {
	if n := len(r.path) + len(r.query); n > maxTarget {
		r.fail("the request's target of %d bytes is over %d: split the filter", n, maxTarget)
	}
}

// window refuses a limit or an offset of a caller that is negative.
func (r *request) window(limit, offset int) *request {
	if limit < 0 {
		r.fail("Limit %d is negative: use 0 for the default", limit)
	}
	if offset < 0 {
		r.fail("Offset %d is negative: use 0 to start with the first item", offset)
	}
	return r
}

// page adds limit and offset to the query, each unless it is zero. The limit everything sends neither.
func (r *request) page(limit, offset int) *request {
	if limit != everything {
		r.number("limit", limit)
		r.number("offset", offset)
	}
	return r
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

// copy lets one description serve several requests, each of which is sent once.
func (r *request) copy() *request { return r.alloc() }

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
	r.body, r.contentType = json, "application/json"
	return r
}

func (r *request) setURL(u *url.URL, c *Client) {
	base := c.base
	if r.collector {
		base = c.collector
	}
	*u = *base
	u.RawQuery = r.query
	if u.RawPath == "" && !strings.Contains(r.path, "%") {
		u.Path += r.path
	} else {
		setEscapedPath(u, u.EscapedPath()+r.path)
	}
}

func (r *request) fullPath(c *Client) string {
	if r.collector {
		return c.collector.EscapedPath() + r.path
	}
	return c.base.EscapedPath() + r.path
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

// repeat is what must be known of a failed attempt before the request may be sent again.
func (r *request) repeat() transport.Repeat {
	switch {
	case r.stream != nil && !r.seekable:
		return transport.RepeatNever
	case r.stream != nil:
		return transport.RepeatUnprocessed
	case r.method == http.MethodGet || r.method == http.MethodHead:
		return transport.RepeatSafe
	case r.method == http.MethodPut || r.method == http.MethodDelete:
		return transport.RepeatIdempotent
	}
	return transport.RepeatUnprocessed
}

// send passes a successful response to stream or accept, and turns everything else into an error.
func (x *exchange) send(ctx context.Context) error {
	c, r := x.client, x.request
	if ctx == nil {
		r.fail("the context is nil: use context.Background()")
	}
	if r.collector && c.collector == nil {
		r.fail("the collector's address is not known: use WithCollectorURL, or METLO_COLLECTOR_HOST with NewClientFromEnv")
	}
	if r.fault == nil && r.prepare != nil {
		if err := r.prepare(ctx); err != nil {
			return c.callError(r, 0, nil, err)
		}
	}
	if r.fault != nil {
		return c.redact.cause(r.fault)
	}
	r.setURL(&x.url, c)
	s := &x.sent
	s.Method, s.URL, s.Route = r.method, &x.url, r.route
	s.Header, s.ContentType = c.header(), r.contentType
	s.Body, s.Stream, s.Repeat = r.body, r.stream, r.repeat()
	attempts, err := c.pipeline.Do(ctx, &x.sent, x.handle)
	if err == nil {
		return nil
	}
	if !isAnswer(err) {
		status := 0
		if len(attempts) > 0 {
			status = attempts[len(attempts)-1].StatusCode
		}
		if isUnsent(err) {
			status = 0
		}
		err = c.callError(r, status, nil, err)
	}
	return c.withAttempts(err, attempts)
}

// exchange is a request with the handler of its response.
type exchange struct {
	client  *Client
	request *request
	url     url.URL
	sent    transport.Request

	stream func(*http.Response) error // owns the body of a successful response
	accept func([]byte) error         // gets it whole, if there is no stream
}

func (x *exchange) handle(resp *http.Response) error {
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if x.stream != nil {
			return x.stream(resp)
		}
		return x.whole(resp)
	}
	// What a failed read leaves out is not worth hiding the status for.
	body, _ := transport.ReadAll(resp, nil, maxErrorRead)
	return x.client.answerError(x.request, resp, body)
}

// isUnsent reports whether the rate limit or the source of the body kept an attempt from starting.
func isUnsent(err error) bool {
	var limit *transport.LimitError
	var source *transport.SourceError
	return errors.As(err, &limit) || errors.As(err, &source)
}

// isAnswer reports whether err is an *Error already, in whatever wrapping.
func isAnswer(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// do reads a successful response whole and passes it to accept, which must not keep it.
func (c *Client) do(ctx context.Context, r *request, accept func(body []byte) error) error {
	x := r.exchange
	x.client, x.request, x.accept = c, r, accept
	return x.send(ctx)
}

// whole reads a response and passes it to accept.
func (x *exchange) whole(resp *http.Response) error {
	pooled := buffers.Get().(*[]byte)
	defer recycle(pooled)
	body, err := transport.ReadAll(resp, (*pooled)[:0], x.client.maxBytes)
	*pooled = body
	if err != nil {
		return err
	}
	if x.request.route == routeOfCall {
		if err := x.client.disguised(x.request, resp.StatusCode, body); err != nil {
			return err
		}
	}
	return x.client.judge(x.request, resp.StatusCode, body, x.accept(body))
}

func recycle(pooled *[]byte) {
	if cap(*pooled) <= pooledBytes {
		buffers.Put(pooled)
	}
}

// judge says what it means that a body could not be accepted.
func (c *Client) judge(r *request, status int, body []byte, err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	if disguised := c.disguised(r, status, body); disguised != nil {
		return disguised
	}
	if wire.IsCut(err) {
		// The caller of judge is inside an attempt: this error has the request repeated if that is harmless.
		return &transport.CutError{Err: err}
	}
	return c.callError(r, status, body, err)
}

// disguised is the error that a successful status hides, if it does.
func (c *Client) disguised(r *request, status int, body []byte) error {
	d, ok := unmask(r.method, r.path, status, body)
	if !ok {
		return nil
	}
	e := c.newError(r, status, body)
	e.kind, e.Message = d.kind, d.message
	return e
}

// missing is the error that what was asked for is not in a successful answer.
func (c *Client) missing(r *request, message string) error {
	e := c.newError(r, http.StatusOK, nil)
	e.kind, e.Message = ErrNotFound, message
	return e
}

// fetch returns the object with which the server answers.
func fetch[T any](ctx context.Context, c *Client, r *request) (*T, error) {
	v := new(T)
	err := c.do(ctx, r, func(body []byte) error {
		var zero T
		*v = zero
		if err := wire.Object(body, v); err != nil {
			return err
		}
		return inspect(v)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// fetchAll returns the array with which the server answers; null is an empty one. What a check says of it is the error.
func fetchAll[T any](ctx context.Context, c *Client, r *request, checks ...func([]T) error) ([]T, error) {
	var items []T
	err := c.do(ctx, r, func(body []byte) error {
		rows := wire.Rows[T]{Values: []T{}, Most: wholeRows}
		err := wire.Object(body, &rows)
		if errors.Is(err, wire.ErrEmpty) && len(bytes.TrimSpace(body)) > 0 {
			err = nil
		}
		items = rows.Values
		for i := 0; err == nil && i < len(items); i++ {
			err = inspect(&items[i])
		}
		for i := 0; err == nil && i < len(checks); i++ {
			err = checks[i](items)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// inspect tells an object that the route returns from any other.
func inspect(v any) error {
	if item, ok := v.(identified); ok && item.id() == "" {
		return errors.New("the object has no id")
	}
	if object, ok := v.(checked); ok {
		return object.check()
	}
	return nil
}

// exec sends a change to which the server answers that it is done.
func exec(ctx context.Context, c *Client, r *request) error {
	return c.do(ctx, r, func(body []byte) error {
		if wire.IsDone(body) {
			return nil
		}
		var refused *wire.RefusedError
		if err := wire.Object(body, new(any)); errors.As(err, &refused) {
			return err
		}
		return fmt.Errorf("want OK, have %q", wire.Message(c.redact.head(body)))
	})
}

// identified is an object with an id.
type identified interface{ id() string }

// checked is an object whose parts tell whether it is what the route returns.
type checked interface{ check() error }

var errShape = errors.New("the answer is not what the route returns: is the base URL right, and is the server Metlo's?")

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

// isUUID reports whether s has the form 8-4-4-4-12 of hexadecimal digits.
func isUUID(s string) bool {
	_, ok := parseUUID(s)
	return ok
}

func parseUUID(s string) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	for i, at := range [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		hi, lo := hexDigit(s[at]), hexDigit(s[at+1])
		if hi > 15 || lo > 15 {
			return id, false
		}
		id[i] = hi<<4 | lo
	}
	return id, true
}

func hexDigit(b byte) byte {
	switch {
	case b >= '0' && b <= '9':
		return b - '0'
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10
	}
	return 255
}
