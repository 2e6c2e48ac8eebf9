package jsyaml

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// isInt reports whether a plain scalar is an integer: decimal, or 0b, 0o, 0x, with _ between digits.
func isInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) == len(s) {
		digits = strings.TrimPrefix(s, "+")
	}
	if digits == "" || digits[0] == '_' {
		return false
	}
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	if len(digits) > 1 && digits[0] == '0' {
		switch digits[1] {
		case 'b':
			isDigit = func(c byte) bool { return c == '0' || c == '1' }
		case 'o':
			isDigit = func(c byte) bool { return c >= '0' && c <= '7' }
		case 'x':
			isDigit = func(c byte) bool { return hexDigit(c) >= 0 }
		case '_':
			return false
		}
		if c := digits[1]; c == 'b' || c == 'o' || c == 'x' {
			digits = digits[2:]
		}
	}
	found := false
	for i := range len(digits) {
		if digits[i] == '_' {
			continue
		}
		if !isDigit(digits[i]) {
			return false
		}
		found = true
	}
	return found && digits[len(digits)-1] != '_'
}

// intValue reads what isInt accepts, rounded to a float64.
func intValue(s string) float64 {
	sign, digits := cutSign(strings.ReplaceAll(s, "_", ""))
	if digits == "0" {
		return 0
	}
	base := 10
	if len(digits) > 2 && digits[0] == '0' {
		switch digits[1] {
		case 'b':
			base = 2
		case 'o':
			base = 8
		case 'x':
			base = 16
		}
	}
	if base == 10 {
		f, _ := strconv.ParseFloat(digits, 64) // beyond the range it is infinite
		return multiply(sign, f)
	}
	if n, err := strconv.ParseUint(digits[2:], base, 53); err == nil {
		return multiply(sign, float64(n))
	}
	n, ok := new(big.Int).SetString(digits[2:], base)
	if !ok {
		return math.NaN()
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return multiply(sign, f)
}

// cutSign returns the sign of a number, 1 or -1, and the text behind it.
func cutSign(s string) (sign float64, rest string) {
	switch s[0] {
	case '-':
		return -1, s[1:]
	case '+':
		return 1, s[1:]
	}
	return 1, s
}

// multiply returns f with the sign of sign, also where f is zero.
func multiply(sign, f float64) float64 { return math.Copysign(f, sign) }

// isFloat reports whether a plain scalar is a number in js-yaml's form, .inf or .nan.
func isFloat(s string) bool {
	switch strings.TrimLeft(s[:min(1, len(s))], "+-") + s[min(1, len(s)):] {
	case ".inf", ".Inf", ".INF":
		return true
	}
	switch s {
	case "", ".nan", ".NaN", ".NAN":
		return s != ""
	}
	if s[len(s)-1] == '_' {
		return false
	}
	rest := s
	if rest[0] != '.' {
		if rest[0] == '-' || rest[0] == '+' {
			rest = rest[1:]
		}
		if rest == "" || rest[0] < '0' || rest[0] > '9' {
			return false
		}
		if rest = skipDigits(rest); strings.HasPrefix(rest, ".") {
			rest = skipDigits(rest[1:])
		}
	} else if rest = skipDigits(rest[1:]); len(rest) == len(s)-1 {
		return false
	}
	if rest == "" {
		return true
	}
	if rest[0]|0x20 != 'e' {
		return false
	}
	exponent := rest[1:]
	if exponent != "" && (exponent[0] == '-' || exponent[0] == '+') {
		exponent = exponent[1:]
	}
	return exponent != "" && strings.Trim(exponent, "0123456789") == ""
}

func skipDigits(s string) string { return strings.TrimLeft(s, "0123456789_") }

// floatValue reads what isFloat accepts.
func floatValue(s string) float64 {
	sign, text := cutSign(strings.ToLower(strings.ReplaceAll(s, "_", "")))
	switch text {
	case ".inf":
		return math.Inf(int(sign))
	case ".nan":
		return math.NaN()
	}
	f, err := strconv.ParseFloat(text, 64) // beyond the range it is infinite
	if errors.Is(err, strconv.ErrSyntax) {
		return math.NaN() // an exponent without digits before it, such as ._e5
	}
	return multiply(sign, f)
}

// FormatNumber writes a number as JavaScript's toString does.
func FormatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	case f < 0:
		return "-" + FormatNumber(-f)
	case f >= 1e21 || f < 1e-6:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		digits := strings.TrimLeft(exponent[1:], "0")
		return mantissa + "e" + exponent[:1] + digits
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
