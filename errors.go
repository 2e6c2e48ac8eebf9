package metlo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/transport"
)

// Every error that a method returns matches at most one of these with [errors.Is], but for ErrNameTaken, which is an
// ErrConflict too. They say what happened; the status
// that the server sent for it, which may be another, is in [Error.StatusCode].
var (
	// ErrInvalidArgument: an argument or an option is at fault. Nothing was sent.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrBadRequest: the server refused the request as malformed. See [ValidationError].
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized: the server, or a proxy before it, did not accept the API key.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: the key is valid but may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: what the request names does not exist, according to Metlo.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the state of things forbids the change, such as resolving an alert that is resolved.
	ErrConflict = errors.New("conflict")
	// ErrNameTaken: what is to be created has the name of another. It is an ErrConflict.
	ErrNameTaken = fmt.Errorf("%w: the name is taken", ErrConflict)
	// ErrTooLarge: the request's body, URL or headers are over a limit of the server.
	ErrTooLarge = errors.New("too large")
	// ErrUnprocessable: the request is well formed and makes no sense to the server.
	ErrUnprocessable = errors.New("unprocessable")
	// ErrRateLimited: the server, or a proxy before it, asks for fewer requests.
	ErrRateLimited = errors.New("rate limited")
	// ErrServer: the server failed.
	ErrServer = errors.New("server error")
	// ErrInvalidResponse: what came back is not what the route of a Metlo server returns, such as the page of a login
	// proxy, or it was cut short.
	ErrInvalidResponse = errors.New("invalid response")
	// ErrRedirected: the server redirects to another address, which the SDK does not follow.
	ErrRedirected = errors.New("redirected")
	// ErrNoResponse: no response came back, or none that is HTTP. The cause is wrapped.
	ErrNoResponse = errors.New("no response")
	// ErrProxy: a proxy between the client and the server refused the request. The server got nothing of it.
	ErrProxy = errors.New("refused by a proxy")
	// ErrNoMatch: an update of many alerts found none to update.
	ErrNoMatch = errors.New("no alert matched")
)

func sentinels() []error {
	return []error{
		ErrInvalidArgument, ErrBadRequest, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrConflict, ErrNameTaken, ErrTooLarge,
		ErrUnprocessable, ErrRateLimited, ErrServer, ErrInvalidResponse, ErrRedirected, ErrNoResponse, ErrProxy, ErrNoMatch,
	}
}

const (
	maxErrorBody = 16 << 10  // bytes of a body that an Error keeps
	maxErrorRead = 256 << 10 // bytes of a body that are searched for a message
)

// Error describes a failed API request. The client's key and the values of [WithHeader] were
// replaced by [redacted] in all of it. A fake can make one: it matches with [errors.Is] by its Kind, or by its StatusCode if Kind is
// nil, and by Err.
type Error struct {
	Kind       error         // the sentinel that it matches, such as ErrNotFound
	StatusCode int           // as the server or the proxy sent it; 0 without a response
	Message    string        // what the server meant, in one line
	Method     string        // of the request
	Host       string        // that the request was for, with its port if the base URL has one
	Path       string        // of the request, without its query
	Body       []byte        // of the response, at most 16 KiB
	Attempts   []Attempt     // in order; empty if none started
	RetryAfter time.Duration // what the last response asked to wait; 0 if it did not

	Err error // why there was no response, or no whole one; nil if the server's response is the failure

	lasting   bool // the cause would be the same again
	fromMetlo bool // the response has Metlo's own form
}

// Attempt is what came of sending a request once.
type Attempt struct {
	StatusCode int           // 0 without a response
	Err        error         // why there was no response, or no whole body
	Unsent     bool          // nothing of the request reached the server: no connection was made, or a proxy refused
	Wait       time.Duration // how long the next attempt was put off; 0 for the last one
}

// Error returns one line with the request, what it came to, and what the server sent.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "metlo: %s %s%s", e.Method, e.Host, e.Path)
	if kind := e.kind(); kind != nil {
		fmt.Fprintf(&b, ": %v", kind)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	switch n := len(e.Attempts); {
	case e.StatusCode != 0 && n > 1:
		fmt.Fprintf(&b, " (HTTP %d, %d attempts)", e.StatusCode, n)
	case e.StatusCode != 0:
		fmt.Fprintf(&b, " (HTTP %d)", e.StatusCode)
	case n > 1:
		fmt.Fprintf(&b, " (%d attempts)", n)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel of the failure.
func (e *Error) Is(target error) bool { return target != nil && errors.Is(e.kind(), target) }

func (e *Error) kind() error {
	if e.Kind != nil {
		return e.Kind
	}
	return kindOf(e.StatusCode)
}

// Retryable reports whether the same call may succeed later without a change: the server failed, asks to come back, or
// could not be reached. A name that does not exist, a certificate that is not trusted and a call that was cancelled are
// not temporary.
func (e *Error) Retryable() bool {
	if errors.Is(e.Err, context.Canceled) || e.lasting {
		return false
	}
	var truncated *transport.TruncatedError
	switch kind := e.kind(); {
	case errors.Is(kind, ErrRateLimited), errors.Is(kind, ErrNoResponse):
		return true
	case errors.Is(kind, ErrServer):
		return e.StatusCode != http.StatusNotImplemented && e.StatusCode != http.StatusHTTPVersionNotSupported
	case errors.Is(kind, ErrProxy):
		return e.StatusCode == 0 || transport.IsTransient(e.StatusCode)
	case errors.Is(kind, ErrInvalidResponse):
		return errors.As(e.Err, &truncated)
	}
	return transport.IsTransient(e.StatusCode)
}

// LogValue returns the error's parts for package log/slog.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.GroupValue()
	}
	attrs := []slog.Attr{
		slog.String("method", e.Method),
		slog.String("host", e.Host),
		slog.String("path", e.Path),
		slog.Int("status", e.StatusCode),
		slog.String("message", e.Message),
		slog.Int("attempts", len(e.Attempts)),
	}
	if kind := e.kind(); kind != nil {
		attrs = append(attrs, slog.String("kind", kind.Error()))
	}
	if e.RetryAfter > 0 {
		attrs = append(attrs, slog.Duration("retry_after", e.RetryAfter))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON returns the parts that LogValue has; a duration is in seconds.
func (e *Error) MarshalJSON() ([]byte, error) { return marshalParts(e.LogValue()) }

// marshalParts is a group of package log/slog as a JSON object.
func marshalParts(group slog.Value) ([]byte, error) {
	parts := map[string]any{}
	for _, attr := range group.Group() {
		switch value := attr.Value.Resolve(); value.Kind() {
		case slog.KindDuration:
			parts[attr.Key] = value.Duration().Seconds()
		case slog.KindGroup:
			inner, err := marshalParts(value)
			if err != nil {
				return nil, err
			}
			parts[attr.Key] = json.RawMessage(inner)
		case slog.KindAny:
			parts[attr.Key] = fmt.Sprint(value.Any())
		default:
			parts[attr.Key] = value.Any()
		}
	}
	return json.Marshal(parts)
}

// ValidationError lists what the server's validator found wrong with a request. It matches [ErrBadRequest].
type ValidationError struct {
	Issues []Issue
	Err    *Error
}

// Issue is one fault of a request.
type Issue struct {
	Path     string   // such as riskScores.0
	Code     string   // such as invalid_enum_value
	Message  string   // in words
	Expected string   // type that was expected, if that is the fault
	Received string   // what was sent, if the server reports it
	Options  []string // values that are allowed, if they can be listed
}

// Error returns one line with what is wrong.
func (e *ValidationError) Error() string { return lineOf(e.Err, ErrBadRequest) }

// Unwrap returns the *[Error].
func (e *ValidationError) Unwrap() error { return orKind(e.Err, ErrBadRequest) }

// LogValue returns the parts of the *[Error].
func (e *ValidationError) LogValue() slog.Value { return e.Err.LogValue() }

// TestingSyntaxError is the fault of a testing configuration that the server cannot parse. It matches [ErrBadRequest]. Lines
// and columns count from 1.
type TestingSyntaxError struct {
	StartLine, StartColumn int
	EndLine, EndColumn     int
	Err                    *Error
}

// Error returns one line with the place and the fault.
func (e *TestingSyntaxError) Error() string { return lineOf(e.Err, ErrBadRequest) }

// Unwrap returns the *[Error].
func (e *TestingSyntaxError) Unwrap() error { return orKind(e.Err, ErrBadRequest) }

// LogValue returns the parts of the *[Error].
func (e *TestingSyntaxError) LogValue() slog.Value { return e.Err.LogValue() }

// lineOf returns the line of e, or that of its kind for an error that was made by hand without e.
func lineOf(e *Error, kind error) string {
	if e == nil {
		return "metlo: " + kind.Error()
	}
	return e.Error()
}

func orKind(e *Error, kind error) error {
	if e == nil {
		return kind
	}
	return e
}

// invalid is a fault of an argument.
func invalid(format string, args ...any) error {
	return fmt.Errorf("metlo: %w: "+format, append([]any{ErrInvalidArgument}, args...)...)
}
