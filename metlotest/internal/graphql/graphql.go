// Package graphql returns the reason why buildSchema of graphql-js 16 rejects a schema: its message, and the place by
// name. The parser is gqlparser's, whose message follows "Syntax Error: ".
package graphql

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Problem returns the reason why a schema cannot be built, or "".
func Problem(source string) string {
	document, err := parser.ParseSchema(&ast.Source{Input: source})
	if err != nil {
		var found *gqlerror.Error
		if errors.As(err, &found) {
			return "Syntax Error: " + strings.TrimSuffix(found.Message, ".") + "."
		}
		return "Syntax Error: " + err.Error()
	}
	if len(document.Definitions)+len(document.Extensions)+len(document.Directives)+len(document.Schema)+len(document.SchemaExtension) == 0 {
		return "Syntax Error: Unexpected <EOF>."
	}
	v := &validator{types: map[string]ast.DefinitionKind{}, directives: map[string]*ast.DirectiveDefinition{}, seen: map[string]bool{}}
	v.declare(document)
	v.validate(document)
	return strings.Join(v.problems, "\n\n")
}

// validator implements graphql-js's rules for type systems: names exist, and each only once.
type validator struct {
	types      map[string]ast.DefinitionKind
	directives map[string]*ast.DirectiveDefinition
	seen       map[string]bool
	problems   []string
}

func (v *validator) report(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// once reports a second use of a place.
func (v *validator) once(place, format string, args ...any) {
	if v.seen[place] {
		v.report(format, args...)
	}
	v.seen[place] = true
}

// prelude holds the definitions that every schema has.
const prelude = `scalar String scalar Int scalar Float scalar Boolean scalar ID
type __Schema type __Directive type __Type type __Field type __InputValue type __EnumValue enum __TypeKind { A } enum __DirectiveLocation { A }
directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @deprecated(reason: String) on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @specifiedBy(url: String!) on SCALAR`

func (v *validator) declare(document *ast.SchemaDocument) {
	builtin, err := parser.ParseSchema(&ast.Source{Input: prelude})
	if err != nil {
		panic("metlotest: " + err.Error())
	}
	for _, d := range slices.Concat(builtin.Definitions, document.Definitions) {
		if _, known := v.types[d.Name]; !known {
			v.types[d.Name] = d.Kind
		}
	}
	for _, d := range slices.Concat(builtin.Directives, document.Directives) {
		v.directives[d.Name] = d
	}
}

func (v *validator) validate(document *ast.SchemaDocument) {
	if len(document.Schema) > 1 {
		v.report("Must provide only one schema definition.")
	}
	for _, s := range slices.Concat(document.Schema, document.SchemaExtension) {
		v.applied(s.Directives, ast.LocationSchema)
		for _, operation := range s.OperationTypes {
			v.once("schema "+string(operation.Operation), "There can be only one %s type in schema.", operation.Operation)
			v.typeName(operation.Type)
		}
	}
	for _, d := range document.Directives {
		v.once("@"+d.Name, "There can be only one directive named %q.", "@"+d.Name)
		v.arguments("@"+d.Name, d.Arguments)
	}
	for _, d := range document.Definitions {
		v.once(d.Name, "There can be only one type named %q.", d.Name)
		v.definition(d)
	}
	for _, d := range document.Extensions {
		switch kind, known := v.types[d.Name]; {
		case !known:
			v.report("Cannot extend type %q because it is not defined.", d.Name)
		case kind != d.Kind:
			v.report("Cannot extend non-%s type %q.", strings.ToLower(strings.ReplaceAll(string(d.Kind), "_", " ")), d.Name)
		}
		v.definition(d)
	}
}

func (v *validator) definition(d *ast.Definition) {
	v.applied(d.Directives, ast.DirectiveLocation(d.Kind))
	for _, name := range slices.Concat(d.Interfaces, d.Types) {
		v.typeName(name)
	}
	for _, value := range d.EnumValues {
		v.once(d.Name+"."+value.Name, "Enum value %q can only be defined once.", d.Name+"."+value.Name)
		v.applied(value.Directives, ast.LocationEnumValue)
	}
	location := ast.LocationFieldDefinition
	if d.Kind == ast.InputObject {
		location = ast.LocationInputFieldDefinition
	}
	for _, f := range d.Fields {
		place := d.Name + "." + f.Name
		v.once(place, "Field %q can only be defined once.", place)
		v.arguments(place, f.Arguments)
		v.typeName(f.Type.Name())
		v.applied(f.Directives, location)
	}
}

func (v *validator) arguments(owner string, arguments ast.ArgumentDefinitionList) {
	for _, a := range arguments {
		place := owner + "(" + a.Name + ":)"
		v.once(place, "Argument %q can only be defined once.", place)
		v.typeName(a.Type.Name())
		v.applied(a.Directives, ast.LocationArgumentDefinition)
	}
}

func (v *validator) typeName(name string) {
	if _, known := v.types[name]; !known {
		v.report("Unknown type %q.", name)
	}
}

func (v *validator) applied(list ast.DirectiveList, location ast.DirectiveLocation) {
	for i, d := range list {
		known := v.directives[d.Name]
		switch {
		case known == nil:
			v.report("Unknown directive %q.", "@"+d.Name)
			continue
		case !slices.Contains(known.Locations, location):
			v.report("Directive %q may not be used on %s.", "@"+d.Name, location)
		case !known.IsRepeatable && slices.ContainsFunc(list[:i], func(other *ast.Directive) bool { return other.Name == d.Name }):
			v.report("The directive %q can only be used once at this location.", "@"+d.Name)
		}
		for _, a := range d.Arguments {
			if known.Arguments.ForName(a.Name) == nil {
				v.report("Unknown argument %q on directive %q.", a.Name, "@"+d.Name)
			}
		}
		for _, a := range known.Arguments {
			if a.Type.NonNull && a.DefaultValue == nil && d.Arguments.ForName(a.Name) == nil {
				v.report("Directive %q argument %q of type %q is required, but it was not provided.", "@"+d.Name, a.Name, a.Type)
			}
		}
	}
}
