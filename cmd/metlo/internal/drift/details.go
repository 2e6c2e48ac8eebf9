package drift

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
)

// AddDetail compares the details of an endpoint for which Add reported that it needs them. Call it after all endpoints
// were added.
func (c *Comparison) AddDetail(e *metlo.EndpointDetail) {
	operations := c.covered(&e.Endpoint)
	if len(operations) == 0 {
		return
	}
	if len(e.DataFields) >= fieldsKept {
		c.note(noteFull, &e.Endpoint)
	}
	c.authentication(e, operations)
	d := &detail{Comparison: c, endpoint: &e.Endpoint, operations: operations}
	for i := range e.DataFields {
		f := &e.DataFields[i]
		if since := c.options.SeenSince; !since.IsZero() && !f.LastSeen.IsZero() && f.LastSeen.Before(since) {
			continue
		}
		d.fields = append(d.fields, f)
	}
	d.statuses(e.Traces)
	d.contentTypes()
	for _, f := range d.fields {
		d.field(f)
	}
}

// detail represents an endpoint and all operations that it may represent. A part is documented if one of the operations
// documents it.
type detail struct {
	*Comparison

	endpoint   *metlo.Endpoint
	operations []*operation
	fields     []*metlo.DataField
}

func isResponse(f *metlo.DataField) bool {
	return f.DataSection == metlo.SectionResponseBody || f.DataSection == metlo.SectionResponseHeaders
}

// statuses reports statuses that no document has. A document without any response does not restrict them.
func (d *detail) statuses(traces []metlo.CapturedTrace) {
	var seen []int
	add := func(status int) {
		if status >= 100 && status <= 999 && !slices.Contains(seen, status) {
			seen = append(seen, status)
		}
	}
	for _, f := range d.fields {
		if isResponse(f) {
			add(f.StatusCode)
		}
	}
	for _, t := range traces {
		if d.options.SeenSince.IsZero() || t.CreatedAt.IsZero() || !t.CreatedAt.Before(d.options.SeenSince) {
			add(t.ResponseStatus)
		}
	}
	slices.Sort(seen)
	for _, status := range seen {
		if !slices.ContainsFunc(d.operations, func(op *operation) bool { return responseOf(op.op, status) != nil }) {
			text := fmt.Sprint(status)
			if name := http.StatusText(status); name != "" {
				text += " " + name
			}
			d.report(UndocumentedStatus, severityOf(UndocumentedStatus), d.endpoint, findings.FieldName("status", fmt.Sprint(status), ""),
				"responses with status "+text+" were seen, and are not documented", d.operations[0].responses())
		}
	}
}

// responses returns the place where the responses of an operation are documented.
func (o *operation) responses() place {
	if o.op.Responses == nil {
		return o.at
	}
	return placeOf(o.op.Responses.Origin).or(o.at)
}

// contents returns the bodies that the operations document for a field, and their place. It reports false if a status
// has no documented response at all.
func (d *detail) contents(f *metlo.DataField) (contents []openapi3.Content, documents []*operation, at place, known bool) {
	for _, op := range d.operations {
		if f.DataSection == metlo.SectionRequestBody {
			known = true
			if body := op.op.RequestBody; body != nil && body.Value != nil {
				contents, documents = append(contents, body.Value.Content), append(documents, op)
				at = at.or(placeOf(body.Value.Origin))
			}
			continue
		}
		if response := responseOf(op.op, f.StatusCode); response != nil {
			known = true
			contents, documents = append(contents, response.Content), append(documents, op)
			at = at.or(placeOf(response.Origin))
		}
	}
	return contents, documents, at.or(d.operations[0].at), known
}

func isBody(f *metlo.DataField) bool {
	return f.DataSection == metlo.SectionRequestBody || f.DataSection == metlo.SectionResponseBody
}

// contentTypes reports undocumented content types of a documented status.
func (d *detail) contentTypes() {
	for _, f := range d.fields {
		if !isBody(f) || mediaType(f.ContentType) == anyMedia {
			continue
		}
		contents, _, at, known := d.contents(f)
		if !known || slices.ContainsFunc(contents, func(content openapi3.Content) bool { _, ok := contentOf(content, f.ContentType); return ok }) {
			continue
		}
		described := false
		for _, content := range contents {
			described = described || len(content) > 0
		}
		if !described && f.DataPath == "" && isResponse(f) {
			continue // it may be the type of an empty body
		}
		kind := mediaType(f.ContentType)
		if f.DataSection == metlo.SectionRequestBody {
			d.report(UndocumentedContentType, severityOf(UndocumentedContentType), d.endpoint, findings.FieldName("reqBody", kind, ""),
				"requests with a body of type "+kind+" were seen, and are not documented", at)
			continue
		}
		d.report(UndocumentedContentType, severityOf(UndocumentedContentType), d.endpoint,
			findings.FieldName("resBody", fmt.Sprintf("%d %s", f.StatusCode, kind), ""),
			fmt.Sprintf("responses with status %d and a body of type %s were seen, and are not documented", f.StatusCode, kind), at)
	}
}

// field reports a field that no document has.
func (d *detail) field(f *metlo.DataField) {
	if f.DataPath == "" {
		return
	}
	switch f.DataSection {
	case metlo.SectionRequestQuery:
		d.query(f)
	case metlo.SectionRequestHeaders, metlo.SectionResponseHeaders:
		d.header(f)
	case metlo.SectionRequestBody, metlo.SectionResponseBody:
		d.bodyField(f)
	}
}

// missing reports a field that is not documented.
func (d *detail) missing(f *metlo.DataField, why string, at place) {
	rule := UndocumentedField
	text := fieldName(f)
	if len(f.DataClasses) > 0 {
		rule = UndocumentedSensitiveField
		text += " (" + strings.Join(f.DataClasses, ", ") + ")"
	}
	d.report(rule, severityOf(rule), d.endpoint, findings.FieldName(string(f.DataSection), f.DataPath, ""), text+" "+why, at)
}

// fieldName returns a field in words.
func fieldName(f *metlo.DataField) string {
	switch f.DataSection {
	case metlo.SectionRequestQuery:
		return "query parameter " + f.DataPath
	case metlo.SectionRequestHeaders:
		return "request header " + f.DataPath
	case metlo.SectionResponseHeaders:
		return fmt.Sprintf("header %s of responses with status %d", f.DataPath, f.StatusCode)
	case metlo.SectionRequestBody:
		return "field " + f.DataPath + " of request bodies"
	}
	return fmt.Sprintf("field %s of responses with status %d", f.DataPath, f.StatusCode)
}

// bodySearch is the result of looking up a body field in the documented contents.
type bodySearch struct {
	best        verdict
	found       *lookup // lookup in a schema that names the field, preferably with its type
	where       place   // place of the deepest schema on the path of the field
	at          place   // place of the content
	isKnownType bool    // a document describes the content type
}

func (d *detail) searchBody(f *metlo.DataField, contents []openapi3.Content, documents []*operation, at place) bodySearch {
	path := strings.Split(f.DataPath, ".")
	s := bodySearch{best: forbidden, at: at}
	deepest := -2
	for i, content := range contents {
		media, ok := contentOf(content, f.ContentType)
		s.isKnownType = s.isKnownType || ok
		for _, m := range media {
			l := &lookup{
				document: documents[i].document, response: isResponse(f),
				isForm: strings.Contains(f.ContentType, "form"),
			}
			v := free
			if m != nil && m.Schema != nil {
				v = l.find(m.Schema, path)
			}
			if v == named && (s.found == nil || l.allows(string(f.DataType))) {
				s.found = l
			}
			s.best = max(s.best, v)
			if l.place.line > 0 && l.deepest > deepest {
				deepest, s.where = l.deepest, l.place
			}
			if m != nil {
				s.at = placeOf(m.Origin).or(s.at)
			}
		}
	}
	return s
}

func (d *detail) bodyField(f *metlo.DataField) {
	contents, documents, at, known := d.contents(f)
	s := d.searchBody(f, contents, documents, at)
	isSensitive := len(f.DataClasses) > 0
	switch {
	case (!known || !s.isKnownType) && !isSensitive: // the finding about the status or the type covers the field
	case s.best == forbidden:
		d.missing(f, "was seen, and is not documented", s.where.or(s.at))
	case s.best < named && isSensitive:
		d.missing(f, "was seen where the document does not restrict the fields", s.where.or(s.at))
	case s.best == named && isScalar(f.DataType) && strings.Contains(f.ContentType, "json") && !s.found.allows(string(f.DataType)):
		d.missing(f, fmt.Sprintf("was seen as %s, and is documented as %s", f.DataType, s.found.typeNames()), s.found.place.or(s.at))
	}
}

func isScalar(t metlo.DataType) bool {
	return t == metlo.TypeInteger || t == metlo.TypeNumber || t == metlo.TypeString || t == metlo.TypeBoolean
}

func (d *detail) query(f *metlo.DataField) {
	for _, op := range d.operations {
		if op.hasQuery(f.DataPath) {
			return
		}
	}
	d.missing(f, "was seen, and is not documented", d.operations[0].parametersPlace())
}

// parametersPlace returns the place where the parameters of an operation are documented.
func (o *operation) parametersPlace() place {
	if o.op.Origin != nil {
		if at, ok := o.op.Origin.Fields.Lookup("parameters"); ok {
			return placeAt(at)
		}
	}
	return o.at
}

// parameters returns an iterator over the parameters of the operation, then those of its path.
func (o *operation) parameters() []*openapi3.Parameter {
	var all []*openapi3.Parameter
	for _, list := range []openapi3.Parameters{o.op.Parameters, o.item.Parameters} {
		for _, ref := range list {
			if ref != nil && ref.Value != nil {
				all = append(all, ref.Value)
			}
		}
	}
	return all
}

// hasQuery reports whether a parameter of the query is documented: by its name, by the name of the object whose member
// it is, or as a key.
func (o *operation) hasQuery(path string) bool {
	name, _, _ := strings.Cut(path, ".")
	outer, _, _ := strings.Cut(name, "[")
	if name == anyName {
		return true // its name is unknown
	}
	for _, p := range o.parameters() {
		if p.In != openapi3.ParameterInQuery && p.In != "querystring" {
			continue
		}
		if p.Name == path || p.Name == name || strings.TrimSuffix(p.Name, "[]") == outer {
			return true
		}
		if p.Schema == nil || p.In == "querystring" {
			if p.In == "querystring" {
				return true
			}
			continue
		}
		if p.Schema.Value != nil && p.Schema.Value.Type.Is(openapi3.TypeObject) && p.Style != "deepObject" && (p.Explode == nil || *p.Explode) {
			l := &lookup{document: o.document, isForm: true}
			if l.find(p.Schema, []string{name}) > forbidden {
				return true
			}
		}
	}
	return o.hasKey("query", name)
}

// hasKey reports whether a security scheme of the document has a key with that name in the query or the headers.
func (o *operation) hasKey(in, name string) bool {
	if o.document.doc.Components == nil {
		return false
	}
	for _, ref := range o.document.doc.Components.SecuritySchemes {
		if ref != nil && ref.Value != nil && ref.Value.In == in && strings.EqualFold(ref.Value.Name, name) {
			return true
		}
	}
	return false
}

// transportHeaders lists headers that carry addresses, names of programs and credentials for the transport, independent
// of the service.
const transportHeaders = " accept accept-charset accept-encoding accept-language authorization cf-connecting-ip cookie content-disposition content-language " +
	"content-length content-location content-security-policy content-type date dnt etag fastly-client-ip forwarded from host if-modified-since if-none-match " +
	"last-modified link location origin proxy-authorization referer report-to server set-cookie true-client-ip user-agent via www-authenticate " +
	"x-amzn-trace-id x-client-ip x-cluster-client-ip x-envoy-external-address x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto " +
	"x-original-forwarded-for x-real-ip "

// header reports undocumented headers with sensitive data. Other headers come from proxies and libraries.
func (d *detail) header(f *metlo.DataField) {
	name, _, _ := strings.Cut(f.DataPath, ".")
	if len(f.DataClasses) == 0 || strings.Contains(transportHeaders, " "+strings.ToLower(name)+" ") || name == anyName {
		return
	}
	at := d.operations[0].at
	for _, op := range d.operations {
		if f.DataSection == metlo.SectionRequestHeaders {
			if op.hasKey("header", name) || slices.ContainsFunc(op.parameters(), func(p *openapi3.Parameter) bool {
				return p.In == openapi3.ParameterInHeader && strings.EqualFold(p.Name, name)
			}) {
				return
			}
			continue
		}
		if response := responseOf(op.op, f.StatusCode); response != nil {
			at = placeOf(response.Origin).or(at)
			for header := range response.Headers {
				if strings.EqualFold(header, name) {
					return
				}
			}
		}
	}
	d.missing(f, "was seen, and is not documented", at)
}
