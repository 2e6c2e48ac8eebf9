package testingconfig

import "strings"

// Kind is the kind of a statement.
type Kind string

// Kinds of statements in the server's spelling.
const (
	KindComment    Kind = "comment"
	KindHost       Kind = "host"
	KindActor      Kind = "actor"
	KindResource   Kind = "resource"
	KindPermission Kind = "permission_def"
)

// Statement is a statement as written.
type Statement struct {
	Kind Kind
	// Line and Column are the start of the statement.
	Line, Column int
	// Name is the name of a host, an actor or a resource.
	Name string
	// Members are the members of a host, an actor or a resource.
	Members []Member
	// Text is the text after the # of a comment.
	Text string
	// Subject, Permissions and Object belong to has_permission.
	Subject, Object Selector
	Permissions     []Value
}

// Selector selects instances of an actor or a resource.
type Selector struct {
	Name string
	// Filters are the values that an instance must have.
	Filters []Member
	// Bare reports whether it was written without parentheses.
	Bare bool
}

func (p *parser) statements() (list []Statement, ok bool) {
	var s Statement
	if !p.statement(&s) {
		return nil, false
	}
	list = append(list, s)
	for {
		next := Statement{}
		if !p.try(func() bool { p.space(); return p.statement(&next) }) {
			return list, true
		}
		list = append(list, next)
	}
}

func (p *parser) statement(s *Statement) bool {
	for _, read := range []func(*Statement) bool{p.permission, p.declaration, p.comment} {
		*s = Statement{}
		if p.try(func() bool { return read(s) }) {
			return true
		}
	}
	return false
}

func (p *parser) permission(s *Statement) bool {
	s.Kind = KindPermission
	s.Line, s.Column = p.place(p.at)
	return p.literal("has_permission") && p.punctuation("(") && p.selector(&s.Subject) && p.punctuation(",") &&
		p.named("permissions list", func() bool { return p.permissions(s) }) && p.punctuation(",") &&
		p.selector(&s.Object) && p.punctuation(")")
}

// permissions parses a list whose first element may be any value. The others are strings.
func (p *parser) permissions(s *Statement) bool {
	s.Permissions = []Value{}
	if !p.punctuation("[") {
		return false
	}
	p.list(func(first bool) bool {
		var v Value
		read := p.stringValue
		if first {
			read = p.value
		}
		if !read(&v) {
			return false
		}
		s.Permissions = append(s.Permissions, v)
		return true
	})
	return p.punctuation("]")
}

func (p *parser) selector(s *Selector) bool {
	if !p.identifier(&s.Name) {
		return false
	}
	s.Filters, s.Bare = []Member{}, false
	if p.try(func() bool { return p.punctuation("(") && p.filters(s) && p.punctuation(")") }) {
		return true
	}
	s.Filters, s.Bare = nil, true
	return true
}

func (p *parser) filters(s *Selector) bool {
	p.members(&s.Filters, p.name, "=", func(v *Value) bool { return p.stringValue(v) || p.number(v) })
	return true
}

// members parses name, separator and value, with commas between such members.
func (p *parser) members(list *[]Member, name func(*string) bool, separator string, value func(*Value) bool) {
	p.list(func(bool) bool {
		var m Member
		m.Line, m.Column = p.place(p.at)
		if !name(&m.Name) || !p.punctuation(separator) || !value(&m.Value) {
			return false
		}
		*list = append(*list, m)
		return true
	})
}

func (p *parser) declaration(s *Statement) bool {
	p.space()
	s.Line, s.Column = p.place(p.at)
	for _, kind := range []Kind{KindHost, KindActor, KindResource} {
		if !p.literal(string(kind)) {
			continue
		}
		s.Kind, s.Members = kind, []Member{}
		p.space()
		if !p.name(&s.Name) || !p.punctuation("{") {
			return false
		}
		p.members(&s.Members, p.name, "=", func(v *Value) bool {
			p.space()
			if !p.value(v) {
				return false
			}
			p.space()
			return true
		})
		return p.punctuation("}")
	}
	return false
}

func (p *parser) comment(s *Statement) bool {
	p.space()
	s.Kind = KindComment
	s.Line, s.Column = p.place(p.at)
	if !p.literal("#") {
		return false
	}
	end := strings.IndexAny(p.text[p.at:], "\r\n")
	if end < 0 {
		end = len(p.text) - p.at
	}
	s.Text = p.text[p.at : p.at+end]
	p.at += end
	p.expect(`[^\n\r]`) // a comment could continue here
	return true
}

// identifierLen returns the length of the identifier that s starts with.
func identifierLen(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	return n
}

func (p *parser) identifier(into *string) bool {
	return p.named("Identifier", func() bool {
		n := identifierLen(p.text[p.at:])
		*into = p.text[p.at : p.at+n]
		p.at += n
		return n > 0
	})
}

// name parses an identifier or a string.
func (p *parser) name(into *string) bool {
	if p.identifier(into) {
		return true
	}
	return p.quoted(into)
}
