package metlo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

const (
	firstRows  = 100      // what a walk asks for first
	wholeRows  = 200_000  // what it asks for at most in one response: a longer one does not fit a JavaScript string
	pageRows   = 50_000   // what it asks for at once where the whole is longer than that
	everything = -1       // as a limit: send neither limit nor offset
	wholeBytes = 4 << 20  // a page up to this size is read before it is decoded, which frees its connection
	readBytes  = 64 << 10 // of a longer page at once: the decoder alone would read 4 KiB
	maxPasses  = 100      // times that a list with capped pages is walked
)

// Page is one page of a list.
type Page[T any] struct {
	Items  []T
	Total  int // items that pass the filter on all pages; -1 when the server did not say
	Offset int // of the first item in the whole list
}

// Collect gathers the items of a sequence, such as one of an All method. With an error it returns the items before it.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	items := []T{}
	for item, err := range seq {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

// IncompleteError says that the server kept some items of a list back: it caps its pages, and repeated walks brought
// no further item though it counts more. The items it did send were all yielded before. It matches [ErrInvalidResponse].
type IncompleteError struct {
	Seen  int // items yielded
	Total int // items that the server counts from the offset on

	route string
}

// Error says what is missing and what to do.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("metlo: GET %s: the server lists only %d of %d items however it is asked: narrow the filter, so that fewer pass it", e.route, e.Seen, e.Total)
}

// Is makes the error match [ErrInvalidResponse].
func (e *IncompleteError) Is(target error) bool { return target == ErrInvalidResponse }

// listing is a list of the server: how to ask for a part of it, and how to tell its items apart.
type listing[T any] struct {
	client  *Client
	route   string
	ask     func(limit, offset int) *request
	id      func(*T) string // empty if the item has none
	limit   int             // rows of the first request; 0 for the default
	offset  int
	largest int // limit that the route takes; 0 for any
	lenient bool
}

// page returns one page.
func (l listing[T]) page(ctx context.Context, limit int) (*Page[T], error) {
	page, err := fetchList[T](ctx, l.client, l.ask(limit, l.offset), limit, nil)
	if err != nil {
		return nil, err
	}
	page.Offset = l.offset
	return &page, nil
}

// fetchList returns the list with which the server answers; what check, unless it is nil, says of its items is the
// error. Rows are counted besides bytes, since an empty one takes 200 times as much memory as space in the body.
func fetchList[T any](ctx context.Context, c *Client, r *request, limit int, check func([]T) error) (page Page[T], err error) {
	err = c.send(ctx, r, handler{whole: func(body []byte) error {
		items, tail, err := wire.Items[T](body, wire.ListOptions{MaxItem: c.maxBytes, MaxRows: max(limit, pageRows)})
		page = Page[T]{Items: items, Total: tail.Total}
		if err == nil && check != nil {
			err = check(items)
		}
		return err
	}})
	if err != nil {
		return Page[T]{}, err
	}
	cleanAll(page.Items)
	return page, nil
}

// all walks the whole list.
func (l listing[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		w := &walk[T]{listing: l, ctx: ctx, yield: yield, total: -1}
		if err := w.run(); err != nil && !errors.Is(err, wire.ErrStop) {
			var zero T
			yield(zero, err)
		}
	}
}

// walk yields every item of a list once.
//
// Whole lists, not stitched pages: one response is one snapshot of the database, while rows move between pages, and
// rows with equal sort keys have no order between them at all. So after a first small request it asks for everything at
// once, and goes page by page only where the server caps its pages.
type walk[T any] struct {
	listing[T]
	ctx   context.Context
	yield func(T, error) bool
	seen  idSet
	total int  // last known; -1 when the server never said
	moved bool // the total changed meanwhile

	nameless int // items without an id that were yielded, which only their place tells apart
	place    int // of the last such item in the round under way
}

// answer is what one response came to.
type answer struct {
	rows  int // items in it
	fresh int // items that were not yielded before
	total int // items in the whole list; -1 when the server did not say
	twice int // items that the pass under way had before, or that have no id to tell
}

func (w *walk[T]) run() error {
	n := w.limit
	if n <= 0 {
		n = firstRows
	}
	n = min(n, wholeRows)
	got, err := w.get(n, w.offset, nil)
	if err != nil {
		return err
	}
	for n != everything && got.rows >= n {
		if got.total > wholeRows || n >= wholeRows {
			return w.pages(pageRows)
		}
		n = w.next(max(n, got.rows), got.total)
		if got, err = w.get(n, w.offset, nil); err != nil {
			return err
		}
	}
	if got.total >= 0 && w.offset+got.rows >= got.total {
		return nil
	}
	return w.rest(n, got)
}

// next is how many rows to ask for when n were not all.
func (w *walk[T]) next(n, total int) int {
	next := 4 * n
	if total > n {
		next = total + total/8 + firstRows
	}
	next = min(next, wholeRows)
	if w.largest > 0 && next > w.largest {
		return everything
	}
	return next
}

// rest looks behind a response that held fewer rows than were asked for and than there are.
func (w *walk[T]) rest(n int, got answer) error {
	behind := n
	if behind == everything {
		behind = w.largest
	}
	more, err := w.get(behind, w.offset+got.rows, nil)
	switch {
	case err != nil:
		return err
	case more.fresh > 0:
		return w.pages(max(got.rows, 1))
	case max(got.total, more.total) < 0:
		return nil
	}
	again, err := w.get(n, w.offset, nil)
	if err != nil {
		return err
	}
	if (again.total >= 0 && w.offset+again.rows >= again.total) || w.complete() {
		return nil
	}
	if w.seen.len() < w.total-w.offset {
		return w.incomplete()
	}
	return w.pages(max(got.rows, 1))
}

// complete reports whether every item that the server counts was yielded, as far as a count can tell.
func (w *walk[T]) complete() bool { return !w.moved && w.seen.len() == w.total-w.offset }

func (w *walk[T]) incomplete() error {
	return &IncompleteError{Seen: w.seen.len(), Total: w.total - w.offset, route: w.route}
}

// pages walks by offset, since the server sends no more than size rows at once, until a pass is clean. Only here can
// an equal number of deletions and insertions between two pages hide an item.
func (w *walk[T]) pages(size int) error {
	idle := 0
	for pass := 0; idle < 2; pass++ {
		if pass == maxPasses {
			return w.incomplete()
		}
		before := w.seen.len()
		clean, largest, err := w.pass(size)
		if err != nil || clean || w.complete() {
			return err
		}
		if idle++; w.seen.len() > before {
			idle = 0
		}
		size = min(size, largest) // a page size of its own cuts each pass elsewhere
		size = max(size-max(size/10, 1), 1)
	}
	if w.seen.len() < w.total-w.offset {
		return w.incomplete()
	}
	return nil
}

// pass walks the list once, and returns how many rows its largest page held. It is clean if no item came twice and the
// total stood still.
func (w *walk[T]) pass(size int) (clean bool, largest int, err error) {
	var ids idSet
	clean = true
	total, at, known := -1, w.offset, 0
	for first := true; ; first = false {
		got, err := w.get(size, at, &ids)
		if err != nil {
			return false, largest, err
		}
		clean = clean && got.twice == 0 && (first || got.total == total)
		total, largest = got.total, max(largest, got.rows)
		if got.rows == 0 {
			return clean && (total < 0 || at >= total), largest, nil
		}
		at += got.rows
		if known++; got.twice < got.rows {
			known = 0
		}
		// An offset that is ignored, or a list that grows for ever, would not end otherwise.
		most := 2*total + 2*size
		if total < 0 {
			most = 5 * wholeRows
		}
		if known == 3 || at-w.offset > most {
			return false, largest, nil
		}
	}
}

// get asks for rows and yields those that are new. A response that was cut is asked for again, as often in a row as the
// retry policy says, unless it brought something new.
func (w *walk[T]) get(limit, offset int, pass *idSet) (answer, error) {
	if offset == w.offset {
		w.place = 0
	}
	fresh, cuts, place := 0, 0, w.place
	for {
		got, err := w.once(limit, offset, pass)
		fresh += got.fresh
		switch {
		case err == nil:
			got.fresh = fresh
			if got.rows == limit {
				w.seen.grow(min(got.total, wholeRows)) // more are to come
			}
			if got.total >= 0 {
				w.moved = w.moved || (w.total >= 0 && got.total != w.total)
				w.total = got.total
			}
			return got, nil
		case wire.IsMismatch(err) && !w.lenient:
			w.lenient = true
		case !wasCut(err):
			return got, err
		default:
			if cuts++; got.fresh > 0 {
				cuts = 1
			}
			if again := w.client.pipeline.Pause(w.ctx, cuts); again != nil {
				return got, err
			}
		}
		w.place = place
	}
}

// wasCut reports whether a list broke off while it was read item by item, for a reason that need not come again. One
// that has attempts broke off before, and was asked for again as often as the policy allows.
func wasCut(err error) bool {
	var e *Error
	return isCut(err) && !isContextError(err) && errors.As(err, &e) && len(e.Attempts) == 0
}

func isCut(err error) bool {
	var cut *transport.TruncatedError
	return errors.As(err, &cut)
}

func (w *walk[T]) once(limit, offset int, pass *idSet) (answer, error) {
	skip, at := 0, offset
	if limit == everything {
		skip, at = offset, 0
	}
	r := w.ask(limit, at)
	got := answer{total: -1}
	tail, err := stream(w.ctx, w.client, r, wire.ListOptions{
		Lenient: w.lenient,
		MaxItem: w.client.maxBytes,
		MaxRows: w.rowsAtMost(limit),
	}, func(item *T) error {
		if skip > 0 {
			skip--
			return nil
		}
		return w.visit(item, pass, &got)
	})
	got.rows, got.total = max(tail.Rows-(offset-at), 0), tail.Total
	return got, err
}

// rowsAtMost is how many rows a response can hold if it ends at all.
func (w *walk[T]) rowsAtMost(limit int) int {
	if w.total < 0 {
		return max(limit, 0) + wholeRows
	}
	return max(limit, 0) + 2*w.total + firstRows
}

func (w *walk[T]) visit(item *T, pass *idSet, got *answer) error {
	cleanItem(item)
	if id := w.id(item); id == "" {
		got.twice++
		if w.place++; w.place <= w.nameless {
			return nil
		}
		w.nameless = w.place
	} else {
		if pass != nil && !pass.add(id) {
			got.twice++
		}
		if !w.seen.add(id) {
			return nil
		}
	}
	got.fresh++
	if !w.yield(*item, nil) {
		return wire.ErrStop
	}
	return nil
}

// stream reads a list item by item. A response of up to 4 MiB is read before the first item is visited, so that its
// connection is free for the calls that the visitor makes.
func stream[T any](ctx context.Context, c *Client, r *request, opts wire.ListOptions, visit func(*T) error) (wire.Tail, error) {
	pooled := buffers.Get().(*[]byte)
	defer recycle(pooled)
	var rest *http.Response
	status := 0
	err := c.send(ctx, r, handler{stream: func(resp *http.Response) error {
		status = resp.StatusCode
		limit := int64(wholeBytes)
		if resp.ContentLength > limit {
			limit = maxErrorBody // for an error to keep
		}
		head, more, err := transport.ReadUpTo(resp, (*pooled)[:0], limit)
		*pooled = head
		if err == nil && more {
			rest = resp
			return nil
		}
		_ = resp.Body.Close()
		return err
	}})
	if err != nil {
		return wire.Tail{Total: -1}, err
	}
	start := head(*pooled)
	var src io.Reader = bytes.NewBuffer(*pooled)
	if rest != nil {
		defer rest.Body.Close()
		src = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(*pooled), rest.Body), readBytes)
		start, *pooled = slices.Clone(start), nil // the reader alone keeps it, until it is read
	}
	tail, err := wire.List(src, opts, visit)
	if err == nil || errors.Is(err, wire.ErrStop) || wire.IsMismatch(err) && !opts.Lenient {
		return tail, err
	}
	if !isCut(err) && wire.IsTruncated(err) {
		err = &transport.TruncatedError{Err: err}
	}
	return tail, c.callError(r, status, start, err)
}

// head is the part of a body that an error keeps.
func head(body []byte) []byte { return body[:min(len(body), maxErrorBody)] }

// cleaner is an item whose free-form JSON is nil where the server says null.
type cleaner interface{ clean() }

func cleanItem[T any](item *T) {
	if c, ok := any(item).(cleaner); ok {
		c.clean()
	}
}

func cleanAll[T any](items []T) {
	if _, ok := any((*T)(nil)).(cleaner); !ok {
		return
	}
	for i := range items {
		cleanItem(&items[i])
	}
}
