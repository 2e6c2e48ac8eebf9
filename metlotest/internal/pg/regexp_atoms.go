package pg

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2/v2"
)

// classes are the named classes of a bracket expression, as members of one of regexp2.
func classes() map[string]string {
	return map[string]string{
		"alpha": `\p{L}`, "digit": `\p{Nd}`, "alnum": `\p{L}\p{Nd}`, "upper": `\p{Lu}`, "lower": `\p{Ll}`,
		"space": `\s`, "blank": ` \t`, "punct": `!-/:-@\[-` + "`" + `{-~`, "xdigit": `0-9A-Fa-f`,
		"cntrl": `\x00-\x1f\x7f`, "print": ` -~\u00a0-\uffff`, "graph": `!-~\u00a1-\uffff`, "word": wordMember, "ascii": `\x00-\x7f`,
	}
}

// bracket translates [...]; [[:<:]] and [[:>:]] are the start and the end of a word.
func (t *translator) bracket() (bool, error) {
	for text, constraint := range map[string]string{"[[:<:]]": wordStart, "[[:>:]]": wordEnd} {
		if strings.HasPrefix(string(t.in[t.at:]), text) {
			t.at += len(text)
			t.out.WriteString(constraint)
			return false, nil
		}
	}
	t.at++
	t.out.WriteByte('[')
	if t.peek() == '^' {
		t.out.WriteByte('^')
		t.at++
		if t.oneLine {
			t.out.WriteString(`\n`)
		}
	}
	for first := true; ; first = false {
		switch r := t.peek(); {
		case r < 0:
			return false, errBrackets
		case r == ']' && !first:
			t.at++
			t.out.WriteByte(']')
			return true, nil
		}
		if err := t.member(); err != nil {
			return false, err
		}
	}
}

// member translates a character, a range or a class of a bracket expression.
func (t *translator) member() error {
	text, low, single, err := t.element()
	if err != nil {
		return err
	}
	isRange := single && t.peek() == '-' && t.at+1 < len(t.in) && t.in[t.at+1] != ']'
	if !isRange {
		t.out.WriteString(text)
		return nil
	}
	t.at++
	upper, high, single, err := t.element()
	switch {
	case err != nil:
		return err
	case !single || low > high:
		return errRange
	}
	t.out.WriteString(text + "-" + upper)
	return nil
}

// element reads one element; single tells that it is one character, which may start a range.
func (t *translator) element() (text string, char rune, single bool, err error) {
	if t.at >= len(t.in) {
		return "", 0, false, errBrackets
	}
	r := t.in[t.at]
	if r == '[' && t.at+1 < len(t.in) && strings.ContainsRune(":.=", t.in[t.at+1]) {
		kind := t.in[t.at+1]
		end := strings.Index(string(t.in[t.at+2:]), string(kind)+"]")
		if end < 0 {
			return "", 0, false, errBrackets
		}
		name := []rune(string(t.in[t.at+2:])[:end])
		t.at += 2 + len(name) + 2
		if kind == ':' {
			if class, known := classes()[string(name)]; known {
				return class, 0, false, nil
			}
			return "", 0, false, errClass
		}
		if len(name) != 1 {
			return "", 0, false, errCollation
		}
		return inBrackets(name[0]), name[0], true, nil
	}
	if r == '\\' {
		return t.bracketEscape()
	}
	t.at++
	return inBrackets(r), r, true, nil
}

func inBrackets(r rune) string {
	if strings.ContainsRune(`\]^-[`, r) {
		return `\` + string(r)
	}
	return string(r)
}

func (t *translator) bracketEscape() (string, rune, bool, error) {
	if t.at+1 >= len(t.in) {
		return "", 0, false, errEscape
	}
	r := t.in[t.at+1]
	if member, ok := map[rune]string{'d': digitMember, 's': `\s`, 'w': wordMember}[r]; ok {
		t.at += 2
		return member, 0, false, nil
	}
	char, ok := t.character()
	if !ok {
		return "", 0, false, errEscape
	}
	return inBrackets(char), char, true, nil
}

// Letters and digits are those of all languages, not only of ASCII.
const (
	digitMember = `\p{Nd}`
	wordMember  = `\p{L}\p{Nd}_`
	word        = `[` + wordMember + `]`
	wordStart   = `(?<!` + word + `)(?=` + word + `)`
	wordEnd     = `(?<=` + word + `)(?!` + word + `)`
	wordEdge    = `(?:` + wordStart + `|` + wordEnd + `)`
	noWordEdge  = `(?:(?<=` + word + `)(?=` + word + `)|(?<!` + word + `)(?!` + word + `))`
)

// escape translates what begins with a backslash outside of brackets.
func (t *translator) escape() (bool, error) {
	if t.at+1 >= len(t.in) {
		return false, errEscape
	}
	r := t.in[t.at+1]
	constraints := map[rune]string{'y': wordEdge, 'Y': noWordEdge, 'm': wordStart, 'M': wordEnd, 'A': `\A`, 'Z': `\z`}
	if text, ok := constraints[r]; ok {
		t.at += 2
		t.out.WriteString(text)
		return false, nil
	}
	classes := map[rune]string{
		'd': digitMember, 'D': `\P{Nd}`, 's': `\s`, 'S': `\S`, 'w': word, 'W': `[^` + wordMember + `]`,
	}
	if class, ok := classes[r]; ok {
		t.at += 2
		t.out.WriteString(class)
		return true, nil
	}
	if r >= '1' && r <= '9' {
		return true, t.backReference()
	}
	char, ok := t.character()
	if !ok {
		return false, errEscape
	}
	t.out.WriteString(regexp2.Escape(string(char)))
	return true, nil
}

func (t *translator) backReference() error {
	t.at++
	from := t.at
	for isDigit(t.peek()) && t.at-from < 2 {
		t.at++
	}
	n, err := strconv.Atoi(string(t.in[from:t.at]))
	if err != nil || n > t.groups || !t.closed[n-1] || slices.Contains(t.open, n) {
		return errBackref
	}
	t.out.WriteString(`(?:\` + strconv.Itoa(n) + `)`)
	return nil
}

// character reads an escape that stands for one character.
func (t *translator) character() (rune, bool) {
	r := t.in[t.at+1]
	t.at += 2
	simple := map[rune]rune{'a': 7, 'b': 8, 'B': '\\', 'e': 27, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '0': 0}
	if char, ok := simple[r]; ok {
		return char, true
	}
	hexadecimal := func(digits int) (rune, bool) {
		if t.at+digits > len(t.in) {
			return 0, false
		}
		n, err := strconv.ParseUint(string(t.in[t.at:t.at+digits]), 16, 31)
		t.at += digits
		return rune(n), err == nil
	}
	switch {
	case r == 'u':
		return hexadecimal(4)
	case r == 'U':
		return hexadecimal(8)
	case r == 'x':
		from := t.at
		for t.at < len(t.in) && strings.ContainsRune("0123456789abcdefABCDEF", t.in[t.at]) {
			t.at++
		}
		n, err := strconv.ParseUint(string(t.in[from:t.at]), 16, 31)
		return rune(n), err == nil
	case r == 'c' && t.at < len(t.in):
		t.at++
		return t.in[t.at-1] & 31, true
	}
	return r, !isLetter(r) && !isDigit(r)
}
