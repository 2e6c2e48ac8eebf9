package apitest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/andybalholm/cascadia"

	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// Validate returns an error that joins all faults of c, or nil. Load, Parse, Marshal and Run call it.
func (c *Config) Validate() error {
	var check checker
	defer check.close()
	return c.validate(&check)
}

func (c *Config) validate(check *checker) error {
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
	if c.Cookies != "" && !slices.Contains(cookieModes, string(c.Cookies)) {
		fail("options.cookies", "%q is not one of %s", c.Cookies, strings.Join(cookieModes, ", "))
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
		if n, err := strconv.Atoi(c.Test[i].Control); err == nil && (n < 1 || n > len(c.Test) || n == i+1) {
			fail(fmt.Sprintf("test[%d].control", i), "%d is not the number of another step", n)
		}
	}
	for place, fault := range check.faults(c) {
		fail(place, "%s", fault.Error())
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
	if s.Retry < 0 {
		fail(path+".retry", "must not be negative")
	}
	limited := func(name string, d time.Duration) {
		if d < 0 || d > maxDuration {
			fail(path+"."+name, "must be between 0 and %v", maxDuration)
		}
	}
	limited("timeout", s.Timeout)
	limited("until", s.Until)
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

// fault returns the name of the invalid field and the reason. Both are empty if the assertion is valid.
func (a *Assertion) fault() (field, message string) {
	value, err := primitive(a.Value, true)
	if err != nil {
		return ".value", err.Error()
	}
	_, isString := value.(string)
	switch a.kind() {
	case AssertEqual:
		if a.Key == "" {
			return ".key", "is missing: name the value to compare, such as resp.status"
		}
		if list, ok := value.([]any); ok && len(list) == 0 {
			return ".value", "is an empty list, which no value equals: add a value"
		}
	case AssertRegexp:
		if a.Key == "" {
			return ".key", "is missing: name the value to match, such as resp.data.name"
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

// checker checks the templates, scripts, patterns and selectors in a test.
type checker struct{ scripts script.Checker }

func (k *checker) close() { k.scripts.Close() }

// faults yields the place and the fault of every invalid text. In a text with a template it checks only the template,
// because the rest is unknown until the template is filled in.
func (k *checker) faults(c *Config) func(yield func(place string, fault error) bool) {
	return func(yield func(place string, fault error) bool) {
		for place, text := range c.texts() {
			if err := k.fault(text); err != nil && !yield(place, err) {
				return
			}
		}
	}
}

func (k *checker) fault(t placedText) error {
	uses, err := handlebars.Check(t.text)
	if err != nil {
		return err
	}
	if len(uses) > 0 || strings.Contains(t.text, "{{") {
		return nil
	}
	switch t.language {
	case inScript:
		err := k.scripts.Script(t.text)
		var fault *script.SyntaxError
		if errors.As(err, &fault) && strings.Contains(t.text, "\n") {
			return fmt.Errorf("is not JavaScript: line %d, column %d of the script: %w", fault.Line, fault.Column, fault)
		}
		if err != nil {
			return fmt.Errorf("is not JavaScript: %w", err)
		}
	case inPattern:
		if err := k.scripts.Pattern(t.text); err != nil {
			return fmt.Errorf("is not a regular expression of JavaScript: %w", err)
		}
	case inSelector:
		if _, err := cascadia.ParseGroup(t.text); err != nil {
			return fmt.Errorf("is not a CSS selector: %w", err)
		}
	}
	return nil
}

// language is the language of a text in a test, apart from templates.
type language int

const (
	inText language = iota
	inScript
	inPattern
	inSelector
	inPath // path such as resp.data.id
)

type placedText struct {
	text     string
	language language
}

// texts yields every text of a test in which templates are filled in, with its place.
func (c *Config) texts() func(yield func(place string, t placedText) bool) {
	return func(yield func(place string, t placedText) bool) {
		for i, kv := range c.Env {
			if !yield(fmt.Sprintf("env[%d].value", i), placedText{text: kv.Value}) {
				return
			}
		}
		for i := range c.Test {
			for place, t := range c.Test[i].texts() {
				if !yield(fmt.Sprintf("test[%d].%s", i, place), t) {
					return
				}
			}
		}
	}
}

func (s *Step) texts() func(yield func(place string, t placedText) bool) {
	return func(yield func(place string, t placedText) bool) {
		r := &s.Request
		if !yield("request.url", placedText{text: r.URL}) {
			return
		}
		for _, part := range []struct {
			name string
			list []KeyValue
		}{{"query", r.Query}, {"headers", r.Headers}, {"form", r.Form}} {
			for i, kv := range part.list {
				if !yield(fmt.Sprintf("request.%s[%d].name", part.name, i), placedText{text: kv.Name}) ||
					!yield(fmt.Sprintf("request.%s[%d].value", part.name, i), placedText{text: kv.Value}) {
					return
				}
			}
		}
		if !yield("request.data", placedText{text: r.Data}) {
			return
		}
		languages := map[ExtractorType]language{ExtractValue: inPath, ExtractJS: inScript, ExtractRegexp: inPattern, ExtractHTML: inSelector}
		for i, e := range s.Extract {
			if !yield(fmt.Sprintf("extract[%d].value", i), placedText{e.Value, languages[e.kind()]}) {
				return
			}
		}
		for i := range s.Assert {
			if !s.Assert[i].texts(fmt.Sprintf("assert[%d]", i), yield) {
				return
			}
		}
	}
}

func (a *Assertion) texts(place string, yield func(place string, t placedText) bool) bool {
	kind := a.kind()
	if kind != AssertJS && !yield(place+".key", placedText{a.Key, inPath}) {
		return false
	}
	text, ok := a.Value.(string)
	if !ok {
		return true
	}
	valuePlace := place + ".value"
	if a.Bare {
		valuePlace = place
	}
	return yield(valuePlace, placedText{text, map[AssertionType]language{AssertJS: inScript, AssertRegexp: inPattern}[kind]})
}
