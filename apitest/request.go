package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/cookies"
	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// outgoing is a request that is ready to be sent.
type outgoing struct {
	method  string
	url     *url.URL
	headers http.Header
	cookies []cookies.Cookie
	form    []string // names and values of the form, alternating
	body    []byte
	hasBody bool
}

// preparation fills in the templates of a request and records what they lack.
type preparation struct {
	*outgoing
	st       *state
	problems []string
	lenient  bool
}

// prepare fills in the templates of r. problems are the reasons why the request differs from its author's
// intent.
func (s *state) prepare(r *Request, lenient bool) (out *outgoing, problems []string, err error) {
	p := &preparation{outgoing: &outgoing{method: string(r.Method), headers: http.Header{}}, st: s, lenient: lenient}
	text, err := p.url(r.URL)
	if err != nil {
		return nil, nil, err
	}
	if p.outgoing.url, err = p.parseTarget(text); err != nil {
		return nil, nil, err
	}
	if err := p.addQuery(r.Query); err != nil {
		return nil, nil, err
	}
	if err := p.addHeaders(r.Headers); err != nil {
		return nil, nil, err
	}
	if err := p.addBody(r); err != nil {
		return nil, nil, err
	}
	return p.outgoing, p.problems, nil
}

// render fills in one text.
func (p *preparation) render(where, text string, emptyCounts bool) (string, error) {
	return p.renderWith(where, text, emptyCounts, func(value string, uses []handlebars.Use) string {
		if p.st.fromPayload(uses) {
			if why := changed(where, value); why != "" {
				p.problems = append(p.problems, where+": "+why)
			}
		}
		return value
	})
}

// changed describes how a part of a request would change a payload, or returns "".
func changed(where, value string) string {
	switch header, isHeader := strings.CutPrefix(where, "header "); {
	case isHeader && strings.ContainsAny(value, "\r\n\x00"):
		return "the payload contains a character that a header cannot contain"
	case isHeader && strings.Trim(value, " \t") != value:
		return "the payload starts or ends with a space, which a header does not keep"
	case isHeader && (strings.EqualFold(header, "Cookie")) && strings.ContainsAny(value, ";, \t\"\\"):
		return "the payload contains a character that a cookie cannot contain"
	case where == "data" && strings.ContainsRune(value, '\ufffd'):
		return "the payload is not valid UTF-8, so JSON cannot contain it"
	}
	return ""
}

func (p *preparation) renderWith(where, text string, emptyCounts bool, escape func(string, []handlebars.Use) string) (string, error) {
	out, uses, err := handlebars.RenderWith(text, p.st.vars, escape)
	if err != nil {
		return "", fmt.Errorf("%s: %w", where, err)
	}
	p.problems = append(p.problems, p.st.problems(where, uses, emptyCounts)...)
	if name := placeholderIn(text); name != "" {
		p.problems = append(p.problems, fmt.Sprintf("%s: <<%s>> is not filled in", where, name))
	}
	return out, nil
}

// url fills in the URL. It encodes a # in a variable, and every byte of a payload that some server reads as a
// separator. A # in the path of the file starts a fragment, which is not sent.
func (p *preparation) url(text string) (string, error) {
	text = strings.TrimSpace(text)
	start := true // a payload at the start is a whole address
	out, err := p.renderWith("url", text, true, func(value string, uses []handlebars.Use) string {
		whole := start && strings.HasPrefix(text, "{{")
		start = false
		switch {
		case p.lenient || whole || !p.st.fromPayload(uses):
			return strings.ReplaceAll(value, "#", "%23")
		case value == "." || value == "..":
			p.problems = append(p.problems, fmt.Sprintf("url: the payload %q is a path segment that clients and proxies remove: put it into another place", value))
		}
		return escapeQuery(value)
	})
	if err != nil {
		return "", err
	}
	if p.lenient {
		if m := wholeName.FindStringSubmatch(out); m != nil {
			return "", fmt.Errorf("url: %s is not filled in: set the variable %s", m[0], m[1])
		}
	}
	return encodeTarget(out), nil
}

// fromPayload reports whether one of the variables holds a payload.
func (s *state) fromPayload(uses []handlebars.Use) bool {
	return slices.ContainsFunc(uses, func(u handlebars.Use) bool {
		root, _, _ := strings.Cut(u.Name, ".")
		_, found := s.payload[root]
		return found
	})
}

var wholeName = regexp.MustCompile(`<<([^<>]*)>>`)

// encodeTarget percent-encodes the bytes of a URL's path and query that are not allowed there. It does not change %XX.
func encodeTarget(text string) string {
	start := 0
	if i := strings.Index(text, "://"); i >= 0 {
		start = i + 3
	}
	end := strings.IndexAny(text[start:], "/?#")
	if end < 0 {
		return text
	}
	start += end
	var b strings.Builder
	b.WriteString(text[:start])
	inQuery := false
	for i := start; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '#' && !inQuery:
			return b.String()
		case c == '?' && !inQuery:
			inQuery = true
			b.WriteByte(c)
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]), mayStand(c, inQuery):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func mayStand(c byte, inQuery bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	case c == '\'', c == ';': // some servers drop a query with a semicolon, others split it there
		return !inQuery
	}
	return strings.IndexByte("-._~!$&()*+,;=:@/?", c) >= 0
}

func (p *preparation) parseTarget(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch valid := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""; {
	case valid:
		return u, nil
	case len(p.problems) > 0 && !p.lenient:
		return nil, errors.New(strings.Join(p.problems, "; "))
	case err != nil:
		return nil, fmt.Errorf("url %q: it cannot be parsed", text)
	}
	return nil, fmt.Errorf("url %q: must start with http:// or https:// and a host: check the variable BASE_URL", text)
}

func (p *preparation) addQuery(query []KeyValue) error {
	o := p.outgoing
	for _, q := range query {
		name, value, err := p.renderPair("query", q, false)
		if err != nil {
			return err
		}
		if p.lenient && wholePlaceholder.MatchString(value) {
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

// addHeaders sets the headers. A header whose value uses a variable with COOKIE in its name sets cookies instead, as
// generated tests for session cookies do.
func (p *preparation) addHeaders(headers []KeyValue) error {
	o := p.outgoing
	for _, h := range headers {
		name, value, err := p.renderPair("header", h, true)
		if err != nil {
			return err
		}
		if strings.Contains(h.Value, "COOKIE") || strings.EqualFold(name, "Cookie") {
			o.cookies = append(o.cookies, cookies.FromHeader(name, value)...)
			continue
		}
		o.headers.Add(name, value)
	}
	return nil
}

func (p *preparation) renderPair(part string, kv KeyValue, emptyCounts bool) (name, value string, err error) {
	where := part + " " + kv.Name
	if name, err = p.render(where, kv.Name, true); err != nil {
		return "", "", err
	}
	value, err = p.render(where, kv.Value, emptyCounts)
	return name, value, err
}

// identity returns the credentials in the headers and cookies of a request.
func (o *outgoing) identity() string {
	var parts []string
	for name, values := range o.headers {
		if identifies(name) {
			parts = append(parts, name+"="+strings.Join(values, ","))
		}
	}
	for _, c := range o.cookies {
		parts = append(parts, "cookie "+c.Name+"="+c.Value)
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

var credentialWord = regexp.MustCompile(`(?i)auth|cookie|token|secret|session|credential|password|jwt|key|csrf|signature`)

// isCredential reports whether a header of that name holds a credential, which reports must not show.
func isCredential(header string) bool { return credentialWord.MatchString(header) }

var (
	// perRequest matches headers that look like credentials but change with every request of an identity.
	perRequest = regexp.MustCompile(`(?i)csrf|xsrf|idempotency|websocket|^access-control-`)
	// credentialParameter matches names of query parameters and form fields that hold a credential. It is stricter than
	// the one for headers, because parameters often have names such as author and keyword.
	credentialParameter = regexp.MustCompile(`(?i:(^|[^a-z])(auth|authorization|(access|id|refresh)?token|secret|session(id)?|sid|` +
		`credentials?|passw(or)?d|pwd|jwt|(api)?key|signature)([^a-z]|$))|[a-z](Token|Key|Secret|Session|Password)([^a-z]|$)`)
)

// identifies reports whether a header of that name identifies the sender of a request.
func identifies(header string) bool { return isCredential(header) && !perRequest.MatchString(header) }

// isSecretParameter reports whether a query parameter or a form field of that name holds a credential.
func isSecretParameter(name string) bool { return credentialParameter.MatchString(name) }

func (p *preparation) addBody(r *Request) error {
	o := p.outgoing
	switch {
	case len(r.Form) > 0:
		return p.addForm(r.Form)
	case r.GraphQL != "":
		o.setBody([]byte(`{"query":`+jsvalue.JSON(r.GraphQL)+`}`), "application/json")
		return nil
	case r.Data != "":
		data, err := p.render("data", r.Data, false)
		if err != nil {
			return err
		}
		o.setBody([]byte(data), "")
	}
	if r.Method == metlo.MethodPost || r.Method == metlo.MethodPut || r.Method == metlo.MethodPatch {
		o.defaultContentType("application/x-www-form-urlencoded")
	}
	return nil
}

func (p *preparation) addForm(form []KeyValue) error {
	o := p.outgoing
	var pairs [][2]string
	for _, f := range form {
		name, value, err := p.renderPair("form", f, false)
		if err != nil {
			return err
		}
		pairs = append(pairs, [2]string{name, value})
		o.form = append(o.form, name, value)
	}
	given := o.headers.Get("Content-Type")
	kind, params, _ := mime.ParseMediaType(given)
	if kind == "application/x-www-form-urlencoded" {
		var b strings.Builder
		for i, pair := range pairs {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(pair[0]) + "=" + url.QueryEscape(pair[1]))
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
	for _, pair := range pairs {
		if err := w.WriteField(pair[0], pair[1]); err != nil {
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

// addCookie adds a cookie without changing its value, which http.Request.AddCookie would quote or cut.
func addCookie(req *http.Request, c cookies.Cookie) {
	pair := c.Name + "=" + c.Value
	if have := req.Header.Get("Cookie"); have != "" {
		pair = have + "; " + pair
	}
	req.Header.Set("Cookie", pair)
}
