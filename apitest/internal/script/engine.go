//go:build !js && !wasip1

package script

import (
	"context"
	_ "embed" // for the prelude
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"modernc.org/quickjs"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

//go:embed prelude.js
var prelude string

// Engine is an interpreter for the scripts about one response. It is not safe for concurrent use.
type Engine struct {
	limits Limits
	resp   *Response
	vm     *machine
}

// New returns an engine. resp may be nil. The interpreter starts with the first script.
func New(limits Limits, resp *Response) *Engine {
	return &Engine{limits: limits, resp: resp}
}

// Close frees the interpreter.
func (e *Engine) Close() {
	if e.vm != nil {
		e.vm.close()
		e.vm = nil
	}
}

// Eval runs source with vars as globals and returns a string, bool, int, float64 or nil. If the script returns an
// object, Eval returns an error.
func (e *Engine) Eval(ctx context.Context, source string, vars map[string]any) (any, error) {
	v, err := e.call(ctx, "value", source, vars)
	if err != nil {
		return nil, err
	}
	return fromScript(v), nil
}

// Truthy runs source with vars as globals and reports whether the result is truthy. If strict is set, a result that is
// not a string, number, bool, null or undefined is a *ResultError, because it is truthy whatever it contains.
func (e *Engine) Truthy(ctx context.Context, source string, vars map[string]any, strict bool) (bool, error) {
	v, err := e.call(ctx, "truthy", source, vars)
	if kind, odd := v.(string); odd && strict {
		return false, &ResultError{Kind: kind}
	}
	holds, isBool := v.(bool)
	return (holds || !isBool) && err == nil, err
}

func (e *Engine) call(ctx context.Context, mode, source string, vars map[string]any) (any, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("the script has %d bytes; at most %d are run", len(source), MaxSource)
	}
	text, err := json.Marshal(jsvalue.Finite(named(vars, source)))
	if err != nil {
		return nil, fmt.Errorf("script: the variables: %w", err)
	}
	return e.run(ctx, mode, source, string(text))
}

// named returns the variables that source may read.
func named(vars map[string]any, source string) map[string]any {
	out := map[string]any{}
	everything := strings.Contains(source, "eval") || strings.Contains(source, "this") || strings.Contains(source, "Function") ||
		strings.Contains(source, `\`)
	for name, v := range vars {
		if everything || strings.Contains(source, name) {
			out[name] = v
		}
	}
	return out
}

// Match returns the first match of a JavaScript regular expression in text.
func (e *Engine) Match(ctx context.Context, pattern, text string) (match string, found bool, err error) {
	v, err := e.run(ctx, "match", pattern, text)
	match, found = v.(string)
	return match, found, err
}

// MatchBody returns the first match in the body. An object or a list is searched as compact JSON.
func (e *Engine) MatchBody(ctx context.Context, pattern string) (match string, found bool, err error) {
	v, err := e.run(ctx, "matchBody", pattern, "")
	match, found = v.(string)
	return match, found, err
}

func (e *Engine) run(ctx context.Context, mode, source, argument string) (any, error) {
	if e.vm == nil {
		vm, err := newMachine(e.limits, e.resp)
		if err != nil {
			return nil, err
		}
		e.vm = vm
	}
	v, usable, err := e.vm.bounded(ctx, func() (any, error) {
		return e.vm.entry.Call(quickjs.UndefinedValue, mode, source, argument)
	})
	if !usable {
		e.vm = nil
	}
	return v, err
}

func fromScript(v any) any {
	switch v := v.(type) {
	case quickjs.Undefined:
		return nil
	case float64:
		return jsvalue.Shrink(v)
	case *big.Int:
		return v.String()
	}
	return v
}

// fault converts an error of the interpreter to one of this package.
func (l Limits) fault(err error) error {
	var e *quickjs.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("script: %w", err)
	}
	switch {
	case e.Name == "InternalError" && strings.Contains(e.Message, "out of memory"):
		return fmt.Errorf("%w: the script used more than %d MiB of memory", ErrLimit, l.Memory>>20)
	case strings.Contains(e.Message, "stack overflow"):
		return fmt.Errorf("%w: the script calls itself too deeply", ErrLimit)
	case e.Name == "ReferenceError":
		return &ReferenceError{Message: e.Message}
	case e.Name == "SyntaxError":
		return fmt.Errorf("script: %w", &SyntaxError{Line: e.LineNumber, Column: e.ColumnNumber, Message: "SyntaxError: " + e.Message})
	}
	return fmt.Errorf("script: %s", strings.TrimSpace(err.Error()))
}

// Checker finds syntax errors without running scripts.
type Checker struct{ vm *machine }

// Script returns a *SyntaxError if source is not a valid script.
func (c *Checker) Script(source string) error {
	if len(source) > MaxSource {
		return &SyntaxError{Line: 1, Column: 1, Message: fmt.Sprintf("the script has %d bytes; at most %d are run", len(source), MaxSource)}
	}
	vm, err := c.start()
	if err != nil {
		return err
	}
	_, err = vm.vm.Compile(source, quickjs.EvalGlobal)
	var e *quickjs.Error
	if errors.As(err, &e) {
		return &SyntaxError{Line: max(e.LineNumber, 1), Column: max(e.ColumnNumber, 1), Message: e.Message}
	}
	return err
}

// Pattern returns a *SyntaxError if pattern is not a valid regular expression.
func (c *Checker) Pattern(pattern string) error {
	vm, err := c.start()
	if err != nil {
		return err
	}
	_, err = vm.entry.Call(quickjs.UndefinedValue, "pattern", pattern, "")
	var e *quickjs.Error
	if errors.As(err, &e) {
		return &SyntaxError{Message: e.Message}
	}
	return err
}

func (c *Checker) start() (*machine, error) {
	if c.vm == nil {
		vm, err := newMachine(Default(), nil)
		if err != nil {
			return nil, err
		}
		c.vm = vm
	}
	return c.vm, nil
}

// Close frees the checker.
func (c *Checker) Close() {
	if c.vm != nil {
		c.vm.close()
	}
}
