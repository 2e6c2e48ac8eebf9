package js

import (
	"errors"
	"regexp"
	"strings"

	"github.com/dlclark/regexp2/v2"
)

// Regexp is a regular expression of JavaScript without flags.
type Regexp struct {
	find func(s string) (string, bool)
}

// CompileRegexp is new RegExp(pattern). Go's engine, which is linear, runs what it takes; the other is for
// lookaround and references.
func CompileRegexp(pattern string) (*Regexp, error) {
	if hasUnknownGroup(pattern) {
		return nil, errors.New("Invalid regular expression: /" + pattern + "/: Invalid group")
	}
	if re, err := regexp.Compile(pattern); err == nil {
		return &Regexp{func(s string) (string, bool) {
			at := re.FindStringIndex(s)
			if at == nil {
				return "", false
			}
			return s[at[0]:at[1]], true
		}}, nil
	}
	re, err := regexp2.Compile(pattern, regexp2.ECMAScript)
	if err != nil {
		return nil, err
	}
	return &Regexp{func(s string) (string, bool) {
		m, err := re.FindStringMatch(s)
		if err != nil || m == nil {
			return "", false
		}
		return m.String(), true
	}}, nil
}

// Test tells whether the pattern occurs in s.
func (r *Regexp) Test(s string) bool {
	_, found := r.find(s)
	return found
}

// Find gives the first match.
func (r *Regexp) Find(s string) (string, bool) { return r.find(s) }

// hasUnknownGroup finds (? followed by what JavaScript does not know, such as options.
func hasUnknownGroup(pattern string) bool {
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '[':
			inClass = true
		case ']':
			inClass = false
		case '(':
			if !inClass && i+2 < len(pattern) && pattern[i+1] == '?' && strings.IndexByte(":=!<", pattern[i+2]) < 0 {
				return true
			}
		}
	}
	return false
}

// ValidUnicodeRegexp tells whether new RegExp(pattern, "u") succeeds. The flag refuses escapes of
// letters that mean nothing, and braces and brackets that are not paired.
func ValidUnicodeRegexp(pattern string) bool { //nolint:gocyclo // one case for each form that the original knows
	if _, err := CompileRegexp(pattern); err != nil {
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
