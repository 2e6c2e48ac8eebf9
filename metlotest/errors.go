package metlotest

import (
	"errors"
	"net/http"
	"syscall"

	"github.com/metlo-go/metlo"
)

// NewError returns an error like those of [metlo.Client], for test doubles. It matches kind, a sentinel of package
// metlo, with [errors.Is], and has a fitting status and message. Edit functions change the *[metlo.Error], such as its
// Message, its Attempts or its Err. For [metlo.ErrInvalidArgument], which has no *[metlo.Error], edit is not called.
// NewError panics if kind is not a sentinel.
func NewError(kind error, edit ...func(*metlo.Error)) error {
	if errors.Is(kind, metlo.ErrInvalidArgument) {
		return kind
	}
	e, ok := typical()[kind]
	if !ok {
		panic("metlotest: NewError: " + kind.Error() + " is not a sentinel of package metlo")
	}
	e.Kind, e.Method, e.Host, e.Path = kind, http.MethodGet, "metlo.example.com", "/api/v1/endpoints"
	for _, f := range edit {
		f(e)
	}
	return e
}

// typical returns an error with typical fields for each sentinel.
func typical() map[error]*metlo.Error {
	failed := func(status int, message string) *metlo.Error {
		return &metlo.Error{StatusCode: status, Message: message}
	}
	return map[error]*metlo.Error{
		metlo.ErrBadRequest:      failed(http.StatusBadRequest, "limit: Expected number, received nan"),
		metlo.ErrUnauthorized:    failed(http.StatusUnauthorized, "Client unauthorized"),
		metlo.ErrForbidden:       failed(http.StatusForbidden, "Forbidden"),
		metlo.ErrNotFound:        failed(http.StatusInternalServerError, "the endpoint does not exist"),
		metlo.ErrConflict:        failed(http.StatusConflict, "Alert is already resolved."),
		metlo.ErrNameTaken:       failed(http.StatusBadRequest, "Spec file already exists."),
		metlo.ErrTooLarge:        failed(http.StatusRequestEntityTooLarge, "request entity too large"),
		metlo.ErrUnprocessable:   failed(http.StatusUnprocessableEntity, "Found invalid data classes."),
		metlo.ErrRateLimited:     failed(http.StatusTooManyRequests, "Too Many Requests"),
		metlo.ErrServer:          failed(http.StatusInternalServerError, "connect ECONNREFUSED 127.0.0.1:5432"),
		metlo.ErrInvalidResponse: failed(http.StatusOK, "want JSON, have an HTML page (Sign in)"),
		metlo.ErrRedirected:      failed(http.StatusFound, "the server redirects to https://elsewhere.example.com: set that as base URL"),
		metlo.ErrNoResponse:      {Message: "dial tcp 192.0.2.1:443: connect: connection refused", Err: syscall.ECONNREFUSED},
		metlo.ErrProxy:           failed(http.StatusProxyAuthRequired, "the proxy refused to connect: 407 Proxy Authentication Required"),
		metlo.ErrNoMatch:         failed(http.StatusInternalServerError, "no alert in the status that the update starts from passes the filter"),
	}
}
