package jsyaml

import (
	"encoding/base64"
	"regexp"
	"strings"
	"time"
)

// resolveTag sets the type of what was read: that of its tag, or the one that a plain scalar looks like.
func (p *parser) resolveTag() {
	switch p.tag {
	case "":
		p.remember()
	case plainTag:
		if p.result != nil && p.kind != scalarKind {
			p.fail(`unacceptable node kind for !<?> tag; it should be "scalar", not "` + string(p.kind) + `"`)
		}
		if p.result == nil {
			// Only !<?> without any content comes here.
			p.tag = standardTags + "null"
			p.remember()
			return
		}
		if tag := p.result.implicit(); tag != "" {
			p.tag = standardTags + tag
			p.remember()
		}
	case "!":
	default:
		p.explicit()
		p.remember()
	}
}

func (p *parser) remember() {
	if p.anchor != "" {
		p.anchors[p.anchor] = p.result
	}
}

// tagKind returns the form that nodes with a tag of js-yaml's default schema have.
func tagKind(tag string) nodeKind {
	switch strings.TrimPrefix(tag, standardTags) {
	case tag:
		return noKind
	case "str", "null", "bool", "int", "float", "timestamp", "merge", "binary":
		return scalarKind
	case "seq", "omap", "pairs":
		return sequenceKind
	case "map", "set":
		return mappingKind
	}
	return noKind
}

// explicit converts the result to the type of an explicit tag.
func (p *parser) explicit() {
	want := tagKind(p.tag)
	if want == noKind || p.kind != noKind && p.kind != want {
		p.fail("unknown tag !<" + p.tag + ">")
	}
	if p.result != nil && p.kind != want {
		p.fail(`unacceptable node kind for !<` + p.tag + `> tag; it should be "` + string(want) + `", not "null"`)
	}
	resolved, ok := p.result.as(strings.TrimPrefix(p.tag, standardTags))
	if !ok {
		p.fail("cannot resolve a node with !<" + p.tag + "> explicit tag")
	}
	p.result = resolved
}

// as returns a node with the type of a standard tag; nil stands for a node without content.
func (n *Node) as(tag string) (*Node, bool) {
	if n == nil || n.Kind == Null {
		return emptyAs(tag)
	}
	if n.Kind == Bool || n.Kind == Number || n.Kind == Timestamp {
		return n.retyped(tag)
	}
	if tag == "pairs" {
		return n.pairs()
	}
	ok := n.become(tag)
	return n, ok
}

// become changes the type of a node to that of a standard tag, and reports whether its content allows that.
func (n *Node) become(tag string) bool {
	switch tag {
	case "null":
		return n.asNull()
	case "bool":
		return n.asBool()
	case "int":
		return n.asInt()
	case "float":
		return n.asFloat()
	case "timestamp":
		return n.asTimestamp()
	case "merge":
		return n.Text == "<<"
	case "binary":
		n.Kind = Binary
		return isBinary(n.Text)
	case "omap":
		return n.isOmap()
	case "set":
		return n.isSet()
	}
	return true
}

// retyped applies a tag to a scalar that has a type already because it stands on a line after its tag.
func (n *Node) retyped(tag string) (*Node, bool) {
	if tag == "binary" || tag == "float" && n.Kind == Number {
		panic(&Error{Reason: "data.replace is not a function"})
	}
	return n, tag == "str"
}

// emptyAs returns the value of a tag without any content.
func emptyAs(tag string) (*Node, bool) {
	switch tag {
	case "str":
		return &Node{Kind: String}, true
	case "seq", "omap", "pairs":
		return &Node{Kind: Sequence}, true
	case "map", "set":
		return &Node{Kind: Mapping}, true
	case "null", "merge":
		return nil, true
	}
	return nil, false
}

// implicit sets the type that a plain scalar looks like, and returns the name of its tag; "" for a string.
func (n *Node) implicit() string {
	switch {
	case n.asNull():
		return "null"
	case n.asBool():
		return "bool"
	case n.asInt():
		return "int"
	case n.asFloat():
		return "float"
	case n.asTimestamp():
		return "timestamp"
	case n.Text == "<<":
		return "merge"
	}
	return ""
}

func (n *Node) asNull() bool {
	switch n.Text {
	case "~", "null", "Null", "NULL":
		n.Kind = Null
		return true
	}
	return false
}

func (n *Node) asBool() bool {
	switch n.Text {
	case "true", "True", "TRUE":
		n.Kind, n.Bool = Bool, true
		return true
	case "false", "False", "FALSE":
		n.Kind = Bool
		return true
	}
	return false
}

func (n *Node) asInt() bool {
	if !isInt(n.Text) {
		return false
	}
	n.Kind, n.Number = Number, intValue(n.Text)
	return true
}

func (n *Node) asFloat() bool {
	if !isFloat(n.Text) {
		return false
	}
	n.Kind, n.Number = Number, floatValue(n.Text)
	return true
}

func (n *Node) asTimestamp() bool {
	t, ok := timestamp(n.Text)
	if ok {
		n.Kind, n.Number = Timestamp, float64(t.UnixMilli())
	}
	return ok
}

var (
	datePattern = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})$`)
	timePattern = regexp.MustCompile(
		`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})` +
			`(?:\.([0-9]*))?(?:[ \t]*(?:Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?$`)
)

// timestamp reads a date or a time.
func timestamp(s string) (time.Time, bool) {
	if len(s) < len("2006-01-02") || s[4] != '-' || s[0] < '0' || s[0] > '9' {
		return time.Time{}, false
	}
	if date := datePattern.FindStringSubmatch(s); date != nil {
		return utc(date[1:], make([]string, 4)), true
	}
	m := timePattern.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	t := utc(m[1:4], m[4:8])
	offset := time.Duration(digitsValue(m[9]))*time.Hour + time.Duration(digitsValue(m[10]))*time.Minute
	if m[8] == "-" {
		offset = -offset
	}
	return t.Add(-offset), true
}

// utc makes a time as Date.UTC does: parts out of range are carried over, and the years 0 to 99 are 1900 to 1999.
func utc(date, clock []string) time.Time {
	year := digitsValue(date[0])
	if year < 100 {
		year += 1900
	}
	milliseconds := digitsValue((clock[3] + "000")[:3])
	return time.Date(year, time.Month(digitsValue(date[1])), digitsValue(date[2]),
		digitsValue(clock[0]), digitsValue(clock[1]), digitsValue(clock[2]), milliseconds*int(time.Millisecond), time.UTC)
}

// digitsValue reads a short run of digits; none is 0.
func digitsValue(s string) (n int) {
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// isBinary reports whether the characters of s are base64 and hold whole bytes.
func isBinary(s string) bool {
	bits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n' || c == '\r' || c == '=':
			// The sign = counts as the 65th character: it is read, and is no bits of a byte.
			if c == '=' {
				bits += 6
			}
		case c == '+' || c == '/' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
			bits += 6
		default:
			return false
		}
	}
	return bits%8 == 0
}

func decodeBinary(s string) []byte {
	digits := strings.NewReplacer("\r", "", "\n", "", "=", "").Replace(s)
	if digits == "" {
		return []byte{0, 0, 0} // as js-yaml has it
	}
	out, err := base64.RawStdEncoding.DecodeString(digits)
	if err != nil {
		// A single digit at the end holds no byte.
		out, _ = base64.RawStdEncoding.DecodeString(digits[:len(digits)/4*4])
	}
	return out
}

func (n *Node) isOmap() bool {
	seen := map[string]bool{}
	for _, item := range n.Items {
		if item.Kind != Mapping || len(item.Pairs) != 1 || seen[item.Pairs[0].Key] {
			return false
		}
		seen[item.Pairs[0].Key] = true
	}
	return true
}

// pairs returns [key, value] for each mapping of one pair.
func (n *Node) pairs() (*Node, bool) {
	out := &Node{Kind: Sequence, Line: n.Line, Column: n.Column, height: n.height}
	for _, item := range n.Items {
		if item.Kind != Mapping || len(item.Pairs) != 1 {
			return nil, false
		}
		pair := item.Pairs[0]
		key := &Node{Kind: String, Text: pair.Key, Line: pair.Line, Column: pair.Column}
		out.Items = append(out.Items, &Node{
			Kind: Sequence, Line: item.Line, Column: item.Column, Items: []*Node{key, pair.Value}, height: item.height,
		})
	}
	return out, true
}

func (n *Node) isSet() bool {
	for i := range n.Pairs {
		if n.Pairs[i].Value.Kind != Null {
			return false
		}
	}
	return true
}
