package walk

import (
	"errors"
	"time"
)

// errBudget ends a walk that would cost too many requests.
var errBudget = errors.New("the walk has used up its requests")

// answer describes one response.
type answer struct {
	Response
	limit int  // limit of the request
	fresh int  // items that were new
	known int  // items that the pass had before
	past  bool // the response is newest first and older than Since, so later rows are older too

	newest, oldest time.Time
	untimed        bool // an item has no time
	unordered      bool // an item is newer than the one before it

	copies map[Key]int // number of items without an id, by content
}

// holds reports whether the response reaches the end of the list.
func (a answer) holds(start int) bool { return a.Total >= 0 && start+a.Rows >= a.Total }

// allow limits the cost of a walk through so many items; -1 for an unknown number.
func (w *walker[T]) allow(items int) { w.limited, w.items = true, items }

// budget returns how many requests the walk may send.
func (w *walker[T]) budget() int {
	items := w.items
	if items < 0 {
		items = len(w.seen)
	}
	return int(12*int64(items)/int64(max(w.longest, 1))) + 20
}

// get asks for rows and yields those that are new. Where a response is refused because it would be too long it asks for
// fewer rows, from the same place, and remembers the size that worked.
func (w *walker[T]) get(p Part, limit, offset int, pr *proof) (answer, error) {
	fresh := 0
	for failures := 1; ; failures++ {
		a, err := w.once(p, limit, offset, pr)
		fresh += a.fresh
		var f *FetchError
		switch {
		case err == nil:
			a.fresh = fresh
			w.note(p, a)
			return a, nil
		case !errors.As(err, &f):
			return a, err
		}
		if a.fresh > 0 {
			failures = 1
		}
		switch {
		case f.Next == Repeat:
		case f.Next == Wait && (w.Pause(failures) == nil || w.ctx.Err() != nil): // after the context ended, the request returns the reason
		case (f.Next == Shorten || f.Next == Wait) && (limit == Everything || limit > firstRows):
			limit = stepDown(limit)
			w.MaxLimit, failures = limit, 0
		case f.Next == Split:
			return a, f
		default:
			return a, f.Err
		}
	}
}

// stepDown returns the next limit to try after a rejected one.
func stepDown(limit int) int {
	if limit == Everything || limit > stepRows {
		return stepRows
	}
	return max(limit/2, firstRows)
}

// once sends one request, and visits the items of the response.
func (w *walker[T]) once(p Part, limit, offset int, pr *proof) (answer, error) {
	if w.limited && w.requests >= w.budget() {
		return answer{}, errBudget
	}
	w.requests++
	w.maxRequested = max(w.maxRequested, limit)
	a := answer{limit: limit}
	r := Request{Part: p, Limit: limit, Offset: offset, MaxRows: max(limit, 0) + wholeRows}
	if w.total >= 0 {
		r.MaxRows = max(limit, 0) + 2*min(w.total, wholeRows) + firstRows
	}
	var err error
	a.Response, err = w.Fetch(r, func(item *T) error { return w.visit(item, p, &a, pr) })
	a.Total = min(a.Total, maxTotal)
	if a.Rows > 0 && offset+a.Rows > a.Total {
		a.Total = -1 // it cannot be true
	}
	a.past = a.past && !a.unordered
	if pr != nil {
		total := a.Total
		if err != nil {
			total = -1 // the next response may not hold the rows of this one
		}
		pr.next(total)
	}
	return a, err
}

// visit yields an item if it is new and within the bounds of time.
func (w *walker[T]) visit(item *T, p Part, a *answer, pr *proof) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	i, err := w.Describe(item)
	if err != nil {
		return err
	}
	if w.timed {
		a.look(i.Created, w.Since)
		w.unbounded = w.unbounded || !p.contains(i.Created)
	}
	if i.Unnamed {
		if a.copies == nil {
			a.copies = map[Key]int{}
		}
		a.copies[i.Key]++
		i.Key = i.Key.copy(a.copies[i.Key])
	}
	n, known := w.seen[i.Key]
	if !known {
		n = int32(len(w.seen))
		w.seen[i.Key] = n
	}
	if pr != nil && pr.saw(int(n)) {
		a.known++
	}
	if known {
		return nil
	}
	a.fresh++
	if w.onFresh != nil {
		w.onFresh(i)
	}
	w.received++
	wanted := w.ByTime || i.Created.IsZero() || !i.Created.Before(w.Since) && (w.Until.IsZero() || !i.Created.After(w.Until))
	if wanted && !w.yield(*item) {
		return ErrStop
	}
	return nil
}

// look records the time of the next item.
func (a *answer) look(created, since time.Time) {
	switch {
	case created.IsZero():
		a.untimed = true
		return
	case a.oldest.IsZero():
		a.newest = created
	case created.After(a.oldest):
		a.unordered = true
		return
	}
	a.oldest = created
	a.past = a.past || created.Before(since)
}

// note records the evidence of a response about the list.
func (w *walker[T]) note(p Part, a answer) {
	w.longest = max(w.longest, a.Rows)
	if !p.isAll(w.windowEnd()) || a.Total < 0 {
		return
	}
	w.total = a.Total
}
