package backend

import (
	"math"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
)

// page reads offset and limit from validated parameters and applies the current fault.
func (c *call) page(params *js.Object, limitName, offsetName string, defaultLimit int) (limit, offset int) {
	limit = defaultLimit
	if f, ok := params.Get(limitName).(float64); ok {
		limit = toInt(f)
	}
	if f, ok := params.Get(offsetName).(float64); ok && !c.spoil.IgnoreOffset {
		offset = toInt(f)
	}
	if pageCap := c.spoil.PageCap; pageCap > 0 && (limit > pageCap || limit == pg.NoLimit) {
		limit = pageCap
	}
	return limit, offset
}

func toInt(f float64) int { return int(max(min(f, math.MaxInt32), math.MinInt32)) }

// window returns a page of rows.
func window[T any](rows []T, limit, offset int) []T {
	rows = rows[min(offset, len(rows)):]
	if limit < len(rows) {
		rows = rows[:limit]
	}
	return rows
}

// list returns the pair [items, total].
func (c *call) list(items, total any) Response {
	if c.spoil.UnknownTotal {
		return Ok(items)
	}
	return Ok([]any{items, total})
}

// convert maps rows to their form on the wire; the result is never null.
func convert[A, B any](rows []A, f func(A) B) []B {
	out := make([]B, len(rows))
	for i, row := range rows {
		out[i] = f(row)
	}
	return out
}
