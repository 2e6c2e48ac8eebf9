package testingconfig

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDepth is the maximum nesting of values.
const MaxDepth = 500

// SyntaxError describes a text that is not in the language.
type SyntaxError struct {
	// Message describes the expected and the actual text.
	Message string
	// Line and Column are the start of the actual text, EndLine and EndColumn its end.
	Line, Column, EndLine, EndColumn int
}

// Error returns "line:column: message".
func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// ParseExact parses a text exactly like Metlo's server. The server rejects an empty text, and a line break after a
// comment at the end. Errors are *SyntaxError.
func ParseExact(text string) ([]Statement, error) {
	p := &parser{text: text}
	if at := invalidUTF8(text); at >= 0 {
		return nil, p.errorAt(at, 1, "The text is not valid UTF-8.")
	}
	statements, ok := p.statements()
	switch {
	case p.tooDeep != nil:
		return nil, p.tooDeep
	case !ok || p.at < len(text):
		if ok {
			p.expect("end of input")
		}
		return nil, p.failure()
	}
	return statements, nil
}

// Parse parses the statements of a text. It accepts the texts of ParseExact, a text without a statement, and white
// space after a comment at the end. [Format] writes statements so that the server accepts them. Errors are
// *SyntaxError.
func Parse(text string) ([]Statement, error) {
	content := strings.TrimRight(text, whiteSpace)
	if content == "" {
		return nil, nil
	}
	statements, err := ParseExact(text)
	if err != nil && len(content) < len(text) {
		if relaxed, relaxedErr := ParseExact(content); relaxedErr == nil {
			return relaxed, nil
		}
	}
	return statements, err
}

const whiteSpace = " \t\n\r"

// invalidUTF8 returns the place of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return i
		}
	}
	return -1
}

// parser is a recursive descent parser. Like the server's parsing expression grammar it records its expectations at the
// furthest position that it reached. A method that fails does not restore at; its caller does before an alternative.
type parser struct {
	text string
	at   int
	// silent is the number of enclosing named rules: expectations name only the rule, not its parts.
	silent   int
	furthest int
	expected []string
	depth    int
	tooDeep  *SyntaxError

	// lines holds the starts of lines, and counted the last requested place.
	lines   []int
	counted struct{ start, at, units int }
}

func (p *parser) expect(what string) {
	if p.silent > 0 || p.at < p.furthest {
		return
	}
	if p.at > p.furthest {
		p.furthest, p.expected = p.at, nil
	}
	p.expected = append(p.expected, what)
}

func (p *parser) failure() *SyntaxError {
	wanted := slices.Compact(slices.Sorted(slices.Values(p.expected)))
	var list string
	switch last := len(wanted) - 1; last {
	case 0, 1:
		list = strings.Join(wanted, " or ")
	default:
		list = strings.Join(wanted[:last], ", ") + ", or " + wanted[last]
	}
	if p.furthest == len(p.text) {
		return p.errorAt(p.furthest, 0, "Expected "+list+" but end of input found.")
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.furthest:])
	if r > 0xffff {
		r = utf8.RuneError // the server shows half of the pair
	}
	return p.errorAt(p.furthest, 1, "Expected "+list+" but "+quote(string(r))+" found.")
}

// errorAt returns an error at a byte of the text. Its range has width UTF-16 units, and ends at the end of the line at
// the latest.
func (p *parser) errorAt(at, width int, message string) *SyntaxError {
	e := &SyntaxError{Message: message}
	e.Line, e.Column = p.place(at)
	e.EndLine, e.EndColumn = e.Line, e.Column+width
	if width > 0 && p.text[at] == '\n' {
		e.EndLine, e.EndColumn = e.Line+1, 1
	}
	return e
}

// place returns the line and the column of a byte of the text.
func (p *parser) place(at int) (line, column int) {
	if p.lines == nil {
		p.lines = []int{0}
		for i := range len(p.text) {
			if p.text[i] == '\n' {
				p.lines = append(p.lines, i+1)
			}
		}
	}
	line, found := slices.BinarySearch(p.lines, at)
	if found {
		line++
	}
	c, start := &p.counted, p.lines[line-1]
	if c.start != start || c.at > at || c.at < start {
		c.start, c.at, c.units = start, start, 0
	}
	c.units += utf16Len(p.text[c.at:at])
	c.at = at
	return line, 1 + c.units
}

func utf16Len(s string) (units int) {
	for _, r := range s {
		units++
		if r > 0xffff {
			units++
		}
	}
	return units
}

// quote quotes a text like the server's messages.
func quote(s string) string {
	return quoteWith(s, func(r rune) string {
		switch {
		case r == 0:
			return `\0`
		case r < 0x20 || r >= 0x7f && r <= 0x9f:
			return fmt.Sprintf(`\x%02X`, r)
		}
		return string(r)
	})
}

// quoteWith quotes a text. The function rest writes the characters that have no common escape.
func quoteWith(s string, rest func(rune) string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteString(`\` + string(r))
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		default:
			b.WriteString(rest(r))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(whiteSpace, p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) literal(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		p.expect(quote(s))
		return false
	}
	p.at += len(s)
	return true
}

// punctuation parses brackets, commas and the like with white space around them.
func (p *parser) punctuation(s string) bool {
	p.space()
	if !p.literal(s) {
		return false
	}
	p.space()
	return true
}

// try calls read, and restores the position if read fails.
func (p *parser) try(read func() bool) bool {
	from := p.at
	if read() {
		return true
	}
	p.at = from
	return false
}

// named calls read. If read fails, the error expects name instead of its parts.
func (p *parser) named(name string, read func() bool) bool {
	p.silent++
	ok := p.try(read)
	p.silent--
	if !ok {
		p.expect(name)
	}
	return ok
}

// list parses elements with commas between them, or none. It does not consume a comma without a following element.
func (p *parser) list(element func(first bool) bool) {
	for first := true; ; first = false {
		if !p.try(func() bool { return (first || p.punctuation(",")) && element(first) }) {
			return
		}
	}
}
