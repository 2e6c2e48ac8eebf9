package testingconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is a JSON value with its place.
type Value struct {
	Line, Column int
	// V is nil, a bool, float64 or string, a []Value, or a []Member for an object.
	V any
}

// Member is a named value.
type Member struct {
	// Line and Column are the place of the name.
	Line, Column int
	Name         string
	Value        Value
}

// Properties returns the members of an object in JavaScript's order. Names that are array indices come first, sorted by
// value. A duplicate name keeps the place of the first member and the value of the last. A member called __proto__ is
// dropped.
func Properties(members []Member) []Member {
	out := make([]Member, 0, len(members))
	index := make(map[string]int, len(members))
	for _, m := range members {
		if m.Name == "__proto__" {
			continue
		}
		if i, known := index[m.Name]; known {
			out[i] = m
			continue
		}
		index[m.Name] = len(out)
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b Member) int {
		i, aIsIndex := arrayIndex(a.Name)
		j, bIsIndex := arrayIndex(b.Name)
		switch {
		case aIsIndex && bIsIndex:
			return cmp.Compare(i, j)
		case aIsIndex:
			return -1
		case bIsIndex:
			return 1
		}
		return 0
	})
	return out
}

// arrayIndex parses a name that JavaScript treats as an array index.
func arrayIndex(name string) (uint64, bool) {
	if name == "" || len(name) > 10 || name[0] == '0' && name != "0" || strings.Trim(name, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(name, 10, 32)
	return n, err == nil && n < 1<<32-1
}

// value parses a JSON value.
func (p *parser) value(v *Value) bool {
	p.depth++
	defer func() { p.depth-- }()
	v.Line, v.Column = p.place(p.at)
	for _, word := range []struct {
		text  string
		value any
	}{{"false", false}, {"null", nil}, {"true", true}} {
		if p.literal(word.text) {
			v.V = word.value
			return true
		}
	}
	return p.try(func() bool { return p.object(v) }) || p.try(func() bool { return p.array(v) }) ||
		p.number(v) || p.stringValue(v)
}

// open parses the start of a list or an object.
func (p *parser) open(bracket string) bool {
	from := p.at
	if !p.punctuation(bracket) {
		return false
	}
	if p.depth <= MaxDepth {
		return true
	}
	if p.tooDeep == nil {
		p.tooDeep = p.errorAt(from, 0, fmt.Sprintf("Values are nested more than %d deep.", MaxDepth))
	}
	return false
}

func (p *parser) object(v *Value) bool {
	if !p.open("{") {
		return false
	}
	members := []Member{}
	p.members(&members, p.quoted, ":", p.value)
	v.V = members
	return p.punctuation("}")
}

func (p *parser) array(v *Value) bool {
	if !p.open("[") {
		return false
	}
	list := []Value{}
	p.list(func(bool) bool {
		var e Value
		if !p.value(&e) {
			return false
		}
		list = append(list, e)
		return true
	})
	v.V = list
	return p.punctuation("]")
}

func (p *parser) number(v *Value) bool {
	v.Line, v.Column = p.place(p.at)
	return p.named("number", func() bool {
		n := numberLen(p.text[p.at:])
		if n == 0 {
			return false
		}
		f, _ := strconv.ParseFloat(p.text[p.at:p.at+n], 64) // infinite out of range, as on the server
		v.V = f
		p.at += n
		return true
	})
}

// numberLen returns the length of the number that s starts with.
func numberLen(s string) int {
	n := 0
	if strings.HasPrefix(s, "-") {
		n++
	}
	switch whole := digits(s[n:]); {
	case whole == 0:
		return 0
	case s[n] == '0':
		n++
	default:
		n += whole
	}
	if strings.HasPrefix(s[n:], ".") {
		if d := digits(s[n+1:]); d > 0 {
			n += 1 + d
		}
	}
	if n < len(s) && s[n]|0x20 == 'e' {
		exponent := n + 1
		if exponent < len(s) && (s[exponent] == '-' || s[exponent] == '+') {
			exponent++
		}
		if d := digits(s[exponent:]); d > 0 {
			n = exponent + d
		}
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func (p *parser) stringValue(v *Value) bool {
	var s string
	v.Line, v.Column = p.place(p.at)
	if !p.quoted(&s) {
		return false
	}
	v.V = s
	return true
}

// quoted parses a text in quotes.
func (p *parser) quoted(into *string) bool {
	return p.named("string", func() bool {
		s, n := unquote(p.text[p.at:])
		*into = s
		p.at += n
		return n > 0
	})
}

// unquote returns the content of the text in quotes at the start of s, and its length including the quotes; 0 without
// one.
func unquote(s string) (text string, size int) {
	if !strings.HasPrefix(s, `"`) {
		return "", 0
	}
	var b []byte
	for i := 1; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			return string(b), i + 1
		case c < 0x20:
			return "", 0
		case c == '\\':
			var n int
			if b, n = appendEscape(b, s[i:]); n == 0 {
				return "", 0
			}
			i += n
		default:
			b = append(b, c)
			i++
		}
	}
	return "", 0
}

// appendEscape appends the character of the escape at the start of s, and returns its length; 0 without an escape.
func appendEscape(b []byte, s string) (out []byte, size int) {
	if len(s) < 2 {
		return b, 0
	}
	if s[1] != 'u' {
		i := strings.IndexByte(`"\/bfnrt`, s[1])
		if i < 0 {
			return b, 0
		}
		return append(b, "\"\\/\b\f\n\r\t"[i]), 2
	}
	first, ok := hexUnit(s)
	if !ok {
		return b, 0
	}
	if second, paired := hexUnit(s[6:]); paired {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return utf8.AppendRune(b, r), 12
		}
	}
	return utf8.AppendRune(b, first), 6 // half of a pair becomes U+FFFD
}

// hexUnit parses \uXXXX.
func hexUnit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
