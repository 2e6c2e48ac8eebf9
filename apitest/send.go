package apitest

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo/apitest/internal/cookies"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/netguard"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// response is what a step got.
type response struct {
	sent         *outgoing
	status       int
	text         string // reason phrase
	header       http.Header
	body         string
	data         any // the body decoded, or the body itself when it is not JSON
	isJSON       bool
	duration     time.Duration
	redirectedTo string // the path that a redirect led to; empty when there was none, or only to https or a slash
}

// send sends o, again if the step says so, and reads the whole response.
func (s *stepRun) send(ctx context.Context, o *outgoing) (*response, error) {
	retries := s.retries
	if s.step.Retry > 0 {
		retries = s.step.Retry
	}
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 4*time.Second) {
		s.res.Attempts++
		ex, err := s.attempt(ctx, o)
		if s.res.Attempts > retries || !worthRetrying(ctx, ex, err) {
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

// retryAfter reads seconds, at most 30.
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
		body: body, data: body, duration: time.Since(started), redirectedTo: elsewhere(o.url, *hops),
	}
	if v, ok := jsvalue.Decode([]byte(body)); ok {
		ex.data, ex.isJSON = v, true
	}
	return ex, nil
}

// httpClient gives the client of one attempt, and the addresses that redirects lead to while it works.
func (s *stepRun) httpClient(o *outgoing) (client *http.Client, hops *[]*url.URL) {
	copied := *s.client
	copied.Jar = cookies.StepJar{Jar: s.st.jars.For(o.identity()), Own: o.cookies}
	next := copied.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	copied.Transport = netguard.Transport{Allow: s.allow, Next: next}
	hops = &[]*url.URL{}
	callers := copied.CheckRedirect
	follow := s.step.Request.FollowRedirects
	copied.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if follow != nil && !*follow {
			return http.ErrUseLastResponse
		}
		*hops = append(*hops, req.URL)
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

// elsewhere gives where redirects led, unless that is the same page with https or another slash at its end.
func elsewhere(from *url.URL, hops []*url.URL) string {
	if len(hops) == 0 {
		return ""
	}
	to := hops[len(hops)-1]
	if to.Hostname() == from.Hostname() && strings.TrimSuffix(to.Path, "/") == strings.TrimSuffix(from.Path, "/") {
		return ""
	}
	if to.Hostname() != from.Hostname() {
		return to.Scheme + "://" + to.Host + to.EscapedPath()
	}
	return to.EscapedPath()
}

// unsentError is a request that reached nobody.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return "send: " + e.cause.Error() }
func (e *unsentError) Unwrap() error { return e.cause }

// neverSent says whether an error means that no request reached the service.
func neverSent(err error) bool {
	var unsent *unsentError
	var dial *net.OpError
	var name *net.DNSError
	var cert *tls.CertificateVerificationError
	return errors.As(err, &unsent) || errors.As(err, &name) || errors.As(err, &cert) || errors.As(err, &dial) && dial.Op == "dial"
}

// sendError makes a network error say what matters: the cause, without the query of the URL.
func sendError(ctx context.Context, err error, hops []*url.URL) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, ErrHostNotAllowed) && len(hops) > 0 {
		return fmt.Errorf("the service redirects to %s://%s: %w", hops[len(hops)-1].Scheme, hops[len(hops)-1].Host, err)
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
	if errors.Is(err, io.EOF) { // no body at all, as after HEAD
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

// statusLine is such as "404 Not Found".
func (x *response) statusLine() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", x.status, x.text))
}

// firstLine says what the response was: its status and the start of its body.
func (e *evaluator) firstLine() string {
	line, _, _ := strings.Cut(strings.TrimSpace(e.ex.body), "\n")
	if line == "" {
		return "the response is " + e.ex.statusLine() + " without a body"
	}
	line = line[:min(len(line), 10_000)] // a body of one line may be long
	return "the response is " + e.ex.statusLine() + ": " + cut(strings.TrimSpace(e.hide(strings.ToValidUTF8(line, "\ufffd"))), 80)
}

// isStructured says whether the body is a JSON object or list.
func (x *response) isStructured() bool {
	switch x.data.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// headerMap gives the headers as the original does: lower-case names, repeated values joined, set-cookie a list.
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

// fields gives resp without the body.
func (x *response) fields() map[string]any {
	return map[string]any{
		"status":     x.status,
		"statusText": x.text,
		"headers":    headerMap(x.header),
		"config":     x.config(),
		"duration":   int(x.duration.Milliseconds()),
	}
}

// value gives resp as paths see it.
func (x *response) value() map[string]any {
	v := x.fields()
	v["data"] = x.data
	return v
}

// scriptView gives resp as scripts see it. The interpreter parses the body, which keeps the order of keys.
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
