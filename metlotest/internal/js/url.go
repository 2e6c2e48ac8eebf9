package js

import (
	"net/url"
	"strings"
)

// ParseURL simulates new URL(text). It returns the host, with the port unless it is the default, and the path, which
// starts with a slash. It reports false for a text that is not an absolute URL.
func ParseURL(text string) (host, path string, ok bool) {
	u, err := url.Parse(strings.TrimSpace(strings.ReplaceAll(text, `\`, "/")))
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "ws" || u.Scheme == "wss")
	if err != nil || u.Scheme == "" || web && u.Hostname() == "" || strings.ContainsAny(u.Hostname(), " <>^|%") {
		return "", "", false
	}
	host, path = strings.ToLower(u.Host), u.EscapedPath()
	if !web {
		return host, path + u.Opaque, true
	}
	port := map[string]string{"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}[u.Scheme]
	return strings.TrimSuffix(host, port), "/" + strings.TrimPrefix(path, "/"), true
}
