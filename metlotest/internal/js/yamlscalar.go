package js

import (
	"strconv"
	"strings"
)

// quoted reads a quoted scalar.
func (p *yamlParser) quoted() string {
	quote := p.peek()
	p.at++
	var b strings.Builder
	for {
		if p.at >= len(p.text) {
			p.fail("unexpected end of the stream within a " + map[byte]string{'"': "double", '\'': "single"}[quote] + " quoted scalar")
		}
		c := p.text[p.at]
		p.at++
		switch {
		case c == quote && quote == '\'' && p.peek() == '\'':
			b.WriteByte('\'')
			p.at++
		case c == quote:
			return b.String()
		case c == '\\' && quote == '"':
			p.escape(&b)
		case c == '\n':
			p.skipBlanks()
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
}

func (p *yamlParser) escape(b *strings.Builder) {
	c := p.peek()
	p.at++
	simple := map[byte]string{
		'n': "\n", 't': "\t", 'r': "\r", '0': "\x00", 'a': "\a", 'b': "\b", 'e': "\x1b", 'f': "\f", 'v': "\v",
		'"': `"`, '\\': `\`, '/': "/", ' ': " ", 'N': "\u0085", '_': "\u00a0",
	}
	if s, known := simple[c]; known {
		b.WriteString(s)
		return
	}
	if c == '\n' {
		p.skipBlanks()
		return
	}
	size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if size == 0 {
		p.fail("unknown escape sequence")
	}
	if p.at+size > len(p.text) {
		p.fail("expected hexadecimal character")
	}
	n, err := strconv.ParseUint(p.text[p.at:p.at+size], 16, 32)
	if err != nil {
		p.fail("expected hexadecimal character")
	}
	b.WriteRune(rune(n))
	p.at += size
}

// flow reads [a, b] or {a: b}.
func (p *yamlParser) flow() any {
	opener := p.peek()
	p.at++
	o, list := New(), []any{}
	for {
		p.skip()
		if p.at >= len(p.text) {
			p.fail("unexpected end of the stream within a flow collection")
		}
		switch c := p.peek(); {
		case c == ']' && opener == '[':
			p.at++
			return list
		case c == '}' && opener == '{':
			p.at++
			return o
		case c == ',':
			p.fail("expected the node content, but found ','")
		}
		if opener == '[' {
			list = append(list, p.flowValue())
		} else {
			key := p.flowKey()
			p.skip()
			o.Set(key, nil)
			if p.peek() == ':' {
				p.at++
				p.skip()
				if c := p.peek(); c != ',' && c != '}' {
					o.Set(key, p.flowValue())
				}
			}
		}
		p.skip()
		if p.peek() == ',' {
			p.at++
		} else if c := p.peek(); p.at < len(p.text) && c != ']' && c != '}' {
			p.fail("missed comma between flow collection entries")
		} else if p.at < len(p.text) && (c == ']') != (opener == '[') {
			p.fail("missed comma between flow collection entries")
		}
	}
}

func (p *yamlParser) flowKey() string {
	if c := p.peek(); c == '"' || c == '\'' {
		return p.quoted()
	}
	from := p.at
	for p.at < len(p.text) && strings.IndexByte(",}:\n", p.peek()) < 0 {
		p.at++
	}
	return strings.TrimSpace(p.text[from:p.at])
}

func (p *yamlParser) flowValue() any {
	switch c := p.peek(); c {
	case '[', '{':
		return p.flow()
	case '"', '\'':
		return p.quoted()
	case '&', '*', '!':
		p.fail("anchors, aliases and tags are not supported by metlotest")
	}
	from := p.at
	for p.at < len(p.text) && strings.IndexByte(",[]{}\n", p.peek()) < 0 && !(p.peek() == '#' && p.text[p.at-1] == ' ') {
		p.at++
	}
	return plainScalar(strings.TrimSpace(p.text[from:p.at]))
}

// blockScalar reads | and > with their indicators.
func (p *yamlParser) blockScalar(indent int) any {
	folded, chomp := p.peek() == '>', byte(0)
	p.at++
	for c := p.peek(); c != '\n' && c != 0; c = p.peek() {
		switch {
		case c == '-' || c == '+':
			chomp = c
		case c == '#':
			for p.peek() != '\n' && p.peek() != 0 {
				p.at++
			}
			continue
		case c != ' ' && c != '\r':
			p.fail("explicit indentation of a block scalar is not supported by metlotest")
		}
		p.at++
	}
	p.at++
	var lines []string
	own := -1
	for p.at < len(p.text) {
		end := strings.IndexByte(p.text[p.at:], '\n')
		if end < 0 {
			end = len(p.text) - p.at
		}
		line := strings.TrimRight(p.text[p.at:p.at+end], "\r")
		lead := len(line) - len(strings.TrimLeft(line, " "))
		if blank := strings.TrimSpace(line) == ""; !blank && own < 0 {
			own = lead
		} else if blank {
			line, lead = "", max(own, indent+1)
		}
		if lead <= indent || lead < own {
			break
		}
		lines = append(lines, line[min(max(own, 0), len(line)):])
		p.at = min(p.at+end+1, len(p.text))
	}
	return joinBlock(lines, folded, chomp)
}

func joinBlock(lines []string, folded bool, chomp byte) string {
	full := len(lines)
	for full > 0 && lines[full-1] == "" {
		full--
	}
	sep := "\n"
	if folded {
		sep = " "
	}
	out := strings.Join(lines[:full], sep)
	if folded {
		out = strings.ReplaceAll(out, "  ", "\n")
	}
	switch {
	case full == 0 || chomp == '-':
		return out
	case chomp == '+':
		return out + strings.Repeat("\n", 1+len(lines)-full)
	}
	return out + "\n"
}
