package apitest

import (
	"context"
	_ "embed" // for the prelude
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/dop251/goja"
)

// scriptLimits bound one script.
type scriptLimits struct {
	timeout time.Duration
	memory  uint64
}

var defaultScriptLimits = scriptLimits{timeout: time.Second, memory: 128 << 20}

const (
	maxScriptBytes = 64 << 10
	maxCallDepth   = 2000
	memoryCheck    = 2 * time.Millisecond
)

//go:embed prelude.js
var preludeSource string

var prelude = goja.MustCompile("prelude.js", preludeSource, true)

// scriptScope is what a script sees: every variable and resp as globals.
type scriptScope struct {
	vars map[string]any
	resp *exchange
}

// runScript evaluates script and gives a string, bool, int, float64 or nil,
// and whether the result is truthy. An object is an error unless truthyOnly is set.
func (l scriptLimits) runScript(
	ctx context.Context, script string, scope scriptScope, truthyOnly bool,
) (value any, truthy bool, err error) {
	if len(script) > maxScriptBytes {
		return nil, false, fmt.Errorf("the script has %d bytes; at most %d are run", len(script), maxScriptBytes)
	}
	err = l.bounded(ctx, func(vm *goja.Runtime) error {
		if err := scope.install(vm); err != nil {
			return err
		}
		result, err := vm.RunScript("script", script)
		if err != nil {
			return err
		}
		truthy = result.ToBoolean()
		if truthyOnly {
			return nil
		}
		value, err = exportPrimitive(result)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return value, truthy, nil
}

const matchScript = `
const searched = compact ? JSON.stringify(JSON.parse(text)) : text
const match = new RegExp(pattern).exec(searched)
match === null ? null : match[0]`

// matchRegexp gives the first match of a JavaScript regular expression in text,
// or in the compact form of the JSON that text holds.
func (l scriptLimits) matchRegexp(ctx context.Context, pattern, text string, compact bool) (match string, found bool, err error) {
	text = strings.ToValidUTF8(text, "\ufffd")
	err = l.bounded(ctx, func(vm *goja.Runtime) error {
		if err := errors.Join(vm.Set("pattern", pattern), vm.Set("text", text), vm.Set("compact", compact)); err != nil {
			return err
		}
		result, err := vm.RunScript("pattern", matchScript)
		if err != nil {
			return err
		}
		match, found = result.Export().(string)
		return nil
	})
	if err != nil {
		return "", false, err
	}
	return match, found, nil
}

// bounded runs body in a fresh interpreter and stops it at the limits.
// A native call that is still running at twice the time limit is left behind: it ends on its own.
func (l scriptLimits) bounded(ctx context.Context, body func(vm *goja.Runtime) error) error {
	vm := goja.New()
	vm.SetMaxCallStackSize(maxCallDepth)
	done := make(chan error, 1)
	go func() { done <- l.evaluate(vm, body) }()

	watch := time.NewTicker(memoryCheck)
	defer watch.Stop()
	timeout := time.NewTimer(l.timeout)
	defer timeout.Stop()
	abandon := time.NewTimer(2*l.timeout + time.Second)
	defer abandon.Stop()
	cancelled := ctx.Done()
	start := heapBytes()
	var stopped error
	stop := func(why error) {
		if stopped == nil {
			stopped = why
			vm.Interrupt(why)
		}
	}
	for {
		select {
		case err := <-done:
			if stopped != nil {
				return stopped
			}
			return scriptFault(err)
		case <-watch.C:
			if heapBytes() > start+l.memory && stopped == nil && l.reallyOver(start) {
				stop(fmt.Errorf("%w: the script used more than %d MiB of memory", ErrScriptLimit, l.memory>>20))
			}
		case <-timeout.C:
			stop(fmt.Errorf("%w: the script ran longer than %v", ErrScriptLimit, l.timeout))
		case <-cancelled:
			cancelled = nil
			stop(context.Cause(ctx))
		case <-abandon.C:
			return stopped
		}
	}
}

func (l scriptLimits) evaluate(vm *goja.Runtime, body func(vm *goja.Runtime) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the interpreter failed: %v", p)
		}
	}()
	guards, err := vm.RunProgram(prelude)
	if err != nil {
		return err
	}
	install, ok := goja.AssertFunction(guards)
	if !ok {
		return errors.New("the prelude is not a function")
	}
	validJSON := func(text string) bool { return json.Valid([]byte(text)) }
	if _, err := install(nil, vm.ToValue(l.memory/64), vm.ToValue(l.memory/4), vm.ToValue(validJSON)); err != nil {
		return err
	}
	return body(vm)
}

// reallyOver collects garbage before it blames the script. The heap is the whole process's.
func (l scriptLimits) reallyOver(start uint64) bool {
	runtime.GC()
	return heapBytes() > start+l.memory
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func scriptFault(err error) error {
	var thrown *goja.Exception
	if errors.As(err, &thrown) {
		return fmt.Errorf("script: %s", thrown.Value().String())
	}
	var overflow *goja.StackOverflowError
	if errors.As(err, &overflow) {
		return fmt.Errorf("%w: the script calls itself too deeply", ErrScriptLimit)
	}
	if err != nil {
		return fmt.Errorf("script: %w", err)
	}
	return nil
}

func exportPrimitive(v goja.Value) (any, error) {
	switch x := v.Export().(type) {
	case nil:
		return nil, nil
	case string, bool:
		return x, nil
	case int64:
		return int(x), nil
	case float64:
		return shrink(x), nil
	}
	if _, isObject := v.(*goja.Object); !isObject {
		return v.String(), nil
	}
	return nil, errors.New("script: the result is an object; give a string, a number or a bool")
}

func (s scriptScope) install(vm *goja.Runtime) error {
	parse, err := jsonParser(vm)
	if err != nil {
		return err
	}
	for name, v := range s.vars {
		value, err := scriptValue(vm, parse, v)
		if err != nil {
			return err
		}
		if err := vm.Set(name, value); err != nil {
			return err
		}
	}
	if s.resp == nil {
		return nil
	}
	resp, err := s.resp.object(vm, parse)
	if err != nil {
		return err
	}
	return vm.Set("resp", resp)
}

// jsonParser gives JSON.parse of the interpreter, which keeps the order of keys.
func jsonParser(vm *goja.Runtime) (func(text string) (goja.Value, error), error) {
	parse, ok := goja.AssertFunction(vm.GlobalObject().Get("JSON").ToObject(vm).Get("parse"))
	if !ok {
		return nil, errors.New("the interpreter has no JSON.parse")
	}
	return func(text string) (goja.Value, error) {
		return parse(goja.Undefined(), vm.ToValue(strings.ToValidUTF8(text, "\ufffd")))
	}, nil
}

// scriptValue makes lists and objects real JavaScript values, so that scripts find all their methods.
func scriptValue(vm *goja.Runtime, parse func(string) (goja.Value, error), v any) (goja.Value, error) {
	switch v.(type) {
	case nil:
		return goja.Undefined(), nil
	case string, bool, int, float64:
		return vm.ToValue(v), nil
	}
	return parse(jsJSON(v))
}
