package openapi

import (
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// The npm package yaml writes a converted description, in a layout of its own.

const (
	lineWidth       = 80
	minContentWidth = 20
	indentStep      = "  "
)

// stringifyYAML is new YAML.Document with v as contents, as text.
func stringifyYAML(v any) string {
	var b strings.Builder
	writeNode(&b, v, "")
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}

// writeNode writes a collection below the line at hand, line by line.
func writeNode(b *strings.Builder, v any, indent string) {
	switch v := v.(type) {
	case *js.Object:
		for key, member := range v.All() {
			name := stringifyText(key, indent, true, -1)
			b.WriteString("\n" + indent + name + ":")
			writeMember(b, member, indent, len(name)+2)
		}
	case []any:
		for _, e := range v {
			b.WriteString("\n" + indent + "-")
			writeElement(b, e, indent)
		}
	default:
		b.WriteString(stringifyScalar(v, indent, -1))
	}
}

func writeMember(b *strings.Builder, v any, indent string, start int) {
	if empty := emptyCollection(v); empty != "" {
		b.WriteString(" " + empty)
		return
	}
	switch v.(type) {
	case *js.Object, []any:
		writeNode(b, v, indent+indentStep)
	default:
		b.WriteString(" " + stringifyScalar(v, indent+indentStep, start))
	}
}

// writeElement puts the first line of a collection beside its dash.
func writeElement(b *strings.Builder, v any, indent string) {
	if empty := emptyCollection(v); empty != "" {
		b.WriteString(" " + empty)
		return
	}
	switch v.(type) {
	case *js.Object, []any:
		var below strings.Builder
		writeNode(&below, v, indent+indentStep)
		b.WriteString(" " + strings.TrimPrefix(below.String(), "\n"+indent+indentStep))
	default:
		b.WriteString(" " + stringifyScalar(v, indent+indentStep, -1))
	}
}

func emptyCollection(v any) string {
	switch v := v.(type) {
	case *js.Object:
		if v.Len() == 0 {
			return "{}"
		}
	case []any:
		if len(v) == 0 {
			return "[]"
		}
	}
	return ""
}

func stringifyScalar(v any, indent string, start int) string {
	text, isText := v.(string)
	if !isText {
		return js.String(v)
	}
	return stringifyText(text, indent, false, start)
}

var (
	notPlain   = regexp.MustCompile("^[\\n\\t ,\\[\\]{}#&*!|>'\"%@`]|^[?-]$|^[?-][ \\t]|[\\n:][ \\t]|[ \\t]\\n|[\\n\\t ]#|[\\n\\t :-]$")
	notString  = regexp.MustCompile(`^(?:~|[Nn]ull|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE|0o[0-7]+|[-+]?[0-9]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+|[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)|<<)$`) //nolint:misspell // part of a pattern
	blankEnd   = regexp.MustCompile(`\n[\t ]+$`)
	allBlank   = regexp.MustCompile(`^\s*$`)
	lineBreaks = regexp.MustCompile(`\n+`)
)

// stringifyText writes a string plain, quoted or as a block. start is where its first line begins
// beside its key, -1 elsewhere.
func stringifyText(s, indent string, isKey bool, start int) string {
	lines := strings.Contains(s, "\n")
	if isKey && strings.ContainsAny(s, "\n[]{},") {
		return quoted(s, indent, isKey, start)
	}
	if s == "" || notPlain.MatchString(s) {
		if isKey || !lines {
			return quoted(s, indent, isKey, start)
		}
		return block(s, indent)
	}
	switch {
	case lines:
		return block(s, indent)
	case notString.MatchString(s):
		return quoted(s, indent, isKey, start)
	case isKey:
		return s
	}
	return fold(s, indent, foldFlow, start)
}

func quoted(s, indent string, isKey bool, start int) string {
	if strings.Contains(s, `"`) && !strings.Contains(s, "'") && !strings.Contains(s, "\n") {
		out := "'" + s + "'"
		if isKey {
			return out
		}
		return fold(out, indent, foldFlow, start)
	}
	out := string(js.Encode(s))
	if isKey {
		return out
	}
	return fold(out, indent, foldQuoted, start)
}

// block writes lines as a literal, or folded when one of them is too long.
func block(s, indent string) string {
	if blankEnd.MatchString(s) || allBlank.MatchString(s) {
		return quoted(s, indent, false, -1)
	}
	header := "|"
	for line := range strings.SplitSeq(s, "\n") {
		if len(utf16.Encode([]rune(line))) > lineWidth-len(indent) {
			header = ">"
		}
	}
	body := strings.TrimRight(s, "\n\t ")
	end := s[len(body):]
	rest := strings.TrimLeft(body, "\n ")
	start := body[:len(body)-len(rest)]
	if i := strings.LastIndexByte(start, '\n'); i >= 0 {
		rest, start = start[i+1:]+rest, start[:i+1]
	} else if start != "" {
		rest, start = start+rest, ""
	}
	folded := header == ">"
	if strings.HasPrefix(rest, " ") {
		header += "2"
	}
	switch breaks := strings.IndexByte(end, '\n'); {
	case breaks < 0:
		header += "-"
	case breaks != len(end)-1:
		header += "+"
	}
	end = strings.TrimSuffix(end, "\n")
	indented := func(text string) string { return lineBreaks.ReplaceAllString(text, "${0}"+indent) }
	if !folded {
		return header + "\n" + indent + indented(start) + indented(rest) + end
	}
	rest = lineBreaks.ReplaceAllString(rest, "\n${0}")
	more := regexp.MustCompile(`(^|\n)([\t ].*)\n([\n\t ]*)\n([^\n\t ])`)
	for changed := more.ReplaceAllString(rest, "$1$2$3\n$4"); changed != rest; changed = more.ReplaceAllString(rest, "$1$2$3\n$4") {
		rest = changed
	}
	return header + "\n" + indent + fold(indented(start)+indented(rest)+end, indent, foldBlock, len(indent))
}

type foldMode int

const (
	foldFlow foldMode = iota
	foldQuoted
	foldBlock
)

// fold breaks lines at spaces between words where they grow too long.
func fold(text, indent string, mode foldMode, start int) string { //nolint:gocyclo // one case for each form that the original knows
	units := utf16.Encode([]rune(text))
	step := max(1+minContentWidth, 1+lineWidth-len(indent))
	if len(units) <= step {
		return text
	}
	end := lineWidth - len(indent)
	var folds []int
	if start >= 0 {
		if start > lineWidth-minContentWidth {
			folds = append(folds, 0)
		} else {
			end = lineWidth - start
		}
	}
	isBlank := func(i int) bool {
		return i < 0 || i >= len(units) || units[i] == ' ' || units[i] == '\n' || units[i] == '\t'
	}
	split := 0
	for i := 0; i < len(units); i++ {
		if mode == foldQuoted && units[i] == '\\' {
			i++
			if i < len(units) && units[i] == 'u' {
				i += 4
			}
		}
		if i >= len(units) {
			break
		}
		if units[i] == '\n' {
			end, split = i+len(indent)+step, 0
			continue
		}
		if units[i] == ' ' && !isBlank(i-1) && !isBlank(i+1) {
			split = i
		}
		if i >= end && split > 0 {
			folds = append(folds, split)
			end, split = split+step, 0
		}
	}
	if len(folds) == 0 {
		return text
	}
	part := func(from, to int) string { return string(utf16.Decode(units[from:to])) }
	out := part(0, folds[0])
	for i, at := range folds {
		next := len(units)
		if i+1 < len(folds) {
			next = folds[i+1]
		}
		if at == 0 {
			out = "\n" + indent + part(0, next)
		} else {
			out += "\n" + indent + part(at+1, next)
		}
	}
	return out
}
