// Package handlebars evaluates the {{…}} expressions of test files.
package handlebars

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// Error describes a fault in a {{…}} expression.
type Error struct {
	// Text is the expression, or the text after the fault, cut to 60 bytes.
	Text string
	// Message describes the fault.
	Message string
}

// Error returns the expression and the fault.
func (e *Error) Error() string {
	return fmt.Sprintf("template %q: %s", e.Text, e.Message)
}

func templateFault(text, format string, args ...any) error {
	if len(text) > 60 {
		text = strings.ToValidUTF8(text[:60], "")
	}
	return &Error{Text: text, Message: fmt.Sprintf(format, args...)}
}

// Use is a variable that an expression reads.
type Use struct {
	// Name is the path of the variable, such as TOKEN or global.TOKEN.
	Name string
	// Value is the value of the variable, or nil if it does not exist.
	Value any
	// Guarded reports whether {{default}} has another value for the variable.
	Guarded bool
}

// Render evaluates the {{…}} expressions of text with vars. It returns the result and the variables that the
// expressions read. It escapes nothing. An unknown variable is empty.
//
// An expression is a path (a.b, a.[odd name], a.0), a literal, {{default value fallback}} or {{json value}}. {{{x}}}
// and {{&x}} mean {{x}}. {{! … }} is a comment, \{{ is a plain {{, and ~ removes white space.
func Render(text string, vars map[string]any) (string, []Use, error) {
	return RenderWith(text, vars, func(value string, _ []Use) string { return value })
}

// RenderWith does what Render does, and calls escape with the value of each expression and the variables that it read.
func RenderWith(text string, vars map[string]any, escape func(value string, uses []Use) string) (string, []Use, error) {
	if !strings.Contains(text, "{{") {
		return text, nil, nil
	}
	var out strings.Builder
	var uses []Use
	trimNext := false
	for {
		before, after, found := strings.Cut(text, "{{")
		if trimNext {
			before = strings.TrimLeft(before, " \t\r\n")
		}
		trimNext = false
		if !found {
			out.WriteString(before)
			return out.String(), uses, nil
		}
		if plain, ok := strings.CutSuffix(before, `\`); ok && !strings.HasSuffix(plain, `\`) {
			out.WriteString(plain + "{{")
			text = after
			continue
		}
		tag, rest, err := cutTag(after)
		if err != nil {
			return "", nil, err
		}
		if tag.trimLeft {
			before = strings.TrimRight(before, " \t\r\n")
		}
		out.WriteString(before)
		if !tag.comment {
			p := &exprParser{text: tag.body, rest: tag.body, vars: vars, uses: uses}
			value, err := p.evaluate()
			if err != nil {
				return "", nil, err
			}
			out.WriteString(escape(jsvalue.String(value), p.uses[len(uses):]))
			uses = p.uses
		}
		text, trimNext = rest, tag.trimRight
	}
}

// Check returns the variables that the expressions in text read, or an error if an expression is invalid.
func Check(text string) ([]Use, error) {
	_, uses, err := Render(text, nil)
	return uses, err
}

// templateTag is the text between {{ and }}.
type templateTag struct {
	body                         string
	comment, trimLeft, trimRight bool
}

// cutTag splits text, which follows a {{, after the matching }}.
func cutTag(text string) (tag templateTag, rest string, err error) {
	body, closing := text, "}}"
	if strings.HasPrefix(text, "{") {
		body, closing = text[1:], "}}}"
	}
	if s, ok := strings.CutPrefix(body, "~"); ok {
		body, tag.trimLeft = s, true
	}
	if strings.HasPrefix(body, "!") {
		tag.comment = true
		if strings.HasPrefix(body, "!--") {
			closing = "--}}"
			if i := strings.Index(body, "--~}}"); i >= 0 {
				return templateTag{comment: true, trimLeft: tag.trimLeft, trimRight: true}, body[i+5:], nil
			}
		}
		_, rest, found := strings.Cut(body, closing)
		if !found {
			return tag, "", templateFault("{{"+text, "the comment has no end")
		}
		return tag, rest, nil
	}
	end := tagEnd(body, closing)
	if end < 0 {
		return tag, "", templateFault("{{"+text, "%s is missing; write \\{{ for a plain {{", closing)
	}
	tag.body, rest = body[:end], body[end+len(closing):]
	if s, ok := strings.CutSuffix(tag.body, "~"); ok {
		tag.body, tag.trimRight = s, true
	}
	tag.body = strings.TrimPrefix(tag.body, "&")
	return tag, rest, nil
}

// tagEnd returns the index of closing outside of quotes and brackets, or -1.
func tagEnd(body, closing string) int {
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case '"', '\'':
			skip := jsvalue.QuotedLen(body[i:])
			if skip < 0 {
				return -1
			}
			i += skip - 1
		case '[':
			skip := strings.IndexByte(body[i:], ']')
			if skip < 0 {
				return -1
			}
			i += skip
		case '}':
			if strings.HasPrefix(body[i:], closing) {
				return i
			}
		}
	}
	return -1
}

// exprParser parses and evaluates one expression from left to right.
type exprParser struct {
	text, rest string
	vars       map[string]any
	uses       []Use
	depth      int
}

// evaluate returns the value of a tag.
func (p *exprParser) evaluate() (any, error) {
	value, err := p.call()
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, p.fault("unexpected %q", p.rest)
	}
	return value, nil
}

func (p *exprParser) fault(format string, args ...any) error {
	return templateFault("{{"+p.text+"}}", format, args...)
}

func (p *exprParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// call parses a helper with its arguments, or a single value.
func (p *exprParser) call() (any, error) {
	p.space()
	switch {
	case p.rest == "":
		return nil, p.fault("the expression is empty")
	case strings.ContainsRune("#/^>*@", rune(p.rest[0])) || strings.HasPrefix(p.rest, "else"):
		return nil, p.fault("blocks, partials and @data are not part of the test language")
	}
	if p.helper("default") {
		return p.defaultHelper()
	}
	if p.helper("json") {
		return p.jsonHelper()
	}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" && p.rest[0] != ')' {
		return nil, p.fault("only default and json take arguments: {{default NAME \"fallback\"}}, {{json NAME}}")
	}
	return value, nil
}

// helper reports whether name is called with arguments here, and consumes it.
func (p *exprParser) helper(name string) bool {
	after, ok := strings.CutPrefix(p.rest, name)
	if !ok || after == "" || strings.IndexByte(" \t\r\n", after[0]) < 0 {
		return false
	}
	p.rest = after
	return true
}

func (p *exprParser) arguments() ([]any, error) {
	var args []any
	for p.space(); p.rest != "" && p.rest[0] != ')'; p.space() {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return args, nil
}

// jsonHelper returns its argument as JSON, so that any text can be part of a JSON body.
func (p *exprParser) jsonHelper() (any, error) {
	args, err := p.arguments()
	if err != nil {
		return nil, err
	}
	if len(args) != 1 {
		return nil, p.fault("json takes one value: {{json NAME}}")
	}
	return jsvalue.JSON(args[0]), nil
}

func (p *exprParser) defaultHelper() (any, error) {
	start := len(p.uses)
	var args []any
	ends := []int{start}
	for p.space(); p.rest != "" && p.rest[0] != ')'; p.space() {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		args, ends = append(args, v), append(ends, len(p.uses))
	}
	if len(args) != 2 {
		return nil, p.fault("default takes a value and a fallback: {{default NAME \"fallback\"}}")
	}
	guard := func(from, to int) {
		for i := from; i < to; i++ {
			p.uses[i].Guarded = true
		}
	}
	guard(start, ends[1])
	if args[0] == nil || args[0] == "" {
		return args[1], nil
	}
	guard(ends[1], ends[2])
	return args[0], nil
}

// value parses a literal, a path or a call in parentheses.
func (p *exprParser) value() (any, error) {
	p.space()
	switch c := p.rest[0]; {
	case c == '(':
		return p.parenthesised()
	case c == '"' || c == '\'':
		n := jsvalue.QuotedLen(p.rest)
		if n < 0 {
			return nil, p.fault("the string has no end")
		}
		s := p.rest[1 : n-1]
		p.rest = p.rest[n:]
		return strings.ReplaceAll(s, `\`+string(c), string(c)), nil
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if len(path) == 1 {
		if v, ok := literal(path[0]); ok {
			return v, nil
		}
	}
	v := jsvalue.Lookup(p.vars, path)
	p.uses = append(p.uses, Use{Name: strings.Join(path, "."), Value: v})
	return v, nil
}

func (p *exprParser) parenthesised() (any, error) {
	if p.depth++; p.depth > 50 {
		return nil, p.fault("nested too deeply")
	}
	p.rest = p.rest[1:]
	v, err := p.call()
	if err != nil {
		return nil, err
	}
	if p.space(); !strings.HasPrefix(p.rest, ")") {
		return nil, p.fault(") is missing")
	}
	p.rest = p.rest[1:]
	p.depth--
	return v, nil
}

func literal(word string) (any, bool) {
	switch word {
	case "true":
		return true, true
	case "false":
		return false, true
	case "null", "undefined":
		return nil, true
	}
	if n, err := strconv.Atoi(word); err == nil {
		return n, true
	}
	return nil, false
}

const notInName = " \t\r\n!\"#%&'()*+,./;<=>@[\\]^`{|}~"

// path parses a.b, a/b, a.[odd name] and this.a.
func (p *exprParser) path() ([]string, error) {
	var path []string
	for {
		var segment string
		if s, ok := strings.CutPrefix(p.rest, "["); ok {
			name, rest, found := strings.Cut(s, "]")
			if !found {
				return nil, p.fault("] is missing")
			}
			segment, p.rest = name, rest
		} else {
			end := strings.IndexAny(p.rest, notInName)
			if end < 0 {
				end = len(p.rest)
			}
			segment, p.rest = p.rest[:end], p.rest[end:]
			if segment == "" {
				return nil, p.fault("a name is expected before %q", p.rest)
			}
		}
		if segment != "this" || len(path) > 0 {
			path = append(path, segment)
		}
		if p.rest == "" || p.rest[0] != '.' && p.rest[0] != '/' {
			return path, nil
		}
		p.rest = p.rest[1:]
	}
}

var opening = regexp.MustCompile(`[{\\]*\{\{`)

// Literal escapes text so that Render returns it unchanged.
func Literal(text string) string {
	return opening.ReplaceAllString(text, `{{"$0"}}`)
}
