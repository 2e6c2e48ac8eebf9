package jsyaml

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Lines maps the places of a document to lines as the npm package js-yaml-source-map 0.2 does. It repeats the mistakes
// of that package: some places are left out, and others have the line of another place.
type Lines struct {
	known      map[string]int
	path       []string
	lastScalar string
	fragments  []*fragment
	count      int
}

// fragment is a node that has no place in the document yet.
type fragment struct {
	path           string
	children       []*fragment
	line, position int
}

func newLines() *Lines { return &Lines{known: map[string]int{}} }

// Line returns the line, from 1, of a place: names and indices joined by dots. Both a.b and .a.b are taken.
func (l *Lines) Line(place string) (int, bool) {
	if !strings.HasPrefix(place, ".") {
		place = "." + place
	}
	if strings.HasPrefix(place, "..") {
		place = place[1:]
	}
	place = strings.NewReplacer("[", ".", "]", "").Replace(place)
	line, known := l.known[place]
	return line + 1, known
}

// opened is called before a node is read.
func (l *Lines) opened(p *parser) {
	if l == nil {
		return
	}
	if l.count == 0 {
		l.known["."] = p.line
	}
	l.path = append(l.path, l.lastScalar)
	l.count++
}

// closed is called after a node was read.
func (l *Lines) closed(p *parser) {
	if l == nil {
		return
	}
	path := strings.Join(l.path, ".")
	switch p.kind {
	case scalarKind:
		l.pop()
		l.scalar(p)
		return
	case mappingKind:
		l.mapping(path, p)
	case sequenceKind:
		l.sequence(path, p)
	}
	l.pop()
}

func (l *Lines) pop() {
	if len(l.path) > 0 {
		l.path = l.path[:len(l.path)-1]
	}
}

func (l *Lines) scalar(p *parser) {
	text := p.result.jsText()
	l.lastScalar = text
	if len(l.path) == 0 {
		l.known["."+text] = p.line
		return
	}
	l.fragments = append(l.fragments, &fragment{path: strings.Join(l.path, ".") + "." + text, line: p.line, position: p.at})
}

// take calls visit for the fragments below a path, the last first, and removes one for each.
func (l *Lines) take(path string, visit func(f *fragment)) {
	for i := len(l.fragments) - 1; i >= 0; i-- {
		if f := l.fragments[i]; !strings.HasPrefix(f.path, path) || f.path == path {
			continue
		}
		last := l.fragments[len(l.fragments)-1]
		l.fragments = l.fragments[:len(l.fragments)-1]
		visit(last)
	}
}

func (l *Lines) mapping(path string, _ *parser) {
	out := &fragment{path: path}
	index := 0
	l.take(path, func(f *fragment) {
		// Keys and values alternate, and a value without children is of no interest.
		if index++; len(f.children) == 0 && index%2 == 1 {
			return
		}
		if len(l.path) == 1 {
			l.resolve(f, f.path)
			return
		}
		out.adopt(f, cutUnits(f.path, UTF16Len(path)+1))
	})
	l.keep(out)
}

func (l *Lines) sequence(path string, p *parser) {
	out := &fragment{path: path}
	seen := map[int]bool{}
	index := 0
	if p.result != nil {
		index = len(p.result.Items)
	}
	l.take(path, func(f *fragment) {
		if seen[f.position] {
			return
		}
		index--
		seen[f.position] = true
		if len(l.path) == 1 {
			l.resolve(f, path+"."+strconv.Itoa(index))
			return
		}
		out.adopt(f, strconv.Itoa(index))
	})
	l.keep(out)
}

// cutUnits removes a number of UTF-16 units from the start of s.
func cutUnits(s string, n int) string {
	for i, r := range s {
		if n <= 0 {
			return s[i:]
		}
		if n -= utf16Units(r); n < 0 {
			return string(utf8.RuneError) + s[i+utf8.RuneLen(r):]
		}
	}
	return ""
}

// adopt adds a copy of child to f under another path, and moves f to the place of child.
func (f *fragment) adopt(child *fragment, path string) {
	own := *child
	own.path = path
	f.children = append(f.children, &own)
	f.line, f.position = child.line, child.position
}

func (l *Lines) keep(f *fragment) {
	if len(f.children) > 0 {
		l.fragments = append(l.fragments, f)
	}
}

// resolve notes the lines of a fragment and of the fragments below it. If a place has a line already, it keeps that one.
func (l *Lines) resolve(f *fragment, path string) {
	if f.path == "." {
		path = "."
	}
	if _, known := l.known[path]; !known {
		l.known[path] = f.line
	}
	if path == "." {
		path = ""
	}
	for _, child := range f.children {
		l.resolve(child, path+"."+child.path)
	}
}

// Known returns every known place, with a dot at its start, and its line.
func (l *Lines) Known() map[string]int {
	known := make(map[string]int, len(l.known))
	for place, line := range l.known {
		known[place] = line + 1
	}
	return known
}
