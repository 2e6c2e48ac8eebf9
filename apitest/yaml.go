package apitest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads a test file. Faults are *ConfigError, all of them joined, with the file's name.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("apitest: read the test file: %w", err)
	}
	return parse(path, text)
}

// Parse reads the YAML (or JSON) of one test. Faults are *ConfigError, all of them joined,
// with line and column. Keys that the test language does not have are faults.
func Parse(text []byte) (*Config, error) {
	return parse("", text)
}

func parse(file string, text []byte) (*Config, error) {
	root, err := parseYAML(file, text)
	if err != nil {
		return nil, err
	}
	d := &yamlDecoder{file: file, anchors: map[string]ast.Node{}}
	d.collectAnchors(root)
	c := d.config(root)
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// parseYAML gives the root node of the only document in text.
func parseYAML(file string, text []byte) (ast.Node, error) {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		fault := &ConfigError{File: file, Line: 1, Column: 1, Message: err.Error()}
		var yamlErr yaml.Error
		if errors.As(err, &yamlErr) {
			fault.Message = "not valid YAML: " + yamlErr.GetMessage()
			if tk := yamlErr.GetToken(); tk != nil {
				fault.Line, fault.Column = tk.Position.Line, tk.Position.Column
			}
		}
		return nil, fault
	}
	var bodies []ast.Node
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, &ConfigError{File: file, Line: 1, Column: 1, Message: "the file is empty: a test needs id and test"}
	case 1:
		return bodies[0], nil
	}
	at := bodies[1].GetToken().Position
	return nil, &ConfigError{File: file, Line: at.Line, Column: at.Column, Message: "a second document starts here: write one test per file"}
}

// yamlDecoder turns a syntax tree into a Config and gathers every fault on the way.
type yamlDecoder struct {
	file    string
	anchors map[string]ast.Node
	errs    []error
	visited int
}

// maxNodes bounds the work that aliases of aliases can ask for.
const maxNodes = 200_000

// maxMerges bounds how deep mappings may merge each other.
const maxMerges = 50

func (d *yamlDecoder) fail(n ast.Node, path, format string, args ...any) {
	e := &ConfigError{File: d.file, Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil && n.GetToken() != nil {
		e.Line, e.Column = n.GetToken().Position.Line, n.GetToken().Position.Column
	}
	d.errs = append(d.errs, e)
}

func (d *yamlDecoder) config(n ast.Node) *Config {
	c := &Config{}
	d.mapping(n, "", "id test", fields{
		"id":      func(n ast.Node) { c.ID = d.id(n) },
		"meta":    func(n ast.Node) { c.Meta = d.meta(n) },
		"options": func(n ast.Node) { c.Options = d.options(n) },
		"env":     func(n ast.Node) { c.Env = d.keyValues(n, "env") },
		"test": func(n ast.Node) {
			c.Test = list(d, n, "test", d.step)
			if seq, ok := d.resolve(n).(*ast.SequenceNode); ok && len(seq.Values) == 0 {
				d.fail(n, "test", noSteps)
			}
		},
	})
	return c
}

func (d *yamlDecoder) id(n ast.Node) string {
	before := len(d.errs)
	id := d.text(n, "id")
	if msg := checkID(id); msg != "" && len(d.errs) == before {
		d.fail(n, "id", "%s", msg)
	}
	return id
}

func (d *yamlDecoder) meta(n ast.Node) *Meta {
	m := &Meta{}
	d.mapping(n, "meta", "", fields{
		"name":     func(n ast.Node) { m.Name = d.text(n, "meta.name") },
		"severity": func(n ast.Node) { m.Severity = Severity(d.oneOf(n, "meta.severity", severities)) },
		"tags":     func(n ast.Node) { m.Tags = list(d, n, "meta.tags", d.text) },
	})
	return m
}

func (d *yamlDecoder) options(n ast.Node) Options {
	var o Options
	d.mapping(n, "options", "", fields{
		"stopOnFailure": func(n ast.Node) {
			v, _ := d.scalar(n)
			stop, ok := v.(bool)
			if o.StopOnFailure = stop; !ok {
				d.fail(n, "options.stopOnFailure", "must be true or false")
			}
		},
	})
	return o
}

func (d *yamlDecoder) keyValues(n ast.Node, path string) []KeyValue {
	return list(d, n, path, func(n ast.Node, path string) KeyValue {
		var kv KeyValue
		d.mapping(n, path, "name value", fields{
			"name": func(n ast.Node) { kv.Name = d.name(n, path+".name") },
			"value": func(n ast.Node) {
				v, ok := d.scalar(n)
				if !ok || v == nil {
					d.fail(n, path+".value", "must be a string, a number or a bool")
					return
				}
				kv.Value = jsString(v)
			},
		})
		return kv
	})
}

func (d *yamlDecoder) step(n ast.Node, path string) Step {
	var s Step
	d.mapping(n, path, "request", fields{
		"request": func(n ast.Node) { s.Request = d.request(n, path+".request") },
		"payload": func(n ast.Node) { s.Payload = d.payloads(n, path+".payload") },
		"extract": func(n ast.Node) { s.Extract = list(d, n, path+".extract", d.extractor) },
		"assert":  func(n ast.Node) { s.Assert = list(d, n, path+".assert", d.assertion) },
	})
	return s
}

func (d *yamlDecoder) request(n ast.Node, path string) Request {
	var r Request
	d.mapping(n, path, "method url", fields{
		"method":  func(n ast.Node) { r.Method = metlo.RestMethod(d.oneOf(n, path+".method", restMethods)) },
		"url":     func(n ast.Node) { r.URL = d.name(n, path+".url") },
		"query":   func(n ast.Node) { r.Query = d.keyValues(n, path+".query") },
		"headers": func(n ast.Node) { r.Headers = d.keyValues(n, path+".headers") },
		"form":    func(n ast.Node) { r.Form = d.keyValues(n, path+".form") },
		"data":    func(n ast.Node) { r.Data = d.text(n, path+".data") },
		"graphql": func(n ast.Node) { r.GraphQL = d.text(n, path+".graphql") },
	})
	return r
}

func (d *yamlDecoder) extractor(n ast.Node, path string) Extractor {
	e := Extractor{Type: ExtractValue}
	d.mapping(n, path, "name value", fields{
		"name":  func(n ast.Node) { e.Name = d.name(n, path+".name") },
		"type":  func(n ast.Node) { e.Type = ExtractorType(d.oneOf(n, path+".type", extractorTypes)) },
		"value": func(n ast.Node) { e.Value = d.text(n, path+".value") },
	})
	return e
}

func (d *yamlDecoder) payloads(n ast.Node, path string) []Payload {
	used := map[string]bool{}
	return list(d, n, path, func(n ast.Node, path string) Payload {
		var p Payload
		d.mapping(n, path, "key value", fields{
			"key": func(n ast.Node) {
				p.Key = d.name(n, path+".key")
				if used[p.Key] {
					d.fail(n, path+".key", "%q is used twice in this step", p.Key)
				}
				used[p.Key] = true
			},
			"value": func(n ast.Node) { p.Value = d.name(n, path+".value") },
		})
		return p
	})
}

func (d *yamlDecoder) assertion(n ast.Node, path string) Assertion {
	if _, isMap := d.resolve(n).(ast.MapNode); !isMap {
		return Expr(d.text(n, path))
	}
	a := Assertion{Type: AssertEqual}
	before := len(d.errs)
	d.mapping(n, path, "value", fields{
		"description": func(n ast.Node) { a.Description = d.text(n, path+".description") },
		"type":        func(n ast.Node) { a.Type = AssertionType(d.oneOf(n, path+".type", assertionTypes)) },
		"key":         func(n ast.Node) { a.Key = d.text(n, path+".key") },
		"value":       func(n ast.Node) { a.Value = d.assertionValue(n, path+".value") },
	})
	if len(d.errs) == before {
		if field, msg := a.fault(); msg != "" {
			d.fail(n, path+field, "%s", msg)
		}
	}
	return a
}

func (d *yamlDecoder) assertionValue(n ast.Node, path string) any {
	if seq, ok := d.resolve(n).(*ast.SequenceNode); ok {
		return list(d, seq, path, d.primitive)
	}
	return d.primitive(n, path)
}

func (d *yamlDecoder) primitive(n ast.Node, path string) any {
	v, ok := d.scalar(n)
	if ok {
		v, err := primitive(v, false)
		if err == nil {
			return v
		}
	}
	d.fail(n, path, "must be a string, a number or a bool")
	return ""
}

// name decodes a string that may not be empty.
func (d *yamlDecoder) name(n ast.Node, path string) string {
	s := d.text(n, path)
	if v, ok := d.scalar(n); ok && v == "" {
		d.fail(n, path, "is empty")
	}
	return s
}

// text decodes a string.
func (d *yamlDecoder) text(n ast.Node, path string) string {
	v, ok := d.scalar(n)
	s, isString := v.(string)
	switch {
	case isString:
	case !ok:
		d.fail(n, path, "must be a string, not a %s", kindOf(d.resolve(n)))
	case v == nil:
		d.fail(n, path, "must be a string, but there is nothing here")
	default:
		d.fail(n, path, "must be a string: put %s in quotes", jsString(v))
	}
	return s
}

// oneOf decodes a string out of a closed set.
func (d *yamlDecoder) oneOf(n ast.Node, path string, allowed []string) string {
	v, _ := d.scalar(n)
	s, isString := v.(string)
	if !isString || !slices.Contains(allowed, s) {
		d.fail(n, path, "must be one of %s", strings.Join(allowed, ", "))
		return ""
	}
	return s
}
