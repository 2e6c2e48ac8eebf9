package js

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// yamlDocument is a parsed text. lines maps a place, names joined by dots, to its line from 1.
type yamlDocument struct {
	Value any
	Lines map[string]int
}

// parseYAML reads the part of YAML that configurations and specs use: block maps and lists, flow
// maps and lists, plain, single- and double-quoted scalars, literal (|) and folded (>) blocks,
// comments and a leading ---. Anchors, aliases, tags, several documents, complex keys and plain
// scalars over several lines are refused. Errors read as those of the npm package js-yaml.
func ParseYAML(source string) (doc yamlDocument, err error) {
	if !strings.HasSuffix(source, "\n") && source != "" {
		source += "\n"
	}
	p := &yamlParser{text: source, lines: map[string]int{}}
	defer func() {
		if fault := recover(); fault != nil {
			failure, known := fault.(*yamlError)
			if !known {
				panic(fault)
			}
			err = failure
		}
	}()
	p.skip()
	if strings.HasPrefix(p.text[p.at:], "---") && p.column() == 0 {
		p.at += len("---")
		p.skip()
	}
	if p.at < len(p.text) {
		doc.Value = p.block(p.column(), "")
		p.skip()
		if p.at < len(p.text) {
			p.fail("end of the stream or a document separator is expected")
		}
	}
	doc.Lines = p.lines
	return doc, nil
}

// yamlError is a fault at a place of a text.
type yamlError struct {
	reason       string
	source       string
	line, column int
}

// Error gives reason, place and an excerpt.
func (e *yamlError) Error() string {
	const before, after = 3, 2
	lines := strings.Split(e.source, "\n")
	width := len(strconv.Itoa(min(e.line+after, len(lines))))
	var b strings.Builder
	for i := max(0, e.line-before); i <= min(e.line+after, len(lines)-1); i++ {
		if i > e.line && i == len(lines)-1 && lines[i] == "" {
			break
		}
		fmt.Fprintf(&b, "\n %*d | %s", width, i+1, lines[i])
		if i == e.line {
			b.WriteString("\n" + strings.Repeat("-", 1+width+3+e.column) + "^")
		}
	}
	return fmt.Sprintf("%s (%d:%d)\n%s", e.reason, e.line+1, e.column+1, b.String())
}

type yamlParser struct {
	text  string
	at    int
	lines map[string]int
}

func (p *yamlParser) fail(reason string) {
	head := p.text[:p.at]
	panic(&yamlError{reason, p.text, strings.Count(head, "\n"), p.column()})
}

func (p *yamlParser) column() int { return p.at - (strings.LastIndexByte(p.text[:p.at], '\n') + 1) }

func (p *yamlParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// skip passes blanks, line ends and comments.
func (p *yamlParser) skip() {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\n' || c == '\r':
			p.at++
		case c == '\t' && strings.TrimSpace(p.text[strings.LastIndexByte(p.text[:p.at], '\n')+1:p.at]) != "":
			p.at++
		case c == '#' && (p.at == 0 || strings.IndexByte(" \t\n", p.text[p.at-1]) >= 0):
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

// skipBlanks stays on the line.
func (p *yamlParser) skipBlanks() {
	for p.peek() == ' ' || p.peek() == '\t' {
		p.at++
	}
}

func (p *yamlParser) dash() bool {
	return p.peek() == '-' && (p.at+1 >= len(p.text) || strings.IndexByte(" \n\r", p.text[p.at+1]) >= 0)
}

// block reads the node that starts here, whose lines are indented by indent.
func (p *yamlParser) block(indent int, place string) any {
	if p.peek() == '\t' {
		p.fail("tab characters must not be used in indentation")
	}
	if p.dash() {
		return p.blockList(indent, place)
	}
	if p.isKey() {
		return p.blockMap(indent, place)
	}
	v := p.scalarOrFlow(indent)
	return v
}

func (p *yamlParser) blockList(indent int, place string) any {
	list := []any{}
	for p.at < len(p.text) && p.column() == indent && p.dash() {
		p.at++
		own := place + "." + strconv.Itoa(len(list))
		p.lines[strings.TrimPrefix(own, ".")] = 1 + strings.Count(p.text[:p.at], "\n")
		line := strings.Count(p.text[:p.at], "\n")
		p.skip()
		switch {
		case p.at >= len(p.text) || strings.Count(p.text[:p.at], "\n") != line && p.column() <= indent:
			list = append(list, nil)
		default:
			list = append(list, p.block(p.column(), own))
		}
		p.skip()
	}
	if p.at < len(p.text) && p.column() > indent {
		p.fail("bad indentation of a sequence entry")
	}
	return list
}

// isKey tells whether the line goes on as "key: value".
func (p *yamlParser) isKey() bool {
	mark := p.at
	defer func() { p.at = mark }()
	switch p.peek() {
	case '"', '\'':
		quote := p.peek()
		for p.at++; p.at < len(p.text) && p.peek() != '\n'; p.at++ {
			doubled := quote == '\'' && strings.HasPrefix(p.text[p.at:], "''")
			if doubled || quote == '"' && p.peek() == '\\' {
				p.at++
			} else if p.peek() == quote {
				break
			}
		}
		p.at++
		p.skipBlanks()
		return p.peek() == ':'
	case '[', '{', '|', '>', '&', '*', '!', '%', '@', '`', '#':
		return false
	}
	for ; p.at < len(p.text) && p.peek() != '\n'; p.at++ {
		if p.peek() == ':' && (p.at+1 >= len(p.text) || strings.IndexByte(" \n\r\t", p.text[p.at+1]) >= 0) {
			return true
		}
		if p.peek() == '#' && p.at > mark && p.text[p.at-1] == ' ' {
			return false
		}
	}
	return false
}

func (p *yamlParser) blockMap(indent int, place string) any {
	o := New()
	for p.at < len(p.text) && p.column() == indent {
		if !p.isKey() {
			if p.dash() {
				p.fail("bad indentation of a mapping entry")
			}
			p.fail("can not read a block mapping entry; a multiline key may not be an implicit key")
		}
		key := p.key()
		if o.Has(key) {
			p.fail("duplicated mapping key")
		}
		own := strings.TrimPrefix(place+"."+key, ".")
		line := strings.Count(p.text[:p.at], "\n")
		p.lines[own] = line + 1
		p.at++
		p.skip()
		sameLine := strings.Count(p.text[:p.at], "\n") == line
		switch {
		case p.at >= len(p.text) || !sameLine && p.column() < indent || !sameLine && p.column() == indent && !p.dash():
			o.Set(key, nil)
		case sameLine && (p.isKey() || p.dash()):
			p.fail("bad indentation of a mapping entry")
		case sameLine:
			o.Set(key, p.scalarOrFlow(indent))
		default:
			o.Set(key, p.block(p.column(), own))
		}
		p.skip()
	}
	if p.at < len(p.text) && p.column() > indent {
		p.fail("bad indentation of a mapping entry")
	}
	return o
}

// key reads up to the colon.
func (p *yamlParser) key() string {
	if c := p.peek(); c == '"' || c == '\'' {
		key := p.quoted()
		p.skipBlanks()
		return key
	}
	from := p.at
	for p.peek() != ':' || p.at+1 < len(p.text) && strings.IndexByte(" \n\r\t", p.text[p.at+1]) < 0 {
		p.at++
	}
	return strings.TrimRight(p.text[from:p.at], " \t")
}

func (p *yamlParser) scalarOrFlow(indent int) any {
	switch c := p.peek(); c {
	case '[', '{':
		return p.flow()
	case '"', '\'':
		s := p.quoted()
		p.endOfLine()
		return s
	case '|', '>':
		return p.blockScalar(indent)
	case '&', '*', '!':
		p.fail("anchors, aliases and tags are not supported by metlotest")
	case '%', '@', '`':
		p.fail("end of the stream or a document separator is expected")
	}
	from := p.at
	for p.at < len(p.text) && p.peek() != '\n' && !(p.peek() == '#' && p.text[p.at-1] == ' ') {
		p.at++
	}
	return plainScalar(strings.TrimRight(p.text[from:p.at], " \t\r"))
}

// endOfLine makes sure that nothing but a comment follows.
func (p *yamlParser) endOfLine() {
	p.skipBlanks()
	if c := p.peek(); c != 0 && c != '\n' && c != '\r' && c != '#' {
		p.fail("bad indentation of a mapping entry")
	}
}

func plainScalar(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	case ".inf", ".Inf", ".INF":
		return math.Inf(1)
	}
	number := regexp.MustCompile(`^[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d+)(?:[eE][-+]?\d+)?$`)
	if number.MatchString(s) {
		if f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64); err == nil {
			return f
		}
	}
	for prefix, base := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if digits, found := strings.CutPrefix(s, prefix); found {
			if n, err := strconv.ParseInt(digits, base, 64); err == nil {
				return float64(n)
			}
		}
	}
	return s
}
