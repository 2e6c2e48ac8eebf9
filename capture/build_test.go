package capture

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

func deflated(text string, raw bool) string {
	var b bytes.Buffer
	var w io.WriteCloser = zlib.NewWriter(&b)
	if raw {
		w, _ = flate.NewWriter(&b, flate.BestSpeed)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// respond records a response with the headers and the body.
func respond(t *testing.T, header http.Header, body string, opts ...Option) metlo.Trace {
	t.Helper()
	var c collector
	r := recorderFor(t, &c, opts...)
	r.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		_, _ = io.WriteString(w, body)
	})).ServeHTTP(discardWriter{http.Header{}}, httptest.NewRequest(http.MethodGet, "/a", http.NoBody))
	traces := finish(t, r, &c)
	require.Len(t, traces, 1)
	return traces[0]
}

func TestBodies(t *testing.T) {
	text := strings.Repeat("text ", 20)
	json := `{"a":"` + strings.Repeat("b", 100) + `"}`
	for name, row := range map[string]struct {
		contentType, encoding, body, want string
		opts                              []Option
	}{
		"text stays home":              {contentType: "text/plain", body: text},
		"JSON":                         {contentType: "application/json", body: json, want: json},
		"longer JSON":                  {contentType: "application/json", body: json, want: `{}`, opts: []Option{WithBodyLimit(64)}},
		"no bodies":                    {contentType: "application/json", body: json, opts: []Option{WithBodyLimit(0)}},
		"gzip":                         {contentType: "application/json", encoding: "gzip", body: compressed(json), want: json},
		"GZIP":                         {contentType: "application/json", encoding: "GZIP", body: compressed(json), want: json},
		"deflate":                      {contentType: "application/json", encoding: "deflate", body: deflated(json, false), want: json},
		"deflate as some understand":   {contentType: "application/json", encoding: "deflate", body: deflated(json, true), want: json},
		"identity":                     {contentType: "application/json", encoding: "identity", body: json, want: json},
		"Brotli":                       {contentType: "text/plain", encoding: "br", body: text},
		"gzip that is none":            {contentType: "text/plain", encoding: "gzip", body: text},
		"gzip that is cut":             {contentType: "text/plain", encoding: "gzip", body: compressed(text)[:20]},
		"a bomb":                       {contentType: "text/plain", encoding: "gzip", body: compressed(strings.Repeat("x", 10<<20))},
		"an image":                     {contentType: "image/png", body: "\x89PNG"},
		"bytes called text":            {contentType: "text/plain", body: "\xff\x00"},
		"bytes without a type":         {body: "\x00\x01\x02"},
		"a stream of events":           {contentType: "text/event-stream", body: "data: x\n\n"},
		"a charset that is no Unicode": {contentType: "text/plain; charset=iso-8859-1", body: "caf\xe9"},
		"JSON with a stray byte":       {contentType: "application/json", body: "{\"a\":\"caf\xe9\"}", want: "{\"a\":\"caf\uFFFD\"}"},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			if row.contentType != "" {
				header.Set("Content-Type", row.contentType)
			}
			if row.encoding != "" {
				header.Set("Content-Encoding", row.encoding)
			}
			assert.Equal(t, row.want, respond(t, header, row.body, row.opts...).Response.Body)
		})
	}
}

func TestATypeThatTheServerSniffsIsShown(t *testing.T) {
	assert.Equal(t, "text/html; charset=utf-8", headersOf(respond(t, nil, "<html></html>").Response.Headers)["Content-Type"])
	assert.NotContains(t, headersOf(respond(t, nil, "").Response.Headers), "Content-Type")
	assert.Equal(t, "text/csv", headersOf(respond(t, http.Header{"Content-Type": {"text/csv"}}, "a").Response.Headers)["Content-Type"])
}

func TestBodiesThatWereNotReadToTheirEnd(t *testing.T) {
	long := `{"a":1,"b":"` + strings.Repeat("x", 5000) + `"}`
	for name, row := range map[string]struct {
		contentType, want string
		chunked           bool
	}{
		"JSON":         {"application/json", `{"a":1}`, false},
		"chunked JSON": {"application/json", `{"a":1}`, true},
		"text":         {"text/plain", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c)
			body := long
			if row.want == "" {
				body = strings.Repeat("text ", 1000)
			}
			req := httptest.NewRequest(http.MethodPost, "/a", strings.NewReader(body))
			req.Header.Set("Content-Type", row.contentType)
			if row.chunked {
				req.ContentLength = -1
			}
			r.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadFull(r.Body, make([]byte, 100))
			})).ServeHTTP(httptest.NewRecorder(), req)
			traces := finish(t, r, &c)
			require.Len(t, traces, 1)
			assert.Equal(t, row.want, traces[0].Request.Body)
		})
	}
}

func TestAddressesBehindProxies(t *testing.T) {
	for name, row := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"no proxy":                  {"203.0.113.7:5000", []string{"192.0.2.1"}, ""},
		"a proxy":                   {"10.1.2.3:5000", []string{"192.0.2.1"}, "192.0.2.1"},
		"two proxies":               {"10.1.2.3:5000", []string{"192.0.2.1, 10.9.9.9"}, "192.0.2.1"},
		"what the client made up":   {"10.1.2.3:5000", []string{"1.1.1.1, 192.0.2.1"}, "192.0.2.1"},
		"several headers":           {"10.1.2.3:5000", []string{"1.1.1.1", "192.0.2.1"}, "192.0.2.1"},
		"with a port":               {"10.1.2.3:5000", []string{"192.0.2.1:81"}, "192.0.2.1"},
		"IPv6":                      {"[fd00::1]:5000", []string{"[2001:db8::1]:81"}, "2001:db8::1"},
		"a unix socket":             {"@", []string{"192.0.2.1"}, "192.0.2.1"},
		"a unix socket with a name": {"/run/client.sock", []string{"1.1.1.1, 192.0.2.1"}, "192.0.2.1"},
		"an address without a port": {"203.0.113.7", []string{"192.0.2.1"}, ""},
		"no address":                {"10.1.2.3:5000", []string{"unknown"}, ""},
		"none":                      {"10.1.2.3:5000", nil, ""},
		"a header that is too long": {"10.1.2.3:5000", []string{strings.Repeat(" ", maxHeaderCopy-30) + "1.1.1.1", "192.0.2.1"}, ""},
		"an address of IPv4 in six": {"[::ffff:10.1.2.3]:5000", []string{"192.0.2.1"}, "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			r := recorderFor(t, &c, WithClientAddress(), WithTrustedProxies("10.0.0.0/8", "fd00::1"))
			req := httptest.NewRequest(http.MethodGet, "/a", http.NoBody)
			req.RemoteAddr = row.remote
			req.Header["X-Forwarded-For"] = row.forwarded
			r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), req)
			traces := finish(t, r, &c)
			require.Len(t, traces, 1)
			assert.Equal(t, row.want, traces[0].Meta.OriginalSource)
		})
	}
}
