package script

import (
	"errors"
	"time"
)

// ErrLimit means that a script exceeded its limit of time or memory.
var ErrLimit = errors.New("script limit exceeded")

// Limits are the limits of one script.
type Limits struct {
	// Timeout is the longest time that a script may run.
	Timeout time.Duration
	// Memory is the number of bytes that a script may allocate, without the parsed body.
	Memory uint64
}

// Default returns the limits of the original library.
func Default() Limits { return Limits{Timeout: time.Second, Memory: 128 << 20} }

// MaxSource is the length in bytes of the longest script that can run.
const MaxSource = 64 << 10

// Response is the response that scripts read as resp.
type Response struct {
	// Fields holds status, statusText, headers, config and duration.
	Fields map[string]any
	// Body is the text of the body. JSON reports whether resp.data is parsed from it.
	Body string
	JSON bool
}

// SyntaxError describes a script or a pattern that is not valid JavaScript.
type SyntaxError struct {
	// Line and Column are the place in the script, counted from 1. Both are 0 for a pattern.
	Line, Column int
	Message      string
}

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Message }

// ReferenceError means that a script reads a variable that does not exist.
type ReferenceError struct{ Message string }

// Error returns the message.
func (e *ReferenceError) Error() string { return "script: ReferenceError: " + e.Message }

func isLimit(err error) bool { return errors.Is(err, ErrLimit) }

// ResultError means that the result of a script is truthy whatever it contains.
type ResultError struct {
	// Kind is the kind of the result, such as "a promise".
	Kind string
}

// Error returns the kind of the result and what to write instead.
func (e *ResultError) Error() string {
	return "the script returns " + e.Kind + ", which always counts as true: return a truth value, such as x !== null or x.length > 0"
}
