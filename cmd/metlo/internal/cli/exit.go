package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// The exit codes.
const (
	exitClean       = 0   // done, nothing found
	exitFindings    = 1   // done, something found
	exitUnknown     = 2   // failed, or the result is unknown
	exitInterrupted = 130 // stopped by a signal
)

var (
	// errFindings ends a command that succeeded and has findings. It prints nothing.
	errFindings = errors.New("findings")
	// errInterrupted is the cause of a context that a signal ended.
	errInterrupted = errors.New("interrupted")
)

// usageError represents invalid arguments. Its text ends with the command that prints the help.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string { return fmt.Sprintf("%v (see %s -h)", e.err, e.command) }
func (e *usageError) Unwrap() error { return e.err }

// exitCode prints the error in one line and returns the exit code for it.
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
		return exitUnknown // the reader of the output has closed it
	}
	fmt.Fprintln(stderr, "metlo:", safetext.Line(message(err)+advice(err)))
	return exitUnknown
}

// message returns the text of an error in one line, with flags in place of Go functions. Joined errors have one line
// each, and errors of the SDK begin with its name.
func message(err error) string { return inFlags(err.Error()) }

// inFlags replaces the Go functions in an error text of the SDK or of apitest by flags.
func inFlags(text string) string {
	text = sdkPrefix().ReplaceAllString(strings.ReplaceAll(text, "\n", "; "), "$1")
	text = payloadCall().ReplaceAllString(text, "put $1.txt into the folder of --payload-dir")
	return methodName().ReplaceAllString(flagNames().Replace(text), "")
}

// flagNames replaces the name of a function by the flag with the same effect.
var flagNames = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer(
		"use WithCollectorURL, or METLO_COLLECTOR_HOST with NewClientFromEnv", "name it with --collector or METLO_COLLECTOR_HOST",
		"the base URL is the collector's: pass that to WithCollectorURL", "the address is the collector's: name it with --collector, and the backend with --instance",
		"WithCollectorURL", "--collector",
		"the key or a value of WithHeader", "the key",
		"WithInsecureHTTP", "--insecure-http",
		`pass AllowHosts("staging.example.com")`, "name one with --allow-host staging.example.com",
		"add it to AllowHosts", "name it with --allow-host", "AllowHosts", "--allow-host",
		"name a list given by WithPayloads", "name a list of --payload-dir",
		"NewClientFromEnv", "the environment", "NewClient", "the command",
		"invalid argument: ", "", "apitest: ", "",
		"escape it, and pass the query as url.Values", "write it as %3F or %23, and the query with --query",
		"use url.PathEscape on its elements", "write % as %25, and a space as %20",
		"the base URL's scheme", "the scheme of --instance",
		"is the base URL that of Metlo's collector", "is --instance the address of the collector",
		"use one of Hosts.Names", "metlo host list shows them",
		"Request.URL.EndpointPath", "request.url.endpointPath", "Request.URL.Path", "request.url.path", "Request.URL.Host", "request.url.host",
		"Request.Method", "request.method", "Response.Status", "response.status",
	)
})

var (
	// sdkPrefix matches the name of the SDK at the start of an error, but not the end of a file name such as ~/.metlo.
	sdkPrefix   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|[:;] )metlo: `) })
	payloadCall = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`pass WithPayloads\("([^"]*)", …\)`) })
	// methodName matches the name of a method before the fault of its argument.
	methodName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b((Alerts|Collector|DataClasses|DataFields|Detections|Endpoints|Hosts|Keys|Settings|Specs|Summary|Testing|Webhooks)\.[A-Z][A-Za-z]+|Call|capture: Analyze|capture): `)
	})
)

// interruptedLine returns what an interrupted command has done, or an empty string if it is unknown.
func interruptedLine(err error) string {
	var partial *partialError
	if errors.As(err, &partial) {
		return safetext.Line("interrupted: " + partial.done)
	}
	return "interrupted"
}

// partialError represents the failure of a command that has done part of its work.
type partialError struct {
	done string
	err  error
}

func (e *partialError) Error() string { return fmt.Sprintf("%s: %v", e.done, e.err) }
func (e *partialError) Unwrap() error { return e.err }

// advice returns the next step for an error whose text does not name one.
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
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, metlo.ErrNoResponse):
		return ": raise --timeout" // the server is not at fault
	case errors.Is(err, context.DeadlineExceeded):
		return ": raise --timeout, or check the instance with metlo status"
	case errors.Is(err, metlo.ErrServer):
		return ": check the instance with metlo status"
	}
	return ""
}
