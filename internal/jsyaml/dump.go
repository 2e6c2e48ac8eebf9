package jsyaml

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Object is a mapping of another package that Dump can write. Its methods must not change it.
// A value that is a pointer and occurs several times is written once, with an anchor.
type Object interface {
	Len() int
	// All yields the keys and values in the order in which they are written.
	All() iter.Seq2[string, any]
}

// DumpOptions changes how Dump writes. The zero value is js-yaml's default.
type DumpOptions struct {
	// SortKeys writes the keys of mappings in the order of their UTF-16 units.
	SortKeys bool
	// NoRefs writes a value that occurs several times as often, without anchors. It must not hold itself.
	NoRefs bool
	// LineWidth is from which column on text is folded: 0 means 80, and -1 never.
	LineWidth int
}

// Dump writes a value as js-yaml's dump does: nil, bool, numbers, string, time.Time, []byte, []any,
// *Node and [Object], and what of them lies in lists and mappings. Other types are an error.
func Dump(v any, options DumpOptions) (string, error) {
	d := dumper{options: options, refs: map[any]*ref{}}
	if d.options.LineWidth == 0 {
		d.options.LineWidth = 80
	}
	if !options.NoRefs {
		d.inspect(v)
		for i, r := range d.repeated {
			r.number = i
		}
	}
	d.value(v, 0, true)
	if d.err != nil {
		return "", d.err
	}
	return d.out.String() + "\n", nil
}

// DumpString writes a string as the value of a key, or as an element of a list, that is level collections deep.
func DumpString(s string, level int, options DumpOptions) string {
	d := dumper{options: options}
	if d.options.LineWidth == 0 {
		d.options.LineWidth = 80
	}
	return d.scalar(s, level, false)
}

// dumper writes values. A pass before finds those that occur several times.
type dumper struct {
	out      strings.Builder
	options  DumpOptions
	refs     map[any]*ref
	repeated []*ref
	err      error
}

// ref is a value that may occur several times.
type ref struct {
	number   int
	repeated bool
	written  bool
}

// identity returns a comparable value that identifies a list or a mapping, and nil for anything else.
func identity(v any) any {
	switch v := v.(type) {
	case *Node:
		if v != nil && v.isObject() {
			return v
		}
	case []any:
		if len(v) > 0 {
			return &v[0]
		}
	case Object:
		if reflect.TypeOf(v).Kind() == reflect.Pointer {
			return v
		}
	}
	return nil
}

func (d *dumper) inspect(v any) {
	id := identity(v)
	if id != nil {
		if r, known := d.refs[id]; known {
			if !r.repeated {
				r.repeated = true
				d.repeated = append(d.repeated, r)
			}
			return
		}
		d.refs[id] = &ref{}
	}
	if c := collectionOf(v); c != nil {
		for _, e := range c.all() {
			d.inspect(e)
		}
	}
}

// collection is a list or a mapping in any of the types that Dump takes.
type collection struct {
	isList bool
	size   int
	all    func() iter.Seq2[string, any]
}

// collectionOf returns v as a collection, or nil if it is neither a list nor a mapping.
func collectionOf(v any) *collection {
	switch v := v.(type) {
	case []any:
		return &collection{true, len(v), func() iter.Seq2[string, any] { return elements(v) }}
	case Object:
		return &collection{false, v.Len(), v.All}
	case *Node:
		switch {
		case v == nil:
		case v.Kind == Sequence:
			return &collection{true, len(v.Items), func() iter.Seq2[string, any] { return elements(v.Items) }}
		case v.Kind == Mapping:
			return &collection{false, len(v.Pairs), v.all}
		}
	}
	return nil
}

func elements[T any](list []T) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, e := range list {
			if !yield("", e) {
				return
			}
		}
	}
}

func (n *Node) all() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for i := range n.Pairs {
			if !yield(n.Pairs[i].Key, n.Pairs[i].Value) {
				return
			}
		}
	}
}

// value writes v at a level. compact lets a collection begin on the current line.
func (d *dumper) value(v any, level int, compact bool) {
	c := collectionOf(v)
	if c == nil {
		d.out.WriteString(d.plain(v, level))
		return
	}
	if r := d.refs[identity(v)]; r != nil && r.repeated {
		if r.written {
			d.out.WriteString("*ref_" + strconv.Itoa(r.number))
			return
		}
		r.written = true
		d.out.WriteString("&ref_" + strconv.Itoa(r.number))
		if compact = false; c.size == 0 {
			d.out.WriteByte(' ')
		}
	}
	switch {
	case c.size == 0 && c.isList:
		d.out.WriteString("[]")
	case c.size == 0:
		d.out.WriteString("{}")
	case c.isList:
		d.list(c, level, compact)
	default:
		d.mapping(c, level, compact)
	}
}

// startsOnNewLine reports whether value begins with a line break.
func (d *dumper) startsOnNewLine(v any, compact bool) bool {
	if compact {
		return false
	}
	c := collectionOf(v)
	if c == nil || c.size == 0 {
		return false
	}
	r := d.refs[identity(v)]
	return r == nil || !r.repeated
}

func (d *dumper) newLine(level int) {
	d.out.WriteByte('\n')
	d.indent(level)
}

func (d *dumper) indent(level int) {
	for range level {
		d.out.WriteString("  ")
	}
}

func (d *dumper) list(c *collection, level int, compact bool) {
	first := true
	for _, e := range c.all() {
		if !compact || !first {
			d.newLine(level)
		}
		first = false
		d.out.WriteString("- ")
		d.value(e, level+1, true)
	}
}

func (d *dumper) mapping(c *collection, level int, compact bool) {
	entries := c.all()
	if d.options.SortKeys {
		entries = sorted(entries)
	}
	first := true
	for key, v := range entries {
		if !compact || !first {
			d.newLine(level)
		}
		first = false
		text := d.scalar(key, level+1, true)
		explicit := len(text) > 1024 && UTF16Len(text) > 1024
		if explicit {
			d.out.WriteString("? ")
		}
		d.out.WriteString(text)
		if explicit {
			d.newLine(level)
		}
		d.out.WriteByte(':')
		if !d.startsOnNewLine(v, explicit) {
			d.out.WriteByte(' ')
		}
		d.value(v, level+1, explicit)
	}
}

type entry struct {
	key   string
	units []uint16
	value any
}

func sorted(entries iter.Seq2[string, any]) iter.Seq2[string, any] {
	var list []entry
	for key, v := range entries {
		list = append(list, entry{key, utf16.Encode([]rune(key)), v})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return slices.Compare(a.units, b.units) })
	return func(yield func(string, any) bool) {
		for _, e := range list {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// plain writes a value that is neither a list nor a mapping.
func (d *dumper) plain(v any, level int) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return d.scalar(v, level, false)
	case float64:
		return dumpNumber(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z")
	case []byte:
		return "!!binary " + d.scalar(base64.StdEncoding.EncodeToString(v), level, false)
	case *Node:
		return d.plainNode(v, level)
	}
	d.err = cmp.Or(d.err, fmt.Errorf("jsyaml: cannot dump a value of type %T", v))
	return ""
}

func (d *dumper) plainNode(n *Node, level int) string {
	if n == nil {
		return "null"
	}
	switch n.Kind {
	case Bool:
		return d.plain(n.Bool, level)
	case Number:
		return d.plain(n.Number, level)
	case String:
		return d.plain(n.Text, level)
	case Timestamp:
		return d.plain(n.Time(), level)
	case Binary:
		return d.plain(n.Bytes(), level)
	}
	return "null"
}

func dumpNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	case f == 0 && math.Signbit(f):
		return "-0.0"
	}
	text := FormatNumber(f)
	// YAML 1.1 wants a dot before an exponent. js-yaml writes one for numbers that are not whole.
	if before, after, found := strings.Cut(text, "e"); found && !strings.Contains(before, ".") && f != math.Trunc(f) {
		return before + ".e" + after
	}
	return text
}
