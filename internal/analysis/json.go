package analysis

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

const maxDepth = 200 // nesting of JSON; deeper values are skipped

// jsonReader reads JSON tokens.
type jsonReader struct {
	dec   *jsontext.Decoder
	input bytes.Buffer
	text  []byte // decoded string
}

func (r *jsonReader) start(data []byte) {
	r.input = *bytes.NewBuffer(data)
	opts := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if r.dec == nil {
		r.dec = jsontext.NewDecoder(&r.input, opts...)
		return
	}
	r.dec.Reset(&r.input, opts...)
}

// unquoted returns the decoded string. It is valid until the next call.
func (r *jsonReader) unquoted(raw jsontext.Value) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	r.text, _ = jsontext.AppendUnquote(r.text[:0], raw) // invalid escapes become U+FFFD
	return r.text
}

// readJSON analyzes a text that is null, a JSON object or a JSON list, and reports whether it is one. If cut is true, the text may
// end early. Any other text leaves n unchanged.
func (a *Analyzer) readJSON(n *node, data []byte, cut bool) bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	if isNull(start) {
		n.saw(TypeNull)
		return true
	}
	if len(start) == 0 || start[0] != '{' && start[0] != '[' {
		return false
	}
	scratch := node{}
	a.json.start(start)
	err := a.element(&scratch, 0)
	if err == nil {
		if _, err = a.json.dec.ReadToken(); err == nil {
			err = errTrailing
		}
	}
	if !errors.Is(err, io.EOF) && !(cut && errors.Is(err, io.ErrUnexpectedEOF)) {
		return false
	}
	n.merge(&scratch)
	return true
}

// isNull reports whether a text is the JSON value null.
func isNull(text []byte) bool { return string(bytes.TrimSpace(text)) == "null" }

var errTrailing = errors.New("unexpected data after the JSON value")

// element analyzes the next value.
func (a *Analyzer) element(n *node, depth int) error {
	dec := a.json.dec
	kind := dec.PeekKind()
	if depth > maxDepth {
		return dec.SkipValue()
	}
	switch kind {
	case '{':
		return a.members(n, depth)
	case '[':
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		for dec.PeekKind() != ']' {
			if err := a.element(n.list(), depth+1); err != nil {
				return err
			}
		}
		_, err := dec.ReadToken()
		return err
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	switch kind {
	case '"':
		a.value(n, a.json.unquoted(raw))
	case '0':
		a.number(n, raw)
	case 't', 'f':
		a.boolean(n, kind == 't')
	case 'n':
		n.saw(TypeNull)
	}
	return nil
}

func (a *Analyzer) members(n *node, depth int) error {
	dec := a.json.dec
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := a.element(a.child(n, a.json.unquoted(raw), memberName), depth+1); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
