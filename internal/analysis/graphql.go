package analysis

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxSelections   = 64 // nesting of selections
	maxGraphQLTexts = 20 // requests of a batch
	maxOperations   = 100
)

// graphQLRequest is a requested operation.
type graphQLRequest struct {
	document  *document
	operation *operation
	variables map[string]jsontext.Value
	used      map[string]bool // analyzed variables
}

// graphQL analyzes a request to a GraphQL endpoint. The server has an endpoint for each operation, so the path of a field begins
// with the operation, as in resBody.query.me.email. Aliases are replaced by the names of their fields.
func (a *Analyzer) graphQL(x *Exchange, r *Result, isRead bool) {
	section := sectionRequest
	requests, isBatch := graphQLBody(&x.Request)
	if requests == nil {
		section = sectionQuery
		requests = graphQLQuery(x.Query)
	}
	a.searched = searched{}
	var in, out node
	known := map[string]bool{}
	for _, q := range requests {
		for _, field := range q.document.flatten(&q.operation.selection).fields {
			if !a.names.isName([]byte(field.name), memberName) {
				continue
			}
			path := "gqlQuery." + q.operation.kind + "." + field.name
			if !known[path] {
				if len(known) == maxOperations {
					continue
				}
				known[path] = true
				r.GraphQL = append(r.GraphQL, path)
			}
			if isRead {
				a.arguments(a.child(a.child(&in, []byte(q.operation.kind), memberName), []byte(field.name), memberName), &q, field, 0)
			}
		}
	}
	a.searched = searched{}
	a.graphQLData(&out, requests, isBatch, &x.Response)
	a.emit(r, section, &in)
	a.emit(r, sectionResponse, &out)
}

// graphQLBody returns the operations of a body, or nil if there are none.
func graphQLBody(b *Body) (requests []graphQLRequest, isBatch bool) {
	if _, subtype, _ := strings.Cut(mediaType(b.ContentType), "/"); subtype == "graphql" {
		return newGraphQLRequest(string(b.Data), "", nil), false
	}
	data := bytes.TrimSpace(b.Data)
	if len(data) > 0 && data[0] == '[' {
		for _, item := range items(data) {
			if len(requests) < maxGraphQLTexts {
				requests = append(requests, graphQLObject(item)...)
			}
		}
		return requests, true
	}
	return graphQLObject(data), false
}

func graphQLObject(data []byte) []graphQLRequest {
	object := rawMembers(data)
	return newGraphQLRequest(rawText(object["query"]), rawText(object["operationName"]), rawMembers(object["variables"]))
}

func graphQLQuery(query []Pair) []graphQLRequest {
	values := map[string]string{}
	for _, pair := range query {
		values[pair.Name] = pair.Value
	}
	return newGraphQLRequest(values["query"], values["operationName"], rawMembers([]byte(values["variables"])))
}

// newGraphQLRequest returns the operation called name, or the first one if name is empty.
func newGraphQLRequest(text, name string, variables map[string]jsontext.Value) []graphQLRequest {
	d := parseDocument(text)
	for _, op := range d.operations {
		if op.name == name || name == "" {
			return []graphQLRequest{{d, op, variables, map[string]bool{}}}
		}
	}
	return nil
}

// rawMembers returns the members of a JSON object.
func rawMembers(data []byte) map[string]jsontext.Value {
	members := map[string]jsontext.Value{}
	dec := rawDecoder(data)
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return members
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		key := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		members[key] = value.Clone()
	}
	return members
}

// items returns the elements of a JSON list.
func items(data []byte) (list []jsontext.Value) {
	dec := rawDecoder(data)
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '[' {
		return nil
	}
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		list = append(list, value.Clone())
	}
	return list
}

func rawDecoder(data []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func rawText(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}

// arguments analyzes the arguments of a field and of its nested fields.
func (a *Analyzer) arguments(n *node, q *graphQLRequest, f *field, depth int) {
	subs := q.document.flatten(&f.selection).fields
	if depth > maxSelections || !q.document.spend(len(subs)+len(f.arguments)+1) {
		return
	}
	for _, argument := range f.arguments {
		kid := a.child(n, []byte(argument.name), memberName)
		a.argument(kid, q, argument.value)
	}
	for _, sub := range subs {
		if sub.hasArguments {
			a.arguments(a.child(n, []byte(sub.name), memberName), q, sub, depth+1)
		}
	}
}

func (a *Analyzer) argument(n *node, q *graphQLRequest, value string) {
	switch {
	case value == "":
	case value[0] == '$':
		variable := q.variables[value[1:]]
		if len(variable) == 0 || q.used[value] && !q.document.spend(len(variable)) {
			return
		}
		q.used[value] = true
		a.jsonValue(n, variable)
	case value[0] == '"':
		a.value(n, []byte(strings.Trim(value, `"`)))
	case value == "true" || value == "false":
		a.boolean(n, value == "true")
	case value == "null":
		n.saw(TypeNull)
	case kindOf(value[0]) == '9' || value[0] == '-':
		a.number(n, []byte(value))
	case kindOf(value[0]) == 'a' || value[0] == '_': // value of an enum
		n.saw(TypeString)
	}
}

// jsonValue analyzes a JSON value.
func (a *Analyzer) jsonValue(n *node, data []byte) {
	a.json.start(data)
	_ = a.element(n, 0)
}

// graphQLData analyzes the data of a response by the selections of its request.
func (a *Analyzer) graphQLData(n *node, requests []graphQLRequest, isBatch bool, b *Body) {
	bodies := []jsontext.Value{b.Data}
	if isBatch {
		bodies = items(b.Data)
	}
	for i, body := range bodies {
		if i >= len(requests) {
			return
		}
		q := &requests[i]
		a.json.start(body)
		dec := a.json.dec
		if dec.PeekKind() != '{' {
			continue
		}
		_, _ = dec.ReadToken()
		for dec.PeekKind() == '"' {
			name, err := dec.ReadToken()
			if err != nil {
				break
			}
			if name.String() != "data" || dec.PeekKind() != '{' {
				err = dec.SkipValue()
			} else {
				err = a.selected(a.child(n, []byte(q.operation.kind), memberName), q, &q.operation.selection, 0)
			}
			if err != nil {
				break
			}
		}
	}
}

// selected analyzes a value of a response by its selection.
func (a *Analyzer) selected(n *node, q *graphQLRequest, s *selection, depth int) error {
	dec := a.json.dec
	if s == nil || depth > maxSelections || dec.PeekKind() != '{' && dec.PeekKind() != '[' {
		return a.element(n, depth)
	}
	isList := dec.PeekKind() == '['
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' && dec.PeekKind() != '}' {
		if isList {
			if err := a.selected(n.list(), q, s, depth+1); err != nil {
				return err
			}
			continue
		}
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		key := a.json.unquoted(raw)
		var kid *node
		var below *selection
		if f := q.document.flatten(s).byKey[string(key)]; f != nil {
			kid, below = a.child(n, []byte(f.name), memberName), &f.selection
		} else {
			kid = a.child(n, key, memberName)
		}
		if err := a.selected(kid, q, below, depth+1); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
