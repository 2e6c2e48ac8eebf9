package transport

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// sender sends through the caller's transport. It hides CloseIdleConnections, which retryablehttp would call after every
// failure on a transport that others share.
type sender struct{ base http.RoundTripper }

// RoundTrip sends r unless a proxy would read the key in it. It takes away a Location that is none, for which
// http.Client would throw the response away.
func (s sender) RoundTrip(r *http.Request) (*http.Response, error) {
	c := callOf(r.Context())
	secret := c.request.NoProxy && sameServer(r.URL, &c.request.URL)
	overTLS := r.URL.Scheme == "https"
	if secret && !overTLS {
		if proxy := ProxyFor(s.base, r); proxy != nil {
			if r.Body != nil {
				_ = r.Body.Close()
			}
			return nil, &PlainProxyError{Proxy: proxy.Host}
		}
	}
	resp, err := s.base.RoundTrip(r)
	if err != nil {
		return resp, s.proxyError(r, overTLS, err)
	}
	if resp != nil && resp.StatusCode/100 == 3 {
		if _, bad := r.URL.Parse(resp.Header.Get("Location")); bad != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, nil
}

// ProxyFor returns the proxy that rt sends r through, as far as an *http.Transport tells; nil for any other.
func ProxyFor(rt http.RoundTripper, r *http.Request) *url.URL {
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	proxy, err := t.Proxy(r)
	if err != nil {
		return nil // the transport asks again, and fails
	}
	return proxy
}

// PlainProxyError says that a request was not sent because a proxy would have read the key in it.
type PlainProxyError struct{ Proxy string }

func (e *PlainProxyError) Error() string {
	return "the key or a value of WithHeader would travel over plain http through the proxy " + e.Proxy
}

// ProxyError says that a proxy did not let a request through, so that nothing of it reached the server.
type ProxyError struct {
	StatusCode int   // that the proxy sent, 0 if none
	Err        error // why, if not by a status
	retryAfter time.Duration
}

func (e *ProxyError) Error() string {
	if e.Err != nil {
		return "the proxy cannot be used: " + e.Err.Error()
	}
	return fmt.Sprintf("the proxy refused to connect: %d %s", e.StatusCode, http.StatusText(e.StatusCode))
}

func (e *ProxyError) Unwrap() error { return e.Err }

// transient reports whether the proxy may let the same request through soon.
func (e *ProxyError) transient() bool {
	if e.Err == nil {
		return IsTransient(e.StatusCode)
	}
	text := e.Err.Error()
	return broken(e.Err) && !strings.Contains(text, "not allowed by ruleset") && !strings.Contains(text, "authentication")
}

// proxyError has what net/http says of a proxy as a *ProxyError, and any other error as it is.
func (s sender) proxyError(r *http.Request, overTLS bool, err error) error {
	var proxy *ProxyError
	var op *net.OpError
	switch {
	case errors.As(err, &proxy):
	case errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return &ProxyError{Err: err}
	case overTLS:
		// A transport without OnProxyConnectResponse keeps nothing but the status's text.
		if status := statusOf(err.Error()); status != 0 && ProxyFor(s.base, r) != nil {
			return &ProxyError{StatusCode: status}
		}
	}
	return err
}

// statusOf returns the status whose text this is, and 0 for any other.
func statusOf(text string) int {
	for status := 400; status < 600; status++ {
		if http.StatusText(status) == text {
			return status
		}
	}
	return 0
}
