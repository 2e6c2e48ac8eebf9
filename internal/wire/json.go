// Package wire decodes what a Metlo server sends. It handles the differences between the server and its documentation:
// lists with and without a total, numbers as strings, envelopes, and errors as text or pages.
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

// Bodies contain attack traffic, so the text may be any bytes and have duplicate names.
var (
	fast    = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	lenient = json.JoinOptions(fast, json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(unmarshalInt),
		json.UnmarshalFromFunc(unmarshalRaw),
		json.UnmarshalFromFunc(dropDuplicate),
	)))
	// jsonV1Options decode values like package encoding/json, and integers also from strings.
	jsonV1Options = json.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv1.ReportErrorsWithLegacySemantics(false), fast,
		json.WithUnmarshalers(json.JoinUnmarshalers(
			json.UnmarshalFromFunc(unmarshalNumber),
			json.UnmarshalFromFunc(unmarshalInteger),
			json.UnmarshalFromFunc(dropDuplicate),
		)))
)

// ErrEmpty reports that a body holds no value or null.
var ErrEmpty = errors.New("no value")

// Object decodes one JSON value into v, directly or inside the documented envelope {"ok":true,"data":value}. Integers
// may be strings, and null leaves the zero value in v's fields. A value that would take more memory than a small
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

// Value decodes a short value without an envelope.
func Value(data []byte, v any) error {
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		return ErrEmpty
	}
	return json.Unmarshal(data, v, lenient)
}

// AnyObject decodes a value of the caller's type like package encoding/json, and integers of any type also from
// strings.
func AnyObject(data []byte, v any, limit int64) error {
	if err := Check(data, v, limit); err != nil {
		return err
	}
	return json.Unmarshal(data, v, jsonV1Options)
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

// IsMismatch reports whether err describes a value whose JSON type does not match its field.
func IsMismatch(err error) bool {
	if err == nil {
		return false
	}
	var semantic *json.SemanticError
	return errors.As(err, &semantic)
}

// IsTruncated reports whether err describes a text that ended within its value.
func IsTruncated(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

// RefusedError describes the documented envelope of a failed request: {"ok":false}.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string {
	if e.Message == "" {
		return "the server reports a failure without saying why"
	}
	return e.Message
}

// envelope returns the data of {"ok":…,"data":…}. An object with any other member is not an envelope. Malformed text is
// not an error here, because the decoder of the value reports it better.
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

// ended reports whether dec is at the end of its object and of the text.
func ended(dec *jsontext.Decoder) bool {
	if end, err := dec.ReadToken(); err != nil || end.Kind() != '}' {
		return false
	}
	_, err := dec.ReadToken()
	return err == io.EOF //nolint:errorlint // jsontext returns it bare
}

// setText sets s to a JSON string, and leaves it unchanged for any other value.
func setText(s *string, value jsontext.Value) {
	if value.Kind() == '"' {
		_ = json.Unmarshal(value, s, fast)
	}
}

// unmarshalInt decodes 8 and "8".
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

// unmarshalInteger decodes "8" into an integer of any type, unless the type has its own method.
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

// unmarshalNumber decodes 8 and "8".
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

// unmarshalRaw stores the raw value, and null as nil.
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

// dropDuplicate clears the earlier value of a duplicate name, which would otherwise be merged with the later one, or cause an
// error.
func dropDuplicate(_ *jsontext.Decoder, v *any) error {
	switch (*v).(type) {
	case map[string]any, []any, string, float64, bool:
		*v = nil
	}
	return errors.ErrUnsupported // leaves the rest to the default decoder
}
