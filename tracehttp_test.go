package metlo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// requestAndResponse returns a request and its response, like those of a Go client.
func requestAndResponse(t *testing.T, method, target, requestBody, responseBody string) (*http.Request, *http.Response) {
	t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(requestBody))
	require.NoError(t, err)
	return req, &http.Response{StatusCode: 201, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(responseBody))}
}

func TestTraceFromHTTPOnTheClientsSide(t *testing.T) {
	req, resp := requestAndResponse(t, "POST", "https://Shop.example.com/carts/7?q=a+b&q=%26&flag", `{"email":"a@example.com"}`, `{"ok":true}`)
	req.Header.Set("Content-Type", "application/json")
	resp.Header.Add("Vary", "Accept")
	resp.Header.Add("Vary", "Origin")
	trace, err := metlo.TraceFromHTTP(req, resp)
	require.NoError(t, err)
	assert.Equal(t, &metlo.Trace{
		Request: metlo.TraceRequest{
			URL: metlo.TraceURL{Host: "shop.example.com", Path: "/carts/7", Parameters: []metlo.NameValue{
				{Name: "q", Value: "a b"}, {Name: "q", Value: "&"}, {Name: "flag"},
			}},
			Headers: []metlo.NameValue{{Name: "Content-Type", Value: "application/json"}},
			Body:    `{"email":"a@example.com"}`, Method: metlo.MethodPost,
		},
		Response: metlo.TraceResponse{
			Status: 201, Headers: []metlo.NameValue{{Name: "Vary", Value: "Accept"}, {Name: "Vary", Value: "Origin"}}, Body: `{"ok":true}`,
		},
		Meta: metlo.TraceMeta{Incoming: true, DestinationPort: "443"},
	}, trace)
}

func TestTraceFromHTTPOnTheServersSide(t *testing.T) {
	traces := make(chan *metlo.Trace, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace, err := metlo.TraceFromHTTP(r, &http.Response{StatusCode: http.StatusNoContent})
		body, readErr := io.ReadAll(r.Body)
		assert.NoError(t, errors.Join(err, readErr))
		assert.Equal(t, "name=x", string(body), "the handler still reads the body")
		traces <- trace
	}))
	defer server.Close()
	resp, err := http.Post(server.URL+"/users", "application/x-www-form-urlencoded", strings.NewReader("name=x"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	trace := <-traces
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	assert.Equal(t, address.Host, trace.Request.URL.Host)
	assert.Equal(t, "name=x", trace.Request.Body)
	assert.Equal(t, address.Hostname(), trace.Meta.Source)
	assert.NotEmpty(t, trace.Meta.SourcePort)
	assert.Equal(t, address.Hostname(), trace.Meta.Destination)
	assert.Equal(t, address.Port(), trace.Meta.DestinationPort)
	assert.Equal(t, http.StatusNoContent, trace.Response.Status)
}

func TestTraceFromHTTPPaths(t *testing.T) {
	for target, want := range map[string]string{
		"https://a.example.com":             "/",
		"https://a.example.com/":            "/",
		"https://a.example.com/a%2Fb/c":     "/a%2Fb/c",
		"https://a.example.com/a b/ü":       "/a%20b/%C3%BC",
		"https://a.example.com/a=1&b;c":     "/a%3D1%26b;c",
		`https://a.example.com/..\..\<b>`:   "/..%5C..%5C%3Cb%3E",
		"https://a.example.com/%3Fq%3D1":    "/%3Fq%3D1",
		"https://a.example.com/%FF%00":      "/%FF%00",
		"https://a.example.com/users/{id}":  "/users/%7Bid%7D",
		"https://a.example.com/a?path=/b/c": "/a",
	} {
		req, resp := requestAndResponse(t, "GET", target, "", "")
		trace, err := metlo.TraceFromHTTP(req, resp)
		require.NoError(t, err, target)
		assert.Equal(t, want, trace.Request.URL.Path, target)
	}
}

func TestTraceFromHTTPParameters(t *testing.T) {
	for query, want := range map[string][]metlo.NameValue{
		"":                    nil,
		"&&":                  nil,
		"b=1&a=2":             {{Name: "b", Value: "1"}, {Name: "a", Value: "2"}},
		"a=1;DROP TABLE x":    {{Name: "a", Value: "1;DROP TABLE x"}},
		"a=%zz&b=%":           {{Name: "a", Value: "%zz"}, {Name: "b", Value: "%"}},
		"a=b=c&=d":            {{Name: "a", Value: "b=c"}, {Value: "d"}},
		"a=%FF%00'":           {{Name: "a", Value: "\uFFFD\uFFFD'"}},
		"card=4111+1111+1111": {{Name: "card", Value: "4111 1111 1111"}},
	} {
		req, resp := requestAndResponse(t, "GET", "https://a.example.com/", "", "")
		req.URL.RawQuery = query
		trace, err := metlo.TraceFromHTTP(req, resp)
		require.NoError(t, err, query)
		assert.Equal(t, want, trace.Request.URL.Parameters, query)
	}
}

func TestTraceFromHTTPRedactsCredentials(t *testing.T) {
	for name, row := range map[string]struct {
		header, value string
		opts          []metlo.TraceOption
		want          string
	}{
		"a key":                    {"Authorization", "metlo.abcdefgh", nil, "[redacted]"},
		"basic":                    {"Authorization", "Basic dXNlcjpwYXNz", nil, "[redacted]"},
		"bearer in any case":       {"authorization", "bearer eyJhbGciOi", nil, "[redacted]"},
		"a scheme without a value": {"Authorization", "Basic", nil, "[redacted]"},
		"an unknown scheme":        {"Authorization", "Token abc", nil, "[redacted]"},
		"a proxy's":                {"Proxy-Authorization", "Digest username=x", nil, "[redacted]"},
		"a cookie":                 {"Cookie", "session=abc", nil, "[redacted]"},
		"a new cookie":             {"Set-Cookie", "session=abc; HttpOnly", nil, "[redacted]"},
		"a key in a header":        {"X-Api-Key", "abc", nil, "[redacted]"},
		"an odd spelling":          {"x-API-key", "abc", nil, "[redacted]"},
		"any other":                {"X-Session", "abc", nil, "abc"},
		"any other that was named": {"X-Session", "abc", []metlo.TraceOption{metlo.WithTraceRedaction("x-session")}, "[redacted]"},
		"a known one besides":      {"Cookie", "a=b", []metlo.TraceOption{metlo.WithTraceRedaction("x-session")}, "[redacted]"},
		"redaction turned off":     {"Cookie", "a=b", []metlo.TraceOption{metlo.WithoutTraceRedaction()}, "a=b"},
		"turned off but for one": {"X-Session", "abc", []metlo.TraceOption{metlo.WithoutTraceRedaction(), metlo.WithTraceRedaction("X-Session")},
			"[redacted]"},
		"no text": {"X-Bytes", "\xff\x00", nil, "\uFFFD\uFFFD"},
	} {
		t.Run(name, func(t *testing.T) {
			req, resp := requestAndResponse(t, "GET", "https://a.example.com/", "", "")
			req.Header = http.Header{row.header: {row.value}}
			resp.Header = http.Header{row.header: {row.value, row.value}}
			trace, err := metlo.TraceFromHTTP(req, resp, row.opts...)
			require.NoError(t, err)
			pair := metlo.NameValue{Name: row.header, Value: row.want}
			assert.Equal(t, []metlo.NameValue{pair}, trace.Request.Headers)
			assert.Equal(t, []metlo.NameValue{pair, pair}, trace.Response.Headers)
			assert.Equal(t, http.Header{row.header: {row.value}}, req.Header, "the request stays as it was")
		})
	}
}

func TestTraceFromHTTPBodies(t *testing.T) {
	for name, row := range map[string]struct {
		body     string
		encoding string
		opts     []metlo.TraceOption
		want     string
	}{
		"text":                       {body: "hällo", want: "hällo"},
		"none":                       {},
		"exactly the limit":          {body: "12345", opts: []metlo.TraceOption{metlo.WithTraceBodyLimit(5)}, want: "12345"},
		"over the limit":             {body: "123456", opts: []metlo.TraceOption{metlo.WithTraceBodyLimit(5)}},
		"the default limit":          {body: strings.Repeat("x", 64<<10), want: strings.Repeat("x", 64<<10)},
		"over the default limit":     {body: strings.Repeat("x", 64<<10+1)},
		"no bodies wanted":           {body: "text", opts: []metlo.TraceOption{metlo.WithTraceBodyLimit(0)}},
		"a negative limit":           {body: "text", opts: []metlo.TraceOption{metlo.WithTraceBodyLimit(-1)}},
		"an image":                   {body: "\x89PNG\r\n\x1a\n\x00\x00"},
		"zeros":                      {body: "a\x00b"},
		"compressed":                 {body: "looks like text", encoding: "gzip"},
		"with an encoding of itself": {body: "text", encoding: "Identity", want: "text"},
	} {
		t.Run(name, func(t *testing.T) {
			req, resp := requestAndResponse(t, "POST", "https://a.example.com/", "", "")
			request, response := &closeCounter{Reader: iotest.OneByteReader(strings.NewReader(row.body))}, &closeCounter{Reader: strings.NewReader(row.body)}
			req.Body, resp.Body = request, response
			req.RequestURI = "/" // set on the server's side
			if row.encoding != "" {
				req.Header.Set("Content-Encoding", row.encoding)
				resp.Header.Set("Content-Encoding", row.encoding)
			}
			trace, err := metlo.TraceFromHTTP(req, resp, row.opts...)
			require.NoError(t, err)
			assert.Equal(t, row.want, trace.Request.Body)
			assert.Equal(t, row.want, trace.Response.Body)
			for _, body := range []io.ReadCloser{req.Body, resp.Body} {
				left, err := io.ReadAll(body)
				require.NoError(t, err)
				assert.Equal(t, row.body, string(left), "the body can be read as before")
				require.NoError(t, body.Close())
			}
			assert.Equal(t, []int{1, 1}, []int{request.closed, response.closed}, "closing reaches the original")
		})
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

func TestTraceFromHTTPOfABodyThatFails(t *testing.T) {
	broken := errors.New("the connection is gone")
	for name, row := range map[string]func(*http.Request, *http.Response, io.ReadCloser) *io.ReadCloser{
		"request": func(req *http.Request, _ *http.Response, body io.ReadCloser) *io.ReadCloser {
			req.Body = body
			return &req.Body
		},
		"response": func(_ *http.Request, resp *http.Response, body io.ReadCloser) *io.ReadCloser {
			resp.Body = body
			return &resp.Body
		},
	} {
		t.Run(name, func(t *testing.T) {
			req, resp := requestAndResponse(t, "POST", "https://a.example.com/", "request", "response")
			req.RequestURI = "/" // set on the server's side
			body := row(req, resp, io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))))
			_, err := metlo.TraceFromHTTP(req, resp)
			require.ErrorIs(t, err, broken)
			assert.ErrorContains(t, err, name)
			left, err := io.ReadAll(*body)
			assert.Equal(t, "half", string(left))
			assert.ErrorIs(t, err, broken, "reading the body brings the error again")
		})
	}
}

func TestTraceFromHTTPOptions(t *testing.T) {
	req, resp := requestAndResponse(t, "GET", "http://127.0.0.1:41873/users", "", "")
	meta := metlo.TraceMeta{Source: "192.0.2.1", Environment: "ci"}
	trace, err := metlo.TraceFromHTTP(req, resp, metlo.WithTraceHost("Users.Test"), metlo.WithTraceMeta(meta))
	require.NoError(t, err)
	assert.Equal(t, "users.test", trace.Request.URL.Host)
	assert.Equal(t, meta, trace.Meta)

	trace, err = metlo.TraceFromHTTP(req, resp)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:41873", trace.Request.URL.Host)
	assert.Equal(t, metlo.TraceMeta{Incoming: true, DestinationPort: "41873"}, trace.Meta)

	req.Method = ""
	trace, err = metlo.TraceFromHTTP(req, resp)
	require.NoError(t, err)
	assert.Equal(t, metlo.MethodGet, trace.Request.Method, "as net/http reads an empty method")
}

func TestTraceFromHTTPRefuses(t *testing.T) {
	req, resp := requestAndResponse(t, "GET", "https://a.example.com/", "", "")
	_, err := metlo.TraceFromHTTP(req, resp, nil)
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	require.ErrorContains(t, err, "option 1 is nil")
	noURL, noHost, noMethod := *req, *req, *req
	noURL.URL = nil
	noHost.URL, noHost.Host = &url.URL{Path: "/"}, ""
	noMethod.Method = "PROPFIND"
	for name, row := range map[string]struct {
		req  *http.Request
		resp *http.Response
		says string
	}{
		"no request":                {nil, resp, "is nil"},
		"no response":               {req, nil, "is nil"},
		"no URL":                    {&noURL, resp, "is nil"},
		"no host":                   {&noHost, resp, "Request.URL.Host is empty"},
		"a method Metlo ignores":    {&noMethod, resp, "is not one that Metlo tracks"},
		"a response without status": {req, &http.Response{}, "Response.Status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := metlo.TraceFromHTTP(row.req, row.resp)
			require.ErrorIs(t, err, metlo.ErrInvalidArgument)
			assert.ErrorContains(t, err, row.says)
		})
	}
}

// FuzzTraceFromHTTP checks that the collector accepts every trace, that the bodies stay unchanged, and that no
// credential is copied.
func FuzzTraceFromHTTP(f *testing.F) {
	f.Add("GET", "a.example.com", "/users/1", "q=1&q=2", "X-Name", "value", []byte(`{"a":1}`), 200)
	f.Add("POST", "a:1", "/..%2f..\\<&=>", "a=%zz;b&&=", "Content-Encoding", "gzip", []byte("\x1f\x8b\x00"), 599)
	f.Add("PUT", "\xff", "", "%00%ff", "\xff", "\x00", []byte("\xff\x00"), 0)
	f.Add("", "", "*", "=", "", "", []byte{}, -1)
	f.Fuzz(func(t *testing.T, method, host, path, query, name, value string, body []byte, status int) {
		const secret = "opensesame-7f3a"
		req := &http.Request{
			Method: method, Host: host, URL: &url.URL{Path: path, RawPath: path, RawQuery: query},
			Header: http.Header{name: {value}, "Authorization": {"Basic " + secret}}, Body: io.NopCloser(bytes.NewReader(body)),
		}
		resp := &http.Response{StatusCode: status, Header: http.Header{name: {value}, "Set-Cookie": {secret}}, Body: io.NopCloser(bytes.NewReader(body))}
		trace, err := metlo.TraceFromHTTP(req, resp, metlo.WithTraceBodyLimit(100))
		for _, after := range []io.Reader{req.Body, resp.Body} {
			left, readErr := io.ReadAll(after)
			if readErr != nil || !bytes.Equal(left, body) {
				t.Fatalf("the body is %q, %v", left, readErr)
			}
		}
		if err != nil {
			if !errors.Is(err, metlo.ErrInvalidArgument) {
				t.Fatalf("%v", err)
			}
			return
		}
		client, server := scriptedClient(t, always(http.StatusOK, "OK"))
		if err := client.Collector.Log(context.Background(), trace); err != nil {
			t.Fatalf("the collector would not take %+v: %v", trace, err)
		}
		if strings.Contains(server.sent[0].Body, secret) {
			t.Fatal("a credential was taken over")
		}
	})
}

func TestTraceFromHTTPAfterTheRequestWasSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/echo", strings.NewReader(`{"a":1}`))
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	trace, err := metlo.TraceFromHTTP(req, resp)
	require.NoError(t, err)
	assert.Equal(t, `{"a":1}`, trace.Request.Body)
	assert.Equal(t, `{"a":1}`, trace.Response.Body)
}

// forbiddenBody is the body of a request in flight: a read would disturb the transport.
type forbiddenBody struct{ t *testing.T }

func (b forbiddenBody) Read([]byte) (int, error) { b.t.Error("the body was read"); return 0, io.EOF }

func (b forbiddenBody) Close() error { b.t.Error("the body was closed"); return nil }

func TestTraceFromHTTPLeavesAClientsBodyAlone(t *testing.T) {
	failing := errors.New("no copy")
	for name, row := range map[string]struct {
		getBody func() (io.ReadCloser, error)
		want    string
		err     error
	}{
		"without a copy":       {nil, "", nil},
		"with a copy":          {func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(`{"a":1}`)), nil }, `{"a":1}`, nil},
		"whose copy is nil":    {func() (io.ReadCloser, error) { return nil, nil }, "", nil},
		"whose copy cannot be": {func() (io.ReadCloser, error) { return nil, failing }, "", failing},
		"whose copy is too big": {func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Repeat("x", 65<<10))), nil
		}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			req, resp := requestAndResponse(t, "POST", "https://a.example.com/", "", "")
			body := forbiddenBody{t}
			req.Body, req.GetBody = body, row.getBody
			trace, err := metlo.TraceFromHTTP(req, resp)
			require.ErrorIs(t, err, row.err)
			assert.Equal(t, body, req.Body, "it is not replaced either")
			if err == nil {
				assert.Equal(t, row.want, trace.Request.Body)
			}
		})
	}
}

// TestTraceFromHTTPDuringAnUpload has the response arrive early: the upload continues on the same connection to its
// last byte.
func TestTraceFromHTTPDuringAnUpload(t *testing.T) {
	const size = 8 << 20
	answered, received := make(chan struct{}), make(chan int64, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, http.NewResponseController(w).EnableFullDuplex())
		w.WriteHeader(http.StatusAccepted)
		assert.NoError(t, http.NewResponseController(w).Flush())
		<-answered
		n, _ := io.Copy(io.Discard, r.Body)
		received <- n
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, struct{ io.Reader }{io.LimitReader(zeros{}, size)})
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	trace, err := metlo.TraceFromHTTP(req, resp, metlo.WithTraceBodyLimit(0))
	close(answered)
	require.NoError(t, err)
	assert.Empty(t, trace.Request.Body)
	assert.EqualValues(t, size, <-received)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// blockingBody is a body that does not end.
type blockingBody struct{ t *testing.T }

func (b blockingBody) Read([]byte) (int, error) {
	b.t.Error("reading this body would wait for ever")
	return 0, io.EOF
}

func (b blockingBody) Close() error { return nil }

func TestTraceFromHTTPLeavesStreamsOut(t *testing.T) {
	for name, row := range map[string]struct {
		status      int
		contentType string
	}{
		"server-sent events":    {200, "text/event-stream"},
		"in any spelling":       {200, "Text/Event-Stream ; charset=utf-8"},
		"frames of a camera":    {200, "multipart/x-mixed-replace; boundary=frame"},
		"lines of JSON":         {200, "application/x-ndjson"},
		"gRPC":                  {200, "application/grpc+proto"},
		"after switching":       {101, ""},
		"after switching, JSON": {101, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			req, resp := requestAndResponse(t, "GET", "https://a.example.com/", "", "")
			body := blockingBody{t}
			resp.StatusCode, resp.Body = row.status, body
			resp.Header.Set("Content-Type", row.contentType)
			trace, err := metlo.TraceFromHTTP(req, resp)
			require.NoError(t, err)
			assert.Empty(t, trace.Response.Body)
			assert.Equal(t, body, resp.Body)
		})
	}
}

func ExampleTraceFromHTTP() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"email":"jane.doe@example.com"}`)
	}))
	defer service.Close()
	resp, err := http.Get(service.URL + "/v1/users/17?verbose=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()

	trace, err := metlo.TraceFromHTTP(resp.Request, resp, metlo.WithTraceHost("shop.example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(trace.Request.Method, trace.Request.URL.Host, trace.Request.URL.Path, trace.Request.URL.Parameters)
	fmt.Println(trace.Response.Status, trace.Response.Body)
	// Output:
	// GET shop.example.com /v1/users/17 [{verbose 1}]
	// 200 {"email":"jane.doe@example.com"}
}
