package authrules

import (
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"

	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tcStatement is a statement as written, before its members are checked.
type tcStatement struct {
	pos             int
	kind            string // host, actor, resource, has_permission or #
	name            string // or the comment
	members         []tcMember
	actor, resource Selector
	permissions     []tcValue
}

type tcMember struct {
	pos   int
	name  string
	value tcValue
}

// tcValue is a JSON value with its place: string, bool, int, float64, nil, []tcValue or []tcMember.
type tcValue struct {
	pos int
	v   any
}

const maxNesting = 500

// tcParser reads the resource language from left to right.
type tcParser struct {
	text  string
	pos   int
	depth int
}

// parseStatements reads the whole text.
func parseStatements(text string) (out []tcStatement, err error) {
	p := &tcParser{text: text}
	err = p.attempt(func() {
		if p.pos = len(validPrefix(text)); !p.end() {
			p.fail(1, "The text is not valid UTF-8.")
		}
		p.pos = 0
		for p.space(); len(out) == 0 || !p.end(); p.space() {
			out = append(out, p.statement())
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// validPrefix gives text up to its first byte that is not UTF-8.
func validPrefix(text string) string {
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
			return text[:i]
		}
	}
	return text
}

// attempt runs read and gives the fault that it failed with.
func (p *tcParser) attempt(read func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(*SyntaxError)
			if !ok {
				panic(r)
			}
			err = fault
		}
	}()
	read()
	return nil
}

func (p *tcParser) end() bool { return p.pos >= len(p.text) }

func (p *tcParser) space() {
	for !p.end() && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// expected fails at the current place. The parser is left by panic, which attempt catches.
func (p *tcParser) expected(what ...string) {
	slices.Sort(what)
	list := strings.Join(what, " or ")
	if last := len(what) - 1; last > 1 {
		list = strings.Join(what[:last], ", ") + ", or " + what[last]
	}
	found, width := "end of input", 0
	if !p.end() {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		found, width = `"`+strings.Trim(strconv.Quote(string(r)), `"`)+`"`, n
		if r == '"' {
			found = `"\""`
		}
	}
	p.fail(width, "Expected %s but %s found.", list, found)
}

func (p *tcParser) fail(width int, format string, args ...any) {
	e := &SyntaxError{Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column = position(p.text, p.pos)
	e.EndLine, e.EndColumn = position(p.text, p.pos+width)
	panic(e)
}

// position gives line and column, from 1; a column is a UTF-16 unit, as for Metlo's server and editors.
func position(text string, pos int) (line, column int) {
	before := text[:min(pos, len(text))]
	line = strings.Count(before, "\n") + 1
	return line, jsvalue.UTF16Len(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

// literal reads s or fails.
func (p *tcParser) literal(s string) {
	if !p.try(s) {
		p.expected(`"` + s + `"`)
	}
}

func (p *tcParser) try(s string) bool {
	if !strings.HasPrefix(p.text[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

// separator reads s with white space around it.
func (p *tcParser) separator(s string) {
	p.space()
	p.literal(s)
	p.space()
}

// more says whether another element follows (a comma) or the list ends (closing).
func (p *tcParser) more(closing string) bool {
	p.space()
	switch {
	case p.try(","):
		p.space()
		return true
	case p.try(closing):
		p.space()
		return false
	}
	p.expected(`","`, `"`+closing+`"`)
	return false
}

func (p *tcParser) statement() tcStatement {
	s := tcStatement{pos: p.pos}
	for _, kind := range []string{"has_permission", "host", "actor", "resource", "#"} {
		if !p.try(kind) {
			continue
		}
		s.kind = kind
		switch kind {
		case "has_permission":
			p.permission(&s)
		case "#":
			end := strings.IndexAny(p.text[p.pos:], "\r\n")
			if end < 0 {
				end = len(p.text) - p.pos
			}
			s.name = p.text[p.pos : p.pos+end]
			p.pos += end
		default:
			p.space()
			s.name = p.name()
			p.separator("{")
			s.members = p.members("}", "=")
		}
		return s
	}
	p.expected(`"#"`, `"actor"`, `"has_permission"`, `"host"`, `"resource"`)
	return s
}

// members reads name, separator, value, … up to closing. The opening is already read.
func (p *tcParser) members(closing, separator string) []tcMember {
	out := []tcMember{}
	if p.try(closing) {
		p.space()
		return out
	}
	for {
		m := tcMember{pos: p.pos}
		if separator == ":" {
			m.name = p.str()
		} else {
			m.name = p.name()
		}
		p.separator(separator)
		m.value = p.value()
		out = append(out, m)
		if !p.more(closing) {
			return out
		}
	}
}

func (p *tcParser) permission(s *tcStatement) {
	p.separator("(")
	s.actor = p.selector()
	p.separator(",")
	p.literal("[")
	p.space()
	s.permissions = p.elements()
	p.separator(",")
	s.resource = p.selector()
	p.separator(")")
}

func (p *tcParser) selector() Selector {
	sel := Selector{Name: p.ident(), bare: true}
	start := p.pos
	if p.space(); !p.try("(") {
		p.pos = start
		return sel
	}
	p.space()
	sel.bare, sel.Filters = false, Item{}
	if p.try(")") {
		p.space()
		return sel
	}
	for {
		name := p.name()
		p.separator("=")
		value := p.value()
		switch value.v.(type) {
		case string, int, float64:
		default:
			p.pos = value.pos
			p.expected("number", "string")
		}
		sel.Filters = sel.Filters.Set(name, value.v)
		if !p.more(")") {
			return sel
		}
	}
}

func identLen(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	return n
}

func (p *tcParser) ident() string {
	n := identLen(p.text[p.pos:])
	if n == 0 {
		p.expected("Identifier")
	}
	p.pos += n
	return p.text[p.pos-n : p.pos]
}

// name reads an identifier or a quoted string.
func (p *tcParser) name() string {
	if n := identLen(p.text[p.pos:]); n > 0 {
		return p.ident()
	}
	if !strings.HasPrefix(p.text[p.pos:], `"`) {
		p.expected("Identifier", "string")
	}
	return p.str()
}

func (p *tcParser) value() tcValue {
	if p.depth++; p.depth > maxNesting {
		p.fail(0, "Values are nested more than %d deep.", maxNesting)
	}
	defer func() { p.depth-- }()
	p.space()
	out := tcValue{pos: p.pos}
	switch {
	case p.try("{"):
		p.space()
		out.v = p.members("}", ":")
	case p.try("["):
		p.space()
		out.v = p.elements()
	case p.try("true"):
		out.v = true
	case p.try("false"):
		out.v = false
	case p.try("null"):
	case strings.HasPrefix(p.text[p.pos:], `"`):
		out.v = p.str()
	default:
		out.v = p.number()
	}
	return out
}

// elements reads the rest of a list. The opening is already read.
func (p *tcParser) elements() []tcValue {
	out := []tcValue{}
	if p.try("]") {
		p.space()
		return out
	}
	for {
		out = append(out, p.value())
		if !p.more("]") {
			return out
		}
	}
}
