package openapi

import (
	"errors"
	"slices"
	"strconv"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// Field is a place in requests or responses that a description names.
type Field struct {
	Section, Path, ContentType, DataType string
	Status                               int
	Nullable                             *bool
}

const (
	// fieldDepth is the maximum depth below a schema.
	fieldDepth = 20
	noStatus   = -1
)

// fieldList collects the fields of one operation.
type fieldList struct {
	resolver *resolver
	fields   []Field
	open     []*js.Object // schemas that are being read, to end a cycle
}

// fields lists the parts of an operation: parameters, body and responses.
func (r *resolver) fields(item *js.Object, method string) ([]Field, error) {
	op := r.object(item, method)
	list := &fieldList{resolver: r}
	parameters := op.Get("parameters")
	if parameters == nil || js.IsUndefined(parameters) {
		parameters = item.Get("parameters")
	}
	if err := list.parameters(parameters); err != nil {
		return nil, err
	}
	body := r.object(op, "requestBody")
	list.content(r.object(body, "content"), "reqBody", noStatus)
	for code := range r.object(op, "responses").All() {
		status, err := strconv.Atoi(code)
		if err != nil || status == 0 {
			status = noStatus
		}
		response := r.object(r.object(op, "responses"), code)
		for name := range r.object(response, "headers").All() {
			header := r.object(r.object(response, "headers"), name)
			list.schema(header.Get("schema"), Field{Section: "resHeaders", Path: name, Status: status}, 0)
		}
		list.content(r.object(response, "content"), "resBody", status)
	}
	return list.fields, list.typeProblem()
}

func (l *fieldList) parameters(v any) error {
	list, _ := v.([]any)
	for _, e := range list {
		resolved := l.resolver.follow(e)
		p, _ := resolved.(*js.Object)
		sections := map[string]string{"path": "reqPath", "query": "reqQuery", "header": "reqHeaders", "cookie": "reqHeaders"}
		section, known := sections[p.Text("in")]
		if !known {
			return errors.New("Error: Invalid location for parameter: " + js.String(p.Get("in")))
		}
		schema := p.Get("schema")
		if content := l.resolver.object(p, "content"); !js.Truthy(schema) && content.Len() > 0 {
			schema = content.Object(content.Keys[0]).Get("schema")
		}
		l.schema(schema, Field{Section: section, Path: p.Text("name"), Status: noStatus}, 0)
	}
	return nil
}

func (l *fieldList) content(content *js.Object, section string, status int) {
	for mediaType := range content.All() {
		schema := l.resolver.object(content, mediaType).Get("schema")
		l.schema(schema, Field{Section: section, ContentType: mediaType, Status: status}, 0)
	}
}

// schema adds the leaves of a schema below a place.
func (l *fieldList) schema(v any, at Field, depth int) {
	resolved := l.resolver.follow(v)
	s, _ := resolved.(*js.Object)
	if s == nil || depth > fieldDepth || slices.Contains(l.open, s) {
		return
	}
	l.open = append(l.open, s)
	defer func() { l.open = l.open[:len(l.open)-1] }()
	for _, combined := range []string{"oneOf", "anyOf", "allOf"} {
		if js.Truthy(s.Get(combined)) {
			for _, option := range s.List(combined) {
				l.schema(option, at, depth)
			}
			return
		}
	}
	switch {
	case js.Truthy(s.Get("items")):
		l.schema(s.Get("items"), at.below("[]"), depth+1)
	case js.Truthy(s.Get("patternProperties")):
		if patterns := s.Object("patternProperties"); patterns.Len() > 0 {
			l.schema(patterns.Get(patterns.Keys[0]), at.below("[string]"), depth+1)
		}
	case js.Truthy(s.Get("properties")):
		for name, property := range s.Object("properties").All() {
			l.schema(property, at.below(name), depth+1)
		}
	case js.Truthy(s.Get("type")):
		l.add(s, at)
	}
}

func (f Field) below(name string) Field {
	if f.Path != "" {
		name = f.Path + "." + name
	}
	f.Path = name
	return f
}

func (l *fieldList) add(s *js.Object, f Field) {
	types := []any{s.Get("type")}
	if list, isList := types[0].([]any); isList {
		types = list
	}
	f.DataType = "unknown"
	for _, t := range types {
		if t != "null" {
			f.DataType = js.String(t)
			break
		}
	}
	nullable := js.Truthy(s.Get("nullable")) || slices.Contains(types, any("null"))
	f.Nullable = &nullable
	for i, known := range l.fields {
		if known.Section == f.Section && known.Path == f.Path && known.ContentType == f.ContentType && known.Status == f.Status {
			if known.DataType == "unknown" {
				l.fields[i].DataType = f.DataType
			}
			if nullable {
				l.fields[i].Nullable = &nullable
			}
			return
		}
	}
	l.fields = append(l.fields, f)
}

// typeProblem returns the database's error about a type that its column does not accept.
func (l *fieldList) typeProblem() error {
	types := []string{"integer", "number", "string", "boolean", "object", "array", "unknown"}
	for _, f := range l.fields {
		if !slices.Contains(types, f.DataType) {
			return errors.New(`QueryFailedError: invalid input value for enum data_type_enum: "` + f.DataType + `"`)
		}
	}
	return nil
}
