package metlotest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

func TestEntityTags(t *testing.T) {
	srv := metlotest.New(t, metlotest.InMemory())
	// The tag of OK as Express has it.
	const ok = `W/"2-nOO9QiTIwXgNtWtBJezz8kv3SLc"`
	tests := []struct {
		name, method, path string
		header             http.Header
		status             int
		tag                string
	}{
		{"answer", "GET", "/api/v1", nil, 200, ok},
		{"same tag", "GET", "/api/v1", http.Header{"If-None-Match": {ok}}, 304, ok},
		{"strong tag", "GET", "/api/v1", http.Header{"If-None-Match": {strings.TrimPrefix(ok, "W/")}}, 304, ok},
		{"one of several", "GET", "/api/v1", http.Header{"If-None-Match": {`"x", ` + ok}}, 304, ok},
		{"any tag", "GET", "/api/v1", http.Header{"If-None-Match": {"*"}}, 304, ok},
		{"HEAD", "HEAD", "/api/v1", http.Header{"If-None-Match": {ok}}, 304, ok},
		{"other tag", "GET", "/api/v1", http.Header{"If-None-Match": {`W/"x"`}}, 200, ok},
		{"no cache", "GET", "/api/v1", http.Header{"If-None-Match": {ok}, "Cache-Control": {"no-cache"}}, 200, ok},
		{"error page", "GET", "/api/v1/nothing", nil, 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := sendRaw(t, srv, tt.method, srv.URL+tt.path, tt.header)
			assert.Equal(t, tt.status, res.StatusCode)
			assert.Equal(t, tt.tag, res.Header.Get("ETag"))
			assert.Equal(t, "timeout=5", res.Header.Get("Keep-Alive"))
			if tt.status == 304 {
				assert.Empty(t, res.Header.Get("Content-Type"))
			}
		})
	}
}

func TestRequestsThatTheParserRefuses(t *testing.T) {
	srv := metlotest.New(t, metlotest.InMemory())
	for _, method := range []string{"FETCH", "get"} {
		res := sendRaw(t, srv, method, srv.URL+"/api/v1/hosts", nil)
		assert.Equal(t, 400, res.StatusCode, method)
		assert.Zero(t, res.ContentLength)
	}
	assert.Equal(t, 404, sendRaw(t, srv, "PROPFIND", srv.URL+"/api/v1/hosts", nil).StatusCode)
}

func sendRaw(t *testing.T, srv *metlotest.Server, method, url string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	if header != nil {
		req.Header = header
	}
	res, err := srv.HTTPClient().Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res
}
