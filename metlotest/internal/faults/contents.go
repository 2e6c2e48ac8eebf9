package faults

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// errorBodyCap is the typical number of bytes that clients keep of an error's body.
const errorBodyCap = 16 << 10

// echoFailures returns those of proxies that show the request's headers, the key among them.
func echoFailures() []Failure {
	return []Failure{
		answering("echo in an error page", "502 with the request's headers in its page", func(x *responder) backend.Response {
			return backend.Text(http.StatusBadGateway, "<html><body><h1>Bad Gateway</h1><pre>"+html.EscapeString(x.headers())+"</pre></body></html>")
		}),
		answering("echo in a good page", "200 with the request's headers in its page", func(x *responder) backend.Response {
			return backend.Text(http.StatusOK, "<html><body><pre>"+html.EscapeString(x.headers())+"</pre></body></html>")
		}),
		answering("echo in JSON", "500 with the request's headers in a JSON message", func(x *responder) backend.Response {
			return backend.JSONResponse(http.StatusInternalServerError, map[string]any{"message": x.headers()})
		}),
		answering("echo in escaped JSON", "400 with each letter of the key as \\u00xx", func(x *responder) backend.Response {
			return backend.Response{Status: http.StatusBadRequest, ContentType: backend.TypeJSON, Body: []byte(`{"message":"` + escapedJSON(x.key()) + `"}`)}
		}),
		answering("echo in a name of JSON", "200 with the key as the name of a member", func(x *responder) backend.Response {
			return backend.Response{Status: http.StatusOK, ContentType: backend.TypeJSON, Body: []byte(`{"` + x.key() + `":1,"uuid":[]}`)}
		}),
		answering("echo in a long line", "200 with the key across the 1,000th byte of a text", func(x *responder) backend.Response {
			return backend.Text(http.StatusOK, strings.Repeat("-", 980)+x.key()+" and more")
		}),
		answering("echo across the cap", "500 with the key across the 16 KiB that an error keeps", func(x *responder) backend.Response {
			return backend.Text(http.StatusInternalServerError, strings.Repeat("-", errorBodyCap-len(x.key())/2)+x.key()+" and more")
		}),
		answering("echo across the cap of a success", "200 with the key across the 16 KiB that an error keeps", func(x *responder) backend.Response {
			return backend.Text(http.StatusOK, `[["`+strings.Repeat("-", errorBodyCap-len(x.key())/2-3)+x.key()+`"`)
		}),
		{
			Name: "echo that is cut", Does: "500 with a body that ends in the middle of the key",
			send: func(x *responder, _ backend.Response) {
				half := x.key()[:len(x.key())*2/3]
				x.head(backend.Response{Status: 500, ContentType: backend.TypeHTML}, contentLength(1000))
				x.write("Authorization: " + half)
				x.hangUp()
			},
		},
		{
			Name: "echo in a broken header", Does: "a head with the key in a line that is not a header",
			send: func(x *responder, res backend.Response) {
				x.pause(x.server.failure.Delay)
				x.write("HTTP/1.1 200 OK\r\n" + x.key() + "\r\n" + contentLength(len(res.Body)) + "\r\n\r\n" + string(res.Body))
				x.hangUp()
			},
		},
		{
			Name: "echo in the status line", Does: "a status line that is the key",
			send: func(x *responder, _ backend.Response) {
				x.pause(x.server.failure.Delay)
				x.write(x.key() + "\r\n\r\n")
				x.hangUp()
			},
		},
		{
			Name: "echo in the length", Does: "a Content-Length that is the key",
			send: func(x *responder, res backend.Response) {
				x.head(res, "Content-Length: "+x.key())
				x.hangUp()
			},
		},
		answering("echo in a redirect", "302 to another host with the key in its name, path and query", func(x *responder) backend.Response {
			key := url.QueryEscape(x.key())
			return redirect(http.StatusFound, "http://elsewhere.example/"+key+"?key="+key)
		}),
		answering("echo in a redirect to a host", "302 to a host that has the letters of the key as its name", func(x *responder) backend.Response {
			return redirect(http.StatusFound, "http://"+strings.NewReplacer("/", "", "+", "").Replace(x.key())+".example/")
		}),
	}
}

// headers returns the request's header as text.
func (x *responder) headers() string {
	var lines []string
	for name, values := range x.request.Header {
		lines = append(lines, name+": "+strings.Join(values, ", "))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

func (x *responder) key() string {
	if key := x.request.Header.Get("Authorization"); key != "" {
		return key
	}
	return "(no key)"
}

func escapedJSON(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(text) {
		b.WriteString(`\u00` + digits[text[i]>>4:text[i]>>4+1] + digits[text[i]&15:text[i]&15+1])
	}
	return b.String()
}

// contentFailures returns answers whose JSON has an unexpected form.
func contentFailures() []Failure {
	return []Failure{
		answering("half a tuple", "200 with [items] in place of [items, total], or with any other value in an array", func(x *responder) backend.Response {
			return x.edited(func(body string) string {
				if items, err := splitPair([]byte(body)); err == nil {
					return "[" + items + "]"
				}
				return "[" + body + "]"
			})
		}),
		answering("null", "200 with null", func(*responder) backend.Response { return backend.Ok(nil) }),
		answering("empty object", "200 with an object without members", func(*responder) backend.Response {
			return backend.Response{Status: http.StatusOK, ContentType: backend.TypeJSON, Body: []byte("{}")}
		}),
		answering("number", "200 with a number", func(*responder) backend.Response { return backend.Ok(1.0) }),
		answering("broken JSON", "200 with JSON that is not well formed", func(x *responder) backend.Response {
			return x.edited(func(body string) string { return strings.Replace(body+"}", ":", "=", 1) })
		}),
		answering("10,000 levels", "200 with arrays in arrays", func(*responder) backend.Response {
			return backend.Response{Status: http.StatusOK, ContentType: backend.TypeJSON, Body: []byte(levels(10_000))}
		}),
		answering("10,000 levels in an item", "200 with arrays in arrays as a member of each object", func(x *responder) backend.Response {
			return x.edited(func(body string) string {
				return strings.Replace(body, `"uuid":`, `"deep":`+levels(10_000)+`,"uuid":`, 1)
			})
		}),
		answering("duplicate keys", "200 with members of objects twice, the second of which counts", func(x *responder) backend.Response {
			return x.edited(func(body string) string {
				return strings.ReplaceAll(body, `"uuid":`, `"uuid":"00000000-0000-4000-8000-00000000dead","uuid":`)
			})
		}),
		answering("invalid UTF-8", "200 with strings that are not valid UTF-8", func(x *responder) backend.Response {
			return x.edited(func(body string) string {
				return strings.ReplaceAll(body, `"path":"`, "\"path\":\"\xff\xfe\xed\xa0\x80")
			})
		}),
		answering("numbers out of range", "200 with 1e999 for each number", func(x *responder) backend.Response {
			number := regexp.MustCompile(`([:,])(\d+)([,}\]])`)
			return x.edited(func(body string) string { return number.ReplaceAllString(body, "${1}1e999$3") })
		}),
	}
}

// edited returns the sound answer with another body if it is a success, and otherwise unchanged.
func (x *responder) edited(edit func(string) string) backend.Response {
	res := x.sound(backend.Spoil{})
	if res.Status == http.StatusOK {
		res.Body = []byte(edit(string(res.Body)))
	}
	return res
}

func levels(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// listFailures returns lists that cannot be walked, or not as one thinks. Other answers are sound.
func listFailures() []Failure {
	total := func(name, does, value string) Failure {
		return answering(name, does, func(x *responder) backend.Response {
			return x.edited(func(body string) string {
				items, err := splitPair([]byte(body))
				if err != nil {
					return body
				}
				return "[" + items + "," + value + "]"
			})
		})
	}
	return []Failure{
		answering("page that never advances", "each page of a list is its first 100 items", func(x *responder) backend.Response {
			return x.sound(backend.Spoil{PageCap: 100, IgnoreOffset: true})
		}),
		answering("offset ignored", "lists start at their first item", func(x *responder) backend.Response {
			return x.sound(backend.Spoil{IgnoreOffset: true})
		}),
		answering("limit capped", "no page has more than 50 items", func(x *responder) backend.Response {
			return x.sound(backend.Spoil{PageCap: 50})
		}),
		answering("total unknown", "lists come without a total", func(x *responder) backend.Response {
			return x.sound(backend.Spoil{UnknownTotal: true})
		}),
		answering("limit capped, total unknown", "no page has more than 50 items, and lists come without a total", func(x *responder) backend.Response {
			return x.sound(backend.Spoil{PageCap: 50, UnknownTotal: true})
		}),
		total("total too high", "the total of each list is 1,000,000", "1000000"),
		total("total of zero", "the total of each list is 0", "0"),
		total("total negative", "the total of each list is -1", "-1"),
		total("total of no number", "the total of each list is a word", `"many"`),
		total("total out of range", "the total of each list is 1e30", "1e30"),
	}
}
