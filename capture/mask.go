package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/metlo-go/metlo"
)

// Mask replaces in trace what looks like a secret, as the recorder does before anything leaves the process:
//
//   - values of Authorization and of cookies, whose names stay;
//   - values of headers, parameters of the query and members of JSON, forms and multipart bodies whose names are those of
//     secrets, at any depth, also in JSON within a text, and in {"name": …, "value": …}, in any order;
//   - in XML, YAML and other text, what stands behind such a name, and below it;
//   - what is known by its form: credentials within URLs and behind Bearer and Basic, JWTs, and private keys of PEM.
//
// Names are compared without case, hyphens, underscores and other signs: api_key, apiKey and X-API-Key are one. A text
// becomes [Redacted], a number 0, true false, so that fields keep their types. A body in which secrets cannot be told from
// the rest becomes empty, such as JSON that does not parse and names a secret. Mask is for traces from elsewhere, such as
// HAR files; call it before [metlo.CollectorService.Log]. A nil trace, and an option at fault, are [metlo.ErrInvalidArgument].
func Mask(trace *metlo.Trace, opts ...MaskOption) error {
	var s maskSettings
	for _, opt := range opts {
		if err := opt.setOn(&s); err != nil {
			return err
		}
	}
	if trace == nil {
		return invalid("Mask: the trace is nil")
	}
	m := newMasker(s)
	m.body(&trace.Request.Body, contentType(trace.Request.Headers))
	m.body(&trace.Response.Body, contentType(trace.Response.Headers))
	m.head(trace, "")
	return nil
}

func contentType(headers []metlo.NameValue) string {
	for _, header := range headers {
		if strings.EqualFold(header.Name, "Content-Type") {
			return header.Value
		}
	}
	return ""
}

// masker masks traces. With a cache it belongs to one goroutine.
type masker struct {
	settings maskSettings
	parts    []string
	names    map[string]bool
	harmless map[string]bool
	cache    map[string]bool
}

func newMasker(s maskSettings) *masker {
	return &masker{settings: s, parts: secretParts(), names: secretNames(), harmless: harmlessNames()}
}

// head masks all of a trace but its bodies. The route names the elements of the path.
func (m *masker) head(t *metlo.Trace, route string) {
	t.Request.URL.Path = m.path(t.Request.URL.Path, route)
	t.Request.URL.Parameters = slices.Clone(t.Request.URL.Parameters)
	for i, pair := range t.Request.URL.Parameters {
		t.Request.URL.Parameters[i] = m.pair(pair)
	}
	t.Request.Headers = m.headers(t.Request.Headers)
	t.Response.Headers = m.headers(t.Response.Headers)
}

const keyLength = 16 // a parameter key, or code, of this length or more is an API key, or one of OAuth

// pair masks a parameter of a query or a form.
func (m *masker) pair(pair metlo.NameValue) metlo.NameValue {
	switch {
	case pair.Value == "":
		pair.Name = m.value(pair.Name)
	case m.secret(pair.Name), len(pair.Value) >= keyLength && (strings.EqualFold(pair.Name, "key") || strings.EqualFold(pair.Name, "code")):
		pair.Value = Redacted
	default:
		pair.Value = m.value(pair.Value)
	}
	return pair
}

// value masks what is in a value, which may be JSON.
func (m *masker) value(value string) string {
	if value != "" && (value[0] == '{' || value[0] == '[') {
		if text, ok := m.json([]byte(value), 0); ok {
			return text
		}
	}
	if m.hides(value) {
		return Redacted
	}
	return m.text(value)
}

// maskedText keeps that a value is empty.
func maskedText(value string) string {
	if value == "" {
		return ""
	}
	return Redacted
}

func (m *masker) headers(headers []metlo.NameValue) []metlo.NameValue {
	masked := slices.Clone(headers)
	for i, header := range masked {
		masked[i].Value = m.header(header.Name, header.Value)
	}
	return masked
}

func (m *masker) header(name, value string) string {
	lower := strings.ToLower(name)
	switch lower {
	case "cookie":
		return maskCookies(value)
	case "set-cookie":
		cookie, attributes, _ := strings.Cut(value, ";")
		masked := maskCookies(cookie)
		if attributes != "" {
			masked += ";" + attributes
		}
		return masked
	}
	if !m.secret(name) && (!strings.HasSuffix(lower, "-key") || m.harmless[normalName(name)]) {
		return m.value(value)
	}
	if m.settings.users {
		if user, ok := userOf(value); ok {
			return user
		}
	}
	return maskedText(value)
}

// maskCookies keeps the names, by which an instance tells a session.
func maskCookies(value string) string {
	var b strings.Builder
	for cookie := range strings.SplitSeq(value, ";") {
		name, content, found := strings.Cut(strings.TrimSpace(cookie), "=")
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		switch {
		case !found:
			b.WriteString(maskedText(name)) // a value without a name
		default:
			b.WriteString(name + "=" + maskedText(content))
		}
	}
	return b.String()
}

// userOf is what of a credential says who it is of, without what proves it.
func userOf(value string) (string, bool) {
	scheme, rest, found := strings.Cut(value, " ")
	if found && strings.EqualFold(scheme, "Basic") {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
		user, _, ok := strings.Cut(string(plain), ":")
		if err != nil || !ok || user == "" {
			return "", false
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":")), true
	}
	token, prefix := value, ""
	if found {
		token, prefix = strings.TrimSpace(rest), scheme+" "
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !isJSONPart(parts[0]) || !isJSONPart(parts[1]) {
		return "", false
	}
	return prefix + parts[0] + "." + parts[1] + ".", true
}

func isJSONPart(part string) bool {
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	var object map[string]json.RawMessage
	return err == nil && json.Unmarshal(data, &object) == nil
}

// path masks elements that the route names like secrets, such as /reset/{token}, matrix parameters, and what any text
// shows.
func (m *masker) path(path, route string) string {
	if strings.ContainsAny(path, "%;") || suspicious([]byte(path)) {
		path = m.pathElements(path)
	}
	if !strings.ContainsAny(route, "{:*") {
		return path
	}
	elements := strings.Split(path, "/")
	if i := strings.IndexByte(route, '/'); i > 0 {
		route = route[i:] // without method and host
	}
	for i, element := range strings.Split(route, "/") {
		if i >= len(elements) {
			break
		}
		name, rest := parameterName(element)
		if name == "" || !m.secret(name) {
			continue
		}
		if rest {
			return strings.Join(append(elements[:i], Redacted), "/")
		}
		elements[i] = maskedText(elements[i])
	}
	return strings.Join(elements, "/")
}

// pathElements masks matrix parameters, and what the text of each element shows.
func (m *masker) pathElements(path string) string {
	elements := strings.Split(path, "/")
	for i, element := range elements {
		parts := strings.Split(m.matrix(element), ";")
		for n, part := range parts {
			parts[n] = m.element(part)
		}
		elements[i] = strings.Join(parts, ";")
	}
	return strings.Join(elements, "/")
}

// element masks what the text of a path's element, or of a part of it, shows, such as a JWT.
func (m *masker) element(element string) string {
	plain, err := url.PathUnescape(element)
	if err != nil {
		return m.text(element)
	}
	if _, verb, found := strings.Cut(plain, ":"); found && isVerb(verb) {
		return element
	}
	masked := m.text(plain)
	if masked == plain {
		return element
	}
	return strings.ReplaceAll(url.PathEscape(masked), url.PathEscape(Redacted), Redacted)
}

// isVerb reports whether this is the verb of an element such as tokens:revoke, and no secret behind a name.
func isVerb(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// parameterName is the name in {name}, {name...}, :name or *name.
func parameterName(element string) (name string, rest bool) {
	if inner, ok := strings.CutPrefix(element, "{"); ok {
		inner, _, _ = strings.Cut(inner, "}")
		name, rest = strings.CutSuffix(inner, "...")
		name, _, _ = strings.Cut(name, ":") // a pattern of chi or gorilla
		return name, rest
	}
	if name, ok := strings.CutPrefix(element, ":"); ok {
		return name, false
	}
	if name, ok := strings.CutPrefix(element, "*"); ok {
		return name, true
	}
	return "", false
}

// matrix masks the parameters in /orders;token=x/items.
func (m *masker) matrix(element string) string {
	parts := strings.Split(element, ";")
	for i, part := range parts[1:] {
		separator := "="
		name, value, found := strings.Cut(part, separator)
		if !found {
			separator = "%3D" // as a trace writes it
			name, value, found = strings.Cut(part, separator)
		}
		if plain, err := url.PathUnescape(name); err == nil && found && m.secret(plain) {
			parts[i+1] = name + separator + maskedText(value)
		}
	}
	return strings.Join(parts, ";")
}

// body masks a whole body in place.
func (m *masker) body(body *string, contentType string) {
	if *body == "" {
		return
	}
	masked, ok := m.content([]byte(*body), contentType, 0)
	if !ok {
		masked = ""
	}
	if masked != *body {
		*body = masked
	}
}

// content masks a body by what it is. With a limit over 0 it is shortened to that, or not ok if it cannot be.
func (m *masker) content(data []byte, contentType string, limit int) (string, bool) {
	return m.contentAt(data, contentType, limit, 1)
}

// contentAt is content at a level of bodies within multipart bodies.
func (m *masker) contentAt(data []byte, contentType string, limit, level int) (string, bool) {
	kind := kindOf(contentType)
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if kind == kindJSON || (kind != kindMultipart && looksLikeJSON(data)) { // some clients call JSON a form
		if text, ok := m.json(data, limit); ok {
			return text, true
		}
		if (kind == kindJSON && m.namesSecret(string(data))) || m.hides(string(data)) {
			return "", false
		}
	}
	if kind == kindMultipart {
		return m.multipart(data, contentType, limit, level)
	}
	if limit > 0 {
		return "", false
	}
	if kind == kindForm || (kind == kindUnknown && looksLikeForm(data)) {
		return m.form(string(data)), true
	}
	return m.text(string(data)), true
}

// form masks name=value&name=value, and what a text without a name shows.
func (m *masker) form(text string) string {
	changed := false
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		before := metlo.NameValue{Name: unescaped(name), Value: unescaped(value)}
		after := m.pair(before)
		if after == before {
			continue
		}
		changed = true
		if after.Name != before.Name {
			name = url.QueryEscape(after.Name)
		}
		if found {
			name += "="
		}
		if after.Value != before.Value {
			value = url.QueryEscape(after.Value)
		}
		pairs[i] = name + value
	}
	if !changed {
		return text
	}
	return strings.Join(pairs, "&")
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
