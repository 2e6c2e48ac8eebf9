package capture

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// compressed returns text in gzip.
func compressed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

type discardWriter struct{ header http.Header }

func (w discardWriter) Header() http.Header         { return w.header }
func (w discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w discardWriter) WriteHeader(int)             {}

func maskedBody(t testing.TB, contentType, body string, opts ...MaskOption) string {
	t.Helper()
	trace := &metlo.Trace{Request: metlo.TraceRequest{Headers: []metlo.NameValue{{Name: "Content-Type", Value: contentType}}, Body: body}}
	require.NoError(t, Mask(trace, opts...))
	return trace.Request.Body
}

func TestMaskOfBodies(t *testing.T) {
	for _, row := range []struct{ contentType, body, want string }{
		{"application/json", `{"password":"x","pin":1234,"active":true,"token":null}`, `{"password":"[redacted]","pin":0,"active":true,"token":null}`},
		{"application/json", `{"secret":{"a":[1,true,"x",""]}}`, `{"secret":{"a":[0,false,"[redacted]",""]}}`},
		{"application/json", `{"value":"x","name":"password"}`, `{"value":"[redacted]","name":"password"}`},
		{"application/json", `[{"op":"replace","path":"/user/pin","value":"x"}]`, `[{"op":"replace","path":"/user/pin","value":"[redacted]"}]`},
		{"application/json", `{"op":"add","path":"urn:x:User:password","value":{"a":"x"}}`, `{"op":"add","path":"urn:x:User:password","value":{"a":"[redacted]"}}`},
		{"application/json", `[["token","x"],["a","b"]]`, `[["token","[redacted]"],["a","b"]]`},
		{"application/json", `{"pass\u0077ord":"x"}`, `{"password":"[redacted]"}`},
		{"application/json", `{"text":"{\"password\":\"x\"}"}`, `{"text":"{\"password\":\"[redacted]\"}"}`},
		{"application/json", `{"note":"Bearer abc, and password=abc"}`, `{"note":"Bearer [redacted], and password=[redacted]"}`},
		{"application/json", `{"url":"https://u:p@h/x","jwt_like":"eyJhbGciOi.eyJzdWIi.c2ln"}`, `{"url":"[redacted]","jwt_like":"[redacted]"}`},
		{"application/json", `{"secretary":"Jane","passwordResetEmail":"a@example.com"}`, `{"secretary":"Jane","passwordResetEmail":"a@example.com"}`},
		{"application/json", `{"a":"\ud800"}`, "{\"a\":\"\uFFFD\"}"},
		{"application/json", `{"query":"query($pass: String) { login(pass: $pass) { ok } }"}`, `{"query":"query($pass: [redacted]) { login(pass: [redacted]) { ok } }"}`},
		{"application/json", `{"a":`, ""},
		{"", `{"password":"x"}`, `{"password":"[redacted]"}`},
		{"application/x-www-form-urlencoded", "user%5Bpin%5D=1&user.password=x&q=a+b&code=short", "user%5Bpin%5D=%5Bredacted%5D&user.password=%5Bredacted%5D&q=a+b&code=short"},
		{"application/x-www-form-urlencoded", "p%2561ssword=x", "p%2561ssword=%5Bredacted%5D"},
		{"text/plain", "password: x", ""},
		{"application/xml", `<a password="x"/>`, ""},
		{
			"multipart/form-data; boundary=b",
			"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n",
			"--b\r\nContent-Disposition: form-data; name=password\r\n\r\n[redacted]\r\n--b\r\nContent-Disposition: form-data; name=f\r\n\r\n\r\n--b--\r\n",
		},
		{"multipart/form-data", "--b\r\n\r\nx\r\n--b--\r\n", ""},
	} {
		got := maskedBody(t, row.contentType, row.body)
		assert.Equal(t, row.want, got, row.body)
		assert.Equal(t, got, maskedBody(t, row.contentType, got), "masking twice changes nothing more")
	}
}

func TestMaskOfHeadersAndURLs(t *testing.T) {
	trace := &metlo.Trace{
		Request: metlo.TraceRequest{
			URL: metlo.TraceURL{Path: "/reset/eyJhbGciOi.eyJzdWIi.c2ln/x", Parameters: []metlo.NameValue{{Name: "api_key", Value: "k"}, {Name: "q", Value: "v"}}},
			Headers: []metlo.NameValue{
				{Name: "Authorization", Value: "Basic abc"}, {Name: "Cookie", Value: "a=b; c"}, {Name: "X-Customer-Key", Value: "k"}, {Name: "Accept", Value: "a"},
			},
		},
		Response: metlo.TraceResponse{Headers: []metlo.NameValue{{Name: "Set-Cookie", Value: "sid=x; Path=/"}}},
	}
	require.NoError(t, Mask(trace))
	assert.Equal(t, "/reset/[redacted]/x", trace.Request.URL.Path)
	assert.Equal(t, map[string]string{"api_key": Redacted, "q": "v"}, headersOf(trace.Request.URL.Parameters))
	assert.Equal(t, map[string]string{"Authorization": Redacted, "Cookie": "a=[redacted]; [redacted]", "X-Customer-Key": Redacted, "Accept": "a"}, headersOf(trace.Request.Headers))
	assert.Equal(t, map[string]string{"Set-Cookie": "sid=[redacted]; Path=/"}, headersOf(trace.Response.Headers))
}

func TestMaskOptions(t *testing.T) {
	assert.Equal(t, `{"Customer-No":"[redacted]"}`, maskedBody(t, "application/json", `{"Customer-No":"7"}`, WithMaskedNames("customer_no")))
	byPrefix := WithMaskFunc(func(name string) bool { return strings.HasPrefix(name, "x_") })
	assert.Equal(t, `{"x_a":"[redacted]","a":"b"}`, maskedBody(t, "application/json", `{"x_a":"7","a":"b"}`, byPrefix))
	panics := WithMaskFunc(func(string) bool { panic("callback") })
	assert.Equal(t, `{"a":"[redacted]"}`, maskedBody(t, "application/json", `{"a":"b"}`, panics))
	assert.ErrorIs(t, Mask(nil), metlo.ErrInvalidArgument)
	assert.ErrorIs(t, Mask(&metlo.Trace{}, WithMaskedNames("")), metlo.ErrInvalidArgument)
}

func FuzzMask(f *testing.F) {
	for _, seed := range []string{`{"password":"x"}`, "a=b&password=x", "--b\r\nContent-Disposition: form-data; name=x\r\n\r\nx\r\n--b--\r\n", `[["token",1]]`} {
		f.Add("application/json", seed, 0)
		f.Add("application/x-www-form-urlencoded", seed, 10)
		f.Add("multipart/form-data; boundary=b", seed, 0)
	}
	f.Fuzz(func(t *testing.T, contentType, body string, limit int) {
		m := newMasker(maskSettings{})
		text, ok := m.content([]byte(body), contentType, max(limit, 0))
		if ok && isText([]byte(body)) {
			assert.True(t, isText([]byte(text)) || strings.Contains(body, "u0000"))
		}
	})
}
