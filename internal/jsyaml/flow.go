package jsyaml

// flowCollection reads [a, b] or {a: b}.
func (p *parser) flowCollection(indent int) bool {
	var closing byte
	var kind Kind
	var form nodeKind
	switch p.peek() {
	case '[':
		closing, kind, form = ']', Sequence, sequenceKind
	case '{':
		closing, kind, form = '}', Mapping, mappingKind
	default:
		return false
	}
	tag, anchor := p.tag, p.anchor
	out := p.begin(kind)
	out.Line, out.Column = p.line+1, p.column(p.at)+1
	defer p.end(out)
	overridable := map[string]bool{}
	p.at++
	for readNext := true; p.peek() != 0; {
		p.space(true)
		c := p.peek()
		switch {
		case c == closing:
			p.at++
			p.tag, p.anchor, p.kind, p.result = tag, anchor, form, out
			return true
		case !readNext:
			p.fail("missed comma between flow collection entries")
		case c == ',':
			p.fail("expected the node content, but found ','")
		}
		p.flowEntry(out, indent, overridable)
		p.space(true)
		if readNext = p.peek() == ','; readNext {
			p.at++
		}
	}
	p.fail("unexpected end of the stream within a flow collection")
	return false
}

// flowEntry reads an element of a flow sequence, which may be a single pair, or a pair of a flow mapping.
func (p *parser) flowEntry(out *Node, indent int, overridable map[string]bool) {
	var key keyNode
	var value *Node
	explicit := p.peek() == '?' && isBlankOrEOL(p.byteAt(p.at+1))
	if explicit {
		p.at++
		p.space(true)
	}
	isPair := explicit
	p.keyPlace(&key)
	p.node(indent, flowIn, false, true)
	key.tag, key.node = p.tag, p.result
	p.space(true)
	if (explicit || p.line == key.line) && p.peek() == ':' {
		isPair = true
		p.at++
		p.space(true)
		p.node(indent, flowIn, false, true)
		value = p.result
	}
	switch {
	case out.Kind == Mapping:
		p.store(out, overridable, key, value)
	case isPair:
		pair := &Node{Kind: Mapping, Line: key.line + 1, Column: key.column}
		p.store(pair, overridable, key, value)
		p.end(pair)
		out.Items = append(out.Items, pair)
	default:
		out.Items = append(out.Items, orNull(key.node, key.line+1, key.column))
	}
}
