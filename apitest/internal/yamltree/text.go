package yamltree

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Text returns s as a scalar that YAML 1.1, YAML 1.2 and js-yaml read as the string s. It indents lines after the first
// by level times two spaces. It uses the first form that works: plain, single quotes, a literal block, or double quotes
// with escapes.
func Text(s string, level int) string {
	printable := !strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && (!unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) && r != ' ' || r == '\ufffd')
	})
	body := strings.TrimSuffix(s, "\n")
	switch {
	case !printable || s != "" && strings.Trim(s, "\n ") == "":
		return quote(s)
	case strings.Contains(s, "\n"):
		if strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\n") || strings.HasSuffix(body, "\n") {
			return quote(s) // a block would need indicators for indentation and blank lines
		}
		head := "|"
		if body == s {
			head = "|-"
		}
		indent := "\n" + strings.Repeat("  ", level)
		return head + strings.ReplaceAll(indent+strings.ReplaceAll(body, "\n", indent), indent+"\n", "\n\n")
	case isPlain(s):
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// isPlain reports whether every YAML reader reads s without quotes as the string s.
func isPlain(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsAny(s[:1], "-?:,[]{}#&*!|=>'\"%@`") &&
		!strings.Contains(s, ": ") && !strings.HasSuffix(s, ":") && !strings.Contains(s, " #") && s != "<<" &&
		!strings.HasPrefix(s, "...") && !isWord().MatchString(s) && !isNumber(s)
}

// isWord matches a word that means null or a truth value in some version of YAML.
var isWord = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(~|null|true|false|y|n|yes|no|on|off|[-+]?\.inf|\.nan)$`)
})

// isDate matches a date, a time, and a number to the base of 60.
var isDate = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$`)
})

// isNumber reports whether some YAML reader reads s as a number or a date.
func isNumber(s string) bool {
	if !strings.ContainsAny(s[:1], "0123456789.+") { // a text that begins with - has quotes anyway
		return false
	}
	text := strings.ReplaceAll(s, "_", "")
	_, notInt := strconv.ParseInt(text, 0, 64)
	_, notFloat := strconv.ParseFloat(text, 64)
	return notInt == nil || notFloat == nil || strings.Trim(text, "+0123456789.eExXoObB") == "" || isDate().MatchString(s)
}

// quote returns s in double quotes.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r) && !unicode.IsSpace(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
