package metlo

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Trace is a request and its response in the collector's format.
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

// TraceURL is the target of a [Trace]'s request.
type TraceURL struct {
	Host       string      `json:"host"`
	Path       string      `json:"path"`       // begins with a slash; without any of \ ? < > & =
	Parameters []NameValue `json:"parameters"` // decoded parameters of the query
}

// TraceResponse is the response of a [Trace].
type TraceResponse struct {
	Status  int         `json:"status"` // 100 to 999
	Headers []NameValue `json:"headers"`
	Body    string      `json:"body"` // text
}

// TraceMeta describes the connection of a [Trace]. Metlo stores it unchanged.
type TraceMeta struct {
	Incoming        bool   `json:"incoming"` // seen on the server's side
	Source          string `json:"source"`   // address of the client
	SourcePort      string `json:"sourcePort"`
	Destination     string `json:"destination"` // address of the server
	DestinationPort string `json:"destinationPort"`
	OriginalSource  string `json:"originalSource,omitzero"` // address of the client before a proxy
	Environment     string `json:"environment,omitzero"`    // such as production
}

// AnalyzedTrace describes a request and its response without their values: the target, the types of the fields, the
// classes of sensitive data in them, and whether the request carried credentials. Package capture creates them.
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
	Headers []NameValue `json:"headers"` // empty: values are not sent
	Body    string      `json:"body"`    // empty
	Method  RestMethod  `json:"method"`
}

// AnalyzedURL is the target of an [AnalyzedTrace]'s request.
type AnalyzedURL struct {
	Host         string      `json:"host"`
	Path         string      `json:"path"`                   // path with a placeholder for each parameter, such as /users/1
	EndpointPath string      `json:"endpointPath,omitempty"` // the template, such as /users/{id}, with as many elements as Path
	Parameters   []NameValue `json:"parameters"`             // empty
}

// AnalyzedResponse is the response of an [AnalyzedTrace].
type AnalyzedResponse struct {
	Status  int         `json:"status"`  // 100 to 999
	Headers []NameValue `json:"headers"` // empty
	Body    string      `json:"body"`    // empty
}

// TraceSession describes the sender of a request. The server stores it unchanged.
type TraceSession struct {
	AuthenticationProvided   bool     `json:"authenticationProvided"`
	AuthenticationSuccessful bool     `json:"authenticationSuccessful"`
	AuthType                 AuthType `json:"authType,omitempty"`
	User                     string   `json:"user,omitempty"`
}

// TraceAnalysis describes the fields of an exchange. The path of a field begins with its section, as in reqQuery.q,
// reqBody.list.[].sku, resHeaders.Etag and resBody.
type TraceAnalysis struct {
	Block                 bool                `json:"block"` // false: the request was not blocked
	SensitiveDataDetected map[string][]string `json:"sensitiveDataDetected"`
	DataTypes             map[string][]string `json:"dataTypes"`
	RequestContentType    string              `json:"requestContentType"`
	ResponseContentType   string              `json:"responseContentType"`

	// GraphQLPaths are the operations of a request whose path ends with /graphql, such as gqlQuery.query.me. The server
	// discards such a trace without any.
	GraphQLPaths []string `json:"graphqlPaths,omitempty"`
}

// check reports why the server would not store the trace: the routes of version 2 answer 200 to everything.
func (t *AnalyzedTrace) check() error {
	if t == nil {
		return errors.New("the trace is nil: leave it out")
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
		return fmt.Errorf("Request.URL.EndpointPath %q and Path %q differ in their number of elements: put one placeholder for each parameter into Path", u.EndpointPath, u.Path)
	}
	return nil
}

// check reports why the collector would reject t, or the analyzer would silently drop it.
func (t *Trace) check() error {
	path := t.Request.URL.Path
	switch {
	case t.Request.URL.Host == "":
		return errors.New("Request.URL.Host is empty: set the host of the request")
	case !strings.HasPrefix(path, "/"):
		return fmt.Errorf("Request.URL.Path %q does not begin with a slash: set the path alone, without scheme and host", path)
	case strings.ContainsAny(path, `\?<>&=`):
		return fmt.Errorf(`Request.URL.Path %q contains one of \ ? < > & =: percent-encode it, and put the query into Parameters`, path)
	case t.Request.Method == "":
		return errors.New("Request.Method is empty: set the method of the request")
	case !t.Request.Method.Known():
		return fmt.Errorf("Request.Method %q is not one that Metlo tracks: leave such traces out", string(t.Request.Method))
	case t.Response.Status < 100 || t.Response.Status > 999:
		return fmt.Errorf("Response.Status %d is not an HTTP status: set the status of the response", t.Response.Status)
	}
	for _, text := range []struct{ name, value string }{
		{"Request.URL.Host", t.Request.URL.Host},
		{"Request.URL.Path", path},
		{"Request.Body", t.Request.Body},
		{"Response.Body", t.Response.Body},
	} {
		if !storable(text.value) {
			return fmt.Errorf("%s is not UTF-8, or contains NUL: leave binary content out", text.name)
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
				return fmt.Errorf("%s[%d] is not UTF-8, or contains NUL: use strings.ToValidUTF8", list.name, i)
			}
		}
	}
	return nil
}

// storable reports whether the server's database accepts text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// acceptable returns t, or a copy of it that the collector's parsers accept. They reject a path with more than two
// empty elements, and fail on some credentials that clients send.
func (t *Trace) acceptable() *Trace {
	accepted := t
	method, _ := restMethods.find(string(t.Request.Method))
	edit := func() *Trace {
		if accepted == t {
			c := *t
			c.Request.Headers = slices.Clone(t.Request.Headers)
			accepted = &c
		}
		return accepted
	}
	if method != t.Request.Method {
		edit().Request.Method = method
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

// acceptablePath joins repeated slashes in a path with more than two empty elements.
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

// acceptableCredential changes a header's value on which the collector fails if the host has an authentication
// configuration. The collector fails on "basic" in any spelling but Basic, and on a token with dots whose second part
// is not JSON.
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

// mayHoldToken reports whether an instance may be configured to find a JWT in a header with this name.
func mayHoldToken(name string) bool {
	for _, part := range []string{"auth", "token", "jwt", "session", "assertion", "bearer", "credential", "key"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// tokenParses reports whether the collector could read value as a JWT, or would not try to.
func tokenParses(value string) bool {
	_, rest, dotted := strings.Cut(value, ".")
	part, _, _ := strings.Cut(rest, ".")
	if !dotted {
		return true
	}
	payload := decodeBase64(part)
	return len(payload) == 0 || json.Valid(payload)
}

// decodeBase64 decodes base64 like Node.js: with either alphabet, up to a padding, and nothing else.
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

// CapturedTrace is a request and its response as stored by Metlo. If Redacted is set, which is the default, its
// parameters, headers and bodies are empty.
type CapturedTrace struct {
	UUID               string              `json:"uuid"`
	Path               string              `json:"path"`
	CreatedAt          time.Time           `json:"createdAt,omitzero"`
	Host               string              `json:"host"`
	Method             RestMethod          `json:"method"`
	RequestParameters  []NameValue         `json:"requestParameters"`
	RequestHeaders     []NameValue         `json:"requestHeaders"`
	RequestBody        json.RawMessage     `json:"requestBody,omitzero"` // a JSON string, or an object if the server parsed it
	ResponseStatus     int                 `json:"responseStatus"`
	ResponseHeaders    []NameValue         `json:"responseHeaders"`
	ResponseBody       json.RawMessage     `json:"responseBody,omitzero"` // a JSON string, or an object if the server parsed it
	Meta               json.RawMessage     `json:"meta,omitzero"`         // data from the agent, unchanged
	SessionMeta        SessionMeta         `json:"sessionMeta"`
	Redacted           bool                `json:"redacted"`
	APIEndpointUUID    string              `json:"apiEndpointUuid"`
	SensitiveDataMap   map[string][]string `json:"sensitiveDataMap"` // data classes by status, content type and path
	OriginalHost       string              `json:"originalHost"`
	AnalysisType       AnalysisType        `json:"analysisType"`
	GraphQLPaths       []string            `json:"graphqlPaths"`
	ProcessedTraceData json.RawMessage     `json:"processedTraceData,omitzero"`
	Encryption         json.RawMessage     `json:"encryption,omitzero"`
}

// SessionMeta describes how a request authenticated. The server stores it as sent by agents.
type SessionMeta struct {
	AuthenticationProvided   *bool    `json:"authenticationProvided,omitzero"`   // the request carried credentials; nil if unknown
	AuthenticationSuccessful *bool    `json:"authenticationSuccessful,omitzero"` // the server accepted them; nil if unknown
	AuthType                 AuthType `json:"authType,omitzero"`
	UniqueSessionKey         string   `json:"uniqueSessionKey,omitzero"`
	User                     string   `json:"user,omitzero"`
}
