// Package netguard blocks requests to hosts that the caller did not allow.
package netguard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// AllowList holds the hosts that may be called.
type AllowList []Host

// Host is a host that may be called.
type Host struct {
	scheme, host, port string // scheme and port are empty if every default is allowed
}

// Parse parses "api.example.com", "localhost:8080" or "http://localhost:8080".
func Parse(s string) (Host, error) {
	fault := func(why string) (Host, error) {
		return Host{}, fmt.Errorf("apitest: allowed host %q: %s; write \"api.example.com\", \"localhost:8080\" or \"http://localhost:8080\"", s, why)
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
		return fault("there are no wildcards: name each host")
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fault("it has more than scheme, host and port")
	case hasScheme && u.Scheme != "http" && u.Scheme != "https":
		return fault("the scheme must be http or https")
	}
	a := Host{scheme: u.Scheme, host: canonicalHost(u.Hostname()), port: u.Port()}
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

// Allows reports whether a request to u may be sent.
func (l AllowList) Allows(u *url.URL) bool {
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

// ErrHostNotAllowed means that the host of a request is not in the list. The request was not sent.
var ErrHostNotAllowed = errors.New("host not allowed")

// Refuse returns the error for a request to host.
func Refuse(host string) error {
	return fmt.Errorf("%w: %s; nothing was sent; if it is yours, add it to AllowHosts", ErrHostNotAllowed, host)
}

// Transport refuses requests to hosts that are not allowed, including redirects.
type Transport struct {
	Allow AllowList
	Next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.check(req); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return t.Next.RoundTrip(req)
}

func (t Transport) check(req *http.Request) error {
	if !t.Allow.Allows(req.URL) {
		return Refuse(req.URL.Host)
	}
	if req.Host == "" || req.Host == req.URL.Host {
		return nil
	}
	if !t.Allow.Allows(&url.URL{Scheme: req.URL.Scheme, Host: req.Host}) {
		return Refuse(req.Host)
	}
	return nil
}
