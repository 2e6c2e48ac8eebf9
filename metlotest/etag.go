package metlotest

import (
	"crypto/sha1" //nolint:gosec // the server's entity tags are SHA-1
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// tagLength is how much of the Base64 of a hash Express puts into an entity tag.
const tagLength = 27

// tag gives an answer the entity tag that Express computes, and empties it when the client has it already. Error
// pages, which do not come from a handler, have none.
func tag(r *http.Request, res backend.Response) backend.Response {
	if len(res.Body) == 0 || res.Header.Get("Content-Security-Policy") != "" {
		return res
	}
	sum := sha1.Sum(res.Body) //nolint:gosec // see above
	etag := `W/"` + strconv.FormatInt(int64(len(res.Body)), 16) + "-" + base64.StdEncoding.EncodeToString(sum[:])[:tagLength] + `"`
	res.Header = res.Header.Clone()
	if res.Header == nil {
		res.Header = http.Header{}
	}
	res.Header["ETag"] = []string{etag} // Express spells it so
	if fresh(r, res.Status, etag) {
		return backend.Response{Status: http.StatusNotModified, Header: res.Header}
	}
	return res
}

// fresh says whether the client has the answer already.
func fresh(r *http.Request, status int, etag string) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads || status < 200 || status >= 300 || strings.Contains(r.Header.Get("Cache-Control"), "no-cache") {
		return false
	}
	known := r.Header.Get("If-None-Match")
	if known == "*" {
		return true
	}
	weak := func(s string) string { return strings.TrimPrefix(strings.TrimSpace(s), "W/") }
	return slices.ContainsFunc(strings.Split(known, ","), func(s string) bool { return weak(s) == weak(etag) })
}

// refusedByParser says whether Node's parser refuses a request before any handler sees it.
func refusedByParser(r *http.Request) bool {
	for i := range len(r.RequestURI) {
		if r.RequestURI[i] >= 0x80 {
			return true
		}
	}
	return !slices.Contains(parsedMethods(), r.Method)
}

// parsedMethods are the ones that Node's parser knows.
func parsedMethods() []string {
	return []string{
		"DELETE", "GET", "HEAD", "POST", "PUT", "CONNECT", "OPTIONS", "TRACE", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND",
		"PROPPATCH", "SEARCH", "UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE",
		"M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PATCH", "PURGE", "MKCALENDAR", "LINK", "UNLINK", "SOURCE", "QUERY",
	}
}
