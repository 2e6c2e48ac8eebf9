package backend

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func testingRoutes() []route {
	return []route{
		{method: "GET", pattern: "/gen-test-endpoint", handle: genTestEndpoint},
		{method: "GET", pattern: "/gen-test-endpoints", handle: genTestEndpoints},
		{method: "GET", pattern: "/testing-config", handle: getTestingConfig},
		{method: "PUT", pattern: "/testing-config", handle: putTestingConfig},
		{method: "GET", pattern: "/testing-config/entity-tags", handle: entityTags},
		{method: "GET", pattern: "/testing-config/resource-permissions", handle: resourcePermissions},
	}
}

// testingConfig is the stored text in the resource language and what it says.
type testingConfig struct {
	uuid, text string
	statements []*js.Object
}

func getTestingConfig(c *call) Response {
	return Ok(js.New("uuid", c.testing.uuid, "configString", c.testing.text))
}

func putTestingConfig(c *call) Response {
	params, bad := check(zod.Object(zod.Key("configString", zod.String())), c.body)
	if bad != nil {
		return *bad
	}
	configString := params.Text("configString")
	statements, fault := parseResources(configString)
	if fault != nil {
		return JsonResponse(http.StatusBadRequest, js.New("type", "RAW", "err", fault.message, "message", fault.message,
			"startColumn", fault.startColumn, "startLine", fault.startLine, "endColumn", fault.endColumn, "endLine", fault.endLine))
	}
	if problems := resourceIssues(statements); len(problems) > 0 {
		return zodError(problems)
	}
	c.setTestingConfig(configString, statements)
	if methods := c.testing.methodList(); methods != "" {
		return Text(http.StatusInternalServerError, `invalid input value for enum rest_method_enum: "`+methods+`"`)
	}
	c.populatePermissions()
	return sendStatus()
}

func (st *Store) setTestingConfig(configString string, statements []*js.Object) {
	if st.testing.uuid == "" {
		st.testing.uuid = newUUID()
	}
	st.testing.text, st.testing.statements = configString, statements
}

// members gives the statements of a type, with their names.
func (t *testingConfig) each(kinds []string, visit func(name string, members *js.Object)) {
	for _, s := range t.statements {
		if slices.Contains(kinds, s.Text("type")) {
			visit(s.Text("name"), s.Object("members"))
		}
	}
}

// methodList is the first rule's method that is a list, as PostgreSQL shows an array; the real
// server stores such a text and then fails on it.
func (t *testingConfig) methodList() (found string) {
	t.each([]string{"resource"}, func(_ string, members *js.Object) {
		for _, e := range members.List("endpoints") {
			if list, isList := e.(*js.Object).Get("method").([]any); isList && found == "" {
				found = `{"` + strings.Join(e.(*js.Object).Texts("method"), `","`) + `"}`
				if len(list) == 0 {
					found = "{}"
				}
			}
		}
	})
	return found
}

func (t *testingConfig) entityTags() []string {
	tags := []string{}
	t.each([]string{"actor", "resource"}, func(name string, members *js.Object) {
		if items := members.List("items"); len(items) > 0 {
			for _, key := range items[0].(*js.Object).Keys {
				if tag := name + "." + key; !slices.Contains(tags, tag) {
					tags = append(tags, tag)
				}
			}
		}
	})
	return tags
}

func entityTags(c *call) Response { return Ok(c.testing.entityTags()) }

func resourcePermissions(c *call) Response {
	permissions := []string{}
	c.testing.each([]string{"resource"}, func(name string, members *js.Object) {
		for _, p := range members.Texts("permissions") {
			permissions = append(permissions, name+"."+p)
		}
	})
	return Ok(permissions)
}

// permissionsOf are the permissions that the rules of the config give an endpoint.
func (t *testingConfig) permissionsOf(e *endpoint) []string {
	permissions := []string{}
	t.each([]string{"resource"}, func(name string, members *js.Object) {
		for _, rule := range members.List("endpoints") {
			r := rule.(*js.Object)
			if !ruleMatches(r, name, e) {
				continue
			}
			for _, p := range r.Texts("permissions") {
				if full := name + "." + p; !slices.Contains(permissions, full) {
					permissions = append(permissions, full)
				}
			}
		}
	})
	return permissions
}

func ruleMatches(rule *js.Object, resource string, e *endpoint) bool {
	if host := rule.Text("host"); host != "" && host != e.host {
		return false
	}
	if method := rule.Text("method"); method != "" && method != e.method {
		return false
	}
	if path := rule.Text("path"); path != "" {
		re, err := regexp.Compile(path)
		if err != nil || !re.MatchString(e.path) {
			return false
		}
	}
	contains := rule.Object("contains_resource")
	if contains == nil {
		return true
	}
	if kind := contains.Text("type"); kind != "" {
		resource = kind
	}
	return slices.ContainsFunc(e.fields, func(f *dataField) bool {
		return f.dataSection == sectionOf(contains.Text("path")) && f.entity != nil && strings.HasPrefix(*f.entity, resource+".")
	})
}

// sectionOf turns req.path and its like into a data section.
func sectionOf(place string) string {
	side, part, _ := strings.Cut(place, ".")
	if part == "" {
		return ""
	}
	if part == "header" {
		part = "headers"
	}
	return side + strings.ToUpper(part[:1]) + part[1:]
}

// populatePermissions sets every endpoint's permissions from the testing config, if there is one.
func (st *Store) populatePermissions() {
	if st.testing.uuid == "" {
		return
	}
	for _, e := range st.endpoints {
		e.resourcePermissions, e.updatedAt = st.testing.permissionsOf(e), st.tick()
	}
}

type genTest struct {
	UUID            string         `json:"uuid,omitzero"`
	Host            string         `json:"host"`
	Path            string         `json:"path"`
	Method          string         `json:"method"`
	IsGraphQl       bool           `json:"isGraphQl"`
	GraphQlMetadata any            `json:"graphQlMetadata"`
	GraphQlSchema   string         `json:"graphQlSchema,omitzero"`
	DataFields      []genTestField `json:"dataFields"`
	AuthConfig      *js.Object     `json:"authConfig,omitzero"`
}

type genTestField struct {
	DataSection string  `json:"dataSection"`
	ContentType *string `json:"contentType"`
	DataPath    string  `json:"dataPath"`
	DataType    string  `json:"dataType"`
	Entity      *string `json:"entity"`
}

// generate describes an endpoint to the test templates.
func (st *Store) generate(e *endpoint) genTest {
	fields := slices.Clone(e.fields)
	slices.SortStableFunc(fields, compareForTests)
	g := genTest{
		Host: e.host, Path: e.path, Method: e.method, IsGraphQl: e.isGraphQL, GraphQlMetadata: e.graphQLMetadata,
		GraphQlSchema: st.graphQL[e.host+e.path],
		DataFields: convert(fields, func(f *dataField) genTestField {
			return genTestField{f.dataSection, f.contentType, f.dataPath, f.dataType, f.entity}
		}),
	}
	for _, item := range st.metloConfig.value.List("authentication") {
		auth := item.(*js.Object)
		if auth.Text("host") != e.host {
			continue
		}
		g.AuthConfig = js.New("authType", auth.Get("authType"))
		for _, key := range []string{"headerKey", "jwtUserPath", "cookieName"} {
			v := auth.Get(key)
			if js.IsUndefined(v) {
				v = nil
			}
			g.AuthConfig.Set(key, v)
		}
	}
	return g
}

func compareForTests(a, b *dataField) int {
	return cmp.Or(cmp.Compare(slices.Index(dataSections(), a.dataSection), slices.Index(dataSections(), b.dataSection)),
		a.updatedAt.Compare(b.updatedAt))
}

func genTestEndpoint(c *call) Response {
	name, method := js.String(c.query.Get("endpoint")), c.query.Text("method")
	if !js.Truthy(c.query.Get("endpoint")) {
		return Text(http.StatusBadRequest, "No endpoint specified.")
	}
	if zod.IsUUID(name) {
		if e := c.byID[strings.ToLower(name)]; e != nil {
			return Ok(c.generate(e))
		}
		return Text(http.StatusNotFound, "Could not find endpoint.")
	}
	if method != "" && !slices.Contains(methods(), method) {
		return Text(http.StatusInternalServerError, `invalid input value for enum rest_method_enum: "`+method+`"`)
	}
	host := c.query.Text("host")
	for _, e := range c.endpoints {
		if e.path == name && (host == "" || e.host == host) && (method == "" || e.method == method) {
			return Ok(c.generate(e))
		}
	}
	return Text(http.StatusNotFound, "Could not find endpoint.")
}

// joinedRows is the LIMIT of a query that joins endpoints with their fields: it counts fields.
const joinedRows = 10

func genTestEndpoints(c *call) Response {
	host := c.query.Text("host")
	if host == "" {
		return Text(http.StatusBadRequest, "No host specified.")
	}
	var rows []*endpoint
	for _, e := range c.endpoints {
		if e.host == host {
			rows = append(rows, e)
		}
	}
	slices.SortStableFunc(rows, compareNullsFirst)
	items, used := []genTest{}, 0
	for _, e := range rows {
		if used >= joinedRows {
			break
		}
		used += max(1, len(e.fields))
		g := c.generate(e)
		g.UUID = e.uuid
		items = append(items, g)
	}
	return Ok(items)
}

// compareNullsFirst is riskScore DESC, lastActive DESC with PostgreSQL's default for nulls.
func compareNullsFirst(a, b *endpoint) int {
	risk := compareRisk(b.riskScore, a.riskScore)
	if aNull, bNull := a.lastActive.IsZero(), b.lastActive.IsZero(); risk == 0 && aNull != bNull {
		if aNull {
			return -1
		}
		return 1
	}
	return cmp.Or(risk, b.lastActive.Compare(a.lastActive), cmp.Compare(a.uuid, b.uuid))
}
