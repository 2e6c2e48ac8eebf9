package metlo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
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
	// ErrNotFound: what the request names does not exist.
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
	// ErrInvalidResponse: what came back is not what the route returns, such as the page of a login proxy, or it was
	// cut short.
	ErrInvalidResponse = errors.New("invalid response")
	// ErrNoMatch: an update of many alerts found none to update.
	ErrNoMatch = errors.New("no alert matched")
)

const (
	maxErrorBody = 16 << 10 // bytes of a body that an Error keeps
	maxErrorRead = 1 << 20  // bytes of a body that are searched for what it says
)

// Error is a request that failed after it was found valid. The client's key and the values of [WithHeader] were
// replaced by [redacted] in all of it.
type Error struct {
	StatusCode int       // as the server sent it; 0 without a response
	Message    string    // what the server meant, in one line
	Method     string    // of the request
	Path       string    // of the request, without its query
	Body       []byte    // of the response, at most 16 KiB
	Attempts   []Attempt // in order; empty if none started

	kind  error
	cause error
}

// Attempt is what came of sending a request once.
type Attempt struct {
	StatusCode int           // 0 without a response
	Err        error         // why there was no response, or no whole body
	Wait       time.Duration // how long the next attempt was put off; 0 for the last one
}

// Error says in one line what was asked, what it came to, and what the server sent.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "metlo: %s %s", e.Method, e.Path)
	if e.kind != nil {
		fmt.Fprintf(&b, ": %v", e.kind)
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

// Unwrap returns why there was no response or no whole one, if that is the failure.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the sentinel that says what happened.
func (e *Error) Is(target error) bool { return target != nil && errors.Is(e.kind, target) }

// Format writes the error's line for every verb, and quotes it for %q.
func (e *Error) Format(f fmt.State, verb rune) { format(f, verb, e) }

func format(f fmt.State, verb rune, err error) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", err.Error())
		return
	}
	_, _ = io.WriteString(f, err.Error())
}

// LogValue gives package log/slog the error's parts.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("method", e.Method),
		slog.String("path", e.Path),
		slog.Int("status", e.StatusCode),
		slog.String("message", e.Message),
		slog.Int("attempts", len(e.Attempts)),
	}
	if e.kind != nil {
		attrs = append(attrs, slog.String("kind", e.kind.Error()))
	}
	return slog.GroupValue(attrs...)
}

// ValidationError is what the server's validator found wrong with a request. It matches [ErrBadRequest].
type ValidationError struct {
	Issues []Issue

	err *Error
}

// Issue is one fault of a request.
type Issue struct {
	Path     string   // such as riskScores.0
	Code     string   // such as invalid_enum_value
	Message  string   // in words
	Expected string   // type that was expected, if that is the fault
	Received string   // what was sent, if the server says so
	Options  []string // values that are allowed, if they can be listed
}

// Error says in one line what is wrong.
func (e *ValidationError) Error() string { return e.err.Error() }

// Unwrap returns the *[Error].
func (e *ValidationError) Unwrap() error { return e.err }

// Format writes the error's line for every verb, and quotes it for %q.
func (e *ValidationError) Format(f fmt.State, verb rune) { format(f, verb, e) }

// LogValue gives package log/slog the error's parts.
func (e *ValidationError) LogValue() slog.Value { return e.err.LogValue() }

// SyntaxError is a testing configuration that the server cannot parse. It matches [ErrBadRequest]. Lines and columns
// count from 1.
type SyntaxError struct {
	StartLine, StartColumn int
	EndLine, EndColumn     int

	err *Error
}

// Error says in one line where and what the fault is.
func (e *SyntaxError) Error() string { return e.err.Error() }

// Unwrap returns the *[Error].
func (e *SyntaxError) Unwrap() error { return e.err }

// Format writes the error's line for every verb, and quotes it for %q.
func (e *SyntaxError) Format(f fmt.State, verb rune) { format(f, verb, e) }

// LogValue gives package log/slog the error's parts.
func (e *SyntaxError) LogValue() slog.Value { return e.err.LogValue() }

// disguise is an answer whose status does not say what happened.
type disguise struct {
	method  string // empty for any
	route   string // below /api/v1; * stands for one element, empty for any route
	status  int
	body    string // anchored: a longer text of the same kind can follow a write that did happen
	kind    error
	message string // what it means; empty if the body says it well
	proof   string // recording, or the part of the server's source that sends it
}

// disguises returns the answers of the server that mean something else than they say.
func disguises() []disguise {
	const (
		noEndpoint  = "the endpoint does not exist"
		noDataField = "no data field has this id"
		noSpec      = "no spec has this name"
	)
	return []disguise{
		{"GET", "/endpoint/*", 500, `^Error: Endpoint does not exist\.$`, ErrNotFound, noEndpoint, "endpoints/get_missing"},
		{"GET", "/endpoint/*/usage", 500, `^Error: Endpoint does not exist\.$`, ErrNotFound, noEndpoint, "get-endpoints/index.ts:632"},
		{"POST", "/data-field/*/update-classes", 500, `^Cannot set properties of null \(setting 'dataClasses'\)$`, ErrNotFound, "no data field has this id, path and section", "data_fields/update_classes_missing"},
		{"DELETE", "/data-field/*", 500, `^Cannot read properties of null \(reading 'uuid'\)$`, ErrNotFound, noDataField, "data_fields/delete_missing"},
		{"PUT", "/data-field/*/update-entity", 200, `^OK$`, ErrNotFound, noDataField, "data-fields.ts:158"},
		{"GET", "/spec/*", 200, `^OK$`, ErrNotFound, noSpec, "specs/get_missing"},
		{"PUT", "/spec/*", 400, `^Spec file does not exist`, ErrNotFound, noSpec, "spec/index.ts:124"},
		{"PUT", "/alerts", 500, `^syntax error at or near "\)"$`, ErrNoMatch, "no alert in the status that the update starts from passes the filter", "alerts/batch_none_match"},
		{"", "", 500, `^(QueryFailedError: )?invalid (input syntax for type (uuid|boolean|timestamp)|input value for enum|regular expression)\b`, ErrBadRequest, "", "alerts/update_not_uuid"},
		{"PUT", "/metlo-config", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "settings/config_put_bad_yaml"},
		{"POST", "/spec/new", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "spec/index.ts:39"},
		{"PUT", "/spec/*", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "spec/index.ts:124"},
		{"PUT", "/endpoint/*/graphql-schema", 500, `^Syntax Error: `, ErrBadRequest, "", "endpoints/index.ts:229"},
		{"GET", "/specs/zip", 500, `^No OpenAPI Specs found\.$`, ErrNotFound, "the instance holds no spec", "spec/index.ts:152"},
		{"POST", "/spec/new", 400, `^Spec file already exists\.$`, ErrNameTaken, "", "specs/upload_exists"},
		{"POST", "/keys/create", 400, `^Can not create key with name `, ErrNameTaken, "", "keys/create_duplicate"},
	}
}

// unmask finds the disguise that an answer wears.
func unmask(method, path string, status int, body []byte) (disguise, bool) {
	if status != http.StatusOK && status != http.StatusBadRequest && status != http.StatusInternalServerError {
		return disguise{}, false
	}
	body = bytes.TrimSpace(body)
	for _, d := range disguises() {
		if d.status != status || (d.method != "" && d.method != method) || (d.route != "" && !matchRoute(d.route, path)) {
			continue
		}
		if ok, err := regexp.Match(d.body, body); ok && err == nil {
			return d, true
		}
	}
	return disguise{}, false
}

// matchRoute reports whether path has the form of route, in which * stands for one element.
func matchRoute(route, path string) bool {
	for {
		r, routeRest, routeMore := strings.Cut(route, "/")
		p, pathRest, pathMore := strings.Cut(path, "/")
		if r != p && (r != "*" || p == "") {
			return false
		}
		if routeMore != pathMore {
			return false
		}
		if !routeMore {
			return true
		}
		route, path = routeRest, pathRest
	}
}

// kindOf is what a status means where nothing else is known.
func kindOf(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return ErrTooLarge
	case http.StatusUnprocessableEntity:
		return ErrUnprocessable
	case http.StatusTooManyRequests:
		return ErrRateLimited
	}
	switch {
	case status >= 500:
		return ErrServer
	case status >= 400:
		return ErrBadRequest
	}
	return ErrInvalidResponse
}

// newError is the part that all failures of r share.
func (c *Client) newError(r *request, status int, body []byte) *Error {
	return &Error{
		StatusCode: status,
		Method:     r.method,
		Path:       c.redact.text(r.fullPath(c)),
		Body:       c.redact.head(body),
	}
}

// answerError is a response that says that the request failed.
func (c *Client) answerError(r *request, resp *http.Response, body []byte) error {
	e := c.newError(r, resp.StatusCode, body)
	failure := wire.ParseFailure(body)
	e.Message, e.kind = c.redact.text(failure.Message), kindOf(resp.StatusCode)
	if d, ok := unmask(r.method, r.path, resp.StatusCode, body); ok {
		e.kind = d.kind
		if d.message != "" {
			e.Message = d.message
		}
	}
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		e.Message = c.redact.text(redirectMessage(resp))
	case e.Message == "":
		e.Message = http.StatusText(resp.StatusCode)
	}
	switch failure.Type {
	case "ZOD":
		return &ValidationError{Issues: c.issuesOf(failure), err: e}
	case "RAW":
		e.Message = fmt.Sprintf("line %d, column %d: %s", failure.StartLine, failure.StartColumn, e.Message)
		return &SyntaxError{
			StartLine: failure.StartLine, StartColumn: failure.StartColumn,
			EndLine: failure.EndLine, EndColumn: failure.EndColumn,
			err: e,
		}
	}
	return e
}

func (c *Client) issuesOf(f wire.Failure) []Issue {
	issues := make([]Issue, len(f.Issues))
	for i, issue := range f.Issues {
		for _, text := range []*string{&issue.Path, &issue.Code, &issue.Message, &issue.Expected, &issue.Received} {
			*text = c.redact.text(*text)
		}
		for j := range issue.Options {
			issue.Options[j] = c.redact.text(issue.Options[j])
		}
		issues[i] = Issue(issue)
	}
	return issues
}

// redirectMessage names the server to use instead, and no more of the target: its path and query may hold secrets.
func redirectMessage(resp *http.Response) string {
	target, err := resp.Location()
	if err != nil {
		return "the server redirects without saying where"
	}
	server := url.URL{Scheme: target.Scheme, Host: target.Host}
	if here := resp.Request.URL; here != nil && here.Scheme == target.Scheme && here.Host == target.Host {
		return wire.OneLine("the server redirects within itself: set the base URL under which it answers, or use https")
	}
	return wire.OneLine("the server redirects to " + server.String() + ": set that as base URL")
}

// callError is a request that got no answer, or one that is not what the route returns.
func (c *Client) callError(r *request, status int, body []byte, err error) *Error {
	var refused *wire.RefusedError
	if r.private && body != nil && !wire.IsPage(body) {
		if body = nil; !errors.As(err, &refused) {
			err = errPrivate
		}
	}
	e := c.newError(r, status, body)
	e.cause = c.redact.cause(err)
	e.Message = wire.OneLine(e.cause.Error())
	switch {
	case errors.As(err, &refused):
		e.kind = ErrUnprocessable
	case status == 0, isContextError(err):
	default:
		e.kind = ErrInvalidResponse
		if wire.IsPage(body) {
			e.Message = "want JSON, have an HTML page (" + c.redact.text(wire.Message(e.Body)) + "): is the base URL right, and does no login proxy stand before the server?"
		}
	}
	return e
}

var errPrivate = errors.New("the answer is not what the route returns, and is not shown since it may hold a secret")

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// withAttempts adds the history of a call to its error.
func (c *Client) withAttempts(err error, attempts []transport.Attempt) error {
	var e *Error
	if errors.As(err, &e) && e.Attempts == nil {
		e.Attempts = make([]Attempt, len(attempts))
		for i, a := range attempts {
			e.Attempts[i] = Attempt{StatusCode: a.StatusCode, Wait: a.Wait}
			if a.Err != nil {
				e.Attempts[i].Err = c.redact.cause(a.Err)
			}
		}
	}
	return err
}

// invalid is a fault of an argument.
func invalid(format string, args ...any) error {
	return fmt.Errorf("metlo: %w: "+format, append([]any{ErrInvalidArgument}, args...)...)
}
