package metlo

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Trace is a request and its response as the collector takes them. As JSON, with any version of encoding/json, it is
// what the collector takes, and comes back as it was.
type Trace struct {
	Request  TraceRequest  `json:"request"`
	Response TraceResponse `json:"response"`
	Meta     TraceMeta     `json:"meta"`
}

// TraceRequest is the request of a [Trace].
type TraceRequest struct {
	URL     TraceURL    `json:"url"`
	Headers []NameValue `json:"headers"`
	Body    string      `json:"body"` // text
	Method  RestMethod  `json:"method"`
}

// TraceURL is where the request of a [Trace] went.
type TraceURL struct {
	Host       string      `json:"host"`
	Path       string      `json:"path"`       // begins with a slash; without any of \ ? < > & =
	Parameters []NameValue `json:"parameters"` // of the query, decoded
}

// TraceResponse is the response of a [Trace].
type TraceResponse struct {
	Status  int         `json:"status"` // 100 to 999
	Headers []NameValue `json:"headers"`
	Body    string      `json:"body"` // text
}

// TraceMeta says between whom a [Trace] was seen. Metlo keeps it as it is.
type TraceMeta struct {
	Incoming        bool              `json:"incoming"` // the server's side saw it
	Source          string            `json:"source"`   // address of the client
	SourcePort      string            `json:"sourcePort"`
	Destination     string            `json:"destination"` // address of the server
	DestinationPort string            `json:"destinationPort"`
	OriginalSource  string            `json:"originalSource"` // address of the client before a proxy
	Environment     string            `json:"environment"`    // such as production
	Extra           map[string]string `json:"-"`              // further members by name; encoded beside the others
}

// AnalyzedTrace is what is known of a request and its response without their values: where it went, the types of its
// fields, the classes of sensitive data in them, and whether credentials came with it. Package capture makes them.
type AnalyzedTrace struct {
	Request      AnalyzedRequest  `json:"request"`
	Response     AnalyzedResponse `json:"response"`
	Meta         TraceMeta        `json:"meta"`
	Redacted     bool             `json:"redacted"` // true: the values were left out
	Session      *TraceSession    `json:"sessionMeta,omitempty"`
	AnalysisType AnalysisType     `json:"analysisType"` // AnalysisFull
	Analysis     TraceAnalysis    `json:"processedTraceData"`
}

// AnalyzedRequest is the request of an [AnalyzedTrace].
type AnalyzedRequest struct {
	URL     AnalyzedURL `json:"url"`
	Headers []NameValue `json:"headers"` // empty: the values stay where they are
	Body    string      `json:"body"`    // empty
	Method  RestMethod  `json:"method"`
}

// AnalyzedURL is where the request of an [AnalyzedTrace] went.
type AnalyzedURL struct {
	Host         string      `json:"host"`
	Path         string      `json:"path"`                   // with a placeholder for each parameter, such as /users/1
	EndpointPath string      `json:"endpointPath,omitempty"` // the template, such as /users/{id}, with as many elements as Path
	Parameters   []NameValue `json:"parameters"`             // empty
}

// AnalyzedResponse is the response of an [AnalyzedTrace].
type AnalyzedResponse struct {
	Status  int         `json:"status"`  // 100 to 999
	Headers []NameValue `json:"headers"` // empty
	Body    string      `json:"body"`    // empty
}

// TraceSession says what is known about who sent a request. The server keeps it as it is.
type TraceSession struct {
	AuthenticationProvided   bool     `json:"authenticationProvided"`
	AuthenticationSuccessful bool     `json:"authenticationSuccessful"`
	AuthType                 AuthType `json:"authType,omitempty"`
	User                     string   `json:"user,omitempty"`
}

// TraceAnalysis is what was found in the fields of an exchange. The path of a field begins with its section, as in
// reqQuery.q, reqBody.list.[].sku, resHeaders.Etag and resBody.
type TraceAnalysis struct {
	Block                 bool                `json:"block"` // false: the request was let through
	SensitiveDataDetected map[string][]string `json:"sensitiveDataDetected"`
	DataTypes             map[string][]string `json:"dataTypes"`
	RequestContentType    string              `json:"requestContentType"`
	ResponseContentType   string              `json:"responseContentType"`

	// GraphQLPaths are the operations of a request whose path ends with /graphql, such as gqlQuery.query.me. Without one
	// the server forgets the trace.
	GraphQLPaths []string `json:"graphqlPaths,omitempty"`
}

// check returns what the server would not take: the routes of the second version answer 200 to everything.
func (t *AnalyzedTrace) check() error {
	if t == nil {
		return errors.New("it is nil")
	}
	u := &t.Request.URL
	whole := Trace{
		Request:  TraceRequest{URL: TraceURL{Host: u.Host, Path: u.Path, Parameters: u.Parameters}, Method: t.Request.Method},
		Response: TraceResponse{Status: t.Response.Status},
	}
	if err := whole.check(); err != nil {
		return err
	}
	if acceptablePath(u.Path) != u.Path {
		return fmt.Errorf("Request.URL.Path %q has more than two empty elements: join repeated slashes", u.Path)
	}
	if u.EndpointPath == "" {
		return nil
	}
	whole.Request.URL.Path = u.EndpointPath
	if err := whole.check(); err != nil {
		return fmt.Errorf("Request.URL.EndpointPath: %w", err)
	}
	if strings.Count(strings.Trim(u.EndpointPath, "/"), "/") != strings.Count(strings.Trim(u.Path, "/"), "/") {
		return fmt.Errorf("Request.URL.EndpointPath %q and Path %q have unequal numbers of elements: put one placeholder for each parameter into Path", u.EndpointPath, u.Path)
	}
	return nil
}

// check says what the collector, or the analyzer behind it without a word, would not take.
func (t *Trace) check() error {
	path := t.Request.URL.Path
	switch {
	case t.Request.URL.Host == "":
		return errors.New("Request.URL.Host is empty: set the host that was asked")
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("Request.URL.Path %q does not begin with a slash: set the path alone, without scheme and host", path)
	case strings.ContainsAny(path, `\?<>&=`):
		return fmt.Errorf(`Request.URL.Path %q holds one of \ ? < > & =: percent-encode it, and put the query into Parameters`, path)
	case t.Request.Method == "":
		return errors.New("Request.Method is empty: set the method of the request")
	case !t.Request.Method.Known():
		return fmt.Errorf("Request.Method %q is none that Metlo tracks: leave such traces out", string(t.Request.Method))
	case t.Response.Status < 100 || t.Response.Status > 999:
		return fmt.Errorf("Response.Status %d is no HTTP status: set the status of the response", t.Response.Status)
	}
	for _, text := range []struct{ name, value string }{
		{"Request.URL.Host", t.Request.URL.Host},
		{"Request.URL.Path", path},
		{"Request.Body", t.Request.Body},
		{"Response.Body", t.Response.Body},
	} {
		if !storable(text.value) {
			return fmt.Errorf("%s is not UTF-8, or holds NUL: leave binary content out", text.name)
		}
	}
	for _, list := range []struct {
		name  string
		pairs []NameValue
	}{
		{"Request.URL.Parameters", t.Request.URL.Parameters},
		{"Request.Headers", t.Request.Headers},
		{"Response.Headers", t.Response.Headers},
	} {
		for i, pair := range list.pairs {
			if !storable(pair.Name) || !storable(pair.Value) {
				return fmt.Errorf("%s[%d] is not UTF-8, or holds NUL: use strings.ToValidUTF8", list.name, i)
			}
		}
	}
	return nil
}

// storable reports whether the server's database takes text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// acceptable is t, or a copy of it, in the form that the collector's parsers take: they refuse a path with more than two
// empty elements, and fail on some credentials that a client may well send.
func (t *Trace) acceptable() *Trace {
	accepted := t
	edit := func() *Trace {
		if accepted == t {
			c := *t
			c.Request.Headers = slices.Clone(t.Request.Headers)
			accepted = &c
		}
		return accepted
	}
	if path := acceptablePath(t.Request.URL.Path); path != t.Request.URL.Path {
		edit().Request.URL.Path = path
	}
	for i, header := range t.Request.Headers {
		if value := acceptableCredential(header.Name, header.Value); value != header.Value {
			edit().Request.Headers[i].Value = value
		}
	}
	return accepted
}

// acceptablePath joins repeated slashes where a path has more than two empty elements.
func acceptablePath(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	elements := strings.Split(path, "/")
	empty := 0
	for _, element := range elements {
		if element == "" {
			empty++
		}
	}
	if empty <= 2 {
		return path
	}
	var b strings.Builder
	for i, element := range elements {
		if i > 0 && (element != "" || i == len(elements)-1) {
			b.WriteByte('/')
			b.WriteString(element)
		}
	}
	return b.String()
}

// acceptableCredential changes a header's value on which the collector fails where a host has an authentication
// configuration: "basic" in any spelling but Basic, and a token with dots whose second part is no JSON.
func acceptableCredential(name, value string) string {
	lower := strings.ToLower(name)
	if lower == "authorization" && !strings.Contains(value, "Basic") {
		scheme, rest, _ := strings.Cut(value, " ")
		switch {
		case strings.EqualFold(scheme, "Basic"):
			value = strings.TrimSuffix("Basic "+rest, " ")
		case strings.Contains(strings.ToLower(value), "basic"):
			value = redacted
		}
	}
	if mayHoldToken(lower) && !tokenParses(value) {
		value = strings.ReplaceAll(value, ".", "_")
	}
	return value
}

// mayHoldToken reports whether an instance may be configured to find a JWT in a header of this name.
func mayHoldToken(name string) bool {
	for _, part := range []string{"auth", "token", "jwt", "session", "assertion", "bearer", "credential", "key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// tokenParses reports whether the collector could read value as a JWT, or would not try.
func tokenParses(value string) bool {
	_, rest, dotted := strings.Cut(value, ".")
	part, _, _ := strings.Cut(rest, ".")
	if !dotted {
		return true
	}
	payload := decodeBase64(part)
	return len(payload) == 0 || json.Valid(payload)
}

// decodeBase64 reads base64 as Node.js does: of either alphabet, up to a padding, without anything else.
func decodeBase64(text string) []byte {
	text, _, _ = strings.Cut(text, "=")
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '+':
			return '-'
		case r == '/':
			return '_'
		case r == '-', r == '_', r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, text)
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return data
}

// MarshalJSON encodes the trace as the collector takes it: lists that are nil are empty.
func (t Trace) MarshalJSON() ([]byte, error) { return t.append(nil) }

// MarshalJSON encodes the request as the collector takes it: lists that are nil are empty.
func (r TraceRequest) MarshalJSON() ([]byte, error) { return r.append(nil) }

// MarshalJSON encodes the URL as the collector takes it: a list that is nil is empty.
func (u TraceURL) MarshalJSON() ([]byte, error) { return u.append(nil) }

// MarshalJSON encodes the response as the collector takes it: a list that is nil is empty.
func (r TraceResponse) MarshalJSON() ([]byte, error) { return r.append(nil) }

// MarshalJSON encodes the members of Extra beside the others, which come first where a name is both.
func (m TraceMeta) MarshalJSON() ([]byte, error) { return m.append(nil) }

// UnmarshalJSON keeps members that no field is for in Extra. Ports may be numbers.
func (m *TraceMeta) UnmarshalJSON(data []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	decoded := TraceMeta{}
	fields := decoded.fields()
	for name, raw := range members {
		if name == "incoming" {
			if err := json.Unmarshal(raw, &decoded.Incoming); err != nil {
				return fmt.Errorf("incoming: %w", err)
			}
			continue
		}
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			text = string(raw)
		}
		if field, known := fields[name]; known {
			*field = text
			continue
		}
		if decoded.Extra == nil {
			decoded.Extra = map[string]string{}
		}
		decoded.Extra[name] = text
	}
	*m = decoded
	return nil
}

// fields are those that hold text, by the names of their members.
func (m *TraceMeta) fields() map[string]*string {
	return map[string]*string{
		"source": &m.Source, "sourcePort": &m.SourcePort, "destination": &m.Destination,
		"destinationPort": &m.DestinationPort, "originalSource": &m.OriginalSource, "environment": &m.Environment,
	}
}

func (t *Trace) append(b []byte) ([]byte, error) {
	b, err := t.Request.append(append(b, `{"request":`...))
	if err != nil {
		return nil, err
	}
	if b, err = t.Response.append(append(b, `,"response":`...)); err != nil {
		return nil, err
	}
	if b, err = t.Meta.append(append(b, `,"meta":`...)); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (r *TraceRequest) append(b []byte) ([]byte, error) {
	b, err := r.URL.append(append(b, `{"url":`...))
	if err != nil {
		return nil, err
	}
	if b, err = appendPairs(append(b, `,"headers":`...), r.Headers); err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"body":`, r.Body); err != nil {
		return nil, err
	}
	method, err := r.Method.MarshalText()
	if err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"method":`, string(method)); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (u *TraceURL) append(b []byte) ([]byte, error) {
	b, err := appendMember(b, `{"host":`, u.Host)
	if err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"path":`, u.Path); err != nil {
		return nil, err
	}
	if b, err = appendPairs(append(b, `,"parameters":`...), u.Parameters); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (r *TraceResponse) append(b []byte) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"status":`...), int64(r.Status), 10)
	b, err := appendPairs(append(b, `,"headers":`...), r.Headers)
	if err != nil {
		return nil, err
	}
	if b, err = appendMember(b, `,"body":`, r.Body); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (m *TraceMeta) append(b []byte) ([]byte, error) {
	b = strconv.AppendBool(append(b, `{"incoming":`...), m.Incoming)
	var err error
	for _, member := range []struct {
		name, value string
		always      bool
	}{
		{`,"source":`, m.Source, true},
		{`,"sourcePort":`, m.SourcePort, true},
		{`,"destination":`, m.Destination, true},
		{`,"destinationPort":`, m.DestinationPort, true},
		{`,"originalSource":`, m.OriginalSource, false},
		{`,"environment":`, m.Environment, false},
	} {
		if member.value != "" || member.always {
			if b, err = appendMember(b, member.name, member.value); err != nil {
				return nil, err
			}
		}
	}
	if len(m.Extra) == 0 {
		return append(b, '}'), nil
	}
	fields := m.fields()
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		if _, known := fields[name]; known || name == "incoming" {
			continue
		}
		if b, err = jsontext.AppendQuote(append(b, ','), name); err != nil {
			return nil, err
		}
		if b, err = appendMember(b, ":", m.Extra[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendMember(b []byte, name, value string) ([]byte, error) {
	return jsontext.AppendQuote(append(b, name...), value)
}

func appendPairs(b []byte, pairs []NameValue) ([]byte, error) {
	b = append(b, '[')
	for i, pair := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendMember(b, `{"name":`, pair.Name); err != nil {
			return nil, err
		}
		if b, err = appendMember(b, `,"value":`, pair.Value); err != nil {
			return nil, err
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}
