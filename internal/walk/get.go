package walk

import (
	"errors"
	"time"
)

// errBudget ends a walk that would cost too many requests.
var errBudget = errors.New("the walk has used up its requests")

// answer is what one response came to.
type answer struct {
	Response
	asked int  // the limit
	fresh int  // items that were new
	again int  // items that the pass had before
	past  bool // it is newest first and reaches behind Since, so what follows is older

	newest, oldest time.Time
	untimed        bool // an item has no time
	unordered      bool // an item is newer than the one before it

	copies map[Key]int // of items without an id
}

// holds reports whether the response reaches the end of the list.
func (a answer) holds(start int) bool { return a.Total >= 0 && start+a.Rows >= a.Total }

// allow bounds what a walk through so many items may cost; -1 for an unknown number.
func (w *walker[T]) allow(items int) { w.limited, w.items = true, items }

// budget is how many requests the walk may have sent.
func (w *walker[T]) budget() int {
	items := w.items
	if items < 0 {
		items = w.seen.len()
	}
	return int(12*int64(items)/int64(max(w.longest, 1))) + 20
}

// get asks for rows and yields those that are new. Where a response is refused because it would be too long it steps
// down to shorter ones, from the same place, and remembers what worked.
func (w *walker[T]) get(p Part, limit, offset int, pr *proof) (answer, error) {
	fresh := 0
	for failures := 1; ; failures++ {
		a, err := w.once(p, limit, offset, pr)
		fresh += a.fresh
		switch {
		case err == nil:
			a.fresh = fresh
			w.note(p, a)
			return a, nil
		case errors.Is(err, ErrStop), errors.Is(err, errBudget):
			return a, err
		}
		if a.fresh > 0 {
			failures = 1
		}
		switch {
		case w.Again(err, failures):
		case w.canStepDown(limit) && w.Refused(err):
			limit = stepDown(limit)
			w.Most, failures = limit, 0
		default:
			return a, err
		}
	}
}

func (w *walker[T]) canStepDown(limit int) bool { return limit == Everything || limit > firstRows }

// stepDown is the limit to try when one was refused.
func stepDown(limit int) int {
	if limit == Everything || limit > stepRows {
		return stepRows
	}
	return max(limit/2, firstRows)
}

func (w *walker[T]) once(p Part, limit, offset int, pr *proof) (answer, error) {
	if w.limited && w.requests >= w.budget() {
		return answer{}, errBudget
	}
	w.requests++
	w.asked = max(w.asked, limit)
	a := answer{asked: limit}
	var err error
	r := Request{Part: p, Limit: limit, Offset: offset, MaxRows: max(limit, 0) + wholeRows}
	if w.total >= 0 {
		r.MaxRows = max(limit, 0) + 2*w.total + firstRows
	}
	a.Response, err = w.Fetch(r, func(item *T) error { return w.visit(item, p, &a, pr) })
	if a.Rows > 0 && offset+a.Rows > a.Total {
		a.Total = -1 // it cannot be true
	}
	a.past = a.past && !a.unordered
	if pr != nil {
		total := a.Total
		if err != nil {
			total = -1 // what was seen of it need not be in the next
		}
		pr.next(total)
	}
	return a, err
}

func (w *walker[T]) visit(item *T, p Part, a *answer, pr *proof) error {
	if w.Created != nil {
		created := w.Created(item)
		a.look(created, w.Since)
		w.unbounded = w.unbounded || !p.contains(created)
	}
	key, named := w.Key(item)
	if !named {
		if a.copies == nil {
			a.copies = map[Key]int{}
		}
		a.copies[key]++
		key = key.copy(a.copies[key])
	}
	n, fresh := w.seen.add(key)
	if pr != nil && pr.saw(n) {
		a.again++
	}
	if !fresh {
		return nil
	}
	a.fresh++
	if w.fresh != nil {
		w.fresh(item)
	}
	if w.skip > 0 {
		w.skip--
		return nil
	}
	w.came++
	if !w.Yield(item) {
		return ErrStop
	}
	return nil
}

// look notes the time of the next item.
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

// note keeps what a response says of the list.
func (w *walker[T]) note(p Part, a answer) {
	w.longest = max(w.longest, a.Rows)
	if !p.isAll(w.End) || a.Total < 0 || a.Total == w.total {
		return
	}
	w.total = a.Total
	w.seen.grow(min(a.Total, wholeRows))
	if w.OnTotal != nil {
		w.OnTotal(max(a.Total-w.Offset, 0))
	}
}
