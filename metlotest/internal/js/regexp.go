package js

import (
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Regexp is a regular expression of JavaScript without the flag u.
type Regexp struct{ re *regexp2.Regexp }

// regexpTimeout ends a match that would backtrack without end.
const regexpTimeout = time.Second

// CompileRegexp is new RegExp(pattern).
func CompileRegexp(pattern string) (*Regexp, error) {
	re, err := regexp2.Compile(pattern, regexp2.ECMAScript)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = regexpTimeout
	return &Regexp{re}, nil
}

// Test tells whether the pattern occurs in s.
func (r *Regexp) Test(s string) bool {
	found, err := r.re.MatchString(s)
	return err == nil && found
}

// Find gives the first match.
func (r *Regexp) Find(s string) (string, bool) {
	m, err := r.re.FindStringMatch(s)
	if err != nil || m == nil {
		return "", false
	}
	return m.String(), true
}

// ValidUnicodeRegexp tells whether new RegExp(pattern, "u") succeeds. The flag refuses escapes of
// letters that mean nothing, and braces and brackets that are not paired.
func ValidUnicodeRegexp(pattern string) bool {
	if _, err := regexp2.Compile(pattern, regexp2.ECMAScript); err != nil {
		return false
	}
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
			if i == len(pattern) || isASCIILetter(pattern[i]) && !strings.ContainsRune("dDsSwWbBnrtvfcxukpP", rune(pattern[i])) {
				return false
			}
		case c == '[':
			inClass = true
		case c == ']' && !inClass:
			return false
		case c == ']':
			inClass = false
		case c == '{' && !inClass && !strings.HasPrefix(pattern[max(i-2, 0):], `\p`) && !strings.HasPrefix(pattern[max(i-2, 0):], `\P`) && !strings.HasPrefix(pattern[max(i-2, 0):], `\u`):
			end := strings.IndexByte(pattern[i:], '}')
			if end < 0 || !isQuantifier(pattern[i+1:i+end]) {
				return false
			}
			i += end
		case c == '}' && !inClass && !strings.Contains(pattern[max(i-12, 0):i], "{"):
			return false
		}
	}
	return true
}

func isQuantifier(s string) bool {
	least, most, _ := strings.Cut(s, ",")
	return least != "" && strings.Trim(least+most, "0123456789") == ""
}
