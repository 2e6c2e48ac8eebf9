// Package analysis extracts the template of the path, the types of fields, the classes of sensitive data, and the GraphQL
// operations of an exchange of request and response. Its results contain no values.
//
// It repeats the server's analysis of traces with values, so that the values need not be sent.
package analysis

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pair is a header or a parameter.
type Pair struct{ Name, Value string }

// Body is the content of a request or a response, or the beginning of it.
type Body struct {
	Data        []byte // after the content encoding
	ContentType string
	Cut         bool // Data is only the beginning
}

// Exchange is a request and its response.
type Exchange struct {
	Host, Method      string
	Path              string // escaped
	Route             string // template in the notation of any router; empty if unknown
	Query             []Pair
	RequestHeaders    []Pair
	ResponseHeaders   []Pair
	Request, Response Body
	Status            int
}

// Result is the analysis of an exchange.
type Result struct {
	Path         string // the path with a placeholder for each parameter
	EndpointPath string // the template, with as many elements as Path
	Routed       bool   // the template comes from a router or from an endpoint of the instance

	Types               map[string][]string // types of fields, by section and path
	Classes             map[string][]string // names of data classes, by section and path
	RequestContentType  string
	ResponseContentType string
	IsGraphQL           bool
	GraphQL             []string // operations, such as gqlQuery.query.me
}

// Sections of data fields.
const (
	sectionPath            = "reqPath"
	sectionQuery           = "reqQuery"
	sectionRequestHeaders  = "reqHeaders"
	sectionRequest         = "reqBody"
	sectionResponseHeaders = "resHeaders"
	sectionResponse        = "resBody"
)

// ErrorsFrom is the lowest status for which the server does not analyze the request.
const ErrorsFrom = 400

// Analyzer analyzes exchanges. It is not safe for concurrent use.
type Analyzer struct {
	classes *Classes
	words   *Words
	names   names
	json    jsonReader
	buffer  []byte

	searched searched // bytes searched in the current section
}

// NewAnalyzer returns an analyzer that detects classes and recognizes words in paths.
func NewAnalyzer(classes *Classes, words *Words) *Analyzer {
	return &Analyzer{classes: classes, words: words, names: names{}}
}

// SetClasses replaces the classes that a detects.
func (a *Analyzer) SetClasses(classes *Classes) { a.classes = classes }

// Analyze returns the analysis of x.
func (a *Analyzer) Analyze(x *Exchange) Result {
	r := Result{
		Types: map[string][]string{}, Classes: map[string][]string{},
		RequestContentType: MediaType(x.Request.ContentType), ResponseContentType: MediaType(x.Response.ContentType),
		IsGraphQL: IsGraphQLPath(x.Path),
	}
	a.searched = searched{}
	a.path(x, &r)
	isRead := x.Status < ErrorsFrom
	if r.IsGraphQL {
		a.graphQL(x, &r, isRead)
	} else {
		if isRead {
			a.pairs(&r, sectionQuery, x.Query)
			a.body(&r, sectionRequest, &x.Request)
		}
		a.body(&r, sectionResponse, &x.Response)
	}
	if isRead {
		a.pairs(&r, sectionRequestHeaders, x.RequestHeaders)
	}
	a.pairs(&r, sectionResponseHeaders, x.ResponseHeaders)
	return r
}

// pairs analyzes headers or parameters. Like the server, it decodes values that are JSON objects or lists.
func (a *Analyzer) pairs(r *Result, section string, pairs []Pair) {
	a.searched = searched{}
	var root node
	for _, pair := range pairs {
		var n *node
		if section == sectionQuery {
			n = a.child(&root, []byte(pair.Name), nestedName)
		} else {
			n = a.child(&root, []byte(pair.Name), headerName)
		}
		a.buffer = append(a.buffer[:0], pair.Value...)
		a.text(n, a.buffer, false)
	}
	a.emit(r, section, &root)
}

// text analyzes a text that may be a JSON object or list.
func (a *Analyzer) text(n *node, text []byte, cut bool) {
	if a.readJSON(n, text, cut) {
		return
	}
	a.value(n, text)
}

// body analyzes a body by its content type. A response without text has one field, as on the server.
func (a *Analyzer) body(r *Result, section string, b *Body) {
	a.searched = searched{}
	var root node
	switch {
	case isNull(b.Data) || section == sectionRequest && len(b.Data) == 0: // no field, as on the server
	case a.fields(&root, b):
	case len(b.Data) > 0 && IsText(b.Data):
		a.text(&root, b.Data, b.Cut)
	case section == sectionResponse:
		a.value(&root, nil)
	}
	a.emit(r, section, &root)
}

// IsText reports whether the server would store data as text: UTF-8 without NUL. A cut character at the end is allowed.
func IsText(data []byte) bool {
	for i := 0; i < utf8.UTFMax && len(data) > 0; i++ {
		if r, size := utf8.DecodeLastRune(data); r != utf8.RuneError || size != 1 {
			break
		}
		data = data[:len(data)-1]
	}
	return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0
}

// emit adds the fields below root to r.
func (a *Analyzer) emit(r *Result, section string, root *node) {
	root.each(append(a.buffer[:0], section...), len(section), func(key string, path string, n *node) {
		r.Types[key] = n.typeNames()
		a.addClasses(r, key, path, n.classes)
	})
}

// addClasses adds the classes of a field's values and of its path.
func (a *Analyzer) addClasses(r *Result, key, path string, found classSet) {
	found = found.with(a.classes.ofName(path))
	if found == (classSet{}) {
		return
	}
	names := r.Classes[key]
	for _, name := range a.classes.named(found) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	r.Classes[key] = names
}

// IsGraphQLPath reports whether the server treats requests to a path as GraphQL.
func IsGraphQLPath(path string) bool { return strings.HasSuffix(path, "/graphql") }
