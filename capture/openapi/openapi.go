// Package openapi generates OpenAPI 3.1 documents from recorded traffic or from the inventory of an instance. The documents contain
// types and data classes, and no example values.
package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo"
)

// Document is an OpenAPI 3.1 document. Encode it with [encoding/json].
type Document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       Info                             `json:"info"`
	Servers    []Server                         `json:"servers,omitempty"`
	Paths      map[string]map[string]*Operation `json:"paths"` // by template and method in lower case
	Components *Components                      `json:"components,omitempty"`
}

// Info holds the title and the version of an API.
type Info struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

// Server holds the URL of a server of an API.
type Server struct {
	URL string `json:"url"`
}

// Components holds schemas that several places of a document refer to.
type Components struct {
	Schemas map[string]*Schema `json:"schemas,omitempty"`
}

// Operation describes a method of a path.
type Operation struct {
	OperationID string               `json:"operationId"`
	Parameters  []*Parameter         `json:"parameters,omitempty"`
	RequestBody *Body                `json:"requestBody,omitempty"`
	Responses   map[string]*Response `json:"responses"`
}

// Parameter describes a parameter of an operation.
type Parameter struct {
	Name     string  `json:"name"`
	In       string  `json:"in"` // path, query or header
	Required bool    `json:"required,omitempty"`
	Schema   *Schema `json:"schema"`
}

// Body describes a request body.
type Body struct {
	Required bool              `json:"required,omitempty"`
	Content  map[string]*Media `json:"content"` // by content type
}

// Response describes a response of an operation.
type Response struct {
	Description string             `json:"description"`
	Headers     map[string]*Header `json:"headers,omitempty"`
	Content     map[string]*Media  `json:"content,omitempty"` // by content type
}

// Header describes a header of a [Response].
type Header struct {
	Schema *Schema `json:"schema"`
}

// Media describes the content of a body with one content type.
type Media struct {
	Schema *Schema `json:"schema"`
}

// Schema describes a value. If Types is empty, every type is allowed.
type Schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Types       []string           `json:"type,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Additional  *Schema            `json:"additionalProperties,omitempty"` // of maps
	Items       *Schema            `json:"items,omitempty"`
	Required    []string           `json:"required,omitempty"`
	DataClasses []string           `json:"x-metlo-data-classes,omitempty"`
}

// MarshalJSON encodes s. It encodes a single type as a string, as OpenAPI 3.0 does.
func (s *Schema) MarshalJSON() ([]byte, error) {
	type plain Schema
	var single any
	switch len(s.Types) {
	case 0:
	case 1:
		single = s.Types[0]
	default:
		single = s.Types
	}
	return json.Marshal(struct {
		*plain
		Type any `json:"type,omitempty"`
	}{(*plain)(s), single})
}

// FromTraces returns a document of the operations in traces. A field is required if it was in each of at least three traces with the
// same operation and content type. FromTraces ignores GraphQL traces.
func FromTraces(title string, traces []*metlo.AnalyzedTrace) *Document {
	b := newBuilder(title)
	for _, t := range traces {
		if t == nil || len(t.Analysis.GraphQLPaths) > 0 {
			continue
		}
		op := b.operation(t.Request.URL.Host, cmp.Or(t.Request.URL.EndpointPath, t.Request.URL.Path), string(t.Request.Method))
		op.seen++
		status := t.Response.Status
		in, out := t.Analysis.RequestContentType, t.Analysis.ResponseContentType
		// A body without fields counts too: it shows that no field is required.
		roots := map[*shape]bool{op.root("resBody", in, out, status): true}
		if in != "" && in != "*/*" {
			roots[op.root("reqBody", in, out, status)] = true
		}
		for _, path := range slices.Sorted(maps.Keys(t.Analysis.DataTypes)) {
			section, rest, _ := strings.Cut(path, ".")
			root := op.root(section, in, out, status)
			if root == nil {
				continue
			}
			roots[root] = true
			root.at(rest, section).add(t.Analysis.DataTypes[path]...)
		}
		for path, classes := range t.Analysis.SensitiveDataDetected {
			section, rest, _ := strings.Cut(path, ".")
			if root := op.root(section, in, out, status); root != nil {
				roots[root] = roots[root] || section == "reqPath"
				root.at(rest, section).addClasses(classes)
			}
		}
		for root := range roots {
			root.seen++
			root.countTrace()
		}
	}
	return b.document()
}

// FromInventory returns a document of endpoints with their data fields, as returned by [metlo.EndpointsService.Get]. Only path
// parameters are required, because an inventory does not contain how often a field occurs. FromInventory ignores GraphQL endpoints.
func FromInventory(title string, endpoints []*metlo.EndpointDetail) *Document {
	b := newBuilder(title)
	for _, e := range endpoints {
		if e == nil || e.IsGraphQL {
			continue
		}
		op := b.operation(e.Host, e.Path, string(e.Method))
		for _, f := range e.DataFields {
			root := op.root(string(f.DataSection), f.ContentType, f.ContentType, f.StatusCode)
			if root == nil {
				continue
			}
			s := root.at(f.DataPath, string(f.DataSection))
			if f.DataType != "" && f.DataType != "unknown" {
				s.add(string(f.DataType))
			}
			if f.IsNullable != nil && *f.IsNullable {
				s.add("null")
			}
			s.addClasses(f.DataClasses)
		}
	}
	return b.document()
}

type builder struct {
	title      string
	hosts      []string
	operations map[[2]string]*operation // by path and method
}

// operation collects the observations of a method of a path.
type operation struct {
	host      string
	seen      int
	path      map[string]*shape // parameters
	query     *shape
	headers   *shape
	requests  map[string]*shape         // by content type
	answers   map[int]*shape            // headers by status
	responses map[int]map[string]*shape // by status and content type
}

// shape collects the observations of a value.
type shape struct {
	types   []string
	classes []string
	members map[string]*shape
	any     *shape // members with names that are values
	items   *shape
	seen    int  // traces that contained it
	here    bool // the current trace contains it
}

func newBuilder(title string) *builder {
	return &builder{title: title, operations: map[[2]string]*operation{}}
}

func (b *builder) operation(host, path, method string) *operation {
	key := [2]string{path, strings.ToLower(method)}
	op := b.operations[key]
	if op == nil {
		op = &operation{
			host: host, path: map[string]*shape{}, query: &shape{}, headers: &shape{}, requests: map[string]*shape{}, answers: map[int]*shape{},
			responses: map[int]map[string]*shape{},
		}
		b.operations[key] = op
	}
	if host != "" && !slices.Contains(b.hosts, host) {
		b.hosts = append(b.hosts, host)
	}
	return op
}

// root returns the shape of a section, or nil for an unknown section.
func (op *operation) root(section, in, out string, status int) *shape {
	named := func(shapes map[string]*shape, name string) *shape {
		if shapes[name] == nil {
			shapes[name] = &shape{}
		}
		return shapes[name]
	}
	switch section {
	case "reqPath":
		return named(op.path, "")
	case "reqQuery":
		return op.query
	case "reqHeaders":
		return op.headers
	case "reqBody":
		return named(op.requests, cmp.Or(in, "*/*"))
	case "resHeaders":
		if op.answers[status] == nil {
			op.answers[status] = &shape{}
		}
		return op.answers[status]
	case "resBody":
		if op.responses[status] == nil {
			op.responses[status] = map[string]*shape{}
		}
		return named(op.responses[status], cmp.Or(out, "*/*"))
	}
	return nil
}

// at returns the shape of a field by its path. Names of parameters and headers may hold dots.
func (s *shape) at(path, section string) *shape {
	s.here = true
	if path == "" {
		return s
	}
	names := []string{path}
	if strings.HasSuffix(section, "Body") || strings.HasPrefix(path, "[") {
		names = strings.Split(path, ".")
	}
	for _, name := range names {
		switch name {
		case "[]":
			if s.items == nil {
				s.items = &shape{}
			}
			s = s.items
		case "[string]":
			if s.any == nil {
				s.any = &shape{}
			}
			s = s.any
		default:
			if s.members == nil {
				s.members = map[string]*shape{}
			}
			if s.members[name] == nil {
				s.members[name] = &shape{}
			}
			s = s.members[name]
		}
		s.here = true
	}
	return s
}

func (s *shape) add(types ...string) {
	for _, t := range types {
		if !slices.Contains(s.types, t) {
			s.types = append(s.types, t)
		}
	}
}

func (s *shape) addClasses(classes []string) {
	for _, class := range classes {
		if !slices.Contains(s.classes, class) {
			s.classes = append(s.classes, class)
		}
	}
}

// countTrace counts the members that the current trace contains. It does not count below lists and maps, whose elements a trace
// does not distinguish.
func (s *shape) countTrace() {
	for _, member := range s.members {
		if member.here {
			member.seen++
			member.countTrace()
		}
	}
	for _, below := range []*shape{s.any, s.items} {
		if below != nil {
			below.countTrace()
		}
	}
	s.here = false
}

const leastTraces = 3 // for a required field

// schema returns the schema of a shape. all is the number of traces with the body, or 0 below a list or a map, where nothing is
// required. Members are required only in objects that had fields in every body, because a trace does not contain empty objects.
func (s *shape) schema(all int) *Schema {
	out := &Schema{DataClasses: slices.Sorted(slices.Values(s.classes))}
	out.Types = slices.Clone(s.types)
	addType := func(t string) {
		if !slices.Contains(out.Types, t) {
			out.Types = append(out.Types, t)
		}
	}
	if len(s.members) > 0 || s.any != nil {
		addType("object")
	}
	if s.items != nil {
		addType("array")
		out.Items = s.items.schema(0)
	}
	if s.any != nil {
		out.Additional = s.any.schema(0)
	}
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		if out.Properties == nil {
			out.Properties = map[string]*Schema{}
		}
		member := s.members[name]
		out.Properties[name] = member.schema(all)
		if all >= leastTraces && s.seen == all && member.seen == all {
			out.Required = append(out.Required, name)
		}
	}
	// An integer is also a number. A value that was always null may have any type.
	switch {
	case slices.Contains(out.Types, "number"):
		out.Types = slices.DeleteFunc(out.Types, func(t string) bool { return t == "integer" })
	case slices.Equal(out.Types, []string{"null"}):
		out.Types = nil
	}
	slices.Sort(out.Types)
	return out
}

func (b *builder) document() *Document {
	slices.Sort(b.hosts)
	doc := &Document{OpenAPI: "3.1.0", Info: Info{b.title, "1.0.0"}, Paths: map[string]map[string]*Operation{}}
	for _, host := range b.hosts {
		doc.Servers = append(doc.Servers, Server{"https://" + host})
	}
	ids := map[string]bool{}
	for _, key := range slices.SortedFunc(maps.Keys(b.operations), func(x, y [2]string) int { return slices.Compare(x[:], y[:]) }) {
		path, method := key[0], key[1]
		if doc.Paths[path] == nil {
			doc.Paths[path] = map[string]*Operation{}
		}
		op := b.operations[key].build(path)
		op.OperationID = operationID(method, path)
		for n := 2; ids[op.OperationID]; n++ {
			op.OperationID = operationID(method, path) + strconv.Itoa(n)
		}
		ids[op.OperationID] = true
		doc.Paths[path][method] = op
	}
	doc.share()
	return doc
}

func operationID(method, path string) string {
	id := method
	for word := range strings.FieldsFuncSeq(path, func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

func (op *operation) build(path string) *Operation {
	out := &Operation{Responses: map[string]*Response{}}
	for element := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(element, "{") && strings.HasSuffix(element, "}") {
			name := element[1 : len(element)-1]
			schema := &Schema{Types: []string{"string"}}
			if root := op.path[""]; root != nil && root.members[name] != nil {
				schema.DataClasses = slices.Sorted(slices.Values(root.members[name].classes))
			}
			out.Parameters = append(out.Parameters, &Parameter{name, "path", true, schema})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(op.query.members)) {
		s := op.query.members[name]
		out.Parameters = append(out.Parameters, &Parameter{name, "query", op.seen >= leastTraces && s.seen == op.seen, s.schema(0)})
	}
	for _, name := range slices.Sorted(maps.Keys(op.headers.members)) {
		if s := op.headers.members[name]; !isStandardHeader(name) {
			out.Parameters = append(out.Parameters, &Parameter{name, "header", false, s.schema(0)})
		}
	}
	if len(op.requests) > 0 {
		out.RequestBody = &Body{Content: contents(op.requests)}
	}
	for _, status := range slices.Sorted(maps.Keys(op.responses)) {
		response := &Response{Description: fmt.Sprintf("status %d", status)}
		bodies := maps.Clone(op.responses[status])
		maps.DeleteFunc(bodies, func(media string, s *shape) bool { return media == "*/*" && len(s.members) == 0 && s.items == nil })
		if len(bodies) > 0 {
			response.Content = contents(bodies)
		}
		if headers := op.answers[status]; headers != nil {
			for _, name := range slices.Sorted(maps.Keys(headers.members)) {
				if !isStandardHeader(name) {
					if response.Headers == nil {
						response.Headers = map[string]*Header{}
					}
					response.Headers[name] = &Header{headers.members[name].schema(0)}
				}
			}
		}
		out.Responses[strconv.Itoa(status)] = response
	}
	if len(out.Responses) == 0 {
		out.Responses["default"] = &Response{Description: "no response was observed"}
	}
	return out
}

func contents(shapes map[string]*shape) map[string]*Media {
	content := map[string]*Media{}
	for media, s := range shapes {
		content[media] = &Media{s.schema(s.seen)}
	}
	return content
}

// isStandardHeader reports whether a header is not specific to an API.
func isStandardHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "authorization", "content-type", "content-length", "content-encoding", "accept-encoding", "accept-language", "user-agent", "cookie",
		"set-cookie", "host", "date", "connection", "referer", "origin", "vary", "server", "transfer-encoding", "etag", "cache-control", "expires",
		"last-modified", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "[string]":
		return true
	}
	return strings.HasPrefix(strings.ToLower(name), "sec-")
}

// share moves schemas of objects that occur several times to the components.
func (d *Document) share() {
	count := map[string]int{}
	d.each(func(s *Schema) {
		if len(s.Properties) > 1 {
			count[s.key()]++
		}
	})
	names := map[string]string{}
	taken := map[string]bool{}
	var place func(s *Schema, hint string)
	place = func(s *Schema, hint string) {
		if s == nil {
			return
		}
		key := ""
		if len(s.Properties) > 1 {
			key = s.key()
		}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			place(s.Properties[name], name)
		}
		place(s.Items, strings.TrimSuffix(hint, "s"))
		place(s.Additional, hint)
		if count[key] < 2 || key == "" {
			return
		}
		if names[key] == "" {
			name := componentName(hint)
			for n := 2; taken[name]; n++ {
				name = componentName(hint) + strconv.Itoa(n)
			}
			names[key], taken[name] = name, true
			if d.Components == nil {
				d.Components = &Components{Schemas: map[string]*Schema{}}
			}
			whole := *s
			d.Components.Schemas[name] = &whole
		}
		*s = Schema{Ref: "#/components/schemas/" + names[key]}
	}
	d.roots(place)
}

func componentName(hint string) string {
	name := strings.TrimPrefix(operationID("", hint), "_")
	return cmp.Or(name, "Object")
}

// key returns a text that is equal for equal schemas.
func (s *Schema) key() string {
	data, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(data)
}

// roots calls visit for the schema of each body in a fixed order, with a hint for the name of a component.
func (d *Document) roots(visit func(s *Schema, hint string)) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		hint := "object"
		for element := range strings.SplitSeq(path, "/") {
			if element != "" && !strings.HasPrefix(element, "{") {
				hint = strings.TrimSuffix(element, "s")
			}
		}
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			op := d.Paths[path][method]
			if op.RequestBody != nil {
				for _, media := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
					visit(op.RequestBody.Content[media].Schema, hint)
				}
			}
			for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
				for _, media := range slices.Sorted(maps.Keys(op.Responses[status].Content)) {
					visit(op.Responses[status].Content[media].Schema, hint)
				}
			}
		}
	}
}

// each calls visit for the schemas of all bodies and for the schemas within them.
func (d *Document) each(visit func(*Schema)) {
	var within func(s *Schema)
	within = func(s *Schema) {
		if s == nil {
			return
		}
		visit(s)
		for _, member := range s.Properties {
			within(member)
		}
		within(s.Items)
		within(s.Additional)
	}
	d.roots(func(s *Schema, _ string) { within(s) })
}
