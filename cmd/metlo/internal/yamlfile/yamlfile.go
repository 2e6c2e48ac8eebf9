// Package yamlfile reads the YAML files of users and the positions of their nodes.
package yamlfile

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Error describes a text that is not YAML, or that has a duplicate key or too many aliases.
type Error struct {
	Line, Column int // Line and Column are the position, from 1.
	Reason       string
}

// Error returns line, column and reason.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Reason) }

// Load parses a text that holds one document. A text without a document returns nil. Errors are *Error.
func Load(text string) (*yaml.Node, error) {
	var documents []yaml.Node
	if err := yaml.Load([]byte(strings.ToValidUTF8(text, "\ufffd")), &documents, yaml.WithAllDocuments()); err != nil {
		return nil, placed(err)
	}
	switch {
	case len(documents) == 0 || len(documents[0].Content) == 0:
		return nil, nil
	case len(documents) > 1:
		return nil, &Error{documents[1].Line, documents[1].Column, "expected a single document, but found more"}
	}
	root := documents[0].Content[0]
	var values any // decoding detects duplicate keys, and aliases that are recursive or expand too much
	if err := root.Load(&values); err != nil {
		return nil, placed(err)
	}
	return root, nil
}

func placed(err error) error {
	var fault *yaml.LoadError
	if !errors.As(err, &fault) {
		return &Error{1, 1, err.Error()}
	}
	reason := fault.Message
	if fault.ContextMsg != "" {
		reason = fault.ContextMsg + ", " + reason
	}
	return &Error{max(1, fault.Mark.Line), max(1, fault.Mark.Column), reason}
}

// Kind returns the name of a node's kind.
func Kind(n *yaml.Node) string {
	switch n = target(n); n.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return "boolean"
	case "!!int", "!!float":
		return "number"
	case "!!timestamp":
		return "timestamp"
	case "!!binary":
		return "binary"
	case "!!seq":
		return "list"
	case "!!map":
		return "mapping"
	}
	return "string"
}

// Text returns a scalar as it is written in the file.
func Text(n *yaml.Node) string { return target(n).Value }

// Items returns the elements of a list.
func Items(n *yaml.Node) []*yaml.Node {
	if n = target(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// Pairs returns an iterator over the keys and values of a mapping, then over those of its merge keys.
func Pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) { pairs(n, map[string]bool{}, yield) }
}

func pairs(n *yaml.Node, seen map[string]bool, yield func(key, value *yaml.Node) bool) bool {
	if n = target(n); n == nil || n.Kind != yaml.MappingNode {
		return true
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			merged = append(append(merged, value), Items(value)...)
			continue
		case seen[key.Value]:
			continue
		}
		seen[key.Value] = true
		if !yield(key, value) {
			return false
		}
	}
	for _, m := range merged {
		if !pairs(m, seen, yield) {
			return false
		}
	}
	return true
}

// Get returns the value of a key in a mapping, or nil.
func Get(n *yaml.Node, name string) *yaml.Node {
	for key, value := range Pairs(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}

func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
