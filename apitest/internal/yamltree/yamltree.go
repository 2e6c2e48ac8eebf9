// Package yamltree parses YAML documents of bounded size into trees with the place of each node and key. It also writes
// texts so that every YAML reader reads the same string.
package yamltree

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// The bounds of a document.
const (
	maxDepth = 1800
	// maxNodes is the maximum number of nodes, counting each alias as a copy. A longer text may have one node for each
	// byte.
	maxNodes = 200_000
)

// Kind is the kind of a node.
type Kind uint8

// The kinds of nodes. A date is a String, and so is a text with an unknown tag.
const (
	Null Kind = iota
	Bool
	Number
	String
	Sequence
	Mapping
)

// Node is a value of a document. Aliases and merge keys are resolved.
type Node struct {
	Kind         Kind
	Line, Column int // counted from 1
	// Text is the text of a scalar, with folded lines joined and escapes decoded.
	Text   string
	Bool   bool
	Number float64
	Items  []*Node
	Pairs  []Pair
}

// Pair is an entry of a mapping.
type Pair struct {
	Key          string
	Value        *Node
	Line, Column int // place of the key, counted from 1
}

// Error describes a text that cannot be parsed.
type Error struct {
	Line, Column int // counted from 1
	Reason       string
}

// Error returns line, column and reason.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Reason) }

// Parse parses a text with one document. It returns nil if the text has no document. Errors are *Error.
func Parse(text string) (*Node, error) {
	text = joinPairs(strings.ToValidUTF8(text, "\ufffd"))
	var documents []yaml.Node
	if err := yaml.Load([]byte(text), &documents, yaml.WithAllDocuments()); err != nil {
		return nil, syntaxError(text, err)
	}
	switch {
	case len(documents) == 0 || len(documents[0].Content) == 0:
		return nil, nil
	case len(documents) > 1:
		return nil, &Error{documents[1].Line, documents[1].Column, "expected a single document, but found more"}
	}
	r := reader{nodes: max(maxNodes, len(text)+1), open: map[*yaml.Node]bool{}}
	return r.node(documents[0].Content[0], 0)
}

// joinPairs replaces the escapes of surrogate pairs by the characters. JSON has such escapes, and the YAML library does
// not support them.
func joinPairs(text string) string {
	if !strings.Contains(text, `\u`) || !json.Valid([]byte(text)) {
		return text
	}
	pairs := regexp.MustCompile(`\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)
	return pairs.ReplaceAllStringFunc(text, func(escape string) string {
		if escape == `\\` {
			return escape
		}
		var character string
		_ = json.Unmarshal([]byte(`"`+escape+`"`), &character) // the expression matches only valid escapes
		return character
	})
}

func syntaxError(text string, err error) *Error {
	var broken *yaml.LoadError
	if !errors.As(err, &broken) {
		return &Error{1, 1, err.Error()}
	}
	if broken.Mark.Line > 0 {
		reason := strings.Replace(broken.Message, "exceeded max depth of", "nested deeper than", 1)
		if broken.ContextMsg != "" {
			reason = broken.ContextMsg + ", " + reason
		}
		return &Error{broken.Mark.Line, broken.Mark.Column, reason}
	}
	// The YAML library reports control characters without a place.
	at := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r) })
	before := text[:max(at, 0)]
	return &Error{strings.Count(before, "\n") + 1, len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1, broken.Message}
}

type reader struct {
	nodes int // number of nodes that are still allowed
	open  map[*yaml.Node]bool
}

func (r *reader) node(n *yaml.Node, depth int) (*Node, error) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	r.nodes--
	switch {
	case r.nodes < 0:
		return nil, &Error{at.Line, at.Column, "too many aliases of aliases"}
	case depth > maxDepth:
		return nil, &Error{at.Line, at.Column, fmt.Sprintf("nested more than %d deep", maxDepth)}
	case r.open[n]:
		return nil, &Error{at.Line, at.Column, fmt.Sprintf("the alias *%s refers to a value that contains it", at.Value)}
	}
	out := &Node{Line: at.Line, Column: at.Column, Text: n.Value}
	if n.Kind == yaml.ScalarNode {
		out.resolve(n)
		return out, nil
	}
	r.open[n] = true
	defer delete(r.open, n)
	if n.Kind == yaml.SequenceNode {
		out.Kind = Sequence
		for _, item := range n.Content {
			child, err := r.node(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, child)
		}
		return out, nil
	}
	out.Kind = Mapping
	return out, r.mapping(out, n, depth)
}

// mapping converts the entries of n. Entries of a merge key apply if the mapping has none of the same name.
func (r *reader) mapping(out *Node, n *yaml.Node, depth int) error {
	names := map[string]bool{}
	var merged []*Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		value, err := r.node(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		read, err := r.node(key, depth+1)
		if err != nil {
			return err
		}
		if read.Kind == Sequence || read.Kind == Mapping {
			read.Text = "[object Object]" // the name of such a key in JavaScript
		}
		if names[read.Text] {
			return &Error{read.Line, read.Column, fmt.Sprintf("duplicated mapping key %q", read.Text)}
		}
		names[read.Text] = true
		out.Pairs = append(out.Pairs, Pair{Key: read.Text, Value: value, Line: read.Line, Column: read.Column})
	}
	for _, from := range merged {
		sources := []*Node{from}
		if from.Kind == Sequence {
			sources = from.Items
		}
		for _, source := range sources {
			if source.Kind != Mapping {
				return &Error{source.Line, source.Column, "only a mapping, or a list of mappings, can be merged"}
			}
			for _, p := range source.Pairs {
				if !names[p.Key] {
					names[p.Key] = true
					out.Pairs = append(out.Pairs, p)
				}
			}
		}
	}
	return nil
}

func (n *Node) resolve(from *yaml.Node) {
	switch from.ShortTag() {
	case "!!null":
		n.Kind = Null
	case "!!bool":
		n.Kind, n.Bool = Bool, strings.EqualFold(n.Text, "true")
	case "!!int", "!!float":
		n.Kind, n.Number = Number, number(n.Text)
	default:
		n.Kind = String
	}
}

// number returns the value of an integer or a float. As in js-yaml, a number with leading zeros is decimal.
func number(text string) float64 {
	text = strings.ToLower(strings.ReplaceAll(text, "_", ""))
	digits := strings.TrimLeft(text, "+-")
	f, err := strconv.ParseFloat(digits, 64) // an error of range means infinity
	switch {
	case digits == ".inf":
		f = math.Inf(1)
	case len(digits) > 1 && strings.ContainsAny(digits[1:2], "xob"):
		n, _ := strconv.ParseUint(digits, 0, 64)
		f = float64(n)
	case errors.Is(err, strconv.ErrSyntax):
		f = math.NaN()
	}
	if strings.HasPrefix(text, "-") {
		return -f
	}
	return f
}

// Get returns the value of a key of a mapping, or nil.
func (n *Node) Get(key string) *Node {
	if n != nil {
		for i := range n.Pairs {
			if n.Pairs[i].Key == key {
				return n.Pairs[i].Value
			}
		}
	}
	return nil
}
