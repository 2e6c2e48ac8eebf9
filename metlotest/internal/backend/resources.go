package backend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// resourceFault is where a text in the resource language stops making sense, as Peggy reports it.
type resourceFault struct {
	message                                    string
	startLine, startColumn, endLine, endColumn int
}

// parseResources reads Metlo's resource language: statements host, actor, resource and
// has_permission, and # comments. Its faults are those of the grammar of the real server.
func parseResources(source string) ([]*js.Object, *resourceFault) {
	p := &resourceParser{text: source}
	statements, parsed := p.definition()
	if parsed && p.at == len(source) {
		return statements, nil
	}
	if parsed {
		p.expect("end of input")
	}
	return nil, p.report()
}

// resourceParser is a recursive-descent parser that keeps, as a parsing expression grammar does,
// what it expected at the furthest place it came to.
type resourceParser struct {
	text     string
	at       int
	furthest int
	expected []string
	silent   int
}

func (p *resourceParser) expect(what string) {
	if p.silent > 0 || p.at < p.furthest {
		return
	}
	if p.at > p.furthest {
		p.furthest, p.expected = p.at, nil
	}
	p.expected = append(p.expected, what)
}

func (p *resourceParser) report() *resourceFault {
	wanted := slices.Clone(p.expected)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	var list string
	switch n := len(wanted); n {
	case 1:
		list = wanted[0]
	case 2:
		list = wanted[0] + " or " + wanted[1]
	default:
		list = strings.Join(wanted[:n-1], ", ") + ", or " + wanted[n-1]
	}
	found, size := "end of input", 0
	if p.furthest < len(p.text) {
		var r rune
		r, size = utf8.DecodeRuneInString(p.text[p.furthest:])
		found = strconv.Quote(string(r))
	}
	f := &resourceFault{message: fmt.Sprintf("Expected %s but %s found.", list, found)}
	f.startLine, f.startColumn = p.place(p.furthest)
	f.endLine, f.endColumn = p.place(p.furthest + size)
	return f
}

func (p *resourceParser) place(at int) (line, column int) {
	head := p.text[:at]
	return 1 + strings.Count(head, "\n"), 1 + utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:])
}

func (p *resourceParser) ws() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *resourceParser) literal(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	p.expect(strconv.Quote(s))
	return false
}

// mark is punctuation with blanks around it.
func (p *resourceParser) mark(s string) bool {
	from := p.at
	p.ws()
	if !p.literal(s) {
		p.at = from
		return false
	}
	p.ws()
	return true
}

// named runs a rule that has a name: inside it nothing is reported, its failure is its name.
func (p *resourceParser) named(name string, rule func() (any, bool)) (any, bool) {
	from := p.at
	p.silent++
	v, matched := rule()
	p.silent--
	if !matched {
		p.at = from
		p.expect(name)
	}
	return v, matched
}

func (p *resourceParser) definition() ([]*js.Object, bool) {
	first, matched := p.statement()
	if !matched {
		return nil, false
	}
	statements := []*js.Object{first}
	for {
		from := p.at
		p.ws()
		next, matched := p.statement()
		if !matched {
			p.at = from
			return statements, true
		}
		statements = append(statements, next)
	}
}

func (p *resourceParser) statement() (*js.Object, bool) {
	from := p.at
	for _, rule := range []func() (*js.Object, bool){p.permission, p.declaration, p.comment} {
		if s, matched := rule(); matched {
			return s, true
		}
		p.at = from
	}
	return nil, false
}

func (p *resourceParser) permission() (*js.Object, bool) {
	if !p.literal("has_permission") || !p.mark("(") {
		return nil, false
	}
	actor, matched := p.selector()
	if !matched || !p.mark(",") {
		return nil, false
	}
	permissions, matched := p.named("permissions list", p.array)
	if !matched || !p.mark(",") {
		return nil, false
	}
	resource, matched := p.selector()
	if !matched || !p.mark(")") {
		return nil, false
	}
	return js.New("type", "permission_def", "actor", actor, "permissions", permissions, "resource", resource), true
}

func (p *resourceParser) selector() (any, bool) {
	name, matched := p.identifier()
	if !matched {
		return nil, false
	}
	after := p.at
	if p.mark("(") {
		filters := js.New()
		p.members(filters, p.filter)
		if p.mark(")") {
			return js.New("name", name, "filters", filters), true
		}
	}
	p.at = after
	return name, true
}

// members reads members with commas between them into o; a comma that none follows is given back.
func (p *resourceParser) members(o *js.Object, member func() (string, any, bool)) {
	for first := true; ; first = false {
		from := p.at
		if !first && !p.mark(",") {
			return
		}
		name, value, matched := member()
		if !matched {
			p.at = from
			return
		}
		o.Set(name, value)
	}
}

func (p *resourceParser) equals() bool { return p.mark("=") }

func (p *resourceParser) filter() (name string, value any, matched bool) {
	key, matched := p.identifier()
	if !matched {
		key, matched = p.string()
	}
	if !matched || !p.equals() {
		return "", nil, false
	}
	if value, matched = p.string(); !matched {
		value, matched = p.number()
	}
	return key.(string), value, matched
}

func (p *resourceParser) declaration() (*js.Object, bool) {
	p.ws()
	for _, kind := range []string{"host", "actor", "resource"} {
		if !p.literal(kind) {
			continue
		}
		p.ws()
		name, matched := p.identifier()
		if !matched {
			name, matched = p.string()
		}
		if !matched {
			return nil, false
		}
		p.ws()
		if !p.mark("{") {
			return nil, false
		}
		members := js.New()
		p.members(members, p.member)
		if !p.mark("}") {
			return nil, false
		}
		return js.New("type", kind, "name", name, "members", members), true
	}
	return nil, false
}

func (p *resourceParser) member() (name string, value any, matched bool) {
	key, matched := p.identifier()
	if !matched {
		key, matched = p.string()
	}
	if !matched || !p.equals() {
		return "", nil, false
	}
	p.ws()
	if value, matched = p.value(); !matched {
		return "", nil, false
	}
	p.ws()
	return key.(string), value, true
}

func (p *resourceParser) comment() (*js.Object, bool) {
	p.ws()
	if !p.literal("#") {
		return nil, false
	}
	end := strings.IndexAny(p.text[p.at:], "\r\n")
	if end < 0 {
		end = len(p.text) - p.at
	}
	s := js.New("type", "comment", "val", p.text[p.at:p.at+end])
	p.at += end
	// The character class of a comment fails, and is expected, where the line ends.
	p.expect(`[^\n\r]`)
	return s, true
}
