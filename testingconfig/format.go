package testingconfig

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// formatWidth is the maximum line width before a list or object is split into lines.
const formatWidth = 80

// Format returns statements in the standard layout: one member per line, one element per line if a list does not fit on
// one, and a blank line between declarations. A text that ends in a comment has no final line break, because the server
// rejects it. Without statements the text is empty.
func Format(statements []Statement) string {
	var b strings.Builder
	for i := range statements {
		s := &statements[i]
		if i > 0 {
			b.WriteByte('\n')
			if blankBetween(statements[i-1].Kind, s.Kind) {
				b.WriteByte('\n')
			}
		}
		s.format(&b)
	}
	if n := len(statements); n > 0 && statements[n-1].Kind != KindComment {
		b.WriteByte('\n')
	}
	return b.String()
}

func blankBetween(before, after Kind) bool {
	return before != KindComment && (before != KindPermission || after != KindPermission)
}

func (s *Statement) format(b *strings.Builder) {
	switch s.Kind {
	case KindComment:
		b.WriteString("#" + strings.TrimRight(s.Text, " \t"))
		return
	case KindPermission:
		b.WriteString("has_permission(" + s.Subject.format() + ", " + inline(Value{V: s.Permissions}) + ", " + s.Object.format() + ")")
		return
	case KindHost, KindActor, KindResource:
	}
	b.WriteString(string(s.Kind) + " " + formatName(s.Name) + " {")
	for i, m := range s.Members {
		if i > 0 {
			b.WriteByte(',')
		}
		lead := "  " + formatName(m.Name) + " = "
		b.WriteString("\n" + lead)
		formatValue(b, m.Value, "  ", utf8.RuneCountInString(lead))
	}
	if len(s.Members) > 0 {
		b.WriteByte('\n')
	}
	b.WriteByte('}')
}

func (s Selector) format() string {
	if s.Bare {
		return s.Name
	}
	parts := make([]string, len(s.Filters))
	for i, f := range s.Filters {
		parts[i] = formatName(f.Name) + "=" + inline(f.Value)
	}
	return s.Name + "(" + strings.Join(parts, ", ") + ")"
}

func formatName(name string) string {
	if name != "" && identifierLen(name) == len(name) {
		return name
	}
	return jsonText(name)
}

// formatValue writes v on one line if it fits behind column, and otherwise one element per line.
func formatValue(b *strings.Builder, v Value, indent string, column int) {
	line := inline(v)
	list, isList := v.V.([]Value)
	members, isObject := v.V.([]Member)
	if column+utf8.RuneCountInString(line) < formatWidth || !isList && !isObject || len(list)+len(members) == 0 {
		b.WriteString(line)
		return
	}
	opening, closing := "{", "}"
	if isList {
		opening, closing = "[", "]"
	}
	deeper := indent + "  "
	b.WriteString(opening)
	for i := range len(list) + len(members) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + deeper)
		if isList {
			formatValue(b, list[i], deeper, len(deeper))
			continue
		}
		lead := jsonText(members[i].Name) + ": "
		b.WriteString(lead)
		formatValue(b, members[i].Value, deeper, len(deeper)+utf8.RuneCountInString(lead))
	}
	b.WriteString("\n" + indent + closing)
}

func inline(v Value) string {
	switch x := v.V.(type) {
	case []Value:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = inline(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []Member:
		parts := make([]string, len(x))
		for i, m := range x {
			parts[i] = jsonText(m.Name) + ": " + inline(m.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case string:
		return jsonText(x)
	case float64:
		switch {
		case math.IsInf(x, 1):
			return "1e999"
		case math.IsInf(x, -1):
			return "-1e999"
		case x == 0 && math.Signbit(x):
			return "-0"
		}
		return formatNumber(x)
	case bool:
		return fmt.Sprint(x)
	}
	return "null"
}

// jsonText writes a text in quotes, with the escapes of JavaScript's JSON.stringify.
func jsonText(s string) string {
	return quoteWith(s, func(r rune) string {
		switch {
		case r == '\b':
			return `\b`
		case r == '\f':
			return `\f`
		case r < 0x20:
			return fmt.Sprintf(`\u%04x`, r)
		}
		return string(r)
	})
}

// formatNumber writes a finite number like JavaScript.
func formatNumber(f float64) string {
	if f == 0 {
		return "0"
	}
	text, _ := json.Marshal(f)
	return string(text)
}
