package apitest

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"strings"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/ordered"
)

// entityValues maps entities, such as "Order.id", to known values.
type entityValues map[string]any

// sample returns the request that the endpoint's data fields describe, without authentication.
func (in *TemplateInput) sample(prefix string, entities entityValues) *StepBuilder {
	e := in.Endpoint
	s := in.NewStep(Request{Method: e.Method})
	pre := underscored(prefix)
	s.step.Request.URL = "{{BASE_URL}}" + s.samplePath(pre, entities)
	s.AddEnv(KeyValue{Name: "BASE_URL", Value: `{{default BASE_URL "` + in.baseURL() + `"}}`})
	if e.IsGraphQL {
		s.sampleGraphQL(entities)
		if e.Method == metlo.MethodGet {
			return s
		}
	}
	s.sampleQuery(pre, entities)
	if !e.IsGraphQL {
		s.sampleBody(pre, entities)
	}
	return s
}

func underscored(prefix string) string {
	if prefix == "" {
		return ""
	}
	return oddCharacter.ReplaceAllString(prefix, "_") + "_"
}

var pathParameter = regexp.MustCompile(`\{([^{}]+)\}`)

// samplePath replaces the parameters of the path by known values or by variables to fill in.
func (s *StepBuilder) samplePath(pre string, entities entityValues) string {
	e := s.in.Endpoint
	path := e.Path
	if e.IsGraphQL { // /graphql.query.user is the operation query.user of /graphql
		dir, last := path[:strings.LastIndexByte(path, '/')+1], path[strings.LastIndexByte(path, '/')+1:]
		last, _, _ = strings.Cut(last, ".")
		path = dir + last
	}
	values := map[string]string{}
	for _, f := range e.DataFields {
		if f.DataSection != metlo.SectionRequestPath {
			continue
		}
		if v := entities.of(f); v != nil {
			values[f.DataPath] = url.PathEscape(jsvalue.String(v))
			continue
		}
		values[f.DataPath] = s.toFillIn(pre, f.DataPath)
	}
	var out strings.Builder
	end := 0
	for _, m := range pathParameter.FindAllStringSubmatchIndex(path, -1) {
		out.WriteString(escapeBraces(path[end:m[0]]))
		name := path[m[2]:m[3]]
		if _, ok := values[name]; !ok {
			values[name] = s.toFillIn(pre, name)
		}
		out.WriteString(values[name])
		end = m[1]
	}
	return out.String() + escapeBraces(path[end:])
}

// escapeBraces escapes braces, which would otherwise be read as a template.
func escapeBraces(s string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D").Replace(s)
}

// toFillIn adds a variable to fill in and returns the expression for it.
func (s *StepBuilder) toFillIn(pre, name string) string {
	variable := pre + oddCharacter.ReplaceAllString(name, "_")
	s.AddEnv(KeyValue{Name: variable, Value: "<<" + variable + ">>"})
	return "{{" + variable + "}}"
}

// oddCharacter matches a character that a variable name must not contain.
var oddCharacter = regexp.MustCompile(`[^A-Za-z0-9_-]`)

func (v entityValues) of(f metlo.TestDataField) any {
	if f.Entity == "" {
		return nil
	}
	return v[f.Entity]
}

func (s *StepBuilder) sampleQuery(pre string, entities entityValues) {
	for _, f := range s.in.Endpoint.DataFields {
		if f.DataSection != metlo.SectionRequestQuery || f.DataPath == "" {
			continue
		}
		pair := KeyValue{Name: handlebars.Literal(f.DataPath)}
		if v := entities.of(f); v != nil {
			pair.Value = handlebars.Literal(jsvalue.String(v))
		} else {
			pair.Value = s.toFillIn(pre, f.DataPath)
		}
		s.step.Request.Query = append(s.step.Request.Query, pair)
	}
}

// sampleBody sets the body to a sample of the fields that have the content type of the last field.
func (s *StepBuilder) sampleBody(pre string, entities entityValues) {
	fields := bodyFields(s.in.Endpoint.DataFields, func(f metlo.TestDataField) bool {
		return f.DataSection == metlo.SectionRequestBody
	})
	if len(fields) == 0 {
		return
	}
	contentType := fields[0].ContentType
	var body any
	var ids []string // pairs of a mark in the body and the variable for it
	for _, f := range fields {
		if s.in.fillIDs && identifiesObject(f) && entities.of(f) == nil {
			mark := "\x00" + f.DataPath + "\x00"
			variable := strings.Trim(s.toFillIn(pre, f.DataPath), "{}")
			ids = append(ids, jsvalue.JSON(mark), "{{json "+variable+"}}", mark, "{{"+variable+"}}")
			entities = maps.Clone(entities)
			f.Entity = mark
			entities[mark] = mark
		}
		body = s.in.withValue(body, strings.Split(f.DataPath, "."), f, entities)
	}
	mark := strings.NewReplacer(ids...).Replace
	r := &s.step.Request
	item, isObject := body.(ordered.Item)
	text, isText := body.(string)
	header := contentType
	switch {
	case strings.Contains(contentType, "form"):
		if !isObject {
			return
		}
		for _, f := range item {
			r.Form = append(r.Form, KeyValue{Name: handlebars.Literal(f.Name), Value: mark(handlebars.Literal(jsvalue.String(f.Value)))})
		}
	case !strings.Contains(contentType, "json") && contentType != "*/*" && isText:
		r.Data = mark(handlebars.Literal(text))
	default:
		header = "application/json"
		r.Data = mark(handlebars.Literal(indentJSON(body)))
	}
	r.Headers = append(r.Headers, KeyValue{Name: "Content-Type", Value: header})
}

// bodyFields returns the wanted fields that have the content type of the last wanted field.
func bodyFields(all []metlo.TestDataField, wanted func(metlo.TestDataField) bool) []metlo.TestDataField {
	last := ""
	for _, f := range all {
		if wanted(f) && f.ContentType != "" {
			last = f.ContentType
		}
	}
	var out []metlo.TestDataField
	for _, f := range all {
		if last != "" && wanted(f) && f.ContentType == last {
			out = append(out, f)
		}
	}
	return out
}

// withValue returns body with a value for f at path.
func (in *TemplateInput) withValue(body any, path []string, f metlo.TestDataField, entities entityValues) any {
	if len(path) == 0 || path[0] == "" {
		switch body.(type) {
		case ordered.Item, []any: // a field inside is already known
			return body
		}
		if v := entities.of(f); v != nil {
			return v
		}
		return in.sampleValue(f.DataType)
	}
	if path[0] == "[]" {
		var first any
		if list, ok := body.([]any); ok && len(list) > 0 {
			first = list[0]
		}
		return []any{in.withValue(first, path[1:], f, entities)}
	}
	name := path[0]
	if name == "[string]" {
		name = "ANY_STRING"
	}
	object, _ := body.(ordered.Item)
	have, _ := object.Get(name)
	return object.Set(name, in.withValue(have, path[1:], f, entities))
}

func (in *TemplateInput) sampleValue(t metlo.DataType) any {
	switch t {
	case "boolean":
		return true
	case "integer", "number":
		return int(in.float()*100) + 1
	case "string":
		return base36(in.float())
	case "object":
		return ordered.Item{}
	case "array":
		return []any{}
	}
	return nil
}

// base36 returns the fraction of f in base 36, with as many digits as JavaScript prints.
func base36(f float64) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	precision := math.Max((math.Nextafter(f, 1)-f)/2, 1e-12)
	var out []byte
	for {
		f *= 36
		precision *= 36
		digit := int(f)
		f -= float64(digit)
		if f > 0.5 && f+precision > 1 && digit < 35 {
			return string(append(out, digits[digit+1]))
		}
		out = append(out, digits[digit])
		if f < precision {
			return string(out)
		}
	}
}

// authHeader returns the header that authenticates a request, and the variable that it uses.
func authHeader(a metlo.TestAuthConfig, pre string) (header KeyValue, variable string, err error) {
	name := a.HeaderKey
	switch a.AuthType {
	case metlo.AuthBasic:
		variable = pre + "BASIC_AUTH_CRED"
		return KeyValue{Name: "Authorization", Value: "Basic {{" + variable + "}}"}, variable, nil
	case metlo.AuthHeader:
		variable = pre + "CREDENTIALS"
	case metlo.AuthJWT:
		variable = pre + "JWT"
	case metlo.AuthSessionCookie:
		name, variable = a.CookieName, pre+"COOKIE"
	default:
		return header, "", fmt.Errorf("%w: the auth type %q is not basic, header, jwt or session_cookie", ErrNoAuthConfig, a.AuthType)
	}
	if name == "" {
		return header, "", fmt.Errorf("%w: the auth type %s names no header or cookie: set headerKey or cookieName", ErrNoAuthConfig, a.AuthType)
	}
	return KeyValue{Name: name, Value: "{{" + variable + "}}"}, variable, nil
}
