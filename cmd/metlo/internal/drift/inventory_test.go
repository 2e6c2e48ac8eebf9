package drift

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

var (
	now    = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	recent = now.Add(-time.Hour)
	since  = now.AddDate(0, 0, -30)
)

// pair holds a document and the inventory of a service that implements it.
type pair struct {
	file, text string
	host, base string
	endpoints  []*metlo.EndpointDetail
}

// newPair derives the inventory from one of the documents in testdata, as an instance records it.
func newPair(t *testing.T, file, host, base string) *pair {
	t.Helper()
	text, err := os.ReadFile("../../testdata/openapi/" + file)
	require.NoError(t, err)
	p := &pair{file: file, text: string(text), host: host, base: base}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			p.endpoints = append(p.endpoints, p.endpoint(doc, path, item, method, item.Operations()[method]))
		}
	}
	return p
}

func (p *pair) endpoint(doc *openapi3.T, path string, item *openapi3.PathItem, method string, op *openapi3.Operation) *metlo.EndpointDetail {
	e := &metlo.EndpointDetail{Endpoint: newEndpoint(method, p.host, p.base+path)}
	for _, ref := range slices.Concat(item.Parameters, op.Parameters) {
		if ref.Value.In == openapi3.ParameterInQuery {
			e.DataFields = append(e.DataFields, metlo.DataField{
				DataSection: metlo.SectionRequestQuery, DataPath: ref.Value.Name, DataType: metlo.TypeString, StatusCode: -1,
			})
		}
	}
	if op.RequestBody != nil {
		e.DataFields = append(e.DataFields, fieldsOf(metlo.SectionRequestBody, -1, op.RequestBody.Value.Content)...)
	}
	served := 200
	for key, ref := range op.Responses.Map() {
		status := map[string]int{"200": 200, "201": 201, "204": 204, "400": 400, "403": 403, "404": 404, "422": 422, "503": 503, "default": 500}[key]
		if status < 300 {
			served = status
		}
		if len(ref.Value.Content) == 0 {
			e.DataFields = append(e.DataFields, metlo.DataField{
				DataSection: metlo.SectionResponseBody, StatusCode: status, ContentType: "*/*", DataType: metlo.TypeString,
			})
		}
		e.DataFields = append(e.DataFields, fieldsOf(metlo.SectionResponseBody, status, ref.Value.Content)...)
		for name := range ref.Value.Headers {
			e.DataFields = append(e.DataFields, metlo.DataField{DataSection: metlo.SectionResponseHeaders, StatusCode: status, DataPath: name})
		}
	}
	security := doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	isRequired := len(security) > 0
	e.Traces = []metlo.CapturedTrace{{ResponseStatus: served, SessionMeta: metlo.SessionMeta{AuthenticationProvided: &isRequired}}}
	return e
}

func newEndpoint(method, host, path string) metlo.Endpoint {
	return metlo.Endpoint{
		Method: metlo.RestMethod(method), Host: host, Path: path, IsAuthenticatedDetected: true,
		FirstDetected: now.AddDate(-1, 0, 0), LastActive: recent,
	}
}

// fieldsOf returns the fields of bodies: those of JSON and of forms by their names, and any other body as a text.
func fieldsOf(section metlo.DataSection, status int, content openapi3.Content) []metlo.DataField {
	var fields []metlo.DataField
	for contentType, media := range content {
		field := metlo.DataField{DataSection: section, StatusCode: status, ContentType: contentType, DataType: metlo.TypeString}
		before := len(fields)
		if strings.Contains(contentType, "json") || strings.Contains(contentType, "form") {
			leaves(media.Schema, nil, nil, func(path []string, kind string) {
				field.DataPath, field.DataType = strings.Join(path, "."), metlo.DataType(kind)
				fields = append(fields, field)
			})
		}
		if len(fields) == before {
			fields = append(fields, field)
		}
	}
	return fields
}

const deep = 12 // levels of a recursive schema

func leaves(ref *openapi3.SchemaRef, path []string, open []*openapi3.Schema, add func(path []string, kind string)) {
	if ref == nil || ref.Value == nil || len(path) > deep {
		return
	}
	s := ref.Value
	if again := slices.DeleteFunc(slices.Clone(open), func(o *openapi3.Schema) bool { return o != s }); len(again) > 1 {
		return
	}
	open = append(slices.Clip(open), s)
	below := func(name string) []string { return append(slices.Clip(path), name) }
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		leaves(part, path, open, add)
	}
	for name, property := range s.Properties {
		if !property.Value.WriteOnly {
			leaves(property, below(name), open, add)
		}
	}
	if s.AdditionalProperties.Schema != nil {
		leaves(s.AdditionalProperties.Schema, below(anyName), open, add)
	}
	if s.Items != nil {
		leaves(s.Items, below(anyElement), open, add)
	}
	for _, kind := range s.Type.Slice() {
		if kind != "object" && kind != "array" && kind != "null" {
			add(path, kind)
		}
	}
}

// find returns the endpoint of an operation.
func (p *pair) find(t *testing.T, method, path string) *metlo.EndpointDetail {
	t.Helper()
	i := slices.IndexFunc(p.endpoints, func(e *metlo.EndpointDetail) bool { return string(e.Method) == method && e.Path == p.base+path })
	require.GreaterOrEqual(t, i, 0, "the document has no %s %s", method, path)
	return p.endpoints[i]
}

// line returns the line of the last mark. Each mark follows the one before.
func (p *pair) line(t *testing.T, marks ...string) int {
	t.Helper()
	lines := strings.Split(p.text, "\n")
	at := -1
	for _, mark := range marks {
		i := slices.IndexFunc(lines[at+1:], func(line string) bool { return strings.Contains(line, mark) })
		require.GreaterOrEqual(t, i, 0, "%s has no %q", p.file, mark)
		at += 1 + i
	}
	return at + 1
}

// cut removes the block of the last mark from the document.
func (p *pair) cut(t *testing.T, marks ...string) {
	t.Helper()
	lines := strings.Split(p.text, "\n")
	from := p.line(t, marks...) - 1
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	to := from + 1
	for to < len(lines) && (strings.TrimSpace(lines[to]) == "" || indent(lines[to]) > indent(lines[from])) {
		to++
	}
	p.text = strings.Join(slices.Delete(lines, from, to), "\n")
}

// insert adds a text after the line of the last mark.
func (p *pair) insert(t *testing.T, text string, marks ...string) {
	t.Helper()
	lines := strings.Split(p.text, "\n")
	p.text = strings.Join(slices.Insert(lines, p.line(t, marks...), strings.Split(text, "\n")...), "\n")
}

// compare compares the document with the inventory.
func (p *pair) compare(t *testing.T) *Result {
	t.Helper()
	d, err := Parse(p.file, p.text)
	require.NoError(t, err)
	return run(t, []*Document{d}, p.endpoints, Options{Hosts: []string{p.host}, Since: since})
}

// run compares documents with endpoints as the command does.
func run(t *testing.T, documents []*Document, endpoints []*metlo.EndpointDetail, options Options) *Result {
	t.Helper()
	var hosts []string
	for _, e := range endpoints {
		if !slices.Contains(hosts, e.Host) {
			hosts = append(hosts, e.Host)
		}
	}
	c, err := New(documents, hosts, options)
	require.NoError(t, err)
	var wanted []*metlo.EndpointDetail
	for _, e := range endpoints {
		if c.Add(&e.Endpoint) {
			wanted = append(wanted, e)
		}
	}
	for _, e := range wanted {
		c.AddDetail(e)
	}
	return c.Result()
}
