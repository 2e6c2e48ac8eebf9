package metlo

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/internal/transport"
)

const redacted = "[redacted]"

// Secret holds a value that must not be printed by accident: it is [redacted] for every verb of package fmt, in JSON
// and in package log/slog. [Secret.Reveal] returns the value. The zero Secret is empty.
type Secret struct{ value *string }

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal returns the value.
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

// UnmarshalText sets the value. The text [redacted] leaves the Secret empty.
func (s *Secret) UnmarshalText(text []byte) error {
	if *s = NewSecret(string(text)); string(text) == redacted {
		*s = Secret{}
	}
	return nil
}

// LogValue returns [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// shortestSecret is the minimum length, in bytes, of secrets that are searched for: shorter ones occur in ordinary
// text.
const shortestSecret = 8

// fragmentBytes is the minimum length of a secret's fragment, left by a limit or a broken connection, that must not be
// shown.
const fragmentBytes = 10

// redactor removes a client's secrets from the stored parts of responses and errors. It holds them in a closure, which
// is never printed.
type redactor struct {
	text    func(string) string
	longest int // length of a secret's longest form in bytes
}

// newRedactor returns a redactor for secrets: as they are, encoded, and escaped as in pages, URLs and JSON.
func newRedactor(secrets ...string) redactor {
	r := redactor{text: func(s string) string { return s }}
	var pairs, long []string
	fragments := map[string]struct{}{}
	for _, s := range secrets {
		if len(s) < shortestSecret {
			continue
		}
		long = append(long, s)
		for _, form := range spellings(s) {
			pairs = append(pairs, form, redacted)
			r.longest = max(r.longest, len(form))
			for i := range len(form) - fragmentBytes + 1 {
				fragments[form[i:i+fragmentBytes]] = struct{}{}
			}
		}
	}
	if pairs != nil {
		whole := strings.NewReplacer(pairs...)
		r.text = func(s string) string { return withoutFragments(withoutEscaped(whole.Replace(s), long), fragments) }
	}
	return r
}

// spellings returns the forms of a secret in one encoding throughout.
func spellings(s string) []string {
	quoted := strconv.Quote(s)
	plainJSON, _ := json.Marshal(s)
	forms := []string{
		s, html.EscapeString(s), url.QueryEscape(s), url.PathEscape(s), quoted[1 : len(quoted)-1], string(plainJSON[1 : len(plainJSON)-1]),
		hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))),
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 { // the secret begins at any bit of a longer text, such as a pair of user and key
			encoded := encoding.EncodeToString([]byte(strings.Repeat("x", before) + s + "xx"))
			forms = append(forms, encoded[(before*8+5)/6:(before+len(s))*8/6])
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// withoutEscaped replaces secrets of which some bytes are escaped, up to three times.
func withoutEscaped(s string, secrets []string) string {
	for level := 1; level <= 3 && strings.ContainsAny(s, `%\&`); level++ {
		for _, secret := range secrets {
			plain, starts := []byte(s), make([]int, len(s)+1)
			for i := range starts {
				starts[i] = i
			}
			for range level {
				plain, starts = unescape(plain, starts)
			}
			var b strings.Builder
			kept := 0 // b has s up to here
			for from := 0; ; from += len(secret) {
				i := bytes.Index(plain[from:], []byte(secret))
				if i < 0 {
					break
				}
				from += i
				b.WriteString(s[kept:starts[from]] + redacted)
				kept = starts[from+len(secret)]
			}
			s = b.String() + s[kept:]
		}
	}
	return s
}

// unescape decodes every escape of text once. In starts it returns the offset in text of each byte of the result, and
// the end.
func unescape(text []byte, starts []int) (plain []byte, at []int) {
	for i := 0; i < len(text); {
		b, n := unescapeByte(text[i:])
		plain, at = append(plain, b), append(at, starts[i])
		i += n
	}
	return plain, append(at, starts[len(text)])
}

// unescapeByte decodes the first byte of text, which may be escaped as in a URL, JSON, Go or HTML. It returns the
// length of the escape.
func unescapeByte(text []byte) (b byte, n int) {
	escapedBy := func(prefix string) bool {
		if n = len(prefix) + 2; !bytes.HasPrefix(text, []byte(prefix)) || len(text) < n {
			return false
		}
		code, err := strconv.ParseUint(string(text[n-2:n]), 16, 8)
		b = byte(code)
		return err == nil
	}
	const longestEntity = 12
	switch text[0] {
	case '%', '\\':
		if escapedBy("%") || escapedBy(`\u00`) || escapedBy(`\x`) {
			return b, n
		}
		if text[0] == '\\' && len(text) > 1 && strings.IndexByte(`/"'\`, text[1]) >= 0 {
			return text[1], 2
		}
	case '&':
		if end := bytes.IndexByte(text[:min(len(text), longestEntity)], ';'); end > 0 {
			if plain := html.UnescapeString(string(text[:end+1])); len(plain) == 1 {
				return plain[0], end + 1
			}
		}
	}
	return text[0], 1
}

// withoutFragments replaces every part of s that consists of fragments.
func withoutFragments(s string, fragments map[string]struct{}) string {
	var b strings.Builder
	kept := 0 // b has s up to here
	for i := 0; i+fragmentBytes <= len(s); i++ {
		_, ok := fragments[s[i:i+fragmentBytes]]
		if !ok {
			continue
		}
		end := i + fragmentBytes
		for ok && end < len(s) {
			if _, ok = fragments[s[end-fragmentBytes+1:end+1]]; ok {
				end++
			}
		}
		b.WriteString(s[kept:i])
		b.WriteString(redacted)
		kept, i = end, end-1
	}
	if kept == 0 {
		return s
	}
	b.WriteString(s[kept:])
	return b.String()
}

// body returns a body without secrets.
func (r redactor) body(body []byte) []byte {
	if r.longest == 0 {
		return body
	}
	return []byte(r.text(string(body)))
}

// head returns the beginning of a body that an error keeps.
func (r redactor) head(body []byte) []byte {
	text := r.text(string(body[:min(len(body), maxErrorBody+r.longest)]))
	return []byte(text[:min(len(text), maxErrorBody)])
}

// cause returns an error without secrets in its text or structure. It matches no sentinel of this package, since an
// error of a transport could otherwise pass for one of this client. errors.Is finds the errors that it wraps.
func (r redactor) cause(err error) error {
	nested := (*Error)(nil)
	if errors.As(err, &nested) || slices.ContainsFunc(sentinels(), func(s error) bool { return errors.Is(err, s) }) {
		return &hiddenError{text: r.text(err.Error()), err: func() error { return err }}
	}
	return r.fault(err)
}

// fault returns an error without secrets in its text or structure.
func (r redactor) fault(err error) error {
	if r.longest == 0 {
		return err
	}
	shown := fmt.Sprintf("%v %+v", err, err)
	if r.text(shown) == shown {
		return err
	}
	return &hiddenError{text: r.text(err.Error()), err: func() error { return err }, own: errors.Is(err, ErrInvalidArgument)}
}

// hiddenError holds the original in a closure, which no verb of fmt calls.
type hiddenError struct {
	text string
	err  func() error
	own  bool // the original is an ErrInvalidArgument of this package
}

func (e *hiddenError) Error() string { return e.text }

// Is reports whether the original matches target. The sentinels of this package match only if the error itself has
// them.
func (e *hiddenError) Is(target error) bool {
	if slices.Contains(sentinels(), target) {
		return e.own && target == ErrInvalidArgument
	}
	return errors.Is(e.err(), target)
}

// Timeout reports whether the original is a timeout in the sense of net.Error.
func (e *hiddenError) Timeout() bool {
	var timeout interface{ Timeout() bool }
	return errors.As(e.err(), &timeout) && timeout.Timeout()
}

// As finds only the SDK's own type for a truncated body, after which a walk asks again.
func (e *hiddenError) As(target any) bool {
	truncated, ok := target.(**transport.TruncatedError)
	return ok && errors.As(e.err(), truncated)
}
