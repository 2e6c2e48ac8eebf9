//go:build js || wasip1

package script

import (
	"context"
	"errors"
)

var errUnsupported = errors.New("script: the interpreter does not exist for WebAssembly")

// Engine refuses every script, because the interpreter does not exist for WebAssembly.
type Engine struct{}

// New gives an engine that refuses every script.
func New(Limits, *Response) *Engine { return &Engine{} }

// Close does nothing.
func (*Engine) Close() {}

// Eval fails.
func (*Engine) Eval(context.Context, string, map[string]any) (any, error) { return nil, errUnsupported }

// Truthy fails.
func (*Engine) Truthy(context.Context, string, map[string]any, bool) (bool, error) {
	return false, errUnsupported
}

// Match fails.
func (*Engine) Match(context.Context, string, string) (match string, found bool, err error) {
	return "", false, errUnsupported
}

// MatchBody fails.
func (*Engine) MatchBody(context.Context, string) (match string, found bool, err error) {
	return "", false, errUnsupported
}

// Checker checks nothing.
type Checker struct{}

// Script gives nil.
func (*Checker) Script(string) error { return nil }

// Pattern gives nil.
func (*Checker) Pattern(string) error { return nil }

// Close does nothing.
func (*Checker) Close() {}
