// Package wire turns the bytes that a Metlo server sends into values. It knows the shapes in which the server and its
// documentation differ: lists with and without a total, numbers as strings, envelopes, and errors as text or pages.
package wire

import (
	"bytes"
	"encoding"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Bodies hold attack traffic, so the text may be any bytes and names may come twice.
var (
	fast    = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	lenient = json.JoinOptions(fast, json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(unmarshalInt),
		json.UnmarshalFromFunc(unmarshalRaw),
		json.UnmarshalFromFunc(forget),
	)))
	// foreign reads what package encoding/json writes of the same value, and integers from strings besides.
	foreign = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false), fast,
		json.WithUnmarshalers(json.JoinUnmarshalers(
			json.UnmarshalFromFunc(unmarshalNumber),
			json.UnmarshalFromFunc(unmarshalInteger),
			json.UnmarshalFromFunc(forget),
		)))
)

// ErrEmpty reports that a body holds no value: nothing at all, or null.
var ErrEmpty = errors.New("no value")

// Object decodes one JSON value into v, through the documented envelope {"ok":true,"data":value} if it comes in one.
// Integers may be strings, and null leaves the zero value in v's fields. A value that would take more memory than a small
// multiple of limit is a *TooHeavyError.
func Object(data []byte, v any, limit int64) error {
	data = bytes.TrimSpace(data)
	if inner, ok, err := envelope(data); err != nil {
		return err
	} else if ok {
		data = inner
	}
	if len(data) == 0 || string(data) == "null" {
		return ErrEmpty
	}
	if err := Check(data, v, limit); err != nil {
		return err
	}
	return json.Unmarshal(data, v, lenient)
}

// Value decodes a value that comes in no envelope, and that is short.
func Value(data []byte, v any) error {
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		return ErrEmpty
	}
	return json.Unmarshal(data, v, lenient)
}

// AnyObject decodes a value of the caller's type as package encoding/json does, and integers of any type also from strings.
func AnyObject(data []byte, v any, limit int64) error {
	if err := Check(data, v, limit); err != nil {
		return err
	}
	return json.Unmarshal(data, v, foreign)
}

// Marshal encodes a request body.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, json.Deterministic(true)) }

// Append appends the encoding of a request body, or of a part of one, to b.
func Append(b []byte, v any) ([]byte, error) {
	text := bytes.NewBuffer(b)
	err := json.MarshalWrite(text, v, json.Deterministic(true))
	return text.Bytes(), err
}

// Write encodes a value to w.
func Write(w io.Writer, v any) error {
	return json.MarshalWrite(w, v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}

// IsMismatch reports whether err is about a value whose JSON type does not fit its field.
func IsMismatch(err error) bool {
	if err == nil {
		return false
	}
	var semantic *json.SemanticError
	return errors.As(err, &semantic)
}

// IsTruncated reports whether err is about a text that ended before its value did.
func IsTruncated(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

// RefusedError is the documented envelope of a request that failed: {"ok":false}.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string {
	if e.Message == "" {
		return "the server reports a failure without saying why"
	}
	return e.Message
}

// envelope returns the data of {"ok":…,"data":…}; an object with any other member is not one. What is wrong with the
// text is left to the decoder of the value, which reports it better.
func envelope(data []byte) (inner []byte, ok bool, err error) {
	if len(data) == 0 || data[0] != '{' {
		return nil, false, nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), fast)
	if _, err := dec.ReadToken(); err != nil {
		return nil, false, nil //nolint:nilerr // see above
	}
	var success jsontext.Kind
	var message string
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, false, nil //nolint:nilerr // see above
		}
		member := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, false, nil //nolint:nilerr // see above
		}
		switch end := dec.InputOffset(); member {
		case "ok":
			if success = value.Kind(); success != 't' && success != 'f' {
				return nil, false, nil
			}
		case "data":
			inner = data[end-int64(len(value)) : end]
		case "message", "msg", "error":
			setText(&message, value)
		default:
			return nil, false, nil
		}
	}
	if !ended(dec) {
		return nil, false, nil
	}
	if success == 'f' {
		return nil, false, &RefusedError{Message: message}
	}
	return inner, success == 't' && inner != nil, nil
}

// ended reports whether the object that dec is in ends next, and the text with it.
func ended(dec *jsontext.Decoder) bool {
	if end, err := dec.ReadToken(); err != nil || end.Kind() != '}' {
		return false
	}
	_, err := dec.ReadToken()
	return err == io.EOF //nolint:errorlint // jsontext returns it bare
}

// setText sets s to a JSON string, and leaves it as it is for any other value.
func setText(s *string, value jsontext.Value) {
	if value.Kind() == '"' {
		_ = json.Unmarshal(value, s, fast)
	}
}

// unmarshalInt takes 8 and "8".
func unmarshalInt(dec *jsontext.Decoder, v *int) error {
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case 'n':
		*v = 0
		return nil
	case '0', '"':
		n, err := strconv.Atoi(t.String())
		if err != nil {
			return fmt.Errorf("%q is not an integer", t.String())
		}
		*v = n
		return nil
	}
	return fmt.Errorf("a JSON %v is not an integer", t.Kind())
}

// unmarshalInteger takes "8" for an integer of any type, unless the type reads itself.
func unmarshalInteger(dec *jsontext.Decoder, v any) error {
	if dec.PeekKind() != '"' {
		return errors.ErrUnsupported
	}
	integer := reflect.ValueOf(v).Elem()
	if !integer.CanInt() && !integer.CanUint() {
		return errors.ErrUnsupported
	}
	switch v.(type) {
	case stdjson.Unmarshaler, json.UnmarshalerFrom, encoding.TextUnmarshaler:
		return errors.ErrUnsupported
	}
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	text := t.String()
	if integer.CanInt() {
		n, err := strconv.ParseInt(text, 10, integer.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not an integer of type %v", text, integer.Type())
		}
		integer.SetInt(n)
		return nil
	}
	n, err := strconv.ParseUint(text, 10, integer.Type().Bits())
	if err != nil {
		return fmt.Errorf("%q is not an integer of type %v", text, integer.Type())
	}
	integer.SetUint(n)
	return nil
}

// unmarshalNumber takes 8 and "8".
func unmarshalNumber(dec *jsontext.Decoder, v *stdjson.Number) error {
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch t.Kind() {
	case 'n':
		return nil
	case '0', '"':
		text := t.String()
		if value := jsontext.Value(text); value.Kind() != '0' || !value.IsValid() || strings.TrimSpace(text) != text {
			return fmt.Errorf("%q is not a number", text)
		}
		*v = stdjson.Number(text)
		return nil
	}
	return fmt.Errorf("a JSON %v is not a number", t.Kind())
}

// unmarshalRaw keeps a value as it is, and null as nil.
func unmarshalRaw(dec *jsontext.Decoder, v *stdjson.RawMessage) error {
	val, err := dec.ReadValue()
	if err != nil {
		return err
	}
	if val.Kind() == 'n' {
		*v = nil
		return nil
	}
	*v = append(stdjson.RawMessage(nil), val...)
	return nil
}

// forget drops what a name that comes twice held first: it would be merged with the second value, or refuse it.
func forget(_ *jsontext.Decoder, v *any) error {
	switch (*v).(type) {
	case map[string]any, []any, string, float64, bool:
		*v = nil
	}
	return errors.ErrUnsupported // which leaves the rest to the usual way
}
