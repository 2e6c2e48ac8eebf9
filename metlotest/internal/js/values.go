// Package js implements JavaScript's semantics of the server's Node: values, dates, numbers, regular expressions, JSON.
package js

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The simulated server is a JavaScript program, so its inputs are JavaScript values: undefined, nil (null), bool,
// float64, string, []any and *Object.

// Undefined is the value of a property that is absent.
type Undefined struct{}

// Object is a JavaScript object, with its properties in their order.
type Object struct {
	Keys   []string
	Values map[string]any
}

// New returns an object of names and values.
func New(pairs ...any) *Object {
	o := &Object{Values: make(map[string]any)}
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// Set sets a property. New properties come last, except that integers come before all other names, sorted by value.
func (o *Object) Set(key string, v any) {
	if _, ok := o.Values[key]; !ok {
		o.Keys = append(o.Keys, key)
		if n, ok := arrayIndex(key); ok {
			at := 0
			for at < len(o.Keys)-1 {
				if m, ok := arrayIndex(o.Keys[at]); !ok || m > n {
					break
				}
				at++
			}
			copy(o.Keys[at+1:], o.Keys[at:])
			o.Keys[at] = key
		}
	}
	o.Values[key] = v
}

const maxArrayIndex = 1<<32 - 2

// arrayIndex parses a name that is a whole number in its shortest form.
func arrayIndex(key string) (int64, bool) {
	if key == "" || key[0] < '0' || key[0] > '9' || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(key, 10, 64)
	return n, err == nil && n <= maxArrayIndex
}

// Get returns the value of a property, or Undefined. The object may be nil.
func (o *Object) Get(key string) any {
	if o == nil {
		return Undefined{}
	}
	if v, ok := o.Values[key]; ok {
		return v
	}
	return Undefined{}
}

// Has reports whether there is a property; o may be nil.
func (o *Object) Has(key string) bool {
	if o == nil {
		return false
	}
	_, ok := o.Values[key]
	return ok
}

// Text returns a string property, or "" for any other value.
func (o *Object) Text(key string) string {
	s, _ := o.Get(key).(string)
	return s
}

// Object returns an object property, or nil for any other value.
func (o *Object) Object(key string) *Object {
	v, _ := o.Get(key).(*Object)
	return v
}

// List returns an array property, or nil for any other value.
func (o *Object) List(key string) []any {
	v, _ := o.Get(key).([]any)
	return v
}

// Texts returns the strings of a property that is an array.
func (o *Object) Texts(key string) []string {
	var out []string
	for _, v := range o.List(key) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// MarshalJSONTo writes the properties in insertion order and leaves out undefined ones.
func (o *Object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, key := range o.Keys {
		v := o.Values[key]
		if _, ok := v.(Undefined); ok {
			continue
		}
		if err := enc.WriteToken(jsontext.String(key)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, finite(v)); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// CodecOptions returns the options for decoding and encoding bodies.
func CodecOptions() json.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// finite replaces values that JSON cannot represent with null: infinite numbers, NaN and undefined members of lists.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil
		}
	case Undefined:
		return nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = finite(e)
		}
		return out
	}
	return v
}

// numberText simulates String(f).
func numberText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return string(Encode(f))
}

// Encode returns the result of JSON.stringify.
func Encode(v any) []byte {
	out, err := json.Marshal(finite(v), CodecOptions())
	if err != nil {
		panic(fmt.Sprintf("metlotest: cannot write %T as JSON: %v", v, err))
	}
	return out
}

// EncodeIndent returns the result of JSON.stringify with an indent.
func EncodeIndent(v any, indent string) []byte {
	out, err := json.Marshal(finite(v), CodecOptions(), jsontext.WithIndent(indent))
	if err != nil {
		panic(fmt.Sprintf("metlotest: cannot write %T as JSON: %v", v, err))
	}
	return out
}

// Decode reads one JSON text.
func Decode(data []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data), CodecOptions())
	v, err := decodeValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func decodeValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return tok.Bool(), nil
	case '"':
		return tok.String(), nil
	case '0':
		f, err := strconv.ParseFloat(tok.String(), 64)
		if errors.Is(err, strconv.ErrRange) {
			err = nil
		}
		return f, err
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			v, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.ReadToken()
		return list, err
	default:
		return decodeMembers(dec)
	}
}

func decodeMembers(dec *jsontext.Decoder) (any, error) {
	o := New()
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String()
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		o.Set(name, v)
	}
	_, err := dec.ReadToken()
	return o, err
}

// TypeName returns zod's name of a value's type.
func TypeName(v any) string {
	switch v := v.(type) {
	case Undefined:
		return "undefined"
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		if math.IsNaN(v) {
			return "nan"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	default:
		return "object"
	}
}

// String simulates String(v), as in a template literal.
func String(v any) string {
	switch v := v.(type) {
	case Undefined:
		return "undefined"
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return numberText(v)
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			if e != nil {
				parts[i] = String(e)
			}
		}
		return strings.Join(parts, ",")
	default:
		return "[object Object]"
	}
}

// Truthy simulates Boolean(v).
func Truthy(v any) bool {
	switch v := v.(type) {
	case Undefined, nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	default:
		return true
	}
}

// IsUndefined reports whether a value is Undefined.
func IsUndefined(v any) bool {
	_, ok := v.(Undefined)
	return ok
}

// Len returns the number of properties.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.Keys)
}

// All yields the properties in the order of their insertion.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if o == nil {
			return
		}
		for _, key := range slices.Clone(o.Keys) {
			if v, there := o.Values[key]; there && !yield(key, v) {
				return
			}
		}
	}
}

// Delete removes a property.
func (o *Object) Delete(key string) {
	if !o.Has(key) {
		return
	}
	delete(o.Values, key)
	o.Keys = slices.DeleteFunc(o.Keys, func(k string) bool { return k == key })
}

// Clone returns a deep copy of a value.
func Clone(v any) any {
	switch v := v.(type) {
	case *Object:
		out := New()
		for key, value := range v.All() {
			out.Set(key, Clone(value))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = Clone(e)
		}
		return out
	}
	return v
}
