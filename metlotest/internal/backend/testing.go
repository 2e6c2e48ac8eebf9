package backend

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
	"github.com/metlo-go/metlo/testingconfig"
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

// testingConfig is the stored text in the resource language and its parsed form.
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
	parsed, err := testingconfig.ParseExact(configString)
	var fault *testingconfig.SyntaxError
	if errors.As(err, &fault) {
		return resourceSyntax(fault)
	}
	if problem := resourceProblem(parsed); problem != nil {
		return *problem
	}
	statements := resourceObjects(parsed)
	if pg.HasNul(configString) {
		return databaseError(pg.NulByte)
	}
	// The text is stored even if the next statement fails.
	c.setTestingConfig(configString, statements)
	if problem := c.populatePermissions(); problem != "" {
		return databaseError(problem)
	}
	c.forget("entityTags")
	return sendStatus()
}

func (st *Store) setTestingConfig(configString string, statements []*js.Object) {
	if st.testing.uuid == "" {
		st.testing.uuid = st.newUUID()
	}
	st.testing.text, st.testing.statements = configString, statements
}

// each visits the statements of the given types, with their names.
func (t *testingConfig) each(kinds []string, visit func(name string, members *js.Object)) {
	for _, s := range t.statements {
		if slices.Contains(kinds, s.Text("type")) {
			visit(s.Text("name"), s.Object("members"))
		}
	}
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

// permissionCache is the time for which reads use a cached testing config.
const permissionCache = time.Minute

func entityTags(c *call) Response {
	return Ok(cached(c.Store, "entityTags", permissionCache, c.testing.entityTags))
}

func resourcePermissions(c *call) Response {
	return Ok(cached(c.Store, "resourcePermissions", permissionCache, func() []string {
		permissions := []string{}
		config := c.cachedTesting()
		config.each([]string{"resource"}, func(name string, members *js.Object) {
			for _, p := range members.Texts("permissions") {
				permissions = append(permissions, name+"."+p)
			}
		})
		return permissions
	}))
}

// cachedTesting returns the cached testing config; the cache does not hold a missing one.
func (st *Store) cachedTesting() testingConfig {
	if st.testing.uuid == "" {
		return st.testing
	}
	return cached(st, "testingConfig", permissionCache, func() testingConfig { return st.testing })
}

// rule is a condition on endpoints and the permissions that it grants.
type rule struct {
	resource          string
	host, path        *regexp.Regexp
	method, section   string
	contains, invalid bool
	permissions       []string
}

// rules parses the rules of a testing config. The problem is the database's error for the resulting statement; without
// a resource there is no statement.
func (t *testingConfig) rules() (rules []rule, resources int, problem string) {
	conditions := 0
	t.each([]string{"resource"}, func(name string, members *js.Object) {
		resources++
		for _, v := range members.List("endpoints") {
			o, _ := v.(*js.Object)
			r, bad := newRule(name, o)
			if problem == "" {
				problem = bad
			}
			conditions += len(r.permissions)
			rules = append(rules, r)
		}
	})
	if resources > 0 && conditions == 0 {
		problem = `syntax error at or near "FROM"`
	}
	return rules, resources, problem
}

func newRule(resource string, o *js.Object) (r rule, problem string) {
	r = rule{resource: resource, permissions: o.Texts("permissions"), method: o.Text("method")}
	isSet := false
	for _, part := range []struct {
		name string
		into **regexp.Regexp
	}{{"host", &r.host}, {"path", &r.path}} {
		source := o.Text(part.name)
		if source == "" {
			continue
		}
		isSet = true
		re, err := pg.Compile(source, false)
		if err != nil {
			problem, r.invalid = err.Error(), true
			continue
		}
		*part.into = re
	}
	if js.Truthy(o.Get("method")) {
		isSet = true
		if _, isList := o.Get("method").([]any); isList {
			problem = pg.BadEnum("rest_method_enum", o.Get("method"))
		}
	}
	if contains := o.Object("contains_resource"); contains != nil {
		isSet, r.contains, r.section = true, true, sectionOf(contains.Text("path"))
	}
	if !isSet && len(r.permissions) > 0 {
		problem = `syntax error at or near ")"`
	}
	return r, problem
}

func (r *rule) matches(e *endpoint) bool {
	switch {
	case r.invalid, r.host != nil && !r.host.MatchString(e.host), r.path != nil && !r.path.MatchString(e.path), r.method != "" && r.method != e.method:
		return false
	case !r.contains:
		return true
	}
	return slices.ContainsFunc(e.fields, func(f *dataField) bool {
		return f.dataSection == r.section && f.entity != nil && strings.HasPrefix(*f.entity, r.resource+".")
	})
}

// permissionsOf returns the permissions that rules grant to an endpoint.
func permissionsOf(rules []rule, e *endpoint) []string {
	permissions := []string{}
	for i := range rules {
		if !rules[i].matches(e) {
			continue
		}
		for _, p := range rules[i].permissions {
			if full := rules[i].resource + "." + p; !slices.Contains(permissions, full) {
				permissions = append(permissions, full)
			}
		}
	}
	return permissions
}

// sectionOf converts req.path and similar names to a data section.
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

// populatePermissions sets every endpoint's permissions from the testing config. If the database rejects the statement,
// no endpoint has any.
func (st *Store) populatePermissions() (problem string) {
	if st.testing.uuid == "" {
		return ""
	}
	rules, resources, problem := st.testing.rules()
	if resources == 0 {
		return ""
	}
	if problem != "" {
		rules = nil
	}
	for _, e := range st.endpoints {
		e.resourcePermissions, e.updatedAt = permissionsOf(rules, e), st.tick()
	}
	return problem
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

// generate returns an endpoint in the form for test templates.
func (st *Store) generate(e *endpoint) genTest {
	return st.generateWith(e, pg.Page(e.fields, compareForTests, pg.NoLimit, 0))
}

// generateWith generates a test from the fields in the order in which a query returned them.
func (st *Store) generateWith(e *endpoint, fields []*dataField) genTest {
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
	name, method, host := c.query.Get("endpoint"), c.query.Get("method"), c.query.Get("host")
	text, isText := name.(string)
	switch {
	case !js.Truthy(name):
		return Text(http.StatusBadRequest, "No endpoint specified.")
	case !isText:
		kind := "Object"
		if _, isList := name.([]any); isList {
			kind = "Array"
		}
		return databaseError("Expected a string but received a " + kind)
	case pg.HasNul(text), pg.HasNul(host), pg.HasNul(method):
		return databaseError(pg.NulByte)
	}
	if zod.IsUUID(text) {
		if e := c.byID[strings.ToLower(text)]; e != nil {
			return Ok(c.generate(e))
		}
		return Text(http.StatusNotFound, "Could not find endpoint.")
	}
	// An empty parameter is a condition too.
	given := func(v any) bool { return !js.IsUndefined(v) }
	if given(method) && !slices.Contains(methods(), pg.Text(method)) {
		return databaseError(pg.BadEnum("rest_method_enum", method))
	}
	for _, e := range c.endpoints {
		if e.path == text && (!given(host) || e.host == pg.Text(host)) && (!given(method) || e.method == pg.Text(method)) {
			return Ok(c.generate(e))
		}
	}
	return Text(http.StatusNotFound, "Could not find endpoint.")
}

// joinedRows is the maximum number of distinct rows of endpoint, section and time of a field's change.
const joinedRows = 10

func genTestEndpoints(c *call) Response {
	host := c.query.Get("host")
	switch {
	case !js.Truthy(host):
		return Text(http.StatusBadRequest, "No host specified.")
	case pg.HasNul(host):
		return databaseError(pg.NulByte)
	}
	var own []*endpoint
	for _, e := range c.endpoints {
		if e.host == pg.Text(host) {
			own = append(own, e)
		}
	}
	items, used := []genTest{}, 0
	fields := joinedFields(own)
	for _, e := range pg.Page(own, compareNullsFirst, pg.NoLimit, 0) {
		if used >= joinedRows {
			break
		}
		rows := map[string]bool{}
		for _, f := range e.fields {
			rows[f.dataSection+f.updatedAt.String()] = true
		}
		used += max(1, len(rows))
		g := c.generateWith(e, fields[e])
		g.UUID = e.uuid
		items = append(items, g)
	}
	return Ok(items)
}

// joinedFields sorts the fields of several endpoints in one statement, like the mapper.
func joinedFields(own []*endpoint) map[*endpoint][]*dataField {
	var rows []*dataField
	for _, e := range own {
		rows = append(rows, e.fields...)
	}
	sorted := map[*endpoint][]*dataField{}
	for _, f := range pg.Page(rows, func(a, b *dataField) int {
		return cmp.Or(compareNullsFirst(a.endpoint, b.endpoint), compareForTests(a, b))
	}, pg.NoLimit, 0) {
		sorted[f.endpoint] = append(sorted[f.endpoint], f)
	}
	return sorted
}

// compareNullsFirst returns riskScore DESC, lastActive DESC with PostgreSQL's default for nulls.
func compareNullsFirst(a, b *endpoint) int {
	risk := compareRisk(b.riskScore, a.riskScore)
	if aNull, bNull := a.lastActive.IsZero(), b.lastActive.IsZero(); risk == 0 && aNull != bNull {
		if aNull {
			return -1
		}
		return 1
	}
	return cmp.Or(risk, b.lastActive.Compare(a.lastActive))
}
