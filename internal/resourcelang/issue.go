package resourcelang

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Issue is something in the members of a statement that the server's schema refuses.
type Issue struct {
	// Line and Column say where it is.
	Line, Column int
	// Code is invalid_type, invalid_enum_value, unrecognized_keys or invalid_union.
	Code    string
	Message string
	// Path leads to it: the number of the statement from 0, then names and indices.
	Path []any
	// properties are those that the server's JSON has, in its order, without path and message where they have their own place.
	properties []property
}

type property struct {
	name  string
	value any
}

// String returns "line:column: path: message", with names and indices joined by dots.
func (i *Issue) String() string {
	return fmt.Sprintf("%d:%d: %s: %s", i.Line, i.Column, i.PathText(), i.Message)
}

// PathText is the path joined by dots.
func (i *Issue) PathText() string {
	parts := make([]string, len(i.Path))
	for n, e := range i.Path {
		parts[n] = fmt.Sprint(e)
	}
	return strings.Join(parts, ".")
}

// MarshalJSON writes the issue as the server does, with the properties in its order.
func (i *Issue) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for n, p := range i.properties {
		if n > 0 {
			b.WriteByte(',')
		}
		raw, err := json.Marshal(p.value, jsontext.EscapeForHTML(false), json.FormatNilSliceAsNull(false))
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(p.name) + ":")
		b.Write(raw)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// failures is what one schema of a union found.
type failures struct {
	Issues []*Issue `json:"issues"`
	Name   string   `json:"name"`
}
