package openapi

import (
	"errors"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// moved marks a parameter that became a request body.
const moved = "x-s2o-delete"

const (
	formURLEncoded = "application/x-www-form-urlencoded"
	formMultipart  = "multipart/form-data"
)

func (c *converter) paths() error {
	for address, v := range c.root.Object("paths").All() {
		item, _ := v.(*js.Object)
		for from, to := range map[string]string{"x-trace": "trace", "x-summary": "summary", "x-description": "description", "x-servers": "servers"} {
			if item.Has(from) {
				item.Set(to, item.Get(from))
				item.Delete(from)
			}
		}
		for method := range item.All() {
			if !slices.Contains([]string{"get", "post", "put", "delete", "patch", "head", "options", "trace"}, method) {
				continue
			}
			if op := item.Object(method); op != nil {
				if err := c.operation(item, op, method, address); err != nil {
					return err
				}
			}
		}
		if list, isList := item.Get("parameters").([]any); isList {
			for _, e := range list {
				p, _ := e.(*js.Object)
				if _, err := c.parameter(p, nil, address); err != nil {
					return err
				}
			}
			item.Set("parameters", kept(list))
		}
	}
	return nil
}

// kept leaves out the parameters that became request bodies.
func kept(list []any) []any {
	return slices.DeleteFunc(slices.Clone(list), func(e any) bool {
		p, _ := e.(*js.Object)
		return p.Has(moved)
	})
}

func (c *converter) operation(item, op *js.Object, method, address string) error {
	var err error
	if list, isList := op.Get("parameters").([]any); isList {
		for _, e := range item.List("parameters") {
			p := c.dereferenced(e)
			overridden := slices.ContainsFunc(list, func(own any) bool {
				o, _ := own.(*js.Object)
				return o.Get("name") == p.Get("name") && o.Get("in") == p.Get("in")
			})
			if in := p.Text("in"); !overridden && (in == "formData" || in == "body" || p.Text("type") == "file") {
				if op, err = c.parameter(p, op, address); err != nil {
					return err
				}
			}
		}
		for _, e := range list {
			p, _ := e.(*js.Object)
			if op, err = c.parameter(p, op, method+":"+address); err != nil {
				return err
			}
		}
		op.Set("parameters", kept(list))
		item.Set(method, op)
	}
	if op.Object("responses") == nil {
		op.Set("responses", js.New("default", js.New("description", "Default response")))
	}
	for _, v := range op.Object("responses").All() {
		response, _ := v.(*js.Object)
		if err := c.response(response, op); err != nil {
			return err
		}
	}
	if own, isList := op.Get("x-servers").([]any); isList {
		op.Set("servers", own)
		op.Delete("x-servers")
	} else {
		c.ownSchemes(op)
	}
	for _, name := range []string{"consumes", "produces", "schemes"} {
		op.Delete(name)
	}
	if list, isList := op.Get("parameters").([]any); isList && len(list) == 0 {
		op.Delete("parameters")
	}
	c.noteBody(op, method, address)
	return nil
}

// ownSchemes gives an operation servers for schemes that only it has.
func (c *converter) ownSchemes(op *js.Object) {
	for _, scheme := range texts(op.Get("schemes")) {
		if slices.Contains(texts(c.root.Get("schemes")), scheme) {
			continue
		}
		servers := op.List("servers")
		for _, s := range c.root.List("servers") {
			clone := js.Clone(s).(*js.Object)
			_, rest, _ := strings.Cut(clone.Text("url"), "//")
			clone.Set("url", scheme+"://"+rest)
			servers = append(servers, clone)
		}
		op.Set("servers", append([]any{}, servers...))
	}
}

func (c *converter) dereferenced(e any) *js.Object {
	p, _ := e.(*js.Object)
	if name, ok := strings.CutPrefix(p.Text("$ref"), "#/components/parameters/"); ok {
		return c.components.Object("parameters").Object(name)
	}
	return p
}

// noteBody names a request body and remembers it, so that those that are alike can be shared.
func (c *converter) noteBody(op *js.Object, method, address string) {
	body := op.Object("requestBody")
	if body == nil {
		return
	}
	name := body.Text("x-s2o-name")
	if name == "" {
		name = sanitiseAll(op.Text("operationId"))
	}
	if name == "" {
		name = sanitiseAll(method + address)
	}
	body.Delete("x-s2o-name")
	text := string(js.Encode(body))
	for _, known := range c.bodies {
		if known.text == text {
			known.operations = append(known.operations, op)
			return
		}
	}
	c.bodies = append(c.bodies, &sharedBody{name: sanitise(name), text: text, operations: []*js.Object{op}})
}

// parameter converts one parameter; the operation that comes back has a request body when it became one.
func (c *converter) parameter(p, op *js.Object, place string) (*js.Object, error) { //nolint:gocyclo // one case for each form that the original knows
	if p.Has("$ref") {
		target := c.dereferenced(p)
		if target != nil && !target.Has(moved) {
			return op, nil
		}
		p.Set(moved, true)
		if target == nil {
			return op, errors.New("Could not resolve reference " + p.Text("$ref"))
		}
		p = target
	}
	in := p.Text("in")
	if !p.Has("name") && in == "" {
		return op, nil
	}
	isFile := p.Text("type") == "file"
	if in != "body" && !js.Truthy(p.Get("type")) && !p.Has("schema") {
		return op, patchable("parameter.type is mandatory for non-body parameters")
	}
	if err := convertCollectionFormat(p); err != nil {
		return op, err
	}
	if p.Has("type") && in != "formData" && in != "body" {
		moveType(p)
	}
	if err := fixSchema(p.Get("schema"), nil); err != nil {
		return op, err
	}
	var body *js.Object
	switch {
	case in == "formData":
		body = c.formBody(p, op, isFile)
	case in == "body":
		body = c.plainBody(p, op)
	}
	if body != nil {
		p.Set(moved, true)
		if op == nil {
			return nil, nil
		}
		return attachBody(op, body, in == "body")
	}
	p.Delete("type")
	if in == "path" && p.Get("required") != true { //nolint:revive // the value is any
		return op, patchable("path parameters must be required:true [" + js.String(p.Get("name")) + " in " + place + "]")
	}
	return op, nil
}

func convertCollectionFormat(p *js.Object) error {
	format := p.Text("collectionFormat")
	isArray := p.Text("type") == "array"
	if isArray && format == "" {
		format = "csv"
	}
	if format == "" {
		return nil
	}
	if !isArray {
		return patchable("collectionFormat is only applicable to param.type array")
	}
	in := p.Text("in")
	switch {
	case format == "csv" && (in == "query" || in == "cookie"):
		p.Set("style", "form")
		p.Set("explode", false)
	case format == "csv" && (in == "path" || in == "header"):
		p.Set("style", "simple")
	case format == "ssv" && in == "query":
		p.Set("style", "spaceDelimited")
	case format == "pipes" && in == "query":
		p.Set("style", "pipeDelimited")
	case format == "ssv" || format == "pipes":
		return errors.New("collectionFormat:" + format + " is no longer supported except for in:query parameters")
	case format == "multi":
		p.Set("explode", true)
	case format == "tsv":
		return errors.New("collectionFormat:tsv is no longer supported")
	}
	p.Delete("collectionFormat")
	return nil
}

func moveType(p *js.Object) {
	schema := p.Object("schema")
	if schema == nil {
		schema = js.New()
		p.Set("schema", schema)
	}
	schema.Set("type", p.Get("type"))
	if items := p.Object("items"); items != nil {
		schema.Set("items", items)
		p.Delete("items")
		for o := items; o != nil; o = o.Object("items") {
			o.Delete("collectionFormat")
		}
	}
	for _, name := range typeProperties() {
		if p.Has(name) {
			schema.Set(name, p.Get(name))
			p.Delete(name)
		}
	}
}

func (c *converter) mediaTypes(op *js.Object, name, fallback string) []string {
	list := texts(op.Get(name))
	if op == nil || !op.Has(name) {
		list = texts(c.root.Get(name))
	}
	if len(list) == 0 && fallback != "" {
		list = []string{fallback}
	}
	return list
}

func (c *converter) formBody(p, op *js.Object, isFile bool) *js.Object {
	contentType := formURLEncoded
	if slices.Contains(c.mediaTypes(op, "consumes", ""), formMultipart) {
		contentType = formMultipart
	}
	target, name := js.New(), js.String(p.Get("name"))
	schema := js.New("type", "object", "properties", js.New(name, target))
	body := js.New("content", js.New(contentType, js.New("schema", schema)))
	for _, key := range []string{"description", "example", "type"} {
		if js.Truthy(p.Get(key)) {
			target.Set(key, p.Get(key))
		}
	}
	for _, key := range typeProperties() {
		if p.Has(key) {
			target.Set(key, p.Get(key))
		}
	}
	if p.Get("required") == true { //nolint:revive // the value is any
		schema.Set("required", []any{name})
		body.Set("required", true)
	}
	if items := p.Object("items"); items != nil && p.Text("type") == "array" {
		items.Delete("collectionFormat")
		target.Set("items", items)
	}
	if isFile {
		target.Set("type", "string")
		target.Set("format", "binary")
	}
	copyExtensions(p, target)
	return body
}

func (c *converter) plainBody(p, op *js.Object) *js.Object {
	body := js.New("content", js.New())
	name := js.String(p.Get("name"))
	body.Set("x-s2o-name", sanitiseAll(op.Text("operationId"))+camelCase("_"+name))
	for _, key := range []string{"description", "required"} {
		if js.Truthy(p.Get(key)) {
			body.Set(key, p.Get(key))
		}
	}
	schema := p.Object("schema")
	if ref, ok := strings.CutPrefix(schema.Text("$ref"), "#/components/schemas/"); ok {
		body.Set("x-s2o-name", ref)
	} else if ref, ok := strings.CutPrefix(schema.Object("items").Text("$ref"), "#/components/schemas/"); ok && schema.Text("type") == "array" {
		body.Set("x-s2o-name", ref+"Array")
	}
	if schema == nil {
		schema = js.New()
	}
	for _, mediaType := range c.mediaTypes(op, "consumes", "application/json") {
		body.Object("content").Set(mediaType, js.New("schema", js.Clone(schema)))
	}
	copyExtensions(p, body)
	return body
}

func copyExtensions(from, to *js.Object) {
	for key, v := range from.All() {
		if strings.HasPrefix(key, "x-") && !strings.HasPrefix(key, "x-s2o") {
			to.Set(key, v)
		}
	}
}

// camelCase removes underscores and other separators and raises the letter after each.
func camelCase(s string) string {
	var b strings.Builder
	raise := false
	for _, r := range s {
		switch {
		case strings.ContainsRune("_- /.", r):
			raise = true
		case raise:
			b.WriteString(strings.ToUpper(string(r)))
			raise = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// attachBody adds a request body to an operation, behind its parameters, or what a form field adds to one.
func attachBody(op, body *js.Object, single bool) (*js.Object, error) {
	existing := op.Object("requestBody")
	if existing != nil && single {
		return op, errors.New("Operation " + js.String(op.Get("operationId")) + " has multiple requestBodies")
	}
	if existing == nil {
		existing = js.New()
		with := js.New()
		for key, v := range op.All() {
			with.Set(key, v)
			if key == "parameters" {
				with.Set("requestBody", existing)
			}
		}
		with.Set("requestBody", existing)
		op = with
	}
	for _, contentType := range []string{formMultipart, formURLEncoded} {
		into := existing.Object("content").Object(contentType).Object("schema")
		from := body.Object("content").Object(contentType).Object("schema")
		if into.Object("properties") == nil || from.Object("properties") == nil {
			continue
		}
		for name, property := range from.Object("properties").All() {
			into.Object("properties").Set(name, property)
		}
		if required := append(slices.Clone(into.List("required")), from.List("required")...); len(required) > 0 {
			into.Set("required", required)
		}
		return op, nil
	}
	for key, v := range body.All() {
		existing.Set(key, v)
	}
	if !existing.Has("x-s2o-name") && op.Has("operationId") {
		existing.Set("x-s2o-name", sanitiseAll(op.Text("operationId")))
	}
	return op, nil
}

func (c *converter) response(response, op *js.Object) error {
	if response == nil {
		return nil
	}
	if ref := response.Text("$ref"); ref != "" {
		if strings.Contains(ref, "#/components/schemas/") {
			return errors.New("definition used as response: " + ref)
		}
		return nil
	}
	if description := response.Get("description"); description == nil || js.IsUndefined(description) {
		return patchable("response.description is mandatory")
	}
	if response.Has("schema") {
		if err := fixSchema(response.Get("schema"), nil); err != nil {
			return err
		}
		content := js.New()
		response.Set("content", content)
		examples := response.Object("examples")
		for _, mediaType := range c.mediaTypes(op, "produces", "*/*") {
			entry := js.New("schema", js.Clone(response.Get("schema")))
			if examples.Has(mediaType) {
				entry.Set("examples", js.New("response", js.New("value", examples.Get(mediaType))))
				examples.Delete(mediaType)
			}
			content.Set(mediaType, entry)
		}
		response.Delete("schema")
	}
	for mediaType, example := range response.Object("examples").All() {
		if response.Object("content") == nil {
			response.Set("content", js.New())
		}
		entry := response.Object("content").Object(mediaType)
		if entry == nil {
			entry = js.New()
			response.Object("content").Set(mediaType, entry)
		}
		entry.Set("examples", js.New("response", js.New("value", example)))
	}
	response.Delete("examples")
	for name, v := range response.Object("headers").All() {
		if strings.EqualFold(name, "status code") {
			return patchable(`"Status Code" is not a valid header`)
		}
		header, _ := v.(*js.Object)
		if err := convertHeader(header); err != nil {
			return err
		}
	}
	return nil
}

func convertHeader(header *js.Object) error {
	if header.Has("$ref") {
		return nil
	}
	schema := header.Object("schema")
	if header.Has("type") {
		if schema == nil {
			schema = js.New()
			header.Set("schema", schema)
		}
		schema.Set("type", header.Get("type"))
	}
	format := header.Text("collectionFormat")
	switch {
	case header.Text("type") == "array":
		switch format {
		case "ssv", "pipes":
			return errors.New("collectionFormat:" + format + " is no longer supported for headers")
		case "tsv":
			return errors.New("collectionFormat:tsv is no longer supported")
		case "multi":
			header.Set("explode", true)
		default:
			header.Set("style", "simple")
		}
		header.Delete("collectionFormat")
	case format != "":
		return patchable("collectionFormat is only applicable to header.type array")
	}
	header.Delete("type")
	for _, name := range append(typeProperties(), "items") {
		if header.Has(name) && schema != nil {
			schema.Set(name, header.Get(name))
			header.Delete(name)
		}
	}
	return nil
}
