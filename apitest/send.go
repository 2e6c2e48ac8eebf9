package apitest

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo/apitest/internal/cookies"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/netguard"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// response is the response to a step.
type response struct {
	sent     *outgoing
	status   int
	text     string // reason phrase of the status
	header   http.Header
	body     string
	data     any // decoded body, or the body as a string if it is not JSON
	isJSON   bool
	duration time.Duration
	// detour describes how redirects led to another request, or is empty.
	detour string
}

// send sends o, with retries, and reads the whole response.
func (s *stepRun) send(ctx context.Context, o *outgoing) (*response, error) {
	retries := s.retries
	if s.step.Retry > 0 {
		retries = s.step.Retry
	}
	before := s.res.Attempts
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 4*time.Second) {
		s.res.Attempts++
		ex, err := s.attempt(ctx, o)
		if s.res.Attempts-before > retries || !worthRetrying(ctx, ex, err) {
			return ex, err
		}
		if ex != nil {
			wait = max(wait, retryAfter(ex.header))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ex, err
		}
	}
}

func worthRetrying(ctx context.Context, ex *response, err error) bool {
	if ctx.Err() != nil || errors.Is(err, ErrHostNotAllowed) {
		return false
	}
	if err != nil {
		return true
	}
	switch ex.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter returns the value of Retry-After, up to 30 seconds.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 30)) * time.Second
}

func (s *stepRun) attempt(ctx context.Context, o *outgoing) (*response, error) {
	if err := s.pace.wait(ctx, o.url.Host); err != nil {
		return nil, &unsentError{err}
	}
	timeout := s.stepTimeout
	if s.step.Timeout > 0 {
		timeout = s.step.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no complete response within %v: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	req, err := o.request(ctx)
	if err != nil {
		return nil, &unsentError{err}
	}
	client, hops := s.httpClient(o)
	started := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return nil, sendError(ctx, err, *hops)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := s.readBody(resp)
	if err != nil {
		return nil, sendError(ctx, err, *hops)
	}
	ex := &response{
		sent: o, status: resp.StatusCode, text: reason(resp), header: resp.Header,
		body: body, data: body, duration: time.Since(started),
		detour: detour(o, *hops, body, s.step.Request.FollowRedirects != nil),
	}
	if v, ok := jsvalue.Decode([]byte(body)); ok {
		ex.data, ex.isJSON = v, true
	}
	return ex, nil
}

// httpClient returns the client of one attempt. It stores the redirects that it follows in hops.
func (s *stepRun) httpClient(o *outgoing) (client *http.Client, hops *[]hop) {
	copied := *s.client
	copied.Jar = cookies.StepJar{Jar: s.st.jars.For(o.identity()), Own: o.cookies}
	next := copied.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	copied.Transport = netguard.Transport{Allow: s.allow, Next: next}
	if s.handler != nil {
		copied.Transport = inProcess{s.handler}
	}
	hops = &[]hop{}
	callers := copied.CheckRedirect
	follow := s.step.Request.FollowRedirects
	copied.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if follow != nil && !*follow {
			return http.ErrUseLastResponse
		}
		*hops = append(*hops, hop{req.Method, req.URL})
		if callers != nil {
			return callers(req, via)
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &copied, hops
}

// hop is a request that a redirect led to.
type hop struct {
	method string
	url    *url.URL
}

var (
	loginPath     = regexp.MustCompile(`(?i)(^|[/._-])(log[-_]?[io]n|sign[-_]?in|sso|saml2?|oauth2?|oidc|authorize|authenticate|auth)([/._-]|$)|/sessions?/new`)
	metaElement   = regexp.MustCompile(`(?i)<meta\b[^>]*\bhttp-equiv\s*=\s*["']?refresh\b[^>]*>`)
	refreshURL    = regexp.MustCompile(`(?i)\burl\s*=\s*["']?([^"'>\s]+)`)
	passwordField = regexp.MustCompile(`(?i)<input[^>]*\btype\s*=\s*["']?password\b`)
)

// detour returns why redirects led to another request, or "". They did if the method changed or if they led to a
// login page. Unless redirects are expected, they also did if they led to another page.
func detour(o *outgoing, hops []hop, body string, expected bool) string {
	if m := refreshURL.FindStringSubmatch(metaElement.FindString(body[:min(len(body), 64<<10)])); m != nil {
		if to, err := o.url.Parse(html.UnescapeString(m[1])); err == nil && leadsToLogin(o.url, to) {
			return fmt.Sprintf("the page redirects browsers to %s, which is a login page, so the endpoint was not reached: check the credentials", to.EscapedPath())
		}
	}
	if len(hops) == 0 {
		return ""
	}
	from, last := o.url, hops[len(hops)-1]
	to := last.url
	shown := to.EscapedPath()
	if to.Host != from.Host {
		shown = to.Scheme + "://" + to.Host + shown
	}
	for _, h := range hops {
		if h.method != o.method {
			return fmt.Sprintf("a redirect to %s changed the method from %s to %s, so the endpoint was not reached: correct the address, "+
				"or write followRedirects: false and request the other page in another step", shown, o.method, h.method)
		}
	}
	if passwordField.MatchString(body) || leadsToLogin(from, to) {
		return fmt.Sprintf("a redirect led to %s, which is a login page, so the endpoint was not reached: check the credentials, "+
			"or write followRedirects: false to test the redirect itself", shown)
	}
	if expected || samePage(from, to) {
		return ""
	}
	return fmt.Sprintf("a redirect led to %s: write followRedirects: true if the redirect is expected, or false to test the redirect itself", shown)
}

// leadsToLogin reports whether to has the name of a login page and from does not.
func leadsToLogin(from, to *url.URL) bool {
	return loginPath.MatchString(to.Path) && !loginPath.MatchString(from.Path)
}

// samePage reports whether two addresses differ only in https or in a slash at the end of the path.
func samePage(from, to *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() == "80" && u.Scheme == "http" || u.Port() == "443" && u.Scheme == "https" {
			return ""
		}
		return u.Port()
	}
	return to.Hostname() == from.Hostname() && port(to) == port(from) && to.RawQuery == from.RawQuery &&
		strings.TrimSuffix(to.Path, "/") == strings.TrimSuffix(from.Path, "/")
}

// unsentError is the error of a request that was not sent.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return "send: " + e.cause.Error() }
func (e *unsentError) Unwrap() error { return e.cause }

// neverSent reports whether an error means that no request reached the service.
func neverSent(err error) bool {
	var unsent *unsentError
	var dial *net.OpError
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &unsent) || errors.As(err, &name) || errors.As(err, &cert) || errors.As(err, &dial) && dial.Op == "dial"
}

// sendError returns the cause of a network error, without the query of the URL.
func sendError(ctx context.Context, err error, hops []hop) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, ErrHostNotAllowed) && len(hops) > 0 {
		return fmt.Errorf("the service redirects to %s://%s: %w", hops[len(hops)-1].url.Scheme, hops[len(hops)-1].url.Host, err)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, ErrHostNotAllowed) {
		return fmt.Errorf("send: %w", cause)
	}
	return fmt.Errorf("send: %w", err)
}

func (s *settings) readBody(resp *http.Response) (string, error) {
	r := io.Reader(resp.Body)
	var err error
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if errors.Is(err, io.EOF) { // a response to HEAD has no body
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("decompress the response: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(r, s.maxBody+1))
	if err != nil {
		return "", fmt.Errorf("read the response: %w", err)
	}
	if int64(len(body)) > s.maxBody {
		return "", fmt.Errorf("the response is longer than %d bytes: raise WithMaxResponseBytes", s.maxBody)
	}
	return strings.TrimPrefix(string(body), "\ufeff"), nil
}

func reason(resp *http.Response) string {
	if _, text, ok := strings.Cut(resp.Status, " "); ok && text != "" {
		return text
	}
	return http.StatusText(resp.StatusCode)
}

// statusLine returns the status with its reason phrase, such as "404 Not Found".
func (x *response) statusLine() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", x.status, x.text))
}

// firstLine describes the response by its status and the start of its body.
func (e *evaluator) firstLine() string {
	line, _, _ := strings.Cut(strings.TrimSpace(e.ex.body), "\n")
	if line == "" {
		return "the response is " + e.ex.statusLine() + " without a body"
	}
	line = line[:min(len(line), 10_000)] // a line may be as long as the body
	return "the response is " + e.ex.statusLine() + ": " + cut(strings.TrimSpace(e.hide(strings.ToValidUTF8(line, "\ufffd"))), 80)
}

// isStructured reports whether the body is a JSON object or list.
func (x *response) isStructured() bool {
	switch x.data.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// headerMap returns the headers as in the original library: names in lower case, repeated values joined, and set-cookie
// as a list.
func headerMap(h http.Header) map[string]any {
	out := make(map[string]any, len(h))
	for name, values := range h {
		name = strings.ToLower(name)
		if name == "set-cookie" {
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			out[name] = list
			continue
		}
		out[name] = strings.Join(values, ", ")
	}
	return out
}

// fields returns resp without the body.
func (x *response) fields() map[string]any {
	return map[string]any{
		"status":     x.status,
		"statusText": x.text,
		"headers":    headerMap(x.header),
		"config":     x.config(),
		"duration":   int(x.duration.Milliseconds()),
	}
}

// value returns resp as paths read it.
func (x *response) value() map[string]any {
	v := x.fields()
	v["data"] = x.data
	return v
}

// scriptView returns resp as scripts read it. The interpreter parses the body, which keeps the order of keys.
func (x *response) scriptView() *script.Response {
	return &script.Response{Fields: x.fields(), Body: x.body, JSON: x.isJSON}
}

func (x *response) config() map[string]any {
	c := map[string]any{
		"url":     x.sent.url.String(),
		"method":  strings.ToLower(x.sent.method),
		"headers": headerMap(x.sent.headers),
	}
	if x.sent.hasBody {
		c["data"] = string(x.sent.body)
	}
	return c
}
