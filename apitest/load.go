package apitest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/yamltree"
)

// Load reads and parses a test file. It returns all faults as *ConfigError, joined, with the file's name, line and
// column.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("apitest: read the test file: %w", err)
	}
	cfg, err := parse(path, text)
	if cfg != nil {
		cfg.File = path
	}
	return cfg, err
}

// Parse parses the YAML or JSON of one test. It returns all faults as *ConfigError, joined, with line and column. An
// unknown key is a fault.
func Parse(text []byte) (*Config, error) {
	return parse("", text)
}

func parse(file string, text []byte) (*Config, error) {
	var check checker
	defer check.close()
	return parseWith(&check, file, text)
}

func parseWith(check *checker, file string, text []byte) (*Config, error) {
	d := &decoder{file: file, lines: strings.Split(string(text), "\n"), at: map[string]*yamltree.Node{}}
	root, err := d.parseYAML(string(text))
	if err != nil {
		return nil, err
	}
	c := d.config(root)
	if len(d.errs) > 0 {
		return nil, d.joined()
	}
	if err := c.validate(check); err != nil {
		return nil, d.placed(err)
	}
	return c, nil
}

// decoder decodes YAML into a Config and collects the faults.
type decoder struct {
	file  string
	lines []string
	// Nodes by path, for the places of faults.
	at   map[string]*yamltree.Node
	errs []error
}

// maxFaults is the number of faults of a file that are reported.
const maxFaults = 50

func (d *decoder) joined() error {
	if more := len(d.errs) - maxFaults; more > 0 {
		d.errs = append(d.errs[:maxFaults], &ConfigError{File: d.file, Line: 1, Column: 1, Message: fmt.Sprintf("there are %d more faults", more)})
	}
	return errors.Join(d.errs...)
}

// parseYAML returns the root node of the only document in text.
func (d *decoder) parseYAML(text string) (*yamltree.Node, error) {
	root, err := yamltree.Parse(text)
	var broken *yamltree.Error
	if errors.As(err, &broken) {
		fault := &ConfigError{File: d.file, Line: broken.Line, Column: broken.Column, Message: "not valid YAML: " + broken.Reason}
		for line := fault.Line; line >= max(fault.Line-1, 1); line-- { // YAML reports the fault of an unquoted template up to a line later
			if hint := d.quoteHint(line); hint != "" {
				fault.Line, fault.Message = line, fault.Message+"; "+hint
				break
			}
		}
		if strings.Contains(broken.Reason, "single document") {
			fault.Message += "; write one test per file"
		}
		if fault.Line <= len(d.lines) && strings.HasPrefix(strings.TrimLeft(d.lines[fault.Line-1], " "), "\t") {
			fault.Message += "; indent with spaces, not with tabs"
		}
		return nil, fault
	}
	if err != nil {
		return nil, &ConfigError{File: d.file, Line: 1, Column: 1, Message: err.Error()}
	}
	if root == nil || root.Kind == yamltree.Null {
		return nil, &ConfigError{File: d.file, Line: 1, Column: 1, Message: "the file is empty: a test needs id and test"}
	}
	return root, nil
}

// quoteHint returns a hint for a line with a value that starts with an unquoted {{, or "".
func (d *decoder) quoteHint(line int) string {
	if line > len(d.lines) {
		return ""
	}
	text := d.lines[line-1]
	for _, before := range []string{": ", "- ", "[", ","} {
		i := strings.Index(text, before+"{{")
		if i < 0 {
			continue
		}
		value := strings.TrimSpace(text[i+len(before):])
		return fmt.Sprintf("a value that starts with {{ must be quoted: '%s'", strings.ReplaceAll(value, "'", "''"))
	}
	return ""
}

func (d *decoder) fail(n *yamltree.Node, path, format string, args ...any) {
	e := &ConfigError{File: d.file, Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	d.errs = append(d.errs, e)
}

// placed adds the places in the file to the faults that Validate found.
func (d *decoder) placed(err error) error {
	var list []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, e := range list {
		var fault *ConfigError
		if errors.As(e, &fault) {
			fault.File, fault.Line, fault.Column = d.file, 1, 1
			for path := fault.Path; path != ""; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
				if n := d.at[path]; n != nil {
					fault.Line, fault.Column = n.Line, n.Column
					break
				}
			}
		}
		d.errs = append(d.errs, e)
	}
	return d.joined()
}

// fields maps the keys of a mapping to the functions that decode their values.
type fields map[string]func(n *yamltree.Node)

// commonMistakes maps keys that people write by mistake to the right ones.
var commonMistakes = map[string]string{
	"tests": "test", "steps": "test", "name": "id", "asserts": "assert", "assertions": "assert", "assertion": "assert", "expect": "assert",
	"extracts": "extract", "extractors": "extract", "payloads": "payload", "header": "headers", "body": "data", "json": "data",
	"params": "query", "queries": "query", "environment": "env", "variables": "env", "requests": "request", "option": "options",
	"redirects": "followRedirects", "follow_redirects": "followRedirects", "retries": "retry",
}

// mapping decodes the keys of n. required lists the required keys, separated by spaces.
func (d *decoder) mapping(n *yamltree.Node, path, required string, known fields) {
	d.at[path] = n
	if n.Kind != yamltree.Mapping {
		d.fail(n, path, "must be a mapping, not a %s", kindOf(n))
		return
	}
	for i := range n.Pairs {
		p := &n.Pairs[i]
		if read, ok := known[p.Key]; ok {
			read(p.Value)
			continue
		}
		message := fmt.Sprintf("unknown key %q", p.Key)
		if meant, ok := commonMistakes[strings.ToLower(p.Key)]; ok && known[meant] != nil {
			message += fmt.Sprintf(": write %s", meant)
		} else if hint := didYouMean(p.Key, sortedKeys(known)); hint != "" {
			message += hint
		} else {
			message += ": expected one of " + strings.Join(sortedKeys(known), ", ")
		}
		d.errs = append(d.errs, &ConfigError{File: d.file, Line: p.Line, Column: p.Column, Path: path, Message: message})
	}
	for name := range strings.FieldsSeq(required) {
		if n.Get(name) == nil {
			d.fail(n, path, "%s is missing", name)
		}
	}
}

func list[T any](d *decoder, n *yamltree.Node, path string, read func(n *yamltree.Node, path string) T) []T {
	d.at[path] = n
	if n.Kind != yamltree.Sequence {
		hint := ""
		if n.Kind == yamltree.Mapping || n.Kind == yamltree.String {
			hint = ": write a dash before it"
		}
		d.fail(n, path, "must be a list, not a %s%s", kindOf(n), hint)
		return nil
	}
	var out []T
	for i, item := range n.Items {
		out = append(out, read(item, fmt.Sprintf("%s[%d]", path, i)))
	}
	return out
}

func kindOf(n *yamltree.Node) string {
	switch n.Kind {
	case yamltree.Mapping:
		return "mapping"
	case yamltree.Sequence:
		return "list"
	}
	return "scalar"
}

// scalar returns n as a string, bool, int, float64 or nil. It reports false if n is not a scalar. A date stays a
// string.
func (d *decoder) scalar(n *yamltree.Node) (any, bool) {
	switch n.Kind {
	case yamltree.Null:
		return nil, true
	case yamltree.Bool:
		return n.Bool, true
	case yamltree.Number:
		return jsvalue.Shrink(n.Number), true
	case yamltree.String:
		return n.Text, true
	}
	return nil, false
}

func (d *decoder) config(n *yamltree.Node) *Config {
	c := &Config{}
	d.mapping(n, "", "id test", fields{
		"id":      func(n *yamltree.Node) { c.ID = d.id(n) },
		"meta":    func(n *yamltree.Node) { c.Meta = d.meta(n) },
		"options": func(n *yamltree.Node) { d.options(n, c) },
		"env":     func(n *yamltree.Node) { c.Env = d.keyValues(n, "env") },
		"test": func(n *yamltree.Node) {
			c.Test = list(d, n, "test", d.step)
			if n.Kind == yamltree.Sequence && len(n.Items) == 0 {
				d.fail(n, "test", noSteps)
			}
		},
	})
	return c
}

func (d *decoder) id(n *yamltree.Node) string {
	before := len(d.errs)
	id := d.text(n, "id")
	if msg := checkID(id); msg != "" && len(d.errs) == before {
		d.fail(n, "id", "%s", msg)
	}
	return id
}

func (d *decoder) meta(n *yamltree.Node) *Meta {
	m := &Meta{}
	d.mapping(n, "meta", "", fields{
		"name":     func(n *yamltree.Node) { m.Name = d.text(n, "meta.name") },
		"severity": func(n *yamltree.Node) { m.Severity = Severity(d.oneOf(n, "meta.severity", severities)) },
		"tags":     func(n *yamltree.Node) { m.Tags = list(d, n, "meta.tags", d.text) },
	})
	return m
}

func (d *decoder) options(n *yamltree.Node, c *Config) {
	d.mapping(n, "options", "", fields{
		"stopOnFailure": func(n *yamltree.Node) { c.StopOnFailure = d.boolean(n, "options.stopOnFailure") },
		"cookies":       func(n *yamltree.Node) { c.Cookies = CookieMode(d.oneOf(n, "options.cookies", cookieModes)) },
	})
}

func (d *decoder) boolean(n *yamltree.Node, path string) bool {
	if n.Kind != yamltree.Bool {
		d.fail(n, path, "must be true or false")
	}
	return n.Bool
}

func (d *decoder) keyValues(n *yamltree.Node, path string) []KeyValue {
	return list(d, n, path, func(n *yamltree.Node, path string) KeyValue {
		var kv KeyValue
		d.mapping(n, path, "name value", fields{
			"name": func(n *yamltree.Node) { kv.Name = d.name(n, path+".name") },
			"value": func(n *yamltree.Node) {
				if n.Kind == yamltree.Null || n.Kind == yamltree.Sequence || n.Kind == yamltree.Mapping {
					d.failKind(n, path+".value", "must be a string, a number or a bool")
					return
				}
				d.at[path+".value"] = n
				kv.Value = n.Text
			},
		})
		return kv
	})
}

func (d *decoder) step(n *yamltree.Node, path string) Step {
	var s Step
	d.mapping(n, path, "request", fields{
		"request": func(n *yamltree.Node) { s.Request = d.request(n, path+".request") },
		"payload": func(n *yamltree.Node) { s.Payload = d.payloads(n, path+".payload") },
		"extract": func(n *yamltree.Node) { s.Extract = list(d, n, path+".extract", d.extractor) },
		"assert":  func(n *yamltree.Node) { s.Assert = list(d, n, path+".assert", d.assertion) },
		"retry":   func(n *yamltree.Node) { s.Retry = d.count(n, path+".retry") },
		"timeout": func(n *yamltree.Node) { s.Timeout = d.duration(n, path+".timeout") },
		"until":   func(n *yamltree.Node) { s.Until = d.duration(n, path+".until") },
		"as":      func(n *yamltree.Node) { s.As = d.name(n, path+".as") },
		"control": func(n *yamltree.Node) { s.Control = d.control(n, path+".control") },
	})
	return s
}

// control decodes the number of a step or the id of a test.
func (d *decoder) control(n *yamltree.Node, path string) string {
	if v, _ := d.scalar(n); v != nil && n.Kind == yamltree.Number {
		if number, ok := v.(int); ok && number > 0 {
			d.at[path] = n
			return strconv.Itoa(number)
		}
	}
	return d.name(n, path)
}

func (d *decoder) request(n *yamltree.Node, path string) Request {
	var r Request
	d.mapping(n, path, "method url", fields{
		"method":  func(n *yamltree.Node) { r.Method = metlo.RestMethod(d.oneOf(n, path+".method", restMethods)) },
		"url":     func(n *yamltree.Node) { r.URL = d.name(n, path+".url") },
		"query":   func(n *yamltree.Node) { r.Query = d.keyValues(n, path+".query") },
		"headers": func(n *yamltree.Node) { r.Headers = d.keyValues(n, path+".headers") },
		"form":    func(n *yamltree.Node) { r.Form = d.keyValues(n, path+".form") },
		"data":    func(n *yamltree.Node) { r.Data = d.text(n, path+".data") },
		"graphql": func(n *yamltree.Node) { r.GraphQL = d.text(n, path+".graphql") },
		"followRedirects": func(n *yamltree.Node) {
			follow := d.boolean(n, path+".followRedirects")
			r.FollowRedirects = &follow
		},
	})
	return r
}

func (d *decoder) count(n *yamltree.Node, path string) int {
	v, _ := d.scalar(n)
	count, ok := v.(int)
	if !ok || count < 0 {
		d.fail(n, path, "must be a whole number that is not negative")
	}
	return count
}

// maxDuration is the longest time limit of a step.
const maxDuration = 24 * time.Hour

// duration decodes a number of seconds or a duration such as 1m30s.
func (d *decoder) duration(n *yamltree.Node, path string) time.Duration {
	var out time.Duration
	switch n.Kind {
	case yamltree.Number:
		if n.Number < maxDuration.Seconds()+1 { // a larger number could overflow
			out = time.Duration(n.Number * float64(time.Second))
		}
	case yamltree.String:
		out, _ = time.ParseDuration(n.Text)
	}
	if out <= 0 || out > maxDuration {
		d.fail(n, path, "must be a positive number of seconds or a duration such as 5s or 1m30s, at most %v", maxDuration)
	}
	return out
}

func (d *decoder) extractor(n *yamltree.Node, path string) Extractor {
	e := Extractor{Type: ExtractValue}
	d.mapping(n, path, "name value", fields{
		"name":  func(n *yamltree.Node) { e.Name = d.name(n, path+".name") },
		"type":  func(n *yamltree.Node) { e.Type = ExtractorType(d.oneOf(n, path+".type", extractorTypes)) },
		"value": func(n *yamltree.Node) { e.Value = d.text(n, path+".value") },
	})
	return e
}

func (d *decoder) payloads(n *yamltree.Node, path string) []Payload {
	used := map[string]bool{}
	return list(d, n, path, func(n *yamltree.Node, path string) Payload {
		var p Payload
		d.mapping(n, path, "key value", fields{
			"key": func(n *yamltree.Node) {
				p.Key = d.name(n, path+".key")
				if used[p.Key] {
					d.fail(n, path+".key", "%q is used twice in this step", p.Key)
				}
				used[p.Key] = true
			},
			"value": func(n *yamltree.Node) { p.Value = d.name(n, path+".value") },
		})
		return p
	})
}

func (d *decoder) assertion(n *yamltree.Node, path string) Assertion {
	if n.Kind != yamltree.Mapping {
		return Expr(d.text(n, path))
	}
	a := Assertion{Type: AssertEqual}
	before := len(d.errs)
	d.mapping(n, path, "value", fields{
		"description": func(n *yamltree.Node) { a.Description = d.text(n, path+".description") },
		"type":        func(n *yamltree.Node) { a.Type = AssertionType(d.oneOf(n, path+".type", assertionTypes)) },
		"key":         func(n *yamltree.Node) { a.Key = d.text(n, path+".key") },
		"value":       func(n *yamltree.Node) { a.Value = d.assertionValue(n, path+".value") },
	})
	if len(d.errs) == before {
		if field, msg := a.fault(); msg != "" {
			d.fail(n, path+field, "%s", msg)
		}
	}
	return a
}

func (d *decoder) assertionValue(n *yamltree.Node, path string) any {
	if n.Kind == yamltree.Sequence {
		return list(d, n, path, d.primitive)
	}
	d.at[path] = n
	return d.primitive(n, path)
}

func (d *decoder) primitive(n *yamltree.Node, path string) any {
	v, ok := d.scalar(n)
	if ok {
		v, err := primitive(v, false)
		if err == nil {
			return v
		}
	}
	d.failKind(n, path, "must be a string, a number or a bool")
	return ""
}

// name decodes a string that must not be empty.
func (d *decoder) name(n *yamltree.Node, path string) string {
	s := d.text(n, path)
	if v, ok := d.scalar(n); ok && v == "" {
		d.fail(n, path, "is empty")
	}
	return s
}

// text decodes a string.
func (d *decoder) text(n *yamltree.Node, path string) string {
	d.at[path] = n
	v, ok := d.scalar(n)
	s, isString := v.(string)
	switch {
	case isString:
	case !ok:
		d.failKind(n, path, "must be a string")
	case v == nil:
		d.fail(n, path, "must be a string, but is empty")
	default:
		d.fail(n, path, "must be a string: put %s in quotes", n.Text)
	}
	return s
}

// failKind records a fault for a node of the wrong kind.
func (d *decoder) failKind(n *yamltree.Node, path, want string) {
	switch hint := d.quoteHint(n.Line); {
	case n.Kind == yamltree.Mapping && hint != "":
		d.fail(n, path, "%s: %s", want, hint)
	case n.Kind == yamltree.Mapping || n.Kind == yamltree.Sequence:
		d.fail(n, path, "%s, not a %s", want, kindOf(n))
	default:
		d.fail(n, path, "%s", want)
	}
}

// oneOf decodes a string that must be one of allowed.
func (d *decoder) oneOf(n *yamltree.Node, path string, allowed []string) string {
	v, _ := d.scalar(n)
	s, isString := v.(string)
	d.at[path] = n
	if isString && slices.Contains(allowed, s) {
		return s
	}
	for _, a := range allowed {
		if isString && strings.EqualFold(a, s) {
			d.fail(n, path, "must be one of %s: write %s", strings.Join(allowed, ", "), a)
			return ""
		}
	}
	d.fail(n, path, "must be one of %s", strings.Join(allowed, ", "))
	return ""
}
