package metlo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

// kindOf is what a status means where nothing else is known.
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
		return ErrInvalidResponse // to a question that nobody asked
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

// failed makes the error of a call that did not succeed.
func (c *Client) failed(ctx context.Context, r *request, result *transport.Result) error {
	err := result.Err
	var plain *transport.PlainProxyError
	var source *transport.SourceError
	switch {
	case errors.As(err, &plain):
		return c.redact.cause(invalid("%s: %v: use https, or WithInsecureHTTP if the network is trusted", r.name, plain))
	case errors.As(err, &source) && source.Unread:
		return c.redact.cause(invalid("%s: %v", r.name, source))
	case !result.Handled || !isOwnError(err):
		status := 0
		if n := len(result.Attempts); n > 0 {
			status = result.Attempts[n-1].StatusCode
		}
		err = c.callError(r, status, nil, err)
	}
	e := inner(err)
	e.RetryAfter = result.RetryAfter
	if result.TooLate {
		e.cause = fmt.Errorf("the server asks for a wait that would outlast the context: %w", context.DeadlineExceeded)
	}
	e.Attempts = make([]Attempt, len(result.Attempts))
	for i, a := range result.Attempts {
		e.Attempts[i] = Attempt{StatusCode: a.StatusCode, Unsent: a.Unsent, Wait: a.Wait}
		if a.Err != nil {
			e.Attempts[i].Err = c.redact.cause(a.Err)
		}
	}
	if e.confirm != nil {
		c.confirmMissing(ctx, e)
	}
	return err
}

// isOwnError reports whether err itself is an error of this package; what it wraps may be anybody's.
func isOwnError(err error) bool { return inner(err) != nil }

// inner is the *Error in an error of this package, nil for any other error.
func inner(err error) *Error {
	switch e := err.(type) { //nolint:errorlint // see isOwnError
	case *Error:
		return e
	case *ValidationError:
		return e.err
	case *SyntaxError:
		return e.err
	}
	return nil
}

// newError is the part that all failures of r share.
func (c *Client) newError(r *request, status int, body []byte) *Error {
	base := r.base(c)
	return &Error{
		StatusCode: status,
		Method:     r.method,
		Host:       base.Host,
		Path:       c.redact.text(base.EscapedPath() + r.path),
		Body:       c.redact.head(body),
	}
}

// statusError is a response whose status says that the request failed.
func (c *Client) statusError(r *request, resp *http.Response, encoding string, body []byte) error {
	if err := c.correctedError(r, resp, body); err != nil {
		return err
	}
	if encoding == "" && isGzip(body) {
		encoding = "gzip"
	}
	e := c.newError(r, resp.StatusCode, body)
	failure := wire.ParseFailure(body)
	e.Kind, e.Message = kindOf(resp.StatusCode), c.redact.text(failure.Message)
	switch hint := c.misdirected(r, resp, body); {
	case encoding != "":
		e.Message, e.Body = encodingError(encoding).Error(), nil
	case hint != "":
		e.Kind, e.Message = ErrInvalidResponse, c.redact.text(hint)
	case errors.Is(e, ErrNotFound):
		e.Kind, e.Message = ErrInvalidResponse, c.redact.text(foreignNotFound(r, body))
	case errors.Is(e, ErrRedirected):
		e.Message = c.redact.text(redirectMessage(r.base(c), resp))
	case resp.StatusCode < 200:
		e.Message = "the server switches to another protocol: is the base URL right?"
	case e.Message == "":
		e.Message = cmp.Or(http.StatusText(resp.StatusCode), "an answer without a word")
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
func redirectMessage(here *url.URL, resp *http.Response) string {
	target, err := here.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return "the server redirects without saying where"
	}
	if here.Scheme == target.Scheme && here.Host == target.Host {
		return "the server redirects within itself: set the base URL under which it answers, or use https"
	}
	server := url.URL{Scheme: target.Scheme, Host: target.Host}
	return wire.OneLine("the server redirects to " + server.String() + ": set that as base URL")
}

// callError is a request that got no response, or one that is not what the route returns.
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
	e := c.newError(r, status, body)
	e.cause = c.redact.cause(err)
	e.Message = wire.OneLine(e.cause.Error())
	switch {
	case errors.As(err, &proxy):
		e.Kind, e.lasting = ErrProxy, transport.IsLasting(err)
	case errors.As(err, &refused):
		e.Kind = ErrUnprocessable
	case status == 0:
		e.Kind, e.lasting = ErrNoResponse, transport.IsLasting(err)
		if hint := foreignProtocol(err); hint != "" {
			e.Message = hint
		}
	case status < 200 || status > 299:
		e.Kind = kindOf(status)
	default:
		e.Kind = ErrInvalidResponse
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

// foreignProtocol says what a port speaks if it is not what the base URL says, and "" if that cannot be told.
func foreignProtocol(err error) string {
	var record tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the port speaks plain http and the base URL says https: use http://, or the port that speaks TLS"
	case errors.As(err, &record):
		return "the port speaks neither TLS nor HTTP: is the port of the base URL right?"
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		return "the port speaks TLS and the base URL says http: use https://"
	case strings.Contains(text, "malformed HTTP"):
		return "the port does not speak HTTP: is the port of the base URL right?"
	}
	return ""
}

// misdirected says how a response tells that the address is wrong, and "" if it does not.
func (c *Client) misdirected(r *request, resp *http.Response, body []byte) string {
	text := string(body)
	if resp.StatusCode == http.StatusBadRequest && r.base(c).Scheme == "http" && slices.ContainsFunc([]string{
		"HTTP request to an HTTPS server",           // Go
		"The plain HTTP request",                    // nginx
		"plain HTTP to an SSL-enabled server",       // Apache
		"combination of host and port requires TLS", // Tomcat
	}, func(mark string) bool { return strings.Contains(text, mark) }) {
		return "the port speaks TLS and the base URL says http: use https://"
	}
	if !r.collector && !strings.HasPrefix(r.path, "/log-request/") && resp.StatusCode >= 400 && strings.Contains(text, "Cannot set properties of undefined (setting 'body')") &&
		strings.Contains(text, "TypeError") {
		return "Metlo's collector answers, not its backend: the base URL is the collector's, which belongs into WithCollectorURL"
	}
	return ""
}

// foreignNotFound says of a 404 that is not Metlo's what may be wrong with the address.
func foreignNotFound(r *request, body []byte) string {
	page := wire.Message(body)
	if page == "" {
		page = "an empty body"
	}
	noRoute := strings.HasPrefix(page, "Cannot "+r.method+" ")
	switch {
	case noRoute && r.collector:
		return "a server without this route answers (" + page + "): is the collector's URL that of Metlo's backend?"
	case noRoute:
		return "a server without this route answers (" + page + "): is the base URL that of Metlo's collector, or does this version of Metlo lack the route?"
	}
	return "404 that is not Metlo's (" + page + "): is the base URL right?"
}

// correction is an answer whose status does not say what happened, or says it only in these words.
type correction struct {
	method  string // empty for any
	route   string // below /api/v1; * stands for one element, empty for any route
	status  int
	body    string // anchored: a longer text of the same kind can follow a write that did happen
	kind    error
	message string                         // what it means; empty if the body says it well
	proof   string                         // recording, or the part of the server's source that sends it
	confirm func(path string) confirmation // for a text that other servers send too
}

// corrections returns the answers of the server that mean something else than their status says, and all its forms of
// 404.
func corrections() []correction {
	const (
		noEndpoint  = "the endpoint does not exist"
		noDataField = "no data field has this id"
		noSpec      = "no spec has this name"
	)
	return []correction{
		{"GET", "/endpoint/*", 500, `^Error: Endpoint does not exist\.$`, ErrNotFound, noEndpoint, "endpoints/get_missing", nil},
		{"GET", "/endpoint/*/usage", 500, `^Error: Endpoint does not exist\.$`, ErrNotFound, noEndpoint, "get-endpoints/index.ts:632", nil},
		{"POST", "/data-field/*/update-classes", 500, `^Cannot set properties of null \(setting 'dataClasses'\)$`, ErrNotFound, "no data field has this id, path and section", "data_fields/update_classes_missing", nil},
		{"DELETE", "/data-field/*", 500, `^Cannot read properties of null \(reading 'uuid'\)$`, ErrNotFound, noDataField, "data_fields/delete_missing", nil},
		{"PUT", "/data-field/*/update-entity", 200, `^OK$`, ErrNotFound, noDataField, "data-fields.ts:158", confirmBackend},
		{"GET", "/spec/*", 200, `^OK$`, ErrNotFound, noSpec, "specs/get_missing", confirmNoSpec},
		{"PUT", "/spec/*", 400, `^Spec file does not exist`, ErrNotFound, noSpec, "spec/index.ts:124", nil},
		{"PUT", "/alerts", 500, `^syntax error at or near "\)"$`, ErrNoMatch, "no alert in the status that the update starts from passes the filter", "alerts/batch_none_match", nil},
		{"", "", 500, `^(QueryFailedError: )?invalid (input syntax for type (uuid|boolean|timestamp)|input value for enum|regular expression)\b`, ErrBadRequest, "", "alerts/update_not_uuid", nil},
		{"PUT", "/metlo-config", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "settings/config_put_bad_yaml", nil},
		{"POST", "/spec/new", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "spec/index.ts:39", nil},
		{"PUT", "/spec/*", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "spec/index.ts:124", nil},
		{"PUT", "/endpoint/*/graphql-schema", 500, `^Syntax Error: `, ErrBadRequest, "", "endpoints/index.ts:229", nil},
		{"GET", "/specs/zip", 500, `^No OpenAPI Specs found\.$`, ErrNotFound, "the instance holds no spec", "spec/index.ts:152", nil},
		{"POST", "/spec/new", 400, `^Spec file already exists\.$`, ErrNameTaken, "", "specs/upload_exists", nil},
		{"POST", "/keys/create", 400, `^Can not create key with name `, ErrNameTaken, "", "keys/create_duplicate", nil},

		{"", "/endpoint/*", 404, `^Endpoint (does not exist|not found)\.?$`, ErrNotFound, "", "endpoints/get_not_uuid", nil},
		{"", "/endpoint/*/*", 404, `^Endpoint (does not exist|not found)\.?$`, ErrNotFound, "", "endpoints/set_authenticated_missing", nil},
		{"PUT", "/data-field/*/update-data-path", 404, `^Data field not found\.$`, ErrNotFound, "", "data_fields/update_data_path_missing", nil},
		{"DELETE", "/keys/*/delete", 404, `^Did not find any matching keys for `, ErrNotFound, "", "keys/delete_missing", nil},
		{"DELETE", "/spec/*", 404, `^No spec file with the provided name exists\.$`, ErrNotFound, "", "specs/delete_missing", nil},
		{"GET", "/gen-test-endpoint", 404, `^Could not find endpoint\.$`, ErrNotFound, "", "testing/gen_test_endpoint_missing", nil},
		{"PUT", "/alert/*", 404, `^Not Found$`, ErrNotFound, "", "alerts/update_missing", confirmNoAlert},
	}
}

// correctedError is the error that the table of corrections has for an answer, nil if it has none.
func (c *Client) correctedError(r *request, resp *http.Response, body []byte) error {
	found, ok := correct(r, resp, body)
	if !ok {
		return nil
	}
	e := c.newError(r, resp.StatusCode, body)
	e.Kind, e.Message = found.kind, found.message
	if e.Message == "" {
		e.Message = c.redact.text(wire.Message(body))
	}
	if found.confirm != nil {
		e.confirm = found.confirm(r.path)
	}
	return e
}

func correct(r *request, resp *http.Response, body []byte) (correction, bool) {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusInternalServerError:
	default:
		return correction{}, false
	}
	body = bytes.TrimSpace(body)
	if resp.StatusCode == http.StatusNotFound {
		text, ok := wire.Text(resp.Header.Get("Content-Type"), body)
		if !ok {
			return correction{}, false
		}
		body = []byte(text)
	}
	for _, t := range corrections() {
		if t.status != resp.StatusCode || (t.method != "" && t.method != r.method) || (t.route != "" && !matchRoute(t.route, r.path)) {
			continue
		}
		if ok, err := regexp.Match(t.body, body); ok && err == nil && !r.collector {
			return t, true
		}
	}
	return correction{}, false
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

// confirmation asks the server whether what was not found is missing indeed. Other servers send the same text, to any
// request: a program that then deletes its records would lose them to a wrong address.
type confirmation func(context.Context, *Client) (missing bool, err error)

// confirmMissing makes e another error if nothing confirms that what was asked for does not exist.
func (c *Client) confirmMissing(ctx context.Context, e *Error) {
	missing, err := e.confirm(ctx, c)
	switch {
	case err != nil:
		e.Kind, e.cause = ErrInvalidResponse, err
		e.Message = wire.OneLine(fmt.Sprintf("the answer is one that many servers send, and asking further failed (%v): is the base URL right?", err))
	case !missing:
		e.Kind = ErrInvalidResponse
		e.Message = "the answer says that it does not exist, and the server's list has it: is the base URL right?"
	}
}

func confirmNoAlert(path string) confirmation {
	return func(ctx context.Context, c *Client) (bool, error) {
		id, err := url.PathUnescape(strings.TrimPrefix(path, "/alert/"))
		if err != nil {
			return false, err
		}
		r := newRequest("Alerts.Get", http.MethodGet, "/alerts")
		r.param("uuid", id)
		page, err := fetchList[Alert](ctx, c, r, 1, nil)
		var validation *ValidationError
		if errors.As(err, &validation) {
			return true, nil // only Metlo's validator answers so
		}
		return len(page.Items) == 0, err
	}
}

func confirmNoSpec(path string) confirmation {
	return func(ctx context.Context, c *Client) (bool, error) {
		name, err := url.PathUnescape(strings.TrimPrefix(path, "/spec/"))
		if err != nil {
			return false, err
		}
		specs, err := fetchAll[Spec](ctx, c, newRequest("Specs.List", http.MethodGet, "/specs"))
		return !slices.ContainsFunc(specs, func(s Spec) bool { return s.Name == name }), err
	}
}

// confirmBackend takes the word of a server that is Metlo's backend.
func confirmBackend(string) confirmation {
	return func(ctx context.Context, c *Client) (bool, error) {
		_, err := c.Summary.HasEndpoints(ctx)
		return true, err
	}
}
