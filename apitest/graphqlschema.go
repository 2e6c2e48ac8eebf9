package apitest

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/ordered"
)

const (
	// maxSelection is the number of levels of objects that are selected if the data fields name none.
	maxSelection = 2
	// maxInput is the number of levels of required input objects that are filled in.
	maxInput = 8
)

// completeFromSchema adds required arguments, converts text to enum values, and selects fields of objects.
func (in *TemplateInput) completeFromSchema(operation *gqlField) error {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema", Input: in.Endpoint.GraphQLSchema})
	if err != nil {
		return err
	}
	roots := map[string]*ast.Definition{"query": schema.Query, "mutation": schema.Mutation, "subscription": schema.Subscription}
	root := roots[operation.name]
	if root == nil {
		return fmt.Errorf("it has no %s type", operation.name)
	}
	c := &gqlCompleter{in: in, schema: schema}
	return c.complete(operation, root, maxSelection+1)
}

type gqlCompleter struct {
	in     *TemplateInput
	schema *ast.Schema
}

// complete checks the fields of f against its type and adds what they lack.
func (c *gqlCompleter) complete(f *gqlField, def *ast.Definition, depth int) error {
	for _, child := range f.fields {
		if on, ok := strings.CutPrefix(child.name, "... on "); ok {
			part := c.schema.Types[on]
			if part == nil {
				return fmt.Errorf("it has no type %s", on)
			}
			if err := c.complete(child, part, depth-1); err != nil {
				return err
			}
			continue
		}
		if child.name == "__typename" {
			continue
		}
		field := def.Fields.ForName(child.name)
		if field == nil {
			return fmt.Errorf("type %s has no field %s", def.Name, child.name)
		}
		for _, a := range field.Arguments {
			have, given := child.args.Get(a.Name)
			if given || a.Type.NonNull && a.DefaultValue == nil {
				child.args = child.args.Set(a.Name, c.value(a.Type, have, maxInput))
			}
		}
		if err := c.complete(child, c.schema.Types[field.Type.Name()], depth-1); err != nil {
			return err
		}
	}
	c.selectFields(f, def, depth)
	return nil
}

// selectFields selects fields of an object if none is selected.
func (c *gqlCompleter) selectFields(f *gqlField, def *ast.Definition, depth int) {
	if len(f.fields) > 0 || !def.IsCompositeType() {
		return
	}
	for _, field := range def.Fields {
		if strings.HasPrefix(field.Name, "__") || needsArguments(field) {
			continue
		}
		inner := c.schema.Types[field.Type.Name()]
		if inner.IsLeafType() {
			f.child(field.Name)
		} else if depth > 1 {
			c.selectFields(f.child(field.Name), inner, depth-1)
		}
	}
	f.selectSomething()
}

func needsArguments(field *ast.FieldDefinition) bool {
	for _, a := range field.Arguments {
		if a.Type.NonNull && a.DefaultValue == nil {
			return true
		}
	}
	return false
}

// value converts have to the type t, or returns a sample value if have is nil.
func (c *gqlCompleter) value(t *ast.Type, have any, depth int) any {
	if t.Elem != nil {
		list, ok := have.([]any)
		if !ok || len(list) == 0 {
			list = []any{have}
		}
		out := make([]any, len(list))
		for i, e := range list {
			out[i] = c.value(t.Elem, e, depth)
		}
		return out
	}
	def := c.schema.Types[t.Name()]
	switch {
	case def.Kind == ast.Enum:
		if s := jsvalue.String(have); def.EnumValues.ForName(s) != nil {
			return gqlEnum(s)
		}
		if e, ok := have.(gqlEnum); ok || len(def.EnumValues) == 0 {
			return e
		}
		return gqlEnum(def.EnumValues[0].Name)
	case def.Kind == ast.InputObject:
		return c.inputObject(def, have, depth)
	case have != nil:
		return have
	}
	switch def.Name {
	case "Int", "Float":
		return c.in.sampleValue("integer")
	case "Boolean":
		return true
	}
	return c.in.sampleValue("string")
}

func (c *gqlCompleter) inputObject(def *ast.Definition, have any, depth int) any {
	item, _ := have.(ordered.Item)
	if item == nil {
		item = ordered.Item{}
	}
	for _, field := range def.Fields {
		v, given := item.Get(field.Name)
		if depth > 0 && (given || field.Type.NonNull && field.DefaultValue == nil) {
			item = item.Set(field.Name, c.value(field.Type, v, depth-1))
		}
	}
	return item
}
