package backend

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func alertRoutes() []route {
	return []route{
		{method: "GET", pattern: "/alerts", handle: listAlerts},
		{method: "PUT", pattern: "/alert/:id", handle: updateAlert},
		{method: "PUT", pattern: "/alerts", handle: updateAlerts},
	}
}

func listAlerts(c *call) Response {
	params, bad := check(zod.Object(
		zod.Key("uuid", zod.Optional(zod.UUID())),
		zod.Key("apiEndpointUuid", zod.Optional(zod.UUID())),
		zod.Key("riskScores", zod.Optional(zod.Array(zod.Enum(riskScores()...)))),
		zod.Key("status", zod.Optional(zod.Array(zod.Enum(statuses()...)))),
		zod.Key("alertTypes", zod.Optional(zod.Array(zod.Enum(alertTypes()...)))),
		zod.Key("hosts", zod.Optional(zod.Array(zod.String()))),
		zod.Key("offset", zod.Optional(zod.Count())),
		zod.Key("limit", zod.Optional(zod.Count())),
		zod.Key("order", zod.Optional(zod.Union(zod.Literal("DESC"), zod.Literal("ASC")))),
	), c.query)
	if bad != nil {
		return *bad
	}
	var rows []*alert
	for _, a := range c.alerts {
		if alertMatches(a, params) && anyOf(params, "status", a.status) {
			rows = append(rows, a)
		}
	}
	if c.hasNul(params, "hosts") {
		return databaseError(pg.NulByte)
	}
	limit, offset := c.page(params, "limit", "offset", pg.NoLimit)
	if limit == 0 {
		limit = pg.NoLimit
	}
	ascending := params.Text("order") == "ASC"
	page := pg.Page(rows, func(a, b *alert) int {
		risk := compareRisk(b.riskScore, a.riskScore)
		if ascending {
			risk = -risk
		}
		return cmp.Or(cmp.Compare(statusRank(a.status), statusRank(b.status)), risk, b.createdAt.Compare(a.createdAt))
	}, limit, offset)
	return c.list(convert(page, c.alertItem), len(rows))
}

// alertMatches applies all filters except status. In lists a uuid is one filter among others.
func alertMatches(a *alert, params *js.Object) bool {
	if id := params.Text("uuid"); id != "" && !strings.EqualFold(id, a.uuid) {
		return false
	}
	if id := params.Text("apiEndpointUuid"); id != "" && !strings.EqualFold(id, a.endpoint.uuid) {
		return false
	}
	return anyOf(params, "riskScores", a.riskScore) && anyOf(params, "alertTypes", a.kind) && anyOf(params, "hosts", a.endpoint.host)
}

// transition returns the next status for an update type, or the text of a conflict.
func transition(updateType, status string) (next, conflict string) {
	switch updateType {
	case "ignore":
		switch status {
		case "Ignored":
			return "", "Alert is already being ignored."
		case "Resolved":
			return "", "Alert is resolved and cannot be ignored."
		}
		return "Ignored", ""
	case "unignore":
		if status != "Ignored" {
			return "", "Alert is currently not ignored."
		}
		return statusOpen, ""
	case "resolve":
		switch status {
		case "Resolved":
			return "", "Alert is already resolved."
		case "Ignored":
			return "", "Alert is ignored and cannot be resolved."
		}
		return "Resolved", ""
	default:
		if status != "Resolved" {
			return "", "Alert is currently not resolved."
		}
		return statusOpen, ""
	}
}

func (st *Store) applyUpdate(a *alert, next string, params *js.Object) {
	a.status = next
	if params.Text("updateType") == "resolve" {
		a.resolutionMessage = nil
		if message := js.Trim(params.Text("resolutionMessage")); message != "" {
			a.resolutionMessage = &message
		}
	}
	a.updatedAt = st.tick()
	// PostgreSQL puts the new version of a row behind all others.
	if at := slices.Index(st.alerts, a); at >= 0 {
		st.alerts = append(slices.Delete(st.alerts, at, at+1), a)
	}
}

func updateAlert(c *call) Response {
	params, bad := check(zod.Object(
		zod.Key("updateType", zod.Enum(updateTypes()...)),
		zod.Key("resolutionMessage", zod.Optional(zod.String())),
	), c.body)
	if bad != nil {
		return *bad
	}
	id, problem := c.rowID()
	if problem != "" {
		return databaseError(problem)
	}
	a := c.alertByID[id]
	if a == nil {
		return Text(http.StatusNotFound, "Not Found")
	}
	next, conflict := transition(params.Text("updateType"), a.status)
	if conflict != "" {
		return Text(http.StatusConflict, conflict)
	}
	// The answer carries the row as it was read, so updatedAt is the old one.
	before := a.updatedAt
	c.applyUpdate(a, next, params)
	shown := a.withEndpoint()
	shown.UpdatedAt = stamp{before}
	return Ok(shown)
}

func updateAlerts(c *call) Response {
	params, bad := check(zod.Object(
		zod.Key("updateType", zod.Enum(updateTypes()...)),
		zod.Key("resolutionMessage", zod.Optional(zod.String())),
		zod.Key("uuid", zod.Optional(zod.Nullable(zod.UUID()))),
		zod.Key("apiEndpointUuid", zod.Optional(zod.UUID())),
		zod.Key("riskScores", zod.Optional(zod.Array(zod.Enum(riskScores()...)))),
		zod.Key("status", zod.Optional(zod.Array(zod.Enum(statuses()...)))),
		zod.Key("alertTypes", zod.Optional(zod.Array(zod.Enum(alertTypes()...)))),
		zod.Key("hosts", zod.Optional(zod.Array(zod.String()))),
	), c.body)
	if bad != nil {
		return *bad
	}
	if c.hasNul(params, "hosts", "resolutionMessage") {
		return databaseError(pg.NulByte)
	}
	filter := params
	if id := params.Text("uuid"); id != "" {
		filter = js.New("uuid", id)
	}
	var matched []*alert
	for _, a := range c.alerts {
		if _, conflict := transition(params.Text("updateType"), a.status); conflict == "" && alertMatches(a, filter) {
			matched = append(matched, a)
		}
	}
	if len(matched) == 0 {
		return Text(http.StatusInternalServerError, `syntax error at or near ")"`)
	}
	for _, a := range matched {
		next, _ := transition(params.Text("updateType"), a.status)
		c.applyUpdate(a, next, params)
	}
	return sendStatus()
}

// openAlerts returns the open ones, the riskiest and newest first.
func (st *Store) openAlerts() []*alert {
	var open []*alert
	for _, a := range st.alerts {
		if a.status == statusOpen {
			open = append(open, a)
		}
	}
	slices.SortStableFunc(open, func(a, b *alert) int {
		return cmp.Or(compareRisk(b.riskScore, a.riskScore), b.createdAt.Compare(a.createdAt))
	})
	return open
}
