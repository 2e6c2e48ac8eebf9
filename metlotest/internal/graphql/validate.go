package graphql

import (
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// validator applies the rules for type systems, definition by definition, in the order of the text.
type validator struct {
	document   *ast.SchemaDocument
	problems   []string
	types      map[string]*ast.Definition
	directives map[string]*ast.DirectiveDefinition
	typeNames  []string
	seenTypes  map[string]bool
	seenFields map[string]bool
}

func newValidator(document *ast.SchemaDocument) *validator {
	v := &validator{
		document: document, types: map[string]*ast.Definition{}, directives: builtinDirectives(),
		seenTypes: map[string]bool{}, seenFields: map[string]bool{},
	}
	for _, d := range document.Definitions {
		if v.types[d.Name] == nil {
			v.types[d.Name] = d
			v.typeNames = append(v.typeNames, d.Name)
		}
	}
	return v
}

func builtinDirectives() map[string]*ast.DirectiveDefinition {
	argument := func(name string, t *ast.Type) *ast.ArgumentDefinition {
		return &ast.ArgumentDefinition{Name: name, Type: t}
	}
	fields := []ast.DirectiveLocation{ast.LocationField, ast.LocationFragmentSpread, ast.LocationInlineFragment}
	boolean := ast.NonNullNamedType("Boolean", nil)
	return map[string]*ast.DirectiveDefinition{
		"skip":    {Name: "skip", Arguments: ast.ArgumentDefinitionList{argument("if", boolean)}, Locations: fields},
		"include": {Name: "include", Arguments: ast.ArgumentDefinitionList{argument("if", boolean)}, Locations: fields},
		"deprecated": {
			Name: "deprecated", Arguments: ast.ArgumentDefinitionList{argument("reason", ast.NamedType("String", nil))},
			Locations: []ast.DirectiveLocation{
				ast.LocationFieldDefinition, ast.LocationArgumentDefinition, ast.LocationInputFieldDefinition, ast.LocationEnumValue,
			},
		},
		"specifiedBy": {
			Name: "specifiedBy", Arguments: ast.ArgumentDefinitionList{argument("url", ast.NonNullNamedType("String", nil))},
			Locations: []ast.DirectiveLocation{ast.LocationScalar},
		},
	}
}

func (v *validator) report(parts ...string) { v.problems = append(v.problems, strings.Join(parts, "")) }

// validate visits the definitions in the order of the text.
func (v *validator) validate() {
	type visit struct {
		at  int
		run func()
	}
	var visits []visit
	own := map[string]bool{}
	for _, d := range v.document.Directives {
		visits = append(visits, visit{d.Position.Start, func() { v.directive(d, own) }})
	}
	for _, d := range v.document.Directives {
		v.directives[d.Name] = d
	}
	for i, s := range v.document.Schema {
		visits = append(visits, visit{s.Position.Start, func() {
			if i > 0 {
				v.report("Must provide only one schema definition.")
			}
			v.schema(s)
		}})
	}
	for _, s := range v.document.SchemaExtension {
		visits = append(visits, visit{s.Position.Start, func() { v.schema(s) }})
	}
	for _, d := range v.document.Definitions {
		visits = append(visits, visit{d.Position.Start, func() { v.definition(d, false) }})
	}
	for _, d := range v.document.Extensions {
		visits = append(visits, visit{d.Position.Start, func() { v.definition(d, true) }})
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return a.at - b.at })
	for _, one := range visits {
		one.run()
	}
}

func (v *validator) schema(s *ast.SchemaDefinition) {
	v.applied(s.Directives, ast.LocationSchema)
	for _, operation := range s.OperationTypes {
		if v.again("schema: " + string(operation.Operation)) {
			v.report("There can be only one ", string(operation.Operation), " type in schema.")
		}
		v.typeName(operation.Type)
	}
}

func (v *validator) directive(d *ast.DirectiveDefinition, own map[string]bool) {
	if own[d.Name] {
		v.report(`There can be only one directive named "@`, d.Name, `".`)
	}
	own[d.Name] = true
	v.uniqueArguments("@"+d.Name, d.Arguments)
	v.arguments(d.Arguments)
}

func (v *validator) definition(d *ast.Definition, extends bool) {
	if !extends {
		if v.seenTypes[d.Name] {
			v.report(`There can be only one type named "`, d.Name, `".`)
		}
		v.seenTypes[d.Name] = true
	}
	for _, value := range d.EnumValues {
		if v.again(d.Name + "." + value.Name) {
			v.report(`Enum value "`, d.Name, ".", value.Name, `" can only be defined once.`)
		}
	}
	for _, f := range d.Fields {
		if v.again(d.Name + "." + f.Name) {
			v.report(`Field "`, d.Name, ".", f.Name, `" can only be defined once.`)
		}
	}
	for _, f := range d.Fields {
		v.uniqueArguments(d.Name+"."+f.Name, f.Arguments)
	}
	if extends {
		v.extension(d)
	}
	for _, name := range d.Interfaces {
		v.typeName(name)
	}
	v.applied(d.Directives, ast.DirectiveLocation(d.Kind))
	for _, name := range d.Types {
		v.typeName(name)
	}
	for _, value := range d.EnumValues {
		v.applied(value.Directives, ast.LocationEnumValue)
	}
	location := ast.LocationFieldDefinition
	if d.Kind == ast.InputObject {
		location = ast.LocationInputFieldDefinition
	}
	for _, f := range d.Fields {
		v.arguments(f.Arguments)
		v.typeName(f.Type.Name())
		v.applied(f.Directives, location)
	}
}

func (v *validator) again(place string) bool {
	seen := v.seenFields[place]
	v.seenFields[place] = true
	return seen
}

// extension wants a type of the same kind.
func (v *validator) extension(d *ast.Definition) {
	target := v.types[d.Name]
	if target == nil {
		if slices.Contains(builtinScalars(), d.Name) && d.Kind == ast.Scalar {
			return
		}
		v.report(`Cannot extend type "`, d.Name, `" because it is not defined.`, didYouMean(d.Name, v.typeNames))
		return
	}
	if target.Kind != d.Kind {
		kinds := map[ast.DefinitionKind]string{
			ast.Scalar: "scalar", ast.Object: "object", ast.Interface: "interface", ast.Union: "union", ast.Enum: "enum",
			ast.InputObject: "input object",
		}
		v.report("Cannot extend non-", kinds[d.Kind], ` type "`, d.Name, `".`)
	}
}

func (v *validator) uniqueArguments(owner string, arguments ast.ArgumentDefinitionList) {
	seen := map[string]bool{}
	for _, a := range arguments {
		if seen[a.Name] {
			v.report(`Argument "`, owner, "(", a.Name, `:)" can only be defined once.`)
		}
		seen[a.Name] = true
	}
}

func (v *validator) arguments(arguments ast.ArgumentDefinitionList) {
	for _, a := range arguments {
		v.typeName(a.Type.Name())
		v.applied(a.Directives, ast.LocationArgumentDefinition)
	}
}

func (v *validator) typeName(name string) {
	if v.types[name] != nil || slices.Contains(standardTypes(), name) {
		return
	}
	v.report(`Unknown type "`, name, `".`, didYouMean(name, append(standardTypes(), v.typeNames...)))
}

// applied checks the directives at a place.
func (v *validator) applied(list ast.DirectiveList, location ast.DirectiveLocation) {
	seen := map[string]bool{}
	for _, d := range list {
		known := v.directives[d.Name]
		if known != nil && seen[d.Name] && !known.IsRepeatable {
			v.report(`The directive "@`, d.Name, `" can only be used once at this location.`)
		}
		seen[d.Name] = true
	}
	for _, d := range list {
		known := v.directives[d.Name]
		if known == nil {
			v.report(`Unknown directive "@`, d.Name, `".`)
			continue
		}
		if !slices.Contains(known.Locations, location) {
			v.report(`Directive "@`, d.Name, `" may not be used on `, string(location), ".")
		}
		v.given(d, known)
	}
}

func (v *validator) given(d *ast.Directive, known *ast.DirectiveDefinition) {
	var names []string
	for _, a := range known.Arguments {
		names = append(names, a.Name)
	}
	seen := map[string]bool{}
	for _, a := range d.Arguments {
		if !slices.Contains(names, a.Name) {
			v.report(`Unknown argument "`, a.Name, `" on directive "@`, d.Name, `".`, didYouMean(a.Name, names))
		}
		if seen[a.Name] {
			v.report(`There can be only one argument named "`, a.Name, `".`)
		}
		seen[a.Name] = true
	}
	for _, a := range known.Arguments {
		if a.Type.NonNull && a.DefaultValue == nil && !seen[a.Name] {
			v.report(`Directive "@`, d.Name, `" argument "`, a.Name, `" of type "`, a.Type.String(), `" is required, but it was not provided.`)
		}
	}
}
