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
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
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

// IncompleteError is the last element of a walk that could not prove that it saw every item: the server sends the list
// only in pages, and the list changes too fast, is in no order, has a total that is not true, or has none. All items
// that came were yielded before it. It matches [ErrInvalidResponse].
type IncompleteError struct {
	Seen    int // items that came; those that CreatedAfter or CreatedBefore left out are among them
	Total   int // items that the server counted last, from the offset on; -1 if it gives no total
	Missing int // at most so many items that were in the list throughout did not come; -1 if that cannot be known

	route string
}

// Error says how much may be missing and what to do.
func (e *IncompleteError) Error() string {
	if e.Missing < 0 {
		return fmt.Sprintf("metlo: GET %s: the list may be incomplete: %d items came, and the server sends only pages and no total that could show whether others exist: narrow the filter until one response holds the list", e.route, e.Seen)
	}
	return fmt.Sprintf("metlo: GET %s: the list may be incomplete: %d items came, the server counts %d, and up to %d that were there throughout may be missing: narrow the filter until one response holds the list", e.route, e.Seen, e.Total, e.Missing)
}

// Is makes the error match [ErrInvalidResponse].
func (e *IncompleteError) Is(target error) bool { return target == ErrInvalidResponse }

// Walk returns an iterator over every item of a list that the SDK does not know, each once, as the All methods do for
// the lists that it knows. The path is that of [Client.Call]. The server must take limit and offset, which the query
// must not hold. What it answers may be [items, total], an array of items, or an object with a list and a total. The id
// of an item is the text that tells it from all others; items without one are told apart by their content.
//
// Range over it with two variables. A loop with one compiles and drops the error, so a walk that fails looks like one
// empty item; tools/rangeerr finds such loops.
//
// GET path
func Walk[T any](ctx context.Context, c *Client, path string, query url.Values, id func(T) string) iter.Seq2[T, error] {
	base := newCallRequest(http.MethodGet, path, query)
	base.name = "Walk"
	for _, name := range []string{"limit", "offset"} {
		if query.Has(name) {
			base.fail("the query holds %s, which Walk sets: remove it", name)
		}
	}
	if id == nil {
		base.fail("the function that returns an item's id is nil: tell how items differ")
	}
	l := listing[T]{client: c, base: base, lenient: true, foreign: true, id: func(item *T) string { return id(*item) }}
	return l.all(ctx)
}

const defaultRows = 10 // of a page without a limit

// listing is a list of the server: how to ask for a part of it, and how to tell its items apart.
type listing[T any] struct {
	client *Client
	base   *request // what all requests have in common
	window window
	id     func(*T) string // empty if the item has none

	filters   func() []filter[T]           // by which the list can be split; nil for none
	split     []filter[T]                  // what filters returns, once the list is walked
	created   func(*T) time.Time           // set if the caller may ask for a time
	sorted    bool                         // newest first
	byTime    bool                         // newest first, in pages of at most maxDetectionLimit, and the server filters by time
	between   func(*request, walk.Request) // adds limit, offset and times to the query; nil for the usual names
	few       int                          // rows of a page without a limit, if the server sends few; 0 for all
	unlimited int                          // a longer list is asked for without a limit; 0 for never
	lenient   bool                         // integers are strings
	foreign   bool                         // T is the caller's
}

// window is the part of a list that the caller asks for.
type window struct {
	limit, offset, pageSize int
	onTotal                 func(int)
	since, until            time.Time // of creation; zero for no bound
}

// filter is a filter by values of a property that never changes.
type filter[T any] struct {
	name string // of the query parameter
	all  func(context.Context) ([]string, error)
	of   func(*T) string
}

// always is the values of a filter that never change.
func always[E ~string](values []E) func(context.Context) ([]string, error) {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return func(context.Context) ([]string, error) { return texts, nil }
}

// valueOf is the options that a caller passes, or those of nil.
func valueOf[O any](opts *O) (o O) {
	if opts != nil {
		o = *opts
	}
	return o
}

// page returns one page.
func (l listing[T]) page(ctx context.Context) (*Page[T], error) {
	r, w := l.base.copy(), l.window
	if w.pageSize != 0 || w.onTotal != nil || (!l.byTime && !(w.since.IsZero() && w.until.IsZero())) {
		r.fail("PageSize, OnTotal, CreatedAfter and CreatedBefore are for All: leave them unset, or use All")
	}
	limit, most := w.limit, l.client.maxPage
	switch {
	case most == 0:
	case limit > most:
		r.fail("Limit %d is over %d, which WithMaxPageSize allows: use All, or a smaller limit", limit, most)
	case limit == 0 && (l.few == 0 || l.few > most):
		limit = most
	}
	page, err := fetchList[T](ctx, l.client, l.ask(r, walk.Request{Limit: limit, Offset: w.offset}), limit, nil)
	if err != nil {
		return nil, err
	}
	page.Offset = w.offset
	return &page, nil
}

// ask adds to a request what part of the list it is for.
func (l listing[T]) ask(r *request, part walk.Request) *request {
	for i, values := range part.Values {
		if values != nil {
			r.query = narrow(r.query, l.split[i].name, values)
		}
	}
	if l.between != nil {
		l.between(r, part)
	} else if part.Limit != walk.Everything {
		r.number("limit", part.Limit)
		r.number("offset", part.Offset)
	}
	return r
}

// all walks the whole list.
func (l listing[T]) all(ctx context.Context) iter.Seq2[T, error] {
	w := l.window
	switch {
	case w.limit != 0:
		l.base.fail("Limit is for List: set PageSize for the size of the first request, and break out of the loop to stop early")
	case w.pageSize < 0:
		l.base.fail("PageSize %d is negative: use 0 for the default", w.pageSize)
	case l.client.maxPage > 0 && w.pageSize > l.client.maxPage:
		l.base.fail("PageSize %d is over %d, which WithMaxPageSize allows", w.pageSize, l.client.maxPage)
	}
	return func(yield func(T, error) bool) {
		var incomplete *walk.IncompleteError
		switch err := l.list(ctx, yield).Walk(); {
		case err == nil, errors.Is(err, walk.ErrStop):
		case errors.As(err, &incomplete):
			var zero T
			yield(zero, &IncompleteError{incomplete.Seen, incomplete.Total, incomplete.Missing, l.base.route})
		default:
			var zero T
			yield(zero, err)
		}
	}
}

// list says how the list is walked.
func (l listing[T]) list(ctx context.Context, yield func(T, error) bool) walk.List[T] {
	if l.filters != nil {
		l.split = l.filters()
	}
	list := walk.List[T]{
		Fetch: func(r walk.Request, visit func(*T) error) (walk.Response, error) { return l.fetch(ctx, r, visit) },
		Again: func(err error, failures int) bool {
			if wire.IsMismatch(err) && !l.lenient {
				l.lenient = true
				return true
			}
			// A request under a context that has ended says why.
			return wasCut(err) && (l.client.pipeline.Pause(ctx, failures) == nil || ctx.Err() != nil)
		},
		Refused:   func(err error) bool { return ctx.Err() == nil && isRefusedForLength(err) },
		Key:       l.key,
		Yield:     func(item *T) bool { return !l.wanted(item) || yield(*item, nil) },
		OnTotal:   l.window.onTotal,
		First:     l.window.pageSize,
		Offset:    l.window.offset,
		Most:      l.client.maxPage,
		Unlimited: l.unlimited,
	}
	switch {
	case l.byTime:
		list.ByTime, list.Created, list.End = true, l.created, l.window.until
		if list.Most == 0 || list.Most > maxDetectionLimit {
			list.Most = maxDetectionLimit
		}
	case l.sorted && !l.window.since.IsZero():
		list.Created, list.Since = l.created, l.window.since
	}
	list.Fits = func(p walk.Part) bool {
		return fits(l.ask(l.base.copy(), walk.Request{Part: p, Limit: maxRows, Offset: maxRows}))
	}
	for _, f := range l.split {
		list.Dimensions = append(list.Dimensions, walk.Dimension[T]{Of: f.of, Values: func() ([]string, error) {
			if own := valuesOf(l.base.query, f.name); len(own) > 0 {
				return own, nil
			}
			return f.all(ctx)
		}})
	}
	return list
}

// fetch asks for a part of the list and visits its items.
func (l listing[T]) fetch(ctx context.Context, r walk.Request, visit func(*T) error) (walk.Response, error) {
	skip := 0
	if r.Limit == walk.Everything {
		skip = r.Offset
	}
	unwanted := skip
	tail, err := stream(ctx, l.client, l.ask(l.base.copy(), r), wire.ListOptions{
		Lenient: l.lenient, Foreign: l.foreign, MaxItem: l.client.maxBytes, MaxRows: r.MaxRows,
	}, func(item *T) error {
		if unwanted > 0 {
			unwanted--
			return nil
		}
		cleanItem(item)
		return visit(item)
	})
	return walk.Response{Rows: max(tail.Rows-skip, 0), Total: tail.Total}, err
}

func (l listing[T]) key(item *T) (key walk.Key, named bool) {
	if id := l.id(item); id != "" {
		return walk.KeyOf(id), true
	}
	key, err := walk.KeyOfContent(func(w io.Writer) error { return wire.Write(w, item) })
	if err != nil { // T does not encode what it decodes
		key = walk.KeyOf(fmt.Sprintf("%+v", *item))
	}
	return key, false
}

// wanted reports whether an item was created in the time that the caller asks for. One without a time may have been.
func (l listing[T]) wanted(item *T) bool {
	if l.created == nil || l.byTime {
		return true
	}
	created := l.created(item)
	if created.IsZero() {
		return true
	}
	return !created.Before(l.window.since) && (l.window.until.IsZero() || !created.After(l.window.until))
}

// valuesOf is which values a query asks for under a name.
func valuesOf(query, name string) []string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	return values[name]
}

// narrow has a query ask for these values under a name.
func narrow(query, name string, to []string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return query
	}
	values[name] = to
	return values.Encode()
}

// fits reports whether the server reads the whole query of a request.
func fits(r *request) bool {
	return strings.Count(r.query, "&") < maxFilterValues && len(r.path)+len(r.query) <= maxTarget
}

const (
	maxRows    = 200_000  // of an array without pages
	pageRows   = 50_000   // of a page for which no limit was asked
	wholeBytes = 4 << 20  // a page up to this size is read before it is decoded, which frees its connection
	readBytes  = 64 << 10 // of a longer page at once: the decoder alone would read 4 KiB
)

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
	if err == nil || errors.Is(err, walk.ErrStop) || wire.IsMismatch(err) && !opts.Lenient {
		return tail, err
	}
	if !isCut(err) && wire.IsTruncated(err) {
		err = &transport.TruncatedError{Err: err}
	}
	return tail, c.callError(r, status, start, err)
}

// wasCut reports whether a list broke off while it was read item by item, for a reason that need not come again. One
// that has attempts broke off before, and was asked for again as often as the policy allows.
func wasCut(err error) bool {
	var e *Error
	return isCut(err) && !isContextError(err) && errors.As(err, &e) && len(e.Attempts) == 0
}

// isRefusedForLength reports whether a list failed in a way that a shorter response might not.
func isRefusedForLength(err error) bool {
	var e *Error
	var validation *ValidationError
	var limit *transport.LimitError
	if !errors.As(err, &e) || errors.As(err, &validation) || errors.As(err, &limit) {
		return false
	}
	switch {
	case e.StatusCode == http.StatusBadRequest, e.StatusCode == http.StatusRequestTimeout,
		e.StatusCode == http.StatusRequestEntityTooLarge, e.StatusCode == http.StatusRequestURITooLong:
		return true
	case e.StatusCode >= http.StatusInternalServerError:
		return errors.Is(err, ErrServer)
	}
	return isCut(err) || isContextError(err) // a timeout: the caller's context has not ended
}

func isCut(err error) bool {
	var cut *transport.TruncatedError
	return errors.As(err, &cut)
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
