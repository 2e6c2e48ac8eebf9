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

// Sentinel errors. Every error of a method matches at most one of these with [errors.Is], except that ErrNameTaken is
// also an ErrConflict. They describe what happened. [Error.StatusCode] has the server's status, which may suggest
// otherwise.
var (
	// ErrInvalidArgument: an argument or an option is invalid. The client sent nothing.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrBadRequest: the server rejected the request as malformed. See [ValidationError].
	ErrBadRequest = errors.New("bad request")
	// ErrUnauthorized: the server, or a proxy in front of it, rejected the API key.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: the key is valid but does not permit the request.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: the object does not exist, according to Metlo.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the object's state does not allow the change, such as resolving a resolved alert.
	ErrConflict = errors.New("conflict")
	// ErrNameTaken: another object has the name of the new one. It is an ErrConflict.
	ErrNameTaken = fmt.Errorf("%w: the name is taken", ErrConflict)
	// ErrTooLarge: the request's body, URL or headers exceed a limit of the server.
	ErrTooLarge = errors.New("too large")
	// ErrUnprocessable: the request is well formed but the server cannot process it.
	ErrUnprocessable = errors.New("unprocessable")
	// ErrRateLimited: the server, or a proxy in front of it, asks for fewer requests.
	ErrRateLimited = errors.New("rate limited")
	// ErrServer: the server failed.
	ErrServer = errors.New("server error")
	// ErrInvalidResponse: the response is not one that the route of a Metlo server sends, such as the page of a login
	// proxy, or it is cut short.
	ErrInvalidResponse = errors.New("invalid response")
	// ErrRedirected: the server redirects to another address. The client does not follow redirects.
	ErrRedirected = errors.New("redirected")
	// ErrNoResponse: no HTTP response arrived. The cause is wrapped.
	ErrNoResponse = errors.New("no response")
	// ErrProxy: a proxy in front of the server rejected the request, which never reached the server.
	ErrProxy = errors.New("refused by a proxy")
	// ErrNoMatch: an update of many alerts matched none.
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

// Error describes a failed API request. The text [redacted] replaces the client's key and the values of [WithHeader] in
// all its fields. A test can construct one: it matches with [errors.Is] by its Kind, or by its StatusCode if Kind is
// nil, and by Err.
type Error struct {
	Kind       error         // sentinel that the error matches, such as ErrNotFound
	StatusCode int           // status from the server or the proxy; 0 without a response
	Message    string        // meaning of the response, in one line
	Method     string        // request's method
	Host       string        // server of the request, with its port if the base URL has one
	Path       string        // request's path, without its query
	Body       []byte        // response's body, at most 16 KiB
	Attempts   []Attempt     // attempts in order; empty if none started
	RetryAfter time.Duration // wait requested by the last response; 0 if none

	Err error // reason why no response arrived, or only a part; nil if the server's response is the failure

	lasting   bool // the same cause would occur again
	fromMetlo bool // the response has Metlo's own form
}

// Attempt is one attempt to send a request.
type Attempt struct {
	StatusCode int           // status of the response; 0 if there is none
	Err        error         // reason why no response arrived, or only a part of its body
	Unsent     bool          // nothing of the request reached the server: no connection was made, or a proxy refused it
	Wait       time.Duration // delay before the next attempt; 0 for the last one
}

// Error returns one line with the request, its outcome and the server's text.
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

// Is reports whether target is the error's sentinel.
func (e *Error) Is(target error) bool { return target != nil && errors.Is(e.kind(), target) }

func (e *Error) kind() error {
	if e.Kind != nil {
		return e.Kind
	}
	return kindOf(e.StatusCode)
}

// Retryable reports whether the same call may succeed later: the server failed, asked the client to wait, or could not
// be reached. Unknown host names, untrusted certificates and cancelled calls are not retryable.
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

// MarshalJSON returns the parts of LogValue; durations are in seconds.
func (e *Error) MarshalJSON() ([]byte, error) { return marshalParts(e.LogValue()) }

// marshalParts encodes a group of package log/slog as a JSON object.
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

// Issue is one problem with a request.
type Issue struct {
	Path     string   // place of the value, such as riskScores.0
	Code     string   // kind of problem, such as invalid_enum_value
	Message  string   // description
	Expected string   // expected type, for an issue about types
	Received string   // type that was sent, if the server reports it
	Options  []string // allowed values, if the server lists them
}

// Error returns one line with the issues.
func (e *ValidationError) Error() string { return lineOf(e.Err, ErrBadRequest) }

// Unwrap returns the *[Error].
func (e *ValidationError) Unwrap() error { return orKind(e.Err, ErrBadRequest) }

// LogValue returns the parts of the *[Error].
func (e *ValidationError) LogValue() slog.Value { return e.Err.LogValue() }

// TestingSyntaxError describes a testing configuration that the server cannot parse. It matches [ErrBadRequest]. Lines
// and columns count from 1.
type TestingSyntaxError struct {
	StartLine, StartColumn int
	EndLine, EndColumn     int
	Err                    *Error
}

// Error returns one line with the place and the problem.
func (e *TestingSyntaxError) Error() string { return lineOf(e.Err, ErrBadRequest) }

// Unwrap returns the *[Error].
func (e *TestingSyntaxError) Unwrap() error { return orKind(e.Err, ErrBadRequest) }

// LogValue returns the parts of the *[Error].
func (e *TestingSyntaxError) LogValue() slog.Value { return e.Err.LogValue() }

// lineOf returns the line of e, or that of its kind for an error constructed without e.
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

// invalid returns an ErrInvalidArgument with a message.
func invalid(format string, args ...any) error {
	return fmt.Errorf("metlo: %w: "+format, append([]any{ErrInvalidArgument}, args...)...)
}
