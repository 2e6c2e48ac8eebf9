package metlo

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// defaultTraceBody is the default limit for a body, in bytes.
const defaultTraceBody = 64 << 10

// TraceOption configures [TraceFromHTTP].
type TraceOption func(*traceSettings)

type traceSettings struct {
	maxBody int
	secret  map[string]bool // canonical names of headers whose values are redacted
	host    string
	meta    *TraceMeta
}

// WithTraceBodyLimit copies bodies of up to n bytes; the default is 64 KiB. With 0 no body is read.
func WithTraceBodyLimit(n int) TraceOption {
	return func(s *traceSettings) { s.maxBody = max(n, 0) }
}

// WithTraceRedaction replaces the values of further headers with [redacted].
func WithTraceRedaction(headers ...string) TraceOption {
	return func(s *traceSettings) {
		for _, name := range headers {
			s.secret[http.CanonicalHeaderKey(name)] = true
		}
	}
}

// WithoutTraceRedaction copies the values of all headers, including credentials.
func WithoutTraceRedaction() TraceOption {
	return func(s *traceSettings) { clear(s.secret) }
}

// WithTraceHost sets the host of the trace. In a test the request's own host is often an address with a random port.
func WithTraceHost(host string) TraceOption {
	return func(s *traceSettings) { s.host = host }
}

// WithTraceMeta sets the connection of the trace, instead of the addresses of the request.
func WithTraceMeta(meta TraceMeta) TraceOption {
	return func(s *traceSettings) { s.meta = &meta }
}

// TraceFromHTTP returns a trace of a request and its response, on the client's side or the server's. It reads up to 64
// KiB of the response's body, and of the request's on the server's side, and restores them: the bodies can be read and
// closed as before. It never touches the Body of a client's request, which the transport may still be sending: the
// content comes from GetBody, or is omitted. It also omits a body that is longer, is not text, has a content encoding
// such as gzip, is a stream, or follows 101 Switching Protocols. The values of the headers Authorization, Cookie,
// Set-Cookie, Proxy-Authorization and X-Api-Key become [redacted]. Options change these defaults. Package capture
// records a whole service, and masks secrets anywhere in it.
//
// TraceFromHTTP changes two things that the collector would reject: repeated slashes in a path, and credentials on
// which it fails. If no trace can be made of a request or a response, the error is [ErrInvalidArgument]. An error of a
// body is returned unchanged, and occurs again when the body is read.
func TraceFromHTTP(req *http.Request, resp *http.Response, opts ...TraceOption) (*Trace, error) {
	if req == nil || req.URL == nil || resp == nil {
		return nil, invalid("TraceFromHTTP: the request, its URL or the response is nil: pass all of them")
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
	responseBody := ""
	if !isStream(resp) {
		responseBody, err = s.body(&resp.Body, resp.Header)
	}
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
	return trace.acceptable(), nil
}

func (s *traceSettings) hostOf(req *http.Request) string {
	return strings.ToLower(strings.ToValidUTF8(cmp.Or(s.host, req.Host, req.URL.Host), "\uFFFD"))
}

// metaOf returns the addresses on the server's side, and the port on the client's.
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

// tracePath escapes characters that Metlo accepts in no path.
func tracePath(u *url.URL) string {
	path := strings.NewReplacer(`\`, "%5C", "?", "%3F", "<", "%3C", ">", "%3E", "&", "%26", "=", "%3D").Replace(u.EscapedPath())
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return strings.ToValidUTF8(path, "%EF%BF%BD")
}

// traceParameters returns the parameters with their order, repetitions and the parts that url.ParseQuery would drop.
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

// traceText returns text that the database accepts: UTF-8 without NUL.
func traceText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func (s *traceSettings) headers(h http.Header) []NameValue {
	var pairs []NameValue
	for name, values := range h {
		for _, value := range values {
			if s.secret[http.CanonicalHeaderKey(name)] {
				value = redacted
			}
			pairs = append(pairs, NameValue{Name: traceText(name), Value: traceText(value)})
		}
	}
	slices.SortStableFunc(pairs, func(a, b NameValue) int { return cmp.Compare(a.Name, b.Name) })
	return pairs
}

// requestBody reads the body of a request: the original on the server's side, a copy on the client's.
func (s *traceSettings) requestBody(req *http.Request) (string, error) {
	if req.RequestURI != "" {
		return s.body(&req.Body, req.Header)
	}
	if req.GetBody == nil || s.maxBody == 0 {
		return "", nil
	}
	body, err := req.GetBody()
	if err != nil || body == nil {
		return "", err
	}
	defer body.Close()
	content := body
	return s.body(&content, req.Header)
}

// isStream reports whether reading a response's body may block for the whole life of the connection.
func isStream(resp *http.Response) bool {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return true
	}
	if _, ok := resp.Body.(io.Writer); ok {
		return true
	}
	mediaType, _, _ := strings.Cut(strings.ToLower(resp.Header.Get("Content-Type")), ";")
	switch strings.TrimSpace(mediaType) {
	case "text/event-stream", "multipart/x-mixed-replace", "application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonlines", "application/json-seq", "application/stream+json":
		return true
	}
	return strings.HasPrefix(mediaType, "application/grpc")
}

// body reads and restores a body.
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

// restoredBody is a body that was read in part.
type restoredBody struct {
	io.Reader
	io.Closer
}

type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }
