package js

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v4"
)

// The limits of a YAML text: its depth, and its number of nodes, where each alias counts as a copy.
const (
	maxDepth = 1800
	maxNodes = 250_000
)

// YAML is a document with the places of its values.
type YAML struct {
	// Value is Undefined for a text without a document.
	Value any
	lines map[string]int
}

// Line returns the line, from 1, of the value at a JSON pointer.
func (y *YAML) Line(pointer string) (int, bool) {
	line, known := y.lines[pointer]
	return line, known
}

// LoadYAML simulates yaml.load of js-yaml. An error has the form of js-yaml's message: the reason, (line:column), and
// an excerpt.
func LoadYAML(text string) (any, error) {
	if jsontext.Value(text).IsValid() { // JSON is YAML, but has escapes in pairs, which the library does not support
		return Decode([]byte(text))
	}
	doc, err := ReadYAML(text)
	if err != nil {
		return nil, err
	}
	return doc.Value, nil
}

// ReadYAML is like LoadYAML, but keeps the lines of values.
func ReadYAML(text string) (*YAML, error) {
	text = strings.ToValidUTF8(text, "\ufffd")
	if rest, found := strings.CutPrefix(text, "%YAML 1.2"); found { // the library rejects this version
		text = "%YAML 1.1" + rest
	}
	var documents []yaml.Node
	if err := yaml.Load([]byte(text), &documents, yaml.WithAllDocuments()); err != nil {
		return nil, syntaxFault(text, err)
	}
	doc := &YAML{Value: Undefined{}, lines: map[string]int{}}
	switch {
	case len(documents) > 1:
		return nil, errors.New("expected a single document in the stream, but found more")
	case len(documents) == 0 || len(documents[0].Content) == 0:
		return doc, nil
	}
	r := yamlReader{text: text, lines: doc.lines, nodes: max(maxNodes, len(text)+1), open: map[*yaml.Node]bool{}}
	var err error
	doc.Value, err = r.value(documents[0].Content[0], "", 0)
	return doc, err
}

func syntaxFault(text string, err error) error {
	var broken *yaml.LoadError
	if !errors.As(err, &broken) {
		return err
	}
	reason := broken.Message
	if broken.ContextMsg != "" {
		reason = broken.ContextMsg + ", " + reason
	}
	return fault(text, reason, max(broken.Mark.Line, 1), max(broken.Mark.Column, 1))
}

// fault returns the message of a YAMLException: up to three lines before the place, and up to two after it.
func fault(text, reason string, line, column int) error {
	const width, before, after = 75, 3, 2
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if text != "" && lines[len(lines)-1] != "" {
		lines = append(lines, "")
	}
	last := min(line+after, len(lines))
	digits := len(strconv.Itoa(last))
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d:%d)\n", reason, line, column)
	from := max(0, column-1-width/2) // start of the visible part of a long line
	for i := max(0, line-1-before); i < last; i++ {
		if i > line-1 && i == len(lines)-1 && lines[i] == "" {
			break
		}
		shown := []rune(lines[i])
		shown = shown[min(from, len(shown)):]
		fmt.Fprintf(&b, "\n %*d | %s", digits, i+1, strings.ReplaceAll(string(shown[:min(width, len(shown))]), "\t", "→"))
		if i == line-1 {
			b.WriteString("\n" + strings.Repeat("-", digits+4+column-1-from) + "^")
		}
	}
	return errors.New(b.String())
}

type yamlReader struct {
	text  string
	lines map[string]int
	nodes int // how many more are allowed
	open  map[*yaml.Node]bool
}

func (r *yamlReader) fault(n *yaml.Node, reason string) error {
	return fault(r.text, reason, n.Line, n.Column)
}

func (r *yamlReader) value(n *yaml.Node, pointer string, depth int) (any, error) {
	at := n
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode || len(n.Content) > 0 { // an empty list or object has no place
		r.lines[pointer] = at.Line
	}
	r.nodes--
	switch {
	case r.nodes < 0:
		return nil, r.fault(at, "too many aliases of aliases")
	case depth > maxDepth:
		return nil, r.fault(at, "nested too deeply")
	case r.open[n]:
		return nil, r.fault(at, "an alias is inside of what it stands for")
	}
	r.open[n] = true
	defer delete(r.open, n)
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = r.value(item, pointer+"/"+strconv.Itoa(i), depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		return r.object(n, pointer, depth)
	}
	return yamlScalar(n), nil
}

func (r *yamlReader) object(n *yaml.Node, pointer string, depth int) (any, error) {
	o := New()
	var merged []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			v, err := r.value(value, "<<", depth+1)
			if err != nil {
				return nil, err
			}
			list, isList := v.([]any)
			if !isList {
				list = []any{v}
			}
			merged = append(merged, list...)
			continue
		}
		k, err := r.value(key, "key", depth+1)
		if err != nil {
			return nil, err
		}
		name := String(k)
		if o.Has(name) {
			return nil, r.fault(key, "duplicated mapping key")
		}
		v, err := r.value(value, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), depth+1)
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
	}
	for _, m := range merged {
		source, isObject := m.(*Object)
		if !isObject {
			return nil, r.fault(n, "cannot merge mappings; the provided source object is unacceptable")
		}
		for name, v := range source.All() {
			if !o.Has(name) {
				o.Set(name, v)
			}
		}
	}
	return o, nil
}

// yamlScalar returns js-yaml's value of a scalar: a number with leading zeros is decimal.
func yamlScalar(n *yaml.Node) any {
	text := strings.ToLower(strings.ReplaceAll(n.Value, "_", ""))
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return text == "true"
	case "!!int", "!!float":
		return yamlNumber(text)
	case "!!timestamp":
		for _, layout := range []string{
			"2006-1-2", "2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999",
		} {
			if t, err := time.Parse(layout, n.Value); err == nil {
				return t.UTC()
			}
		}
	case "!!binary":
		if data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), "")); err == nil {
			return data
		}
	}
	return n.Value
}

func yamlNumber(text string) float64 {
	digits := strings.TrimLeft(text, "+-")
	f, err := strconv.ParseFloat(digits, 64) // infinite if out of range
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

// DumpYAML writes a value as YAML that js-yaml reads as the same value, in the layout of its dump.
func DumpYAML(v any) (string, error) {
	out, err := yaml.Dump(yamlNode(v), yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(80))
	return string(out), err
}

func yamlNode(v any) *yaml.Node {
	switch v := v.(type) {
	case string:
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
		switch {
		case strings.Contains(v, "\n"):
			n.Style = yaml.LiteralStyle
		case v == "" || strings.ContainsAny(v[:1], "0123456789+-.=") || slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(v)):
			n.Style = yaml.SingleQuotedStyle // some parsers read it as a number, a date or a boolean
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range v {
			n.Content = append(n.Content, yamlNode(e))
		}
		n.Style = flowIfEmpty(n)
		return n
	case *Object:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for name, member := range v.All() {
			n.Content = append(n.Content, yamlNode(name), yamlNode(member))
		}
		n.Style = flowIfEmpty(n)
		return n
	case time.Time:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: v.Format("2006-01-02T15:04:05.000Z")}
	case []byte:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!binary", Style: yaml.TaggedStyle, Value: base64.StdEncoding.EncodeToString(v)}
	case float64:
		special := map[bool]string{math.IsNaN(v): ".nan", math.IsInf(v, 1): ".inf", math.IsInf(v, -1): "-.inf"}[true]
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: cmp.Or(special, String(v))}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: String(v)}
}

func flowIfEmpty(n *yaml.Node) yaml.Style {
	if len(n.Content) == 0 {
		return yaml.FlowStyle
	}
	return 0
}
