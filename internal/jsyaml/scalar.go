package jsyaml

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scalarText gathers the text of a scalar.
type scalarText struct {
	buf []byte
	// high is the first half of a surrogate pair that an escape wrote, with its end in buf.
	high   uint16
	highAt int
}

func (s *scalarText) write(text string) { s.buf = append(s.buf, text...) }

// unit adds a UTF-16 unit that an escape stands for. A half of a pair without the other reads as U+FFFD.
func (s *scalarText) unit(u uint16) {
	if s.high != 0 && s.highAt == len(s.buf) {
		if r := utf16.DecodeRune(rune(s.high), rune(u)); r != utf8.RuneError {
			s.buf = utf8.AppendRune(s.buf[:s.highAt-utf8.RuneLen(utf8.RuneError)], r)
			s.high = 0
			return
		}
	}
	s.buf = utf8.AppendRune(s.buf, rune(u))
	if s.high = 0; u >= 0xd800 && u < 0xdc00 {
		s.high, s.highAt = u, len(s.buf)
	}
}

// fold adds what stands for a number of line breaks: a space for one, else one line break fewer.
func (s *scalarText) fold(breaks int) {
	if breaks == 1 {
		s.write(" ")
		return
	}
	s.breaks(breaks - 1)
}

func (s *scalarText) breaks(n int) {
	for range n {
		s.buf = append(s.buf, '\n')
	}
}

// capture adds a part of the text that is not quoted.
func (p *parser) capture(s *scalarText, from, to int) {
	if from >= to {
		return
	}
	part := p.text[from:to]
	for _, r := range part {
		if !isPrintableInput(r) {
			p.fail("the stream contains non-printable characters")
		}
	}
	s.write(part)
}

func isPrintableInput(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0x7f:
		return true
	case r < 0xa0:
		return r == 0x85
	}
	return r != 0xfffe && r != 0xffff
}

// captureQuoted adds a part of a quoted scalar.
func (p *parser) captureQuoted(s *scalarText, from, to int) {
	if from >= to {
		return
	}
	part := p.text[from:to]
	for i := range len(part) {
		if part[i] < 0x20 && part[i] != '\t' {
			p.fail("expected valid JSON character")
		}
	}
	s.write(part)
}

func (p *parser) scalarResult(s *scalarText) {
	p.kind = scalarKind
	p.result = &Node{Kind: String, Text: string(s.buf)}
}

// startsPlainScalar reports whether a scalar without quotes may start here.
func (p *parser) startsPlainScalar(inFlow bool) bool {
	c := p.peek()
	if c == 0 || isBlankOrEOL(c) || strings.IndexByte(",[]{}#&*!|>'\"%@`", c) >= 0 {
		return false
	}
	return c != '?' && c != '-' || !p.endsWord(inFlow)
}

// endsWord reports whether white space or, in a flow collection, an indicator follows the current byte.
func (p *parser) endsWord(inFlow bool) bool {
	after := p.byteAt(p.at + 1)
	return isBlankOrEOL(after) || inFlow && isFlowIndicator(after)
}

// endsPlainScalar reports whether a scalar without quotes ends before the current byte, at something else than a line break.
func (p *parser) endsPlainScalar(inFlow bool) bool {
	switch c := p.peek(); c {
	case ':':
		return p.endsWord(inFlow)
	case '#':
		return p.at > 0 && isBlankOrEOL(p.text[p.at-1])
	default:
		return p.atSeparator() || inFlow && isFlowIndicator(c)
	}
}

// plainScalar reads a scalar without quotes, which may go on over lines that are indented by indent.
func (p *parser) plainScalar(indent int, inFlow bool) bool {
	if !p.startsPlainScalar(inFlow) {
		return false
	}
	var s scalarText
	from, to := p.at, p.at
	for c := p.peek(); c != 0 && !p.endsPlainScalar(inFlow); c = p.peek() {
		if !isEOL(c) {
			p.at++
			if !isBlank(c) {
				to = p.at
			}
			continue
		}
		line, lineStart, lineIndent := p.line, p.lineStart, p.indent
		p.space(false)
		if p.indent < indent {
			p.at, p.line, p.lineStart, p.indent = to, line, lineStart, lineIndent
			break
		}
		if p.peek() == 0 || p.endsPlainScalar(inFlow) {
			break
		}
		p.capture(&s, from, to)
		s.fold(p.line - line)
		from, to = p.at, p.at
	}
	p.capture(&s, from, to)
	if len(s.buf) == 0 {
		return false
	}
	p.scalarResult(&s)
	return true
}

// quotedScalar reads a scalar in single or double quotes, of which kind is the name. A quote inside is doubled in single
// quotes, and escaped in double quotes.
func (p *parser) quotedScalar(quote byte, kind string) bool {
	if p.peek() != quote {
		return false
	}
	var s scalarText
	p.at++
	from, to := p.at, p.at
	for c := p.peek(); c != 0; c = p.peek() {
		switch {
		case c == quote:
			p.captureQuoted(&s, from, p.at)
			if p.next() != quote || quote == '"' {
				p.scalarResult(&s)
				return true
			}
			from = p.at
			p.at++
			to = p.at
		case c == '\\' && quote == '"':
			p.captureQuoted(&s, from, p.at)
			p.escape(&s)
			from, to = p.at, p.at
		case isEOL(c):
			p.captureQuoted(&s, from, to)
			s.fold(p.space(false))
			from, to = p.at, p.at
		case p.atSeparator():
			p.fail("unexpected end of the document within a " + kind + " quoted scalar")
		default:
			p.at++
			to = p.at
		}
	}
	p.fail("unexpected end of the stream within a " + kind + " quoted scalar")
	return false
}

// simpleEscape returns what an escape of one character stands for, or "".
func simpleEscape(c byte) string {
	switch c {
	case '0':
		return "\x00"
	case 'a':
		return "\a"
	case 'b':
		return "\b"
	case 't', '\t':
		return "\t"
	case 'n':
		return "\n"
	case 'v':
		return "\v"
	case 'f':
		return "\f"
	case 'r':
		return "\r"
	case 'e':
		return "\x1b"
	case ' ', '"', '/', '\\':
		return string(rune(c))
	case 'N':
		return "\u0085"
	case '_':
		return "\u00a0"
	case 'L':
		return "\u2028"
	case 'P':
		return "\u2029"
	}
	return ""
}

// escapeDigits returns the number of hexadecimal digits of an escape, or 0.
func escapeDigits(c byte) int {
	switch c {
	case 'x':
		return 2
	case 'u':
		return 4
	case 'U':
		return 8
	}
	return 0
}

// escape reads a backslash and what it stands for.
func (p *parser) escape(s *scalarText) {
	c := p.next()
	if isEOL(c) {
		p.space(false)
		return
	}
	if text := simpleEscape(c); text != "" {
		s.write(text)
		p.at++
		return
	}
	digits := escapeDigits(c)
	if digits == 0 {
		p.fail("unknown escape sequence")
	}
	var code int32
	for range digits {
		digit := hexDigit(p.next())
		if digit < 0 {
			p.fail("expected hexadecimal character")
		}
		code = code<<4 + digit
	}
	p.at++
	if code <= 0xffff {
		s.unit(uint16(code))
		return
	}
	s.unit(uint16((code-0x10000)>>10 + 0xd800))
	s.unit(uint16((code-0x10000)&0x3ff + 0xdc00))
}

func hexDigit(c byte) int32 {
	switch lower := c | 0x20; {
	case c >= '0' && c <= '9':
		return int32(c - '0')
	case lower >= 'a' && lower <= 'f':
		return int32(lower-'a') + 10
	}
	return -1
}
