package metlo

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/wire"
)

// Values encode as the server sent them, so that a stored one decodes to the same value: where the server says null,
// the zero value is null. These are the methods of the types that have such fields.

// MarshalJSON encodes the alert as the server does.
func (a Alert) MarshalJSON() ([]byte, error) { return marshalValue(a, "resolutionMessage") }

// MarshalJSON encodes the endpoint as the server does.
func (e AlertEndpoint) MarshalJSON() ([]byte, error) { return marshalValue(e, "openapiSpecName") }

// MarshalJSON encodes the alert as the server does.
func (a WebhookAlert) MarshalJSON() ([]byte, error) { return marshalValue(a, "resolutionMessage") }

func endpointNulls() []string {
	return []string{"owner", "openapiSpecName", "token_0", "token_1", "token_2", "token_3", "token_4", "token_5"}
}

// MarshalJSON encodes the endpoint as the server does.
func (e Endpoint) MarshalJSON() ([]byte, error) { return marshalValue(e, endpointNulls()...) }

// MarshalJSON encodes the endpoint as the server does.
func (e EndpointDetail) MarshalJSON() ([]byte, error) { return marshalValue(e, endpointNulls()...) }

// UnmarshalJSON decodes what MarshalJSON encodes, and what the server sends.
func (e *EndpointDetail) UnmarshalJSON(data []byte) error { return unmarshalValue(data, e) }

// MarshalJSON encodes the endpoint as the server does.
func (e TopEndpoint) MarshalJSON() ([]byte, error) {
	return marshalValue(e, append(endpointNulls(), "graphQlSchema")...)
}

// UnmarshalJSON decodes what MarshalJSON encodes, and what the server sends.
func (e *TopEndpoint) UnmarshalJSON(data []byte) error { return unmarshalValue(data, e) }

// MarshalJSON encodes the endpoint as the server does.
func (e WebhookEndpoint) MarshalJSON() ([]byte, error) { return marshalValue(e, endpointNulls()...) }

// UnmarshalJSON decodes what MarshalJSON encodes, and what the server sends.
func (e *WebhookEndpoint) UnmarshalJSON(data []byte) error { return unmarshalValue(data, e) }

// MarshalJSON encodes the data field as the server does.
func (f DataField) MarshalJSON() ([]byte, error) { return marshalValue(f, "dataTag", "entity") }

// MarshalJSON encodes the data class as the server does.
func (d DataClass) MarshalJSON() ([]byte, error) { return marshalValue(d, "regex", "keyRegex") }

// MarshalJSON encodes the day as the server does.
func (d DetectionDay) MarshalJSON() ([]byte, error) {
	return marshalValue(d, "numEndpoints", "numFields")
}

// MarshalJSON encodes the day as the server does.
func (d DailyUsage) MarshalJSON() ([]byte, error) { return marshalValue(d, "cnt") }

// MarshalJSON encodes the item as the server does.
func (i PIIItem) MarshalJSON() ([]byte, error) { return marshalValue(i, "risk") }

// MarshalJSON encodes the spec as the server does.
func (s Spec) MarshalJSON() ([]byte, error) { return marshalValue(s) }

// MarshalJSON encodes the settings as the server does.
func (s InstanceSettings) MarshalJSON() ([]byte, error) { return marshalValue(s, "updateEmail") }

// MarshalJSON encodes the configuration as the server does.
func (c AgentConfig) MarshalJSON() ([]byte, error) { return marshalValue(c, "encryptionPublicKey") }

// MarshalJSON encodes the endpoint as the server does.
func (e AgentEndpoint) MarshalJSON() ([]byte, error) { return marshalValue(e, "openapiSpecName") }

// MarshalJSON encodes the data field as the server does.
func (f TestDataField) MarshalJSON() ([]byte, error) { return marshalValue(f, "entity") }

// MarshalJSON encodes the configuration as the server does.
func (c TestAuthConfig) MarshalJSON() ([]byte, error) {
	return marshalValue(c, "headerKey", "jwtUserPath", "cookieName")
}

// marshalValue encodes the fields of a struct and of those embedded in it. A time that is zero is null, and so is a
// zero field with one of the names in nulls.
func marshalValue(v any, nulls ...string) ([]byte, error) {
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

// unmarshalValue decodes an object into the fields of the struct that v points to and of those embedded in it.
func unmarshalValue(data []byte, v any) error {
	var members map[string]json.RawMessage
	if err := wire.Value(data, &members); err != nil {
		return err
	}
	for _, f := range jsonFields(reflect.ValueOf(v).Elem()) {
		f.value.SetZero()
		member, ok := members[f.name]
		if !ok || len(member) == 0 {
			continue
		}
		if err := wire.Value(member, f.value.Addr().Interface()); err != nil {
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
