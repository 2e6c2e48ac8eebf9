package apitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// Config is one test: the content of a YAML test file.
type Config struct {
	// ID names the test. It must contain a letter, a digit, a dash or an underscore.
	ID string
	// Meta describes the test; nil when the file says nothing.
	Meta *Meta
	// StopOnFailure ends the run at the first step that does not pass.
	StopOnFailure bool
	// Cookies says which steps share cookies. Empty means CookiesPerIdentity for a test with one of the tags
	// BROKEN_AUTHENTICATION, BOLA, BFLA and IDOR, which compares identities, and CookiesShared for any other.
	Cookies CookieMode
	// Env holds variables, templated in order; each may use the ones before it.
	Env []KeyValue
	// Test holds the steps in the order they run. At least one is required.
	Test []Step
	// File is where Load read the test. It is not part of the test.
	File string
}

// label names a test in reports: its file and its name, or its id.
func (c *Config) label() string {
	if c == nil {
		return ""
	}
	name := c.ID
	if c.Meta != nil && c.Meta.Name != "" {
		name = c.Meta.Name
	}
	if c.File == "" {
		return name
	}
	return strings.TrimSuffix(c.File+": "+name, ": ")
}

// MarshalJSON writes the form of a test file.
func (c Config) MarshalJSON() ([]byte, error) {
	type options struct {
		StopOnFailure bool       `json:"stopOnFailure,omitempty"`
		Cookies       CookieMode `json:"cookies,omitempty"`
	}
	return json.Marshal(struct {
		ID      string     `json:"id"`
		File    string     `json:"file,omitempty"`
		Meta    *Meta      `json:"meta,omitempty"`
		Options options    `json:"options"`
		Env     []KeyValue `json:"env,omitempty"`
		Test    []Step     `json:"test"`
	}{c.ID, c.File, c.Meta, options{c.StopOnFailure, c.Cookies}, c.Env, c.Test})
}

// cookies gives the mode in force.
func (c *Config) cookies() CookieMode {
	if c.Cookies != "" {
		return c.Cookies
	}
	if c.Meta != nil && slices.ContainsFunc(c.Meta.Tags, comparesIdentities) {
		return CookiesPerIdentity
	}
	return CookiesShared
}

func comparesIdentities(tag string) bool {
	return slices.Contains([]string{"BROKEN_AUTHENTICATION", "BOLA", "BFLA", "IDOR"}, tag)
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

// CookieMode says which steps of a test share the cookies that responses set.
type CookieMode string

// The cookie modes. The identity of a step is what it sends to authenticate: its cookies, Authorization and the
// headers that are named like a credential. Steps that send nothing of the kind are one identity too.
const (
	CookiesShared      CookieMode = "shared"       // one jar for all steps
	CookiesPerIdentity CookieMode = "per-identity" // one jar for each identity
	CookiesNone        CookieMode = "none"         // responses set no cookies
)

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
	// Retry is how often the step is sent again when it gets no response, or 429, 502, 503 or 504. Zero leaves it
	// to WithRetry.
	Retry int `json:"retry,omitempty"`
	// Timeout bounds each attempt, from dialling to the last byte. Zero leaves it to WithStepTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Until repeats the step until its assertions hold, for at most that time. Zero sends it once.
	Until time.Duration `json:"until,omitempty"`
	// As names the identity that sends the request. Empty takes the name of the variable that holds its credentials.
	As string `json:"as,omitempty"`
	// Control names what shows the target of the step to work: the number of a step, or the id of another test of the
	// same run. It makes the step inconclusive when that did not succeed. Empty lets the run look for one.
	Control string `json:"control,omitempty"`
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
	// FollowRedirects says whether redirects are followed. When nil they are, but a step that a redirect led to another
	// page cannot pass.
	FollowRedirects *bool `json:"followRedirects,omitempty"`
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
	cookieModes    = []string{"shared", "per-identity", "none"}
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
		return jsvalue.Shrink(v), nil
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
