package metlotest

import (
	"errors"
	"net/http"
	"syscall"

	"github.com/metlo-go/metlo"
)

// NewError returns an error as a method of [metlo.Client] returns it, for fakes: it matches kind, one of the sentinels of
// package metlo, with [errors.Is], and holds a status and a message that fit. Edit functions change the *[metlo.Error], such as
// its Message, its Attempts or its Err. For [metlo.ErrInvalidArgument] there is no such error, and edit is not called.
// NewError panics if kind is not a sentinel.
func NewError(kind error, edit ...func(*metlo.Error)) error {
	if errors.Is(kind, metlo.ErrInvalidArgument) {
		return kind
	}
	e := &metlo.Error{Kind: kind, Method: http.MethodGet, Host: "metlo.example.com", Path: "/api/v1/endpoints"}
	switch kind {
	case metlo.ErrBadRequest:
		e.StatusCode, e.Message = http.StatusBadRequest, "limit: Expected number, received nan"
	case metlo.ErrUnauthorized:
		e.StatusCode, e.Message = http.StatusUnauthorized, "Client unauthorized"
	case metlo.ErrForbidden:
		e.StatusCode, e.Message = http.StatusForbidden, "Forbidden"
	case metlo.ErrNotFound:
		e.StatusCode, e.Message = http.StatusInternalServerError, "the endpoint does not exist"
	case metlo.ErrConflict:
		e.StatusCode, e.Message = http.StatusConflict, "Alert is already resolved."
	case metlo.ErrNameTaken:
		e.StatusCode, e.Message = http.StatusBadRequest, "Spec file already exists."
	case metlo.ErrTooLarge:
		e.StatusCode, e.Message = http.StatusRequestEntityTooLarge, "request entity too large"
	case metlo.ErrUnprocessable:
		e.StatusCode, e.Message = http.StatusUnprocessableEntity, "Found invalid data classes."
	case metlo.ErrRateLimited:
		e.StatusCode, e.Message = http.StatusTooManyRequests, "Too Many Requests"
	case metlo.ErrServer:
		e.StatusCode, e.Message = http.StatusInternalServerError, "connect ECONNREFUSED 127.0.0.1:5432"
	case metlo.ErrInvalidResponse:
		e.StatusCode, e.Message = http.StatusOK, "want JSON, have an HTML page (Sign in)"
	case metlo.ErrRedirected:
		e.StatusCode, e.Message = http.StatusFound, "the server redirects to https://elsewhere.example.com: set that as base URL"
	case metlo.ErrNoResponse:
		e.Message, e.Err = "dial tcp 192.0.2.1:443: connect: connection refused", syscall.ECONNREFUSED
	case metlo.ErrProxy:
		e.StatusCode, e.Message = http.StatusProxyAuthRequired, "the proxy refused to connect: 407 Proxy Authentication Required"
	case metlo.ErrNoMatch:
		e.StatusCode, e.Message = http.StatusInternalServerError, "no alert in the status that the update starts from passes the filter"
	default:
		panic("metlotest: NewError: " + kind.Error() + " is not a sentinel of package metlo")
	}
	for _, f := range edit {
		f(e)
	}
	return e
}
