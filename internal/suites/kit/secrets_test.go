package kit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo"
)

func TestLeak(t *testing.T) {
	const secret = "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq"
	for name, row := range map[string]struct {
		text  string
		leaks bool
	}{
		"nothing":                  {"", false},
		"other text":               {"GET /api/v1/alerts: unauthorized (HTTP 401)", false},
		"the whole":                {"key " + secret + " is refused", true},
		"its beginning":            {secret[:shownAtMost+1] + "…", true},
		"its end":                  {"…" + secret[len(secret)-shownAtMost-1:], true},
		"a part from any place":    {"x" + secret[13:13+shownAtMost+1] + "x", true},
		"as much as may be shown":  {secret[:shownAtMost] + "…", false},
		"parts that are too short": {secret[:shownAtMost] + " " + secret[20:20+shownAtMost], false},
	} {
		t.Run(name, func(t *testing.T) {
			found := Leak(row.text, "another-secret-of-no-text", secret)
			assert.Equal(t, row.leaks, found != "", found)
		})
	}
}

// secretError shows its secret in only one way.
type secretError struct{ error, json, goString, inner string }

func (e secretError) Error() string                { return "failed " + e.error }
func (e secretError) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", e.json), nil }
func (e secretError) GoString() string             { return e.goString }
func (e secretError) Unwrap() []error              { return []error{errors.New("first"), errors.New(e.inner)} }

func TestTextsOf(t *testing.T) {
	const secret = "w7lnNxno80J6BKexQoCidb1lhTeuE6R9"
	assert.Empty(t, Leak(TextsOf(secretError{}), secret))
	for name, err := range map[string]error{
		"its text":             secretError{error: secret},
		"its JSON":             secretError{json: secret},
		"its Go syntax":        secretError{goString: secret},
		"an error it wraps":    secretError{inner: secret},
		"the body it keeps":    &metlo.Error{Body: []byte(secret)},
		"the path it names":    &metlo.Error{Path: "/" + secret},
		"an attempt's cause":   &metlo.Error{Attempts: []metlo.Attempt{{Err: errors.New(secret)}}},
		"an error around them": fmt.Errorf("call: %w", secretError{inner: secret}),
	} {
		t.Run(name, func(t *testing.T) { assert.NotEmpty(t, Leak(TextsOf(err), secret)) })
	}
}

func TestPanicked(t *testing.T) {
	text := Panicked(errors.New("boom"))
	assert.Contains(t, text, "panic: boom")
	assert.Contains(t, text, "Panicked", "the stack")
}
