package metlo

import (
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

const redacted = "[redacted]"

// Secret holds a value that must not be printed by accident: every verb of package fmt, encoding to JSON and package
// log/slog write [redacted]. [Secret.Reveal] returns the value. The zero Secret is empty.
type Secret struct{ value *string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal returns the value. Take care where it goes.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Format writes [redacted] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns [redacted].
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes text as the value.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// LogValue returns [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// redactor removes a client's secrets from whatever is kept of a response or of an error.
type redactor struct {
	replacer *strings.Replacer
	longest  int // bytes of the longest form of a secret
}

// newRedactor knows each secret as it is and in the spellings that a page, a URL or JSON gives it.
func newRedactor(secrets ...string) redactor {
	var r redactor
	var pairs []string
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, form := range []string{
			s, html.EscapeString(s), url.QueryEscape(s), url.PathEscape(s),
			strings.ReplaceAll(s, "/", `\/`),
			strings.NewReplacer("/", "&#x2F;", "+", "&#43;", "=", "&#x3D;").Replace(s),
			strings.NewReplacer("/", "&#47;", "+", "&#x2B;", "=", "&#61;").Replace(s),
		} {
			pairs = append(pairs, form, redacted)
			r.longest = max(r.longest, len(form))
		}
	}
	if pairs != nil {
		r.replacer = strings.NewReplacer(pairs...)
	}
	return r
}

func (r redactor) text(s string) string {
	if r.replacer == nil {
		return s
	}
	return r.replacer.Replace(s)
}

// cause hides an error whose text or structure could show a secret; errors.Is still sees what it wraps.
func (r redactor) cause(err error) error {
	if r.replacer == nil {
		return err
	}
	shown := fmt.Sprintf("%v %+v", err, err)
	if r.text(shown) == shown {
		return err
	}
	return &hiddenError{text: r.text(err.Error()), err: func() error { return err }}
}

// hiddenError keeps the original behind a function, which no verb of fmt calls.
type hiddenError struct {
	text string
	err  func() error
}

func (e *hiddenError) Error() string { return e.text }

func (e *hiddenError) Is(target error) bool { return errors.Is(e.err(), target) }
