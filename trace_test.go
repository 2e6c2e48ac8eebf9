package metlo_test

import (
	"encoding/json"
	"net/http"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// TestTracesAreMadeAcceptable compares the changes of all functions that create or send a trace.
func TestTracesAreMadeAcceptable(t *testing.T) {
	jwt := "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqYW5lIn0.c2ln"
	for name, row := range map[string]struct {
		path, header, value string
		wantPath, want      string
	}{
		"a plain path":                         {path: "/a/b"},
		"one that ends with a slash":           {path: "/a/b/"},
		"one repeated slash":                   {path: "/a//b"},
		"the root":                             {path: "/"},
		"three empty elements":                 {path: "/a//b/", wantPath: "/a/b/"},
		"only slashes":                         {path: "///", wantPath: "/"},
		"two slashes":                          {path: "//", wantPath: "/"},
		"many slashes":                         {path: "//a///b////c", wantPath: "/a/b/c"},
		"two repeated slashes":                 {path: "/a//b//c", wantPath: "/a/b/c"},
		"Basic":                                {header: "Authorization", value: "Basic dTpw"},
		"basic":                                {header: "Authorization", value: "basic dTpw", want: "Basic dTpw"},
		"BASIC in a lower-case header":         {header: "authorization", value: "BASIC dTpw", want: "Basic dTpw"},
		"basic alone":                          {header: "Authorization", value: "basic", want: "Basic"},
		"basic within a token":                 {header: "Authorization", value: "Bearer abasicb", want: "[redacted]"},
		"basic in another header":              {header: "X-Plan", value: "basic"},
		"a JWT":                                {header: "Authorization", value: "Bearer " + jwt},
		"a JWT in a header of its own":         {header: "X-Token", value: jwt},
		"a token with a dot":                   {header: "Authorization", value: "Bearer v1.opaque.x", want: "Bearer v1_opaque_x"},
		"a token whose second part is text":    {header: "X-Auth-Token", value: "a.aGVsbG8.b", want: "a_aGVsbG8_b"},
		"a token whose second part is nothing": {header: "X-Auth-Token", value: "a..b"},
		"a token whose second part is a list":  {header: "X-Auth-Token", value: "a.WzFd.b"},
		"dots that are no token":               {header: "User-Agent", value: "curl/8.1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			if row.path == "" {
				row.path = "/"
			}
			if row.wantPath == "" {
				row.wantPath = row.path
			}
			if row.want == "" {
				row.want = row.value
			}
			given := traceOf(row.path, 0)
			given.Request.Headers = []metlo.NameValue{{Name: row.header, Value: row.value}}
			client, server := scriptedClient(t, always(http.StatusOK, "OK"))
			require.NoError(t, client.Collector.Log(t.Context(), given))
			require.NoError(t, client.Collector.LogBatch(t.Context(), []*metlo.Trace{given}))
			assert.Equal(t, row.path, given.Request.URL.Path, "the caller's trace stays as it was")
			assert.Equal(t, row.value, given.Request.Headers[0].Value)

			req, resp := requestAndResponse(t, "GET", "https://a.example.com"+row.path, "", "")
			if row.header != "" {
				req.Header = http.Header{row.header: {row.value}}
			}
			made, err := metlo.TraceFromHTTP(req, resp, metlo.WithoutTraceRedaction())
			require.NoError(t, err)
			var single metlo.Trace
			var batch []metlo.Trace
			require.NoError(t, json.Unmarshal([]byte(server.sent[0].Body), &single))
			require.NoError(t, json.Unmarshal([]byte(server.sent[1].Body), &batch))
			for _, trace := range []metlo.Trace{single, batch[0], *made} {
				assert.Equal(t, row.wantPath, trace.Request.URL.Path)
				if row.header != "" {
					assert.Equal(t, row.want, trace.Request.Headers[0].Value)
				}
			}
		})
	}
}

// TestAStoredTraceIsWhatTheCollectorTakes sends a trace that was stored as JSON by either version of the package.
func TestAStoredTraceIsWhatTheCollectorTakes(t *testing.T) {
	bare := &metlo.Trace{
		Request:  metlo.TraceRequest{URL: metlo.TraceURL{Host: "shop.example.com", Path: "/"}, Method: metlo.MethodGet},
		Response: metlo.TraceResponse{Status: 200},
	}
	full := recordedTrace()
	full.Request.Method = metlo.MethodPost
	full.Meta.OriginalSource = "192.0.2.1"
	for name, trace := range map[string]*metlo.Trace{"bare": bare, "full": full} {
		t.Run(name, func(t *testing.T) {
			client, server := scriptedClient(t, always(http.StatusOK, "OK"))
			require.NoError(t, client.Collector.Log(t.Context(), trace))
			v1, err := json.Marshal(trace)
			require.NoError(t, err)
			v2, err := jsonv2.Marshal(trace)
			require.NoError(t, err)
			for _, stored := range [][]byte{v1, v2} {
				var restored metlo.Trace
				require.NoError(t, json.Unmarshal(stored, &restored))
				require.NoError(t, client.Collector.Log(t.Context(), &restored))
				assert.Equal(t, server.sent[0].Body, server.sent[len(server.sent)-1].Body, "nothing is lost on the way")
			}
		})
	}
}
