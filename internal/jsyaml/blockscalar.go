package jsyaml

// chomping says which of the line breaks at the end of a block scalar are kept.
type chomping uint8

const (
	clip chomping = iota
	strip
	keep
)

// blockScalarReader reads one block scalar.
type blockScalarReader struct {
	p        *parser
	text     scalarText
	folding  bool
	chomping chomping
	// indent is the indentation of the text, known once detected is set.
	indent   int
	detected bool
	// started says that there was a line with content, emptyLines how many lines without came since.
	started      bool
	emptyLines   int
	moreIndented bool
}

// blockScalar reads | and > with their text.
func (p *parser) blockScalar(indent int) bool {
	c := p.peek()
	if c != '|' && c != '>' {
		return false
	}
	r := blockScalarReader{p: p, folding: c == '>', indent: indent}
	r.header(indent)
	for p.peek() != 0 {
		p.lineBreak()
		if r.skipIndent(); isEOL(p.peek()) {
			r.emptyLines++
			continue
		}
		if p.indent < r.indent {
			r.chomp()
			break
		}
		r.line()
	}
	p.scalarResult(&r.text)
	return true
}

// header reads the indicators after | or >, blanks and a comment.
func (r *blockScalarReader) header(indent int) {
	p := r.p
	c := p.next()
	for ; ; c = p.next() {
		switch {
		case c == '+' || c == '-':
			if r.chomping != clip {
				p.fail("repeat of a chomping mode identifier")
			}
			if r.chomping = strip; c == '+' {
				r.chomping = keep
			}
			continue
		case c == '0':
			p.fail("bad explicit indentation width of a block scalar; it cannot be less than one")
		case c > '0' && c <= '9':
			if r.detected {
				p.fail("repeat of an indentation width identifier")
			}
			r.indent, r.detected = indent+int(c-'0')-1, true
			continue
		}
		break
	}
	if !isBlank(c) {
		return
	}
	for isBlank(c) {
		c = p.next()
	}
	if c == '#' {
		for c != 0 && !isEOL(c) {
			c = p.next()
		}
	}
}

// skipIndent skips the spaces before the text of a line.
func (r *blockScalarReader) skipIndent() {
	p := r.p
	p.indent = 0
	for (!r.detected || p.indent < r.indent) && p.peek() == ' ' {
		p.indent++
		p.at++
	}
	if !r.detected && p.indent > r.indent {
		r.indent = p.indent
	}
}

// breaks is the number of line breaks since the last line with content.
func (r *blockScalarReader) breaks() int {
	if r.started {
		return 1 + r.emptyLines
	}
	return r.emptyLines
}

func (r *blockScalarReader) chomp() {
	switch {
	case r.chomping == keep:
		r.text.breaks(r.breaks())
	case r.chomping == clip && r.started:
		r.text.breaks(1)
	}
}

// line reads a line with content.
func (r *blockScalarReader) line() {
	p := r.p
	switch {
	case !r.folding:
		r.text.breaks(r.breaks())
	case isBlank(p.peek()):
		// A line that starts with white space is not folded.
		r.moreIndented = true
		r.text.breaks(r.breaks())
	case r.moreIndented:
		r.moreIndented = false
		r.text.breaks(r.emptyLines + 1)
	case r.emptyLines == 0:
		if r.started {
			r.text.write(" ")
		}
	default:
		r.text.breaks(r.emptyLines)
	}
	r.started, r.detected, r.emptyLines = true, true, 0
	from := p.at
	for c := p.peek(); c != 0 && !isEOL(c); {
		c = p.next()
	}
	p.capture(&r.text, from, p.at)
}
