// Package ordered holds JSON objects whose fields keep their order.
package ordered

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/testingconfig"
)

// Item is an object whose fields keep their order.
type Item []Field

// Field is a named value: a string, bool, int, float64, nil, []any or Item.
type Field struct {
	Name  string
	Value any
}

// Get returns the value of the field called name, and whether there is one.
func (it Item) Get(name string) (any, bool) {
	for _, f := range it {
		if f.Name == name {
			return f.Value, true
		}
	}
	return nil, false
}

// MarshalJSON writes an object with the fields in their order.
func (it Item) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range it {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(jsvalue.JSON(f.Name) + ":" + jsvalue.JSON(f.Value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Set sets the field called name to v and returns the object.
func (it Item) Set(name string, v any) Item {
	for i := range it {
		if it[i].Name == name {
			it[i].Value = v
			return it
		}
	}
	return append(it, Field{Name: name, Value: v})
}

// Parse decodes JSON. Objects become Items.
func Parse(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	v, err := next(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

func next(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		out := Item{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := next(dec)
			if err != nil {
				return nil, err
			}
			text, _ := name.(string)
			out = out.Set(text, v)
		}
		_, err = dec.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for dec.More() {
			v, err := next(dec)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err = dec.Token()
		return out, err
	}
	if n, ok := token.(json.Number); ok {
		if whole, err := strconv.Atoi(n.String()); err == nil {
			return whole, nil
		}
		f, err := n.Float64()
		return jsvalue.Shrink(f), err
	}
	return token, nil
}

// Value converts a value of a testing configuration. Objects become Items, and whole numbers int.
func Value(v any) any {
	switch v := v.(type) {
	case float64:
		return jsvalue.Shrink(v)
	case testingconfig.Object:
		out := Item{}
		for _, p := range v {
			out = append(out, Field{Name: p.Name, Value: Value(p.Value)})
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = Value(e)
		}
		return out
	}
	return v
}
