package capture

import (
	"bytes"
	"strings"
)

// text masks in any text what stands behind the name of a secret: name=value, name: value, <name>value</name>, and what
// is known by its form: credentials in URLs and behind Bearer and Basic, JWTs, and private keys of PEM.
func (m *masker) text(text string) string {
	var b strings.Builder
	done := 0
	replace := func(from, to int, by string) {
		if to > from && text[from:to] != by {
			b.WriteString(text[done:from])
			b.WriteString(by)
			done = to
		}
	}
	for i := 0; i < len(text); {
		if text[i] == ':' && strings.HasPrefix(text[i:], "://") {
			i += len("://")
			if end := userInfo(text[i:]); end > 0 {
				replace(i, i+end, Redacted)
				i += end
			}
			continue
		}
		if !isNameByte(text[i]) {
			i++
			continue
		}
		begin := i
		for i < len(text) && isNameByte(text[i]) {
			i++
		}
		if token, ok := m.jwt(text[begin:i]); ok {
			replace(begin, i, token)
			continue
		}
		from, to := m.behind(text, begin, i)
		if from < to {
			replace(from, to, Redacted)
			i = max(i, to)
		}
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

func isNameByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '$' || c == '[' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

// userInfo is how long user:password, or a token, is in what follows ://, 0 without.
func userInfo(text string) int {
	end := strings.IndexAny(text, "/?# \t\r\n\"'<>")
	if end < 0 {
		end = len(text)
	}
	return max(strings.LastIndexByte(text[:end], '@'), 0)
}

// jwt is what is sent of a token in three parts or more, the first of which is JSON.
func (m *masker) jwt(token string) (masked string, ok bool) {
	if !strings.HasPrefix(token, jwtBegin) || strings.Count(token, ".") < 2 || !isJSONPart(token[:strings.IndexByte(token, '.')]) {
		return "", false
	}
	if m.settings.users {
		if user, ok := userOf(token); ok {
			return user, true
		}
	}
	return Redacted, true
}

const jwtBegin = "eyJ" // {" in base64

// privateKey is where the key lies in what follows -----BEGIN.
func privateKey(text string) (from, to int) {
	kind, rest, found := strings.Cut(text, "-----")
	if !found || !strings.Contains(kind, "PRIVATE KEY") {
		return 0, 0
	}
	from = len(text) - len(rest)
	if n := strings.Index(rest, "-----END"); n >= 0 {
		return from, from + n
	}
	return from, len(text)
}

// behind is where the value of the name at text[begin:end] lies, if the name is that of a secret and has a value.
func (m *masker) behind(text string, begin, end int) (from, to int) {
	name := text[begin:end]
	if strings.HasSuffix(name, "-----BEGIN") {
		from, to = privateKey(text[end:])
		return end + from, end + to
	}
	if from, to = credential(text, name, end); to > 0 {
		return from, to
	}
	i := end
	for i < len(text) && strings.IndexByte("]\"'\\ \t)", text[i]) >= 0 {
		i++
	}
	if i == len(text) {
		return 0, 0
	}
	element := beginsElement(text, begin)
	switch {
	case text[i] == '>' && element:
		if !m.secret(name) {
			return 0, 0
		}
		return content(text, i+1)
	case text[i] != ':' && text[i] != '=':
		if element && m.secret(name) {
			return elementContent(text, i)
		}
		return 0, 0
	case strings.HasPrefix(text[i:], "://") || !m.secret(name):
		return 0, 0
	}
	quotedName := i > end && strings.IndexByte(text[end:i], '"') >= 0
	colon := text[i] == ':'
	for i < len(text) && strings.IndexByte(":=> \t", text[i]) >= 0 {
		i++
	}
	return valueAt(text, i, colon && !quotedName)
}

// credential is where the token behind the name of an authentication scheme lies, if it is long enough to be one.
func credential(text, scheme string, end int) (from, to int) {
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Basic") || end >= len(text) || text[end] != ' ' {
		return 0, 0
	}
	if to = end + 1 + tokenLength(text[end+1:]); to-end <= 8 {
		return 0, 0
	}
	return end + 1, to
}

// beginsElement reports whether <, or < with the prefix of a namespace, stands before text[begin].
func beginsElement(text string, begin int) bool {
	if begin > 0 && text[begin-1] == ':' {
		begin--
		for begin > 0 && isNameByte(text[begin-1]) {
			begin--
		}
	}
	return begin > 0 && text[begin-1] == '<'
}

// elementContent is the content of an element with attributes, the rest of whose tag begins at i.
func elementContent(text string, i int) (from, to int) {
	tag := until(text[i:], ">")
	if i+tag >= len(text) || text[i+tag-1] == '/' {
		return 0, 0
	}
	return content(text, i+tag+1)
}

// content is the text of an element that begins at from.
func content(text string, from int) (int, int) {
	const cdata = "<![CDATA["
	if !strings.HasPrefix(text[from:], cdata) {
		return from, from + until(text[from:], "<")
	}
	from += len(cdata)
	if n := strings.Index(text[from:], "]]>"); n >= 0 {
		return from, from + n
	}
	return from, len(text)
}

// valueAt is where a value that begins at i ends: at its closing quote, at the end of the line behind a colon, or at the
// next sign that separates.
func valueAt(text string, i int, line bool) (from, to int) {
	escaped := strings.HasPrefix(text[i:], `\"`)
	if escaped {
		i++
	}
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		quote := text[i]
		for to = i + 1; to < len(text); to++ {
			if text[to] == '\\' && !escaped {
				to++
				continue
			}
			if text[to] == quote {
				break
			}
		}
		to = min(to, len(text))
		if escaped && to < len(text) && text[to-1] == '\\' {
			to--
		}
		return i + 1, to
	}
	if line {
		return i, i + until(text[i:], "\r\n<")
	}
	return i, i + until(text[i:], " \t\r\n&;,<>\"'\\}])")
}

func until(text, signs string) int {
	if n := strings.IndexAny(text, signs); n >= 0 {
		return n
	}
	return len(text)
}

func tokenLength(text string) int { return until(text, " \t\r\n\"'<>\\,;&") }

// looksLikeForm reports whether a body without a type is a form.
func looksLikeForm(data []byte) bool {
	return bytes.IndexByte(data, '=') > 0 && !bytes.ContainsAny(data, " \t\r\n<>\"{")
}
