package apitest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/netguard"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// Errors that errors.Is finds.
var (
	// ErrHostNotAllowed means that AllowHosts does not name the host of a request. The request was not sent.
	ErrHostNotAllowed = netguard.ErrHostNotAllowed
	// ErrUnknownPayload means that a payload names a list that is neither built in nor defined by WithPayloads.
	ErrUnknownPayload = errors.New("unknown payload list")
	// ErrTooManyRequests means that a test would send more requests than WithMaxRequests allows. None was sent.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrScriptLimit means that a script used more time or memory than WithScriptLimits allows.
	ErrScriptLimit = script.ErrLimit
	// ErrUnknownTemplate means that Generate does not know the template.
	ErrUnknownTemplate = errors.New("unknown template")
	// ErrUnknownVariable means that the test neither declares nor uses the variable given to Set.
	ErrUnknownVariable = errors.New("unknown variable")
	// ErrNotApplicable means that the template cannot test the endpoint. The error names the endpoint and the reason.
	ErrNotApplicable = errors.New("not applicable")
	// ErrNoAuthConfig means that the template needs authentication, and none is configured for the endpoint's host.
	ErrNoAuthConfig = errors.New("no auth config")
)

// ConfigError describes one fault of a test file, a policy or a testing configuration.
type ConfigError struct {
	// File is the path of the file, or empty if the text does not come from a file.
	File string
	// Line and Column are the place of the fault, counted from 1. Both are 0 for a Config built in Go.
	Line, Column int
	// Path is the path of the faulty element, such as test[0].request.method. It is empty for invalid YAML.
	Path string
	// Message describes the fault and what to write instead.
	Message string
}

// Error returns "file:line:column: path: message", without the parts that are unknown.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", e.Line, e.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}
