package jsyaml

import (
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// isTagHandle reports whether a %TAG directive or a tag may use a handle, such as !, !! or !e!.
func isTagHandle(s string) bool {
	return regexp.MustCompile(`^(?:!|!!|![a-zA-Z-]+!)$`).MatchString(s)
}

// isTagURI reports whether s may be a tag or the prefix of tags.
func isTagURI(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 || r > 0xffff || r != '!' && strings.ContainsRune(flowIndicators, r) {
		return false
	}
	return regexp.MustCompile(`^(?:%[0-9a-fA-F]{2}|[0-9a-zA-Z#;/?:@&=+$,_.!~*'()\[\]-])*$`).MatchString(s[size:])
}

const flowIndicators = ",[]{}"

// decodeURI resolves %XX.
func decodeURI(s string) (string, bool) {
	decoded, err := url.PathUnescape(s)
	return decoded, err == nil && utf8.ValidString(decoded)
}

func (p *parser) tagDirective(args []string) {
	if len(args) != 2 {
		p.fail("TAG directive accepts exactly two arguments")
	}
	handle, prefix := args[0], args[1]
	if !isTagHandle(handle) {
		p.fail("ill-formed tag handle (first argument) of the TAG directive")
	}
	if _, known := p.handles[handle]; known {
		p.fail(`there is a previously declared suffix for "` + handle + `" tag handle`)
	}
	if !isTagURI(prefix) {
		p.fail("ill-formed tag prefix (second argument) of the TAG directive")
	}
	decoded, ok := decodeURI(prefix)
	if !ok {
		p.fail("tag prefix is malformed: " + prefix)
	}
	p.handles[handle] = decoded
}

// tagProperty reads !tag, !!tag, !handle!tag or !<tag>.
func (p *parser) tagProperty() bool {
	if p.peek() != '!' {
		return false
	}
	if p.tag != "" {
		p.fail("duplication of a tag property")
	}
	if p.next() == '<' {
		p.tag = p.tagName(p.verbatimTag())
		return true
	}
	handle, name := p.shorthandTag()
	if strings.ContainsAny(name, flowIndicators) {
		p.fail("tag suffix cannot contain flow indicator characters")
	}
	name = p.tagName(name)
	prefix, declared := p.handles[handle]
	switch {
	case declared:
		p.tag = prefix + name
	case handle == "!":
		p.tag = "!" + name
	case handle == "!!":
		p.tag = standardTags + name
	default:
		p.fail(`undeclared tag handle "` + handle + `"`)
	}
	return true
}

func (p *parser) tagName(name string) string {
	if name != "" && !isTagURI(name) {
		p.fail("tag name cannot contain such characters: " + name)
	}
	decoded, ok := decodeURI(name)
	if !ok {
		p.fail("tag name is malformed: " + name)
	}
	return decoded
}

func (p *parser) verbatimTag() string {
	p.at++
	from := p.at
	c := p.next()
	for c != 0 && c != '>' {
		c = p.next()
	}
	if c == 0 {
		p.fail("unexpected end of the stream within a verbatim tag")
	}
	name := p.text[from:p.at]
	p.at++
	return name
}

func (p *parser) shorthandTag() (handle, name string) {
	handle, named := "!", false
	if p.peek() == '!' {
		handle, named = "!!", true
		p.at++
	}
	from := p.at
	for c := p.peek(); c != 0 && !isBlankOrEOL(c); c = p.next() {
		if c != '!' {
			continue
		}
		if named {
			p.fail("tag suffix cannot contain exclamation marks")
		}
		if handle = p.text[from-1 : p.at+1]; !isTagHandle(handle) {
			p.fail("named tag handle cannot contain such characters")
		}
		named, from = true, p.at+1
	}
	return handle, p.text[from:p.at]
}

// name reads the name of an anchor or an alias after its indicator.
func (p *parser) name(what string) string {
	p.at++
	from := p.at
	for c := p.peek(); c != 0 && !isBlankOrEOL(c) && !isFlowIndicator(c); {
		c = p.next()
	}
	if p.at == from {
		p.fail("name of an " + what + " node must contain at least one character")
	}
	return p.text[from:p.at]
}

func (p *parser) anchorProperty() bool {
	if p.peek() != '&' {
		return false
	}
	if p.anchor != "" {
		p.fail("duplication of an anchor property")
	}
	p.anchor = p.name("anchor")
	return true
}

func (p *parser) alias() bool {
	if p.peek() != '*' {
		return false
	}
	name := p.name("alias")
	target, known := p.anchors[name]
	if !known {
		p.fail(`unidentified alias "` + name + `"`)
	}
	if target != nil && target.open && p.inside == nil {
		p.inside = p.errorHere(`the alias "` + name + `" is inside the node that it stands for`)
		p.inside.Limit = true
	}
	p.result = target
	p.space(true)
	return true
}
