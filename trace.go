package metlo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// defaultTraceBody is how much of a body a trace takes, in bytes.
const defaultTraceBody = 64 << 10

// Trace is a request and its response as the collector takes them.
type Trace struct {
	Request  TraceRequest  `json:"request"`
	Response TraceResponse `json:"response"`
	Meta     TraceMeta     `json:"meta"`
}

// TraceRequest is the request of a [Trace].
type TraceRequest struct {
	URL     TraceURL    `json:"url"`
	Headers []NameValue `json:"headers"`
	Body    string      `json:"body"` // text
	Method  RestMethod  `json:"method"`
}

// TraceURL is where the request of a [Trace] went.
type TraceURL struct {
	Host       string      `json:"host"`
	Path       string      `json:"path"`       // begins with a slash; without any of \ ? < > & =
	Parameters []NameValue `json:"parameters"` // of the query, decoded
}

// TraceResponse is the response of a [Trace].
type TraceResponse struct {
	Status  int         `json:"status"` // 100 to 999
	Headers []NameValue `json:"headers"`
	Body    string      `json:"body"` // text
}

// TraceMeta says between whom a [Trace] was seen. Metlo keeps it as it is.
type TraceMeta struct {
	Incoming        bool              `json:"incoming"` // the server's side saw it
	Source          string            `json:"source"`   // address of the client
	SourcePort      string            `json:"sourcePort"`
	Destination     string            `json:"destination"` // address of the server
	DestinationPort string            `json:"destinationPort"`
	OriginalSource  string            `json:"originalSource,omitzero"` // address of the client before a proxy
	Environment     string            `json:"environment,omitzero"`    // such as production
	Extra           map[string]string `json:",embed"`                  // further members by name
}

// check says what the collector, or the analyzer behind it without a word, would not take.
func (t *Trace) check() error {
	path := t.Request.URL.Path
	switch {
	case t.Request.URL.Host == "":
		return errors.New("Request.URL.Host is empty: set the host that was asked")
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("Request.URL.Path %q does not begin with a slash: set the path alone, without scheme and host", path)
	case strings.ContainsAny(path, `\?<>&=`):
		return fmt.Errorf(`Request.URL.Path %q holds one of \ ? < > & =: percent-encode it, and put the query into Parameters`, path)
	case t.Request.Method == "":
		return errors.New("Request.Method is empty: set the method of the request")
	case !t.Request.Method.Known():
		return fmt.Errorf("Request.Method %q is none that Metlo tracks: leave such traces out", string(t.Request.Method))
	case t.Response.Status < 100 || t.Response.Status > 999:
		return fmt.Errorf("Response.Status %d is no HTTP status: set the status of the response", t.Response.Status)
	}
	for _, text := range []struct{ name, value string }{
		{"Request.URL.Host", t.Request.URL.Host},
		{"Request.URL.Path", path},
		{"Request.Body", t.Request.Body},
		{"Response.Body", t.Response.Body},
	} {
		if !storable(text.value) {
			return fmt.Errorf("%s is not UTF-8, or holds NUL: leave binary content out", text.name)
		}
	}
	for _, list := range []struct {
		name  string
		pairs []NameValue
	}{
		{"Request.URL.Parameters", t.Request.URL.Parameters},
		{"Request.Headers", t.Request.Headers},
		{"Response.Headers", t.Response.Headers},
	} {
		for i, pair := range list.pairs {
			if !storable(pair.Name) || !storable(pair.Value) {
				return fmt.Errorf("%s[%d] is not UTF-8, or holds NUL: use strings.ToValidUTF8", list.name, i)
			}
		}
	}
	return nil
}

// storable reports whether the server's database takes text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// TraceOption changes what [TraceFromHTTP] takes over.
type TraceOption func(*traceSettings)

type traceSettings struct {
	maxBody int
	secret  map[string]bool // names of headers whose values are not taken over, in canonical form
	host    string
	meta    *TraceMeta
}

// WithTraceBodyLimit takes over bodies of up to n bytes; the default is 64 KiB. With 0 no body is read.
func WithTraceBodyLimit(n int) TraceOption {
	return func(s *traceSettings) { s.maxBody = max(n, 0) }
}

// WithTraceRedaction replaces the values of further headers by [redacted].
func WithTraceRedaction(headers ...string) TraceOption {
	return func(s *traceSettings) {
		for _, name := range headers {
			s.secret[http.CanonicalHeaderKey(name)] = true
		}
	}
}

// WithoutTraceRedaction takes over the values of all headers, credentials included.
func WithoutTraceRedaction() TraceOption {
	return func(s *traceSettings) { clear(s.secret) }
}

// WithTraceHost files the trace under host instead of the one that was asked, which in a test is often an address with
// a port of the moment.
func WithTraceHost(host string) TraceOption {
	return func(s *traceSettings) { s.host = host }
}

// WithTraceMeta says between whom the trace was seen, instead of what the request tells.
func WithTraceMeta(meta TraceMeta) TraceOption {
	return func(s *traceSettings) { s.meta = &meta }
}

// TraceFromHTTP makes a trace of a request and its response, on the client's side or the server's. It reads up to 64 KiB
// of each body and puts them back: req.Body and resp.Body can be read and closed as before. The body of a request that
// was sent already comes from its GetBody; without one it is left out. A body that is longer, that
// is not text, or whose content is encoded as with gzip is left out, since Metlo could not parse it. Values of the
// headers Authorization, Cookie, Set-Cookie, Proxy-Authorization and X-Api-Key become [redacted], behind the name of the
// scheme if that is Basic, Bearer or Digest. Options change these.
//
// A request or a response from which no trace can be made is [ErrInvalidArgument]; an error of a body comes back as it
// is, and reading the body brings it again.
func TraceFromHTTP(req *http.Request, resp *http.Response, opts ...TraceOption) (*Trace, error) {
	if req == nil || req.URL == nil || resp == nil {
		return nil, invalid("TraceFromHTTP: the request, its URL or the response is nil")
	}
	s := traceSettings{maxBody: defaultTraceBody, secret: map[string]bool{
		"Authorization": true, "Cookie": true, "Set-Cookie": true, "Proxy-Authorization": true, "X-Api-Key": true,
	}}
	for i, opt := range opts {
		if opt == nil {
			return nil, invalid("TraceFromHTTP: option %d is nil: leave it out", i+1)
		}
		opt(&s)
	}
	requestBody, err := s.requestBody(req)
	if err != nil {
		return nil, fmt.Errorf("metlo: TraceFromHTTP: the request's body: %w", err)
	}
	responseBody, err := s.body(&resp.Body, resp.Header)
	if err != nil {
		return nil, fmt.Errorf("metlo: TraceFromHTTP: the response's body: %w", err)
	}
	trace := &Trace{
		Request: TraceRequest{
			URL:     TraceURL{Host: s.hostOf(req), Path: tracePath(req.URL), Parameters: traceParameters(req.URL.RawQuery)},
			Headers: s.headers(req.Header),
			Body:    requestBody,
			Method:  RestMethod(cmp.Or(req.Method, http.MethodGet)),
		},
		Response: TraceResponse{Status: resp.StatusCode, Headers: s.headers(resp.Header), Body: responseBody},
		Meta:     s.metaOf(req),
	}
	if err := trace.check(); err != nil {
		return nil, invalid("TraceFromHTTP: %v", err)
	}
	return trace, nil
}

func (s *traceSettings) hostOf(req *http.Request) string {
	return strings.ToLower(strings.ToValidUTF8(cmp.Or(s.host, req.Host, req.URL.Host), "\uFFFD"))
}

// metaOf finds the addresses on the server's side, and the port on the client's.
func (s *traceSettings) metaOf(req *http.Request) TraceMeta {
	if s.meta != nil {
		return *s.meta
	}
	meta := TraceMeta{Incoming: true}
	if host, port, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		meta.Source, meta.SourcePort = host, port
	}
	if addr, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if host, port, err := net.SplitHostPort(addr.String()); err == nil {
			meta.Destination, meta.DestinationPort = host, port
		}
	}
	if meta.DestinationPort == "" {
		meta.DestinationPort = req.URL.Port()
	}
	if meta.DestinationPort == "" {
		meta.DestinationPort = map[string]string{"http": "80", "https": "443"}[req.URL.Scheme]
	}
	return meta
}

// tracePath escapes what Metlo takes in no path.
func tracePath(u *url.URL) string {
	path := strings.NewReplacer(`\`, "%5C", "?", "%3F", "<", "%3C", ">", "%3E", "&", "%26", "=", "%3D").Replace(u.EscapedPath())
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return strings.ToValidUTF8(path, "%EF%BF%BD")
}

// traceParameters keeps order, repetitions and what url.ParseQuery would drop.
func traceParameters(query string) []NameValue {
	var pairs []NameValue
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			pairs = append(pairs, NameValue{Name: unescapeParameter(name), Value: unescapeParameter(value)})
		}
	}
	return pairs
}

func unescapeParameter(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	return traceText(text)
}

// traceText makes text that the database takes: UTF-8 without NUL.
func traceText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func (s *traceSettings) headers(h http.Header) []NameValue {
	var pairs []NameValue
	for name, values := range h {
		for _, value := range values {
			if s.secret[http.CanonicalHeaderKey(name)] {
				value = redactCredentials(value)
			}
			pairs = append(pairs, NameValue{Name: traceText(name), Value: traceText(value)})
		}
	}
	slices.SortStableFunc(pairs, func(a, b NameValue) int { return cmp.Compare(a.Name, b.Name) })
	return pairs
}

// redactCredentials keeps the scheme, from which Metlo tells how a request authenticates.
func redactCredentials(value string) string {
	scheme, _, _ := strings.Cut(value, " ")
	for _, known := range []string{"Basic", "Bearer", "Digest"} {
		if strings.EqualFold(scheme, known) && len(value) > len(scheme) {
			return scheme + " " + redacted
		}
	}
	return redacted
}

// requestBody reads the body of a request. One that was sent has been read to its end, but may have a copy.
func (s *traceSettings) requestBody(req *http.Request) (string, error) {
	text, err := s.body(&req.Body, req.Header)
	if text != "" || err != nil || req.GetBody == nil {
		return text, err
	}
	body, err := req.GetBody()
	if err != nil {
		return "", err
	}
	original := body
	defer original.Close()
	return s.body(&body, req.Header)
}

// body reads a body and puts it back.
func (s *traceSettings) body(body *io.ReadCloser, h http.Header) (string, error) {
	encoding := h.Get("Content-Encoding")
	if s.maxBody == 0 || *body == nil || *body == http.NoBody || (encoding != "" && !strings.EqualFold(encoding, "identity")) {
		return "", nil
	}
	original := *body
	data, err := io.ReadAll(io.LimitReader(original, int64(s.maxBody)+1))
	rest := io.Reader(original)
	if err != nil {
		rest = failedReader{err}
	}
	*body = restoredBody{io.MultiReader(bytes.NewReader(data), rest), original}
	if err != nil || len(data) > s.maxBody || !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return "", err
	}
	return string(data), nil
}

// restoredBody is a body of which a part was read already.
type restoredBody struct {
	io.Reader
	io.Closer
}

type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }
