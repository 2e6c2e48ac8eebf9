package walk

import (
	"errors"
	"math/bits"
)

const idlePasses = 4 // maximum number of passes in a row without progress of the proof

// inParts walks a list that no single response holds.
func (w *walker[T]) inParts(total int) error {
	w.allow(total)
	if total >= 0 && w.Dimensions > 0 {
		held, err := w.split(total)
		if err != nil || held {
			return err
		}
		w.missing, w.unknown = 0, false
	}
	return w.pages(Part{}, total)
}

// pages walks a part by offset, in repeated passes, until it is proven that no item was skipped.
func (w *walker[T]) pages(p Part, total int) error {
	pr := newProof()
	missing, idle := total, 0
	for n := 0; idle < idlePasses; n++ {
		before := len(w.seen)
		held, err := w.pass(p, n, pr)
		if held || (err != nil && !errors.Is(err, errBudget)) {
			return err
		}
		if w.items < 0 {
			w.items = len(w.seen) // a growing list must not raise the budget
		}
		was := missing
		if len(pr.totals) > 0 {
			missing = pr.missing()
		}
		idle++
		switch {
		case missing == 0:
			return nil
		case err != nil:
			idle = idlePasses
		case missing < 0 && len(w.seen) > before, missing >= 0 && (was < 0 || missing < was):
			idle = 0
		}
	}
	w.miss(missing)
	return nil
}

// pass walks a part once from its start, and reports whether one response held it. Each pass begins with another page
// size, the second with half a page, so that its pages have other boundaries.
func (w *walker[T]) pass(p Part, n int, pr *proof) (held bool, err error) {
	pr.begin()
	size := w.pageLimit()
	if n > 0 {
		size = max(int(fraction(n)*float64(min(w.longest, size))), 1)
	}
	for at, idle := 0, 0; ; {
		a, err := w.get(p, size, at, pr)
		if err != nil {
			return false, err
		}
		if at == 0 && a.holds(0) {
			return true, nil
		}
		at += a.Rows
		if idle++; a.known < a.Rows {
			idle = 0
		}
		switch {
		case a.Rows == 0, a.Total >= 0 && at >= a.Total:
			return false, nil
		case a.Total < 0 && (idle == idlePages || at > 5*wholeRows):
			return false, nil
		case a.Rows >= a.limit:
			size = min(2*a.limit, w.pageLimit())
		default:
			size = min(max(a.Rows, firstRows), w.pageLimit())
		}
	}
}

// fraction returns 1/2, 1/4, 3/4, 1/8, 5/8, …
func fraction(n int) float64 { return float64(bits.Reverse32(uint32(n))) / (1 << 32) }

// pageLimit returns how many rows a page may have at most.
func (w *walker[T]) pageLimit() int {
	limit := w.atMost(pageRows)
	if w.total >= 0 {
		return min(limit, roomFor(w.total))
	}
	return min(limit, max(w.maxRequested, firstRows))
}
