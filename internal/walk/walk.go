// Package walk yields every item of a changing list once. Each response holds only a part of the list, in its state of
// one moment.
//
// A walk tries its methods in order of cost:
//
//	whole   one response holds the whole list
//	split   one response holds each part of it, by filter values that never change
//	pages   pages by offset, until a count proves that no item was skipped
//
// A list sorted by time, newest first, is walked in windows of time, and by offset only within one millisecond.
//
// The package does not depend on HTTP or Metlo. The Fetch function of a [List] sends the requests.
package walk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Everything is the limit that asks for the whole list.
const Everything = -1

const (
	firstRows = 100     // limit of the first request, and the minimum page size
	wholeRows = 200_000 // maximum limit of one response: a longer one does not fit into a JavaScript string
	pageRows  = 50_000  // longest page of a list that is walked by pages
	stepRows  = 1000    // limit after a longer response was rejected
	idlePages = 3       // pages in a row without a new row that end a pass, if the server sends no total
	farBehind = 1 << 30 // offset beyond the end of every list
	maxTotal  = 1 << 30 // maximum for totals; larger ones count as this
)

// ErrStop is the error of a Fetch whose visitor returned it: the loop over the walk ended early.
var ErrStop = errors.New("the loop was left")

// IncompleteError reports that items may be missing.
type IncompleteError struct {
	Seen    int // number of received items
	Total   int // server's count of the items; -1 without one
	Missing int // maximum number of lasting items that were not received; -1 if unknown
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("at most %d items are missing", e.Missing)
}

// Part is a part of a list. The zero Part is all of it.
type Part struct {
	Values     [2][]string // one value in each dimension; nil for any
	Start, End time.Time   // bounds of the creation time, inclusive; zero for no bound
}

// isAll reports whether p is a list that ends at end.
func (p Part) isAll(end time.Time) bool {
	return p.Values[0] == nil && p.Values[1] == nil && p.Start.IsZero() && p.End.Equal(end)
}

// contains reports whether an item created at that time may be in the part.
func (p Part) contains(created time.Time) bool {
	return created.IsZero() || !created.Before(p.Start) && (p.End.IsZero() || !created.After(p.End))
}

// Request asks for up to Limit items of a part, starting at Offset.
type Request struct {
	Part
	Limit   int
	Offset  int
	MaxRows int // a response with more rows is treated as endless
}

// Response describes a received response.
type Response struct {
	Rows  int
	Total int // number of items in the part; -1 if the server does not count
}

// Item holds the properties of an item that a walk needs.
type Item struct {
	Key     Key
	Unnamed bool      // no id: only its content identifies the item
	Created time.Time // zero if unknown
	Values  [2]string // value in each dimension
}

// FetchError is an error of Fetch after which the walk can continue.
type FetchError struct {
	Err  error
	Next Next
}

func (f *FetchError) Error() string { return f.Err.Error() }
func (f *FetchError) Unwrap() error { return f.Err }

// Next is the reaction to a FetchError.
type Next int

// Reactions to a FetchError.
const (
	Repeat  Next = iota // send the same request again
	Wait                // send it again after a pause, because the response broke off
	Shorten             // ask for fewer rows
	Split               // ask for fewer values, because one request cannot list them all
)

// List describes a list on a server.
type List[T any] struct {
	Fetch    func(r Request, visit func(*T) error) (Response, error) // visits the items in order
	Describe func(*T) (Item, error)                                  // returns an error to end the walk
	Values   func(dimension int) ([]string, error)                   // returns all existing values of a dimension
	Pause    func(failures int) error                                // waits before a request is repeated

	Dimensions int // number of constant properties that filters support: 0, 1 or 2
	First      int // rows of the first request; 0 for the default
	MaxLimit   int // maximum limit of a request; 0 for any
	Unlimited  int // longer lists are requested without a limit; 0 for never

	Newest       bool      // sorted by creation time, newest first
	ByTime       bool      // like Newest, and walked in windows of time up to Until
	Since, Until time.Time // bounds for yielded items; zero for no bound
}

// All yields every item once, until yield returns false. Its error is that of the first request that finally failed, or
// an *IncompleteError.
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

// anyOrder walks a list in any order.
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
	ctx          context.Context
	yield        func(T) bool
	timed        bool // the creation times of items matter
	seen         map[Key]int32
	received     int  // number of new items
	requests     int  // number of sent requests
	limited      bool // a budget limits the requests
	items        int  // number of items for which the budget was computed
	longest      int  // rows of the longest response
	maxRequested int  // largest limit so far
	serverCap    int  // rows of the longest response that the server cut short; 0 for none
	total        int  // last total of the whole list; -1 for none
	missing      int  // number of items that may have been missed
	unknown      bool // the number of missed items is unknown
	unbounded    bool // the server ignores bounds of time
	onFresh      func(Item)
}

func newWalker[T any](ctx context.Context, l List[T], yield func(T) bool) *walker[T] {
	if l.MaxLimit > 0 && l.Unlimited > 0 {
		l.MaxLimit = min(l.MaxLimit, l.Unlimited)
	}
	return &walker[T]{
		List: l, ctx: ctx, yield: yield, total: -1, seen: map[Key]int32{},
		timed: l.ByTime || l.Newest && !l.Since.IsZero(),
	}
}

// end returns the error for the caller of the walk.
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
		return &IncompleteError{Seen: w.received, Total: w.total, Missing: -1}
	case w.missing > 0:
		return &IncompleteError{Seen: w.received, Total: w.total, Missing: w.missing}
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

// miss counts items that may have been missed; -1 means an unknown number.
func (w *walker[T]) miss(n int) {
	w.unknown = w.unknown || n < 0
	w.missing += max(n, 0)
}

// whole requests a part in one response, first with a limit of n, and reports whether one response held all of it. The
// total is that of the last response.
func (w *walker[T]) whole(p Part, n int) (held bool, total int, err error) {
	for {
		a, err := w.get(p, n, 0, nil)
		switch {
		case err != nil:
			return false, -1, err
		case a.past:
			return true, a.Total, nil
		case a.limit == Everything || a.Rows < a.limit:
			return w.short(p, a)
		case !w.canAskMore(a):
			return a.holds(0), a.Total, nil
		}
		n = w.more(a)
	}
}

// canAskMore reports whether a longer response is possible after a full response a.
func (w *walker[T]) canAskMore(a answer) bool {
	return a.limit < w.atMost(wholeRows) && a.Total <= wholeRows && (w.serverCap == 0 || a.limit < w.serverCap)
}

// more returns the limit for the next request after a full response a.
func (w *walker[T]) more(a answer) int {
	rows := max(a.limit, a.Rows)
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

// roomFor returns a limit for a list of total items that may grow meanwhile.
func roomFor(total int) int { return min(total, wholeRows)*9/8 + firstRows }

func (w *walker[T]) atMost(n int) int {
	if w.MaxLimit > 0 {
		return min(n, w.MaxLimit)
	}
	return n
}

// short decides whether a response with fewer rows than requested is complete. The server may cap its pages, may have
// sent less by accident, may ignore the offset, and may send no total.
func (w *walker[T]) short(p Part, a answer) (held bool, total int, err error) {
	if a.holds(0) {
		return true, a.Total, nil
	}
	n := a.limit
	if n == Everything {
		n = w.Unlimited
	}
	behind, err := w.get(p, n, a.Rows, nil)
	if err != nil {
		return false, -1, err
	}
	total = max(a.Total, behind.Total)
	if total < a.Rows {
		total = -1 // it cannot be correct
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
		repeated, err := w.get(p, a.limit, 0, nil)
		if err != nil || repeated.holds(0) {
			return err == nil, repeated.Total, err
		}
	}
	w.serverCap = max(w.serverCap, a.Rows, behind.Rows)
	return false, total, nil
}

// confirm decides, without a total, whether a, with nothing behind it, was complete. The list held no more rows than a
// at that moment. If a repetition has as many rows and all are known, no other item can have been among them; if it has
// fewer, the server does not cap them.
func (w *walker[T]) confirm(p Part, a answer) (bool, error) {
	for range 3 {
		repeated, err := w.get(p, a.limit, 0, nil)
		if err != nil || repeated.Rows < a.Rows || repeated.Rows == a.Rows && repeated.fresh == 0 {
			return err == nil, err
		}
		behind, err := w.get(p, w.atMost(max(a.limit, firstRows)), repeated.Rows, nil)
		if err != nil || behind.Rows > 0 {
			return false, err
		}
		a = repeated
	}
	return false, nil
}

// withoutOffsets decides whether a was complete, on a server that ignores offsets and sends no total. If it ignores
// limits too, every response is the whole list. Otherwise more rows may exist behind a cap that cannot be detected.
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
