package metlo_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestBaseURL(t *testing.T) {
	tests := []struct{ base, want string }{
		{"https://metlo.example.com", "https://metlo.example.com/api/v1/endpoints"},
		{"https://metlo.example.com/", "https://metlo.example.com/api/v1/endpoints"},
		{"https://metlo.example.com//", "https://metlo.example.com/api/v1/endpoints"},
		{"https://metlo.example.com/api/v1", "https://metlo.example.com/api/v1/endpoints"},
		{"https://metlo.example.com/api/v1/", "https://metlo.example.com/api/v1/endpoints"},
		{"https://example.com/tools/metlo/", "https://example.com/tools/metlo/api/v1/endpoints"},
		{"https://example.com/a%2Fb", "https://example.com/a%2Fb/api/v1/endpoints"},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v1/endpoints"},
		{"http://[::1]:8080", "http://[::1]:8080/api/v1/endpoints"},
		{"http://LocalHost:8080", "http://localhost:8080/api/v1/endpoints"},
		{" https://metlo.example.com ", "https://metlo.example.com/api/v1/endpoints"},
	}
	for _, tt := range tests {
		t.Run(tt.base, func(t *testing.T) {
			server := &kit.Answer{Status: 200, Body: []byte(`[[],0]`)}
			var got string
			client, err := metlo.NewClient(tt.base, someKey, metlo.WithHTTPClient(&http.Client{
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					got = r.URL.String()
					return server.RoundTrip(r)
				}),
			}))
			require.NoError(t, err)
			_, err = client.Endpoints.List(t.Context(), nil, 0, 0)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	server := roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.Header.Clone()
		r.Header.Set("X-Changed-By-The-Transport", "1")
		return kit.OK(r)
	})
	t.Run("defaults", func(t *testing.T) {
		client := inProcess(t, server)
		require.NoError(t, client.Ping(t.Context()))
		require.NoError(t, client.Ping(t.Context()))
		assert.Equal(t, http.Header{
			"Authorization": {someKey}, "Accept": {"application/json"}, "User-Agent": {"metlo-go/" + metlo.Version},
		}, got, "what a transport does to one request does not reach the next")
	})
	t.Run("options", func(t *testing.T) {
		client := inProcess(t, server, metlo.WithUserAgent("sync/1"), metlo.WithHeader("x-proxy", "a"), metlo.WithHeader("X-Proxy", "b"))
		require.NoError(t, client.Ping(t.Context()))
		assert.Equal(t, "sync/1", got.Get("User-Agent"))
		assert.Equal(t, []string{"a", "b"}, got["X-Proxy"])
	})
	t.Run("a plain header", func(t *testing.T) {
		client, err := metlo.NewClient("http://metlo.example.com", "", metlo.WithHTTPClient(&http.Client{Transport: server}), metlo.WithPlainHeader("X-Tenant", "red-team"))
		require.NoError(t, err, "it is no secret")
		require.NoError(t, client.Ping(t.Context()))
		assert.Equal(t, "red-team", got.Get("X-Tenant"))
	})
	t.Run("no key", func(t *testing.T) {
		client, err := metlo.NewClient("http://metlo.example.com", "", metlo.WithHTTPClient(&http.Client{Transport: server}))
		require.NoError(t, err, "without a key plain http is fine")
		require.NoError(t, client.Ping(t.Context()))
		assert.NotContains(t, got, "Authorization")
	})
}

func TestTheCallersHTTPClientStaysAsItIs(t *testing.T) {
	h := &http.Client{Timeout: time.Minute}
	_, err := metlo.NewClient("https://metlo.example.com", someKey, metlo.WithHTTPClient(h))
	require.NoError(t, err)
	assert.Equal(t, &http.Client{Timeout: time.Minute}, h)
}

func TestRetryPolicyOfOneField(t *testing.T) {
	for _, policy := range []metlo.RetryPolicy{{BaseWait: time.Hour}, {MaxRetries: 3, MaxWait: time.Millisecond}, {MaxRetries: 9}} {
		_, err := metlo.NewClient("https://metlo.example.com", someKey, metlo.WithRetry(policy))
		require.NoError(t, err)
	}
}

// FuzzBaseURL calls NewClient with a base URL. Requests may go to no host but the URL's.
func FuzzBaseURL(f *testing.F) {
	for _, seed := range []string{
		"https://metlo.example.com", "http://127.0.0.1:8080/", "https://h/prefix/api/v1/", "https://u:p@h", "https://h?x", "https://h#",
		"https://[::1]:8443", "HTTPS://H", "https://h/%2e%2e/", "https://h:port", "//h", "https:///", "https://h/a%2fb", "http://é.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, base string) {
		var sent *url.URL
		client, err := metlo.NewClient(base, someKey, metlo.WithInsecureHTTP(), metlo.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				sent = r.URL
				return kit.OK(r)
			}),
		}))
		if err != nil {
			if client != nil || !errors.Is(err, metlo.ErrInvalidArgument) {
				t.Fatalf("client %v, error %v", client, err)
			}
			return
		}
		if err := client.Ping(t.Context()); err != nil {
			kit.CheckError(t, err)
			return
		}
		u, err := url.Parse(strings.TrimSpace(base))
		if err != nil || sent.Host != u.Host || sent.Scheme != u.Scheme || sent.User != nil || !strings.HasSuffix(sent.EscapedPath(), "/api/v1/summary/endpoint-tracked") {
			t.Fatalf("%q sends to %q", base, sent)
		}
	})
}

func ExampleWithRetry() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/summary", Times: 2, Status: http.StatusServiceUnavailable})

	client := server.Client(metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 5, BaseWait: time.Millisecond}))
	summary, err := client.Summary.Get(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(summary.EndpointsTracked, "endpoints after", len(server.Requests()), "attempts")
	// Output: 15 endpoints after 3 attempts
}

// The client sends a change once, unless the server cannot have acted on it.
func ExampleWithRetry_changes() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/keys/create", Status: http.StatusBadGateway})

	_, err := server.Client().Keys.Create(context.Background(), "ci", metlo.KeyGeneric)
	var e *metlo.Error
	if errors.As(err, &e) {
		fmt.Println(e.StatusCode, "after", len(e.Attempts), "attempt")
	}
	// Output: 502 after 1 attempt
}

// One limiter may serve several clients.
func ExampleWithLimiter() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	limiter := rate.NewLimiter(rate.Every(time.Hour), 2)
	first, second := server.Client(metlo.WithLimiter(limiter)), server.Client(metlo.WithLimiter(limiter))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := first.Hosts.Names(ctx)
	fmt.Println(err)
	_, err = second.Hosts.Names(ctx)
	fmt.Println(err)
	// The third would have to wait for an hour, so it fails at once.
	_, err = first.Hosts.Names(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// <nil>
	// <nil>
	// true
}

func TestOptionsRefuse(t *testing.T) {
	with := func(opts ...metlo.Option) func(context.Context, *metlo.Client) error {
		return func(context.Context, *metlo.Client) error {
			_, err := metlo.NewClient("https://metlo.example.com", someKey, opts...)
			return err
		}
	}
	assertRefusals(t, map[string]refusal{
		"key over http to a collector": {with(metlo.WithCollectorURL("http://collector.example.com")), "WithInsecureHTTP"},
		"header over http": {func(context.Context, *metlo.Client) error {
			_, err := metlo.NewClient("http://metlo.example.com", "", metlo.WithHeader("X-Token", "secret"))
			return err
		}, "WithInsecureHTTP"},
		"nil option":      {with(nil), "option 1 is nil"},
		"nil http.Client": {with(metlo.WithHTTPClient(nil)), "WithHTTPClient"},
		"nil logger":      {with(metlo.WithLogger(nil)), "WithLogger"},
		"nil limiter":     {with(metlo.WithLimiter(nil)), "WithLimiter"},
		"negative rate":   {with(metlo.WithRateLimit(-1, 1)), "WithRateLimit"},
		"no rate":         {with(metlo.WithRateLimit(0, 1)), "WithRateLimit"},
		"no burst":        {with(metlo.WithRateLimit(1, 0)), "burst"},
		"a key by which net/http repeats changes": {with(metlo.WithHeader("idempotency-key", "1")), "Idempotency-Key would make net/http"},
		"its other name":                      {with(metlo.WithPlainHeader("X-Idempotency-Key", "1")), "X-Idempotency-Key"},
		"credentials in a plain header":       {with(metlo.WithPlainHeader("Cookie", "session=1")), "use WithHeader"},
		"a plain header that the client sets": {with(metlo.WithPlainHeader("Authorization", "x")), "WithPlainHeader"},
		"negative retries":                    {with(metlo.WithRetry(metlo.RetryPolicy{MaxRetries: -1})), "WithRetry"},
		"shortest wait over the longest":      {with(metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: time.Minute, MaxWait: time.Second})), "swap"},
		"no timeout":                          {with(metlo.WithHeaderTimeout(0)), "WithHeaderTimeout"},
		"negative idle timeout":               {with(metlo.WithIdleTimeout(-time.Second)), "WithIdleTimeout"},
		"no bytes":                            {with(metlo.WithMaxResponseBytes(0)), "WithMaxResponseBytes"},
		"empty user agent":                    {with(metlo.WithUserAgent("")), "WithUserAgent"},
		"user agent of two lines":             {with(metlo.WithUserAgent("a\r\nb")), "WithUserAgent"},
		"reserved header":                     {with(metlo.WithHeader("authorization", "x")), "NewClient"},
		"reserved header of the protocol":     {with(metlo.WithHeader("Content-Length", "1")), "Content-Length"},
		"header without a name":               {with(metlo.WithHeader("", "x")), "header name"},
		"header with a space in its name":     {with(metlo.WithHeader("X Y", "x")), "header name"},
		"header with a newline":               {with(metlo.WithHeader("X-Proxy", "a\nb")), "line break"},
		"collector URL without a scheme":      {with(metlo.WithCollectorURL("collector")), "WithCollectorURL"},
	})
}

// Read two instances with one http.Client and one rate limit.
func ExampleWithHTTPClient_shared() {
	eu, us := metlotest.NewServer(metlotest.Demo()), metlotest.NewServer()
	defer eu.Close()
	defer us.Close()

	shared, limiter := &http.Client{Transport: http.DefaultTransport}, rate.NewLimiter(10, 10)
	for _, instance := range []*metlotest.Server{eu, us} {
		client, err := metlo.NewClient(instance.URL, instance.APIKey, metlo.WithHTTPClient(shared), metlo.WithLimiter(limiter))
		if err != nil {
			fmt.Println(err)
			return
		}
		endpoints, err := client.Endpoints.List(context.Background(), nil, 0, 0)
		if err != nil {
			fmt.Println(client.BaseURL(), err)
			return
		}
		fmt.Println(endpoints.Total, "endpoints")
	}
	// Output:
	// 15 endpoints
	// 0 endpoints
}

// Reach an instance through a proxy, with a private certificate authority.
func ExampleWithHTTPClient() {
	backend := metlotest.NewServer(metlotest.Demo())
	defer backend.Close()
	instance, proxy := httptest.NewTLSServer(forwardTo(backend.URL)), httptest.NewServer(http.HandlerFunc(connect))
	defer instance.Close()
	defer proxy.Close()
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	roots := x509.NewCertPool()
	roots.AddCert(instance.Certificate()) // a file needs roots.AppendCertsFromPEM

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxyURL)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	client, err := metlo.NewClient(instance.URL, backend.APIKey, metlo.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	fmt.Println(client.Ping(context.Background()))
	// Output: <nil>
}

// forwardTo returns a TLS server that forwards to an instance.
func forwardTo(address string) http.Handler {
	target, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return httputil.NewSingleHostReverseProxy(target)
}

// connect returns a proxy that supports only CONNECT.
func connect(w http.ResponseWriter, r *http.Request) {
	server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if r.Method != http.MethodConnect || err != nil {
		http.Error(w, "no connection", http.StatusBadGateway)
		return
	}
	defer server.Close()
	w.WriteHeader(http.StatusOK)
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// Log retries and failed attempts, and nothing else.
func ExampleWithLogger() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/hosts", Times: 1, Status: http.StatusServiceUnavailable, RetryAfter: "0"})

	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key { // values that differ from run to run
			case slog.TimeKey, "host", "wait", "duration":
				return slog.Attr{}
			}
			return a
		},
	}))
	_, err := server.Client(metlo.WithLogger(logger)).Hosts.List(context.Background(), nil, 0, 0)
	fmt.Println(err)
	// Output:
	// level=WARN msg="metlo request" method=GET route=/hosts status=503 attempt=1
	// <nil>
}
