package js

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError describes what is wrong with a JSON text in the words of Node 20; "" means nothing.
func SyntaxError(text string) string {
	s := &jsonScanner{text: text}
	s.space()
	if s.value(); s.fault != "" {
		return s.fault
	}
	if s.space(); s.at < len(s.text) {
		return s.position("Unexpected non-whitespace character after JSON at position %d")
	}
	return ""
}

// StrictSyntaxError is body-parser's complaint about a top level that is neither object nor array.
func StrictSyntaxError(text string) string {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed == "" || trimmed[0] == '{' || trimmed[0] == '[' {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(trimmed)
	return fmt.Sprintf(`Unexpected token '%c', "#" is not valid JSON`, r)
}

type jsonScanner struct {
	text  string
	at    int
	fault string
}

func (s *jsonScanner) position(format string) string { return fmt.Sprintf(format, s.at) }

func (s *jsonScanner) space() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

func (s *jsonScanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// unexpected reports the character at hand; expected is the specific message, if V8 has one there.
func (s *jsonScanner) unexpected(expected string) {
	if s.fault != "" {
		return
	}
	c := s.peek()
	switch {
	case expected != "":
		s.fault = s.position(expected + " in JSON at position %d")
	case s.at >= len(s.text):
		s.fault = "Unexpected end of JSON input"
	case c == '"':
		s.fault = s.position("Unexpected string in JSON at position %d")
	case c == '-' || c >= '0' && c <= '9':
		s.fault = s.position("Unexpected number in JSON at position %d")
	default:
		r, _ := utf8.DecodeRuneInString(s.text[s.at:])
		s.fault = fmt.Sprintf("Unexpected token '%c', %s is not valid JSON", r, s.excerpt())
	}
}

// excerpt shows the whole text when it is short, else ten characters around the spot.
func (s *jsonScanner) excerpt() string {
	const around = 10
	if len(s.text) <= 40 {
		return `"` + s.text + `"`
	}
	from, to := max(0, s.at-around), min(len(s.text), s.at+around)
	out := `"` + s.text[from:to] + `"`
	if from > 0 {
		out = "..." + out
	}
	if to < len(s.text) {
		out += "..."
	}
	return out
}

func (s *jsonScanner) value() {
	if s.fault != "" {
		return
	}
	switch c := s.peek(); {
	case c == '{':
		s.object()
	case c == '[':
		s.array()
	case c == '"':
		s.string()
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	default:
		for _, word := range []string{"true", "false", "null"} {
			if strings.HasPrefix(s.text[s.at:], word) {
				s.at += len(word)
				return
			}
		}
		s.unexpected("")
	}
}

func (s *jsonScanner) object() {
	s.at++
	s.space()
	if s.peek() == '}' {
		s.at++
		return
	}
	expected := "Expected property name or '}'"
	for s.fault == "" {
		if s.peek() != '"' {
			s.unexpected(expected)
			return
		}
		s.string()
		s.space()
		if s.fault == "" && s.peek() != ':' {
			s.unexpected("Expected ':' after property name")
			return
		}
		s.at++
		s.space()
		s.value()
		s.space()
		if s.fault != "" {
			return
		}
		if s.peek() == '}' {
			s.at++
			return
		}
		if s.peek() != ',' {
			s.unexpected("Expected ',' or '}' after property value")
			return
		}
		s.at++
		s.space()
		expected = "Expected double-quoted property name"
	}
}

func (s *jsonScanner) array() {
	s.at++
	s.space()
	if s.peek() == ']' {
		s.at++
		return
	}
	for s.fault == "" {
		s.value()
		s.space()
		if s.fault != "" {
			return
		}
		if s.peek() == ']' {
			s.at++
			return
		}
		if s.peek() != ',' {
			s.unexpected("Expected ',' or ']' after array element")
			return
		}
		s.at++
		s.space()
	}
}

func (s *jsonScanner) string() {
	s.at++
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return
		case c < 0x20:
			s.fault = s.position("Bad control character in string literal in JSON at position %d")
			return
		case c == '\\':
			s.at++
			if s.at < len(s.text) && strings.IndexByte(`"\/bfnrtu`, s.text[s.at]) < 0 {
				s.fault = s.position("Bad escaped character in JSON at position %d")
				return
			}
			if s.peek() == 'u' && !s.unicodeEscape() {
				s.fault = s.position("Bad Unicode escape in JSON at position %d")
				return
			}
		}
		s.at++
	}
	s.fault = s.position("Unterminated string in JSON at position %d")
}

// unicodeEscape passes the digits after \u, up to the last.
func (s *jsonScanner) unicodeEscape() bool {
	for range 4 {
		s.at++
		if c := s.peek() | 0x20; (c < 'a' || c > 'f') && (s.peek() < '0' || s.peek() > '9') {
			return false
		}
	}
	return true
}

func (s *jsonScanner) number() {
	digits := func() bool {
		from := s.at
		for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
			s.at++
		}
		return s.at > from
	}
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
		if c := s.peek(); c >= '0' && c <= '9' {
			s.unexpected("")
			return
		}
	} else if !digits() {
		s.unexpected("No number after minus sign")
		return
	}
	if s.peek() == '.' {
		if s.at++; !digits() {
			s.unexpected("Unterminated fractional number")
			return
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !digits() {
			s.unexpected("Exponent part is missing a number")
		}
	}
}
