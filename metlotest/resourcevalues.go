package metlotest

import (
	"regexp"
	"strconv"
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
	o := newObject()
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
		v, err := decode([]byte(found))
		if err != nil {
			return nil, false
		}
		p.at += len(found)
		return v, true
	})
}

// resourceIssues checks statements against the schema of the resource language.
func resourceIssues(statements []*object) []any {
	var c issues
	for i, s := range statements {
		resourceSchema(s.text("type"))([]any{i}, s, &c)
	}
	return c.list
}

func resourceSchema(kind string) schema {
	items := zOptional(zArray(zObject()))
	texts := zArray(zString())
	text := zOptional(zString())
	selector := zUnion(zString(), zStrict(property{"name", zString()}, property{"filters", zObject()}))
	declared := func(members schema) schema {
		return zObject(property{"type", zLiteral(kind)}, property{"name", zString()}, property{"members", members})
	}
	switch kind {
	case "host":
		return declared(zStrict(
			property{"testingHost", text}, property{"authType", zOptional(zEnum("basic", "header", "jwt", "session_cookie"))},
			property{"headerKey", text}, property{"jwtUserPath", text}, property{"cookieName", text},
			property{"responseAssertions", zOptional(zArray(zObject(
				property{"path", text}, property{"success", text}, property{"unauthenticated", text},
			)))},
		))
	case "actor":
		return declared(zStrict(property{"items", items}))
	case "resource":
		return declared(zStrict(
			property{"permissions", zOptional(texts)}, property{"items", items},
			property{"endpoints", zOptional(zArray(zStrict(
				property{"permissions", texts}, property{"host", text},
				property{"method", zOptional(zUnion(zEnum(methods()...), zArray(zEnum(methods()...))))},
				property{"path", text},
				property{"contains_resource", zOptional(zObject(property{"path", zString()}, property{"type", text}))},
			)))},
		))
	case "permission_def":
		return zObject(property{"type", zLiteral(kind)}, property{"actor", selector},
			property{"permissions", texts}, property{"resource", selector})
	}
	return zObject(property{"type", zLiteral("comment")}, property{"val", zString()})
}
