package authrules

import (
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"

	"strings"
	"unicode/utf8"
)

const formatWidth = 80

// Format lays out a text of the resource language in the standard way: one member per line,
// lists that do not fit a line one element per line, a blank line between declarations.
// A fault of the syntax is a *SyntaxError; members are not checked.
// A text that ends in a comment gets no line break at its end, because Metlo's server refuses one there.
func Format(text string) (string, error) {
	list, err := parseStatements(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte('\n')
			if blankBetween(list[i-1].kind, s.kind) {
				b.WriteByte('\n')
			}
		}
		s.format(&b)
	}
	if list[len(list)-1].kind != "#" {
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func blankBetween(before, after string) bool {
	if before == "#" {
		return false
	}
	return before != "has_permission" || after != "has_permission"
}

func (s *tcStatement) format(b *strings.Builder) {
	switch s.kind {
	case "#":
		b.WriteString("#" + strings.TrimRight(s.name, " \t"))
		return
	case "has_permission":
		b.WriteString("has_permission(" + s.actor.format() + ", " + inline(tcValue{v: s.permissions}) + ", " + s.resource.format() + ")")
		return
	}
	b.WriteString(s.kind + " " + formatName(s.name) + " {")
	for i, m := range s.members {
		if i > 0 {
			b.WriteByte(',')
		}
		lead := "  " + formatName(m.name) + " = "
		b.WriteString("\n" + lead)
		formatValue(b, m.value, "  ", utf8.RuneCountInString(lead))
	}
	if len(s.members) > 0 {
		b.WriteByte('\n')
	}
	b.WriteByte('}')
}

func (s Selector) format() string {
	if s.bare {
		return s.Name
	}
	parts := make([]string, len(s.Filters))
	for i, f := range s.Filters {
		parts[i] = formatName(f.Name) + "=" + inline(tcValue{v: f.Value})
	}
	return s.Name + "(" + strings.Join(parts, ", ") + ")"
}

func formatName(name string) string {
	if name != "" && identLen(name) == len(name) {
		return name
	}
	return jsvalue.JSON(name)
}

// formatValue writes v on one line if it fits behind column, else its elements one per line.
func formatValue(b *strings.Builder, v tcValue, indent string, column int) {
	line := inline(v)
	list, isList := v.v.([]tcValue)
	members, isObject := v.v.([]tcMember)
	if column+utf8.RuneCountInString(line) < formatWidth || !isList && !isObject || len(list)+len(members) == 0 {
		b.WriteString(line)
		return
	}
	deeper := indent + "  "
	if isList {
		b.WriteByte('[')
		for i, e := range list {
			b.WriteString(comma(i) + "\n" + deeper)
			formatValue(b, e, deeper, len(deeper))
		}
		b.WriteString("\n" + indent + "]")
		return
	}
	b.WriteByte('{')
	for i, m := range members {
		lead := jsvalue.JSON(m.name) + ": "
		b.WriteString(comma(i) + "\n" + deeper + lead)
		formatValue(b, m.value, deeper, len(deeper)+utf8.RuneCountInString(lead))
	}
	b.WriteString("\n" + indent + "}")
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func inline(v tcValue) string {
	switch x := v.v.(type) {
	case []tcValue:
		parts := make([]string, len(x))
		for i, e := range x {
			parts[i] = inline(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case []tcMember:
		parts := make([]string, len(x))
		for i, m := range x {
			parts[i] = jsvalue.JSON(m.name) + ": " + inline(m.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return jsvalue.JSON(v.v)
}
