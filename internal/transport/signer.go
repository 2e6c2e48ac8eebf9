package transport

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// signer adds the headers of all calls, including the key, to the requests for the server of their call. It removes
// secrets from requests for other servers, which only a caller's CheckRedirect can cause.
type signer struct {
	header  http.Header
	secrets []string // values of header
	next    http.RoundTripper
}

// RoundTrip sends r, which is the copy that deadlines made. It removes an invalid Location header from the response, which
// would make http.Client discard it.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	if own := r.Header; isForCallsServer(r) {
		r.Header = maps.Clone(s.header)
		maps.Copy(r.Header, own)
		if own["Cookie"] != nil && s.header["Cookie"] != nil {
			r.Header["Cookie"] = []string{joinCookies(s.header["Cookie"], own["Cookie"])}
		}
	} else {
		r.Header = s.withoutSecrets(own)
	}
	resp, err := s.next.RoundTrip(r)
	if err != nil {
		return resp, proxyError(s.next, r, err)
	}
	if resp != nil && resp.StatusCode/100 == 3 {
		if _, bad := r.URL.Parse(resp.Header.Get("Location")); bad != nil {
			resp.Header.Del("Location")
		}
	}
	return resp, nil
}

// joinCookies joins the cookies of all calls with those of the request, which take precedence.
func joinCookies(all, own []string) string {
	replaced := func(cookie string) bool {
		name, _, _ := strings.Cut(strings.TrimSpace(cookie), "=")
		return strings.Contains("; "+strings.Join(own, "; "), "; "+name+"=")
	}
	cookies := slices.DeleteFunc(strings.Split(strings.Join(all, ";"), ";"), replaced)
	return strings.Join(append(cookies, own...), "; ")
}

// withoutSecrets returns h without the values that contain a secret, regardless of their names.
func (s *signer) withoutSecrets(h http.Header) http.Header {
	clean := make(http.Header, len(h))
	for name, values := range h {
		if values = slices.DeleteFunc(slices.Clone(values), s.isSecret); len(values) > 0 {
			clean[name] = values
		}
	}
	return clean
}

const shortSecret = 8 // length in bytes below which a secret counts as ordinary text

func (s *signer) isSecret(value string) bool {
	return slices.ContainsFunc(s.secrets, func(secret string) bool {
		return value == secret || len(secret) >= shortSecret && strings.Contains(value, secret)
	})
}

// isForCallsServer reports whether a request of a call goes to the server of the call.
func isForCallsServer(r *http.Request) bool {
	call, ok := r.Context().Value(requestKey{}).(*Request)
	return ok && r.URL.Scheme == call.URL.Scheme && r.URL.User == nil && (r.URL.Host == call.URL.Host ||
		strings.EqualFold(r.URL.Hostname(), call.URL.Hostname()) && port(r.URL) == port(&call.URL))
}

const maxRedirects = 3

// redirect returns a CheckRedirect that follows a GET to the same host and port, and returns every other redirect to
// the reader. net/http alone would send the key to another port and to plain http, and would change a redirected PUT
// into a GET.
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

// withoutPlainProxy returns a transport like rt that refuses to send a call's request over plain http through a proxy.
// It calls rt's Proxy function once per request, and uses that result.
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

// ProxyError reports that a proxy refused a request, which therefore did not reach the server.
type ProxyError struct {
	StatusCode int   // status of the proxy's response, 0 without one
	Err        error // reason, if it is not a status
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

// proxyError converts net/http's error about a proxy to a *ProxyError, and returns any other error unchanged.
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

// statusOf returns the status with this text, or 0.
func statusOf(text string) int {
	for status := 400; status < 600; status++ {
		if http.StatusText(status) == text {
			return status
		}
	}
	return 0
}
