package kit

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/metlo-go/metlo"
)

const shownAtMost = 9 // bytes of a secret that may be visible in a row, since a body can break off anywhere

// Leak returns the surroundings of the first place in text that shows a secret or a part of it, or "".
func Leak(text string, secrets ...string) string {
	const piece = (shownAtMost + 1) / 2 // any longer part contains one of the secret's pieces completely
	for _, secret := range secrets {
		shown := false
		for i := 0; i+piece <= len(secret) && !shown; i += piece {
			shown = strings.Contains(text, secret[i:i+piece])
		}
		if !shown {
			continue
		}
		for i := range len(secret) - shownAtMost {
			if part := secret[i : i+shownAtMost+1]; strings.Contains(text, part) {
				at := strings.Index(text, part)
				return text[max(at-40, 0):min(at+60, len(text))]
			}
		}
	}
	return ""
}

// TextsOf returns all texts of an error and of each error that it wraps: with every verb of fmt, as JSON, in a log
// record.
func TextsOf(err error) string {
	var b strings.Builder
	showError(&b, err)
	if err != nil {
		b.WriteString(Panicked(err))
	}
	return b.String()
}

func showError(b *strings.Builder, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(b, "%v\n%+v\n%#v\n%s\n%q\n%x\n%d\n", err, err, err, err, err, err, err)
	data, jsonErr := json.Marshal(err)
	fmt.Fprintf(b, "%s %v\n", data, jsonErr)
	slog.New(slog.NewJSONHandler(b, nil)).Error("failed", "err", err, slog.Any("wrapped", fmt.Errorf("call: %w", err)))
	slog.New(slog.NewTextHandler(b, nil)).Error("failed", "err", err)
	var e *metlo.Error
	if errors.As(err, &e) {
		fmt.Fprintf(b, "%s\n%s\n%s\n", e.Body, e.Message, e.Path)
		for _, a := range e.Attempts {
			fmt.Fprintf(b, "%v %+v %#v\n", a, a, a)
		}
	}
	var v *metlo.ValidationError
	if errors.As(err, &v) {
		fmt.Fprintf(b, "%+v\n", v.Issues)
	}
	switch err := err.(type) { //nolint:errorlint // walks the chain itself
	case interface{ Unwrap() error }:
		showError(b, err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			showError(b, inner)
		}
	}
}

// Panicked returns the text of a panic with v and of the stack.
func Panicked(v any) (text string) {
	defer func() { text = fmt.Sprintf("panic: %v\n%s", recover(), debug.Stack()) }()
	panic(v)
}
