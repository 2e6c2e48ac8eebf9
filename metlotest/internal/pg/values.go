// Package pg implements rules of PostgreSQL and of its driver node-postgres that show in the server's answers. They
// cover the reading and writing of values, the order of rows, and error texts.
package pg

import (
	"encoding/hex"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// NulByte is the error for a text that contains a NUL.
const NulByte = `invalid byte sequence for encoding "UTF8": 0x00`

// HasNul reports whether a value for the database contains a NUL byte.
func HasNul(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.IndexByte(v, 0) >= 0
	case []any:
		for _, e := range v {
			if HasNul(e) {
				return true
			}
		}
	}
	return false
}

// Text returns a JavaScript value in the driver's form: arrays as array literals, objects as JSON.
func Text(v any) string {
	switch v := v.(type) {
	case []any:
		return arrayLiteral(v)
	case *js.Object:
		return string(js.Encode(v))
	}
	return js.String(v)
}

func arrayLiteral(list []any) string {
	parts := make([]string, len(list))
	for i, e := range list {
		switch e := e.(type) {
		case nil, js.Undefined:
			parts[i] = "NULL"
		case []any:
			parts[i] = arrayLiteral(e)
		default:
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(Text(e)) + `"`
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// ParseBool parses a boolean: any unambiguous prefix of true, yes, on, 1 and their opposites.
func ParseBool(s string) (value, valid bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, word := range []string{"true", "yes"} {
		if s != "" && strings.HasPrefix(word, s) {
			return true, true
		}
	}
	for _, word := range []string{"false", "no"} {
		if s != "" && strings.HasPrefix(word, s) {
			return false, true
		}
	}
	switch s {
	case "on", "1":
		return true, true
	case "off", "of", "0":
		return false, true
	}
	return false, false
}

// BadBool returns the error for a value that is not a boolean.
func BadBool(v any) string { return `invalid input syntax for type boolean: "` + Text(v) + `"` }

const uuidBytes = 16

// ParseUUID parses the forms of a uuid that PostgreSQL accepts: optional braces, either case, and optional dashes after
// each group of four digits. The result has the canonical form.
func ParseUUID(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		if s, ok = strings.CutSuffix(inner, "}"); !ok {
			return "", false
		}
	}
	var digits strings.Builder
	for i := range len(s) {
		if s[i] == '-' {
			// A dash may follow every second byte except the last.
			if n := digits.Len(); n == 0 || n%4 != 0 || n >= 2*uuidBytes || i > 0 && s[i-1] == '-' {
				return "", false
			}
			continue
		}
		digits.WriteByte(s[i])
	}
	raw, err := hex.DecodeString(strings.ToLower(digits.String()))
	if err != nil || len(raw) != uuidBytes {
		return "", false
	}
	h := hex.EncodeToString(raw)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], true
}

// BadUUID returns the error for a text that is not a UUID.
func BadUUID(id string) string { return `invalid input syntax for type uuid: "` + id + `"` }

// BadEnum returns the error for a value that an enum type does not have.
func BadEnum(enum string, v any) string {
	return "invalid input value for enum " + enum + `: "` + Text(v) + `"`
}

// ILike simulates column ILIKE '%pattern%': % and _ are wildcards, and a backslash quotes the next character.
func ILike(text, pattern string) bool {
	return like([]rune(strings.ToLower(text)), []rune("%"+strings.ToLower(pattern)+"%"))
}

// like backtracks only to the last %, which is sufficient: an earlier one cannot match more.
func like(text, pattern []rune) bool {
	at, retry, taken := 0, -1, 0
	for i := 0; i < len(text); {
		sign, width := wildcard(pattern[at:])
		switch {
		case sign == anyText:
			retry, taken = at+width, i
			at = retry
		case width > 0 && (sign == anyRune || sign == text[i]):
			at += width
			i++
		case retry >= 0:
			taken++
			at, i = retry, taken
		default:
			return false
		}
	}
	for at < len(pattern) {
		sign, width := wildcard(pattern[at:])
		if sign != anyText {
			return false
		}
		at += width
	}
	return true
}

// Wildcards, which no rune of a text equals.
const (
	anyText rune = -1 - iota
	anyRune
)

// wildcard returns the first character of a pattern; its width is 0 at the end.
func wildcard(pattern []rune) (sign rune, width int) {
	switch {
	case len(pattern) == 0:
		return 0, 0
	case pattern[0] == '%':
		return anyText, 1
	case pattern[0] == '_':
		return anyRune, 1
	case pattern[0] == '\\' && len(pattern) > 1:
		return pattern[1], 2
	}
	return pattern[0], 1
}
