package apitest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/netguard"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// Sentinels for errors.Is.
var (
	// ErrHostNotAllowed is a request to a host that AllowHosts does not name. Nothing was sent to it.
	ErrHostNotAllowed = netguard.ErrHostNotAllowed
	// ErrUnknownPayload is a payload that names a list nobody gave to WithPayloads.
	ErrUnknownPayload = errors.New("unknown payload list")
	// ErrTooManyRequests is a test that would send more than WithMaxRequests allows. Nothing was sent.
	ErrTooManyRequests = errors.New("too many requests")
	// ErrScriptLimit is a script that used more time or memory than WithScriptLimits allows.
	ErrScriptLimit = script.ErrLimit
	// ErrUnknownTemplate is a template name that the generator does not know.
	ErrUnknownTemplate = errors.New("unknown template")
	// ErrUnknownVariable is a name given to Set that the test neither declares nor uses.
	ErrUnknownVariable = errors.New("unknown variable")
	// ErrNotApplicable is an endpoint that a template cannot test. The error names the endpoint and the reason.
	ErrNotApplicable = errors.New("not applicable")
	// ErrNoAuthConfig is an endpoint whose host has no authentication configured, which the template needs.
	ErrNoAuthConfig = errors.New("no auth config")
)

// ConfigError is one fault of a test file or of a testing configuration.
type ConfigError struct {
	// File is the file read by Load, else empty.
	File string
	// Line and Column count from 1; both are 0 for a Config built in Go.
	Line, Column int
	// Path leads to the fault, such as test[0].request.method. It is empty for broken YAML.
	Path string
	// Message says what is wrong and what is expected.
	Message string
}

// Error gives "file:line:column: path: message", without the parts that are unknown.
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
