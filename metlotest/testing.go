package metlotest

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
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
	statements []*object
}

func getTestingConfig(c *call) response {
	return ok(newObject("uuid", c.testing.uuid, "configString", c.testing.text))
}

func putTestingConfig(c *call) response {
	params, bad := check(zObject(property{"configString", zString()}), c.body)
	if bad != nil {
		return *bad
	}
	configString := params.text("configString")
	statements, fault := parseResources(configString)
	if fault != nil {
		return jsonResponse(http.StatusBadRequest, newObject("type", "RAW", "err", fault.message, "message", fault.message,
			"startColumn", fault.startColumn, "startLine", fault.startLine, "endColumn", fault.endColumn, "endLine", fault.endLine))
	}
	if problems := resourceIssues(statements); len(problems) > 0 {
		return zodError(problems)
	}
	c.setTestingConfig(configString, statements)
	if methods := c.testing.methodList(); methods != "" {
		return text(http.StatusInternalServerError, `invalid input value for enum rest_method_enum: "`+methods+`"`)
	}
	c.populatePermissions()
	return sendStatus()
}

func (st *store) setTestingConfig(configString string, statements []*object) {
	if st.testing.uuid == "" {
		st.testing.uuid = newUUID()
	}
	st.testing.text, st.testing.statements = configString, statements
}

// members gives the statements of a type, with their names.
func (t *testingConfig) each(kinds []string, visit func(name string, members *object)) {
	for _, s := range t.statements {
		if slices.Contains(kinds, s.text("type")) {
			visit(s.text("name"), s.object("members"))
		}
	}
}

// methodList is the first rule's method that is a list, as PostgreSQL shows an array; the real
// server stores such a text and then fails on it.
func (t *testingConfig) methodList() (found string) {
	t.each([]string{"resource"}, func(_ string, members *object) {
		for _, e := range members.list("endpoints") {
			if list, isList := e.(*object).get("method").([]any); isList && found == "" {
				found = `{"` + strings.Join(e.(*object).texts("method"), `","`) + `"}`
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
	t.each([]string{"actor", "resource"}, func(name string, members *object) {
		if items := members.list("items"); len(items) > 0 {
			for _, key := range items[0].(*object).keys {
				if tag := name + "." + key; !slices.Contains(tags, tag) {
					tags = append(tags, tag)
				}
			}
		}
	})
	return tags
}

func entityTags(c *call) response { return ok(c.testing.entityTags()) }

func resourcePermissions(c *call) response {
	permissions := []string{}
	c.testing.each([]string{"resource"}, func(name string, members *object) {
		for _, p := range members.texts("permissions") {
			permissions = append(permissions, name+"."+p)
		}
	})
	return ok(permissions)
}

// permissionsOf are the permissions that the rules of the config give an endpoint.
func (t *testingConfig) permissionsOf(e *endpoint) []string {
	permissions := []string{}
	t.each([]string{"resource"}, func(name string, members *object) {
		for _, rule := range members.list("endpoints") {
			r := rule.(*object)
			if !ruleMatches(r, name, e) {
				continue
			}
			for _, p := range r.texts("permissions") {
				if full := name + "." + p; !slices.Contains(permissions, full) {
					permissions = append(permissions, full)
				}
			}
		}
	})
	return permissions
}

func ruleMatches(rule *object, resource string, e *endpoint) bool {
	if host := rule.text("host"); host != "" && host != e.host {
		return false
	}
	if method := rule.text("method"); method != "" && method != e.method {
		return false
	}
	if path := rule.text("path"); path != "" {
		re, err := regexp.Compile(path)
		if err != nil || !re.MatchString(e.path) {
			return false
		}
	}
	contains := rule.object("contains_resource")
	if contains == nil {
		return true
	}
	if kind := contains.text("type"); kind != "" {
		resource = kind
	}
	return slices.ContainsFunc(e.fields, func(f *dataField) bool {
		return f.dataSection == sectionOf(contains.text("path")) && f.entity != nil && strings.HasPrefix(*f.entity, resource+".")
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
func (st *store) populatePermissions() {
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
	AuthConfig      *object        `json:"authConfig,omitzero"`
}

type genTestField struct {
	DataSection string  `json:"dataSection"`
	ContentType *string `json:"contentType"`
	DataPath    string  `json:"dataPath"`
	DataType    string  `json:"dataType"`
	Entity      *string `json:"entity"`
}

// generate describes an endpoint to the test templates.
func (st *store) generate(e *endpoint) genTest {
	fields := slices.Clone(e.fields)
	slices.SortStableFunc(fields, compareForTests)
	g := genTest{
		Host: e.host, Path: e.path, Method: e.method, IsGraphQl: e.isGraphQL, GraphQlMetadata: e.graphQLMetadata,
		GraphQlSchema: st.graphQL[e.host+e.path],
		DataFields: convert(fields, func(f *dataField) genTestField {
			return genTestField{f.dataSection, f.contentType, f.dataPath, f.dataType, f.entity}
		}),
	}
	for _, item := range st.metloConfig.value.list("authentication") {
		auth := item.(*object)
		if auth.text("host") != e.host {
			continue
		}
		g.AuthConfig = newObject("authType", auth.get("authType"))
		for _, key := range []string{"headerKey", "jwtUserPath", "cookieName"} {
			v := auth.get(key)
			if isUndefined(v) {
				v = nil
			}
			g.AuthConfig.set(key, v)
		}
	}
	return g
}

func compareForTests(a, b *dataField) int {
	return cmp.Or(cmp.Compare(slices.Index(dataSections(), a.dataSection), slices.Index(dataSections(), b.dataSection)),
		a.updatedAt.Compare(b.updatedAt))
}

func genTestEndpoint(c *call) response {
	name, method := jsText(c.query.get("endpoint")), c.query.text("method")
	if !truthy(c.query.get("endpoint")) {
		return text(http.StatusBadRequest, "No endpoint specified.")
	}
	if isUUID(name) {
		if e := c.byID[strings.ToLower(name)]; e != nil {
			return ok(c.generate(e))
		}
		return text(http.StatusNotFound, "Could not find endpoint.")
	}
	if method != "" && !slices.Contains(methods(), method) {
		return text(http.StatusInternalServerError, `invalid input value for enum rest_method_enum: "`+method+`"`)
	}
	host := c.query.text("host")
	for _, e := range c.endpoints {
		if e.path == name && (host == "" || e.host == host) && (method == "" || e.method == method) {
			return ok(c.generate(e))
		}
	}
	return text(http.StatusNotFound, "Could not find endpoint.")
}

// joinedRows is the LIMIT of a query that joins endpoints with their fields: it counts fields.
const joinedRows = 10

func genTestEndpoints(c *call) response {
	host := c.query.text("host")
	if host == "" {
		return text(http.StatusBadRequest, "No host specified.")
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
	return ok(items)
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
