package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	unweighedBytes = 256 << 10 // bytes of a text that is decoded without being weighed
	multiple       = 4         // a value may weigh this many times the limit of its body
	entrySize      = 48        // bytes of a map entry beside its key and value
)

// TooHeavyError describes a text whose value would take too much memory.
type TooHeavyError struct{ Limit int64 }

func (e *TooHeavyError) Error() string {
	return fmt.Sprintf("decoded it takes more than %d bytes: ask for less, or raise WithMaxResponseBytes", e.Limit)
}

// Check returns a *TooHeavyError if decoding a text into v would take more memory than a small multiple of limit. A
// short text always passes.
func Check(data []byte, v any, limit int64) error {
	if len(data) <= unweighedBytes {
		return nil
	}
	s := newScale(limit)
	return s.weigh(data, reflect.TypeOf(v))
}

var errHeavy = errors.New("too heavy")

// scale scans a text along the types that it is decoded into, and counts the memory of the values.
type scale struct {
	dec    *jsontext.Decoder
	limit  int64
	left   int64
	fields map[reflect.Type]map[string]reflect.Type // fields of structs by lower-case name
}

// newScale returns a scale for a small multiple of limit.
func newScale(limit int64) scale {
	limit = min(max(limit, unweighedBytes), math.MaxInt64/multiple) * multiple
	return scale{
		dec: jsontext.NewDecoder(bytes.NewReader(nil), fast), limit: limit, left: limit,
		fields: map[reflect.Type]map[string]reflect.Type{},
	}
}

// weigh adds the weight of data as a t. It weighs malformed JSON up to the error, which the decoder reports.
func (s *scale) weigh(data []byte, t reflect.Type) error {
	s.dec.Reset(bytes.NewBuffer(data), fast)
	err := s.take(2 * int64(t.Size())) // a growing slice has room for twice as many
	if err == nil {
		err = s.value(t)
	}
	if errors.Is(err, errHeavy) {
		return &TooHeavyError{Limit: s.limit}
	}
	return nil
}

func (s *scale) take(n int64) error {
	if s.left -= n; s.left < 0 {
		return errHeavy
	}
	return nil
}

// value weighs the next value as a t. The caller counts the memory of t itself.
func (s *scale) value(t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
		if err := s.take(int64(t.Size())); err != nil {
			return err
		}
	}
	kind := s.dec.PeekKind()
	switch {
	case kind == '{' && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map || t.Kind() == reflect.Interface):
		return s.object(t)
	case kind == '[' && (t.Kind() == reflect.Slice || t.Kind() == reflect.Interface):
		return s.array(t)
	}
	start := s.dec.InputOffset() // start of a text, a number, raw text, or a value of the wrong type
	if err := s.dec.SkipValue(); err != nil {
		return err
	}
	return s.take(s.dec.InputOffset() - start)
}

func (s *scale) array(t reflect.Type) error {
	err := s.take(entrySize)
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if err == nil {
		_, err = s.dec.ReadToken()
	}
	for err == nil && s.dec.PeekKind() != ']' {
		if err = s.take(2 * int64(t.Size())); err == nil {
			err = s.value(t)
		}
		if s.dec.PeekKind() == 0 {
			break
		}
	}
	if err == nil {
		_, err = s.dec.ReadToken()
	}
	return err
}

func (s *scale) object(t reflect.Type) error {
	var fields map[string]reflect.Type
	elem := t
	err := s.take(entrySize)
	switch t.Kind() {
	case reflect.Struct:
		fields = s.fieldsOf(t)
	case reflect.Map:
		elem = t.Elem()
	}
	if err == nil {
		_, err = s.dec.ReadToken()
	}
	for err == nil && s.dec.PeekKind() == '"' {
		var name jsontext.Token
		if name, err = s.dec.ReadToken(); err != nil {
			break
		}
		if fields == nil {
			text := name.String()
			if err = s.take(entrySize + int64(len(text)) + 16 + int64(elem.Size())); err == nil {
				err = s.value(elem)
			}
		} else if field, ok := fields[strings.ToLower(name.String())]; ok {
			err = s.value(field)
		} else {
			err = s.dec.SkipValue()
		}
	}
	if err == nil {
		_, err = s.dec.ReadToken()
	}
	return err
}

func (s *scale) fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields, ok := s.fields[t]
	if ok {
		return fields
	}
	fields = map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		fields[strings.ToLower(name)] = field.Type
	}
	s.fields[t] = fields
	return fields
}
