package js

import (
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
