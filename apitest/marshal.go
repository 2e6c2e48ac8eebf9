package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/yamltree"
)

// Marshal returns c as a test file with id, meta, options, env and test, in this order and in the layout of the
// original library. Empty parts are left out. Marshal returns an error if c is invalid or contains text that YAML
// cannot represent.
func (c *Config) Marshal() ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := c.write()
	return w.buf.Bytes(), w.check(c)
}

// write returns a writer that holds the text of a valid test.
func (c *Config) write() *yamlWriter {
	w := new(yamlWriter)
	w.pair(0, "id", c.ID)
	if m := c.Meta; m != nil && !reflect.DeepEqual(*m, Meta{}) {
		w.section("meta")
		w.optional(1, "name", m.Name)
		w.optional(1, "severity", string(m.Severity))
		w.strings(1, "tags", m.Tags)
	}
	if c.StopOnFailure || c.Cookies != "" {
		w.section("options")
		if c.StopOnFailure {
			w.pair(1, "stopOnFailure", true)
		}
		w.optional(1, "cookies", string(c.Cookies))
	}
	if len(c.Env) > 0 {
		w.buf.WriteByte('\n')
		w.keyValues(0, "env", c.Env)
	}
	w.section("test")
	for i := range c.Test {
		w.step(&c.Test[i])
	}
	return w
}

// check parses the text and compares the result with c, because the text replaces the test.
func (w *yamlWriter) check(c *Config) error {
	if w.err != nil {
		return w.err
	}
	back, err := Parse(w.buf.Bytes())
	if err != nil {
		return fmt.Errorf("apitest: marshal: the written text cannot be parsed: %w", err)
	}
	if !reflect.DeepEqual(back.normal(), c.normal()) {
		return errors.New("apitest: marshal: the written text parses as a different test: remove characters that YAML cannot represent")
	}
	return nil
}

// normal returns the test as a file represents it: empty parts are nil, defaults are explicit, and numbers are int or
// float64.
func (c *Config) normal() *Config {
	out := &Config{ID: c.ID, StopOnFailure: c.StopOnFailure, Cookies: c.Cookies, Env: orNil(c.Env)}
	if c.Meta != nil && !reflect.DeepEqual(*c.Meta, Meta{}) {
		out.Meta = &Meta{Name: c.Meta.Name, Severity: c.Meta.Severity, Tags: orNil(c.Meta.Tags)}
	}
	for _, s := range c.Test {
		r := s.Request
		r.Headers, r.Query, r.Form = orNil(r.Headers), orNil(r.Query), orNil(r.Form)
		step := Step{Request: r, Payload: orNil(s.Payload), Retry: s.Retry, Timeout: s.Timeout, Until: s.Until, As: s.As, Control: s.Control}
		for _, e := range s.Extract {
			e.Type = e.kind()
			step.Extract = append(step.Extract, e)
		}
		for _, a := range s.Assert {
			a.Type = a.kind()
			if v, err := primitive(a.Value, true); err == nil {
				a.Value = v
			}
			step.Assert = append(step.Assert, a)
		}
		out.Test = append(out.Test, step)
	}
	return out
}

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// yamlWriter writes a test. A level of indentation is two columns.
type yamlWriter struct {
	buf bytes.Buffer
	// item is set if the next key follows the dash of a list element.
	item bool
	err  error
}

func (w *yamlWriter) section(name string) {
	w.buf.WriteString("\n" + name + ":\n")
}

func (w *yamlWriter) key(level int, name string) {
	if w.item {
		w.item = false
		w.buf.WriteString(strings.Repeat("  ", level-1) + "- " + name + ":")
		return
	}
	w.buf.WriteString(strings.Repeat("  ", level) + name + ":")
}

func (w *yamlWriter) pair(level int, name string, value any) {
	w.key(level, name)
	w.buf.WriteString(" " + w.scalar(value, level+1) + "\n")
}

func (w *yamlWriter) optional(level int, name, value string) {
	if value != "" {
		w.pair(level, name, value)
	}
}

func (w *yamlWriter) strings(level int, name string, values []string) {
	if len(values) == 0 {
		return
	}
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	w.scalars(level, name, list)
}

func (w *yamlWriter) scalars(level int, name string, values []any) {
	w.key(level, name)
	w.buf.WriteByte('\n')
	for _, v := range values {
		w.buf.WriteString(strings.Repeat("  ", level+1) + "- " + w.scalar(v, level+2) + "\n")
	}
}

func (w *yamlWriter) keyValues(level int, name string, values []KeyValue) {
	if len(values) == 0 {
		return
	}
	w.key(level, name)
	w.buf.WriteByte('\n')
	for _, kv := range values {
		w.item = true
		w.pair(level+2, "name", kv.Name)
		w.pair(level+2, "value", kv.Value)
	}
}

func (w *yamlWriter) step(s *Step) {
	w.item = true
	w.key(2, "request")
	w.buf.WriteByte('\n')
	r := &s.Request
	w.pair(3, "method", string(r.Method))
	w.pair(3, "url", r.URL)
	w.keyValues(3, "query", r.Query)
	w.keyValues(3, "headers", r.Headers)
	w.keyValues(3, "form", r.Form)
	w.optional(3, "data", r.Data)
	w.optional(3, "graphql", r.GraphQL)
	if r.FollowRedirects != nil {
		w.pair(3, "followRedirects", *r.FollowRedirects)
	}
	if s.Retry > 0 {
		w.pair(2, "retry", s.Retry)
	}
	if s.Timeout > 0 {
		w.pair(2, "timeout", s.Timeout.String())
	}
	if s.Until > 0 {
		w.pair(2, "until", s.Until.String())
	}
	if s.As != "" {
		w.pair(2, "as", s.As)
	}
	if s.Control != "" {
		w.pair(2, "control", s.Control)
	}
	if len(s.Payload) > 0 {
		w.buf.WriteString("    payload:\n")
		for _, p := range s.Payload {
			w.item = true
			w.pair(4, "key", p.Key)
			w.pair(4, "value", p.Value)
		}
	}
	if len(s.Extract) > 0 {
		w.buf.WriteString("    extract:\n")
		for _, e := range s.Extract {
			w.item = true
			w.pair(4, "name", e.Name)
			w.pair(4, "type", string(e.kind()))
			w.pair(4, "value", e.Value)
		}
	}
	if len(s.Assert) > 0 {
		w.buf.WriteString("    assert:\n")
		for i := range s.Assert {
			w.assertion(&s.Assert[i])
		}
	}
}

func (w *yamlWriter) assertion(a *Assertion) {
	value, _ := primitive(a.Value, true)
	if a.Bare {
		w.buf.WriteString("      - " + w.scalar(value, 4) + "\n")
		return
	}
	w.item = true
	w.optional(4, "description", a.Description)
	w.pair(4, "type", string(a.kind()))
	w.optional(4, "key", a.Key)
	if list, ok := value.([]any); ok {
		w.scalars(4, "value", list)
		return
	}
	w.pair(4, "value", value)
}

func (w *yamlWriter) scalar(v any, level int) string {
	s, ok := v.(string)
	if !ok {
		return jsvalue.String(v)
	}
	if !utf8.ValidString(s) && w.err == nil {
		w.err = fmt.Errorf("apitest: marshal: %q is not valid UTF-8", s)
	}
	return yamltree.Text(s, level)
}
