package pg

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/dlclark/regexp2/v2"
)

// Regexp is a pattern of PostgreSQL's advanced regular expressions.
type Regexp struct{ match func(string) bool }

// Compile reads a pattern as the operator ~ does, or ~* when fold is set. Its errors have
// PostgreSQL's texts.
func Compile(pattern string, fold bool) (*Regexp, error) {
	t := &translator{in: []rune(pattern), fold: fold}
	out, err := t.translate()
	if err != nil {
		return nil, errors.New("invalid regular expression: " + err.Error())
	}
	options := regexp2.None
	if t.fold {
		options |= regexp2.IgnoreCase
	}
	// Go's engine is linear; the other is for what it lacks.
	prefix := "(?s)"
	if t.fold {
		prefix = "(?si)"
	}
	if re, err := regexp.Compile(prefix + out); err == nil {
		return &Regexp{re.MatchString}, nil
	}
	re, err := regexp2.Compile(out, options)
	if err != nil {
		return nil, errors.New("invalid regular expression: invalid regexp (reg version 0.8)")
	}
	return &Regexp{func(s string) bool {
		found, err := re.MatchString(s)
		return err == nil && found
	}}, nil
}

// Match tells whether the pattern occurs in s.
func (r *Regexp) Match(s string) bool { return r.match(s) }

var (
	errParens     = errors.New("parentheses () not balanced")
	errBrackets   = errors.New("brackets [] not balanced")
	errBraces     = errors.New("braces {} not balanced")
	errQuantifier = errors.New("quantifier operand invalid")
	errCount      = errors.New("invalid repetition count(s)")
	errEscape     = errors.New(`invalid escape \ sequence`)
	errRange      = errors.New("invalid character range")
	errClass      = errors.New("invalid character class")
	errCollation  = errors.New("invalid collating element")
	errBackref    = errors.New("invalid backreference number")
	errOption     = errors.New("invalid embedded option")
)

// translator writes an advanced regular expression in the syntax of regexp2.
type translator struct {
	in     []rune
	at     int
	out    strings.Builder
	fold   bool
	groups int
	depth  int
	closed []bool
	open   []int // numbers of groups that are open; 0 for those that do not capture

	expanded bool // white space and comments stand for nothing
	anchors  bool // ^ and $ are for lines
	oneLine  bool // . and [^x] are no line breaks
	literal  bool
}

func (t *translator) translate() (string, error) {
	s := string(t.in)
	if rest, literal := strings.CutPrefix(s, "***="); literal {
		return regexp2.Escape(rest), nil
	}
	if rest, advanced := strings.CutPrefix(s, "***:"); advanced {
		t.in = []rune(rest)
	} else if strings.HasPrefix(s, "***") {
		return "", errQuantifier
	}
	if err := t.options(); err != nil {
		return "", err
	}
	if t.literal {
		return regexp2.Escape(string(t.in[t.at:])), nil
	}
	for operand := false; t.at < len(t.in); {
		next, err := t.piece(operand)
		if err != nil {
			return "", err
		}
		operand = next
	}
	if t.depth > 0 {
		return "", errParens
	}
	return t.out.String(), nil
}

// options reads (?i) and its like, which stand at the start only.
func (t *translator) options() error {
	if len(t.in) < 3 || string(t.in[:2]) != "(?" || !isLetter(t.in[2]) {
		return nil
	}
	for i := 2; i < len(t.in); i++ {
		switch t.in[i] {
		case ')':
			t.at = i + 1
			return nil
		case 'i':
			t.fold = true
		case 'c':
			t.fold = false
		case 'x':
			t.expanded = true
		case 't':
			t.expanded = false
		case 'n', 'm':
			t.anchors, t.oneLine = true, true
		case 'p':
			t.anchors, t.oneLine = false, true
		case 'w':
			t.anchors, t.oneLine = true, false
		case 's':
			t.anchors, t.oneLine = false, false
		case 'q':
			t.literal = true
		case 'b', 'e':
		default:
			return errOption
		}
	}
	return errOption
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func (t *translator) peek() rune {
	if t.at < len(t.in) {
		return t.in[t.at]
	}
	return -1
}

// piece translates one atom, constraint or quantifier, and tells whether a quantifier may follow.
func (t *translator) piece(operand bool) (bool, error) {
	r := t.in[t.at]
	if t.expanded && t.skipBlank() {
		return operand, nil
	}
	switch r {
	case '(':
		return false, t.openGroup()
	case ')':
		if t.depth == 0 {
			return false, errParens
		}
		t.depth--
		if n := t.open[t.depth]; n > 0 {
			t.closed[n-1] = true
		}
		t.open = t.open[:t.depth]
	case '|':
		t.out.WriteRune(r)
		t.at++
		return false, nil
	case '^', '$':
		t.anchor(r)
		return false, nil
	case '*', '+', '?':
		if !operand {
			return false, errQuantifier
		}
		t.at++
		t.out.WriteRune(r)
		t.lazy()
		return false, nil
	case '{':
		if t.at+1 >= len(t.in) || !isDigit(t.in[t.at+1]) {
			t.out.WriteString(`\{`)
			t.at++
			return true, nil
		}
		if !operand {
			return false, errQuantifier
		}
		return false, t.bound()
	case '[':
		return t.bracket()
	case '\\':
		return t.escape()
	case '.':
		if t.oneLine {
			t.out.WriteString(`[^\n]`)
		} else {
			t.out.WriteString(`[\s\S]`)
		}
		t.at++
		return true, nil
	default:
		t.out.WriteString(regexp2.Escape(string(r)))
		t.at++
		return true, nil
	}
	t.out.WriteRune(r)
	t.at++
	return true, nil
}

func (t *translator) anchor(r rune) {
	t.at++
	switch {
	case t.anchors:
		t.out.WriteString(`(?m:` + string(r) + `)`)
	case r == '^':
		t.out.WriteString(`\A`)
	default:
		t.out.WriteString(`\z`)
	}
}

// skipBlank passes over a space or a comment of the expanded syntax.
func (t *translator) skipBlank() bool {
	switch {
	case unicode.IsSpace(t.in[t.at]):
		t.at++
		return true
	case t.in[t.at] == '#':
		for t.at < len(t.in) && t.in[t.at] != '\n' {
			t.at++
		}
		return true
	}
	return false
}

func (t *translator) lazy() {
	if t.peek() == '?' {
		t.out.WriteRune('?')
		t.at++
	}
}

func (t *translator) openGroup() error {
	rest, number := string(t.in[t.at:]), 0
	head := "("
	for _, special := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(rest, special) {
			head = special
		}
	}
	if head == "(" {
		if strings.HasPrefix(rest, "(?") {
			return errQuantifier
		}
		t.groups++
		number = t.groups
		t.closed = append(t.closed, false)
	}
	t.out.WriteString(head)
	t.at += len(head)
	t.depth++
	t.open = append(t.open, number)
	return nil
}

const maxCount = 255

func (t *translator) bound() error {
	from := t.at
	t.at++
	number := func() (int, bool) {
		start := t.at
		for isDigit(t.peek()) {
			t.at++
		}
		n, err := strconv.Atoi(string(t.in[start:t.at]))
		return n, err == nil
	}
	least, ok := number()
	most := least
	if t.peek() == ',' {
		t.at++
		if isDigit(t.peek()) {
			most, ok = number()
		} else {
			most = maxCount
		}
	}
	if t.peek() != '}' {
		if t.at >= len(t.in) {
			return errBraces
		}
		return errCount
	}
	if !ok || least > most || most > maxCount {
		return errCount
	}
	t.at++
	t.out.WriteString(string(t.in[from:t.at]))
	t.lazy()
	return nil
}
