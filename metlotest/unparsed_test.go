package metlotest_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRequestsThatGoDoesNotSend has what a real server answers to them.
func TestRequestsThatGoDoesNotSend(t *testing.T) {
	w := start(t)
	const (
		head    = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		chunked = "PUT /api/v1/alerts" + head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	)
	for _, test := range []struct {
		name, request string
		status        int
		body          string // a part of it; "" is none at all
	}{
		{"a broken escape in a parameter", "GET /api/v1/endpoint/%zz" + head + "\r\n", 400, "<pre>URIError: Failed to decode param &#39;%zz&#39;<br>"},
		{"with a body", "PUT /api/v1/alert/%zz" + head + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 400, "param &#39;%zz&#39;<br>"},
		{"by a method that the route has not", "PUT /api/v1/endpoint/%zz" + head + "\r\n", 400, "param &#39;%zz&#39;<br>"},
		{"two broken escapes in a row", "GET /api/v1/endpoint/%%zz" + head + "\r\n", 400, "param &#39;%%zz&#39;<br>"},
		{"one within another", "GET /api/v1/endpoint/%a%zz" + head + "\r\n", 400, "param &#39;%a%zz&#39;<br>"},
		{"a version that there is not", "GET /api/v1 HTTP/3.0\r\nHost: x\r\n\r\n", 400, ""},
		{"an encoding that there is not", "PUT /api/v1/alerts" + head + "Transfer-Encoding: foo\r\n\r\n", 400, ""},
		{"a header that is too long", "GET /api/v1" + head + "X: " + strings.Repeat("a", 2<<20) + "\r\n\r\n", 431, ""},
		{"at the end", "GET /api/v1/spec/%E0%A4%A" + head + "\r\n", 400, "param &#39;%E0%A4%A&#39;<br>"},
		{"bytes that are no UTF-8", "GET /api/v1/spec/%ff" + head + "\r\n", 400, "param &#39;%ff&#39;<br>"},
		{"a broken escape elsewhere", "GET /api/v1/%zz" + head + "\r\n", 404, "<pre>Cannot GET /api/v1/%25zz</pre>"},
		{"a broken escape in the query", "GET /api/v1/alerts?uuid=%zz" + head + "\r\n", 400, `"message":"uuid: Invalid uuid"`},
		{"a broken escape and a bad header", "GET /api/v1/endpoint/%zz" + head + "Bad Header: x\r\n\r\n", 400, ""},
		{"an unknown method", "FETCH /api/v1/alerts" + head + "\r\n", 400, ""},
		{"a method in lower case", "get /api/v1/alerts" + head + "\r\n", 400, ""},
		{"a method that Node knows", "QUERY /api/v1/specs" + head + "\r\n", 404, "<pre>Cannot QUERY /api/v1/specs</pre>"},
		{"bytes outside ASCII", "GET /api/v1/spec/\xc3\xbc" + head + "\r\n", 400, ""},
		{"a bad header", "GET /api/v1" + head + "Bad Header: x\r\n\r\n", 400, ""},
		{"chunks", chunked + "2\r\n{}\r\n0\r\n\r\n", 400, `"message":"updateType: Required"`},
		{"broken chunks", chunked + "zz\r\n{}\r\n0\r\n\r\n", 400, ""},
		{"a length that is none", "PUT /api/v1/alerts" + head + "Content-Length: x\r\n\r\n{}", 400, ""},
		{"two slashes", "GET //api/v1/alerts" + head + "\r\n", 404, "<pre>Cannot GET //api/v1/alerts</pre>"},
		{"dots", "GET /api/v1/x/../specs" + head + "\r\n", 404, "<pre>Cannot GET /api/v1/x/../specs</pre>"},
		{"a slash at the end", "GET /api/v1/specs/" + head + "\r\n", 200, "[]"},
		{"an upload without anything", "POST /api/v1/spec/new" + head + "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 0\r\n\r\n", 500, "Unexpected end of form"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, body := sendText(t, strings.TrimPrefix(w.srv.URL, "http://"), test.request)
			assert.Equal(t, test.status, res.StatusCode, body)
			if test.body == "" {
				assert.Empty(t, body)
			}
			assert.Contains(t, body, test.body)
		})
	}
	paths := []string{}
	for _, r := range w.srv.Requests() {
		paths = append(paths, r.URI)
	}
	assert.Contains(t, paths, "/api/v1/endpoint/%zz")
}

// TestAClientThatHangsUpIsReadBeside has net/http read in the background while an answer is written.
func TestAClientThatHangsUpIsReadBeside(t *testing.T) {
	w := start(t, dataset(500))
	for range 20 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.srv.URL, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET /api/v1/endpoints?limit=500 HTTP/1.1\r\nHost: x\r\nAuthorization: "+w.srv.APIKey+"\r\n\r\nG")
		require.NoError(t, err)
		_, err = io.ReadFull(conn, make([]byte, 12))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

// sendText sends a text over a connection of its own.
func sendText(t *testing.T, address, text string) (*http.Response, string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(body)
}
