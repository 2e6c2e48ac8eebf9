package backend

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func endpointRoutes() []route {
	return []route{
		{method: "GET", pattern: "/endpoints", handle: listEndpoints},
		{method: "DELETE", pattern: "/endpoints", handle: deleteEndpoints},
		{method: "GET", pattern: "/endpoint/:id", handle: getEndpoint},
		{method: "DELETE", pattern: "/endpoint/:id", handle: deleteEndpoint},
		{method: "GET", pattern: "/endpoint/:id/usage", handle: endpointUsage},
		{method: "GET", pattern: "/endpoint/:id/suggested-paths", handle: suggestedPaths},
		{method: "PUT", pattern: "/endpoint/:id/authenticated", handle: setAuthenticated},
		{method: "PUT", pattern: "/endpoint/:id/enable-full-trace-capture", handle: setFullTraceCapture},
		{method: "POST", pattern: "/endpoint/:id/userSet", handle: setUserSet},
		{method: "POST", pattern: "/endpoint/:id/update-paths", handle: updatePaths},
		{method: "PUT", pattern: "/endpoint/:id/graphql-schema", handle: uploadGraphQLSchema, multipart: true},
		{method: "DELETE", pattern: "/endpoint/:id/graphql-schema", handle: deleteGraphQLSchema},
	}
}

func listEndpoints(c *call) Response {
	limit := zod.Count()
	if len(c.query.Keys) == 1 {
		// The bare limit was recorded on a server with a newer zod.
		limit = zod.StrictCount()
	}
	params, bad := check(zod.Object(
		zod.Key("hosts", zod.Optional(zod.Array(zod.String()))),
		zod.Key("riskScores", zod.Optional(zod.Array(zod.Enum(riskScores()...)))),
		zod.Key("methods", zod.Optional(zod.Array(zod.Enum(methods()...)))),
		zod.Key("dataClasses", zod.Optional(zod.Array(zod.String()))),
		zod.Key("resourcePermissions", zod.Optional(zod.Array(zod.String()))),
		zod.Key("searchQuery", zod.Optional(zod.String())),
		zod.Key("isAuthenticated", zod.Optional(zod.String())),
		zod.Key("hostType", zod.Default(zod.Enum(hostTypes()...), "Any")),
		zod.Key("offset", zod.Optional(zod.Count())),
		zod.Key("limit", zod.Optional(limit)),
	), c.query)
	if bad != nil {
		return *bad
	}
	if c.hasNul(params, "hosts", "dataClasses", "resourcePermissions", "searchQuery") {
		return queryFailed(pg.NulByte)
	}
	search, err := pg.Compile(params.Text("searchQuery"), true)
	if err != nil {
		return queryFailed(err.Error())
	}
	var rows []*endpoint
	for _, e := range c.endpoints {
		if c.endpointMatches(e, params) && search.MatchString(e.path) {
			rows = append(rows, e)
		}
	}
	rowLimit, offset := c.page(params, "limit", "offset", 10)
	if problem := badWindow(rowLimit, offset); problem != "" {
		return queryFailed(problem)
	}
	items := convert(pg.Page(rows, compareEndpoints, rowLimit, offset), func(e *endpoint) endpointListItem {
		item := endpointListItem{endpointRow: e.row(), IsPublic: c.hosts[e.host]}
		if classes := e.dataClasses(); len(classes) > 0 {
			item.DataClasses = &classes
		}
		return item
	})
	return c.list(items, strconv.Itoa(len(rows)))
}

// compareEndpoints orders by riskScore DESC, lastActive DESC NULLS LAST.
func compareEndpoints(a, b *endpoint) int {
	return cmp.Or(compareRisk(b.riskScore, a.riskScore), compareTimes(b.lastActive, a.lastActive))
}

// compareTimes orders a zero time first.
func compareTimes(a, b time.Time) int { return a.Compare(b) }

func (c *call) endpointMatches(e *endpoint, params *js.Object) bool {
	if !anyOf(params, "hosts", e.host) || !anyOf(params, "riskScores", e.riskScore) ||
		!anyOf(params, "methods", e.method) || !anyOf(params, "resourcePermissions", e.resourcePermissions...) {
		return false
	}
	if len(params.List("dataClasses")) > 0 && !anyOf(params, "dataClasses", e.dataClasses()...) {
		return false
	}
	if want := params.Text("isAuthenticated"); want != "" && e.authenticated() != (want == "true") {
		return false
	}
	return c.hostMatches(e.host, params.Text("hostType"))
}

func (st *Store) hostMatches(host, hostType string) bool {
	return hostType == "Any" || hostType == "" || st.hosts[host] == (hostType == "Public")
}

// anyOf reports whether a list filter holds one of the values. An absent or empty filter matches everything.
func anyOf(params *js.Object, name string, values ...string) bool {
	filter := params.List(name)
	return len(filter) == 0 || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(filter, any(v)) })
}

func noEndpoint() Response { return Text(http.StatusNotFound, "Endpoint does not exist.") }

// endpointDetail is the answer of GET /endpoint/:id.
type endpointDetail struct {
	endpointRow
	DataFields             []fieldRow    `json:"dataFields"`
	Alerts                 []alertStatus `json:"alerts"`
	OpenapiSpec            *specColumns  `json:"openapiSpec,omitzero"`
	Traces                 []*trace      `json:"traces"`
	Tests                  []struct{}    `json:"tests"`
	GlobalFullTraceCapture bool          `json:"globalFullTraceCapture"`
	GraphQlSchema          string        `json:"graphQlSchema,omitzero"`
}

type alertStatus struct {
	UUID   string `json:"uuid"`
	Status string `json:"status"`
}

func getEndpoint(c *call) Response {
	if !zod.IsUUID(c.params["id"]) {
		return noEndpoint()
	}
	e := c.byID[strings.ToLower(c.params["id"])]
	if e == nil {
		return Text(http.StatusInternalServerError, "Error: Endpoint does not exist.")
	}
	detail := endpointDetail{
		endpointRow: e.row(), Traces: e.traces, Tests: []struct{}{}, Alerts: []alertStatus{},
		GlobalFullTraceCapture: c.configFlag("globalFullTraceCapture"), GraphQlSchema: c.graphQL[e.host+e.path],
	}
	detail.ResourcePermissions = cached(c.Store, "permissions "+e.uuid, permissionCache, func() []string {
		config := c.cachedTesting()
		rules, _, _ := config.rules()
		return permissionsOf(rules, e)
	})
	fields := slices.Clone(e.fields)
	slices.SortStableFunc(fields, compareFields)
	detail.DataFields = convert(fields, (*dataField).row)
	for _, a := range c.alerts {
		if a.endpoint == e {
			detail.Alerts = append(detail.Alerts, alertStatus{a.uuid, a.status})
		}
	}
	if e.specName != nil {
		if s := c.specNamed(*e.specName); s != nil {
			columns := s.columns()
			detail.OpenapiSpec = &columns
		}
	}
	return Ok(detail)
}

// compareFields orders by dataTag, statusCode, contentType and dataPath, each ascending with nulls last.
func compareFields(a, b *dataField) int {
	return cmp.Or(compareNullable(a.dataTag, b.dataTag), compareNullable(a.statusCode, b.statusCode),
		compareNullable(a.contentType, b.contentType), cmp.Compare(a.dataPath, b.dataPath))
}

func compareNullable[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}

func endpointUsage(c *call) Response {
	if !zod.IsUUID(c.params["id"]) {
		return noEndpoint()
	}
	e := c.byID[strings.ToLower(c.params["id"])]
	if e == nil {
		return Text(http.StatusInternalServerError, "Error: Endpoint does not exist.")
	}
	type day struct {
		Date  stamp  `json:"date"`
		Count string `json:"count"`
	}
	perDay := map[time.Time]int{}
	for hour, n := range e.calls {
		perDay[hour.Truncate(24*time.Hour)] += n
	}
	days := []day{}
	for date, n := range perDay {
		days = append(days, day{stamp{date}, strconv.Itoa(n)})
	}
	slices.SortFunc(days, func(a, b day) int { return a.Date.Compare(b.Date.Time) })
	return Ok(days)
}

// withEndpoint answers 404 for an id that is malformed or unknown.
func (c *call) withEndpoint(then func(*endpoint) Response) Response {
	e := c.byID[strings.ToLower(c.params["id"])]
	if e == nil {
		return noEndpoint()
	}
	return then(e)
}

func setAuthenticated(c *call) Response {
	return c.withEndpoint(func(e *endpoint) Response {
		value := c.object().Get("authenticated")
		switch v := value.(type) {
		case js.Undefined: // the statement sets the time of the change alone
		case nil:
			e.authUserSet = nil
		default:
			b, valid := pg.ParseBool(pg.Text(v))
			if !valid {
				return Text(http.StatusInternalServerError, pg.BadBool(v))
			}
			e.authUserSet = &b
		}
		c.rewrite(e)
		return Success()
	})
}

func setFullTraceCapture(c *call) Response {
	if !zod.IsUUID(c.params["id"]) {
		return noEndpoint()
	}
	params, bad := check(zod.Object(zod.Key("enabled", zod.Bool())), c.body)
	if bad != nil {
		return *bad
	}
	return c.withEndpoint(func(e *endpoint) Response {
		e.fullTrace, _ = params.Get("enabled").(bool)
		c.rewrite(e)
		return Success()
	})
}

func setUserSet(c *call) Response {
	id, bad := c.rowID()
	if bad != "" {
		return queryFailed(bad)
	}
	value := c.object().Get("userSetState")
	e := c.byID[id]
	if js.IsUndefined(value) { // the statement sets the time of the change alone
		if e != nil {
			c.rewrite(e)
		}
		return sendStatus()
	}
	if value == nil {
		return sendStatus()
	}
	userSet, valid := pg.ParseBool(pg.Text(value))
	if !valid {
		return queryFailed(pg.BadBool(value))
	}
	if e != nil {
		e.userSet = userSet
		c.rewrite(e)
	}
	return sendStatus()
}

func deleteEndpoint(c *call) Response {
	id := c.params["id"]
	if !zod.IsUUID(id) {
		return noEndpoint()
	}
	if c.byID[strings.ToLower(id)] == nil {
		return Text(http.StatusInternalServerError, "")
	}
	c.removeEndpoints(func(e *endpoint) bool { return strings.EqualFold(e.uuid, id) })
	return Success()
}

func deleteEndpoints(c *call) Response {
	params, bad := check(zod.Object(zod.Key("uuids", zod.Array(zod.String()))), c.body)
	if bad != nil {
		return *bad
	}
	ids := params.Texts("uuids")
	if len(ids) == 0 {
		return Text(http.StatusInternalServerError, "")
	}
	doomed := map[string]bool{}
	for _, id := range ids {
		canonical, valid := pg.ParseUUID(id)
		if !valid {
			return Text(http.StatusInternalServerError, "Could not delete some endpoints while there are incoming requests")
		}
		doomed[canonical] = true
	}
	c.removeEndpoints(func(e *endpoint) bool { return doomed[e.uuid] })
	return sendStatus()
}
