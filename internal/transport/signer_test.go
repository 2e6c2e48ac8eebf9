package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// redirecting answers at from with a redirect to the address, and with 200 anywhere else. It records the requests.
type redirecting struct {
	from, to string
	status   int
	asked    []*http.Request
}

func (s *redirecting) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r)
	if r.URL.String() == s.from {
		return answer(r, s.status, "moved", "Location", s.to), nil
	}
	return answer(r, 200, "arrived"), nil
}

func TestRedirects(t *testing.T) {
	const here = "https://metlo.example.com/api/v1/alerts"
	tests := map[string]struct {
		method   string
		from, to string
		follow   bool
	}{
		"to another path":                 {"GET", here, "/prefix/api/v1/alerts", true},
		"to the default port by number":   {"GET", here, "https://metlo.example.com:443/x", true},
		"from a port to the same":         {"GET", "http://metlo.example.com:8080/a", "http://metlo.example.com:8080/b", true},
		"to another host":                 {"GET", here, "https://evil.example.com/api/v1/alerts", false},
		"to a subdomain":                  {"GET", here, "https://www.metlo.example.com/api/v1/alerts", false},
		"to the parent domain":            {"GET", here, "https://example.com/api/v1/alerts", false},
		"to another port":                 {"GET", here, "https://metlo.example.com:8443/api/v1/alerts", false},
		"to plain http":                   {"GET", here, "http://metlo.example.com/api/v1/alerts", false},
		"to plain http on the same port":  {"GET", here, "http://metlo.example.com:443/api/v1/alerts", false},
		"from plain http to https":        {"GET", "http://metlo.example.com/a", "https://metlo.example.com/a", false},
		"to an address with user info":    {"GET", here, "https://user:password@metlo.example.com/x", false},
		"to a name that looks alike":      {"GET", here, "https://metlo.example.com.evil.com/x", false},
		"of a PUT":                        {"PUT", here, "/elsewhere", false},
		"of a POST":                       {"POST", here, "/elsewhere", false},
		"of a DELETE":                     {"DELETE", here, "/elsewhere", false},
		"of a HEAD":                       {"HEAD", here, "/elsewhere", false},
		"to a scheme that is not http":    {"GET", here, "file:///etc/passwd", false},
		"to an address without a scheme":  {"GET", here, "//evil.example.com/x", false},
		"with a backslash for the host":   {"GET", here, `/\evil.example.com/x`, true}, // is a path
		"with the host of the sub-domain": {"GET", "https://a.example.com/x", "https://b.example.com/x", false},
	}
	for name, tt := range tests {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(name, func(t *testing.T) {
				srv := &redirecting{from: tt.from, to: tt.to, status: status}
				var got *http.Response
				r := request(tt.method, tt.from, RepeatSafe)
				if tt.method != "GET" {
					r.Repeat, r.Body = RepeatIdempotent, []byte("a body")
				}
				attempts, err := pipeline(&http.Client{Transport: srv}).do(t.Context(), r, func(resp *http.Response) error {
					got = resp
					return discard(resp)
				})
				require.NoError(t, err)
				require.Len(t, attempts, 1)
				if !tt.follow {
					require.Equal(t, status, got.StatusCode, "the handler sees the redirect")
					require.Len(t, srv.asked, 1, "nothing else is sent")
					return
				}
				require.Equal(t, 200, got.StatusCode)
				require.Len(t, srv.asked, 2)
				require.Equal(t, "GET", srv.asked[1].Method)
				require.Equal(t, "metlo.key", srv.asked[1].Header.Get("Authorization"))
			})
		}
	}
}

func TestRedirectsEnd(t *testing.T) {
	sent := 0
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		sent++
		return answer(r, 302, "", "Location", "/again"), nil
	})
	var got *http.Response
	_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), get("https://metlo/"), func(resp *http.Response) error {
		got = resp
		return discard(resp)
	})
	require.NoError(t, err)
	assert.Equal(t, 302, got.StatusCode)
	assert.Equal(t, 4, sent, "the first and three redirects")
}

func TestCallersCheckRedirectRunsAfterOurs(t *testing.T) {
	errCallers := errors.New("not there")
	tests := map[string]struct {
		to     string
		err    error // error of the caller's function
		status int
		called int
	}{
		"agrees":                      {"/b", nil, 200, 1},
		"stops":                       {"/b", http.ErrUseLastResponse, 302, 1},
		"fails":                       {"/b", errCallers, 0, 1},
		"is not asked about a leak":   {"https://evil.example.com/b", nil, 302, 0},
		"cannot allow what is a leak": {"http://metlo.example.com/b", nil, 302, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			srv := &redirecting{from: "https://metlo.example.com/a", to: tt.to, status: 302}
			called := 0
			client := &http.Client{Transport: srv, CheckRedirect: func(req *http.Request, via []*http.Request) error {
				called++
				assert.Len(t, via, 1)
				return tt.err
			}}
			attempts, err := pipeline(client).do(t.Context(), get("https://metlo.example.com/a"), discard)
			require.Len(t, attempts, 1, "a refusal is not repeated")
			assert.Equal(t, tt.status, attempts[0].StatusCode)
			assert.Equal(t, tt.called, called)
			if tt.status == 0 {
				require.Equal(t, errCallers, err)
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestCallersCheckRedirectDoesNotSeeTheKey(t *testing.T) {
	srv := &redirecting{from: "https://metlo.example.com/a", to: "/b", status: 302}
	client := &http.Client{Transport: srv, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		assert.NotContains(t, via[0].Header, "Authorization")
		assert.NotContains(t, req.Header, "Authorization")
		req.Header.Set("Accept", "text/html")
		return nil
	}}
	header := http.Header{"Authorization": {"metlo.key"}, "Accept": {"application/json"}}
	p := pipeline(client, func(c *Config) { c.Header = header })
	for range 2 {
		srv.asked = nil
		_, err := p.do(t.Context(), get("https://metlo.example.com/a"), discard)
		require.NoError(t, err)
		require.Len(t, srv.asked, 2)
		assert.Equal(t, []string{"application/json"}, srv.asked[0].Header["Accept"])
		assert.Equal(t, []string{"text/html"}, srv.asked[1].Header["Accept"], "a header of the hook's replaces that of all calls")
		assert.Equal(t, []string{"metlo.key"}, srv.asked[1].Header["Authorization"])
		assert.Len(t, header, 2, "the header of all calls is not changed")
	}
}

func TestCookieOfARedirectReplacesTheRequests(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/a" {
			return answer(r, 302, "", "Location", "/b", "Set-Cookie", "proxy=new"), nil
		}
		assert.Equal(t, []string{"proxy=new"}, r.Header["Cookie"])
		return answer(r, 200, ""), nil
	})
	p := pipeline(&http.Client{Transport: rt, Jar: jar}, func(c *Config) { c.Header = http.Header{"Cookie": {"proxy=old"}} })
	_, err = p.do(t.Context(), get("https://metlo/a"), discard)
	require.NoError(t, err)
}

func TestRedirectWithoutTheBodyIsWithoutItsType(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	for name, client := range map[string]http.Client{"bare": {}, "with a jar": {Jar: jar}} {
		t.Run(name, func(t *testing.T) {
			srv := &redirecting{from: "https://metlo.example.com/a", to: "/b", status: 302}
			client.Transport = srv
			r := get("https://metlo.example.com/a")
			r.Body, r.ContentType = []byte("{}"), "application/json"
			_, err := pipeline(&client).do(t.Context(), r, discard)
			require.NoError(t, err)
			require.Len(t, srv.asked, 2)
			assert.Equal(t, []string{"application/json"}, srv.asked[0].Header["Content-Type"])
			assert.NotContains(t, srv.asked[1].Header, "Content-Type")
			assert.Equal(t, []string{"https://metlo.example.com/a"}, srv.asked[1].Header["Referer"])
		})
	}
}

func TestKeyStaysWhenCallersCheckRedirectSendsTheRequestElsewhere(t *testing.T) {
	srv := &redirecting{from: "https://metlo.example.com/a", to: "/b", status: 302}
	client := &http.Client{Transport: srv, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		req.URL.Host = "evil.example.com"
		req.Header.Set("X-Mirror", "the caller's own key for it")
		return nil
	}}
	p := pipeline(client, func(c *Config) { c.Header.Set("X-Mirror", "ours") })
	_, err := p.do(t.Context(), get("https://metlo.example.com/a"), discard)
	require.NoError(t, err)
	require.Len(t, srv.asked, 2)
	assert.Equal(t, "evil.example.com", srv.asked[1].URL.Host)
	assert.NotContains(t, srv.asked[1].Header, "Authorization")
	assert.Equal(t, "the caller's own key for it", srv.asked[1].Header.Get("X-Mirror"))
}

func TestRedirectIsPartOfItsAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *Pipeline
		tokens, sent := 0, 0
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			if sent++; sent > 1 {
				return answer(r, 200, ""), nil
			}
			cool(&p.limit, time.Hour)
			return answer(r, 302, "", "Location", "/b"), nil
		})
		p = pipeline(&http.Client{Transport: rt, Timeout: time.Second}, func(c *Config) {
			c.Limiter = limiterFunc(func(context.Context) error { tokens++; return nil })
		})
		start := time.Now()
		attempts, err := p.do(t.Context(), get("https://metlo/"), discard)
		require.NoError(t, err)
		assert.Equal(t, 2, sent)
		assert.Len(t, attempts, 1)
		assert.Equal(t, 1, tokens, "the redirect takes no other token")
		assert.Zero(t, time.Since(start), "nor does http.Client.Timeout count a cool-down")
	})
}

// TestSecretsStayWithTheirServer redirects to another server, with a CheckRedirect that copies secrets there.
func TestSecretsStayWithTheirServer(t *testing.T) {
	const secret, short = "metlo.a/secret+key", "s3"
	copies := map[string]func(to, from *http.Request){
		"added to the same name": func(to, _ *http.Request) { to.Header.Add("Authorization", secret) },
		"under another name":     func(to, _ *http.Request) { to.Header.Set("X-Forwarded-Key", secret) },
		"in other letters":       func(to, _ *http.Request) { to.Header["authorization"] = []string{secret} },
		"within a longer value":  func(to, _ *http.Request) { to.Header.Set("X-Auth", "Bearer "+secret) },
		"several times":          func(to, _ *http.Request) { to.Header["X-Auth"] = []string{secret, "mine", secret} },
		"as a cookie":            func(to, _ *http.Request) { to.AddCookie(&http.Cookie{Name: "key", Value: secret}) },
		"all headers at once":    func(to, from *http.Request) { to.Header = from.Header.Clone() },
		"from where it stood":    func(to, from *http.Request) { to.Header.Set("X-Auth", from.Header.Get("Authorization")) },
		"a value of WithHeader":  func(to, _ *http.Request) { to.Header.Set("X-Other", short) },
	}
	for name, copyOver := range copies {
		t.Run(name, func(t *testing.T) {
			srv := &redirecting{from: "https://metlo/a", to: "/b", status: 302}
			client := &http.Client{Transport: srv, CheckRedirect: func(req *http.Request, via []*http.Request) error {
				req.URL = &url.URL{Scheme: "https", Host: "evil.example.com", Path: "/b"}
				copyOver(req, via[0])
				req.Header.Set("User-Agent", "metlo-go/s3")
				return nil
			}}
			p := pipeline(client, func(c *Config) {
				c.Header = http.Header{"Authorization": {secret}, "X-Tenant-Key": {short}}
				c.Secrets = []string{secret, short}
			})
			_, err := p.do(t.Context(), get("https://metlo/a"), discard)
			require.NoError(t, err)
			require.Len(t, srv.asked, 2)
			for name, values := range srv.asked[1].Header {
				for _, value := range values {
					assert.NotContains(t, value, secret, name)
					assert.NotEqual(t, short, value, name)
				}
			}
			assert.Equal(t, "metlo-go/s3", srv.asked[1].Header.Get("User-Agent"), "a short secret is part of ordinary text")
		})
	}
}

func TestProxyIsAskedOnce(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}
	asked := 0
	base := &http.Transport{
		Proxy: func(*http.Request) (*url.URL, error) {
			if asked++; asked == 1 {
				return proxy, nil
			}
			return nil, nil
		},
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused() },
	}
	p := pipeline(&http.Client{Transport: base}, func(c *Config) { c.KeepFromProxy, c.Retry = true, Policy{} })
	_, err := p.do(t.Context(), get("http://127.0.0.1:9/"), discard)
	requireAs[*PlainProxyError](t, err)
	assert.Equal(t, 1, asked)
	_, err = p.do(t.Context(), get("https://127.0.0.1:9/"), discard)
	var plain *PlainProxyError
	require.Error(t, err)
	assert.False(t, errors.As(err, &plain), "over TLS a proxy sees nothing: %v", err)
}

func TestRedirectThatIsNotAnsweredTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/a" {
				return answer(r, 302, "", "Location", "/b"), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), get("https://metlo/a"), discard)
		requireAs[*TimeoutError](t, err)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}
