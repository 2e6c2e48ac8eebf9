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

// Config represents one test, as a test file holds it.
type Config struct {
	// ID names the test. It must contain a letter, a digit, a dash or an underscore.
	ID string
	// Meta describes the test. It is nil if the file has no meta section.
	Meta *Meta
	// StopOnFailure stops the run at the first step that does not pass.
	StopOnFailure bool
	// Cookies is the cookie mode. If it is empty, the mode is CookiesPerIdentity for a test with one of the tags
	// BROKEN_AUTHENTICATION, BOLA, BFLA and IDOR, which compare identities, and CookiesShared for any other test.
	Cookies CookieMode
	// Env holds the variables of the test. The value of each is a template that may use the variables before it.
	Env []KeyValue
	// Test holds the steps, in the order in which they run. At least one is required.
	Test []Step
	// File is the path that Load read the test from. Marshal does not write it.
	File string
}

// label returns the name of the test for reports: its file and its name, or its id if it has no name.
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

// MarshalJSON encodes the test with the keys of a test file.
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

// cookies returns the cookie mode that applies.
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

// Meta describes a test. It does not change what the test does.
type Meta struct {
	// Name is any text.
	Name string `json:"name,omitempty"`
	// Severity is the severity of a failure, or empty if it is unknown.
	Severity Severity `json:"severity,omitempty"`
	// Tags are any words.
	Tags []string `json:"tags,omitempty"`
}

// CookieMode determines which steps of a test share the cookies that responses set.
type CookieMode string

// The cookie modes. The identity of a step consists of its credentials: its cookies, its Authorization header and
// other headers whose names look like that of a credential. All steps without credentials have the same identity.
const (
	CookiesShared      CookieMode = "shared"       // all steps share one cookie jar
	CookiesPerIdentity CookieMode = "per-identity" // one jar for each identity
	CookiesNone        CookieMode = "none"         // cookies of responses are ignored
)

// KeyValue is a named value: a variable, a header, a query parameter or a form field.
type KeyValue struct {
	Name string `json:"name"`
	// Value may hold {{…}} templates.
	Value string `json:"value"`
}

// Step represents one request, the values to extract from its response, and the assertions about it.
type Step struct {
	Request Request `json:"request"`
	// Extract lists the variables to set from the response, in order, before the assertions are checked.
	Extract []Extractor `json:"extract,omitempty"`
	// Assert lists the assertions that must hold.
	Assert []Assertion `json:"assert,omitempty"`
	// Payload lists the payload lists of the step. The step and all later ones run once for every combination of
	// values.
	Payload []Payload `json:"payload,omitempty"`
	// Retry is the number of times that the request is sent again if it gets no response, or the status 429, 502, 503
	// or 504. Zero means the value of WithRetry.
	Retry int `json:"retry,omitempty"`
	// Timeout is the time limit of each attempt, from dialing to the last byte of the response. Zero means the value of
	// WithStepTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Until is the time for which the step is repeated until its assertions hold. No attempt starts later. Zero means
	// one attempt.
	Until time.Duration `json:"until,omitempty"`
	// As is the name of the identity that sends the request. If it is empty, the name of the variable that holds the
	// credentials is used.
	As string `json:"as,omitempty"`
	// Control is the number of a step, or the id of another test of the same run, that shows the target of the step to
	// work. If that did not succeed, the step is inconclusive. If Control is empty, the run looks for such a request.
	Control string `json:"control,omitempty"`
}

// Request represents the request of a step. It sends at most one body: Form, else GraphQL, else Data.
type Request struct {
	Method  metlo.RestMethod `json:"method"`
	URL     string           `json:"url"`
	Headers []KeyValue       `json:"headers,omitempty"`
	// Query holds parameters that are escaped and appended to the URL. A step with an unfilled <<placeholder>> in a
	// value is inconclusive.
	Query []KeyValue `json:"query,omitempty"`
	// Form holds fields that are sent as multipart/form-data, or URL-encoded if the Content-Type header requires it.
	Form []KeyValue `json:"form,omitempty"`
	// Data is the body as text. Templates in it are filled in.
	Data string `json:"data,omitempty"`
	// GraphQL is a query document, sent as {"query": …}. Templates in it are not filled in.
	GraphQL string `json:"graphql,omitempty"`
	// FollowRedirects determines whether redirects are followed. If it is nil, they are followed, but a step that was
	// redirected to another page is inconclusive.
	FollowRedirects *bool `json:"followRedirects,omitempty"`
}

// Extractor sets a variable from a response.
type Extractor struct {
	// Name is the name of the variable.
	Name string `json:"name"`
	// Type determines how Value is read. Empty means ExtractValue.
	Type ExtractorType `json:"type,omitempty"`
	// Value is a path, a script, a regular expression or a CSS selector.
	Value string `json:"value"`
}

// Assertion represents a condition on a response.
type Assertion struct {
	// Description is the text that is printed if the assertion fails.
	Description string `json:"description,omitempty"`
	// Type determines what is compared. Empty means AssertEqual.
	Type AssertionType `json:"type,omitempty"`
	// Key is the path of the value to compare, such as resp.status. It is empty for scripts.
	Key string `json:"key,omitempty"`
	// Value is the expected string, bool or number, or for AssertEqual a list of these.
	Value any `json:"value"`
	// Bare determines whether Marshal writes a script as a plain string instead of a mapping. Type must be AssertJS.
	Bare bool `json:"-"`
}

// Payload assigns each value of a payload list to a variable.
type Payload struct {
	// Key is the name of the variable.
	Key string `json:"key"`
	// Value is the name of a built-in payload list, or of one that WithPayloads defines.
	Value string `json:"value"`
}

// Severity is the severity of a failed test.
type Severity string

// The severities of a test file.
const (
	SeverityLow      Severity = "LOW"
	SeverityMedium   Severity = "MEDIUM"
	SeverityHigh     Severity = "HIGH"
	SeverityCritical Severity = "CRITICAL"
)

// ExtractorType determines how an Extractor reads a response.
type ExtractorType string

// The extractor types.
const (
	ExtractValue  ExtractorType = "VALUE"  // path of a value, such as resp.data.items[0].id
	ExtractJS     ExtractorType = "JS"     // script that returns a string, a number or a bool
	ExtractRegexp ExtractorType = "REGEXP" // the first match in the body
	ExtractHTML   ExtractorType = "HTML"   // inner HTML of the first match of a CSS selector
)

// AssertionType determines what an Assertion compares.
type AssertionType string

// The assertion types.
const (
	AssertEqual  AssertionType = "EQ"     // value at Key equals Value, or one of its elements
	AssertRegexp AssertionType = "REGEXP" // the value at Key matches the regular expression Value
	AssertJS     AssertionType = "JS"     // script in Value returns a truthy value
)

var (
	cookieModes    = []string{"shared", "per-identity", "none"}
	severities     = []string{"LOW", "MEDIUM", "HIGH", "CRITICAL"}
	extractorTypes = []string{"VALUE", "JS", "REGEXP", "HTML"}
	assertionTypes = []string{"EQ", "REGEXP", "JS"}
	restMethods    = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
)

// Expr returns an assertion that script returns a truthy value. Marshal writes it as a plain string.
func Expr(script string) Assertion {
	return Assertion{Type: AssertJS, Value: script, Bare: true}
}

// JS returns an assertion that script returns a truthy value.
func JS(script string) Assertion {
	return Assertion{Type: AssertJS, Value: script}
}

// Equal returns an assertion that the value at key equals want.
func Equal(key string, want any) Assertion {
	return Assertion{Type: AssertEqual, Key: key, Value: want}
}

// OneOf returns an assertion that the value at key equals one of want.
func OneOf(key string, want ...any) Assertion {
	return Assertion{Type: AssertEqual, Key: key, Value: want}
}

// Matches returns an assertion that the value at key matches a JavaScript regular expression.
func Matches(key, pattern string) Assertion {
	return Assertion{Type: AssertRegexp, Key: key, Value: pattern}
}

// primitive converts v to a string, bool, int or float64, or, if allowList is set, to a list of these.
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
