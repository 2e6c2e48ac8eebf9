package capture

import (
	"bytes"
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// analyze returns what is sent of a record without its values.
func (s *sender) analyze(x *record, host string) (*metlo.AnalyzedTrace, outcome) {
	e := &analysis.Exchange{
		Host: host, Method: cmp.Or(x.method, http.MethodGet), Path: escapedPath(x), Route: x.route, Query: analysis.ParseQuery(x.query),
		RequestHeaders: x.requestHeaders, ResponseHeaders: x.responseHeaders, Status: x.status,
	}
	e.Request = s.bodyOf(x.in, x.inTotal, e.RequestHeaders)
	e.Response.ContentType = pairValue(e.ResponseHeaders, "Content-Type")
	if x.method != http.MethodHead {
		e.Response = s.bodyOf(x.out, x.outTotal, e.ResponseHeaders)
		if e.Response.ContentType == "" && len(x.out) > 0 && pairValue(e.ResponseHeaders, "Content-Encoding") == "" {
			// net/http's server sniffs too, and the handler's headers do not show it.
			e.Response.ContentType = http.DetectContentType(x.out)
			e.ResponseHeaders = append(e.ResponseHeaders, analysis.Pair{Name: "Content-Type", Value: e.Response.ContentType})
		}
	}
	trace, outcome := s.analyzer.trace(e)
	if outcome != usable {
		return nil, outcome
	}
	trace.Meta = s.metaOf(x, host)
	trace.Session.User = x.user
	return trace, usable
}

func escapedPath(x *record) string {
	u := url.URL{Path: x.path, RawPath: x.rawPath}
	return u.EscapedPath()
}

// bodyOf returns what was copied of a body, decoded.
func (r *Recorder) bodyOf(data []byte, total int64, headers []analysis.Pair) analysis.Body {
	b := analysis.Body{ContentType: pairValue(headers, "Content-Type")}
	decoded, cut, ok := decodeContent(data, pairValue(headers, "Content-Encoding"), r.settings.copyLimit)
	if kind := kindOf(b.ContentType); !ok || kind == kindBinary || kind == kindStream {
		return b
	}
	b.Data, b.Cut = decoded, cut || int64(len(data)) < total
	return b
}

// build makes the masked trace of a record.
func (s *sender) build(x *record, host string) (*metlo.Trace, outcome) {
	if s.analyzer.config.blocks(host, x.path) {
		return nil, blocked
	}
	req := &http.Request{
		Method: x.method, URL: &url.URL{Scheme: x.scheme, Path: x.path, RawPath: x.rawPath, RawQuery: x.query}, Header: headerOf(x.requestHeaders),
	}
	resp := &http.Response{StatusCode: x.status, Header: headerOf(x.responseHeaders)}
	trace, err := metlo.TraceFromHTTP(req, resp, metlo.WithoutTraceRedaction(), metlo.WithTraceHost(host), metlo.WithTraceMeta(s.metaOf(x, host)))
	if err != nil {
		return nil, unusable
	}
	trace.Request.Body = s.bodyText(x.in, x.inTotal, req.Header)
	if x.method != http.MethodHead {
		if headerValue(resp.Header, "Content-Type") == "" && headerValue(resp.Header, "Content-Encoding") == "" && len(x.out) > 0 {
			// net/http's server sniffs too, and the handler's headers do not show it.
			sniffed := http.DetectContentType(x.out)
			resp.Header.Set("Content-Type", sniffed)
			trace.Response.Headers = append(trace.Response.Headers, metlo.NameValue{Name: "Content-Type", Value: sniffed})
		}
		trace.Response.Body = s.bodyText(x.out, x.outTotal, resp.Header)
	}
	s.masker.head(trace, x.route)
	s.analyzer.config.authenticate(trace, req)
	return trace, usable
}

func headerOf(pairs []analysis.Pair) http.Header {
	h := make(http.Header, len(pairs))
	for _, pair := range pairs {
		h[pair.Name] = append(h[pair.Name], pair.Value)
	}
	return h
}

// hostOf returns the name under which the traffic of a record is sent, and whether it is recorded.
func (r *Recorder) hostOf(x *record, config *instanceConfig) (host string, ok bool) {
	if x.host == "" && x.served {
		return cmp.Or(r.settings.firstHost, cleanHost(x.local)), true // HTTP/1.0 has no Host
	}
	return r.settings.hosts.find(cmp.Or(x.host, x.urlHost), config)
}

func (r *Recorder) metaOf(x *record, host string) metlo.TraceMeta {
	meta := metlo.TraceMeta{Incoming: x.served, Environment: strings.ToValidUTF8(r.settings.environment, "\uFFFD")}
	if r.settings.clientAddress {
		meta.Source, meta.SourcePort = addressOf(x.remote)
		if x.served && len(r.settings.proxies) > 0 {
			meta.OriginalSource = r.originalSource(meta.Source, x.requestHeaders)
		}
	}
	if x.served {
		meta.Destination, meta.DestinationPort = addressOf(x.local)
	} else if meta.Destination, meta.DestinationPort = addressOf(host); meta.Destination == "" {
		meta.Destination, meta.DestinationPort = host, map[string]string{"http": "80", "https": "443"}[x.scheme]
	}
	return meta
}

// addressOf splits an address. That of a unix socket has no port.
func addressOf(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", ""
	}
	return plainText(host), port
}

func plainText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// originalSource is the last address of X-Forwarded-For that is no trusted proxy's, if a trusted proxy sent it.
func (r *Recorder) originalSource(source string, headers []analysis.Pair) string {
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

// bodyText returns what is sent of a body: decoded, masked and short enough; empty if it stays home.
func (s *sender) bodyText(data []byte, total int64, h http.Header) string {
	if len(data) == 0 || s.settings.bodyLimit == 0 {
		return ""
	}
	contentType := headerValue(h, "Content-Type")
	decoded, cut, ok := decodeContent(data, headerValue(h, "Content-Encoding"), s.settings.copyLimit)
	if kind := kindOf(contentType); !ok || kind == kindBinary || kind == kindStream {
		return ""
	}
	limit := 0
	if cut || int64(len(data)) < total || len(decoded) > s.settings.bodyLimit {
		limit = s.settings.bodyLimit
	}
	text, ok := s.masker.content(decoded, contentType, limit)
	if !ok || len(text) > 2*s.settings.bodyLimit || !isText([]byte(text)) {
		return ""
	}
	return text
}

// isText reports whether the server's database takes a body.
func isText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }
