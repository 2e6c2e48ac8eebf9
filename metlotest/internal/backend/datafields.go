package backend

import (
	"net/http"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func dataFieldRoutes() []route {
	return []route{
		{method: "POST", pattern: "/data-field/:id/update-classes", handle: updateClasses},
		{method: "PUT", pattern: "/data-field/:id/update-entity", handle: updateEntity},
		{method: "PUT", pattern: "/data-field/:id/update-data-path", handle: updateDataPath},
		{method: "DELETE", pattern: "/data-field/:id", handle: deleteDataField},
		{method: "POST", pattern: "/clear-sensitive-data", handle: clearSensitiveData},
		{method: "POST", pattern: "/clear-all-datafields", handle: clearAllDataFields},
	}
}

func updateClasses(c *call) Response {
	params, bad := check(zod.Object(
		zod.Key("dataClasses", zod.Array(zod.String())),
		zod.Key("dataSection", zod.Enum(dataSections()...)),
		zod.Key("dataPath", zod.String()),
	), c.body)
	if bad != nil {
		return *bad
	}
	id, problem := c.rowID()
	if problem != "" {
		return databaseError(problem)
	}
	if c.hasNul(params, "dataClasses", "dataPath") {
		return databaseError(pg.NulByte)
	}
	f := c.fields[id]
	if f == nil || f.dataPath != params.Text("dataPath") || f.dataSection != params.Text("dataSection") {
		return Text(http.StatusInternalServerError, "Cannot set properties of null (setting 'dataClasses')")
	}
	f.dataClasses = append([]string{}, params.Texts("dataClasses")...)
	f.falsePositives = []string{}
	for _, class := range f.scannerIdentified {
		if !slices.Contains(f.dataClasses, class) {
			f.falsePositives = append(f.falsePositives, class)
		}
	}
	f.setTag()
	f.updatedAt = c.tick()
	c.rescore(f.endpoint)
	return Ok(f.row())
}

// rescore writes an endpoint's risk even if it is unchanged.
func (st *Store) rescore(e *endpoint) {
	e.riskScore = st.riskOf(e)
	st.rewrite(e)
}

// riskOf returns the highest severity of an endpoint's data classes.
func (st *Store) riskOf(e *endpoint) string {
	risk := "none"
	for _, class := range e.dataClasses() {
		if severity := st.severity(class); compareRisk(severity, risk) > 0 {
			risk = severity
		}
	}
	return risk
}

func updateEntity(c *call) Response {
	params, bad := check(zod.Object(zod.Key("entity", zod.Nullable(zod.String()))), c.body)
	if bad != nil {
		return *bad
	}
	entity, given := params.Get("entity").(string)
	tags := cached(c.Store, "entityTags", permissionCache, c.testing.entityTags)
	if given && entity != "" && !slices.Contains(tags, entity) {
		return Text(http.StatusBadRequest, entity+" is not a valid entity.")
	}
	id, problem := c.rowID()
	if problem != "" {
		return databaseError(problem)
	}
	f := c.fields[id]
	if f != nil {
		f.entity = nil
		if given {
			f.entity = &entity
		}
		f.updatedAt = c.tick()
	}
	if problem := c.populatePermissions(); problem != "" {
		return databaseError(problem)
	}
	if f == nil {
		return sendStatus()
	}
	return Ok(f.row())
}

func deleteDataField(c *call) Response {
	id, problem := c.rowID()
	if problem != "" {
		return databaseError(problem)
	}
	f := c.fields[id]
	if f == nil {
		return Text(http.StatusInternalServerError, "Cannot read properties of null (reading 'uuid')")
	}
	c.removeField(f)
	c.rescore(f.endpoint)
	return Ok(f.row())
}

func (f *dataField) sameColumns(g *dataField) bool {
	return f.dataSection == g.dataSection && compareNullable(f.contentType, g.contentType) == 0 &&
		compareNullable(f.statusCode, g.statusCode) == 0
}

func updateDataPath(c *call) Response {
	params, bad := check(zod.Object(zod.Key("dataPath", zod.String())), c.body)
	if bad != nil {
		return *bad
	}
	id, problem := c.rowID()
	if problem != "" {
		return databaseError(problem)
	}
	f := c.fields[id]
	if f == nil {
		return Text(http.StatusNotFound, "Data field not found.")
	}
	path := js.Trim(params.Text("dataPath"))
	for _, g := range f.endpoint.fields {
		if g.dataPath == path && f.sameColumns(g) {
			return Text(http.StatusConflict, "Data Field already exists with this data path.")
		}
	}
	if f.dataSection == "reqPath" {
		return c.renameParam(f, path)
	}
	return c.renameField(f, path)
}

// renameParam renames a path parameter in the endpoint's path as well.
func (c *call) renameParam(f *dataField, name string) Response {
	e := f.endpoint
	e.path = strings.Replace(e.path, "{"+f.dataPath+"}", "{"+name+"}", 1)
	f.dataPath = name
	shown := f.row()
	f.updatedAt, e.updatedAt = c.tick(), c.tick()
	return Ok(js.New("updated", js.New(f.uuid, shown)))
}

// renameField moves a field and the siblings that a wildcard in the new path covers. Fields that get the same path are
// deleted.
func (c *call) renameField(f *dataField, path string) Response {
	pattern := strings.Split(path, ".")
	updated, deleted, renamed := js.New(), []string{}, []any{}
	var doomed []*dataField
	shown := f.row()
	shown.DataPath = path
	updated.Set(f.uuid, shown)
	for _, g := range f.endpoint.fields {
		tokens := strings.Split(g.dataPath, ".")
		if g == f || !g.sameColumns(f) || !coveredBy(pattern, tokens) {
			continue
		}
		for i := range tokens {
			if pattern[i] == "[string]" {
				tokens[i] = "[string]"
			}
		}
		if moved := strings.Join(tokens, "."); moved == path {
			deleted = append(deleted, g.uuid)
			doomed = append(doomed, g)
		} else {
			g.dataPath, g.updatedAt = moved, c.tick()
			short := js.New("uuid", g.uuid, "dataPath", moved)
			renamed = append(renamed, short)
			updated.Set(g.uuid, short)
		}
	}
	for _, g := range doomed {
		c.removeField(g)
	}
	f.dataPath, f.updatedAt = path, c.tick()
	return Ok(js.New("updated", updated, "deleted", deleted, "updateDataFields", renamed))
}

// coveredBy reports whether a path, split at its dots, matches pattern: [string] is any name, which any names may
// follow.
func coveredBy(pattern, path []string) bool {
	if len(pattern) != len(path) {
		return false
	}
	wild := false
	for i, token := range pattern {
		wild = wild || token == "[string]"
		if isName := !strings.ContainsAny(path[i], "[]"); wild && token != "[]" && isName {
			continue
		}
		if token != path[i] {
			return false
		}
	}
	return true
}

func (st *Store) dropSensitiveAlerts() {
	kinds := []string{alertPII, alertQuery, alertPath, alertUnauthenticated}
	st.removeAlerts(func(a *alert) bool { return slices.Contains(kinds, a.kind) })
}

func clearSensitiveData(c *call) Response {
	for _, e := range c.endpoints {
		for _, f := range e.fields {
			f.dataClasses, f.falsePositives, f.scannerIdentified = []string{}, []string{}, []string{}
			f.dataTag, f.updatedAt = nil, c.tick()
		}
		e.riskScore, e.updatedAt = "none", c.tick()
	}
	c.dropSensitiveAlerts()
	return Text(http.StatusOK, "OK")
}

func clearAllDataFields(c *call) Response {
	for _, e := range c.endpoints {
		e.fields, e.riskScore, e.updatedAt = nil, "none", c.tick()
	}
	clear(c.fields)
	c.dropSensitiveAlerts()
	return Text(http.StatusOK, "OK")
}
