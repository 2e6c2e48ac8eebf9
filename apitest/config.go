package apitest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	metlo "github.com/metlo-go/metlo"
)

// Config is one test: the content of a YAML test file.
type Config struct {
	// ID names the test. It must contain a letter, a digit, a dash or an underscore.
	ID string `json:"id"`
	// Meta describes the test; nil when the file says nothing.
	Meta *Meta `json:"meta,omitempty"`
	// Options change how the test runs.
	Options Options `json:"options"`
	// Env holds variables, templated in order; each may use the ones before it.
	Env []KeyValue `json:"env,omitempty"`
	// Test holds the steps in the order they run. At least one is required.
	Test []Step `json:"test"`
}

// Meta describes a test to its readers.
type Meta struct {
	// Name is free text.
	Name string `json:"name,omitempty"`
	// Severity is how bad a failure is; empty when not stated.
	Severity Severity `json:"severity,omitempty"`
	// Tags are free words.
	Tags []string `json:"tags,omitempty"`
}

// Options change how a test runs.
type Options struct {
	// StopOnFailure ends the run at the first assertion or step that fails.
	StopOnFailure bool `json:"stopOnFailure,omitempty"`
}

// KeyValue is a named value: a variable, a header, a query parameter or a form field.
type KeyValue struct {
	Name string `json:"name"`
	// Value may hold {{…}} templates.
	Value string `json:"value"`
}

// Step is one request with what is read from its response and what must hold for it.
type Step struct {
	Request Request `json:"request"`
	// Extract fills variables from the response, in order, before the assertions.
	Extract []Extractor `json:"extract,omitempty"`
	// Assert lists what must hold.
	Assert []Assertion `json:"assert,omitempty"`
	// Payload repeats this step and all later ones for every combination of values.
	Payload []Payload `json:"payload,omitempty"`
}

// Request is the request of a step. At most one body is sent: Form, else GraphQL, else Data.
type Request struct {
	Method  metlo.RestMethod `json:"method"`
	URL     string           `json:"url"`
	Headers []KeyValue       `json:"headers,omitempty"`
	// Query is appended to the URL, escaped. A value that is an unfilled <<placeholder>> is left out.
	Query []KeyValue `json:"query,omitempty"`
	// Form is sent as multipart/form-data, or urlencoded when the Content-Type header says so.
	Form []KeyValue `json:"form,omitempty"`
	// Data is a body sent as it is, after templating.
	Data string `json:"data,omitempty"`
	// GraphQL is a query document, sent as {"query": …} without templating.
	GraphQL string `json:"graphql,omitempty"`
}

// Extractor reads one variable from a response.
type Extractor struct {
	// Name is the variable to set.
	Name string `json:"name"`
	// Type says how Value is read; empty means ExtractValue.
	Type ExtractorType `json:"type,omitempty"`
	// Value is a path, a script, a regular expression or a CSS selector.
	Value string `json:"value"`
}

// Assertion is a condition on a response.
type Assertion struct {
	// Description is printed when the assertion fails.
	Description string `json:"description,omitempty"`
	// Type says what is compared; empty means AssertEqual.
	Type AssertionType `json:"type,omitempty"`
	// Key is the path of the value under test, such as resp.status. Scripts have none.
	Key string `json:"key,omitempty"`
	// Value is a string, a bool, a number, or for AssertEqual a list of these.
	Value any `json:"value"`
	// Bare writes a script as a plain string instead of a mapping. Type must be AssertJS.
	Bare bool `json:"-"`
}

// Payload puts each value of a named list into a variable.
type Payload struct {
	// Key is the variable to set.
	Key string `json:"key"`
	// Value is the name of a list given to Run by WithPayloads.
	Value string `json:"value"`
}

// Severity is how bad a failed test is.
type Severity string

// The severities of a test file.
const (
	SeverityLow      Severity = "LOW"
	SeverityMedium   Severity = "MEDIUM"
	SeverityHigh     Severity = "HIGH"
	SeverityCritical Severity = "CRITICAL"
)

// ExtractorType says how an Extractor reads a response.
type ExtractorType string

// The extractor types.
const (
	ExtractValue  ExtractorType = "VALUE"  // a path such as resp.data.items[0].id
	ExtractJS     ExtractorType = "JS"     // a script that gives a string, a number or a bool
	ExtractRegexp ExtractorType = "REGEXP" // the first match in the body
	ExtractHTML   ExtractorType = "HTML"   // the inner HTML of the first match of a CSS selector
)

// AssertionType says what an Assertion compares.
type AssertionType string

// The assertion types.
const (
	AssertEqual  AssertionType = "EQ"     // the value at Key equals Value, or one of its elements
	AssertRegexp AssertionType = "REGEXP" // the value at Key matches the regular expression Value
	AssertJS     AssertionType = "JS"     // the script Value gives something truthy
)

var (
	severities     = []string{"LOW", "MEDIUM", "HIGH", "CRITICAL"}
	extractorTypes = []string{"VALUE", "JS", "REGEXP", "HTML"}
	assertionTypes = []string{"EQ", "REGEXP", "JS"}
	restMethods    = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
)

// Expr is the assertion that a script gives something truthy, written as a bare string.
func Expr(script string) Assertion {
	return Assertion{Type: AssertJS, Value: script, Bare: true}
}

// JS is the assertion that a script gives something truthy.
func JS(script string) Assertion {
	return Assertion{Type: AssertJS, Value: script}
}

// Equal is the assertion that the value at key equals want.
func Equal(key string, want any) Assertion {
	return Assertion{Type: AssertEqual, Key: key, Value: want}
}

// OneOf is the assertion that the value at key equals one of want.
func OneOf(key string, want ...any) Assertion {
	return Assertion{Type: AssertEqual, Key: key, Value: want}
}

// Matches is the assertion that the value at key matches a JavaScript regular expression.
func Matches(key, pattern string) Assertion {
	return Assertion{Type: AssertRegexp, Key: key, Value: pattern}
}

// Validate reports every fault of c at once, nil when c can run.
// Load, Parse, Marshal and Run call it.
func (c *Config) Validate() error {
	if c == nil {
		return errors.New("apitest: the config is nil")
	}
	var errs []error
	fail := func(path, format string, args ...any) {
		errs = append(errs, &ConfigError{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if msg := checkID(c.ID); msg != "" {
		fail("id", "%s", msg)
	}
	if c.Meta != nil && c.Meta.Severity != "" && !slices.Contains(severities, string(c.Meta.Severity)) {
		fail("meta.severity", "%q is not one of %s", c.Meta.Severity, strings.Join(severities, ", "))
	}
	checkNames(c.Env, "env", fail)
	if len(c.Test) == 0 {
		fail("test", noSteps)
	}
	for i := range c.Test {
		c.Test[i].validate(fmt.Sprintf("test[%d]", i), fail)
	}
	return errors.Join(errs...)
}

const noSteps = "has no step: add at least one with a request"

func checkID(id string) string {
	if !strings.ContainsFunc(id, func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || r == '-' || r == '_'
	}) {
		return "needs a letter, a digit, a dash or an underscore"
	}
	return ""
}

func checkNames(list []KeyValue, path string, fail func(path, format string, args ...any)) {
	for i, kv := range list {
		if kv.Name == "" {
			fail(fmt.Sprintf("%s[%d].name", path, i), "is empty")
		}
	}
}

func (s *Step) validate(path string, fail func(path, format string, args ...any)) {
	if !slices.Contains(restMethods, string(s.Request.Method)) {
		fail(path+".request.method", "%q is not one of %s", string(s.Request.Method), strings.Join(restMethods, ", "))
	}
	if s.Request.URL == "" {
		fail(path+".request.url", "is empty")
	}
	checkNames(s.Request.Headers, path+".request.headers", fail)
	checkNames(s.Request.Query, path+".request.query", fail)
	checkNames(s.Request.Form, path+".request.form", fail)
	for i, e := range s.Extract {
		at := fmt.Sprintf("%s.extract[%d]", path, i)
		if e.Name == "" {
			fail(at+".name", "is empty")
		}
		if e.Type != "" && !slices.Contains(extractorTypes, string(e.Type)) {
			fail(at+".type", "%q is not one of %s", e.Type, strings.Join(extractorTypes, ", "))
		}
	}
	for i, a := range s.Assert {
		if field, msg := a.fault(); msg != "" {
			fail(fmt.Sprintf("%s.assert[%d]%s", path, i, field), "%s", msg)
		}
	}
	for i, p := range s.Payload {
		at := fmt.Sprintf("%s.payload[%d]", path, i)
		if p.Key == "" {
			fail(at+".key", "is empty")
		}
		if p.Value == "" {
			fail(at+".value", "is empty: name a list given by WithPayloads")
		}
		if slices.ContainsFunc(s.Payload[:i], func(q Payload) bool { return q.Key == p.Key }) {
			fail(at+".key", "%q is used twice in this step", p.Key)
		}
	}
}

// fault names the field that is wrong and says why; both are empty for a sound assertion.
func (a *Assertion) fault() (field, message string) {
	value, err := primitive(a.Value, true)
	if err != nil {
		return ".value", err.Error()
	}
	_, isString := value.(string)
	switch a.kind() {
	case AssertEqual:
		if a.Key == "" {
			return ".key", "is missing: say what is compared, such as resp.status"
		}
		if list, ok := value.([]any); ok && len(list) == 0 {
			return ".value", "is an empty list, which nothing equals"
		}
	case AssertRegexp:
		if a.Key == "" {
			return ".key", "is missing: say what is matched, such as resp.data.name"
		}
		if !isString {
			return ".value", "must be a string: the regular expression"
		}
	case AssertJS:
		if !isString {
			return ".value", "must be a string: the script"
		}
	default:
		return ".type", fmt.Sprintf("%q is not one of %s", a.Type, strings.Join(assertionTypes, ", "))
	}
	if a.Bare && (a.Type != AssertJS || a.Description != "" || a.Key != "") {
		return "", "is bare, so it can hold a script only: set Type to JS and clear Description and Key"
	}
	return "", ""
}

func (a *Assertion) kind() AssertionType {
	if a.Type == "" {
		return AssertEqual
	}
	return a.Type
}

func (e *Extractor) kind() ExtractorType {
	if e.Type == "" {
		return ExtractValue
	}
	return e.Type
}

// primitive brings v to string, bool, int, float64 or, if allowed, a list of these.
func primitive(v any, allowList bool) (any, error) {
	switch v := v.(type) {
	case string, bool, int:
		return v, nil
	case int8:
		return int(v), nil
	case int16:
		return int(v), nil
	case int32:
		return int(v), nil
	case int64:
		return int(v), nil
	case float32:
		return primitive(float64(v), false)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not a number that can be compared", v)
		}
		return shrink(v), nil
	case nil:
		return nil, errors.New("is missing")
	}
	if !allowList {
		return nil, fmt.Errorf("%T is not a string, a number or a bool", v)
	}
	return primitiveList(v)
}

func primitiveList(v any) (any, error) {
	var list []any
	switch v := v.(type) {
	case []any:
		list = v
	case []string:
		for _, s := range v {
			list = append(list, s)
		}
	case []int:
		for _, n := range v {
			list = append(list, n)
		}
	default:
		return nil, fmt.Errorf("%T is not a string, a number, a bool or a list of these", v)
	}
	out := make([]any, len(list))
	for i, e := range list {
		p, err := primitive(e, false)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out[i] = p
	}
	return out, nil
}

// shrink turns a whole float into an int, so that 200 and 200.0 are one value, as in JavaScript.
func shrink(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// Placeholders gives the variables that must be filled in before the test can run:
// those whose value is still <<name>> and that a URL uses. Generated tests have them.
func (c *Config) Placeholders() []string {
	var out []string
	for _, kv := range c.Env {
		used := slices.ContainsFunc(c.Test, func(s Step) bool { return strings.Contains(s.Request.URL, "{{"+kv.Name+"}}") })
		if used && wholePlaceholder.MatchString(kv.Value) {
			out = append(out, kv.Name)
		}
	}
	return out
}
