package apitest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/ordered"
)

// gqlField is a field of a GraphQL query, with its arguments and its selected fields.
type gqlField struct {
	name   string
	args   ordered.Item
	fields []*gqlField
}

// sampleGraphQL adds the query that the endpoint's data fields describe, completed from its schema.
func (s *StepBuilder) sampleGraphQL(entities entityValues) {
	query, err := s.in.graphQLQuery(entities)
	if err != nil {
		s.errs = append(s.errs, err)
		return
	}
	r := &s.step.Request
	if s.in.Endpoint.Method == metlo.MethodGet {
		r.Query = append(r.Query, KeyValue{Name: "query", Value: handlebars.Literal(query)})
		return
	}
	r.Headers = append(r.Headers, KeyValue{Name: "Content-Type", Value: "application/json"})
	r.GraphQL = query
}

var gqlOperations = []string{"query", "mutation", "subscription"}

func (in *TemplateInput) graphQLQuery(entities entityValues) (string, error) {
	root := &gqlField{}
	for _, section := range []metlo.DataSection{metlo.SectionRequestBody, metlo.SectionRequestQuery, metlo.SectionResponseBody} {
		for _, f := range in.Endpoint.DataFields {
			if f.DataSection == section && f.DataPath != "" && f.DataType != metlo.TypeUnknown {
				in.addGraphQLField(root, f, entities)
			}
		}
	}
	root.addNamedOperation(in.Endpoint.Path)
	i := slices.IndexFunc(root.fields, func(f *gqlField) bool { return slices.Contains(gqlOperations, f.name) })
	if i < 0 {
		return "", errors.New("graphql: no data field and no path names an operation such as query.user")
	}
	operation := root.fields[i]
	if in.Endpoint.GraphQLSchema != "" {
		if err := in.completeFromSchema(operation); err != nil {
			return "", fmt.Errorf("graphql schema: %w", err)
		}
	}
	operation.selectSomething()
	var b strings.Builder
	operation.write(&b, "")
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// addNamedOperation adds the operation that a path such as /graphql.query.user names.
func (f *gqlField) addNamedOperation(path string) {
	_, operation, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	parts := strings.Split(operation, ".")
	if len(parts) >= 2 && slices.Contains(gqlOperations, parts[0]) {
		f.child(parts[0]).child(parts[1])
	}
}

// addGraphQLField adds the field at the path of f. Elements of a path are names of fields, __on_T for a fragment on T,
// and [] for a list. __args stands before an argument, and __resp before a field that only the response has.
func (in *TemplateInput) addGraphQLField(root *gqlField, f metlo.TestDataField, entities entityValues) {
	at := root
	path := strings.Split(f.DataPath, ".")
	for i, token := range path {
		switch {
		case token == "__resp" || token == "":
			return
		case token == "[]":
		case token == "__args":
			args := in.withValue(at.args, path[i+1:], f, enumEntities(entities, f))
			if item, ok := args.(ordered.Item); ok {
				at.args = item
			}
			return
		case strings.HasPrefix(token, "__on_"):
			at = at.child("... on " + strings.TrimPrefix(token, "__on_"))
		default:
			at = at.child(token)
		}
	}
}

// gqlEnum is an enum value, which queries hold without quotes.
type gqlEnum string

// enumEntities converts an entity value ENUM.X to the enum value X.
func enumEntities(entities entityValues, f metlo.TestDataField) entityValues {
	if s, ok := entities.of(f).(string); ok {
		if name, isEnum := strings.CutPrefix(s, "ENUM."); isEnum {
			return entityValues{f.Entity: gqlEnum(name)}
		}
	}
	return entities
}

func (f *gqlField) child(name string) *gqlField {
	for _, c := range f.fields {
		if c.name == name {
			return c
		}
	}
	c := &gqlField{name: name}
	f.fields = append(f.fields, c)
	return c
}

// selectSomething selects __typename if no field is selected, since an empty selection is invalid.
func (f *gqlField) selectSomething() {
	if len(f.fields) == 0 {
		f.child("__typename")
	}
}

func (f *gqlField) write(b *strings.Builder, indent string) {
	b.WriteString(indent + f.name)
	if len(f.args) > 0 {
		b.WriteString(" (" + gqlArgs(f.args) + ")")
	}
	if len(f.fields) == 0 {
		b.WriteByte('\n')
		return
	}
	b.WriteString(" {\n")
	for _, c := range f.fields {
		c.write(b, indent+"    ")
	}
	b.WriteString(indent + "}\n")
}

func gqlArgs(args ordered.Item) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.Name + ": " + gqlValue(a.Value)
	}
	return strings.Join(parts, ", ")
}

func gqlValue(v any) string {
	switch v := v.(type) {
	case gqlEnum:
		return string(v)
	case ordered.Item:
		return "{" + gqlArgs(v) + "}"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = gqlValue(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return jsvalue.JSON(v)
}
