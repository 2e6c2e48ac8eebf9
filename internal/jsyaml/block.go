package jsyaml

// blockSequence reads "- " entries whose dashes are indented by indent.
func (p *parser) blockSequence(indent int) bool {
	// After a leading tab there can be a flow collection or a scalar, but no block collection.
	if p.firstTab != -1 {
		return false
	}
	tag, anchor := p.tag, p.anchor
	list := p.begin(Sequence)
	defer p.end(list)
	detected := false
	for p.peek() != 0 {
		p.refuseTab()
		if p.peek() != '-' || !isBlankOrEOL(p.byteAt(p.at+1)) {
			break
		}
		line, column := p.line+1, p.column(p.at)+1
		detected = true
		p.at++
		if p.space(true) > 0 && p.indent <= indent {
			list.Items = append(list.Items, orNull(nil, line, column))
			continue
		}
		before := p.line
		p.node(indent, blockIn, false, true)
		list.Items = append(list.Items, orNull(p.result, line, column))
		p.space(true)
		if (p.line == before || p.indent > indent) && p.peek() != 0 {
			p.fail("bad indentation of a sequence entry")
		}
		if p.indent < indent {
			break
		}
	}
	if detected {
		p.tag, p.anchor, p.kind, p.result = tag, anchor, sequenceKind, list
	}
	return detected
}

// begin makes the node of a collection and registers it under its anchor.
func (p *parser) begin(kind Kind) *Node {
	n := &Node{Kind: kind, open: true}
	if p.anchor != "" {
		p.anchors[p.anchor] = n
	}
	return n
}

// end completes the node of a collection. Aliases may make it deeper than it is written.
func (p *parser) end(n *Node) {
	n.open = false
	n.sortIndices()
	for _, item := range n.Items {
		n.height = max(n.height, item.height+1)
	}
	for i := range n.Pairs {
		n.height = max(n.height, n.Pairs[i].Value.height+1)
	}
	if n.height > MaxDepth {
		p.failDepth()
	}
}

func (p *parser) refuseTab() {
	if p.firstTab != -1 {
		p.at = p.firstTab
		p.fail("tab characters must not be used in indentation")
	}
}

// mappingReader reads one block mapping.
type mappingReader struct {
	p           *parser
	indent      int
	m           *Node
	overridable map[string]bool
	key         keyNode
	value       *Node
	// explicit says that the key came after "? " and waits for its value.
	explicit bool
	// detected says that there was a pair, so that this is a mapping.
	detected bool
	// compact says that the value may be a block collection on the line of its key.
	compact bool
}

// blockMapping reads the pairs of a block mapping whose keys are indented by indent. If there
// is a single node that is no key, that node is the result.
func (p *parser) blockMapping(indent, flowIndent int) bool {
	if p.firstTab != -1 {
		return false
	}
	tag, anchor := p.tag, p.anchor
	r := mappingReader{p: p, indent: indent, m: p.begin(Mapping), overridable: map[string]bool{}}
	defer p.end(r.m)
	for p.peek() != 0 {
		if !r.explicit {
			p.refuseTab()
		}
		line := p.line
		if c := p.peek(); (c == '?' || c == ':') && isBlankOrEOL(p.byteAt(p.at+1)) {
			r.indicator(c)
		} else {
			p.keyPlace(&r.key)
			if !p.node(flowIndent, flowOut, false, true) {
				break
			}
			if !r.implicitKey(line) {
				p.tag, p.anchor = tag, anchor
				return true
			}
		}
		if r.entry(line) {
			break
		}
	}
	if r.explicit {
		r.store(nil)
	}
	if r.detected {
		p.tag, p.anchor, p.kind, p.result = tag, anchor, mappingKind, r.m
	}
	return r.detected
}

func (r *mappingReader) store(value *Node) {
	r.p.store(r.m, r.overridable, r.key, value)
	r.key.node, r.key.tag, r.value = nil, "", nil
}

// indicator skips the ? before a key or the : after it.
func (r *mappingReader) indicator(c byte) {
	switch {
	case c == '?':
		if r.explicit {
			r.store(nil)
		}
		r.detected, r.explicit = true, true
	case r.explicit:
		r.explicit = false
	default:
		r.p.fail("incomplete explicit mapping pair; a key node is missed; or followed by a non-tabulated empty line")
	}
	r.compact = true
	r.p.at++
}

// implicitKey accepts what was read as a key if a colon follows on its line. If none does, the text is no mapping or is
// malformed.
func (r *mappingReader) implicitKey(line int) bool {
	p := r.p
	if p.line != line {
		if r.detected {
			p.fail("can not read a block mapping entry; a multiline key may not be an implicit key")
		}
		return false
	}
	for isBlank(p.peek()) {
		p.at++
	}
	if p.peek() != ':' {
		if r.detected {
			p.fail("can not read an implicit mapping pair; a colon is missed")
		}
		return false
	}
	if !isBlankOrEOL(p.next()) {
		p.fail("a whitespace character is expected after the key-value separator within a block mapping")
	}
	if r.explicit {
		r.store(nil)
	}
	r.detected, r.explicit, r.compact = true, false, false
	r.key.tag, r.key.node = p.tag, p.result
	return true
}

// entry reads what follows an indicator or a key. It reports whether the mapping ends here.
func (r *mappingReader) entry(line int) (end bool) {
	p := r.p
	if p.line == line || p.indent > r.indent {
		if r.explicit {
			p.keyPlace(&r.key)
		}
		if p.node(r.indent, blockOut, true, r.compact) {
			if r.explicit {
				r.key.node = p.result
			} else {
				r.value = p.result
			}
		}
		if !r.explicit {
			r.store(r.value)
		}
		p.space(true)
	}
	if (p.line == line || p.indent > r.indent) && p.peek() != 0 {
		p.fail("bad indentation of a mapping entry")
	}
	return p.indent < r.indent
}
