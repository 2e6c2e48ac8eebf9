package analysis

import (
	"math"
	"slices"
	"strconv"
)

// Type is the server's name of a field's type.
type Type string

// The types of fields.
const (
	TypeString  Type = "string"
	TypeInteger Type = "integer"
	TypeNumber  Type = "number"
	TypeBoolean Type = "boolean"
	TypeNull    Type = "null"
)

// NumberType returns TypeInteger for a whole number, such as 1.0, and TypeNumber for any other.
func NumberType(f float64) Type {
	if f == math.Trunc(f) {
		return TypeInteger
	}
	return TypeNumber
}

const (
	maxNodes = 1000      // nodes of a section; the server keeps 200 fields of an endpoint
	maxPath  = 1024      // bytes of a field's path
	maxPaths = 128 << 10 // bytes of all paths of a section
	fewKids  = 8         // children that are searched without an index
	anyName  = "[string]"
	element  = "[]"
)

// node is a field of a section with the types and classes of its values.
type node struct {
	name    string
	types   []Type // types in the order of their first occurrence
	classes classSet
	kids    []*node
	index   map[string]*node // kids by name, if there are more than fewKids
	any     *node            // members with names that are values
	items   *node            // elements of lists
	count   int              // number of nodes below the root; unused in other nodes
	paths   int              // bytes of visited paths; unused in nodes other than the root
	root    *node
}

func (n *node) top() *node {
	if n.root == nil {
		return n
	}
	return n.root
}

func (n *node) add(name string) *node {
	top := n.top()
	top.count++
	return &node{name: name, root: top}
}

// list returns the node of a list's elements.
func (n *node) list() *node {
	if n.items == nil {
		n.items = n.add(element)
	}
	return n.items
}

// other returns the node of members with names that are values.
func (n *node) other() *node {
	if n.any == nil {
		n.any = n.add(anyName)
	}
	return n.any
}

func (n *node) find(name []byte) *node {
	if n.index != nil {
		return n.index[string(name)]
	}
	for _, kid := range n.kids {
		if kid.name == string(name) {
			return kid
		}
	}
	return nil
}

// child returns the node of the member called name. For a name that looks like a value, or in a section with maxNodes nodes, it
// returns other.
func (a *Analyzer) child(n *node, name []byte, kind nameKind) *node {
	if kid := n.find(name); kid != nil {
		return kid
	}
	if n.top().count >= maxNodes || !a.names.isName(name, kind) {
		return n.other()
	}
	return n.attach(string(name))
}

// attach adds a child.
func (n *node) attach(name string) *node {
	kid := n.add(name)
	n.kids = append(n.kids, kid)
	if n.index != nil {
		n.index[kid.name] = kid
	} else if len(n.kids) > fewKids {
		n.index = map[string]*node{}
		for _, k := range n.kids {
			n.index[k.name] = k
		}
	}
	return kid
}

func (n *node) saw(t Type) {
	for _, known := range n.types {
		if known == t {
			return
		}
	}
	n.types = append(n.types, t)
}

// typeNames returns the types, ordered so that the server chooses the one that occurred first.
func (n *node) typeNames() []string {
	var names []string
	for _, t := range slices.Backward(n.types) {
		if t == TypeNull {
			names = slices.Insert(names, 0, string(t))
		} else {
			names = append(names, string(t))
		}
	}
	return names
}

// value adds a string to a node.
func (a *Analyzer) value(n *node, text []byte) {
	n.saw(TypeString)
	a.classes.scan(&n.classes, text, true, &a.searched)
}

// number adds a JSON number to a node.
func (a *Analyzer) number(n *node, text []byte) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && f == 0 {
		return
	}
	if math.IsInf(f, 0) { // the collector parses and encodes bodies, and JavaScript encodes such a number as null
		n.saw(TypeNull)
		return
	}
	n.saw(NumberType(f))
	const exact = 15 // digits of a number that float64 represents exactly
	if len(text) > exact || !isDigits(text) {
		text = appendNumber(nil, f)
	}
	a.classes.scan(&n.classes, text, false, &a.searched)
}

// appendNumber formats a number as JavaScript does.
func appendNumber(b []byte, f float64) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

func isDigits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}

func (a *Analyzer) boolean(n *node, is bool) {
	n.saw(TypeBoolean)
	a.classes.scan(&n.classes, strconv.AppendBool(nil, is), false, &a.searched)
}

// each calls visit for n and every node below it that has a type. path is the path of n, beginning with the section, whose length is
// skip.
func (n *node) each(path []byte, skip int, visit func(key, path string, n *node)) {
	if shareForm(n.kids) {
		for _, kid := range n.kids {
			n.other().merge(kid)
		}
		n.kids, n.index = nil, nil
	}
	top := n.top()
	if len(path) > maxPath || top.paths > maxPaths {
		return
	}
	if len(n.types) > 0 {
		top.paths += len(path)
		key := string(path)
		visit(key, key[min(skip+1, len(key)):], n)
	}
	below := append(path, '.') //nolint:gocritic // each child begins there
	for _, kid := range n.kids {
		kid.each(append(below, kid.name...), skip, visit)
	}
	for _, kid := range []*node{n.items, n.any} {
		if kid != nil {
			kid.each(append(below, kid.name...), skip, visit)
		}
	}
}

// merge adds the types, classes and members of another node. Members beyond maxNodes are merged into other.
func (n *node) merge(other *node) {
	for _, t := range other.types {
		n.saw(t)
	}
	n.classes = n.classes.with(other.classes)
	for _, kid := range other.kids {
		own := n.find([]byte(kid.name))
		switch {
		case own != nil:
		case n.top().count < maxNodes:
			own = n.attach(kid.name)
		default:
			own = n.other()
		}
		own.merge(kid)
	}
	if other.items != nil {
		n.list().merge(other.items)
	}
	if other.any != nil {
		n.other().merge(other.any)
	}
}

// shareForm reports whether all names of an object have the same form with numbers, as order17 and order18 do.
func shareForm(kids []*node) bool {
	if len(kids) < 2 {
		return false
	}
	form := formOf(kids[0].name)
	if form == "" {
		return false
	}
	for _, kid := range kids[1:] {
		if formOf(kid.name) != form {
			return false
		}
	}
	return true
}

// formOf returns a name with each run of letters replaced by a, and each run of two or more digits by 9. It returns "" for a name
// without such digits.
func formOf(name string) string {
	var form []byte
	long := false
	for i := 0; i < len(name); {
		j := i
		for j < len(name) && kindOf(name[j]) == kindOf(name[i]) && kindOf(name[i]) != 0 {
			j++
		}
		switch {
		case j == i:
			form = append(form, name[i])
			j++
		case kindOf(name[i]) == 'a':
			form = append(form, 'a')
		case j-i > 1:
			form = append(form, '9')
			long = true
		default:
			form = append(form, name[i])
		}
		i = j
	}
	if !long {
		return ""
	}
	return string(form)
}

func kindOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return '9'
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return 'a'
	}
	return 0
}
