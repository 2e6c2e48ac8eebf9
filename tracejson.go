package metlo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MarshalJSON encodes the trace as the collector takes it: lists that are nil are empty.
func (t Trace) MarshalJSON() ([]byte, error) { return t.append(nil) }

// MarshalJSON encodes the request as the collector takes it: lists that are nil are empty.
func (r TraceRequest) MarshalJSON() ([]byte, error) { return r.append(nil) }

// MarshalJSON encodes the URL as the collector takes it: a list that is nil is empty.
func (u TraceURL) MarshalJSON() ([]byte, error) { return u.append(nil) }

// MarshalJSON encodes the response as the collector takes it: a list that is nil is empty.
func (r TraceResponse) MarshalJSON() ([]byte, error) { return r.append(nil) }

// MarshalJSON encodes the members of Extra beside the others, which come first where a name is both.
func (m TraceMeta) MarshalJSON() ([]byte, error) { return m.append(nil) }

// UnmarshalJSON keeps members that no field is for in Extra. Ports may be numbers.
func (m *TraceMeta) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	decoded := TraceMeta{}
	fields := decoded.fields()
	for name, raw := range members {
		if name == "incoming" {
			if err := json.Unmarshal(raw, &decoded.Incoming); err != nil {
				return fmt.Errorf("incoming: %w", err)
			}
			continue
		}
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			text = string(raw)
		}
		if field, known := fields[name]; known {
			*field = text
			continue
		}
		if decoded.Extra == nil {
			decoded.Extra = map[string]string{}
		}
		decoded.Extra[name] = text
	}
	*m = decoded
	return nil
}

// fields are those that hold text, by the names of their members.
func (m *TraceMeta) fields() map[string]*string {
	return map[string]*string{
		"source": &m.Source, "sourcePort": &m.SourcePort, "destination": &m.Destination,
		"destinationPort": &m.DestinationPort, "originalSource": &m.OriginalSource, "environment": &m.Environment,
	}
}

func (t *Trace) append(b []byte) ([]byte, error) {
	b, err := t.Request.append(append(b, `{"request":`...))
	if err != nil {
		return nil, err
	}
	if b, err = t.Response.append(append(b, `,"response":`...)); err != nil {
		return nil, err
	}
	if b, err = t.Meta.append(append(b, `,"meta":`...)); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (r *TraceRequest) append(b []byte) ([]byte, error) {
	b, err := r.URL.append(append(b, `{"url":`...))
	if err != nil {
		return nil, err
	}
	if b, err = appendPairs(append(b, `,"headers":`...), r.Headers); err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"body":`, r.Body); err != nil {
		return nil, err
	}
	method, err := r.Method.MarshalText()
	if err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"method":`, string(method)); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (u *TraceURL) append(b []byte) ([]byte, error) {
	b, err := appendMember(b, `{"host":`, u.Host)
	if err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"path":`, u.Path); err != nil {
		return nil, err
	}
	if b, err = appendPairs(append(b, `,"parameters":`...), u.Parameters); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (r *TraceResponse) append(b []byte) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"status":`...), int64(r.Status), 10)
	b, err := appendPairs(append(b, `,"headers":`...), r.Headers)
	if err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"body":`, r.Body); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (m *TraceMeta) append(b []byte) ([]byte, error) {
	b = strconv.AppendBool(append(b, `{"incoming":`...), m.Incoming)
	var err error
	for _, member := range []struct {
		name, value string
		always      bool
	}{
		{`,"source":`, m.Source, true},
		{`,"sourcePort":`, m.SourcePort, true},
		{`,"destination":`, m.Destination, true},
		{`,"destinationPort":`, m.DestinationPort, true},
		{`,"originalSource":`, m.OriginalSource, false},
		{`,"environment":`, m.Environment, false},
	} {
		if member.value != "" || member.always {
			if b, err = appendMember(b, member.name, member.value); err != nil {
				return nil, err
			}
		}
	}
	if len(m.Extra) == 0 {
		return append(b, '}'), nil
	}
	fields := m.fields()
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		if _, known := fields[name]; known || name == "incoming" {
			continue
		}
		if b, err = jsontext.AppendQuote(append(b, ','), name); err != nil {
			return nil, err
		}
		if b, err = appendMember(b, ":", m.Extra[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendMember(b []byte, name, value string) ([]byte, error) {
	return jsontext.AppendQuote(append(b, name...), value)
}

func appendPairs(b []byte, pairs []NameValue) ([]byte, error) {
	b = append(b, '[')
	for i, pair := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendMember(b, `{"name":`, pair.Name); err != nil {
			return nil, err
		}
		if b, err = appendMember(b, `,"value":`, pair.Value); err != nil {
			return nil, err
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}
