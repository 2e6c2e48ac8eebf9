package metlotest

import "math"

// noLimit stands for a list without a limit.
const noLimit = -1

// page reads offset and limit from validated parameters and applies the fault at hand.
func (c *call) page(params *object, limitName, offsetName string, defaultLimit int) (limit, offset int) {
	limit = defaultLimit
	if f, ok := params.get(limitName).(float64); ok {
		limit = toInt(f)
	}
	if f, ok := params.get(offsetName).(float64); ok && !c.spoil.ignoreOffset {
		offset = toInt(f)
	}
	if most := c.spoil.pageCap; most > 0 && (limit > most || limit == noLimit) {
		limit = most
	}
	return limit, offset
}

func toInt(f float64) int { return int(min(f, math.MaxInt32)) }

// window cuts a page out of rows.
func window[T any](rows []T, limit, offset int) []T {
	rows = rows[min(offset, len(rows)):]
	if limit != noLimit && limit < len(rows) {
		rows = rows[:limit]
	}
	return rows
}

// list is the pair [items, total].
func (c *call) list(items, total any) response {
	if c.spoil.unknownTotal {
		return ok(items)
	}
	return ok([]any{items, total})
}

// convert maps rows to what the wire shows; the result is never null.
func convert[A, B any](rows []A, f func(A) B) []B {
	out := make([]B, len(rows))
	for i, row := range rows {
		out[i] = f(row)
	}
	return out
}
