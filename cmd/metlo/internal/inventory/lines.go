package inventory

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

// lines encodes endpoints as their MarshalJSON does, in a tenth of the time: what a field is, and what an empty one
// becomes, is found out once.
type lines struct {
	fields []field
	buffer []byte
}

type field struct {
	index int
	name  string // with quotes and colon
	empty string // a zero value; empty if it is left out
}

func newLines() (*lines, error) {
	data, err := json.Marshal(metlo.Endpoint{})
	if err != nil {
		return nil, err
	}
	var zero map[string]json.RawMessage
	if err := json.Unmarshal(data, &zero); err != nil {
		return nil, err
	}
	l := &lines{}
	kind := reflect.TypeFor[metlo.Endpoint]()
	for i := range kind.NumField() {
		name, options, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		empty, known := zero[name]
		if name == "-" || !known && !strings.Contains(options, "omitzero") {
			return nil, fmt.Errorf("the endpoint's field %s cannot be exported", kind.Field(i).Name)
		}
		l.fields = append(l.fields, field{i, fmt.Sprintf("%q:", name), string(empty)})
	}
	return l, nil
}

func (l *lines) write(w io.Writer, e *metlo.Endpoint) error {
	value := reflect.ValueOf(e).Elem()
	out := l.buffer[:0]
	out = append(out, '{')
	for _, f := range l.fields {
		v := value.Field(f.index)
		text := f.empty
		if v.IsZero() && text == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, f.name...)
		if v.IsZero() {
			out = append(out, text...)
			continue
		}
		var err error
		if out, err = appendJSON(out, v); err != nil {
			return err
		}
	}
	out = append(out, '}', '\n')
	l.buffer = out
	_, err := w.Write(out)
	return err
}

func appendJSON(out []byte, v reflect.Value) ([]byte, error) {
	switch {
	case v.Kind() == reflect.String && plain(v.String()):
		return append(append(append(out, '"'), v.String()...), '"'), nil
	case v.Kind() == reflect.Bool:
		return append(out, "true"...), nil // false is a zero value
	case v.Type() == reflect.TypeFor[time.Time]():
		return v.Interface().(time.Time).AppendFormat(out, `"`+time.RFC3339Nano+`"`), nil
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		out = append(out, '[')
		for i := range v.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = appendJSON(out, v.Index(i)); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	}
	data, err := json.Marshal(v.Interface())
	return append(out, data...), err
}

// plain reports whether JSON writes a text as it is.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
