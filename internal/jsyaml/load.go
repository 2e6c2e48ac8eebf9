package jsyaml

import (
	"regexp"
	"slices"
	"strings"
)

// MaxDepth is how deep collections may be nested. js-yaml runs out of stack at a similar depth.
const MaxDepth = 1800

// MaxMerged is how many keys << may copy in one text.
const MaxMerged = 250_000

// Load reads a text that holds one document. A text without any document, such as an empty one, gives nil;
// an empty document gives a node of kind Null. Bytes that are not UTF-8 read as U+FFFD. Errors are *Error.
func Load(text string) (*Node, error) {
	documents, err := LoadAll(text)
	return single(documents, err)
}

// LoadLines is Load that also gives the lines of the places of the document.
func LoadLines(text string) (*Node, *Lines, error) {
	l := newLines()
	documents, err := loadDocuments(text, l)
	root, err := single(documents, err)
	if err != nil {
		return nil, nil, err
	}
	return root, l, nil
}

// LoadAll reads all documents of a text. Errors are *Error.
func LoadAll(text string) ([]*Node, error) {
	return loadDocuments(text, nil)
}

func single(documents []*Node, err error) (*Node, error) {
	switch {
	case err != nil || len(documents) == 0:
		return nil, err
	case len(documents) > 1:
		return nil, &Error{Reason: "expected a single document in the stream, but found more"}
	}
	return documents[0], nil
}

func loadDocuments(text string, lines *Lines) (documents []*Node, err error) {
	text = strings.ToValidUTF8(text, "\ufffd")
	if text != "" && !strings.HasSuffix(text, "\n") && !strings.HasSuffix(text, "\r") {
		text += "\n"
	}
	text = strings.TrimPrefix(text, "\ufeff")
	p := &parser{text: text, ascii: isASCII(text), lines: lines, firstTab: -1}
	defer func() {
		if r := recover(); r != nil {
			failure, known := r.(*Error)
			if !known {
				panic(r)
			}
			documents, err = nil, failure
		}
	}()
	if at := strings.IndexByte(text, 0); at >= 0 {
		p.at = at
		p.text = text[:len(text)-1]
		p.fail("null byte is not allowed in input")
	}
	for p.peek() == ' ' {
		p.indent++
		p.at++
	}
	for p.at < len(text)-1 {
		documents = append(documents, p.document())
	}
	if p.inside != nil && slices.ContainsFunc(documents, holdsItself) {
		return nil, p.inside
	}
	return documents, nil
}

// parser reads a text from left to right. Its methods leave what they read in the fields tag, anchor, kind and
// result, as js-yaml does: what js-yaml reads depends on which of the four are set at each step.
type parser struct {
	text  string
	ascii bool
	lines *Lines

	counted             counted
	at, line, lineStart int
	// indent is the number of spaces at the start of the line.
	indent int
	// firstTab is where the first tab before the content of the line is, or -1.
	firstTab int
	depth    int
	merged   int
	// inside is the first alias that stands inside its own anchor. It is an error unless << took its keys only.
	inside *Error

	version string
	handles map[string]string
	anchors map[string]*Node

	tag, anchor string
	kind        nodeKind
	result      *Node
}

// nodeKind is the form of a node as written.
type nodeKind string

const (
	noKind       nodeKind = ""
	scalarKind   nodeKind = "scalar"
	sequenceKind nodeKind = "sequence"
	mappingKind  nodeKind = "mapping"
)

const (
	// plainTag is the tag of a plain scalar, whose type is to be found out.
	plainTag = "?"
	// standardTags is what !! stands for.
	standardTags = "tag:yaml.org,2002:"
)

// peek returns the byte at the current place, and 0 at the end.
func (p *parser) peek() byte { return p.byteAt(p.at) }

func (p *parser) byteAt(i int) byte {
	if i < len(p.text) {
		return p.text[i]
	}
	return 0
}

// next moves to the next byte and returns it.
func (p *parser) next() byte {
	p.at++
	return p.byteAt(p.at)
}

// column counts the UTF-16 units between the start of the line and a place.
func (p *parser) column(at int) int {
	if p.ascii {
		return at - p.lineStart
	}
	if at < p.lineStart {
		return -UTF16Len(p.text[at:p.lineStart])
	}
	if c := &p.counted; c.lineStart != p.lineStart || c.at > at || c.at < p.lineStart {
		*c = counted{lineStart: p.lineStart, at: p.lineStart}
	}
	p.counted.units += UTF16Len(p.text[p.counted.at:at])
	p.counted.at = at
	return p.counted.units
}

// counted keeps the last column, so that those of a long line are counted once.
type counted struct{ lineStart, at, units int }

// fail panics with an error at the current place, which LoadAll returns.
func (p *parser) fail(reason string) { panic(p.errorHere(reason)) }

func (p *parser) failLimit(reason string) {
	err := p.errorHere(reason)
	err.Limit = true
	panic(err)
}

func (p *parser) errorHere(reason string) *Error {
	return &Error{Reason: reason, Line: p.line + 1, Column: p.column(p.at) + 1, Excerpt: excerpt(p.text, p.at, p.line)}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func isEOL(c byte) bool        { return c == '\n' || c == '\r' }
func isBlank(c byte) bool      { return c == ' ' || c == '\t' }
func isBlankOrEOL(c byte) bool { return isBlank(c) || isEOL(c) }

func isFlowIndicator(c byte) bool {
	return c == ',' || c == '[' || c == ']' || c == '{' || c == '}'
}

func (p *parser) lineBreak() {
	switch p.peek() {
	case '\n':
		p.at++
	case '\r':
		if p.next() == '\n' {
			p.at++
		}
	default:
		p.fail("a line break is expected")
	}
	p.line++
	p.lineStart = p.at
	p.firstTab = -1
}

// space skips white space, line breaks and, if comments is true, comments. It returns the number of line breaks.
func (p *parser) space(comments bool) (breaks int) {
	c := p.peek()
	for c != 0 {
		for isBlank(c) {
			if c == '\t' && p.firstTab == -1 {
				p.firstTab = p.at
			}
			c = p.next()
		}
		if comments && c == '#' {
			for c = p.next(); c != 0 && !isEOL(c); {
				c = p.next()
			}
		}
		if !isEOL(c) {
			break
		}
		p.lineBreak()
		breaks++
		p.indent = 0
		for c = p.peek(); c == ' '; c = p.next() {
			p.indent++
		}
	}
	return breaks
}

// atSeparator reports whether the line starts with --- or ...
func (p *parser) atSeparator() bool {
	if p.at != p.lineStart {
		return false
	}
	rest := p.text[p.at:]
	if !strings.HasPrefix(rest, "---") && !strings.HasPrefix(rest, "...") {
		return false
	}
	c := p.byteAt(p.at + 3)
	return c == 0 || isBlankOrEOL(c)
}

func (p *parser) document() *Node {
	p.version, p.handles, p.anchors = "", map[string]string{}, map[string]*Node{}
	directives := p.directives()
	p.space(true)
	if p.indent == 0 && strings.HasPrefix(p.text[p.at:], "---") {
		p.at += 3
		p.space(true)
	} else if directives {
		p.fail("directives end mark is expected")
	}
	line, column := p.line+1, p.column(p.at)+1
	p.node(p.indent-1, blockOut, false, true)
	root := orNull(p.result, line, column)
	p.space(true)
	if p.atSeparator() {
		if p.peek() == '.' {
			p.at += 3
			p.space(true)
		}
		return root
	}
	if p.at < len(p.text)-1 {
		p.fail("end of the stream or a document separator is expected")
	}
	return root
}

// directives reads the lines that start with % before a document.
func (p *parser) directives() (found bool) {
	for p.peek() != 0 {
		p.space(true)
		if p.indent > 0 || p.peek() != '%' {
			break
		}
		found = true
		p.at++
		name := p.word()
		if name == "" {
			p.fail("directive name must not be less than one character in length")
		}
		args := p.arguments()
		if p.peek() != 0 {
			p.lineBreak()
		}
		switch name {
		case "YAML":
			p.versionDirective(args)
		case "TAG":
			p.tagDirective(args)
		}
	}
	return found
}

// word reads up to the next white space.
func (p *parser) word() string {
	from := p.at
	for c := p.peek(); c != 0 && !isBlankOrEOL(c); {
		c = p.next()
	}
	return p.text[from:p.at]
}

// arguments reads the words of a directive, up to the end of the line.
func (p *parser) arguments() (args []string) {
	for c := p.peek(); c != 0; c = p.peek() {
		for isBlank(c) {
			c = p.next()
		}
		if c == '#' {
			for c = p.next(); c != 0 && !isEOL(c); {
				c = p.next()
			}
			break
		}
		if isEOL(c) {
			break
		}
		args = append(args, p.word())
	}
	return args
}

func (p *parser) versionDirective(args []string) {
	if p.version != "" {
		p.fail("duplication of %YAML directive")
	}
	if len(args) != 1 {
		p.fail("YAML directive accepts exactly one argument")
	}
	match := regexp.MustCompile(`^0*([0-9]+)\.[0-9]+$`).FindStringSubmatch(args[0])
	if match == nil {
		p.fail("ill-formed argument of the YAML directive")
	}
	if match[1] != "1" {
		p.fail("unacceptable YAML version of the document")
	}
	p.version = args[0]
}
