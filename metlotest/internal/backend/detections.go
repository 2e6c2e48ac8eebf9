package backend

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
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
		zod.Key("start", zod.Optional(zod.Nullable(zod.String()))),
		zod.Key("end", zod.Optional(zod.Nullable(zod.String()))),
		zod.Key("detectionRiskScores", zod.Default(zod.Array(zod.Enum(riskScores()...)), []any{})),
		zod.Key("detectionHosts", zod.Default(zod.Array(zod.String()), []any{})),
		zod.Key("detectionType", zod.Default(zod.Enum("endpoint", "data_field"), "endpoint")),
		zod.Key("detectionOffset", zod.ParsedInt("0", math.Inf(1))),
		zod.Key("detectionLimit", zod.ParsedInt("10", detectionCap)),
	), c.query)
	if bad != nil {
		return *bad
	}
	start, startOK := detectionDate(params.Text("start"))
	end, endOK := detectionDate(params.Text("end"))
	if !startOK || !endOK {
		// An invalid Date reaches the database as NaN.
		return Text(http.StatusInternalServerError, `invalid input syntax for type timestamp with time zone: "0NaN-NaN-NaNTNaN:NaN:NaN.NaN+NaN:NaN"`)
	}
	within := func(t time.Time) bool {
		// The database compares microseconds with the milliseconds of a JavaScript date.
		return (start.IsZero() || !t.Before(start)) && (end.IsZero() || !t.After(end))
	}
	if c.hasNul(params, "detectionHosts") {
		return databaseError(pg.NulByte)
	}
	limit, offset := c.page(params, "detectionLimit", "detectionOffset", 10)
	if problem := badDetectionWindow(limit, offset); problem != "" {
		return databaseError(problem)
	}
	if limit == 0 {
		limit = pg.NoLimit
	}
	if params.Text("detectionType") == "data_field" {
		return c.newFields(params, within, limit, offset)
	}
	var rows []*endpoint
	for _, e := range c.endpoints {
		if within(e.createdAt) && anyOf(params, "detectionRiskScores", e.riskScore) && anyOf(params, "detectionHosts", e.host) {
			rows = append(rows, e)
		}
	}
	page := pg.Page(rows, func(a, b *endpoint) int { return b.createdAt.Compare(a.createdAt) }, limit, offset)
	return c.list(convert(page, (*endpoint).row), len(rows))
}

func (c *call) newFields(params *js.Object, within func(time.Time) bool, limit, offset int) Response {
	var rows []*dataField
	for _, e := range c.endpoints {
		if !anyOf(params, "detectionHosts", e.host) || !anyOf(params, "detectionRiskScores", e.riskScore) {
			continue
		}
		for _, f := range e.fields {
			if within(f.createdAt) {
				rows = append(rows, f)
			}
		}
	}
	page := pg.Page(rows, func(a, b *dataField) int { return b.createdAt.Compare(a.createdAt) }, limit, offset)
	return c.list(convert(page, func(f *dataField) fieldRow {
		item, e := f.row(), f.endpoint.row()
		item.APIEndpoint = &e
		return item
	}), len(rows))
}

// detectionDate parses a date; an empty text is valid.
func detectionDate(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	return js.ParseDate(s)
}

// badDetectionWindow is like [badWindow], except that -1 is not special.
func badDetectionWindow(limit, offset int) string {
	if limit < 0 {
		return "LIMIT must not be negative"
	}
	return badWindow(limit, offset)
}

const (
	// detectionDays is the maximum number of days with data in the answer, within detectionSpan.
	detectionDays  = 20
	detectionSpan  = 60 * 24 * time.Hour
	detectionCache = time.Hour
)

type detectionDay struct {
	Day          stamp   `json:"day"`
	NumEndpoints *string `json:"numEndpoints"`
	NumFields    *string `json:"numFields"`
}

func dailyDetections(c *call) Response {
	return Ok(cached(c.Store, "detectionDays", detectionCache, c.detectionDays))
}

func (st *Store) detectionDays() []detectionDay {
	type counts struct{ endpoints, fields int }
	days := map[time.Time]*counts{}
	since := time.Now().Add(-detectionSpan)
	at := func(t time.Time) *counts {
		day := t.UTC().Truncate(24 * time.Hour)
		if days[day] == nil {
			days[day] = &counts{}
		}
		return days[day]
	}
	for _, e := range st.endpoints {
		if !e.createdAt.Before(since) {
			at(e.createdAt).endpoints++
		}
		for _, f := range e.fields {
			if !f.createdAt.Before(since) {
				at(f.createdAt).fields++
			}
		}
	}
	sum := func(n int) *string {
		if n == 0 {
			return nil
		}
		s := strconv.Itoa(n)
		return &s
	}
	items := []detectionDay{}
	for day, n := range days {
		items = append(items, detectionDay{stamp{day}, sum(n.endpoints), sum(n.fields)})
	}
	slices.SortFunc(items, func(a, b detectionDay) int { return b.Day.Compare(a.Day.Time) })
	return window(items, detectionDays, 0)
}
