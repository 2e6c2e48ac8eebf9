package drift

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// verdict is the result of looking up a field in a schema.
type verdict int

const (
	silent    verdict = iota // the schema does not restrict fields
	forbidden                // the schema names fields, but not this one
	free                     // the schema is an object without named fields
	open                     // the schema allows any additional fields
	named                    // the schema describes the field
)

const (
	anyElement = "[]"       // any element of a list, in the path of a field
	anyName    = "[string]" // any name in an object whose names are values
)

// lookup searches for one field in a schema.
type lookup struct {
	document *Document
	response bool
	isForm   bool // names may have brackets

	verdicts map[visit]verdict // verdicts of visited schemas; silent during the visit
	known    map[*openapi3.Schema]allowed
	deepest  int // number of path elements that led to place
	place    place
	types    []string // allowed types of the field, set after it is found
	anyType  bool
}

type visit struct {
	schema *openapi3.Schema
	left   int
}

// find looks up a path, and sets l.place to the place of the schema that decided.
func (l *lookup) find(schema *openapi3.SchemaRef, path []string) verdict {
	l.verdicts, l.known = map[visit]verdict{}, map[*openapi3.Schema]allowed{}
	l.deepest, l.place, l.types, l.anyType = -1, place{}, nil, false
	found := l.in(schema, path, len(path))
	if found == silent {
		found = free
	}
	return found
}

func (l *lookup) in(ref *openapi3.SchemaRef, path []string, all int) verdict {
	if ref == nil || ref.Value == nil {
		l.anyType = true
		return silent
	}
	s := ref.Value
	if s.Always != nil {
		if *s.Always {
			l.anyType = true
			return open
		}
		return forbidden
	}
	key := visit{s, len(path)}
	if found, visited := l.verdicts[key]; visited {
		return found
	}
	l.verdicts[key] = silent
	found := l.of(s, path, all)
	l.verdicts[key] = found
	return found
}

// of returns the verdict of a schema at its first visit.
func (l *lookup) of(s *openapi3.Schema, path []string, all int) verdict {
	if done := all - len(path); done > l.deepest {
		if at := placeOf(s.Origin); at.line > 0 {
			l.deepest, l.place = done, at
		}
	}
	if len(path) == 0 {
		l.addTypes(s)
		return named
	}
	found := l.own(s, path, all)
	for _, part := range s.AllOf {
		found = both(found, l.in(part, path, all))
	}
	return both(found, l.alternatives(s, path, all))
}

// both returns the verdict of two schemas that apply together.
func both(x, y verdict) verdict {
	if x == free && y == forbidden || x == forbidden && y == free {
		return forbidden
	}
	return max(x, y)
}

// alternatives returns the verdict of schemas of which one applies.
func (l *lookup) alternatives(s *openapi3.Schema, path []string, all int) verdict {
	found := silent
	for _, list := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf, {s.Then, s.Else}, l.document.subtypesOf(s)} {
		for _, option := range list {
			if option != nil {
				found = max(found, l.in(option, path, all))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		found = max(found, l.in(s.DependentSchemas[name], path, all))
	}
	return found
}

// subtypesOf returns the schemas that the discriminator of a schema selects from: those in its mapping, and those that
// extend the schema.
func (d *Document) subtypesOf(s *openapi3.Schema) openapi3.SchemaRefs {
	if s.Discriminator == nil {
		return nil
	}
	list := slices.Clone(d.subtypes[s])
	for _, value := range slices.Sorted(maps.Keys(s.Discriminator.Mapping)) {
		mapped := s.Discriminator.Mapping[value]
		name := mapped.Ref[strings.LastIndexByte(mapped.Ref, '/')+1:]
		if ref := (openapi3.SchemaRef)(mapped); ref.Value != nil {
			list = append(list, &ref)
		} else if d.doc.Components != nil && d.doc.Components.Schemas[name] != nil {
			list = append(list, d.doc.Components.Schemas[name])
		}
	}
	return list
}

// own returns the verdict of the schema's own properties, without its allOf, oneOf and anyOf.
func (l *lookup) own(s *openapi3.Schema, path []string, all int) verdict {
	if path[0] == anyElement {
		return l.element(s, path, all)
	}
	found := silent
	describes := len(s.Properties) > 0
	if path[0] == anyName {
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if strings.ContainsFunc(name, unicode.IsDigit) { // the instance may have taken it for a value
				found = max(found, l.property(s.Properties[name], path[1:], all))
			}
		}
		for _, pattern := range slices.Sorted(maps.Keys(s.PatternProperties)) {
			describes = true
			found = max(found, l.property(s.PatternProperties[pattern], path[1:], all))
		}
	} else {
		// A name may contain dots.
		for n := 1; n <= len(path) && (n == 1 || path[n-1] != anyElement && path[n-1] != anyName); n++ {
			name := strings.Join(path[:n], ".")
			found = max(found, l.named(s, name, path[n:], all))
		}
		describes = describes || len(s.PatternProperties) > 0
	}
	if found >= open {
		return found
	}
	return max(found, l.additional(s, path[1:], all, describes))
}

// named returns the verdict of the properties with a name, and of those whose pattern matches it.
func (l *lookup) named(s *openapi3.Schema, name string, rest []string, all int) verdict {
	found := silent
	property := s.Properties[name]
	if outer, _, nested := strings.Cut(name, "["); property == nil && l.isForm {
		property = cmp.Or(s.Properties[outer], s.Properties[outer+"[]"])
		if nested {
			rest = nil
		}
	}
	if property != nil {
		found = l.property(property, rest, all)
	}
	for _, pattern := range slices.Sorted(maps.Keys(s.PatternProperties)) {
		if form, err := regexp.Compile(pattern); err != nil || form.MatchString(name) {
			found = max(found, l.property(s.PatternProperties[pattern], rest, all))
		}
	}
	return found
}

// property returns the verdict of the schema of a property. It returns free if the schema leaves the rest open.
func (l *lookup) property(property *openapi3.SchemaRef, rest []string, all int) verdict {
	if l.response && property != nil && property.Value != nil && property.Value.WriteOnly {
		if at := placeOf(property.Value.Origin); at.line > 0 {
			l.deepest, l.place = all, at
		}
		return forbidden
	}
	found := l.in(property, rest, all)
	if found == silent {
		return free
	}
	return found
}

// additional returns the verdict on a name that the schema does not describe.
func (l *lookup) additional(s *openapi3.Schema, rest []string, all int, describes bool) verdict {
	for _, further := range []openapi3.BoolSchema{s.AdditionalProperties, s.UnevaluatedProperties} {
		switch {
		case further.Schema != nil:
			found := l.in(further.Schema, rest, all)
			if found == silent || found == named && isEmpty(further.Schema) {
				return open
			}
			return found
		case further.Has != nil && *further.Has:
			return open
		case further.Has != nil:
			return forbidden
		}
	}
	switch {
	case describes:
		return forbidden
	case s.Type == nil:
		if s.Items != nil || len(s.Enum) > 0 || s.Const != nil {
			return forbidden
		}
		return silent
	case s.Type.Includes(openapi3.TypeObject):
		return free
	}
	return forbidden
}

// isEmpty reports whether a schema does not restrict a value.
func isEmpty(ref *openapi3.SchemaRef) bool {
	s := ref.Value
	return s == nil || s.Always != nil || s.Type == nil && len(s.Properties)+len(s.AllOf)+len(s.AnyOf)+len(s.OneOf)+len(s.Enum) == 0 && s.Items == nil
}

// element returns the verdict on the elements of a list.
func (l *lookup) element(s *openapi3.Schema, path []string, all int) verdict {
	found := silent
	for _, list := range []openapi3.SchemaRefs{{s.Items, s.Contains, s.UnevaluatedItems.Schema}, s.PrefixItems} {
		for _, item := range list {
			if item != nil {
				found = max(found, l.property(item, path[1:], all))
			}
		}
	}
	switch {
	case found != silent:
		return found
	case s.Type == nil && len(s.Properties) == 0:
		return silent
	case s.Type.Includes(openapi3.TypeArray):
		return free
	}
	return forbidden
}

// addTypes adds the types that a value of a schema may have.
func (l *lookup) addTypes(s *openapi3.Schema) {
	types, restricts := l.typesOf(s)
	l.types, l.anyType = union(l.types, types), l.anyType || !restricts
}

// union returns the types of both lists, each once.
func union(x, y []string) []string {
	all := slices.Clone(x)
	for _, t := range y {
		if !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return all
}

// allowed are the types that a schema allows. The zero value stands for any.
type allowed struct {
	types     []string
	restricts bool
}

// typesOf returns the types that a schema allows, and whether it restricts them.
func (l *lookup) typesOf(s *openapi3.Schema) (types []string, restricts bool) {
	if found, visited := l.known[s]; visited {
		return found.types, found.restricts
	}
	l.known[s] = allowed{}
	types, restricts = l.restricted(s)
	l.known[s] = allowed{types, restricts}
	return types, restricts
}

// restricted returns the types of a schema that is visited for the first time.
func (l *lookup) restricted(s *openapi3.Schema) (types []string, known bool) {
	if s.Type != nil && len(*s.Type) > 0 {
		return *s.Type, true
	}
	for _, part := range s.AllOf {
		if part != nil && part.Value != nil {
			if types, known := l.typesOf(part.Value); known {
				return types, true
			}
		}
	}
	for _, list := range []openapi3.SchemaRefs{s.OneOf, s.AnyOf} {
		for i, option := range list {
			if option == nil || option.Value == nil {
				return nil, false
			}
			more, restricts := l.typesOf(option.Value)
			if !restricts {
				return nil, false
			}
			types, known = union(types, more), i == len(list)-1
		}
		if known {
			return types, true
		}
	}
	switch {
	case len(s.Properties) > 0:
		return []string{openapi3.TypeObject}, true
	case s.Items != nil:
		return []string{openapi3.TypeArray}, true
	}
	return nil, false
}

// allows reports whether the observed field may have a type.
func (l *lookup) allows(kind string) bool {
	return l.anyType || len(l.types) == 0 || slices.Contains(l.types, kind) ||
		kind == openapi3.TypeInteger && slices.Contains(l.types, openapi3.TypeNumber)
}

// typeNames returns the documented types in words.
func (l *lookup) typeNames() string {
	var names []string
	for _, t := range l.types {
		if t != openapi3.TypeNull && !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	return strings.Join(names, " or ")
}

// contentOf returns the description of a content type, and reports whether there is one. The description is that of the
// type itself or of a range that contains it. For an unknown type it returns all descriptions.
func contentOf(content openapi3.Content, contentType string) ([]*openapi3.MediaType, bool) {
	wanted := mediaType(contentType)
	var all, exact, ranges []*openapi3.MediaType
	for _, name := range slices.Sorted(maps.Keys(content)) {
		media := content[name]
		all = append(all, media)
		switch name = mediaType(name); {
		case name == wanted:
			exact = append(exact, media)
		case name == anyMedia, strings.HasSuffix(name, "/*") && strings.HasPrefix(wanted, name[:len(name)-1]):
			ranges = append(ranges, media)
		}
	}
	switch {
	case wanted == anyMedia:
		return all, true
	case len(exact) > 0:
		return exact, true
	}
	return ranges, len(ranges) > 0
}

// anyMedia represents an unknown content type.
const anyMedia = "*/*"

// mediaType returns a content type in lower case without its parameters.
func mediaType(text string) string {
	text, _, _ = strings.Cut(text, ";")
	return cmp.Or(strings.ToLower(strings.TrimSpace(text)), anyMedia)
}

// responseOf returns the response of a status: the response of the status itself, of its hundred, or the default.
func responseOf(op *openapi3.Operation, status int) *openapi3.Response {
	if op.Responses == nil {
		return nil
	}
	responses := op.Responses.Map()
	for _, key := range []string{fmt.Sprint(status), fmt.Sprintf("%dXX", status/100), fmt.Sprintf("%dxx", status/100), "default"} {
		if ref := responses[key]; ref != nil && ref.Value != nil {
			return ref.Value
		}
	}
	return nil
}
