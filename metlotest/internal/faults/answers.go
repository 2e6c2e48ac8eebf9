package faults

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// answering returns a failure that answers something else.
func answering(name, does string, answer func(*responder) backend.Response) Failure {
	return Failure{Name: name, Does: does, answer: answer}
}

// redirectFailures returns those in which the server sends the client away.
func redirectFailures() []Failure {
	failures := []Failure{
		answering("redirect to another host", "302 to a host of another name", func(x *responder) backend.Response {
			return redirect(http.StatusFound, "http://elsewhere.example"+x.request.RequestURI)
		}),
		answering("redirect to another port", "302 to another port of the same host", func(x *responder) backend.Response {
			return redirect(http.StatusFound, "http://"+x.server.elsewhere+x.request.RequestURI)
		}),
		{
			Name: "redirect to a subdomain", Does: "302 to a host below the server's", host: "localhost",
			answer: func(x *responder) backend.Response {
				host := hostOf(x.server.URL)
				return redirect(http.StatusFound, "http://api."+host+x.request.RequestURI)
			},
		},
		{
			Name: "redirect to plain http", Does: "302 from https to http on the same host and port", NeedsSocket: true, tls: tlsGood,
			answer: func(x *responder) backend.Response {
				host := hostOf(x.server.URL)
				return redirect(http.StatusFound, "http://"+host+x.request.RequestURI)
			},
		},
		answering("redirect loop", "302 to the same address for ever", func(x *responder) backend.Response {
			return redirect(http.StatusFound, x.request.RequestURI)
		}),
		answering("redirect to nowhere", "302 without a Location", func(*responder) backend.Response {
			return redirect(http.StatusFound, "")
		}),
		answering("redirect to no URL", "302 to what cannot be parsed", func(*responder) backend.Response {
			return redirect(http.StatusFound, "http://%zz/")
		}),
		answering("redirect to another scheme", "302 to a file", func(*responder) backend.Response {
			return redirect(http.StatusFound, "file:///etc/passwd")
		}),
	}
	for _, status := range []int{
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	} {
		failures = append(failures, answering(
			fmt.Sprintf("%d within the server", status),
			fmt.Sprintf("%d to the same path with a mark, where the answer is", status),
			func(x *responder) backend.Response {
				if strings.Contains(x.request.URL.RawQuery, "moved=1") {
					return x.sound(backend.Spoil{})
				}
				target := *x.request.URL
				if target.RawQuery != "" {
					target.RawQuery += "&"
				}
				target.RawQuery += "moved=1"
				return redirect(status, target.RequestURI())
			},
		))
	}
	return failures
}

func redirect(status int, location string) backend.Response {
	res := backend.Response{Status: status, ContentType: backend.TypeHTML, Body: []byte("moved"), Header: http.Header{}}
	if location != "" {
		res.Header.Set("Location", location)
	}
	return res
}

// statusFailures returns answers of a server or a proxy that cannot or will not serve.
func statusFailures() []Failure {
	failures := []Failure{
		answering("login page", "200 with the page of a login proxy", func(*responder) backend.Response {
			return backend.Text(http.StatusOK, loginPage)
		}),
		answering("204", "204 without a body", func(*responder) backend.Response {
			return backend.Response{Status: http.StatusNoContent}
		}),
		answering("200 without a body", "200 with a body of no bytes", func(*responder) backend.Response {
			return backend.Response{Status: http.StatusOK, ContentType: backend.TypeJSON}
		}),
		answering("500 without a body", "500 and nothing else, as a handler answers that failed", func(*responder) backend.Response {
			return backend.Response{Status: http.StatusInternalServerError}
		}),
		answering("500 page", "the page that Express shows for an error", func(*responder) backend.Response {
			return backend.HTMLPage(http.StatusInternalServerError,
				"Error: connect ECONNREFUSED 127.0.0.1:5432", "TCPConnectWrap.afterConnect (net.js:1159:16)")
		}),
		answering("401 in the middle", "401 from the second request on, as after a session's end", func(x *responder) backend.Response {
			if x.number == 1 {
				return x.sound(backend.Spoil{})
			}
			return backend.Text(http.StatusUnauthorized, "Client unauthorized")
		}),
	}
	failures = append(failures, fieldFailures()...)
	for _, status := range []int{401, 403, 404, 405, 407, 408, 409, 413, 418, 421, 425, 501, 502, 504, 507, 520, 527, 530, 599} {
		failures = append(failures, answering(
			fmt.Sprintf("%d page", status), fmt.Sprintf("the page of a proxy with status %d", status),
			func(*responder) backend.Response {
				return backend.Text(status, fmt.Sprintf(proxyPage, status, "nginx"))
			},
		))
	}
	return failures
}

// fieldFailures returns answers of servers that a wrong address leads to, and of gateways that change what they forward.
func fieldFailures() []Failure {
	answer := func(status int, contentType, body string, headers ...string) func(*responder) backend.Response {
		return func(*responder) backend.Response {
			res := backend.Response{Status: status, ContentType: contentType, Body: []byte(body), Header: http.Header{}}
			for i := 0; i < len(headers); i += 2 {
				res.Header.Add(headers[i], headers[i+1])
			}
			return res
		}
	}
	return []Failure{
		answering("another protocol", "101, and nothing after it",
			answer(http.StatusSwitchingProtocols, "", "", "Connection", "Upgrade", "Upgrade", "websocket")),
		answering("404 of an Ingress", "404 with the text of a default backend",
			answer(http.StatusNotFound, "text/plain; charset=utf-8", "default backend - 404")),
		answering("404 of a gateway", "404 with a JSON object", answer(http.StatusNotFound, backend.TypeJSON, `{"message":"no Route matched with those values"}`)),
		answering("404 without a body", "404 and nothing else", answer(http.StatusNotFound, "", "")),
		answering("404 Not Found", "404 with the two words that many servers send", answer(http.StatusNotFound, backend.TypeHTML, "Not Found")),
		answering("plain http to a TLS port", "400 in nginx's words", answer(http.StatusBadRequest, backend.TypeHTML,
			"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>")),
		answering("answer in brotli", "200 in an encoding that was not asked for",
			answer(http.StatusOK, backend.TypeJSON, "\x8b\x01\x80[]\x03", "Content-Encoding", "br")),
		answering("answer in gzip twice", "200 in gzip of gzip", answer(http.StatusOK, backend.TypeJSON, "\x1f\x8b", "Content-Encoding", "gzip, gzip")),
	}
}

const (
	loginPage = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form method=post><input name=user></form></body></html>"
	proxyPage = "<html>\r\n<head><title>%d</title></head>\r\n<body><hr><center>%s</center></body>\r\n</html>\r\n"
)

// retryAfterFailures returns 429 and 503 with every form of Retry-After.
func retryAfterFailures() []Failure {
	var failures []Failure
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		for _, form := range []struct {
			name  string
			value func(now time.Time) string
		}{
			{"without Retry-After", func(time.Time) string { return "" }},
			{"Retry-After seconds", func(time.Time) string { return "2" }},
			{"Retry-After date", func(now time.Time) string { return now.Add(3 * time.Second).UTC().Format(http.TimeFormat) }},
			{"Retry-After past date", func(now time.Time) string { return now.Add(-time.Hour).UTC().Format(http.TimeFormat) }},
			{"Retry-After zero", func(time.Time) string { return "0" }},
			{"Retry-After negative", func(time.Time) string { return "-5" }},
			{"Retry-After huge", func(time.Time) string { return "99999999999999999999" }},
			{"Retry-After fraction", func(time.Time) string { return "1.5" }},
			{"Retry-After unit", func(time.Time) string { return "2s" }},
			{"Retry-After twice", func(time.Time) string { return "2, 2" }},
			{"Retry-After date in UTC", func(now time.Time) string { return now.Add(3 * time.Second).UTC().Format(time.RFC1123) }},
			{"Retry-After garbage", func(time.Time) string { return "soon" }},
		} {
			failures = append(failures, answering(
				fmt.Sprintf("%d %s", status, form.name), fmt.Sprintf("%d, with this form of the header", status),
				func(*responder) backend.Response {
					res := backend.Text(status, "slow down")
					if value := form.value(time.Now()); value != "" {
						res.Header = http.Header{"Retry-After": {value}}
					}
					return res
				},
			))
		}
	}
	return failures
}
