package capture

import (
	"bytes"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// valueBuilder builds the traces of a recorder with WithValues. Programs without that option do not link this code.
type valueBuilder struct {
	*Recorder

	masker *masker
}

// traceBuilder returns the trace of a record under the name of its host.
type traceBuilder interface {
	build(x *record, host string, config *instanceConfig) (*metlo.Trace, outcome)
}

// newValueBuilder returns the builder and the sink of a recorder with WithValues.
func newValueBuilder(r *Recorder) (traceBuilder, sink) {
	m := newMasker(r.settings.mask)
	m.cache = map[string]bool{}
	return &valueBuilder{r, m}, valuesSink{r.client}
}

// build returns the masked trace of a record.
func (b *valueBuilder) build(x *record, host string, config *instanceConfig) (*metlo.Trace, outcome) {
	req := &http.Request{
		Method: x.method, URL: &url.URL{Scheme: x.scheme, Path: x.path, RawPath: x.rawPath, RawQuery: x.query}, Header: headerOf(x.requestHeaders),
	}
	resp := &http.Response{StatusCode: x.status, Header: headerOf(x.responseHeaders)}
	trace, err := metlo.TraceFromHTTP(req, resp, metlo.WithoutTraceRedaction(), metlo.WithTraceHost(host), metlo.WithTraceMeta(b.metaOf(x, host)))
	if err != nil {
		return nil, unusable
	}
	trace.Request.Body = b.bodyText(x.in, x.inTotal, req.Header)
	if x.method != http.MethodHead {
		if headerValue(resp.Header, "Content-Type") == "" && headerValue(resp.Header, "Content-Encoding") == "" && len(x.out) > 0 {
			// net/http's server detects the type too, and does not add it to the handler's headers.
			sniffed := http.DetectContentType(x.out)
			resp.Header.Set("Content-Type", sniffed)
			trace.Response.Headers = append(trace.Response.Headers, metlo.NameValue{Name: "Content-Type", Value: sniffed})
		}
		trace.Response.Body = b.bodyText(x.out, x.outTotal, resp.Header)
	}
	b.masker.head(trace, x.route)
	config.authenticate(trace, req)
	return trace, usable
}

func headerOf(pairs []analysis.Pair) http.Header {
	h := make(http.Header, len(pairs))
	for _, pair := range pairs {
		h[pair.Name] = append(h[pair.Name], pair.Value)
	}
	return h
}

// bodyText returns the decoded, masked and shortened body, or "" if it is not sent.
func (b *valueBuilder) bodyText(data []byte, total int64, h http.Header) string {
	if len(data) == 0 || b.settings.bodyLimit == 0 {
		return ""
	}
	contentType := headerValue(h, "Content-Type")
	decoded, cut, ok := decodeContent(data, headerValue(h, "Content-Encoding"), b.settings.copyLimit)
	if kind := kindOf(contentType); !ok || kind == kindBinary || kind == kindStream {
		return ""
	}
	limit := 0
	if cut || int64(len(data)) < total || len(decoded) > b.settings.bodyLimit {
		limit = b.settings.bodyLimit
	}
	text, ok := b.masker.content(decoded, contentType, limit)
	if !ok || len(text) > 2*b.settings.bodyLimit || !isText([]byte(text)) {
		return ""
	}
	return text
}

// isText reports whether the server's database accepts a body: UTF-8 without NUL.
func isText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }
