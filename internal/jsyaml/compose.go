package jsyaml

import "fmt"

// nodeContext is where a node stands.
type nodeContext uint8

const (
	flowIn nodeContext = iota
	flowOut
	blockIn
	blockOut
)

// node reads a node and reports whether there was one. seek allows it to start on a later line,
// compact allows a block collection to start on the line of its parent.
func (p *parser) node(parentIndent int, context nodeContext, seek, compact bool) bool {
	p.lines.opened(p)
	if p.depth++; p.depth > MaxDepth {
		p.failDepth()
	}
	p.tag, p.anchor, p.kind, p.result = "", "", noKind, nil
	blocks := context == blockIn || context == blockOut
	n := composer{p: p, parent: parentIndent, blocks: blocks, collections: blocks, deeper: 1}
	if seek {
		n.skip()
	}
	if n.deeper == 1 {
		n.properties()
	}
	n.collections = n.collections && (n.newLine || compact)
	start := Node{Line: p.line + 1, Column: p.column(p.at) + 1}
	found := false
	if n.deeper == 1 || context == blockOut {
		found = n.content(context)
	}
	p.resolveTag()
	p.place(start)
	p.lines.closed(p)
	p.depth--
	return p.tag != "" || p.anchor != "" || found
}

func (p *parser) failDepth() {
	p.failLimit(fmt.Sprintf("collections are nested more than %d deep", MaxDepth))
}

// composer reads one node.
type composer struct {
	p      *parser
	parent int
	// blocks says that block styles are allowed here, collections that block collections still are.
	blocks, collections, newLine bool
	// deeper compares the indentation of the line with that of the parent.
	deeper int
}

// skip skips white space and reads the indentation of the line where that ends.
func (n *composer) skip() bool {
	if n.p.space(true) == 0 {
		return false
	}
	n.newLine = true
	switch indent := n.p.indent; {
	case indent > n.parent:
		n.deeper = 1
	case indent == n.parent:
		n.deeper = 0
	default:
		n.deeper = -1
	}
	return true
}

// properties reads tags and anchors.
func (n *composer) properties() {
	for n.p.tagProperty() || n.p.anchorProperty() {
		if n.skip() {
			n.collections = n.blocks
		} else {
			n.collections = false
		}
	}
}

func (n *composer) content(context nodeContext) bool {
	p := n.p
	flowIndent := n.parent + 1
	if context == flowIn || context == flowOut {
		flowIndent = n.parent
	}
	if n.deeper == 0 {
		// A block sequence may be indented like the key that it belongs to.
		return n.collections && p.blockSequence(p.column(p.at))
	}
	if n.deeper != 1 {
		return false
	}
	if n.collections {
		blockIndent := p.column(p.at)
		if p.blockSequence(blockIndent) || p.blockMapping(blockIndent, flowIndent) {
			return true
		}
	}
	if p.flowCollection(flowIndent) {
		return true
	}
	found := n.scalar(flowIndent, context)
	if p.anchor != "" {
		p.anchors[p.anchor] = p.result
	}
	return found
}

func (n *composer) scalar(flowIndent int, context nodeContext) bool {
	p := n.p
	switch {
	case n.blocks && p.blockScalar(flowIndent), p.quotedScalar('\'', "single"), p.quotedScalar('"', "double"):
		return true
	case p.alias():
		if p.tag != "" || p.anchor != "" {
			p.fail("alias node should not have any properties")
		}
		return true
	case p.plainScalar(flowIndent, context == flowIn):
		if p.tag == "" {
			p.tag = plainTag
		}
		return true
	}
	return false
}

// place notes where the node that was read starts.
func (p *parser) place(start Node) {
	if p.result != nil && p.result.Line == 0 {
		p.result.Line, p.result.Column = start.Line, start.Column
	}
}

// orNull returns n, or a node of kind Null at the line and column, from 1, if n is nil.
func orNull(n *Node, line, column int) *Node {
	if n != nil {
		return n
	}
	return &Node{Line: line, Column: column}
}

// store puts a pair into a mapping. key is the key node and keyTag its tag; overridable are the keys that << copied.
func (p *parser) store(m *Node, overridable map[string]bool, key keyNode, value *Node) {
	name := p.keyText(key.node)
	if key.tag == standardTags+"merge" {
		p.mergeAll(m, overridable, value)
		return
	}
	if !overridable[name] && m.find(name) >= 0 {
		// The first line counts as none here, and leaves the place where it is.
		if key.line != 0 {
			p.line = key.line
		}
		if key.lineStart != 0 {
			p.lineStart = key.lineStart
		}
		if key.at != 0 {
			p.at = key.at
		}
		p.fail("duplicated mapping key")
	}
	delete(overridable, name)
	m.set(Pair{Key: name, Value: orNull(value, key.line+1, key.column), Line: key.line + 1, Column: key.column})
}

// keyNode is the key of a pair with its place.
type keyNode struct {
	node                *Node
	tag                 string
	line, lineStart, at int
	column              int // from 1
}

// keyPlace notes the current place as that of a key.
func (p *parser) keyPlace(k *keyNode) {
	k.line, k.lineStart, k.at, k.column = p.line, p.lineStart, p.at, p.column(p.at)+1
}
