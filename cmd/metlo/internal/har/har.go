// Package har reads HTTP archives (HAR 1.2) of browsers, proxies and Burp, one entry after the other.
package har

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/tracefile"
)

type nameValue struct {
	Name  looseText `json:"name"`
	Value looseText `json:"value"`
}

// looseText is text that some tools write as a number or a boolean.
type looseText string

// UnmarshalJSON accepts any scalar.
func (t *looseText) UnmarshalJSON(data []byte) error {
	var text string
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	} else if text = string(data); text == "null" {
		text = ""
	}
	*t = looseText(text)
	return nil
}

type entry struct {
	Request struct {
		Method   string      `json:"method"`
		URL      string      `json:"url"`
		Headers  []nameValue `json:"headers"`
		PostData *struct {
			MimeType string      `json:"mimeType"`
			Text     looseText   `json:"text"`
			Encoding string      `json:"encoding"` // base64, as some proxies write
			Params   []nameValue `json:"params"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Status  looseText   `json:"status"`
		Headers []nameValue `json:"headers"`
		Content struct {
			Text     looseText `json:"text"`
			Encoding string    `json:"encoding"`
			MimeType string    `json:"mimeType"`
		} `json:"content"`
	} `json:"response"`
	ServerIP string `json:"serverIPAddress"`
}

// SkipError describes an entry that cannot become a trace.
type SkipError struct {
	Entry  int // Entry is the number of the entry, from 1.
	Reason string
}

func (s *SkipError) Error() string { return fmt.Sprintf("entry %d: %s", s.Entry, s.Reason) }

// Read returns an iterator over the traces of an archive. It continues after a *SkipError, which is about one entry;
// any other error is the last.
func Read(r io.Reader) iter.Seq2[*metlo.Trace, error] {
	return func(yield func(*metlo.Trace, error) bool) {
		decoder := json.NewDecoder(tracefile.Text(r))
		if err := enter(decoder); err != nil {
			yield(nil, err)
			return
		}
		for number := 1; decoder.More(); number++ {
			var e entry
			if err := decoder.Decode(&e); err != nil {
				var kind *json.UnmarshalTypeError
				if errors.As(err, &kind) { // the decoder continues after a member of the wrong type
					if !yield(nil, &SkipError{number, tracefile.Fault(err).Error()}) {
						return
					}
					continue
				}
				yield(nil, fmt.Errorf("entry %d: %w", number, err))
				return
			}
			trace, err := e.trace()
			if err != nil {
				err = &SkipError{number, err.Error()}
			}
			if !yield(trace, err) {
				return
			}
		}
		if _, err := decoder.Token(); err != nil {
			yield(nil, fmt.Errorf("the archive is cut short: %w", err))
		}
	}
}

// enter moves the decoder to the first entry of log.entries.
func enter(decoder *json.Decoder) error {
	for _, name := range []string{"log", "entries"} {
		if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
			return errors.New("this is not an HTTP archive (HAR): an object with log.entries is expected")
		}
		if err := find(decoder, name); err != nil {
			return err
		}
	}
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return errors.New("this is not an HTTP archive (HAR): log.entries is not a list")
	}
	return nil
}

func find(decoder *json.Decoder, name string) error {
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		if token == name {
			return nil
		}
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return err
		}
	}
	return fmt.Errorf("this is not an HTTP archive (HAR): it has no member %q", name)
}

func (e *entry) trace() (*metlo.Trace, error) {
	u, err := url.Parse(e.Request.URL)
	status, _ := strconv.Atoi(string(e.Response.Status)) // 0 if there is no status
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("its URL names no host")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("it is not an HTTP request: its scheme is %s", u.Scheme)
	case status < 100 || status > 999:
		return nil, errors.New("it has no response")
	}
	method, err := metlo.ParseRestMethod(e.Request.Method)
	if err != nil {
		return nil, fmt.Errorf("Metlo tracks no requests of method %q", e.Request.Method)
	}
	requestHeaders := headers(e.Request.Headers)
	if data := e.Request.PostData; data != nil && data.Text == "" && len(data.Params) > 0 {
		// The trace holds only the parameters of a multipart form, which are sent as a form.
		requestHeaders = slices.DeleteFunc(requestHeaders, func(h metlo.NameValue) bool { return strings.EqualFold(h.Name, "Content-Type") })
		requestHeaders = append(requestHeaders, metlo.NameValue{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
	}
	trace := &metlo.Trace{
		Request: metlo.TraceRequest{
			Method: method, URL: metlo.TraceURL{Host: u.Host, Path: path(u), Parameters: parameters(u)},
			Headers: requestHeaders, Body: e.requestBody(),
		},
		Response: metlo.TraceResponse{
			Status: status, Headers: headers(e.Response.Headers),
			Body: text(string(e.Response.Content.Text), e.Response.Content.Encoding, contentType(e.Response.Headers, e.Response.Content.MimeType)),
		},
		Meta: metlo.TraceMeta{Destination: e.ServerIP, DestinationPort: port(u), Environment: "har"},
	}
	return trace, nil
}

// path returns a path without the parts that the collector rejects.
func path(u *url.URL) string {
	escaped := u.EscapedPath()
	if escaped == "" {
		return "/"
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`\?<>&=`, r) {
			return -1
		}
		return r
	}, escaped)
}

func port(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

func parameters(u *url.URL) []metlo.NameValue {
	list := []metlo.NameValue{}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			continue
		}
		list = append(list, metlo.NameValue{Name: unescape(name), Value: unescape(value)})
	}
	return list
}

// unescape returns text unescaped, or unchanged if its escapes are invalid.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// headers returns the headers without the pseudo-headers of HTTP/2.
func headers(list []nameValue) []metlo.NameValue {
	kept := make([]metlo.NameValue, 0, len(list))
	for _, h := range list {
		if !strings.HasPrefix(string(h.Name), ":") {
			kept = append(kept, metlo.NameValue{Name: string(h.Name), Value: string(h.Value)})
		}
	}
	return kept
}

func contentType(list []nameValue, otherwise string) string {
	for _, h := range list {
		if strings.EqualFold(string(h.Name), "Content-Type") {
			return string(h.Value)
		}
	}
	return otherwise
}

func (e *entry) requestBody() string {
	data := e.Request.PostData
	switch {
	case data == nil:
		return ""
	case data.Text == "" && len(data.Params) > 0:
		form := url.Values{}
		for _, p := range data.Params {
			form.Add(string(p.Name), string(p.Value))
		}
		return form.Encode()
	}
	return text(string(data.Text), data.Encoding, contentType(e.Request.Headers, data.MimeType))
}

// text returns a body that Metlo can read, or an empty string for binary content such as an image.
func text(body, encoding, contentType string) string {
	if strings.EqualFold(encoding, "base64") {
		data, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return ""
		}
		body = string(data)
	}
	kind, _, err := mime.ParseMediaType(contentType)
	binary := err == nil && (strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") ||
		strings.HasPrefix(kind, "font/") || kind == "application/octet-stream")
	if binary || !utf8.ValidString(body) {
		return ""
	}
	return body
}
