package js

import (
	"math"
	"strconv"
	"strings"
)

// ParseInt simulates parseInt(String(v)) in base ten: it returns the leading digits, or NaN.
func ParseInt(v any) float64 {
	s := strings.TrimLeftFunc(String(v), isSpace)
	sign := 1.0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	base, digits := 10, "0123456789"
	if len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		base, digits, s = 16, "0123456789abcdefABCDEF", s[2:]
	}
	end := len(s) - len(strings.TrimLeft(s, digits))
	if end == 0 {
		return math.NaN()
	}
	if base == 16 {
		n, err := strconv.ParseUint(s[:end], 16, 64)
		if err != nil {
			return sign * math.Inf(1)
		}
		return sign * float64(n)
	}
	f, err := strconv.ParseFloat(s[:end], 64)
	if err != nil {
		f = math.Inf(1)
	}
	return sign * f
}

// isSpace reports whether JavaScript's trim removes a character.
func isSpace(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

// Trim simulates String.prototype.trim.
func Trim(s string) string { return strings.TrimFunc(s, isSpace) }

// IsNumeric reports whether Number(s) is a number: blank text is 0, and hexadecimal, octal, binary and
// Infinity count.
func IsNumeric(s string) bool {
	s = Trim(s)
	if s == "" {
		return true
	}
	if len(s) > 2 && s[0] == '0' {
		bases := map[byte]string{'x': "0123456789abcdefABCDEF", 'X': "0123456789abcdefABCDEF", 'o': "01234567", 'O': "01234567", 'b': "01", 'B': "01"}
		if digits, ok := bases[s[1]]; ok {
			return strings.Trim(s[2:], digits) == ""
		}
	}
	unsigned := strings.TrimLeft(s, "+-")
	if len(s)-len(unsigned) > 1 {
		return false
	}
	if unsigned == "Infinity" {
		return true
	}
	if strings.Trim(unsigned, "0123456789.eE+-") != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || strings.Contains(err.Error(), "range")
}
