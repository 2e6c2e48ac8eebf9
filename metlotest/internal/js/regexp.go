package js

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// CompileRegexp simulates new RegExp(pattern) with package regexp. The error distinguishes patterns that are invalid in
// JavaScript and those that use lookaround or back references, which package regexp lacks.
func CompileRegexp(pattern string) (*regexp.Regexp, error) {
	translated := regexp.MustCompile(`\\u([0-9a-fA-F]{4})`).ReplaceAllString(pattern, `\x{$1}`)
	re, err := regexp.Compile(strings.NewReplacer(`\\`, `\\`, `[^]`, `(?s:.)`, `\_`, `_`).Replace(translated))
	var fault *syntax.Error
	if errors.As(err, &fault) && regexp.MustCompile(`^(\(\?<?[=!]|\\[1-9k])`).MatchString(fault.Expr) {
		return nil, fmt.Errorf("%w %s", ErrUnsupported, fault.Expr)
	}
	return re, err
}

// ErrUnsupported reports a pattern that JavaScript accepts and package regexp does not.
var ErrUnsupported = errors.New("metlotest runs patterns with package regexp, which does not have")
