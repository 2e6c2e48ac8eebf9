package apitest

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// exchange is a request with the response it got.
type exchange struct {
	sent     *outgoing
	status   int
	text     string // reason phrase
	header   http.Header
	body     string
	data     any // the body decoded, or the body itself when it is not JSON
	isJSON   bool
	duration time.Duration
}

// send sends o and reads the whole response.
func (s *settings) send(ctx context.Context, o *outgoing, jar *cookieJar) (*exchange, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.stepTimeout, fmt.Errorf("no complete response within %v", s.stepTimeout))
	defer cancel()
	req, err := o.request(ctx)
	if err != nil {
		return nil, err
	}
	client := *s.client
	client.Jar = stepJar{cookieJar: jar, own: o.cookies}
	next := client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	client.Transport = guardedTransport{allow: s.allow, next: next}
	started := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return nil, sendFault(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := s.readBody(resp)
	if err != nil {
		return nil, sendFault(ctx, err)
	}
	ex := &exchange{
		sent: o, status: resp.StatusCode, text: reason(resp), header: resp.Header,
		body: body, data: body, duration: time.Since(started),
	}
	if v, ok := decodeJSON([]byte(body)); ok {
		ex.data, ex.isJSON = v, true
	}
	return ex, nil
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

// value gives resp as paths see it.
func (x *exchange) value() map[string]any {
	return map[string]any{
		"data":       x.data,
		"status":     x.status,
		"statusText": x.text,
		"headers":    headerMap(x.header),
		"config":     x.config(),
		"duration":   int(x.duration.Milliseconds()),
	}
}

func (x *exchange) config() map[string]any {
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

// object gives resp as scripts see it. The body is parsed by the interpreter, which keeps the order of keys.
func (x *exchange) object(vm *goja.Runtime, parse func(string) (goja.Value, error)) (*goja.Object, error) {
	resp := vm.NewObject()
	for name, v := range x.value() {
		value, err := scriptValue(vm, parse, v)
		if name == "data" && x.isJSON {
			value, err = parse(x.body)
		}
		if err != nil {
			return nil, err
		}
		if err := resp.Set(name, value); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

func sortedHeaders(h http.Header) []KeyValue {
	var out []KeyValue
	for name, values := range h {
		for _, v := range values {
			out = append(out, KeyValue{Name: strings.ToLower(name), Value: v})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
