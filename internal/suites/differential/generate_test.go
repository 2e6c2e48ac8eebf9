package differential

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
)

// request is a generated request. Its target and body name rows by place, such as {endpoint:3}, because a server
// generates the ids.
type request struct {
	service, method, target, contentType, body string
	route                                      string
	raw                                        string // exact bytes of the request, instead of all above but the service
	fatal                                      bool   // the real server dies of it
}

func (r request) String() string {
	if r.raw != "" {
		return fmt.Sprintf("%.500q", r.raw)
	}
	return fmt.Sprintf("%s %s %q %.500q", r.method, r.target, r.contentType, r.body)
}

// generator generates the same requests from the same seed.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, seed))} }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g generator) odd() string {
	return g.one("", "x", "-1", "0", "1.5", "1e3", "null", "true", "[]", "{}", "ü", "'; --", `"`, "\\", "%", "(", "NaN",
		strings.Repeat("y", 300), "\x00", " ", "99999999999999999999")
}

func (g generator) id(kind string) string {
	if g.IntN(4) == 0 {
		return g.one("99999999-9999-4999-8999-999999999999", "x", "ü", "1", "00000000-0000-0000-0000-000000000000")
	}
	return fmt.Sprintf("{%s:%d}", kind, g.IntN(40))
}

// good returns sound values of parameters and of members of bodies.
func (g generator) good(name string) string {
	switch name {
	case "hosts", "host":
		return g.one("shop.example.com", "pay.example.com", "billing.example.local")
	case "riskScores":
		return g.one("none", "low", "medium", "high")
	case "methods":
		return g.one("GET", "POST", "PUT", "DELETE")
	case "status":
		return g.one("Open", "Resolved", "Ignored")
	case "alertTypes":
		return g.one("New Endpoint Detected", "PII Data Detected", "Endpoint not secured by SSL")
	case "dataClasses", "dataClass":
		return g.one("Email", "Credit Card Number", "Loyalty Number", "Address")
	case "locations", "dataSection", "location":
		return g.one("reqQuery", "reqBody", "resBody", "resHeaders")
	case "limit", "offset":
		return g.one("0", "1", "10", "1000")
	case "order":
		return g.one("ASC", "DESC")
	case "uuid", "apiEndpointUuid":
		return g.id("endpoint")
	case "endpoint":
		return g.one(g.id("endpoint"), "/v1/orders", "/v1/orders/{id}", "/v2/orders/1/{param1}")
	case "method":
		return g.one("GET", "POST", "get")
	case "isAuthenticated":
		return g.one("true", "false")
	case "hostType":
		return g.one("Any", "Public", "Private")
	}
	return g.one("a", "orders", "/v1")
}

func (g generator) query(names []string) string {
	var parts []string
	for _, name := range names {
		if g.IntN(3) > 0 {
			continue
		}
		for range 1 + g.IntN(2) {
			value := g.good(name)
			if g.IntN(5) == 0 {
				value = g.odd()
			}
			form := g.one("", "[]", "[]", "[0]", "[a]", "[][]")
			parts = append(parts, name+form+"="+strings.NewReplacer("%7B", "{", "%7D", "}", "%3A", ":").Replace(url.QueryEscape(value)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

// member is a name and its valid JSON value.
type member struct{ name, value string }

// object returns a body whose members are now and then absent or of a wrong type.
func (g generator) object(members ...member) string {
	var parts []string
	for _, m := range members {
		switch g.IntN(8) {
		case 0:
			continue
		case 1:
			m.value = g.one("null", "3", `"x"`, "[]", "{}", "true", "[null]", "-1.5", `""`, `"ü"`)
		}
		parts = append(parts, fmt.Sprintf("%q:%s", m.name, m.value))
	}
	if g.IntN(10) == 0 {
		parts = append(parts, `"unknown":1`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (g generator) quoted(values ...string) string { return fmt.Sprintf("%q", g.one(values...)) }

func (g generator) upload(field, name, text string) (contentType, body string) {
	boundary := "boundary7MA4YWxkTrZu0gW"
	body = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + field + "\"; filename=\"" + name +
		"\"\r\nContent-Type: application/json\r\n\r\n" + text + "\r\n--" + boundary + "--\r\n"
	return "multipart/form-data; boundary=" + boundary, body
}

// truncate cuts an upload short, which the real server does not survive.
func (g generator) truncate(body string) string { return body[:g.IntN(len(body))] }

// rawRequest returns one that Go's client does not send.
func (g generator) rawRequest() request {
	line := g.one("GET", "PUT", "DELETE") + " " + g.one("/api/v1/endpoint/%zz", "/api/v1/spec/%ff", "/api/v1/%zz", "/api/v1/alert/%E0%A4%A", "/%") + " HTTP/1.1"
	head, body := "Host: metlo.invalid\r\nConnection: close\r\n", ""
	chunked := "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
	switch g.IntN(8) {
	case 0:
		line = g.one("FETCH", "get", "GE T", "PRI") + " /api/v1/alerts HTTP/1.1"
	case 1:
		line = "GET /api/v1/spec/\xc3\xbc HTTP/1.1"
	case 2:
		head += g.one("Bad Header: x", ": x", "X\x00: y") + "\r\n"
	case 3:
		line, head = "PUT /api/v1/alerts HTTP/1.1", head+chunked
		body = g.one("zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n0\r\n\r\n", "2;x=y\r\n{}\r\n0\r\n\r\n", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "-1\r\n{}\r\n")
	case 4:
		line = g.one("QUERY", "M-SEARCH", "TRACE", "SOURCE") + " /api/v1/specs HTTP/1.1"
	case 5:
		line = "GET " + g.one("//api/v1/alerts", "/api/v1/./alerts", "/api/v1/x/../specs", "/api/v1/specs/", "/api/v1/<b>") + " HTTP/1.1"
	}
	return request{service: "backend", raw: line + "\r\n" + head + "\r\n" + body, route: "raw"}
}

// path inserts ids into the path of a route, sometimes in unusual spellings.
func (g generator) path(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		switch segment {
		case ":alert", ":endpoint", ":field", ":webhook":
			segments[i] = g.id(segment[1:])
		case ":spec":
			segments[i] = g.one("a.json", "b.yaml", "shop.yaml", "none")
		case ":key":
			segments[i] = fmt.Sprintf("key%%20%d", g.IntN(20))
		default:
			if g.IntN(60) == 0 {
				segments[i] = strings.ToUpper(segment)
			}
		}
	}
	path = strings.Join(segments, "/")
	if g.IntN(60) == 0 {
		path += "/"
	}
	return path
}
