package authrules

import (
	"bytes"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// Item is an object whose fields keep their order.
type Item []Field

// Field is a named value: a string, bool, int, float64, nil, []any or Item.
type Field struct {
	Name  string
	Value any
}

// Get gives the value of the field called name; false when there is none.
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

// Set gives the object with the field called name set to v.
func (it Item) Set(name string, v any) Item {
	for i := range it {
		if it[i].Name == name {
			it[i].Value = v
			return it
		}
	}
	return append(it, Field{Name: name, Value: v})
}

// OrderedJSON decodes JSON with objects as Item.
func OrderedJSON(text string) (v any, err error) {
	p := &tcParser{text: text}
	err = p.attempt(func() {
		v = p.value().plain()
		if p.space(); !p.end() {
			p.expected("end of input")
		}
	})
	return v, err
}
