package analysis

import "strings"

// maxDocumentWork is the maximum number of fields and fragments of a document that are visited. Nested fragments can expand a short
// text exponentially.
const maxDocumentWork = 20_000

// maxTokens is the maximum number of tokens of a document that are read.
const maxTokens = 50_000

// document is a parsed GraphQL document. For an invalid text it holds the part before the syntax error.
type document struct {
	operations []*operation
	fragments  map[string]*selection
	flat       map[*selection]*flat
	left       int // remaining work
}

// flat holds the fields of a selection and of its fragments.
type flat struct {
	fields []*field
	byKey  map[string]*field // the first one of each key
}

type operation struct {
	kind, name string // kind is query, mutation or subscription
	selection  selection
}

// selection is the set of fields that a document requests of an object.
type selection struct {
	fields  []*field
	spreads []string     // names of fragments
	inline  []*selection // inline fragments
}

type field struct {
	key, name    string // key is the alias, or the name without one
	arguments    []argument
	hasArguments bool // whether the field or a nested one has arguments
	selection    selection
}

type argument struct{ name, value string }

// spend subtracts n from the remaining work and reports whether there was enough.
func (d *document) spend(n int) bool {
	d.left = max(d.left-n, -1)
	return d.left >= 0
}

// flatten returns the fields of a selection, as far as the remaining work allows.
func (d *document) flatten(s *selection) *flat {
	all, known := d.flat[s]
	if !known {
		all = &flat{byKey: map[string]*field{}}
		d.flat[s] = all
		d.gather(all, s, map[*selection]bool{})
	}
	return all
}

func (d *document) gather(all *flat, s *selection, seen map[*selection]bool) {
	if s == nil || seen[s] || !d.spend(len(s.fields)+1) {
		return
	}
	seen[s] = true
	for _, f := range s.fields {
		all.fields = append(all.fields, f)
		if all.byKey[f.key] == nil {
			all.byKey[f.key] = f
		}
	}
	for _, inline := range s.inline {
		d.gather(all, inline, seen)
	}
	for _, name := range s.spreads {
		d.gather(all, d.fragments[name], seen)
	}
}

// documentReader reads the tokens of a GraphQL text.
type documentReader struct {
	text   string
	at     int
	tokens int    // number of tokens that were read
	token  string // empty at the end
}

func parseDocument(text string) *document {
	d := &document{fragments: map[string]*selection{}, flat: map[*selection]*flat{}, left: maxDocumentWork}
	r := &documentReader{text: text}
	r.next()
	for r.token != "" {
		switch r.token {
		case "{":
			op := &operation{kind: "query"}
			d.operations = append(d.operations, op)
			r.selection(&op.selection, 0)
		case "query", "mutation", "subscription":
			op := &operation{kind: r.token}
			r.next()
			if r.isName() {
				op.name = r.token
				r.next()
			}
			r.skipTo("{")
			if r.token != "" {
				d.operations = append(d.operations, op)
				r.selection(&op.selection, 0)
			}
		case "fragment":
			r.next()
			s := new(selection)
			d.fragments[r.token] = s
			r.skipTo("{")
			r.selection(s, 0)
		default:
			return d
		}
	}
	return d
}

// next reads a token: a name, a number, a string with its quotes, $name, or a sign.
func (r *documentReader) next() {
	r.tokens++
	for r.at < len(r.text) && r.tokens <= maxTokens {
		switch c := r.text[r.at]; {
		case c == '#':
			if end := strings.IndexAny(r.text[r.at:], "\r\n"); end >= 0 {
				r.at += end
			} else {
				r.at = len(r.text)
			}
		case c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\n' || c == 0xEF || c == 0xBB || c == 0xBF:
			r.at++
		default:
			from := r.at
			r.at = r.end(from)
			r.token = r.text[from:r.at]
			return
		}
	}
	r.token = ""
}

// end returns the end of the token that begins at from.
func (r *documentReader) end(from int) int {
	text := r.text[from:]
	switch {
	case strings.HasPrefix(text, `"""`):
		if end := strings.Index(text[3:], `"""`); end >= 0 {
			return from + end + 6
		}
		return len(r.text)
	case text[0] == '"':
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case '"':
				return from + i + 1
			}
		}
		return len(r.text)
	case strings.HasPrefix(text, "..."):
		return from + 3
	}
	i := 1
	if text[0] != '$' && text[0] != '-' && !isNamePart(text[0]) {
		return from + 1
	}
	for i < len(text) && (isNamePart(text[i]) || text[i] == '.' && kindOf(text[0]) == '9') {
		i++
	}
	return from + i
}

func isNamePart(c byte) bool { return c == '_' || kindOf(c) != 0 }

func (r *documentReader) isName() bool {
	return r.token != "" && (r.token[0] == '_' || kindOf(r.token[0]) == 'a')
}

// skipTo skips to a sign outside of parentheses.
func (r *documentReader) skipTo(sign string) {
	depth := 0
	for r.token != "" && (r.token != sign || depth > 0) {
		switch r.token {
		case "(":
			depth++
		case ")":
			depth--
		}
		r.next()
	}
}

// selection parses a selection from its opening to its closing brace, and reports whether it contains arguments.
func (r *documentReader) selection(s *selection, depth int) (hasArguments bool) {
	r.next() // the brace
	for r.token != "" && r.token != "}" {
		switch {
		case depth > maxSelections:
			r.token, r.at = "", len(r.text)
			return hasArguments
		case r.token == "...":
			r.next()
			if r.isName() && r.token != "on" {
				s.spreads = append(s.spreads, r.token)
				r.next()
				continue
			}
			for r.token != "" && r.token != "{" && r.token != "}" {
				r.next() // skips "on Type" and directives
			}
			if r.token == "{" {
				inline := new(selection)
				s.inline = append(s.inline, inline)
				hasArguments = r.selection(inline, depth+1) || hasArguments
			}
		case r.isName():
			f := r.field(depth)
			s.fields = append(s.fields, f)
			hasArguments = hasArguments || f.hasArguments
		default:
			r.next() // skips the name of a directive
		}
	}
	r.next()
	return hasArguments
}

func (r *documentReader) field(depth int) *field {
	f := &field{key: r.token, name: r.token}
	r.next()
	if r.token == ":" {
		r.next()
		f.name = r.token
		r.next()
	}
	if r.token == "(" {
		r.arguments(f)
	}
	for r.token == "@" {
		r.next()
		r.next()
		if r.token == "(" {
			r.arguments(new(field))
		}
	}
	f.hasArguments = len(f.arguments) > 0
	if r.token == "{" {
		f.hasArguments = r.selection(&f.selection, depth+1) || f.hasArguments
	}
	return f
}

// arguments parses names and values. In lists and objects it keeps only variables, under the name of the argument.
func (r *documentReader) arguments(f *field) {
	depth := 1
	r.next()
	name := ""
	for r.token != "" && depth > 0 {
		switch r.token {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ":":
		default:
			switch token := r.token; {
			case depth == 1 && r.isName() && r.followedByColon():
				name = token
			case name != "" && (depth == 1 || token[0] == '$'):
				f.arguments = append(f.arguments, argument{name, token})
			}
		}
		r.next()
	}
}

func (r *documentReader) followedByColon() bool {
	return strings.HasPrefix(strings.TrimLeft(r.text[r.at:], " \t\r\n"), ":")
}
