package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// The exit codes.
const (
	exitClean       = 0   // done, nothing found
	exitFindings    = 1   // done, something found
	exitUnknown     = 2   // failed, or could not tell
	exitInterrupted = 130 // stopped by a signal
)

var (
	// errFindings ends a command that did its work and found something. It prints nothing.
	errFindings = errors.New("findings")
	// errInterrupted is the cause of a context that a signal ended.
	errInterrupted = errors.New("interrupted")
)

// usageError is a fault of the arguments: its line ends with the way to the help.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string { return fmt.Sprintf("%v (see %s -h)", e.err, e.command) }
func (e *usageError) Unwrap() error { return e.err }

// exitCode prints why the command failed, in one line, and returns the code of it.
func exitCode(ctx context.Context, err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return exitClean
	case errors.Is(context.Cause(ctx), errInterrupted):
		if line := interruptedLine(err); line != "" {
			fmt.Fprintln(stderr, "metlo:", line)
		}
		return exitInterrupted
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, syscall.EPIPE):
		return exitUnknown // whoever read the output has seen enough
	}
	fmt.Fprintln(stderr, "metlo:", safetext.Line(message(err)+advice(err)))
	return exitUnknown
}

// message is what an error says, in one line: errors that were joined come on lines of their own, and those of the SDK
// begin with its name.
func message(err error) string {
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), "\n", "; "), "metlo: ", "")
}

// interruptedLine says what an interrupted command had done, if its error says more than that.
func interruptedLine(err error) string {
	var partial *partialError
	if errors.As(err, &partial) {
		return safetext.Line("interrupted: " + partial.done)
	}
	return "interrupted"
}

// partialError is a command that failed with part of its work done.
type partialError struct {
	done string
	err  error
}

func (e *partialError) Error() string { return fmt.Sprintf("%s: %v", e.done, e.err) }
func (e *partialError) Unwrap() error { return e.err }

// advice says what to do about an error whose own text does not.
func advice(err error) string {
	var usage *usageError
	switch {
	case errors.As(err, &usage), errors.Is(err, metlo.ErrInvalidArgument):
		return ""
	case errors.Is(err, metlo.ErrUnauthorized):
		return ": check the key with metlo auth status"
	case errors.Is(err, metlo.ErrForbidden):
		return ": the key may not do this"
	case errors.Is(err, metlo.ErrRateLimited):
		return ": try again later"
	case errors.Is(err, context.DeadlineExceeded):
		return ": raise --timeout, or check the instance with metlo status"
	case errors.Is(err, metlo.ErrServer):
		return ": check the instance with metlo status"
	}
	return ""
}
