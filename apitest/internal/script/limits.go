package script

import (
	"errors"
	"time"
)

// ErrLimit is a script that used more time or memory than it may.
var ErrLimit = errors.New("script limit exceeded")

// Limits bound one script.
type Limits struct {
	// Timeout is how long a script may work.
	Timeout time.Duration
	// Memory is how many bytes a script may hold, the parsed body not counted.
	Memory uint64
}

// Default gives the limits of the original library.
func Default() Limits { return Limits{Timeout: time.Second, Memory: 128 << 20} }

// MaxSource is the length in bytes of the longest script that is run.
const MaxSource = 64 << 10

// Response is what scripts see as resp.
type Response struct {
	// Fields are status, statusText, headers, config and duration.
	Fields map[string]any
	// Body is the text of the body. JSON says that it holds JSON, which resp.data is then parsed from.
	Body string
	JSON bool
}

// SyntaxError is a script or a pattern that is not JavaScript.
type SyntaxError struct {
	// Line and Column count from 1 inside the script; both are 0 for a pattern.
	Line, Column int
	Message      string
}

// Error gives the message.
func (e *SyntaxError) Error() string { return e.Message }

// ReferenceError is a script that names a variable that does not exist.
type ReferenceError struct{ Message string }

// Error gives the message.
func (e *ReferenceError) Error() string { return "script: ReferenceError: " + e.Message }

func isLimit(err error) bool { return errors.Is(err, ErrLimit) }

// ResultError is a result that counts as true whatever it holds.
type ResultError struct {
	// Kind is such as "a promise".
	Kind string
}

// Error names the kind of the result and what to write instead.
func (e *ResultError) Error() string {
	return "the script returns " + e.Kind + ", which always counts as true: return a truth value, such as x !== null or x.length > 0"
}
