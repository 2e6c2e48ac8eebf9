package openapi

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// converter turns a Swagger 2 document into an OpenAPI 3 one by the rules of swagger2openapi, without
// its option to patch: a document that is not quite valid is an error.
type converter struct {
	root       *js.Object
	components *js.Object
	schemas    map[string]string // names of definitions, as they are now
	bodies     []*sharedBody
}

// sharedBody is a request body with the operations that have it.
type sharedBody struct {
	name, text string
	operations []*js.Object
}

func convertSwagger(swagger *js.Object) (*js.Object, error) {
	if version := js.String(swagger.Get("swagger")); version != "2.0" && version != "2" {
		return nil, errors.New("Unsupported swagger/OpenAPI version: " + version)
	}
	if at := sharedPlace(swagger, "#/", map[*js.Object]bool{}); at != "" {
		return nil, errors.New("YAML anchor or merge key at " + at)
	}
	c := &converter{root: js.New("openapi", "3.0.0"), schemas: map[string]string{}}
	for key, v := range swagger.All() {
		if key != "swagger" {
			c.root.Set(key, withoutNulls(js.Clone(v), key))
		}
	}
	c.servers(swagger)
	if err := c.info(); err != nil {
		return nil, err
	}
	c.moveComponents()
	steps := []func() error{c.securitySchemes, c.definitions, c.references, c.sharedParameters, c.sharedResponses, c.paths}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.finish()
	return c.root, nil
}

// sharedPlace finds a mapping that an alias repeats.
func sharedPlace(v any, place string, seen map[*js.Object]bool) string {
	switch v := v.(type) {
	case *js.Object:
		if seen[v] {
			return strings.TrimSuffix(place, "/")
		}
		seen[v] = true
		for key, member := range v.All() {
			if at := sharedPlace(member, place+key+"/", seen); at != "" {
				return at
			}
		}
	case []any:
		for _, e := range v {
			if at := sharedPlace(e, place, seen); at != "" {
				return at
			}
		}
	}
	return ""
}

// withoutNulls drops null properties, which cause grief, but for defaults, examples and extensions.
func withoutNulls(v any, key string) any {
	if strings.HasPrefix(key, "example") {
		return v
	}
	switch v := v.(type) {
	case *js.Object:
		for name, member := range v.All() {
			if member == nil && !strings.HasPrefix(name, "x-") && name != "default" {
				v.Delete(name)
				continue
			}
			v.Set(name, withoutNulls(member, name))
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i], "")
		}
	}
	return v
}

func (c *converter) servers(swagger *js.Object) {
	var servers []any
	base := swagger.Text("basePath")
	switch host := swagger.Text("host"); {
	case host != "":
		schemes := []string{""}
		if list, isList := swagger.Get("schemes").([]any); isList {
			schemes = nil
			for _, s := range list {
				schemes = append(schemes, js.String(s))
			}
		}
		for _, scheme := range schemes {
			if scheme != "" {
				scheme += ":"
			}
			servers = append(servers, newServer(scheme+"//"+host+strings.TrimSuffix(base, "/")))
		}
	case base != "":
		servers = []any{newServer(base)}
	}
	if servers != nil {
		c.root.Set("servers", servers)
	}
	c.root.Delete("host")
	c.root.Delete("basePath")
	if own, isList := c.root.Get("x-servers").([]any); isList {
		c.root.Set("servers", own)
		c.root.Delete("x-servers")
	}
}

// newServer gives each variable of an address a default.
func newServer(address string) *js.Object {
	address = strings.NewReplacer("{{", "{", "}}", "}").Replace(address)
	s := js.New("url", address)
	for _, found := range regexp.MustCompile(`\{(.+?)\}`).FindAllStringSubmatch(address, -1) {
		if s.Object("variables") == nil {
			s.Set("variables", js.New())
		}
		s.Object("variables").Set(found[1], js.New("default", "unknown"))
	}
	return s
}

func patchable(message string) error { return errors.New("(Patchable) " + message) }

func (c *converter) info() error {
	info, isObject := c.root.Get("info").(*js.Object)
	absent := func(name string) bool { v := info.Get(name); return v == nil || js.IsUndefined(v) }
	switch {
	case js.IsUndefined(c.root.Get("info")):
		return patchable("info object is mandatory")
	case !isObject:
		return errors.New("info must be an object")
	case absent("title"):
		return patchable("info.title cannot be null")
	case absent("version"):
		return patchable("info.version cannot be null")
	case js.TypeName(info.Get("version")) != "string":
		return patchable("info.version must be a string")
	case info.Has("logo"):
		return patchable("info should not have logo property")
	case js.IsUndefined(c.root.Get("paths")):
		return patchable("paths object is mandatory")
	}
	if info.Has("termsOfService") {
		if _, ok := js.ParseURL(js.String(info.Get("termsOfService"))); !ok {
			return patchable("info.termsOfService must be a URL")
		}
	}
	return nil
}

func (c *converter) moveComponents() {
	for _, name := range []string{"consumes", "produces"} {
		if one, isText := c.root.Get(name).(string); isText {
			c.root.Set(name, []any{one})
		}
	}
	c.components = js.New()
	c.root.Set("components", c.components)
	part := func(name, from string) {
		o := c.root.Object(from)
		if o == nil {
			o = js.New()
		}
		c.components.Set(name, o)
		c.root.Delete(from)
	}
	part("parameters", "parameters")
	part("responses", "responses")
	c.components.Set("requestBodies", js.New())
	part("securitySchemes", "securityDefinitions")
	part("schemas", "definitions")
}

var nameCharacters = regexp.MustCompile(`[^A-Za-z0-9_\-.]+`)

// sanitise makes a name one that components may have; only what stands before a slash counts.
func sanitise(name string) string {
	name = strings.Replace(name, "[]", "Array", 1)
	head, tail, found := strings.Cut(name, "/")
	head = nameCharacters.ReplaceAllString(head, "_")
	if found {
		return head + "/" + tail
	}
	return head
}

func sanitiseAll(name string) string { return sanitise(strings.ReplaceAll(name, "/", "_")) }

// rename gives a component another name, which puts it last.
func rename(o *js.Object, from, to string) {
	if from != to {
		v := o.Get(from)
		o.Delete(from)
		o.Set(to, v)
	}
}

func (c *converter) securitySchemes() error {
	schemes := c.components.Object("securitySchemes")
	for name, v := range schemes.All() {
		scheme, _ := v.(*js.Object)
		rename(schemes, name, sanitise(name))
		switch scheme.Text("type") {
		case "basic":
			scheme.Set("type", "http")
			scheme.Set("scheme", "basic")
		case "oauth2":
			if scheme.Has("name") {
				return patchable("oauth2 securitySchemes should not have name property")
			}
			convertFlow(scheme)
		}
	}
	return nil
}

func convertFlow(scheme *js.Object) {
	flow := js.New()
	for _, name := range []string{"authorizationUrl", "tokenUrl"} {
		if address, isText := scheme.Get(name).(string); isText {
			address, _, _ = strings.Cut(address, "?")
			if address = strings.TrimSpace(address); address == "" {
				address = "/"
			}
			flow.Set(name, address)
		}
	}
	scopes := scheme.Object("scopes")
	if scopes == nil {
		scopes = js.New()
	}
	flow.Set("scopes", scopes)
	name := scheme.Text("flow")
	switch name {
	case "application":
		name = "clientCredentials"
	case "accessCode":
		name = "authorizationCode"
	}
	scheme.Set("flows", js.New(name, flow))
	for _, old := range []string{"flow", "authorizationUrl", "tokenUrl", "scopes"} {
		scheme.Delete(old)
	}
}

func (c *converter) definitions() error {
	schemas := c.components.Object("schemas")
	for name := range schemas.All() {
		own := sanitiseAll(name)
		for n := 2; own != name && schemas.Has(own); n++ {
			own = sanitiseAll(name) + js.String(float64(n))
		}
		rename(schemas, name, own)
		c.schemas[name] = own
		if err := fixSchema(schemas.Get(own), nil); err != nil {
			return err
		}
	}
	return nil
}

// references moves each $ref to where its target is now, and drops what stands beside it.
func (c *converter) references() error { return c.fixReferences(c.root) }

func (c *converter) fixReferences(v any) error {
	switch v := v.(type) {
	case *js.Object:
		if ref, isText := v.Get("$ref").(string); isText {
			moved, err := c.moved(ref)
			if err != nil {
				return err
			}
			for name := range v.All() {
				v.Delete(name)
			}
			v.Set("$ref", moved)
			return nil
		}
		for _, member := range v.All() {
			if err := c.fixReferences(member); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := c.fixReferences(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *converter) moved(ref string) (string, error) {
	if rest, ok := strings.CutPrefix(ref, "#/definitions/"); ok {
		name, tail, deeper := strings.Cut(rest, "/")
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		own, known := c.schemas[name]
		if !known {
			return "", errors.New("Could not resolve reference " + ref)
		}
		if deeper {
			own += "/" + tail
		}
		return "#/components/schemas/" + own, nil
	}
	for _, part := range []string{"parameters", "responses"} {
		if rest, ok := strings.CutPrefix(ref, "#/"+part+"/"); ok {
			return "#/components/" + part + "/" + sanitise(rest), nil
		}
	}
	return ref, nil
}

func (c *converter) sharedParameters() error {
	parameters := c.components.Object("parameters")
	for name, v := range parameters.All() {
		rename(parameters, name, sanitise(name))
		p, _ := v.(*js.Object)
		if _, err := c.parameter(p, nil, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *converter) sharedResponses() error {
	responses := c.components.Object("responses")
	for name, v := range responses.All() {
		rename(responses, name, sanitise(name))
		response, _ := v.(*js.Object)
		if err := c.response(response, nil); err != nil {
			return err
		}
	}
	return nil
}

// compareHashes is the order in which JavaScript lists properties whose names are the hashes of bodies: those that can be
// indexes of an array by size, then the negative ones as they came.
func compareHashes(a, b *sharedBody) int {
	x, y := bodyHash(a.text), bodyHash(b.text)
	switch {
	case x < 0 && y < 0:
		return 0
	case x < 0:
		return 1
	case y < 0:
		return -1
	}
	return cmp.Compare(x, y)
}

// bodyHash is the hash of the original's cache of request bodies.
func bodyHash(text string) int32 {
	const factor = 31
	var hash int32
	for _, unit := range utf16.Encode([]rune(text)) {
		hash = hash*factor + int32(unit)
	}
	return hash
}

// finish shares request bodies that are alike, and drops what is empty or of the old version.
func (c *converter) finish() {
	parameters := c.components.Object("parameters")
	for name, v := range parameters.All() {
		if p, _ := v.(*js.Object); p.Has(moved) {
			parameters.Delete(name)
		}
	}
	for _, name := range []string{"consumes", "produces", "schemes"} {
		c.root.Delete(name)
	}
	shared := c.components.Object("requestBodies")
	slices.SortStableFunc(c.bodies, compareHashes)
	for _, body := range c.bodies {
		if len(body.operations) < 2 {
			continue
		}
		name := body.name
		for n := 2; shared.Has(name); n++ {
			name = body.name + js.String(float64(n))
		}
		shared.Set(name, js.Clone(body.operations[0].Get("requestBody")))
		for _, op := range body.operations {
			op.Set("requestBody", js.New("$ref", "#/components/requestBodies/"+name))
		}
	}
	for name, v := range c.components.All() {
		if o, _ := v.(*js.Object); o.Len() == 0 {
			c.components.Delete(name)
		}
	}
	if c.components.Len() == 0 {
		c.root.Delete("components")
	}
}

// fixSchema makes a JSON schema of Swagger 2 one of OpenAPI 3.
func fixSchema(v any, parent *js.Object) error {
	s, isObject := v.(*js.Object)
	if !isObject || s.Has("$ref") {
		return nil
	}
	if err := fixOneSchema(s, parent); err != nil {
		return err
	}
	for _, name := range []string{"items", "additionalProperties", "not", "additionalItems"} {
		if err := fixSchema(s.Get(name), s); err != nil {
			return err
		}
	}
	for _, name := range []string{"anyOf", "allOf", "oneOf"} {
		for _, e := range s.List(name) {
			if err := fixSchema(e, s); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"properties", "patternProperties"} {
		for _, property := range s.Object(name).All() {
			if err := fixSchema(property, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func fixOneSchema(s, _ *js.Object) error {
	for from, to := range map[string]string{"x-anyOf": "anyOf", "x-oneOf": "oneOf", "x-not": "not"} {
		if s.Has(from) {
			s.Set(to, s.Get(from))
			s.Delete(from)
		}
	}
	if nullable, isBool := s.Get("x-nullable").(bool); isBool {
		s.Set("nullable", nullable)
		s.Delete("x-nullable")
	}
	if name, isText := s.Get("discriminator").(string); isText {
		s.Set("discriminator", js.New("propertyName", name))
	}
	if list, isList := s.Get("items").([]any); isList {
		switch len(list) {
		case 0:
			s.Set("items", js.New())
		case 1:
			s.Set("items", list[0])
		default:
			s.Set("items", js.New("anyOf", list))
		}
	}
	if _, isList := s.Get("type").([]any); isList {
		return patchable("schema type must not be an array")
	}
	switch s.Text("type") {
	case "null":
		s.Delete("type")
		s.Set("nullable", true)
	case "array":
		if !s.Has("items") {
			s.Set("items", js.New())
		}
	case "file":
		s.Set("type", "string")
		s.Set("format", "binary")
	}
	if _, isBool := s.Get("required").(bool); isBool {
		s.Delete("required")
	}
	s.Delete("allowEmptyValue")
	return nil
}

// typeProperties move from a parameter into its schema.
func typeProperties() []string {
	return []string{
		"format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "multipleOf", "minItems",
		"maxItems", "uniqueItems", "minProperties", "maxProperties", "additionalProperties", "pattern", "enum", "default",
	}
}

func texts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		if s := js.String(e); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
