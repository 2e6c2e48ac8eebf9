// Package openapi generates OpenAPI 3.1 documents from recorded traffic or from the inventory of an instance. The documents contain
// types and data classes, and no example values.
package openapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
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
	Name     string            `json:"name"`
	In       string            `json:"in"` // path, query or header
	Required bool              `json:"required,omitempty"`
	Schema   *Schema           `json:"schema,omitempty"`
	Content  map[string]*Media `json:"content,omitempty"` // instead of Schema, for a value that is JSON
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
		Type any `json:"type,omitempty"`
		*plain
	}{single, (*plain)(s)})
}

// FromTraces returns a document of the operations in traces. A field is required if it was in each of at least three traces with the
// same operation and content type. A request that was answered with a status of 400 or more counts for its operation only, because
// its trace holds no fields. FromTraces ignores GraphQL traces.
func FromTraces(title string, traces []*metlo.AnalyzedTrace) *Document {
	b := newBuilder(title)
	for _, t := range traces {
		if t != nil && len(t.Analysis.GraphQLPaths) == 0 {
			b.learn(templateOf(t))
		}
	}
	for _, t := range traces {
		if t != nil && len(t.Analysis.GraphQLPaths) == 0 {
			b.add(t)
		}
	}
	return b.document()
}

func templateOf(t *metlo.AnalyzedTrace) string {
	return cmp.Or(t.Request.URL.EndpointPath, t.Request.URL.Path)
}

// add adds what a trace shows.
func (b *builder) add(t *metlo.AnalyzedTrace) {
	template := templateOf(t)
	op := b.operation(t.Request.URL.Host, template, string(t.Request.Method))
	status := t.Response.Status
	in, out := t.Analysis.RequestContentType, t.Analysis.ResponseContentType
	// A body without fields counts too: it shows that no field is required.
	roots := map[*shape]bool{op.root("resBody", in, out, status): true}
	if in != "" && in != "*/*" {
		request := op.root("reqBody", in, out, status)
		roots[request] = status < firstRefusal
	}
	if status < firstRefusal {
		op.seen++
	}
	json := jsonParameters(maps.All(t.Analysis.DataTypes))
	for _, path := range slices.Sorted(maps.Keys(t.Analysis.DataTypes)) {
		section, rest, _ := strings.Cut(path, ".")
		root := op.root(section, in, out, status)
		if root == nil {
			continue
		}
		roots[root] = true
		root.at(namesOf(section, rest, json)).add(t.Analysis.DataTypes[path]...)
	}
	for path, classes := range t.Analysis.SensitiveDataDetected {
		section, rest, _ := strings.Cut(path, ".")
		if section == "reqPath" {
			rest = b.parameter(template, rest)
		}
		if root := op.root(section, in, out, status); root != nil {
			roots[root] = roots[root] || section == "reqPath"
			root.at(namesOf(section, rest, json)).addClasses(classes)
		}
	}
	for root, counts := range roots {
		if counts {
			root.seen++
			root.countTrace()
		}
	}
}

// firstRefusal is the first status for which neither server nor recorder looks at the request.
const firstRefusal = 400

// jsonParameters returns the parameters and headers whose values are JSON objects or lists, by section and name. The paths of
// their fields are told from names with dots by a list, a map, or a type that no text has.
func jsonParameters(fields iter.Seq2[string, []string]) map[string]bool {
	found := map[string]bool{}
	for path, types := range fields {
		section, rest, _ := strings.Cut(path, ".")
		name, _, isNested := strings.Cut(rest, ".")
		if isNested && !strings.HasSuffix(section, "Body") && (strings.Contains(rest, ".[") || !slices.Equal(types, []string{"string"})) {
			found[section+"."+name] = true
		}
	}
	return found
}

// namesOf returns the names that lead to a field below a section.
func namesOf(section, path string, json map[string]bool) []string {
	name, _, _ := strings.Cut(path, ".")
	switch {
	case path == "":
		return nil
	case strings.HasSuffix(section, "Body"), strings.HasPrefix(path, "["), json[section+"."+name]:
		return strings.Split(path, ".")
	}
	return []string{path}
}

// FromInventory returns a document of endpoints with their data fields, as returned by [metlo.EndpointsService.Get]. Only path
// parameters are required, because an inventory does not contain how often a field occurs. FromInventory ignores GraphQL endpoints.
func FromInventory(title string, endpoints []*metlo.EndpointDetail) *Document {
	b := newBuilder(title)
	for _, e := range endpoints {
		if e != nil && !e.IsGraphQL {
			b.learn(e.Path)
		}
	}
	for _, e := range endpoints {
		if e == nil || e.IsGraphQL {
			continue
		}
		op := b.operation(e.Host, e.Path, string(e.Method))
		json := jsonParameters(func(yield func(string, []string) bool) {
			for _, f := range e.DataFields {
				kind := f.DataType
				if kind == "" || kind == "unknown" {
					kind = "string"
				}
				if !yield(string(f.DataSection)+"."+f.DataPath, []string{string(kind)}) {
					return
				}
			}
		})
		for _, f := range e.DataFields {
			root := op.root(string(f.DataSection), f.ContentType, f.ContentType, f.StatusCode)
			if root == nil {
				continue
			}
			path := f.DataPath
			if f.DataSection == "reqPath" {
				path = b.parameter(e.Path, path)
			}
			s := root.at(namesOf(string(f.DataSection), path, json))
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
	templates  map[string]string        // the one that is used, by template without the names of its parameters
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
	filled  int  // of a body: traces in which it had fields
	here    bool // the current trace contains it
}

func newBuilder(title string) *builder {
	return &builder{title: title, templates: map[string]string{}, operations: map[[2]string]*operation{}}
}

// learn notes a template. Of templates that differ in the names of parameters alone, which no document may have, the first in
// order is used.
func (b *builder) learn(template string) {
	form := formOf(template)
	if known, found := b.templates[form]; !found || template < known {
		b.templates[form] = template
	}
}

// formOf returns a template without the names of its parameters.
func formOf(template string) string {
	elements := strings.Split(template, "/")
	for i, element := range elements {
		if isParameter(element) {
			elements[i] = "{}"
		}
	}
	return strings.Join(elements, "/")
}

func isParameter(element string) bool {
	return strings.HasPrefix(element, "{") && strings.HasSuffix(element, "}")
}

// parameter returns the name that a parameter of a template has in the document.
func (b *builder) parameter(template, name string) string {
	used := strings.Split(b.templates[formOf(template)], "/")
	for i, element := range strings.Split(template, "/") {
		if element == "{"+name+"}" {
			return used[i][1 : len(used[i])-1]
		}
	}
	return name
}

func (b *builder) operation(host, path, method string) *operation {
	key := [2]string{b.templates[formOf(path)], strings.ToLower(method)}
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

// at returns the shape of a field by the names that lead to it.
func (s *shape) at(names []string) *shape {
	s.here = true
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
			s = s.member(name)
		}
		s.here = true
	}
	return s
}

func (s *shape) member(name string) *shape {
	if s.members == nil {
		s.members = map[string]*shape{}
	}
	if s.members[name] == nil {
		s.members[name] = &shape{}
	}
	return s.members[name]
}

// merge adds what was seen at another place.
func (s *shape) merge(other *shape) {
	s.add(other.types...)
	s.addClasses(other.classes)
	for name, member := range other.members {
		s.member(name).merge(member)
	}
	if other.items != nil {
		s.at([]string{"[]"}).merge(other.items)
	}
	if other.any != nil {
		s.at([]string{"[string]"}).merge(other.any)
	}
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
	if s.here {
		s.filled++
	}
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
	s.mergeValues()
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
		out.Types = slices.Clone(everyType)
	}
	slices.Sort(out.Types)
	return out
}

// everyType lists the types of JSON. A schema without types allows the same, but for null in the eyes of some tools.
var everyType = []string{"array", "boolean", "null", "number", "object", "string"}

// mergeValues moves members whose names may be values to the others, if there are such: an object that has one such member
// keeps its name.
func (s *shape) mergeValues() {
	if s.any == nil {
		return
	}
	for name, member := range s.members {
		numbers := strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' })
		if slices.ContainsFunc(numbers, func(number string) bool { return len(number) > 1 }) {
			s.any.merge(member)
			delete(s.members, name)
		}
	}
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
		op := b.operations[key].build(method, path)
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

func (op *operation) build(method, path string) *Operation {
	out := &Operation{Responses: map[string]*Response{}}
	for element := range strings.SplitSeq(path, "/") {
		if isParameter(element) {
			name := element[1 : len(element)-1]
			schema := &Schema{Types: []string{"string"}}
			if root := op.path[""]; root != nil && root.members[name] != nil {
				schema.DataClasses = slices.Sorted(slices.Values(root.members[name].classes))
			}
			out.Parameters = append(out.Parameters, &Parameter{Name: name, In: "path", Required: true, Schema: schema})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(op.query.members)) {
		s := op.query.members[name]
		out.Parameters = append(out.Parameters, s.parameter(name, "query", op.seen >= leastTraces && s.seen == op.seen))
	}
	for _, name := range slices.Sorted(maps.Keys(op.headers.members)) {
		if s := op.headers.members[name]; !isStandardHeader(name) {
			out.Parameters = append(out.Parameters, s.parameter(name, "header", false))
		}
	}
	if hadBody, filled := op.hadBody(method); hadBody {
		out.RequestBody = &Body{Required: op.seen >= leastTraces && filled == op.seen, Content: contents(op.requests)}
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
					response.Headers[name] = &Header{headers.members[name].parameter(name, "header", false).text()}
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

// hadBody reports whether requests had a body, and how many had one with fields. Some clients name a content type for requests
// without a body too.
func (op *operation) hadBody(method string) (had bool, filled int) {
	for _, s := range op.requests {
		filled += s.filled
	}
	return len(op.requests) > 0 && (filled > 0 || method != "get" && method != "head" && method != "delete"), filled
}

// parameter returns the parameter of a shape. Its value is a text, or JSON if it always was.
func (s *shape) parameter(name, in string, isRequired bool) *Parameter {
	p := &Parameter{Name: name, In: in, Required: isRequired, Schema: s.schema(0)}
	if s.members == nil && s.items == nil && s.any == nil {
		return p
	}
	if len(s.types) == 0 {
		p.Content, p.Schema = map[string]*Media{"application/json": {p.Schema}}, nil
		return p
	}
	p.Schema = &Schema{Types: []string{"string"}}
	return p
}

// text returns the schema of a parameter as a text, whatever its value stands for.
func (p *Parameter) text() *Schema {
	if p.Schema != nil {
		return p.Schema
	}
	return &Schema{Types: []string{"string"}}
}

func contents(shapes map[string]*shape) map[string]*Media {
	content := map[string]*Media{}
	for media, s := range shapes {
		schema := s.schema(s.seen)
		if s.filled < s.seen && len(schema.Types) > 0 && !slices.Contains(schema.Types, "array") && !slices.Contains(schema.Types, "object") {
			schema.Types = append(schema.Types, "array", "object") // what had no field was an empty one of these
		}
		if isJSON(media) && slices.Contains(schema.Types, "string") {
			schema.Types = append(schema.Types, "boolean", "null", "number")
			slices.Sort(schema.Types)
			schema.Types = slices.Compact(schema.Types)
		}
		content[media] = &Media{schema}
	}
	return content
}

// isJSON reports whether a content type is JSON. Metlo treats a JSON body other than an object or a list as text, so its type is
// unknown.
func isJSON(media string) bool {
	_, subtype, _ := strings.Cut(media, "/")
	return subtype == "json" || strings.HasSuffix(subtype, "+json")
}

// isStandardHeader reports whether a header is not specific to an API, or is not one of its parameters.
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
