package metlotest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestNewErrorMakesAnErrorOfEachKind(t *testing.T) {
	for _, kind := range []error{
		metlo.ErrInvalidArgument, metlo.ErrBadRequest, metlo.ErrUnauthorized, metlo.ErrForbidden, metlo.ErrNotFound, metlo.ErrConflict,
		metlo.ErrNameTaken, metlo.ErrTooLarge, metlo.ErrUnprocessable, metlo.ErrRateLimited, metlo.ErrServer, metlo.ErrInvalidResponse,
		metlo.ErrRedirected, metlo.ErrNoResponse, metlo.ErrProxy, metlo.ErrNoMatch,
	} {
		err := metlotest.NewError(kind)
		require.ErrorIs(t, err, kind)
		assert.Equal(t, 1, kit.CountSentinels(err), kind)
		assert.NotEmpty(t, err.Error())
	}
	cause := errors.New("the cable is cut")
	err := metlotest.NewError(metlo.ErrNoResponse, func(e *metlo.Error) { e.Err = cause })
	require.ErrorIs(t, err, cause)
	assert.Panics(t, func() { _ = metlotest.NewError(context.Canceled) })
}

// TestZeroErrorsPrintAndMatch has a test double return zero errors.
func TestZeroErrorsPrintAndMatch(t *testing.T) {
	for err, kind := range map[error]error{
		&metlo.Error{}: metlo.ErrNoResponse, &metlo.ValidationError{}: metlo.ErrBadRequest, &metlo.TestingSyntaxError{}: metlo.ErrBadRequest,
		&metlo.BatchError{}: nil, &metlo.IncompleteError{}: metlo.ErrInvalidResponse,
	} {
		for _, verb := range []string{"%v", "%+v", "%s", "%q", "%#v"} {
			assert.NotContains(t, fmt.Sprintf(verb, err), "PANIC")
		}
		if kind != nil {
			require.ErrorIs(t, err, kind)
		}
		var e *metlo.Error
		_ = errors.As(err, &e)
	}
}

func ExampleNewError() {
	resolve := func(string) error { return metlotest.NewError(metlo.ErrConflict) } // a fake of Alerts.Resolve
	fmt.Println(errors.Is(resolve("id"), metlo.ErrConflict))
	// Output: true
}
