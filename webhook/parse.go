package webhook

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/wire"
)

// defaultMaxBytes is the default limit for a delivery: an alert may contain a trace, of which the collector accepts 2
// MiB.
const defaultMaxBytes = 4 << 20

// Error describes a request that is not a delivery of an alert. It matches [metlo.ErrUnauthorized] for status 401,
// [metlo.ErrTooLarge] for 413, [metlo.ErrInvalidArgument] for 500, and [metlo.ErrBadRequest] for any other.
type Error struct {
	StatusCode int    // status of the answer: 400, 401, 405, 413 or 415; 500 if the receiver has only empty tokens
	Message    string // problem and solution, without parts of the request's URL or body
}

// Error returns one line with the problem.
func (e *Error) Error() string { return "metlo: webhook: " + e.Message }

// Is reports whether target is the sentinel of the status.
func (e *Error) Is(target error) bool {
	switch e.StatusCode {
	case http.StatusUnauthorized:
		return target == metlo.ErrUnauthorized
	case http.StatusRequestEntityTooLarge:
		return target == metlo.ErrTooLarge
	case http.StatusInternalServerError:
		return target == metlo.ErrInvalidArgument
	}
	return target == metlo.ErrBadRequest
}

// Parse parses the alert that Metlo posts: a POST of at most 4 MiB of application/json. With tokens, it accepts only a
// request whose URL has ?token= with one of them. For any other request it returns an *[Error] with the status of the
// answer. Metlo repeats an alert that it considers lost, so store alerts by UUID. Metlo waits 250 ms for the answer.
// [Handler] does all of this.
func Parse(r *http.Request, tokens ...string) (*metlo.WebhookEvent, error) {
	if r == nil || r.Body == nil {
		return nil, badRequest(noBody)
	}
	hashes, ok := hashTokens(tokens)
	if !ok {
		return nil, &Error{http.StatusInternalServerError, "the token to compare with is empty: set it, or pass none"}
	}
	if err := hashes.check(r); err != nil {
		return nil, err
	}
	body, err := readBody(r, defaultMaxBytes)
	if err != nil {
		return nil, err
	}
	return decode(body, defaultMaxBytes)
}

// tokenHashes holds hashes of equal length, so the time of a comparison does not depend on a token's length.
type tokenHashes [][sha256.Size]byte

func hashTokens(tokens []string) (hashes tokenHashes, ok bool) {
	for _, token := range tokens {
		if token == "" {
			return nil, false
		}
		hashes = append(hashes, sha256.Sum256([]byte(token)))
	}
	return hashes, true
}

// check accepts every request if there are no tokens.
func (t tokenHashes) check(r *http.Request) error {
	if len(t) == 0 {
		return nil
	}
	var sent [sha256.Size]byte
	if r.URL != nil {
		sent = sha256.Sum256([]byte(r.URL.Query().Get("token")))
	}
	found := 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(sent[:], t[i][:])
	}
	if found != 1 {
		return &Error{http.StatusUnauthorized, "want the webhook's URL with its ?token="}
	}
	return nil
}

const (
	noBody   = "the request is nil or has no body"
	noObject = `want a JSON object {"alert": {…}, "meta": {…}}`
)

func badRequest(message string) error { return &Error{http.StatusBadRequest, message} }

// readBody returns the body of a request whose header is valid.
func readBody(r *http.Request, maxBytes int64) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, &Error{http.StatusMethodNotAllowed, "want a POST: Metlo posts its alerts here"}
	}
	if err := checkEncoding(r.Header); err != nil {
		return nil, err
	}
	if r.Body == nil {
		return nil, badRequest(noBody)
	}
	tooLarge := &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("want a body of at most %d bytes", maxBytes)}
	if r.ContentLength > maxBytes {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBytes))
	var over *http.MaxBytesError // limit of this reader, or of one that the caller put around the body
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case err != nil:
		return nil, badRequest("the body was cut short")
	}
	return bytes.Clone(body), nil // drops the spare capacity of ReadAll's result
}

// checkEncoding accepts JSON in UTF-8 without compression.
func checkEncoding(header http.Header) error {
	media, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return unsupported("want Content-Type: application/json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return unsupported("the charset is %s: want utf-8", excerpt(charset))
	}
	encoding := strings.Join(header.Values("Content-Encoding"), ", ")
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		return unsupported("the Content-Encoding is %s: want the body without encoding", excerpt(encoding))
	}
	return nil
}

func unsupported(format string, args ...any) error {
	return &Error{http.StatusUnsupportedMediaType, fmt.Sprintf(format, args...)}
}

// excerpt quotes the beginning of a header's value.
func excerpt(value string) string {
	const maxBytes = 40
	return fmt.Sprintf("%+q", value[:min(len(value), maxBytes)])
}

// alertID checks the form of a delivery, without decoding all of it, and returns the id of its alert.
func alertID(body []byte, maxBytes int64) (string, error) {
	if wire.Check(body, new(metlo.WebhookEvent), maxBytes) != nil {
		return "", &Error{http.StatusRequestEntityTooLarge, "want an alert with fewer values: they would take more memory than an alert of the allowed size"}
	}
	var event struct {
		Alert struct {
			UUID string `json:"uuid"`
		} `json:"alert"`
	}
	if err := wire.Object(body, &event, maxBytes); err != nil {
		return "", badRequest(noObject)
	}
	if event.Alert.UUID == "" {
		return "", badRequest("want an alert with its uuid")
	}
	return event.Alert.UUID, nil
}

func decode(body []byte, maxBytes int64) (*metlo.WebhookEvent, error) {
	if _, err := alertID(body, maxBytes); err != nil {
		return nil, err
	}
	event := new(metlo.WebhookEvent)
	if err := wire.Object(body, event, maxBytes); err != nil {
		return nil, badRequest(noObject)
	}
	return event, nil
}
