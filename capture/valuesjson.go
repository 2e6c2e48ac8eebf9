package capture

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxTexts     = 3   // nesting of texts that hold JSON
	maxJSONDepth = 200 // nesting of objects and lists
)

// jsonValue is a value of JSON. A list has no names.
type jsonValue struct {
	kind  jsontext.Kind
	text  string   // decoded string
	raw   []byte   // any other scalar
	names []string // names of an object's members
	kids  []*jsonValue
}

// json masks a JSON object or list. If cut is true, it keeps the values that are complete. It visits each value once, so its time is
// linear in the length of the text.
func (m *masker) json(data []byte, cut bool, depth int) (text string, ok bool) {
	if !isJSON(data) {
		return "", false
	}
	opts := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), opts...)
	v, err := readValue(dec, 0)
	if err == nil {
		if _, err = dec.ReadToken(); err == nil {
			return "", false
		}
	}
	if !errors.Is(err, io.EOF) && !(cut && errors.Is(err, io.ErrUnexpectedEOF)) {
		return "", false
	}
	var b bytes.Buffer
	enc := jsontext.NewEncoder(&b, opts...)
	if m.write(enc, v, false, depth) != nil {
		return "", false
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), true
}

// readValue reads a value. With an error it returns the part that could be read, or nil.
func readValue(dec *jsontext.Decoder, depth int) (*jsonValue, error) {
	if depth > maxJSONDepth {
		return nil, errors.New("too deep")
	}
	v := &jsonValue{kind: dec.PeekKind()}
	switch v.kind {
	case '{', '[':
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
		for kind := dec.PeekKind(); kind != '}' && kind != ']'; kind = dec.PeekKind() {
			name := ""
			if v.kind == '{' {
				token, err := dec.ReadToken()
				if err != nil {
					return v, err
				}
				name = token.String()
			}
			kid, err := readValue(dec, depth+1)
			if kid != nil {
				v.kids = append(v.kids, kid)
				if v.kind == '{' {
					v.names = append(v.names, name)
				}
			}
			if err != nil {
				return v, err
			}
		}
		_, err := dec.ReadToken()
		return v, err
	case '"':
		token, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		v.text = token.String()
		return v, nil
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	v.raw = bytes.Clone(raw)
	return v, nil
}

// write writes a value. If isSecret is true, it masks all scalars of the value.
func (m *masker) write(enc *jsontext.Encoder, v *jsonValue, isSecret bool, depth int) error {
	switch {
	case v.kind == '{':
		isPair := m.isPair(v)
		return m.container(enc, v, jsontext.BeginObject, jsontext.EndObject, depth, func(i int) bool {
			return isSecret || m.secret(v.names[i]) || isPair && isPairValue(v.names[i])
		})
	case v.kind == '[': // a list of a name and its value is a pair, as in a table
		isPair := len(v.kids) == 2 && v.kids[0].kind == '"' && m.secret(v.kids[0].text)
		return m.container(enc, v, jsontext.BeginArray, jsontext.EndArray, depth, func(i int) bool { return isSecret || isPair && i == 1 })
	case v.kind == '"' && isSecret:
		return enc.WriteToken(jsontext.String(maskedText(v.text)))
	case v.kind == '"':
		return enc.WriteToken(jsontext.String(m.value(v.text, depth)))
	case isSecret && v.kind == '0':
		return enc.WriteToken(jsontext.Int(0))
	case isSecret && v.kind == 't':
		return enc.WriteToken(jsontext.False)
	}
	return enc.WriteValue(v.raw)
}

func (m *masker) container(enc *jsontext.Encoder, v *jsonValue, begin, end jsontext.Token, depth int, isSecret func(int) bool) error {
	if err := enc.WriteToken(begin); err != nil {
		return err
	}
	for i, kid := range v.kids {
		if v.names != nil {
			if err := enc.WriteToken(jsontext.String(m.text(v.names[i]))); err != nil {
				return err
			}
		}
		if err := m.write(enc, kid, isSecret(i), depth); err != nil {
			return err
		}
	}
	return enc.WriteToken(end)
}

// isPair reports whether a member of an object holds the name of a secret, and another member its value. An example is
// {"name": …, "value": …}. So are the operations of JSON Patch and SCIM.
func (m *masker) isPair(v *jsonValue) bool {
	for i, kid := range v.kids {
		switch normalName(v.names[i]) {
		case "name", "key", "field", "id", "k", "n", "path", "property", "header", "attribute", "label", "param", "parameter", "variable", "type":
			if kid.kind == '"' && m.secret(strings.ReplaceAll(strings.ReplaceAll(kid.text, "~1", "/"), "~0", "~")) {
				return true
			}
		}
	}
	return false
}

// isPairValue reports whether a member of this name holds the value of a pair.
func isPairValue(name string) bool {
	switch normalName(name) {
	case "value", "values", "val", "v", "content", "data", "text", "default", "defaultvalue", "stringvalue", "plaintext":
		return true
	}
	return false
}
