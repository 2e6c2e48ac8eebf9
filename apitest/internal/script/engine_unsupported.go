//go:build js || wasip1

package script

import (
	"context"
	"errors"
)

var errUnsupported = errors.New("script: there is no interpreter for WebAssembly")

// Engine returns an error for every script, because there is no interpreter for WebAssembly.
type Engine struct{}

// New returns an engine that runs nothing.
func New(Limits, *Response) *Engine { return &Engine{} }

// Close does nothing.
func (*Engine) Close() {}

// Eval returns an error.
func (*Engine) Eval(context.Context, string, map[string]any) (any, error) { return nil, errUnsupported }

// Truthy returns an error.
func (*Engine) Truthy(context.Context, string, map[string]any, bool) (bool, error) {
	return false, errUnsupported
}

// Match returns an error.
func (*Engine) Match(context.Context, string, string) (match string, found bool, err error) {
	return "", false, errUnsupported
}

// MatchBody returns an error.
func (*Engine) MatchBody(context.Context, string) (match string, found bool, err error) {
	return "", false, errUnsupported
}

// Checker checks nothing.
type Checker struct{}

// Script returns nil.
func (*Checker) Script(string) error { return nil }

// Pattern returns nil.
func (*Checker) Pattern(string) error { return nil }

// Close does nothing.
func (*Checker) Close() {}
