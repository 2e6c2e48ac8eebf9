package kit

import (
	"errors"
	"strings"
	"testing"

	"github.com/metlo-go/metlo"
)

// Sentinels returns the sentinels, of which an error matches at most one.
func Sentinels() []error {
	return []error{
		metlo.ErrInvalidArgument, metlo.ErrBadRequest, metlo.ErrUnauthorized, metlo.ErrForbidden, metlo.ErrNotFound,
		metlo.ErrConflict, metlo.ErrTooLarge, metlo.ErrUnprocessable, metlo.ErrRateLimited, metlo.ErrServer,
		metlo.ErrInvalidResponse, metlo.ErrNoMatch, metlo.ErrNoResponse, metlo.ErrRedirected, metlo.ErrProxy,
	}
}

// CountSentinels returns how many sentinels err matches.
func CountSentinels(err error) int {
	n := 0
	for _, s := range Sentinels() {
		if errors.Is(err, s) {
			n++
		}
	}
	return n
}

// Malformed returns a description of a malformed error of a call, or "". It applies to any answer of a server.
func Malformed(err error) string {
	var e *metlo.Error
	var incomplete *metlo.IncompleteError
	text := err.Error()
	switch {
	case !errors.As(err, &e) && !errors.As(err, &incomplete):
		return "neither an Error nor an IncompleteError: " + text
	case CountSentinels(err) > 1:
		return "more than one sentinel: " + text
	case strings.ContainsAny(text, "\r\n\x00\x1b") || len(text) > 4<<10:
		return "not one printable line: " + text
	case e != nil && len(e.Body) > 16<<10:
		return "the error keeps too much of the body"
	}
	return ""
}

// CheckError fails the test if err is malformed or shows the key.
func CheckError(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if wrong := Malformed(err); wrong != "" {
		t.Fatal(wrong)
	}
	if found := Leak(TextsOf(err), Key); found != "" {
		t.Fatalf("the error shows the key: %s", found)
	}
}
