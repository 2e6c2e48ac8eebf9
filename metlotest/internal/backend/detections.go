package backend

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func detectionRoutes() []route {
	return []route{
		{method: "GET", pattern: "/new-detections", handle: newDetections},
		{method: "GET", pattern: "/new-detections-agg", handle: dailyDetections},
	}
}

const detectionCap = 50

func newDetections(c *call) Response {
	params, bad := check(zod.Object(
		zod.Key("start", zod.Optional(zod.String())),
		zod.Key("end", zod.Optional(zod.String())),
		zod.Key("detectionRiskScores", zod.Optional(zod.Array(zod.Enum(riskScores()...)))),
		zod.Key("detectionHosts", zod.Optional(zod.Array(zod.String()))),
		zod.Key("detectionType", zod.Default(zod.Enum("endpoint", "data_field"), "endpoint")),
		zod.Key("detectionOffset", zod.Optional(zod.Count())),
		zod.Key("detectionLimit", zod.Optional(zod.Max(zod.Count(), detectionCap))),
	), c.query)
	if bad != nil {
		return *bad
	}
	start, startOK := jsDate(params.Text("start"))
	end, endOK := jsDate(params.Text("end"))
	if !startOK || !endOK {
		// A Date that is not one reaches the database as NaN.
		return Text(http.StatusInternalServerError, `invalid input syntax for type timestamp: "0NaN-NaN-NaNTNaN:NaN:NaN.NaN+NaN:NaN"`)
	}
	within := func(t time.Time) bool {
		// The database compares microseconds with the milliseconds of a JavaScript date.
		return (start.IsZero() || !t.Before(start)) && (end.IsZero() || !t.After(end))
	}
	limit, offset := c.page(params, "detectionLimit", "detectionOffset", 10)
	if params.Text("detectionType") == "data_field" {
		return c.newFields(params, within, limit, offset)
	}
	var rows []*endpoint
	for _, e := range c.endpoints {
		if within(e.createdAt) && anyOf(params, "detectionRiskScores", e.riskScore) && anyOf(params, "detectionHosts", e.host) {
			rows = append(rows, e)
		}
	}
	sortUnstably(rows, func(a, b *endpoint) int { return b.createdAt.Compare(a.createdAt) }, endpointID, limit, offset)
	return c.list(convert(window(rows, limit, offset), (*endpoint).orm), len(rows))
}

func (c *call) newFields(params *js.Object, within func(time.Time) bool, limit, offset int) Response {
	var rows []*dataField
	for _, e := range c.endpoints {
		if !anyOf(params, "detectionHosts", e.host) {
			continue
		}
		for _, f := range e.fields {
			if within(f.createdAt) {
				rows = append(rows, f)
			}
		}
	}
	sortUnstably(rows, func(a, b *dataField) int { return b.createdAt.Compare(a.createdAt) },
		func(f *dataField) string { return f.uuid }, limit, offset)
	return c.list(convert(window(rows, limit, offset), func(f *dataField) fieldORM {
		item, e := f.orm(), f.endpoint.orm()
		item.APIEndpoint = &e
		return item
	}), len(rows))
}

// jsDate reads the forms of new Date(text) that a program sends. Empty is no date, and fine.
func jsDate(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02", "2006-01", "2006", "2006-01-02T15:04", "2006-01-02T15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02 15:04:05", time.RFC1123, time.RFC1123Z, "Mon Jan 02 2006 15:04:05 GMT-0700",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Truncate(time.Millisecond), true
		}
	}
	return time.Time{}, false
}

const detectionDays = 20

func dailyDetections(c *call) Response {
	type counts struct{ endpoints, fields int }
	days := map[time.Time]*counts{}
	since := time.Now().Add(-detectionDays * 24 * time.Hour)
	at := func(t time.Time) *counts {
		day := t.UTC().Truncate(24 * time.Hour)
		if days[day] == nil {
			days[day] = &counts{}
		}
		return days[day]
	}
	for _, e := range c.endpoints {
		if !e.createdAt.Before(since) {
			at(e.createdAt).endpoints++
		}
		for _, f := range e.fields {
			if !f.createdAt.Before(since) {
				at(f.createdAt).fields++
			}
		}
	}
	type item struct {
		Day          stamp   `json:"day"`
		NumEndpoints *string `json:"numEndpoints"`
		NumFields    *string `json:"numFields"`
	}
	sum := func(n int) *string {
		if n == 0 {
			return nil
		}
		s := strconv.Itoa(n)
		return &s
	}
	items := []item{}
	for day, n := range days {
		items = append(items, item{stamp{day}, sum(n.endpoints), sum(n.fields)})
	}
	slices.SortFunc(items, func(a, b item) int { return b.Day.Compare(a.Day.Time) })
	return Ok(window(items, detectionDays, 0))
}
