package metlo

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/internal/wire"
)

// redirectMessage names the target's server only: its path and query may contain secrets.
func redirectMessage(here *url.URL, resp *http.Response) string {
	target, err := here.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return "the server redirects without saying where"
	}
	if here.Scheme == target.Scheme && here.Host == target.Host {
		return "the server redirects within itself: set the base URL under which it answers, or use https"
	}
	server := url.URL{Scheme: target.Scheme, Host: target.Host}
	return wire.OneLine("the server redirects to " + server.String() + ": set that as base URL")
}

// protocolHint returns a hint if the port speaks another protocol than the base URL's, and "" otherwise.
func protocolHint(err error) string {
	var record tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the port speaks plain http but the base URL is https: use http://, or the port that speaks TLS"
	case errors.As(err, &record):
		return "the port speaks neither TLS nor HTTP: is the port of the base URL right?"
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		return "the port speaks TLS but the base URL is http: use https://"
	case strings.Contains(text, "malformed HTTP"):
		return "the port does not speak HTTP: is the port of the base URL right?"
	}
	return ""
}

// addressHint returns a hint if a response shows that the address is wrong, and "" otherwise.
func (c *Client) addressHint(r *request, resp *http.Response, body []byte) string {
	text := string(body)
	if resp.StatusCode == http.StatusBadRequest && c.serverOf(r).Scheme == "http" && slices.ContainsFunc([]string{
		"HTTP request to an HTTPS server",           // Go
		"The plain HTTP request",                    // nginx
		"plain HTTP to an SSL-enabled server",       // Apache
		"combination of host and port requires TLS", // Tomcat
	}, func(mark string) bool { return strings.Contains(text, mark) }) {
		return "the port speaks TLS but the base URL is http: use https://"
	}
	if !r.collector && !strings.HasPrefix(r.path, "/log-request/") && resp.StatusCode >= 400 && strings.Contains(text, "Cannot set properties of undefined (setting 'body')") &&
		strings.Contains(text, "TypeError") {
		return "Metlo's collector answers, not its backend: the base URL is the collector's: pass that to WithCollectorURL"
	}
	return ""
}

// notFoundHint returns a hint about the address for a 404 that did not come from Metlo.
func notFoundHint(r *request, page string) string {
	page = cmp.Or(page, "an empty body")
	noRoute := strings.HasPrefix(page, "Cannot "+r.Method+" ")
	switch {
	case noRoute && r.collector:
		return "a server without this route answers (" + page + "): is the collector's URL that of Metlo's backend?"
	case noRoute:
		return "a server without this route answers (" + page + "): is the base URL that of Metlo's collector, or does this version of Metlo lack the route?"
	}
	return "404 that is not Metlo's (" + page + "): is the base URL right?"
}

// outage returns a description if the backend's or the collector's own stores failed, and "" otherwise.
func outage(r *request, status int, message string) string {
	_, address, refused := strings.Cut(message, "connect ECONNREFUSED ")
	switch {
	case status >= 500 && refused && strings.HasSuffix(address, ":5432"):
		return "Metlo's backend cannot reach its database (PostgreSQL): start the database, the key is not at fault"
	case status >= 500 && refused && strings.HasSuffix(address, ":6379"):
		return "Metlo's backend cannot reach its cache (Redis): start the cache, the key is not at fault"
	case status >= 500 && refused:
		return "Metlo's backend cannot reach a service that it needs"
	case status == http.StatusUnauthorized && r.collector:
		return "the key is wrong, or the collector cannot reach its database, for which it answers alike: check the database before you replace the key"
	}
	return ""
}
