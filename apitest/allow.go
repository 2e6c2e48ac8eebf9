package apitest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// allowList decides which hosts may be called.
type allowList []allowedHost

type allowedHost struct {
	scheme, host, port string // scheme and port are empty when any default will do
}

func parseAllowed(s string) (allowedHost, error) {
	fault := func(why string) (allowedHost, error) {
		return allowedHost{}, fmt.Errorf("apitest: allowed host %q: %s; write \"api.example.com\", \"localhost:8080\" or \"http://localhost:8080\"", s, why)
	}
	text := s
	hasScheme := strings.Contains(s, "://")
	if !hasScheme {
		text = "//" + s
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return fault("not a host")
	case strings.Contains(u.Host, "*"):
		return fault("there are no wildcards, name each host")
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fault("only scheme, host and port count")
	case hasScheme && u.Scheme != "http" && u.Scheme != "https":
		return fault("the scheme must be http or https")
	}
	a := allowedHost{scheme: u.Scheme, host: canonicalHost(u.Hostname()), port: u.Port()}
	if hasScheme && a.port == "" {
		a.port = defaultPort(u.Scheme)
	}
	return a, nil
}

func canonicalHost(h string) string { return strings.TrimSuffix(strings.ToLower(h), ".") }

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// allows says whether a request to u may be sent.
func (l allowList) allows(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	for _, a := range l {
		if a.host != canonicalHost(u.Hostname()) || a.scheme != "" && a.scheme != u.Scheme {
			continue
		}
		if a.port == port || a.port == "" && (port == "80" || port == "443") {
			return true
		}
	}
	return false
}

// HostError is a request that was not sent, because its host is not in AllowHosts.
// errors.Is(err, ErrHostNotAllowed) holds.
type HostError struct {
	// Host is the host and port that the request named.
	Host string
}

// Error names the host and the remedy.
func (e *HostError) Error() string {
	return fmt.Sprintf("apitest: %v: %s; nothing was sent; if it is yours, add it to AllowHosts", ErrHostNotAllowed, e.Host)
}

// Unwrap gives ErrHostNotAllowed.
func (e *HostError) Unwrap() error { return ErrHostNotAllowed }

// guardedTransport refuses every request to another host, redirects included.
type guardedTransport struct {
	allow allowList
	next  http.RoundTripper
}

func (t guardedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.check(req); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return t.next.RoundTrip(req)
}

func (t guardedTransport) check(req *http.Request) error {
	if !t.allow.allows(req.URL) {
		return &HostError{Host: req.URL.Host}
	}
	if req.Host == "" || req.Host == req.URL.Host {
		return nil
	}
	if !t.allow.allows(&url.URL{Scheme: req.URL.Scheme, Host: req.Host}) {
		return &HostError{Host: req.Host}
	}
	return nil
}
