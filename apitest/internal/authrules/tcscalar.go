package authrules

import (
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"

	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func (p *tcParser) number() any {
	start, rest := p.pos, p.text[p.pos:]
	n := 0
	if strings.HasPrefix(rest, "-") {
		n++
	}
	whole := digits(rest[n:])
	if whole == 0 {
		p.expected(`"["`, `"false"`, `"null"`, `"true"`, `"{"`, "number", "string")
	}
	if rest[n] == '0' {
		whole = 1
	}
	n += whole
	if strings.HasPrefix(rest[n:], ".") {
		if d := digits(rest[n+1:]); d > 0 {
			n += 1 + d
		}
	}
	if n < len(rest) && rest[n]|0x20 == 'e' {
		sign := 0
		if n+1 < len(rest) && (rest[n+1] == '-' || rest[n+1] == '+') {
			sign = 1
		}
		if d := digits(rest[n+1+sign:]); d > 0 {
			n += 1 + sign + d
		}
	}
	if i, err := strconv.Atoi(rest[:n]); err == nil {
		p.pos += n
		return i
	}
	f, err := strconv.ParseFloat(rest[:n], 64)
	if err != nil || math.IsInf(f, 0) {
		p.pos = start
		p.fail(n, "The number %s is too large.", rest[:n])
	}
	p.pos += n
	return jsvalue.Shrink(f)
}

// str reads a quoted string.
func (p *tcParser) str() string {
	p.literal(`"`)
	var b strings.Builder
	for {
		if p.end() || p.text[p.pos] < 0x20 {
			p.expected(`"\""`, `"\\"`, "a printable character")
		}
		switch c := p.text[p.pos]; c {
		case '"':
			p.pos++
			return b.String()
		case '\\':
			p.pos++
			b.WriteString(p.escape())
		default:
			_, n := utf8.DecodeRuneInString(p.text[p.pos:])
			b.WriteString(p.text[p.pos : p.pos+n])
			p.pos += n
		}
	}
}

func (p *tcParser) escape() string {
	if p.try("u") {
		unit := p.hex()
		if utf16.IsSurrogate(rune(unit)) && p.try(`\u`) {
			return string(utf16.Decode([]uint16{unit, p.hex()}))
		}
		return string(utf16.Decode([]uint16{unit}))
	}
	if !p.end() {
		if i := strings.IndexByte(`"\/bfnrt`, p.text[p.pos]); i >= 0 {
			p.pos++
			return "\"\\/\b\f\n\r\t"[i : i+1]
		}
	}
	p.expected(`"\""`, `"\\"`, `"/"`, `"b"`, `"f"`, `"n"`, `"r"`, `"t"`, `"u"`)
	return ""
}

func (p *tcParser) hex() uint16 {
	if p.pos+4 <= len(p.text) {
		if n, err := strconv.ParseUint(p.text[p.pos:p.pos+4], 16, 16); err == nil {
			p.pos += 4
			return uint16(n)
		}
	}
	p.expected("four hexadecimal digits")
	return 0
}
