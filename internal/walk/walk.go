// Package walk yields every item of a list once, from responses that each hold a part of the list as it is at one
// moment, while the list changes between them.
//
// A walk goes from what is cheap and certain to what is neither:
//
//	whole   one response holds the list: it is complete
//	split   one response holds each part of it, by filter values that never change
//	pages   it is walked by offset, until counting proves that no item was passed over
//
// A list by time, newest first, is walked in windows of time, and by offset only within one millisecond.
//
// The package knows neither HTTP nor Metlo. The Fetch function of a [List] sends the requests.
package walk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Everything as a limit asks for the whole list.
const Everything = -1

const (
	firstRows = 100     // what a walk asks for first, and the smallest page to which it steps down
	wholeRows = 200_000 // what it asks for at most in one response: a longer one does not fit a JavaScript string
	pageRows  = 50_000  // the longest page of a list that goes by pages
	stepRows  = 1000    // what it asks for after a longer response was refused
	idlePages = 3       // pages in a row without a new row that end a pass, if the server sends no total
	farBehind = 1 << 30 // an offset behind the end of every list
	maxTotal  = 1 << 30 // what a larger total counts as
)

// ErrStop is what a Fetch returns after its visitor has returned it: the loop over the walk was left.
var ErrStop = errors.New("the loop was left")

// IncompleteError reports that items may be missing.
type IncompleteError struct {
	Seen    int // items that came
	Total   int // items that the server counts; -1 if it does not
	Missing int // items at most that were there throughout and did not come; -1 if that cannot be known
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("at most %d items are missing", e.Missing)
}

// Part is a part of a list. The zero Part is all of it.
type Part struct {
	Values     [2][]string // one of these in each dimension; nil for any
	Start, End time.Time   // created in this time, both inclusive; zero for no bound
}

// isAll reports whether p is a list that ends at end.
func (p Part) isAll(end time.Time) bool {
	return p.Values[0] == nil && p.Values[1] == nil && p.Start.IsZero() && p.End.Equal(end)
}

// contains reports whether an item of that time may be in the part.
func (p Part) contains(created time.Time) bool {
	return created.IsZero() || !created.Before(p.Start) && (p.End.IsZero() || !created.After(p.End))
}

// Request asks for up to Limit items of a part, from Offset on.
type Request struct {
	Part
	Limit   int
	Offset  int
	MaxRows int // a response with more rows does not end
}

// Response describes what came.
type Response struct {
	Rows  int
	Total int // items of the part; -1 if the server does not count
}

// Item is what a walk must know of an item.
type Item struct {
	Key     Key
	Unnamed bool      // only its content identifies the item
	Created time.Time // zero if that is not known
	Values  [2]string // its value in each dimension
}

// FetchError is an error of Fetch after which the walk can go on.
type FetchError struct {
	Err  error
	Next Next
}

func (f *FetchError) Error() string { return f.Err.Error() }
func (f *FetchError) Unwrap() error { return f.Err }

// Next is what a walk can do after a FetchError.
type Next int

// What a walk can do.
const (
	Repeat  Next = iota // send the same request again
	Wait                // send it again after a pause, since the response broke off
	Shorten             // ask for fewer rows
	Split               // ask for fewer values, since one request cannot name them all
)

// List is a list on a server.
type List[T any] struct {
	Fetch    func(r Request, visit func(*T) error) (Response, error) // visits the items in order
	Describe func(*T) (Item, error)                                  // an error ends the walk
	Values   func(dimension int) ([]string, error)                   // all values that occur in a dimension
	Pause    func(failures int) error                                // waits before a request is sent again

	Dimensions int // properties that never change, by which the list can be filtered: 0, 1 or 2
	First      int // rows of the first request; 0 for the default
	Most       int // limit at most; 0 for any
	Unlimited  int // a longer list is asked for without a limit; 0 for never

	Newest       bool      // sorted by time of creation, newest first
	ByTime       bool      // the same, and walked in windows of time up to Until
	Since, Until time.Time // items created outside are not yielded; zero for no bound
}

// All yields every item once, until yield returns false. Its error is that of the first request that failed for good, or an
// *IncompleteError.
func (l List[T]) All(ctx context.Context, yield func(T) bool) error {
	w := newWalker(ctx, l, yield)
	var err error
	if l.ByTime {
		err = w.byTime()
	} else {
		err = w.anyOrder()
	}
	return w.end(err)
}

// anyOrder walks a list that is in any order.
func (w *walker[T]) anyOrder() error {
	first := w.First
	if first == 0 {
		first = firstRows
	}
	held, total, err := w.whole(Part{}, w.atMost(min(first, wholeRows)))
	if err != nil || held {
		return err
	}
	return w.inParts(total)
}

// walker is the state of one walk.
type walker[T any] struct {
	List[T]
	ctx       context.Context
	yield     func(T) bool
	timed     bool // the times of items matter
	seen      map[Key]int32
	came      int  // items that were new
	requests  int  // sent so far
	limited   bool // by a budget
	items     int  // for which it is
	longest   int  // rows of the longest response
	asked     int  // the largest limit so far
	capped    int  // rows of the longest response that was cut short by the server; 0 if none was
	total     int  // of the whole list, as last counted; -1
	missing   int  // items that may not have been seen
	unknown   bool // how many may not have been seen
	unbounded bool // the server ignores bounds of time
	onFresh   func(Item)
}

func newWalker[T any](ctx context.Context, l List[T], yield func(T) bool) *walker[T] {
	if l.Most > 0 && l.Unlimited > 0 {
		l.Most = min(l.Most, l.Unlimited)
	}
	return &walker[T]{
		List: l, ctx: ctx, yield: yield, total: -1, seen: map[Key]int32{},
		timed: l.ByTime || l.Newest && !l.Since.IsZero(),
	}
}

// end returns the error that the caller of the walk gets.
func (w *walker[T]) end(err error) error {
	switch {
	case errors.Is(err, errBudget):
		w.miss(w.total)
	case errors.Is(err, ErrStop):
		return nil
	case err != nil:
		if f := (*FetchError)(nil); errors.As(err, &f) {
			return f.Err
		}
		return err
	}
	switch {
	case w.unknown:
		return &IncompleteError{Seen: w.came, Total: w.total, Missing: -1}
	case w.missing > 0:
		return &IncompleteError{Seen: w.came, Total: w.total, Missing: w.missing}
	}
	return nil
}

// windowEnd returns the end of the part that is the whole list.
func (w *walker[T]) windowEnd() time.Time {
	if w.ByTime {
		return w.Until
	}
	return time.Time{}
}

// miss counts items that may not have been seen; -1 for an unknown number.
func (w *walker[T]) miss(n int) {
	w.unknown = w.unknown || n < 0
	w.missing += max(n, 0)
}

// whole asks for a part in one response, first with a limit of n, and reports whether a response held it all. The
// total is that of the last response.
func (w *walker[T]) whole(p Part, n int) (held bool, total int, err error) {
	for {
		a, err := w.get(p, n, 0, nil)
		switch {
		case err != nil:
			return false, -1, err
		case a.past:
			return true, a.Total, nil
		case a.asked == Everything || a.Rows < a.asked:
			return w.short(p, a)
		case !w.canAskMore(a):
			return a.holds(0), a.Total, nil
		}
		n = w.more(a)
	}
}

// canAskMore reports whether a longer response may come where a was as long as was asked for.
func (w *walker[T]) canAskMore(a answer) bool {
	return a.asked < w.atMost(wholeRows) && a.Total <= wholeRows && (w.capped == 0 || a.asked < w.capped)
}

// more returns how many rows to ask for when a was full.
func (w *walker[T]) more(a answer) int {
	rows := max(a.asked, a.Rows)
	n := 4 * rows
	if a.Total > rows && (w.ByTime || !w.timed) {
		n = roomFor(a.Total)
	}
	n = w.atMost(min(n, wholeRows))
	if w.Unlimited > 0 && n > w.Unlimited {
		return Everything
	}
	return n
}

// roomFor returns a limit for a list of total items that may grow before it is asked for.
func roomFor(total int) int { return min(total, wholeRows)*9/8 + firstRows }

func (w *walker[T]) atMost(n int) int {
	if w.Most > 0 {
		return min(n, w.Most)
	}
	return n
}

// short finds out whether a response with fewer rows than were asked for is all there is. The server may cap its
// pages, may have sent less by accident, may ignore the offset, and may send no total.
func (w *walker[T]) short(p Part, a answer) (held bool, total int, err error) {
	if a.holds(0) {
		return true, a.Total, nil
	}
	n := a.asked
	if n == Everything {
		n = w.Unlimited
	}
	behind, err := w.get(p, n, a.Rows, nil)
	if err != nil {
		return false, -1, err
	}
	total = max(a.Total, behind.Total)
	if total < a.Rows {
		total = -1 // it cannot be true
	}
	switch {
	case total < 0 && behind.Rows == 0:
		held, err = w.confirm(p, a)
		if err != nil || held {
			return held, -1, err
		}
	case total < 0 && behind.fresh == 0:
		far, err := w.get(p, n, farBehind, nil)
		if err != nil {
			return false, -1, err
		}
		if far.Rows > 0 {
			return w.withoutOffsets(p, a)
		}
	case behind.Rows == 0 || a.Rows+behind.Rows >= behind.Total:
		again, err := w.get(p, a.asked, 0, nil)
		if err != nil || again.holds(0) {
			return err == nil, again.Total, err
		}
	}
	w.capped = max(w.capped, a.Rows, behind.Rows)
	return false, total, nil
}

// confirm finds out whether a, with nothing behind it, was all there is, without a total. The list held no more
// rows than a at that moment. If as many come again and all are known, no other item can have been among them; if
// fewer come, the server does not cap them.
func (w *walker[T]) confirm(p Part, a answer) (bool, error) {
	for range 3 {
		again, err := w.get(p, a.asked, 0, nil)
		if err != nil || again.Rows < a.Rows || again.Rows == a.Rows && again.fresh == 0 {
			return err == nil, err
		}
		behind, err := w.get(p, w.atMost(max(a.asked, firstRows)), again.Rows, nil)
		if err != nil || behind.Rows > 0 {
			return false, err
		}
		a = again
	}
	return false, nil
}

// withoutOffsets finds out whether a was all there is, on a server that ignores offsets and sends no total. If it ignores
// limits too, every response is the whole list. If not, more rows may lie behind a cap that nothing shows.
func (w *walker[T]) withoutOffsets(p Part, a answer) (held bool, total int, err error) {
	if a.Rows > 1 {
		fewer, err := w.get(p, a.Rows/2, 0, nil)
		if err != nil {
			return false, -1, err
		}
		if fewer.Rows <= a.Rows/2 {
			w.miss(-1)
		}
	}
	return true, -1, nil
}
