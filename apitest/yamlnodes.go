package apitest

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// fields says how each key of a mapping is decoded.
type fields map[string]func(ast.Node)

// mapping calls the function of each key that n has and reports unknown and missing keys.
func (d *yamlDecoder) mapping(n ast.Node, path, required string, known fields) {
	m, ok := d.resolve(n).(ast.MapNode)
	if !ok {
		d.fail(n, path, "must be a mapping, not a %s", kindOf(d.resolve(n)))
		return
	}
	seen := map[string]bool{}
	d.entries(m, path, seen, 0, func(key *ast.MappingValueNode, name string) {
		decode, ok := known[name]
		if !ok {
			d.fail(key.Key, path, "unknown key %q: expected one of %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			return
		}
		decode(key.Value)
	})
	for _, name := range strings.Fields(required) {
		if !seen[name] {
			d.fail(n, path, "%s is missing", name)
		}
	}
}

// entries calls f for each key of m, its own before those it merges with <<.
func (d *yamlDecoder) entries(
	m ast.MapNode, path string, seen map[string]bool, depth int, f func(entry *ast.MappingValueNode, name string),
) {
	var merged []ast.Node
	for it := m.MapRange(); it.Next(); {
		entry := it.KeyValue()
		if _, isMerge := entry.Key.(*ast.MergeKeyNode); isMerge {
			merged = append(merged, entry.Value)
			continue
		}
		key, ok := d.scalar(entry.Key)
		if !ok {
			d.fail(entry.Key, path, "a key must be a plain word")
			continue
		}
		name := jsString(key)
		if !seen[name] {
			seen[name] = true
			f(entry, name)
		}
	}
	for _, n := range merged {
		target, ok := d.resolve(n).(ast.MapNode)
		if depth == maxMerges {
			d.fail(n, path, "<< is nested more than %d deep", maxMerges)
			return
		}
		if !ok {
			d.fail(n, path, "<< needs an alias of a mapping")
			continue
		}
		d.entries(target, path, seen, depth+1, f)
	}
}

// list decodes each element of the sequence n.
func list[T any](d *yamlDecoder, n ast.Node, path string, element func(n ast.Node, path string) T) []T {
	seq, ok := d.resolve(n).(*ast.SequenceNode)
	if !ok {
		d.fail(n, path, "must be a list, not a %s", kindOf(d.resolve(n)))
		return nil
	}
	var out []T
	for i, v := range seq.Values {
		out = append(out, element(v, fmt.Sprintf("%s[%d]", path, i)))
	}
	return out
}

// collectAnchors remembers what each &name stands for.
func (d *yamlDecoder) collectAnchors(root ast.Node) {
	for _, n := range ast.Filter(ast.AnchorType, root) {
		if a, ok := n.(*ast.AnchorNode); ok {
			d.anchors[a.Name.GetToken().Value] = a.Value
		}
	}
}

// resolve looks through anchors, aliases and tags.
func (d *yamlDecoder) resolve(n ast.Node) ast.Node {
	for {
		if d.visited++; d.visited > maxNodes {
			if d.visited == maxNodes+1 {
				d.fail(n, "", "too many aliases: the file would expand to more than %d nodes", maxNodes)
			}
			return nil
		}
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.TagNode:
			n = x.Value
		case *ast.AliasNode:
			target, ok := d.anchors[x.Value.GetToken().Value]
			if !ok {
				d.fail(n, "", "alias *%s stands for nothing", x.Value.GetToken().Value)
				return nil
			}
			n = target
		default:
			return n
		}
	}
}

// scalar gives the value of a scalar as string, bool, int, float64 or nil; false for lists and mappings.
func (d *yamlDecoder) scalar(n ast.Node) (any, bool) {
	if tag, ok := n.(*ast.TagNode); ok && tag.Start.Value == "!!str" {
		if s, ok := d.resolve(tag).(ast.ScalarNode); ok {
			return s.GetToken().Value, true
		}
	}
	switch x := d.resolve(n).(type) {
	case nil:
		return nil, false
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.StringNode:
		if tk := x.GetToken(); tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
			return x.Value, true
		}
		return plainScalar(x.Value), true
	case *ast.NullNode:
		return nil, true
	case ast.ScalarNode:
		return plainScalar(x.GetToken().Value), true
	}
	return nil, false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "mapping"
	case *ast.SequenceNode:
		return "list"
	case nil, *ast.NullNode:
		return "null"
	}
	return "scalar"
}

var (
	yamlInt   = regexp.MustCompile(`^[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$`)
	yamlFloat = regexp.MustCompile(`^[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?$`)
	yamlInf   = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// plainScalar gives an unquoted scalar the type that YAML 1.2 and js-yaml give it.
// Dates stay strings: the test language has none.
func plainScalar(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	digits := strings.ReplaceAll(s, "_", "")
	switch {
	case strings.HasSuffix(s, "_"):
	case yamlInt.MatchString(s):
		if n, ok := yamlInteger(digits); ok {
			return n
		}
	case yamlFloat.MatchString(s):
		if f, err := strconv.ParseFloat(digits, 64); err == nil {
			return shrink(f)
		}
	case yamlInf.MatchString(s):
		return math.Inf(1)
	}
	return s
}

func yamlInteger(digits string) (any, bool) {
	sign := strings.HasPrefix(digits, "-")
	body := strings.TrimLeft(digits, "+-")
	base := 10
	for prefix, b := range map[string]int{"0b": 2, "0o": 8, "0x": 16} {
		if strings.HasPrefix(body, prefix) {
			body, base = body[2:], b
		}
	}
	if sign {
		body = "-" + body
	}
	if n, err := strconv.ParseInt(body, base, 64); err == nil {
		return int(n), true
	}
	f, err := strconv.ParseFloat(digits, 64)
	return f, err == nil
}
