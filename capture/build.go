package capture

import (
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo"
)

// outcome is what becomes of a record.
type outcome int

const (
	usable outcome = iota
	blocked
	unusable
)

// build makes the masked trace of a record.
func (r *Recorder) build(x *record, config *instanceConfig) (*metlo.Trace, outcome) {
	host := config.host(r.hostOf(x))
	if config.blocks(host, x.path) {
		return nil, blocked
	}
	req := &http.Request{
		Method: x.method, URL: &url.URL{Scheme: x.scheme, Path: x.path, RawPath: x.rawPath, RawQuery: x.query}, Header: headerOf(x.requestHeaders),
	}
	resp := &http.Response{StatusCode: x.status, Header: headerOf(x.responseHeaders)}
	trace, err := metlo.TraceFromHTTP(req, resp, metlo.WithoutTraceRedaction(), metlo.WithTraceHost(host), metlo.WithTraceMeta(r.metaOf(x)))
	if err != nil {
		return nil, unusable
	}
	trace.Request.Body = r.bodyText(x.in, x.inTotal, req.Header)
	if x.method != http.MethodHead {
		if headerValue(resp.Header, "Content-Type") == "" && headerValue(resp.Header, "Content-Encoding") == "" && len(x.out) > 0 {
			// net/http's server sniffs too, and the handler's headers do not show it.
			sniffed := http.DetectContentType(x.out)
			resp.Header.Set("Content-Type", sniffed)
			trace.Response.Headers = append(trace.Response.Headers, metlo.NameValue{Name: "Content-Type", Value: sniffed})
		}
		trace.Response.Body = r.bodyText(x.out, x.outTotal, resp.Header)
	}
	r.masker.head(trace, x.route)
	config.authenticate(trace, req)
	return trace, usable
}

func headerOf(pairs []metlo.NameValue) http.Header {
	h := make(http.Header, len(pairs))
	for _, pair := range pairs {
		h[pair.Name] = append(h[pair.Name], pair.Value)
	}
	return h
}

func (r *Recorder) hostOf(x *record) string {
	switch {
	case x.served && r.settings.host != "":
		return r.settings.host
	case x.host != "":
		return strings.ToLower(x.host)
	case x.urlHost != "":
		return strings.ToLower(x.urlHost)
	}
	return x.local // HTTP/1.0 has no Host
}

func (r *Recorder) metaOf(x *record) metlo.TraceMeta {
	meta := metlo.TraceMeta{Incoming: x.served, Environment: strings.ToValidUTF8(r.settings.environment, "\uFFFD")}
	if host, port, err := net.SplitHostPort(x.remote); err == nil {
		meta.Source, meta.SourcePort = plainText(host), port
	}
	if host, port, err := net.SplitHostPort(x.local); err == nil {
		meta.Destination, meta.DestinationPort = host, port
	}
	if !x.served {
		meta.Destination, meta.DestinationPort = destination(x)
	}
	if x.served && len(r.settings.proxies) > 0 {
		meta.OriginalSource = r.originalSource(meta.Source, x.requestHeaders)
	}
	return meta
}

func plainText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func destination(x *record) (host, port string) {
	if host, port, err := net.SplitHostPort(x.urlHost); err == nil {
		return plainText(host), plainText(port)
	}
	return plainText(x.urlHost), map[string]string{"http": "80", "https": "443"}[x.scheme]
}

// originalSource is the last address of X-Forwarded-For that is no trusted proxy's, if a trusted proxy sent it.
func (r *Recorder) originalSource(source string, headers []metlo.NameValue) string {
	if !r.trusted(source) {
		return ""
	}
	var hops []string
	for _, header := range headers {
		if strings.EqualFold(header.Name, "X-Forwarded-For") {
			hops = append(hops, strings.Split(header.Value, ",")...)
		}
	}
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if host, _, err := net.SplitHostPort(hop); err == nil {
			hop = host
		}
		addr, err := netip.ParseAddr(strings.Trim(hop, "[]"))
		if err != nil {
			return ""
		}
		if !r.trusted(addr.String()) {
			return addr.Unmap().String()
		}
	}
	return ""
}

func (r *Recorder) trusted(address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, prefix := range r.settings.proxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// bodyText is what is sent of a body: decoded, masked and short enough; empty if it is no text.
func (r *Recorder) bodyText(data []byte, total int64, h http.Header) string {
	if len(data) == 0 || r.settings.bodyLimit == 0 {
		return ""
	}
	contentType := headerValue(h, "Content-Type")
	decoded, cut, ok := decodeContent(data, headerValue(h, "Content-Encoding"), r.settings.copyLimit)
	if kind := kindOf(contentType); !ok || kind == kindBinary || kind == kindStream {
		return ""
	}
	limit := 0
	if cut || int64(len(data)) < total || len(decoded) > r.settings.bodyLimit {
		limit = r.settings.bodyLimit
	}
	if kind := kindOf(contentType); kind != kindMultipart && kind != kindJSON && limit == 0 && !isText(decoded) {
		return ""
	}
	text, ok := r.masker.content(decoded, contentType, limit)
	if !ok || len(text) > 2*r.settings.bodyLimit || !isText([]byte(text)) {
		return ""
	}
	return text
}

// isText reports whether the server's database takes a body.
func isText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }
