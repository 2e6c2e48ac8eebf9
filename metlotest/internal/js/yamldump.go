package js

import (
	"regexp"
	"strings"
)

// dumpYAML writes a value as js-yaml's dump does with its default settings.
func DumpYAML(v any) string {
	var b strings.Builder
	switch v := v.(type) {
	case *Object:
		if len(v.Keys) == 0 {
			return "{}\n"
		}
		dumpMap(&b, v, 0)
	case []any:
		if len(v) == 0 {
			return "[]\n"
		}
		dumpList(&b, v, 0)
	default:
		b.WriteString(dumpScalar(v, 0) + "\n")
	}
	return b.String()
}

func dumpMap(b *strings.Builder, o *Object, depth int) {
	for i, key := range o.Keys {
		if i > 0 || depth == 0 {
			b.WriteString(strings.Repeat("  ", depth))
		}
		b.WriteString(dumpText(key, 0, true) + ":")
		switch v := o.Values[key].(type) {
		case *Object:
			if len(v.Keys) > 0 {
				b.WriteString("\n" + strings.Repeat("  ", depth+1))
				dumpMap(b, v, depth+1)
				continue
			}
		case []any:
			if len(v) > 0 {
				b.WriteString("\n")
				dumpList(b, v, depth+1)
				continue
			}
		}
		b.WriteString(" " + dumpScalar(o.Values[key], depth+1) + "\n")
	}
}

func dumpList(b *strings.Builder, list []any, depth int) {
	for _, e := range list {
		b.WriteString(strings.Repeat("  ", depth) + "- ")
		switch v := e.(type) {
		case *Object:
			if len(v.Keys) > 0 {
				dumpMap(b, v, depth+1)
				continue
			}
		case []any:
			if len(v) > 0 {
				var inner strings.Builder
				dumpList(&inner, v, depth+1)
				b.WriteString(strings.TrimLeft(inner.String(), " "))
				continue
			}
		}
		b.WriteString(dumpScalar(e, depth+1) + "\n")
	}
}

func dumpScalar(v any, depth int) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return dumpText(v, depth, false)
	case *Object:
		return "{}"
	case []any:
		return "[]"
	}
	return String(v)
}

// dumpText picks the plainest style that reads back as the same string.
func dumpText(s string, depth int, isKey bool) string {
	if s == "" {
		return "''"
	}
	control := regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f]`)
	if control.MatchString(s) || isKey && strings.Contains(s, "\n") {
		return strings.ReplaceAll(string(Encode(s)), "\u2028", `\L`)
	}
	if strings.Contains(s, "\n") {
		return dumpLiteral(s, depth)
	}
	if plain, isText := plainScalar(s).(string); isText && plain == s && plainSafe(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// plainSafe tells whether a string may stand without quotes in a block.
func plainSafe(s string) bool {
	if strings.IndexByte("?:,[]{}#&*!|=>'\"%@` \t", s[0]) >= 0 || s[0] == '-' && (len(s) == 1 || s[1] == ' ') || strings.HasPrefix(s, "---") {
		return false
	}
	date := regexp.MustCompile(`^\d{4}-\d\d?-\d\d?([Tt ].*)?$`)
	return !strings.HasSuffix(s, " ") && !strings.HasSuffix(s, ":") && !strings.Contains(s, ": ") &&
		!strings.Contains(s, " #") && !strings.ContainsAny(s, "\t\ufeff") && !date.MatchString(s)
}

func dumpLiteral(s string, depth int) string {
	head := "|"
	switch {
	case !strings.HasSuffix(s, "\n"):
		head = "|-"
	case strings.HasSuffix(s, "\n\n") || s == "\n":
		head = "|+"
	}
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat("  ", max(depth, 1)) + line
		}
	}
	return head + "\n" + strings.Join(lines, "\n")
}
