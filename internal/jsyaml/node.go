package jsyaml

import (
	"slices"
	"strconv"
	"time"
)

// Kind is the type of a node's value.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	Bool
	Number
	String
	Timestamp
	Binary
	Sequence
	Mapping
)

// String returns the name of the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"null", "boolean", "number", "string", "timestamp", "binary", "sequence", "mapping"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Node is a value of a document. A node with aliases occurs several times in a tree, always as the same
// pointer. A tree holds no cycles.
type Node struct {
	Kind Kind
	// Line and Column say where the node starts, from 1. A column counts UTF-16 units.
	Line, Column int
	// Text is a scalar as written, after line folding and escapes. It is the value of a String,
	// and the base64 of a Binary.
	Text string
	// Bool is the value of a Bool.
	Bool bool
	// Number is the value of a Number. For a Timestamp it is the time in milliseconds since 1970.
	Number float64
	// Items are the elements of a Sequence.
	Items []*Node
	// Pairs are the entries of a Mapping, in the order in which JavaScript lists the keys of an object:
	// whole numbers first, by size, then the others as written. Keys that << copied are among them.
	Pairs []Pair

	index map[string]int
	// open says that the node is being read.
	open bool
	// height is how deep collections are nested in the node.
	height int
}

// Pair is an entry of a mapping.
type Pair struct {
	Key   string
	Value *Node
	// Line and Column say where the key starts, from 1.
	Line, Column int
}

// Time is the value of a Timestamp, in UTC.
func (n *Node) Time() time.Time { return time.UnixMilli(int64(n.Number)).UTC() }

// Bytes is the value of a Binary.
func (n *Node) Bytes() []byte { return decodeBinary(n.Text) }

// Get returns the value of a key of a mapping, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	if i := n.find(key); i >= 0 {
		return n.Pairs[i].Value
	}
	return nil
}

// Values converts a tree into nil, bool, float64, string, time.Time, []byte, []any and, for a mapping,
// what object makes of its keys and values. A node that occurs several times is converted once, so that
// the result shares what the tree shares. A nil node gives nil.
func (n *Node) Values(object func(keys []string, values []any) any) any {
	return valuesOf(n, object, map[*Node]any{})
}

func valuesOf(n *Node, object func(keys []string, values []any) any, done map[*Node]any) any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Bool:
		return n.Bool
	case Number:
		return n.Number
	case String:
		return n.Text
	case Timestamp:
		return n.Time()
	case Binary:
		return n.Bytes()
	case Sequence:
		if v, known := done[n]; known {
			return v
		}
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = valuesOf(item, object, done)
		}
		done[n] = list
		return list
	case Mapping:
		if v, known := done[n]; known {
			return v
		}
		keys, values := make([]string, len(n.Pairs)), make([]any, len(n.Pairs))
		for i := range n.Pairs {
			keys[i], values[i] = n.Pairs[i].Key, valuesOf(n.Pairs[i].Value, object, done)
		}
		v := object(keys, values)
		done[n] = v
		return v
	}
	return nil
}

// Size counts the nodes of a tree as if each alias were a copy. It stops at limit.
func (n *Node) Size(limit int) int {
	return sizeOf(n, limit, map[*Node]int{})
}

func sizeOf(n *Node, limit int, done map[*Node]int) int {
	if n == nil {
		return 0
	}
	if len(n.Items) == 0 && len(n.Pairs) == 0 {
		return min(1, limit)
	}
	if size, known := done[n]; known {
		return size
	}
	size := 1
	for _, item := range n.Items {
		size = min(limit, size+sizeOf(item, limit, done))
	}
	for i := range n.Pairs {
		size = min(limit, size+sizeOf(n.Pairs[i].Value, limit, done))
	}
	done[n] = size
	return size
}

// holdsItself reports whether a node occurs inside itself.
func holdsItself(n *Node) bool { return onPath(n, map[*Node]bool{}) }

// onPath reports whether n or a node below it occurs again below itself. seen is true for the nodes above n, and false for
// those that are done.
func onPath(n *Node, seen map[*Node]bool) bool {
	if above, known := seen[n]; known {
		return above
	}
	if n == nil || len(n.Items) == 0 && len(n.Pairs) == 0 {
		return false
	}
	seen[n] = true
	for _, item := range n.Items {
		if onPath(item, seen) {
			return true
		}
	}
	for i := range n.Pairs {
		if onPath(n.Pairs[i].Value, seen) {
			return true
		}
	}
	seen[n] = false
	return false
}

// indexFrom is the number of pairs from which on a mapping has an index.
const indexFrom = 9

func (n *Node) find(key string) int {
	if n.index != nil {
		if i, known := n.index[key]; known {
			return i
		}
		return -1
	}
	return slices.IndexFunc(n.Pairs, func(p Pair) bool { return p.Key == key })
}

func (n *Node) set(p Pair) {
	if i := n.find(p.Key); i >= 0 {
		n.Pairs[i] = p
		return
	}
	n.Pairs = append(n.Pairs, p)
	if n.index != nil {
		n.index[p.Key] = len(n.Pairs) - 1
	} else if len(n.Pairs) == indexFrom {
		n.reindex()
	}
}

func (n *Node) reindex() {
	n.index = make(map[string]int, len(n.Pairs))
	for i := range n.Pairs {
		n.index[n.Pairs[i].Key] = i
	}
}

// sortIndices moves keys that are array indices to the front, by size.
func (n *Node) sortIndices() {
	if !slices.ContainsFunc(n.Pairs, func(p Pair) bool { return isIndex(p.Key) }) {
		return
	}
	slices.SortStableFunc(n.Pairs, func(a, b Pair) int { return compareKeys(a.Key, b.Key) })
	if n.index != nil {
		n.reindex()
	}
}

func isIndex(key string) bool {
	_, ok := arrayIndex(key)
	return ok
}

// arrayIndex reads a key that JavaScript treats as the index of an array.
func arrayIndex(key string) (uint64, bool) {
	if key == "" || len(key) > 10 || key[0] < '0' || key[0] > '9' || key[0] == '0' && key != "0" {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 64)
	return n, err == nil && n < 1<<32-1
}

func compareKeys(a, b string) int {
	i, aIsIndex := arrayIndex(a)
	j, bIsIndex := arrayIndex(b)
	switch {
	case aIsIndex && bIsIndex && i != j:
		if i < j {
			return -1
		}
		return 1
	case aIsIndex && !bIsIndex:
		return -1
	case bIsIndex && !aIsIndex:
		return 1
	}
	return 0
}
