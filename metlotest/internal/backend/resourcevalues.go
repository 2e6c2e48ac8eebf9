package backend

import (
	"regexp"
	"strconv"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func (p *resourceParser) identifier() (any, bool) {
	return p.named("Identifier", func() (any, bool) {
		from := p.at
		for p.at < len(p.text) && (p.text[p.at] == '_' || p.text[p.at]|0x20 >= 'a' && p.text[p.at]|0x20 <= 'z') {
			p.at++
		}
		return p.text[from:p.at], p.at > from
	})
}

func (p *resourceParser) value() (any, bool) {
	for _, word := range []struct {
		text  string
		value any
	}{{"false", false}, {"null", nil}, {"true", true}} {
		if p.literal(word.text) {
			return word.value, true
		}
	}
	from := p.at
	for _, rule := range []func() (any, bool){p.jsonObject, p.array, p.number, p.string} {
		if v, matched := rule(); matched {
			return v, true
		}
		p.at = from
	}
	return nil, false
}

func (p *resourceParser) jsonObject() (any, bool) {
	if !p.mark("{") {
		return nil, false
	}
	o := js.New()
	p.members(o, func() (string, any, bool) {
		name, matched := p.string()
		if !matched || !p.mark(":") {
			return "", nil, false
		}
		v, matched := p.value()
		return name.(string), v, matched
	})
	return o, p.mark("}")
}

func (p *resourceParser) array() (any, bool) {
	if !p.mark("[") {
		return nil, false
	}
	list := []any{}
	for after := p.at; ; {
		v, matched := p.value()
		if !matched {
			p.at = after
			break
		}
		list = append(list, v)
		if after = p.at; !p.mark(",") {
			break
		}
	}
	return list, p.mark("]")
}

func (p *resourceParser) number() (any, bool) {
	return p.named("number", func() (any, bool) {
		re := regexp.MustCompile(`^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?`)
		found := re.FindString(p.text[p.at:])
		if found == "" {
			return nil, false
		}
		p.at += len(found)
		f, err := strconv.ParseFloat(found, 64)
		return f, err == nil
	})
}

func (p *resourceParser) string() (any, bool) {
	return p.named("string", func() (any, bool) {
		re := regexp.MustCompile(`^"(?:[^\x00-\x1f"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"`)
		found := re.FindString(p.text[p.at:])
		if found == "" {
			return nil, false
		}
		v, err := js.Decode([]byte(found))
		if err != nil {
			return nil, false
		}
		p.at += len(found)
		return v, true
	})
}

// resourceIssues checks statements against the schema of the resource language.
func resourceIssues(statements []*js.Object) []any {
	var c zod.Issues
	for i, s := range statements {
		resourceSchema(s.Text("type"))([]any{i}, s, &c)
	}
	return c.List
}

func resourceSchema(kind string) zod.Schema {
	items := zod.Optional(zod.Array(zod.Object()))
	texts := zod.Array(zod.String())
	text := zod.Optional(zod.String())
	selector := zod.Union(zod.String(), zod.Strict(zod.Key("name", zod.String()), zod.Key("filters", zod.Object())))
	declared := func(members zod.Schema) zod.Schema {
		return zod.Object(zod.Key("type", zod.Literal(kind)), zod.Key("name", zod.String()), zod.Key("members", members))
	}
	switch kind {
	case "host":
		return declared(zod.Strict(
			zod.Key("testingHost", text), zod.Key("authType", zod.Optional(zod.Enum("basic", "header", "jwt", "session_cookie"))),
			zod.Key("headerKey", text), zod.Key("jwtUserPath", text), zod.Key("cookieName", text),
			zod.Key("responseAssertions", zod.Optional(zod.Array(zod.Object(
				zod.Key("path", text), zod.Key("success", text), zod.Key("unauthenticated", text),
			)))),
		))
	case "actor":
		return declared(zod.Strict(zod.Key("items", items)))
	case "resource":
		return declared(zod.Strict(
			zod.Key("permissions", zod.Optional(texts)), zod.Key("items", items),
			zod.Key("endpoints", zod.Optional(zod.Array(zod.Strict(
				zod.Key("permissions", texts), zod.Key("host", text),
				zod.Key("method", zod.Optional(zod.Union(zod.Enum(testMethods()...), zod.Array(zod.Enum(testMethods()...))))),
				zod.Key("path", text),
				zod.Key("contains_resource", zod.Optional(zod.Object(zod.Key("path", zod.String()), zod.Key("type", text)))),
			)))),
		))
	case "permission_def":
		return zod.Object(zod.Key("type", zod.Literal(kind)), zod.Key("actor", selector),
			zod.Key("permissions", texts), zod.Key("resource", selector))
	}
	return zod.Object(zod.Key("type", zod.Literal("comment")), zod.Key("val", zod.String()))
}

// testMethods are the methods in the order of the test library.
func testMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
}
