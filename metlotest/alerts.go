package metlotest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

func alertRoutes() []route {
	return []route{
		{method: "GET", pattern: "/alerts", handle: listAlerts},
		{method: "PUT", pattern: "/alerts", handle: updateAlerts},
		{method: "PUT", pattern: "/alert/:id", handle: updateAlert},
	}
}

func listAlerts(c *call) response {
	params, bad := check(zObject(
		property{"uuid", zOptional(zUUID())},
		property{"apiEndpointUuid", zOptional(zUUID())},
		property{"riskScores", zOptional(zArray(zEnum(riskScores()...)))},
		property{"status", zOptional(zArray(zEnum(statuses()...)))},
		property{"alertTypes", zOptional(zArray(zEnum(alertTypes()...)))},
		property{"hosts", zOptional(zArray(zString()))},
		property{"offset", zOptional(zCount())},
		property{"limit", zOptional(zCount())},
		property{"order", zOptional(zUnion(zLiteral("DESC"), zLiteral("ASC")))},
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
	limit, offset := c.page(params, "limit", "offset", noLimit)
	if limit == 0 {
		limit = noLimit
	}
	sortUnstably(rows, func(a, b *alert) int {
		risk := compareRisk(b.riskScore, a.riskScore)
		if params.text("order") == "ASC" {
			risk = -risk
		}
		return cmp.Or(cmp.Compare(statusRank(a.status), statusRank(b.status)), risk, b.createdAt.Compare(a.createdAt))
	}, func(a *alert) string { return a.uuid }, limit, offset)
	return c.list(convert(window(rows, limit, offset), c.alertItem), len(rows))
}

// alertMatches applies all filters except status. In lists a uuid is one filter among others.
func alertMatches(a *alert, params *object) bool {
	if id := params.text("uuid"); id != "" && !strings.EqualFold(id, a.uuid) {
		return false
	}
	if id := params.text("apiEndpointUuid"); id != "" && !strings.EqualFold(id, a.endpoint.uuid) {
		return false
	}
	return anyOf(params, "riskScores", a.riskScore) && anyOf(params, "alertTypes", a.kind) && anyOf(params, "hosts", a.endpoint.host)
}

// transition is what an update type does: to which status, and why not.
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
		return "Open", ""
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
		return "Open", ""
	}
}

func (st *store) applyUpdate(a *alert, next string, params *object) {
	a.status = next
	if params.text("updateType") == "resolve" {
		a.resolutionMessage = nil
		if message := strings.TrimSpace(params.text("resolutionMessage")); message != "" {
			a.resolutionMessage = &message
		}
	}
	a.updatedAt = st.tick()
}

func updateAlert(c *call) response {
	params, bad := check(zObject(
		property{"updateType", zEnum(updateTypes()...)},
		property{"resolutionMessage", zOptional(zString())},
	), c.body)
	if bad != nil {
		return *bad
	}
	id := c.params["id"]
	if !isUUID(id) {
		return text(http.StatusInternalServerError, badUUID(id))
	}
	a := c.alertByID[strings.ToLower(id)]
	if a == nil {
		return text(http.StatusNotFound, "Not Found")
	}
	next, conflict := transition(params.text("updateType"), a.status)
	if conflict != "" {
		return text(http.StatusConflict, conflict)
	}
	// The answer carries the row as it was read, so updatedAt is the old one.
	before := a.updatedAt
	c.applyUpdate(a, next, params)
	shown := a.withEndpoint()
	shown.UpdatedAt = stamp{before}
	return ok(shown)
}

func updateAlerts(c *call) response {
	params, bad := check(zObject(
		property{"updateType", zEnum(updateTypes()...)},
		property{"resolutionMessage", zOptional(zString())},
		property{"uuid", zOptional(zNullable(zUUID()))},
		property{"apiEndpointUuid", zOptional(zUUID())},
		property{"riskScores", zOptional(zArray(zEnum(riskScores()...)))},
		property{"status", zOptional(zArray(zEnum(statuses()...)))},
		property{"alertTypes", zOptional(zArray(zEnum(alertTypes()...)))},
		property{"hosts", zOptional(zArray(zString()))},
	), c.body)
	if bad != nil {
		return *bad
	}
	filter := params
	if id := params.text("uuid"); id != "" {
		filter = newObject("uuid", id)
	}
	var matched []*alert
	for _, a := range c.alerts {
		if _, conflict := transition(params.text("updateType"), a.status); conflict == "" && alertMatches(a, filter) {
			matched = append(matched, a)
		}
	}
	if len(matched) == 0 {
		return text(http.StatusInternalServerError, `syntax error at or near ")"`)
	}
	for _, a := range matched {
		next, _ := transition(params.text("updateType"), a.status)
		c.applyUpdate(a, next, params)
	}
	return sendStatus()
}

// openAlerts are the open ones, the riskiest and newest first.
func (st *store) openAlerts() []*alert {
	var open []*alert
	for _, a := range st.alerts {
		if a.status == "Open" {
			open = append(open, a)
		}
	}
	slices.SortStableFunc(open, func(a, b *alert) int {
		return cmp.Or(compareRisk(b.riskScore, a.riskScore), b.createdAt.Compare(a.createdAt))
	})
	return open
}
