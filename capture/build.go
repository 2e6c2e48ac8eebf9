package capture

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// analyze returns the trace of a record without its values.
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
			// net/http's server detects the type too, and does not add it to the handler's headers.
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

// escapedPath returns the path with its escapes, which the patterns of the instance match.
func escapedPath(x *record) string {
	u := url.URL{Path: x.path, RawPath: x.rawPath}
	return analysis.EscapePath(u.EscapedPath())
}

// bodyOf decodes the copied part of a body.
func (r *Recorder) bodyOf(data []byte, total int64, headers []analysis.Pair) analysis.Body {
	b := analysis.Body{ContentType: pairValue(headers, "Content-Type")}
	decoded, cut, ok := decodeContent(data, pairValue(headers, "Content-Encoding"), r.settings.copyLimit)
	if kind := kindOf(b.ContentType); !ok || kind == kindBinary || kind == kindStream {
		return b
	}
	b.Data, b.Cut = decoded, cut || int64(len(data)) < total
	return b
}

// hostOf returns the host name of the record's trace, and whether the host is recorded.
func (r *Recorder) hostOf(x *record, config *instanceConfig) (host string, ok bool) {
	if x.host == "" && x.served {
		return cmp.Or(r.settings.firstHost, NormalizeHost(x.local)), true // HTTP/1.0 has no Host
	}
	return r.settings.hosts.find(cmp.Or(x.host, x.urlHost), config)
}

func (r *Recorder) metaOf(x *record, host string) metlo.TraceMeta {
	meta := metlo.TraceMeta{Incoming: x.served, Environment: strings.ToValidUTF8(r.settings.environment, "\uFFFD")}
	if r.settings.clientAddress {
		meta.Source, meta.SourcePort = addressOf(x.remote)
		if x.served && r.settings.proxies != nil {
			meta.OriginalSource = r.settings.proxies.originalSource(x.remote, x.requestHeaders)
		}
	}
	if x.served {
		meta.Destination, meta.DestinationPort = addressOf(x.local)
	} else if meta.Destination, meta.DestinationPort = addressOf(host); meta.Destination == "" {
		meta.Destination, meta.DestinationPort = host, map[string]string{"http": "80", "https": "443"}[x.scheme]
	}
	return meta
}

// addressOf splits an address into host and port. Both are empty for the address of a unix socket.
func addressOf(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", ""
	}
	return plainText(host), port
}

func plainText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
