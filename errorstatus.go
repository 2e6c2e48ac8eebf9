package metlo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

// kindOf returns the default sentinel for a status.
func kindOf(status int) error {
	switch status {
	case 0:
		return ErrNoResponse
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusProxyAuthRequired:
		return ErrProxy
	case http.StatusRequestTimeout:
		return ErrServer
	case http.StatusConflict:
		return ErrConflict
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return ErrTooLarge
	case http.StatusUnprocessableEntity:
		return ErrUnprocessable
	case http.StatusTooManyRequests:
		return ErrRateLimited
	case http.StatusNotModified:
		return ErrInvalidResponse // the client sends no conditional requests
	}
	switch {
	case status >= 500:
		return ErrServer
	case status >= 400:
		return ErrBadRequest
	case status >= 300:
		return ErrRedirected
	}
	return ErrInvalidResponse
}

// failed returns the error of a failed call.
func (c *Client) failed(r *request, result *transport.Result) error {
	err := result.Err
	if !result.Handled || !isOwnError(err) {
		var plain *transport.PlainProxyError
		var source *transport.SourceError
		switch {
		case errors.As(err, &plain):
			return c.redact.fault(invalid("%s: %v: use https, or WithInsecureHTTP if the network is trusted", r.name, plain))
		case errors.As(err, &source) && source.Unread:
			return c.redact.fault(invalid("%s: %v", r.name, wire.OneLine(source.Error())))
		}
		status := 0
		if n := len(result.Attempts); n > 0 {
			status = result.Attempts[n-1].StatusCode
		}
		err = c.callError(r, status, nil, err)
	}
	e := inner(err)
	e.RetryAfter = result.RetryAfter
	if result.TooLate {
		e.Err = fmt.Errorf("the server asks for a wait that ends after the context: %w", context.DeadlineExceeded)
	}
	e.Attempts = make([]Attempt, len(result.Attempts))
	for i, a := range result.Attempts {
		e.Attempts[i] = Attempt{StatusCode: a.StatusCode, Unsent: a.Unsent, Wait: a.Wait}
		if a.Err != nil {
			e.Attempts[i].Err = c.redact.cause(a.Err)
		}
	}
	if e.fromMetlo {
		c.answered.Store(true)
	}
	return err
}

// isOwnError reports whether err itself is an error of this package, regardless of the errors that it wraps.
func isOwnError(err error) bool { return inner(err) != nil }

// inner returns the *Error in an error of this package, or nil.
func inner(err error) *Error {
	switch e := err.(type) { //nolint:errorlint // see isOwnError
	case *Error:
		return e
	case *ValidationError:
		return e.Err
	case *TestingSyntaxError:
		return e.Err
	}
	return nil
}

// newError returns an error with the fields that all failures of r share. The body must not contain secrets.
func (c *Client) newError(r *request, status int, body []byte) *Error {
	base := c.serverOf(r)
	return &Error{
		StatusCode: status,
		Method:     r.Method,
		Host:       base.Host,
		Path:       c.redact.text(base.EscapedPath() + r.path),
		Body:       body,
	}
}

// checkResponse returns an error for a response with a failure status or an unexpected encoding.
func (c *Client) checkResponse(r *request, resp *http.Response) error {
	encoding := contentEncoding(resp)
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if encoding != "" {
			return c.callError(r, resp.StatusCode, nil, encodingError(encoding))
		}
		return nil
	}
	body, err := transport.ReadAll(resp, nil, maxErrorRead)
	if isContextError(err) {
		return c.callError(r, resp.StatusCode, nil, err)
	}
	failure := c.statusError(r, resp, encoding, body)
	if isCut(err) { // the status is known nevertheless
		inner(failure).Err = c.redact.cause(err)
	}
	return failure
}

// statusError returns the error for a response with a failure status.
func (c *Client) statusError(r *request, resp *http.Response, encoding string, body []byte) error {
	if err := c.correctedError(r, resp, body); err != nil {
		return err
	}
	if encoding == "" && isGzip(body) {
		encoding = "gzip"
	}
	clean := c.redact.body(body)
	e := c.newError(r, resp.StatusCode, clean[:min(len(clean), maxErrorBody)])
	failure := wire.ParseFailure(clean)
	e.Kind, e.Message = kindOf(resp.StatusCode), failure.Message
	e.fromMetlo = failure.Type != ""
	if !e.fromMetlo && resp.StatusCode != http.StatusNotFound {
		_, e.fromMetlo = wire.Text(resp.Header.Get("Content-Type"), body)
	}
	switch hint := c.addressHint(r, resp, body); {
	case encoding != "":
		e.Message, e.Body = encodingError(encoding).Error(), nil
	case hint != "":
		e.Kind, e.Message = ErrInvalidResponse, hint
	case errors.Is(e, ErrNotFound):
		e.Kind, e.Message = ErrInvalidResponse, notFoundHint(r, failure.Message)
	case errors.Is(e, ErrRedirected):
		e.Message = c.redact.text(redirectMessage(c.serverOf(r), resp))
	case resp.StatusCode < 200:
		e.Message = "the server switches to another protocol: is the base URL right?"
	case e.Message == "":
		e.Message = cmp.Or(http.StatusText(resp.StatusCode), "the response has no body")
	}
	if hint := outage(r, resp.StatusCode, failure.Message); hint != "" {
		e.Message += ": " + hint
	}
	switch failure.Type {
	case "ZOD":
		return &ValidationError{Issues: issuesOf(failure), Err: e}
	case "RAW":
		e.Message = fmt.Sprintf("line %d, column %d: %s", failure.StartLine, failure.StartColumn, e.Message)
		return &TestingSyntaxError{
			StartLine: failure.StartLine, StartColumn: failure.StartColumn,
			EndLine: failure.EndLine, EndColumn: failure.EndColumn,
			Err: e,
		}
	}
	return e
}

func issuesOf(f wire.Failure) []Issue {
	issues := make([]Issue, len(f.Issues))
	for i, issue := range f.Issues {
		issues[i] = Issue(issue)
	}
	return issues
}

// callError returns the error of a request without a response, or with an unexpected one.
func (c *Client) callError(r *request, status int, body []byte, err error) *Error {
	var (
		refused *wire.RefusedError
		proxy   *transport.ProxyError
	)
	if r.private && body != nil && !wire.IsPage(body) {
		if body = nil; !errors.As(err, &refused) {
			err = errPrivate
		}
	}
	e := c.newError(r, status, c.redact.head(body))
	e.Err = c.redact.cause(err)
	e.Message = wire.OneLine(e.Err.Error())
	switch {
	case errors.As(err, &proxy):
		e.Kind, e.lasting = ErrProxy, transport.IsLasting(err)
	case errors.As(err, &refused):
		e.Kind = ErrUnprocessable
	case status == 0:
		e.Kind, e.lasting = ErrNoResponse, transport.IsLasting(err)
		if hint := protocolHint(err); hint != "" {
			e.Message = hint
		}
	case status == http.StatusNotFound:
		e.Kind = ErrInvalidResponse // any server may have sent a response without text
	case status < 200 || status > 299:
		e.Kind = kindOf(status)
	default:
		e.Kind = ErrInvalidResponse
		if wire.IsPage(body) {
			e.Message = "want JSON, have an HTML page (" + wire.Message(e.Body) + "): is the base URL right, and does no login proxy stand before the server?"
		}
	}
	return e
}

var errPrivate = errors.New("the response has an unexpected form; it is not shown because it may contain a secret")

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
