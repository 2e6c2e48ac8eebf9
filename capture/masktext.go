package capture

import (
	"bytes"
	"strings"
)

// text masks in any text what stands behind the name of a secret: name=value, name: value, <name>value</name>, and what
// is known by its form: credentials in URLs and behind Bearer and Basic, JWTs, and private keys of PEM.
func (m *masker) text(text string) string {
	var b strings.Builder
	done, lastTag := 0, strings.LastIndexByte(text, '>')
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
		from, to := m.behind(text, begin, i, lastTag)
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

// behind is where the value of the name at text[begin:end] lies, if the name is that of a secret and has a value. The
// text's last > is at lastTag.
func (m *masker) behind(text string, begin, end, lastTag int) (from, to int) {
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
		return m.elementContent(text, name, i+1)
	case text[i] != ':' && text[i] != '=':
		if !element || i > lastTag || !m.secret(name) {
			return 0, 0
		}
		if tag := until(text[i:], ">"); text[i+tag-1] != '/' {
			return m.elementContent(text, name, i+tag+1)
		}
		return 0, 0
	case strings.HasPrefix(text[i:], "://") || !m.secret(name):
		return 0, 0
	}
	return m.signedValue(text, begin, end, i)
}

// signedValue is where the value behind a name at text[begin:end] and a colon or an equals sign at i lies.
func (m *masker) signedValue(text string, begin, end, i int) (from, to int) {
	quotedName := i > end && strings.IndexByte(text[end:i], '"') >= 0
	colon := text[i] == ':'
	if from, to = m.block(text, begin, i, quotedName); to > 0 {
		return from, to
	}
	for i < len(text) && strings.IndexByte(":=> \t", text[i]) >= 0 {
		i++
	}
	if next := i + len(text[i:]) - len(strings.TrimLeft(text[i:], " \t\r\n")); colon && next < len(text) && strings.IndexByte("\"'[{", text[next]) >= 0 {
		i = next // in the next line
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

// elementContent is what lies between from and the tag that ends the element. Of an element that often holds more than
// secrets, and has elements within, it is the text alone.
func (m *masker) elementContent(text, name string, from int) (int, int) {
	inner := strings.TrimLeft(text[from:], " \t\r\n")
	if m.weak(name) && len(inner) > 1 && inner[0] == '<' && inner[1] != '!' {
		return from, from + until(text[from:], "<")
	}
	return from, from + elementEnd(text[from:], name)
}

// elementEnd is where the tag begins that ends an element of this name; without one all is within.
func elementEnd(text, name string) int {
	depth := 1
	for i := 0; ; {
		next := strings.IndexByte(text[i:], '<')
		if next < 0 {
			return len(text)
		}
		i += next
		switch rest := text[i:]; {
		case strings.HasPrefix(rest, "<![CDATA["):
			i += behindSign(rest, "]]>")
			continue
		case strings.HasPrefix(rest, "<!--"):
			i += behindSign(rest, "-->")
			continue
		}
		tag, closes := strings.CutPrefix(text[i+1:], "/")
		switch length := until(tag, ">"); {
		case !sameElement(tag, name):
		case closes && depth == 1:
			return i
		case closes:
			depth--
		case length == 0 || tag[length-1] != '/':
			depth++
		}
		i++
	}
}

// behindSign is where the text behind a sign begins.
func behindSign(text, sign string) int {
	if n := strings.Index(text, sign); n >= 0 {
		return n + len(sign)
	}
	return len(text)
}

// sameElement reports whether a tag is one of elements of this name, in any namespace.
func sameElement(tag, name string) bool {
	tag = tag[:until(tag[:min(len(tag), 2*longestName)], " \t\r\n/>")]
	return strings.EqualFold(tag[strings.LastIndexByte(tag, ':')+1:], name)
}

// block is where the value of a name of YAML lies that has lines below it: those that are indented more, and the list
// that is indented like the name. The end is 0 if it has none.
func (m *masker) block(text string, begin, colon int, quoted bool) (from, to int) {
	indent, ok := indentOf(text, begin)
	if !ok || text[colon] != ':' {
		return 0, 0
	}
	end := colon + until(text[colon:], "\r\n")
	rest := strings.TrimSpace(text[colon+1 : end])
	switch {
	case rest == "" && m.weak(strings.Trim(text[begin:colon], " \t\"'")), rest != "" && strings.IndexByte("\"'[{", rest[0]) >= 0:
		return 0, 0 // it holds more than secrets, or shows its end by itself
	case quoted && rest != "" && strings.IndexByte("|>&!#", rest[0]) < 0:
		return 0, 0
	}
	for i := end; i < len(text); {
		line := len(text) - len(strings.TrimLeft(text[i:], "\r\n \t"))
		if line == len(text) {
			break
		}
		column := line - 1 - strings.LastIndexAny(text[:line], "\r\n")
		listed := rest == "" && column == indent && (strings.HasPrefix(text[line:], "- ") || strings.HasPrefix(text[line:], "-\n") || strings.HasPrefix(text[line:], "-\r"))
		if column <= indent && !listed {
			break
		}
		if from == 0 {
			from = line
		}
		i = line + until(text[line:], "\r\n")
		to = i
	}
	if rest != "" {
		from = colon + 1 + strings.Index(text[colon+1:], rest)
	}
	return from, to
}

// indentOf is the column of a name that is the first in its line, or in an element of a list.
func indentOf(text string, begin int) (column int, ok bool) {
	i := begin
	for i > 0 && strings.IndexByte(" \t-?\"'", text[i-1]) >= 0 {
		i--
	}
	column = begin - i
	if begin > 0 && (text[begin-1] == '"' || text[begin-1] == '\'') {
		column--
	}
	return column, i == 0 || text[i-1] == '\n' || text[i-1] == '\r'
}

// container is how long a list or an object is that a text begins with; without its end all is within.
func container(text string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// valueAt is where a value that begins at i ends: at its closing quote, at the end of the line behind a colon, or at the
// next sign that separates.
func valueAt(text string, i int, line bool) (from, to int) {
	ends := separators
	if line {
		ends = "\r\n<"
	}
	switch rest := text[i:]; {
	case strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "{"): // it may be the beginning of a text as well
		to = i + container(rest)
		return i, to + until(text[to:], ends)
	case strings.HasPrefix(rest, `"""`), strings.HasPrefix(rest, "'''"):
		i += 3
		if n := strings.Index(text[i:], rest[:3]); n >= 0 {
			return i, i + n
		}
		return i, len(text)
	}
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
	return i, i + until(text[i:], ends)
}

const separators = " \t\r\n&;,<>\"'\\}])"

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
