package apitest

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"

	metlo "github.com/metlo-go/metlo"
)

// outgoing is a request that is ready to be sent.
type outgoing struct {
	method  string
	url     *url.URL
	headers http.Header
	cookies []KeyValue
	body    []byte
	hasBody bool
}

var (
	placeholder      = regexp.MustCompile(`<<([^<>]*)>>`)
	wholePlaceholder = regexp.MustCompile(`^<<[^<>]*>>$`)
)

// prepare fills the templates of r.
func (r *Request) prepare(vars map[string]any) (*outgoing, error) {
	out := &outgoing{method: string(r.Method), headers: http.Header{}}
	text, err := render(r.URL, vars)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	if m := placeholder.FindStringSubmatch(text); m != nil {
		return nil, fmt.Errorf("url: %s is not filled in: set the variable %s", m[0], m[1])
	}
	if out.url, err = parseTarget(text); err != nil {
		return nil, err
	}
	if err := out.addQuery(r.Query, vars); err != nil {
		return nil, err
	}
	if err := out.addHeaders(r.Headers, vars); err != nil {
		return nil, err
	}
	if err := out.addBody(r, vars); err != nil {
		return nil, err
	}
	return out, nil
}

func parseTarget(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("url %q: it cannot be parsed", text)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("url %q: must start with http:// or https:// and a host; is BASE_URL set?", text)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func (o *outgoing) addQuery(query []KeyValue, vars map[string]any) error {
	for _, q := range query {
		name, value, err := renderPair(q, vars)
		if err != nil {
			return fmt.Errorf("query %s: %w", q.Name, err)
		}
		if wholePlaceholder.MatchString(value) {
			continue
		}
		if o.url.RawQuery != "" {
			o.url.RawQuery += "&"
		}
		o.url.RawQuery += escapeQuery(name) + "=" + escapeQuery(value)
	}
	return nil
}

func escapeQuery(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// addHeaders sets the headers. One whose value names a variable with COOKIE in it gives cookies instead,
// as generated tests for session cookies do.
func (o *outgoing) addHeaders(headers []KeyValue, vars map[string]any) error {
	for _, h := range headers {
		name, value, err := renderPair(h, vars)
		if err != nil {
			return fmt.Errorf("header %s: %w", h.Name, err)
		}
		if strings.Contains(h.Value, "COOKIE") || strings.EqualFold(name, "Cookie") {
			o.cookies = append(o.cookies, headerCookies(name, value)...)
			continue
		}
		o.headers.Add(name, value)
	}
	return nil
}

func renderPair(kv KeyValue, vars map[string]any) (name, value string, err error) {
	if name, err = render(kv.Name, vars); err != nil {
		return "", "", err
	}
	value, err = render(kv.Value, vars)
	return name, value, err
}

func (o *outgoing) addBody(r *Request, vars map[string]any) error {
	switch {
	case len(r.Form) > 0:
		return o.addForm(r.Form, vars)
	case r.GraphQL != "":
		o.setBody([]byte(`{"query":`+jsJSON(r.GraphQL)+`}`), "application/json")
		return nil
	case r.Data != "":
		data, err := render(r.Data, vars)
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		o.setBody([]byte(data), "")
	}
	if r.Method == metlo.MethodPost || r.Method == metlo.MethodPut || r.Method == metlo.MethodPatch {
		o.defaultContentType("application/x-www-form-urlencoded")
	}
	return nil
}

func (o *outgoing) addForm(form []KeyValue, vars map[string]any) error {
	var pairs [][2]string
	for _, f := range form {
		name, value, err := renderPair(f, vars)
		if err != nil {
			return fmt.Errorf("form %s: %w", f.Name, err)
		}
		pairs = append(pairs, [2]string{name, value})
	}
	given := o.headers.Get("Content-Type")
	kind, params, _ := mime.ParseMediaType(given)
	if kind == "application/x-www-form-urlencoded" {
		var b strings.Builder
		for i, p := range pairs {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(p[0]) + "=" + url.QueryEscape(p[1]))
		}
		o.setBody([]byte(b.String()), "")
		return nil
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if params["boundary"] != "" {
		if err := w.SetBoundary(params["boundary"]); err != nil {
			return fmt.Errorf("form: %w", err)
		}
	}
	for _, p := range pairs {
		if err := w.WriteField(p[0], p[1]); err != nil {
			return fmt.Errorf("form: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("form: %w", err)
	}
	o.headers.Set("Content-Type", w.FormDataContentType())
	o.setBody(b.Bytes(), "")
	return nil
}

func (o *outgoing) setBody(body []byte, contentType string) {
	o.body, o.hasBody = body, true
	if contentType != "" {
		o.defaultContentType(contentType)
	}
}

func (o *outgoing) defaultContentType(t string) {
	if o.headers.Get("Content-Type") == "" {
		o.headers.Set("Content-Type", t)
	}
}

func (o *outgoing) request(ctx context.Context) (*http.Request, error) {
	var body *bytes.Reader
	req, err := http.NewRequestWithContext(ctx, o.method, o.url.String(), nil)
	if o.hasBody {
		body = bytes.NewReader(o.body)
		req, err = http.NewRequestWithContext(ctx, o.method, o.url.String(), body)
	}
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.Header.Set("Accept", "application/json, text/plain, */*")
	for name, values := range o.headers {
		if textproto.CanonicalMIMEHeaderKey(name) == "Host" {
			req.Host = values[0]
			continue
		}
		req.Header[name] = values
	}
	for _, c := range o.cookies {
		addCookie(req, c)
	}
	return req, nil
}

// addCookie keeps the value as it is, which http.Request.AddCookie would quote or cut.
func addCookie(req *http.Request, c KeyValue) {
	pair := c.Name + "=" + c.Value
	if have := req.Header.Get("Cookie"); have != "" {
		pair = have + "; " + pair
	}
	req.Header.Set("Cookie", pair)
}
