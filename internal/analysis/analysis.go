// Package analysis finds out what an exchange of request and response holds, without keeping any of its values: the template
// of its path, the types of its fields, the classes of sensitive data, and the operations of GraphQL.
//
// It does what the server does with a trace that carries values, so that the values can stay where they are.
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
	Cut         bool // there is more
}

// Exchange is a request and its response.
type Exchange struct {
	Host, Method      string
	Path              string // escaped
	Route             string // of the router, in any framework's form; empty if it is not known
	Query             []Pair
	RequestHeaders    []Pair
	ResponseHeaders   []Pair
	Request, Response Body
	Status            int
}

// Result is what is known of an exchange without its values.
type Result struct {
	Path         string // a placeholder in the place of each parameter
	EndpointPath string // the template of Path, with as many elements
	Routed       bool   // the template is that of a router, or of an endpoint that the instance knows

	Types               map[string][]string // of fields, by section and path
	Classes             map[string][]string
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

// ErrorsFrom is the first status of which the server does not look at the request.
const ErrorsFrom = 400

// Analyzer analyses exchanges, one at a time.
type Analyzer struct {
	classes *Classes
	words   *Words
	names   names
	json    jsonReader
	buffer  []byte

	searched searched // of the section that is being analysed
}

// NewAnalyzer returns an analyzer that looks for classes and knows words.
func NewAnalyzer(classes *Classes, words *Words) *Analyzer {
	return &Analyzer{classes: classes, words: words, names: names{}}
}

// SetClasses replaces the classes that are looked for.
func (a *Analyzer) SetClasses(classes *Classes) { a.classes = classes }

// Analyze returns what is known of x without its values.
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

// pairs analyses headers or parameters. As the server does, it reads values that are JSON objects or lists.
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

// text analyses a text that may be a JSON object or list.
func (a *Analyzer) text(n *node, text []byte, cut bool) {
	if a.readJSON(n, text, cut) {
		return
	}
	a.value(n, text)
}

// body analyses a body by its content type. A response without a text has one field, as on the server.
func (a *Analyzer) body(r *Result, section string, b *Body) {
	a.searched = searched{}
	var root node
	switch {
	case section == sectionRequest && (len(b.Data) == 0 || isNull(b.Data)): // no field, as on the server
	case a.fields(&root, b):
	case len(b.Data) > 0 && IsText(b.Data):
		a.text(&root, b.Data, b.Cut)
	case section == sectionResponse:
		a.value(&root, nil)
	}
	a.emit(r, section, &root)
}

// IsText reports whether data is text that the server would store: the cut character at its end aside, UTF-8 without NUL.
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

// addClasses adds the classes of a field's values, and those that its name shows.
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

// IsGraphQLPath reports whether the server takes what is sent to a path for GraphQL.
func IsGraphQLPath(path string) bool { return strings.HasSuffix(path, "/graphql") }
