package apitest

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

const masked = "***"

// secrets holds the texts of a run that must not be printed.
type secrets struct {
	mu      sync.Mutex      // guards texts and masker, since payloads run concurrently
	vars    map[string]bool // variables whose whole value is secret
	globals map[string]bool
	sources []string // templates of credentials
	texts   map[string]bool
	masker  *masker // nil if texts has changed
}

func newSecrets(env map[string]any, c *Config) *secrets {
	s := &secrets{vars: map[string]bool{}, globals: map[string]bool{}, texts: map[string]bool{}}
	for name, v := range env {
		if text, ok := v.(string); ok && !isAddress(text) {
			s.vars[name] = true
			s.add(text)
		}
		if global, ok := v.(map[string]any); ok {
			for name, v := range global {
				if text, ok := v.(string); ok && !isAddress(text) {
					s.globals[name] = true
					s.add(text)
				}
			}
		}
	}
	for i := range c.Test {
		r := &c.Test[i].Request
		for _, h := range r.Headers {
			if !isCredential(h.Name) && !strings.Contains(h.Value, "COOKIE") {
				continue
			}
			s.sources = append(s.sources, h.Value)
			if !strings.Contains(h.Value, "{{") {
				s.addCredential(h.Value)
			}
		}
		for _, kv := range slices.Concat(r.Query, r.Form) {
			if isSecretParameter(kv.Name) {
				s.sources = append(s.sources, kv.Value)
			}
		}
		s.addWritten(r)
	}
	return s
}

// addExtracted adds an extracted value that a later step uses as a credential.
func (s *secrets) addExtracted(name string, value any) {
	if slices.ContainsFunc(s.sources, func(source string) bool { return namesVariable(source, name) }) {
		s.add(jsvalue.String(value))
	}
}

// isAddress reports whether a value is a plain address such as BASE_URL, which reports need and which is not a secret.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// add adds a secret text. It ignores texts that are too short or too common, which would make reports unreadable.
func (s *secrets) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	digits := strings.Trim(text, "0123456789") == ""
	if len(text) < 4 || digits && len(text) < 6 || slices.Contains([]string{"true", "false", "null"}, text) || s.texts[text] {
		return
	}
	s.texts[text] = true
	s.masker = nil
}

// addCredential adds the value of a header with credentials, and the parts of the value.
func (s *secrets) addCredential(v string) {
	s.add(v)
	scheme, rest, ok := strings.Cut(v, " ")
	if !ok {
		return
	}
	s.add(strings.TrimSpace(rest))
	if pair, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "basic") {
		_, password, _ := strings.Cut(string(pair), ":")
		s.add(string(pair))
		s.add(password)
	}
}

// addParameter adds the value of a query parameter, a form field or a JSON member whose name is that of a credential.
// It ignores payloads, and values that equal the name.
func (s *secrets) addParameter(name, value string, payloads map[string]string) {
	if !isSecretParameter(name) || strings.EqualFold(name, value) || strings.Contains(value, "{{") {
		return
	}
	for _, payload := range payloads {
		if strings.Contains(value, payload) {
			return
		}
	}
	s.add(value)
}

// addWritten adds the credentials in a request of the test file, which may never be sent.
func (s *secrets) addWritten(r *Request) {
	written := &outgoing{url: &url.URL{}, body: []byte(r.Data)}
	if _, query, ok := strings.Cut(r.URL, "?"); ok {
		written.url.RawQuery = query
	}
	for _, kv := range slices.Concat(r.Query, r.Form) {
		written.form = append(written.form, kv.Name, kv.Value)
	}
	s.addParameters(written, nil)
}

// addMembers adds the credentials in a decoded JSON body.
func (s *secrets) addMembers(v any, payloads map[string]string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			s.addMembers(e, payloads)
		}
	case map[string]any:
		for name, e := range v {
			if text, ok := e.(string); ok {
				s.addParameter(name, text, payloads)
			}
			s.addMembers(e, payloads)
		}
	}
}

// addParameters adds the credentials in the query, the form and the JSON body of a request.
func (s *secrets) addParameters(o *outgoing, payloads map[string]string) {
	for name, values := range o.url.Query() {
		for _, v := range values {
			s.addParameter(name, v, payloads)
		}
	}
	for i := 0; i+1 < len(o.form); i += 2 {
		s.addParameter(o.form[i], o.form[i+1], payloads)
	}
	if body, ok := jsvalue.Decode(o.body); ok {
		s.addMembers(body, payloads)
	}
}

// addRequest adds the credentials of a request.
func (s *secrets) addRequest(o *outgoing, payloads map[string]string) {
	s.addParameters(o, payloads)
	for name, values := range o.headers {
		if !isCredential(name) {
			continue
		}
		for _, v := range values {
			s.addCredential(v)
		}
	}
	for _, c := range o.cookies {
		s.add(c.Value)
	}
	if o.url.User != nil {
		if password, ok := o.url.User.Password(); ok {
			s.add(password)
		}
	}
}

func (s *secrets) addResponse(h http.Header) {
	for _, line := range h["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil {
			s.add(c.Value)
		}
	}
}

// text masks every secret in text, in all its forms.
func (s *secrets) text(text string, show bool) string {
	if show || text == "" {
		return text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.masker == nil {
		s.masker = newMasker(slices.Collect(maps.Keys(s.texts)))
	}
	return s.masker.mask(text)
}

func (s *secrets) value(v any) any {
	switch v := v.(type) {
	case string:
		return s.text(v, false)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = s.value(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[s.text(k, false)] = s.value(e)
		}
		return out
	case int, float64:
		if s.texts[jsvalue.String(v)] {
			return masked
		}
	}
	return v
}

// step returns a copy of res without secrets.
func (s *secrets) step(res StepResult, show bool) StepResult {
	if show {
		return res
	}
	out := res
	out.Name, out.Control = s.text(res.Name, false), s.text(res.Control, false)
	out.Reasons = s.list(res.Reasons)
	out.Payload = make(map[string]string, len(res.Payload))
	for k, v := range res.Payload {
		out.Payload[k] = s.text(v, false)
	}
	out.Variables = s.variables(res.Variables)
	out.Cookies = make(map[string]map[string]string, len(res.Cookies))
	for host, values := range res.Cookies {
		out.Cookies[host] = map[string]string{}
		for name := range values {
			out.Cookies[host][name] = masked
		}
	}
	out.Failures = nil
	for _, f := range res.Failures {
		f.Expected, f.Found, f.Description = s.text(f.Expected, false), s.text(f.Found, false), s.text(f.Description, false)
		out.Failures = append(out.Failures, f)
	}
	out.Request.URL = s.text(redactUser(res.Request.URL), false)
	out.Request.Data = s.text(res.Request.Data, false)
	out.Request.Headers = make(map[string]string, len(res.Request.Headers))
	for name, v := range res.Request.Headers {
		if out.Request.Headers[name] = s.text(v, false); isCredential(name) {
			out.Request.Headers[name] = maskCredential(v)
		}
	}
	if res.Response != nil {
		out.Response = s.response(res.Response)
	}
	out.Err = s.err(res.Err)
	return out
}

func redactUser(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}

// maskCredential masks a credential except for its scheme, such as Bearer.
func maskCredential(v string) string {
	if scheme, _, ok := strings.Cut(v, " "); ok && slices.Contains([]string{"basic", "bearer", "digest", "token"}, strings.ToLower(scheme)) {
		return scheme + " " + masked
	}
	return masked
}

func (s *secrets) list(texts []string) []string {
	out := slices.Clone(texts)
	for i := range out {
		out[i] = s.text(out[i], false)
	}
	return out
}

func (s *secrets) variables(vars map[string]any) map[string]any {
	out := make(map[string]any, len(vars))
	for name, v := range vars {
		global, isGlobal := v.(map[string]any)
		switch {
		case name == "global" && isGlobal:
			shown := map[string]any{}
			for k, v := range global {
				if shown[k] = s.value(v); s.globals[k] {
					shown[k] = masked
				}
			}
			out[name] = shown
		case s.vars[name]:
			out[name] = masked
		default:
			out[name] = s.value(v)
		}
	}
	return out
}

func (s *secrets) response(r *StepResponse) *StepResponse {
	out := *r
	out.Data = s.value(r.Data)
	out.StatusText = s.text(r.StatusText, false)
	out.Headers = make([]KeyValue, len(r.Headers))
	for i, h := range r.Headers {
		out.Headers[i] = KeyValue{Name: h.Name, Value: s.text(h.Value, false)}
		if h.Name != "set-cookie" {
			continue
		}
		name, rest, _ := strings.Cut(h.Value, "=")
		_, attributes, found := strings.Cut(rest, ";")
		out.Headers[i].Value = name + "=" + masked
		if found {
			out.Headers[i].Value += ";" + s.text(attributes, false)
		}
	}
	return &out
}

// maskedError is an error without secrets in its text. It matches the same exported errors.
type maskedError struct {
	text  string
	kinds []error
}

func (e *maskedError) Error() string   { return e.text }
func (e *maskedError) Unwrap() []error { return e.kinds }

func (s *secrets) err(err error) error {
	if err == nil {
		return nil
	}
	out := &maskedError{text: s.text(err.Error(), false)}
	for _, kind := range []error{ErrHostNotAllowed, ErrScriptLimit, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, kind) {
			out.kinds = append(out.kinds, kind)
		}
	}
	return out
}

// config returns a copy of the test without secrets.
func (s *secrets) config(c *Config, show bool) *Config {
	if show {
		return c
	}
	out := *c
	pairs := func(list []KeyValue, headers bool) []KeyValue {
		list = slices.Clone(list)
		for i, kv := range list {
			if list[i].Value = s.text(kv.Value, false); headers && isCredential(kv.Name) && !strings.Contains(kv.Value, "{{") {
				list[i].Value = maskCredential(kv.Value)
			}
		}
		return list
	}
	out.Env = pairs(c.Env, false)
	out.Test = slices.Clone(c.Test)
	for i := range out.Test {
		step := &out.Test[i]
		r := &step.Request
		r.URL, r.Data, r.GraphQL = s.text(redactUser(r.URL), false), s.text(r.Data, false), s.text(r.GraphQL, false)
		r.Headers, r.Query, r.Form = pairs(r.Headers, true), pairs(r.Query, false), pairs(r.Form, false)
		step.Extract = slices.Clone(step.Extract)
		for j := range step.Extract {
			step.Extract[j].Value = s.text(step.Extract[j].Value, false)
		}
		step.Assert = slices.Clone(step.Assert)
		for j := range step.Assert {
			step.Assert[j].Value = s.value(step.Assert[j].Value)
			step.Assert[j].Description = s.text(step.Assert[j].Description, false)
		}
	}
	return &out
}
