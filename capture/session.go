package capture

import (
	"net/http"
	"slices"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// credentials holds additional names, in lower case, of headers, cookies and parameters with credentials.
type credentials map[string]bool

// sessionOf returns the evidence of authentication in an exchange: whether the request had credentials, their kind, and whether the
// response rejected them. auth is the instance's authentication configuration of the host, or nil.
func (c credentials) sessionOf(x *analysis.Exchange, auth *metlo.AgentAuthConfig) *metlo.TraceSession {
	s := &metlo.TraceSession{AuthenticationSuccessful: x.Status != http.StatusUnauthorized && x.Status != http.StatusForbidden}
	if s.AuthType = c.kindOf(x, auth); s.AuthType != "" {
		s.AuthenticationProvided = true
	}
	return s
}

func (c credentials) kindOf(x *analysis.Exchange, auth *metlo.AgentAuthConfig) metlo.AuthType {
	if auth != nil && usesAuth(x, auth) {
		return auth.AuthType
	}
	found := metlo.AuthType("")
	for _, header := range x.RequestHeaders {
		name := strings.ToLower(header.Name)
		switch {
		case header.Value == "":
		case name == "authorization":
			return authorizationKind(header.Value)
		case name == "cookie":
			if found == "" && slices.ContainsFunc(cookieNames(header.Value), c.isSessionCookie) {
				found = metlo.AuthSessionCookie
			}
		case c[name] || isKeyHeader(name):
			found = metlo.AuthHeader
		}
	}
	for _, parameter := range x.Query {
		name := strings.ToLower(parameter.Name)
		if found == "" && parameter.Value != "" && (c[name] || isKeyParameter(name)) {
			found = metlo.AuthHeader
		}
	}
	return found
}

// usesAuth reports whether a request has the credentials that the instance configures for its host.
func usesAuth(x *analysis.Exchange, auth *metlo.AgentAuthConfig) bool {
	return slices.ContainsFunc(x.RequestHeaders, func(header analysis.Pair) bool {
		isCookie := auth.CookieName != "" && strings.EqualFold(header.Name, "Cookie") && slices.Contains(cookieNames(header.Value), auth.CookieName)
		return header.Value != "" && (isCookie || auth.HeaderKey != "" && strings.EqualFold(header.Name, auth.HeaderKey))
	})
}

// authorizationKind returns the kind of credentials in an Authorization header.
func authorizationKind(value string) metlo.AuthType {
	scheme, rest, _ := strings.Cut(value, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return metlo.AuthBasic
	case strings.EqualFold(scheme, "Bearer") && strings.Count(rest, ".") == 2:
		return metlo.AuthJWT
	}
	return metlo.AuthHeader
}

// cookieNames returns the names of the cookies that have a value.
func cookieNames(header string) []string {
	var names []string
	for pair := range strings.SplitSeq(header, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); value != "" {
			names = append(names, name)
		}
	}
	return names
}

// isSessionCookie reports whether a cookie of this name usually identifies a session.
func (c credentials) isSessionCookie(name string) bool {
	name = strings.ToLower(name)
	if c[name] || name == "sid" || strings.HasSuffix(name, ".sid") || strings.HasSuffix(name, "_sid") {
		return true
	}
	if strings.Contains(name, "csrf") || strings.Contains(name, "xsrf") {
		return false
	}
	for _, part := range []string{"session", "sess", "auth", "token", "jwt", "remember", "login"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func isKeyHeader(name string) bool {
	switch name {
	case "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token", "x-session-token", "x-auth", "x-token", "x-amz-security-token",
		"ocp-apim-subscription-key", "x-functions-key", "x-goog-api-key", "private-token", "x-vault-token", "x-jwt-assertion":
		return true
	}
	return false
}

func isKeyParameter(name string) bool {
	switch name {
	case "api_key", "apikey", "api-key", "access_token", "auth_token", "subscription-key":
		return true
	}
	return false
}
