package capture

import (
	"bytes"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/analysis"
)

// Mask masks the values in trace that look like secrets, as a recorder with [WithValues] does before it sends them. It masks
// credentials, cookies, texts in the form of a token, and values whose names are those of secrets. A named value is a header, a
// parameter, or a member of a JSON, form or multipart body. It may be at any depth, and in a pair such as
// {"name": …, "value": …}. Mask compares names
// without case and punctuation: api_key, apiKey and X-API-Key are equal. A text becomes [Redacted], a number 0, and true false.
// Bodies of other types become empty. No list of names is complete; [Analyze] keeps no values at all. Mask fails with
// [metlo.ErrInvalidArgument] if trace is nil or an option is invalid.
func Mask(trace *metlo.Trace, opts ...MaskOption) error {
	var s maskSettings
	for _, opt := range opts {
		if err := opt.setOn(&s); err != nil {
			return err
		}
	}
	if trace == nil {
		return invalid("Mask: the trace is nil: pass one")
	}
	m := newMasker(s)
	for _, side := range []struct {
		body    *string
		headers []metlo.NameValue
	}{{&trace.Request.Body, trace.Request.Headers}, {&trace.Response.Body, trace.Response.Headers}} {
		*side.body, _ = m.content([]byte(*side.body), pairValue(pairsOf(side.headers), "Content-Type"), 0)
	}
	m.head(trace, "")
	return nil
}

// masker masks traces. With a cache it is not safe for concurrent use.
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

// head masks all of a trace except its bodies. route is the template of the path, or "".
func (m *masker) head(t *metlo.Trace, route string) {
	t.Request.URL.Path = m.path(t.Request.URL.Path, route)
	t.Request.URL.Parameters = slices.Clone(t.Request.URL.Parameters)
	for i, pair := range t.Request.URL.Parameters {
		if pair.Value == "" {
			t.Request.URL.Parameters[i].Name = m.text(pair.Name)
		} else {
			t.Request.URL.Parameters[i].Value = m.named(pair.Name, pair.Value)
		}
	}
	t.Request.Headers, t.Response.Headers = m.headers(t.Request.Headers), m.headers(t.Response.Headers)
}

const keyLength = 16 // minimum length of an API key in a parameter called key, and of an OAuth code in one called code

// named masks the value of a parameter or of a form field.
func (m *masker) named(name, value string) string {
	if m.secret(name) || len(value) >= keyLength && (strings.EqualFold(name, "key") || strings.EqualFold(name, "code")) {
		return maskedText(value)
	}
	return m.value(value, 0)
}

// maskedText returns Redacted, or "" for an empty value.
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
	switch {
	case lower == "cookie":
		return maskCookies(value)
	case lower == "set-cookie":
		cookie, attributes, found := strings.Cut(value, ";")
		if found {
			attributes = ";" + attributes
		}
		return maskCookies(cookie) + attributes
	case m.secret(name) || strings.HasSuffix(lower, "-key") && !m.harmless[normalName(name)]:
		return maskedText(value)
	}
	return m.value(value, 0)
}

// maskCookies masks the values of cookies. It keeps their names, by which the instance recognizes a session.
func maskCookies(value string) string {
	var masked []string
	for cookie := range strings.SplitSeq(value, ";") {
		name, content, found := strings.Cut(strings.TrimSpace(cookie), "=")
		if found {
			masked = append(masked, name+"="+maskedText(content))
		} else {
			masked = append(masked, maskedText(name)) // a value without a name
		}
	}
	return strings.Join(masked, "; ")
}

// path masks elements whose names in the route are those of secrets, and elements in the form of a token.
func (m *masker) path(path, route string) string {
	elements := strings.Split(path, "/")
	template, at := analysis.Template(route), 0
	if len(template) != len(analysis.Elements(path)) {
		template = nil
	}
	for i, element := range elements {
		if element == "" {
			continue
		}
		plain, err := url.PathUnescape(element)
		isSecret := at < len(template) && analysis.IsParameter(template[at]) && m.secret(template[at])
		if isSecret || err == nil && m.text(plain) != plain {
			elements[i] = Redacted
		}
		at++
	}
	return strings.Join(elements, "/")
}

// content masks a JSON, form or multipart body. It cuts JSON to limit bytes; a limit of 0 means none. ok is false for bodies that are
// not sent.
func (m *masker) content(body []byte, contentType string, limit int) (text string, ok bool) {
	switch kindOf(contentType) {
	case kindForm:
		return m.form(string(body)), limit == 0 && isText(body)
	case kindMultipart:
		text, ok = m.multipart(string(body), contentType)
		return text, ok && limit == 0
	}
	if limit > 0 {
		body = body[:min(len(body), limit)]
	}
	return m.json(body, limit > 0, 0)
}

func (m *masker) form(text string) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		plainName, nameErr := url.QueryUnescape(name)
		plain, err := url.QueryUnescape(value)
		switch {
		case nameErr != nil || err != nil:
			pairs[i] = Redacted
		case value == "":
			if masked := m.text(plainName); masked != plainName {
				pairs[i] = url.QueryEscape(masked)
			}
		default:
			if masked := m.named(plainName, plain); masked != plain {
				pairs[i] = name + "=" + url.QueryEscape(masked)
			}
		}
	}
	return strings.Join(pairs, "&")
}

// multipart masks the text members of a multipart form. Files become empty. A part keeps only the name of the
// field from its header.
func (m *masker) multipart(text, contentType string) (masked string, ok bool) {
	_, params, err := mime.ParseMediaType(contentType)
	delimiter := "--" + params["boundary"]
	parts := strings.Split(text, delimiter)
	if err != nil || len(delimiter) == 2 || len(parts) < 3 || strings.TrimSpace(parts[len(parts)-1]) != "--" {
		return "", false
	}
	var b strings.Builder
	for _, part := range parts[1 : len(parts)-1] {
		head, content, found := strings.Cut(part, "\r\n\r\n")
		if !found {
			return "", false
		}
		name, isFile := partName(head)
		content = strings.TrimSuffix(content, "\r\n")
		if content = m.named(name, content); isFile || !isText([]byte(content)) {
			content = ""
		}
		disposition := mime.FormatMediaType("form-data", map[string]string{"name": m.text(name)})
		b.WriteString(delimiter + "\r\nContent-Disposition: " + disposition + "\r\n\r\n" + content + "\r\n")
	}
	return b.String() + delimiter + "--\r\n", true
}

func partName(head string) (name string, isFile bool) {
	for line := range strings.SplitSeq(head, "\r\n") {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, "Content-Disposition") {
			_, params, _ := mime.ParseMediaType(value)
			_, isFile = params["filename"]
			return params["name"], isFile
		}
	}
	return "", true
}

// value masks a text, which may be JSON.
func (m *masker) value(value string, depth int) string {
	if value != "" && (value[0] == '{' || value[0] == '[') && depth < maxTexts {
		if text, ok := m.json([]byte(value), false, depth+1); ok {
			return text
		}
	}
	return m.text(value)
}

// text masks the words of a text that look like tokens, or that follow the name of a secret or an authentication scheme.
func (m *masker) text(text string) string {
	if strings.Contains(text, "PRIVATE KEY-----") {
		return Redacted
	}
	var b strings.Builder
	done, isNext := 0, false
	for at := 0; at < len(text); {
		from := at + strings.IndexFunc(text[at:], isWordPart)
		if from < at {
			break
		}
		to := len(text)
		if n := strings.IndexFunc(text[from:], func(r rune) bool { return !isWordPart(r) }); n >= 0 {
			to = from + n
		}
		at = to
		word := text[from:to]
		scheme := strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic")
		name, value := cutName(word)
		switch {
		case isNext && !scheme || isToken(word):
			b.WriteString(text[done:from] + Redacted)
			done = to
		case value != "" && (isToken(value) || m.secret(name)):
			b.WriteString(text[done:to-len(value)] + Redacted)
			done = to
		}
		isNext = scheme || value == "" && len(name) < len(word) && m.secret(name)
	}
	if done == 0 {
		return text
	}
	return b.String() + text[done:]
}

// isWordPart reports whether a character does not separate words.
func isWordPart(r rune) bool {
	return r > ' ' && !strings.ContainsRune("\"'`,;&?<>(){}|\\", r)
}

// cutName splits name=value and name:value.
func cutName(word string) (name, value string) {
	at := strings.IndexAny(word, "=:")
	if at <= 0 || strings.HasPrefix(word[at:], "://") {
		return word, ""
	}
	return word[:at], word[at+1:]
}

// isToken reports whether a word has the form of a known token or is a URL with credentials.
func isToken(word string) bool {
	word = strings.TrimLeft(word, "[=:")
	if _, rest, found := strings.Cut(word, "://"); found {
		authority, _, _ := strings.Cut(rest, "/")
		return strings.Contains(authority, "@")
	}
	if strings.HasPrefix(word, "eyJ") && strings.Count(word, ".") >= 2 {
		return true
	}
	for _, prefix := range tokenPrefixes() {
		if len(word) >= len(prefix)+8 && strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

func tokenPrefixes() []string {
	return []string{
		"sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-",
		"xoxa-", "xoxe-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "SG.", "npm_", "pypi-", "hf_", "dop_v1_", "shpat_", "sk-", "lin_api_", "metlo.",
	}
}

// isJSON reports whether a text begins like a JSON object or list.
func isJSON(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}
