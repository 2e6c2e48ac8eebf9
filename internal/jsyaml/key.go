package jsyaml

import (
	"slices"
	"strconv"
	"strings"
)

// keyText converts a key to the string that JavaScript makes of it.
func (p *parser) keyText(n *Node) string {
	if n == nil || n.Kind != Sequence {
		return n.jsText()
	}
	parts := make([]string, len(n.Items))
	for i, item := range n.Items {
		if item.Kind == Sequence {
			p.fail("nested arrays are not supported inside keys")
		}
		if item.Kind != Null {
			parts[i] = item.jsText()
		}
	}
	return strings.Join(parts, ",")
}

// jsText is String(n) of JavaScript, for what is no sequence of sequences. Times are shown in UTC.
func (n *Node) jsText() string {
	if n == nil {
		return "null"
	}
	switch n.Kind {
	case Bool:
		return strconv.FormatBool(n.Bool)
	case Number:
		return FormatNumber(n.Number)
	case String:
		return n.Text
	case Timestamp:
		return n.Time().Format("Mon Jan 02 2006 15:04:05 GMT-0700") + " (Coordinated Universal Time)"
	case Binary:
		bytes := n.Bytes()
		parts := make([]string, len(bytes))
		for i, b := range bytes {
			parts[i] = strconv.Itoa(int(b))
		}
		return strings.Join(parts, ",")
	case Mapping:
		return "[object Object]"
	case Sequence:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			if item.Kind != Null {
				parts[i] = item.jsText()
			}
		}
		return strings.Join(parts, ",")
	}
	return "null"
}

// isObject reports whether JavaScript's typeof says object.
func (n *Node) isObject() bool {
	return n.Kind == Mapping || n.Kind == Sequence || n.Kind == Binary || n.Kind == Timestamp
}

// objectPairs returns the properties of an object.
func (n *Node) objectPairs() []Pair {
	switch n.Kind {
	case Mapping:
		if n.open {
			return slices.SortedStableFunc(slices.Values(n.Pairs), func(a, b Pair) int { return compareKeys(a.Key, b.Key) })
		}
		return n.Pairs
	case Sequence:
		pairs := make([]Pair, len(n.Items))
		for i, item := range n.Items {
			pairs[i] = Pair{Key: strconv.Itoa(i), Value: item, Line: item.Line, Column: item.Column}
		}
		return pairs
	case Binary:
		var pairs []Pair
		for i, b := range n.Bytes() {
			value := &Node{Kind: Number, Number: float64(b), Line: n.Line, Column: n.Column}
			pairs = append(pairs, Pair{Key: strconv.Itoa(i), Value: value, Line: n.Line, Column: n.Column})
		}
		return pairs
	}
	return nil
}
