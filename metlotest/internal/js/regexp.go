package js

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// CompileRegexp is new RegExp(pattern), run by package regexp. An error says whether JavaScript would take the pattern: what
// package regexp lacks are lookaround and back references.
func CompileRegexp(pattern string) (*regexp.Regexp, error) {
	translated := regexp.MustCompile(`\\u([0-9a-fA-F]{4})`).ReplaceAllString(pattern, `\x{$1}`)
	re, err := regexp.Compile(strings.NewReplacer(`\\`, `\\`, `[^]`, `(?s:.)`, `\_`, `_`).Replace(translated))
	var fault *syntax.Error
	if errors.As(err, &fault) && regexp.MustCompile(`^(\(\?<?[=!]|\\[1-9k])`).MatchString(fault.Expr) {
		return nil, fmt.Errorf("%w %s", ErrUnsupported, fault.Expr)
	}
	return re, err
}

// ErrUnsupported is a pattern that JavaScript takes and package regexp does not.
var ErrUnsupported = errors.New("metlotest runs patterns with package regexp, which does not have")
