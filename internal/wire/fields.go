package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// MarshalFields encodes the fields of a struct and of those embedded in it. A time that is zero is null, and so is a
// zero field with one of the names in nulls.
func MarshalFields(v any, nulls ...string) ([]byte, error) {
	b := bytes.NewBufferString("{")
	for _, f := range jsonFields(reflect.ValueOf(v)) {
		if f.omitZero && f.value.IsZero() {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		moment, isTime := f.value.Interface().(time.Time)
		text := []byte("null")
		if !(isTime && moment.IsZero()) && !(f.value.IsZero() && slices.Contains(nulls, f.name)) {
			if text, err = json.Marshal(f.value.Interface()); err != nil {
				return nil, err
			}
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalFields decodes an object into the fields of the struct that v points to and of those embedded in it.
func UnmarshalFields(data []byte, v any) error {
	var members map[string]json.RawMessage
	if err := Value(data, &members); err != nil {
		return err
	}
	for _, f := range jsonFields(reflect.ValueOf(v).Elem()) {
		f.value.SetZero()
		member, ok := members[f.name]
		if !ok || len(member) == 0 {
			continue
		}
		if err := Value(member, f.value.Addr().Interface()); err != nil {
			return err
		}
	}
	return nil
}

// jsonField is a field of a struct, as package encoding/json has it.
type jsonField struct {
	name     string
	omitZero bool
	value    reflect.Value
}

// jsonFields lists the fields of a struct; those of an embedded struct come first, without what an outer one hides.
func jsonFields(v reflect.Value) []jsonField {
	var fields []jsonField
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag := field.Tag.Get("json")
		switch name, options, _ := strings.Cut(tag, ","); {
		case field.Anonymous && tag == "":
			fields = append(fields, jsonFields(v.Field(i))...)
		case field.IsExported() && name != "-" && name != "":
			fields = slices.DeleteFunc(fields, func(f jsonField) bool { return f.name == name })
			fields = append(fields, jsonField{name, options == "omitzero", v.Field(i)})
		}
	}
	return fields
}
