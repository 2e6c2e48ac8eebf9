package transport

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// guard keeps secrets from every server but the one that the call is for.
type guard struct {
	secrets []string
	next    http.RoundTripper
}

// RoundTrip removes secrets from a request for another server, to which only a caller's CheckRedirect can have led. It
// removes an invalid Location header, which would make http.Client discard the response.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if !isForCallsServer(r) {
		if g.isSecret(r.URL.String()) {
			return nil, errors.New("the redirect leads to another server with a secret in its address: check CheckRedirect")
		}
		r = r.WithContext(r.Context())
		r.Header = g.withoutSecrets(r.Header)
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return resp, proxyError(g.next, r, err)
	}
	if resp != nil && resp.StatusCode/100 == 3 {
		if _, bad := r.URL.Parse(resp.Header.Get("Location")); bad != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, nil
}

// isForCallsServer reports whether a request of a call goes to the server of the call.
func isForCallsServer(r *http.Request) bool {
	call, ok := r.Context().Value(requestKey{}).(*Request)
	return ok && r.URL.Scheme == call.URL.Scheme && strings.EqualFold(r.URL.Hostname(), call.URL.Hostname()) &&
		port(r.URL) == port(&call.URL) && r.URL.User == nil
}

// withoutSecrets returns h without the values that hold a secret, under whatever name.
func (g *guard) withoutSecrets(h http.Header) http.Header {
	clean := make(http.Header, len(h))
	for name, values := range h {
		if values = slices.DeleteFunc(slices.Clone(values), g.isSecret); len(values) > 0 {
			clean[name] = values
		}
	}
	return clean
}

// shortSecret is the length in bytes under which a secret is part of ordinary text.
const shortSecret = 8

func (g *guard) isSecret(text string) bool {
	return slices.ContainsFunc(g.secrets, func(secret string) bool {
		return text == secret || len(secret) >= shortSecret && (strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)))
	})
}

const maxRedirects = 3

// redirect returns a CheckRedirect that follows a GET to the same host and port, and leaves every other redirect to the
// reader: net/http alone would carry the key to another port and to plain http, and would turn a redirected PUT into a GET.
func redirect(callers func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if via[0].Method != http.MethodGet || len(via) > maxRedirects || !isForCallsServer(req) {
			return http.ErrUseLastResponse
		}
		if callers == nil {
			return nil
		}
		return callers(req, via)
	}
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// withoutPlainProxy returns a transport like rt that refuses to send a call's request over plain http through a proxy. It
// asks rt's Proxy function once for each request, and uses that answer.
func withoutPlainProxy(rt http.RoundTripper) http.RoundTripper {
	t, ok := rt.(*http.Transport)
	if !ok || t.Proxy == nil {
		return rt
	}
	own := t.Clone()
	own.Proxy = func(r *http.Request) (*url.URL, error) {
		proxy, err := t.Proxy(r)
		if err == nil && proxy != nil && r.URL.Scheme == "http" && isForCallsServer(r) {
			return nil, &PlainProxyError{Proxy: proxy.Host}
		}
		return proxy, err
	}
	return own
}

// PlainProxyError reports that a request was not sent because a proxy would have read the key in it.
type PlainProxyError struct{ Proxy string }

func (e *PlainProxyError) Error() string {
	return "the key or a value of WithHeader would travel over plain http through the proxy " + e.Proxy
}

// ProxyError reports that a proxy refused a request, so that nothing of it reached the server.
type ProxyError struct {
	StatusCode int   // of the proxy's response, 0 without one
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

// isTransient reports whether the proxy may accept the same request soon.
func (e *ProxyError) isTransient() bool {
	if e.Err == nil {
		return IsTransient(e.StatusCode)
	}
	text := e.Err.Error()
	return broken(e.Err) && !strings.Contains(text, "not allowed by ruleset") && !strings.Contains(text, "authentication")
}

// proxyError returns what net/http reports of a proxy as a *ProxyError, and any other error as it is.
func proxyError(rt http.RoundTripper, r *http.Request, err error) error {
	var proxy *ProxyError
	var op *net.OpError
	switch {
	case errors.As(err, &proxy):
	case errors.As(err, &op) && (op.Op == "proxyconnect" || op.Op == "socks connect"):
		return &ProxyError{Err: err}
	case r.URL.Scheme == "https":
		// A transport without OnProxyConnectResponse keeps only the text of the proxy's status.
		if t, ok := rt.(*http.Transport); ok && t.Proxy != nil {
			if status := statusOf(err.Error()); status != 0 {
				return &ProxyError{StatusCode: status}
			}
		}
	}
	return err
}

// statusOf returns the status with this text, and 0 if there is none.
func statusOf(text string) int {
	for status := 400; status < 600; status++ {
		if http.StatusText(status) == text {
			return status
		}
	}
	return 0
}
