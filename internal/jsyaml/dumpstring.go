package jsyaml

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// scalar writes a string in the style that js-yaml chooses. A key stays on one line.
func (d *dumper) scalar(s string, level int, isKey bool) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if s == "" {
		return "''"
	}
	if isOldBoolean(s) || base60.MatchString(s) {
		return "'" + s + "'"
	}
	indent := 2 * max(1, level)
	width := d.options.LineWidth
	if width != -1 {
		width = max(min(width, 40), width-indent)
	}
	switch chooseStyle(s, isKey, width) {
	case plainStyle:
		return s
	case singleStyle:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	case literalStyle:
		return "|" + blockHeader(s) + strings.TrimSuffix(indentLines(s, indent), "\n")
	case foldedStyle:
		return ">" + blockHeader(s) + strings.TrimSuffix(indentLines(foldText(s, width), indent), "\n")
	}
	return doubleQuote(s)
}

var base60 = regexp.MustCompile(`^[-+]?[0-9_]+(?::[0-9_]+)+(?:\.[0-9_]*)?$`)

// isOldBoolean reports whether YAML 1.1 reads s as a boolean.
func isOldBoolean(s string) bool {
	switch s {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		return true
	}
	return false
}

type style uint8

const (
	plainStyle style = iota
	singleStyle
	literalStyle
	foldedStyle
	doubleStyle
)

// chooseStyle returns the style of a string that is not empty. width is -1 for no folding.
func chooseStyle(s string, oneLine bool, width int) style {
	last, _ := utf8.DecodeLastRuneInString(s)
	first, _ := utf8.DecodeRuneInString(s)
	plain := startsPlain(first) && last != ' ' && last != '\t' && last != ':'
	previous := rune(-1)
	breaks, foldable := false, false
	length, indented := 0, false // of the line
	endLine := func() {
		foldable = foldable || width != -1 && length > width && !indented
		length = 0
	}
	for _, r := range s {
		if r == '\n' && !oneLine {
			breaks = true
			endLine()
		} else {
			if !isPrintable(r) {
				return doubleStyle
			}
			if length == 0 {
				indented = r == ' '
			}
			length += utf16Units(r)
		}
		plain = plain && isPlain(r, previous)
		previous = r
	}
	if !oneLine {
		endLine()
	}
	switch {
	case foldable:
		return foldedStyle
	case breaks:
		return literalStyle
	case plain && !isTyped(s):
		return plainStyle
	}
	return singleStyle
}

// isTyped reports whether a plain scalar would read as something else than a string.
func isTyped(s string) bool {
	n := Node{Kind: String, Text: s}
	return n.implicit() != ""
}

func isPrintable(r rune) bool {
	switch {
	case r < 0x20 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
		return false
	case r <= 0x7e:
		return true
	}
	return r >= 0xa1 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
}

// startsPlain reports whether a scalar without quotes may start with r.
func startsPlain(r rune) bool {
	return isPrintable(r) && !strings.ContainsRune(" -?:,[]{}#&*!|=>'\"%@`", r)
}

// isPlain reports whether r may stand in a scalar without quotes, after previous, which is -1 at the start.
func isPlain(r, previous rune) bool {
	visible := isPrintable(r) && r != ' '
	switch {
	case previous == ':' && visible:
		return true
	case r == '#':
		return previous >= 0 && isPrintable(previous) && previous != ' '
	}
	return isPrintable(r) && (previous != ':' || visible)
}

// blockHeader writes the indicators of a block scalar.
func blockHeader(s string) string {
	header := ""
	if strings.HasPrefix(strings.TrimLeft(s, "\n"), " ") {
		header = "2"
	}
	switch {
	case !strings.HasSuffix(s, "\n"):
		header += "-"
	case s == "\n" || strings.HasSuffix(s, "\n\n"):
		header += "+"
	}
	return header + "\n"
}

// indentLines indents the lines that are not empty.
func indentLines(s string, spaces int) string {
	var b strings.Builder
	pad := strings.Repeat(" ", spaces)
	for line := range strings.Lines(s) {
		if line != "\n" {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return b.String()
}

// foldText breaks the lines of s that are wider than width.
func foldText(s string, width int) string {
	var b strings.Builder
	first, _, _ := strings.Cut(s, "\n")
	rest := s[len(first):]
	foldLine(&b, first, width)
	indented := s[0] == '\n' || s[0] == ' '
	for rest != "" {
		text := strings.TrimLeft(rest, "\n")
		b.WriteString(rest[:len(rest)-len(text)])
		line, _, _ := strings.Cut(text, "\n")
		rest = text[len(line):]
		deeper := strings.HasPrefix(line, " ")
		if !indented && !deeper && line != "" {
			b.WriteByte('\n')
		}
		foldLine(&b, line, width)
		indented = deeper
	}
	return b.String()
}

// foldLine breaks a line before it gets wider than width, or where it first can be broken after that.
// A break stands for one space, so it may not be followed by another. Lines that start with a space stay whole.
func foldLine(b *strings.Builder, line string, width int) {
	if line == "" || line[0] == ' ' {
		b.WriteString(line)
		return
	}
	// Each place is known by its byte and by the UTF-16 units before it.
	type place struct{ at, units int }
	var start, current place
	units := 0
	for i, r := range line {
		if r == ' ' && i+1 < len(line) && line[i+1] != ' ' {
			next := place{i, units}
			if next.units-start.units > width {
				end := next
				if current.at > start.at {
					end = current
				}
				b.WriteString(line[start.at:end.at])
				b.WriteByte('\n')
				start = place{end.at + 1, end.units + 1}
			}
			current = next
		}
		units += utf16Units(r)
	}
	if units-start.units > width && current.at > start.at {
		b.WriteString(line[start.at:current.at])
		b.WriteByte('\n')
		start.at = current.at + 1
	}
	b.WriteString(line[start.at:])
}

func doubleQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		b.WriteString(escapeRune(r))
	}
	b.WriteByte('"')
	return b.String()
}

func escapeRune(r rune) string {
	switch r {
	case 0:
		return `\0`
	case '\a':
		return `\a`
	case '\b':
		return `\b`
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\v':
		return `\v`
	case '\f':
		return `\f`
	case '\r':
		return `\r`
	case 0x1b:
		return `\e`
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case 0x85:
		return `\N`
	case 0xa0:
		return `\_`
	case 0x2028:
		return `\L`
	case 0x2029:
		return `\P`
	}
	switch {
	case isPrintable(r):
		return string(r)
	case r <= 0xff:
		return fmt.Sprintf(`\x%02X`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return fmt.Sprintf(`\U%08X`, r)
}
