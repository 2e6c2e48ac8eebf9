package pg

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Compile compiles a pattern as the operator ~ does, or ~* when fold is set. Package regexp runs it, so letters and digits
// are those of ASCII. It reports what package regexp lacks: lookaround, back references, and the options other than
// i, c, n, s, w. Errors have PostgreSQL's texts where PostgreSQL refuses a pattern too.
func Compile(pattern string, fold bool) (*regexp.Regexp, error) {
	flags := "s"
	if fold {
		flags = "si"
	}
	if literal, found := strings.CutPrefix(pattern, "***="); found {
		return regexp.Compile("(?" + flags + ")" + regexp.QuoteMeta(literal))
	}
	if options := regexp.MustCompile(`^\(\?([a-z]+)\)`).FindStringSubmatch(pattern); options != nil {
		translated := strings.NewReplacer("c", "-i", "n", "m-s", "w", "m", "s", "-ms").Replace(options[1])
		pattern = "(?" + translated + ")" + pattern[len(options[0]):]
	}
	escapes := strings.NewReplacer(`\\`, `\\`, `\y`, `\b`, `\m`, `\b`, `\M`, `\b`, `[[:<:]]`, `\b`, `[[:>:]]`, `\b`, `\Y`, `\B`, `\Z`, `\z`,
		`\b`, `\x08`, `\B`, `\\`, `\e`, `\x1b`, `\u`, `\x`)
	pattern = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`).ReplaceAllString(pattern, `\u{$1}`)
	re, err := regexp.Compile("(?" + flags + ")" + escapes.Replace(pattern))
	if err != nil {
		return nil, compileError(err)
	}
	return re, nil
}

func compileError(err error) error {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return err
	}
	messages := map[syntax.ErrorCode]string{
		syntax.ErrMissingParen: "parentheses () not balanced", syntax.ErrUnexpectedParen: "parentheses () not balanced",
		syntax.ErrMissingBracket: "brackets [] not balanced", syntax.ErrMissingRepeatArgument: "quantifier operand invalid",
		syntax.ErrInvalidRepeatOp: "quantifier operand invalid", syntax.ErrInvalidRepeatSize: "invalid repetition count(s)",
		syntax.ErrTrailingBackslash: `invalid escape \ sequence`, syntax.ErrInvalidCharRange: "invalid character range",
	}
	message, known := messages[fault.Code]
	switch {
	case fault.Code == syntax.ErrInvalidCharRange && strings.Contains(fault.Expr, "[:"):
		message = "invalid character class"
	case fault.Code == syntax.ErrInvalidEscape && (fault.Expr[1] < '1' || fault.Expr[1] > '9'):
		message = `invalid escape \ sequence`
	case known:
	case strings.HasPrefix(fault.Expr, "(?") && !strings.ContainsAny(fault.Expr[2:], "=!<pqtx"):
		message = "invalid embedded option"
	default:
		message = fmt.Sprintf("metlotest runs patterns with package regexp, which does not have %s", fault.Expr)
	}
	return errors.New("invalid regular expression: " + message)
}
