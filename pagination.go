package metlo

import (
	"bufio"
	"bytes"
	"cmp"
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
	Total  int // items that pass the filter on all pages; -1 if the server sent no total
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
	Seen    int // items that came, also those outside of the bounds of AllCreated
	Total   int // items that the server counted last; -1 if it sends no total
	Missing int // at most so many items that were in the list throughout did not come; -1 if that cannot be known

	route string
}

// Error returns how much may be missing and what to do.
func (e *IncompleteError) Error() string {
	if e.Missing < 0 {
		return fmt.Sprintf("metlo: GET %s: the list may be incomplete: %d items came, and the server sends only pages and no total that could show whether others exist: narrow the filter until one response holds the list", e.route, e.Seen)
	}
	return fmt.Sprintf("metlo: GET %s: the list may be incomplete: %d items came, the server counts %d, and up to %d that were there throughout may be missing: narrow the filter until one response holds the list", e.route, e.Seen, e.Total, e.Missing)
}

// Is makes the error match [ErrInvalidResponse].
func (e *IncompleteError) Is(target error) bool { return target == ErrInvalidResponse }

// ListAll returns an iterator over every item of a list that the SDK does not know, each once, as the All methods do for
// the lists that it knows. The path is that of [Client.Call]. The server must take limit and offset, which the query
// must not hold. What it answers may be [items, total], an array of items, or an object with a list and a total. The id
// of an item is the text that identifies it; items without one are identified by their content.
//
// GET path
func ListAll[T any](ctx context.Context, c *Client, path string, query url.Values, id func(T) string, opts ...WalkOption) iter.Seq2[T, error] {
	base := newCallRequest(http.MethodGet, path, query)
	base.name = "ListAll"
	for _, name := range []string{"limit", "offset"} {
		if query.Has(name) {
			base.fail("the query holds %s, which ListAll sets: remove it", name)
		}
	}
	if id == nil {
		base.fail("the function that returns an item's id is nil: pass one that returns how items differ")
	}
	l := &listing[T]{client: c, base: base, options: wire.ListOptions{Lenient: true, Foreign: true}, describe: func(item *T) (walk.Item, error) {
		if id := id(*item); id != "" {
			return walk.Item{Key: walk.TextKey(id)}, nil
		}
		var content bytes.Buffer
		if err := wire.Write(&content, item); err != nil { // T does not encode what it decodes
			content.Reset()
			fmt.Fprintf(&content, "%+v", *item)
		}
		return walk.Item{Key: walk.ContentKey(content.Bytes()), Unnamed: true}, nil
	}}
	return l.all(ctx, opts)
}

const defaultRows = 10 // of a page without a limit

// WalkOption changes how an All method walks a list. A value that makes no sense is [ErrInvalidArgument], the first error
// of the sequence.
type WalkOption func(*walkOptions)

type walkOptions struct {
	pageSize int
	onTotal  func(int)
}

// PageSize sets how many items the first request of a walk asks for; 0 stands for the default of 100, and 50 for detections.
func PageSize(items int) WalkOption {
	return func(o *walkOptions) { o.pageSize = items }
}

// OnTotal calls f with the number of items of the list once the server has counted them, and whenever that number changes.
func OnTotal(f func(items int)) WalkOption {
	return func(o *walkOptions) { o.onTotal = f }
}

// listing describes a list of the server.
type listing[T any] struct {
	client       *Client
	base         *request                    // without what asks for a part of the list
	describe     func(*T) (walk.Item, error) // reports why an item is not what the route returns
	filters      []string                    // parameters whose values never change, by which the list can be split
	values       func(ctx context.Context, dimension int) ([]string, error)
	since, until time.Time // of creation; zero for no bound
	newest       bool      // sorted by time of creation, newest first
	detection    bool      // the same, with parameters by other names, and the server filters by time
	few          int       // rows of a page without a limit, if the server sends few; 0 for all
	most         int       // rows that the server can answer; 0 for any
	unlimited    int       // a longer list is asked for without a limit; 0 for never
	options      wire.ListOptions
}

// valueOf returns a copy of a filter that a caller passes, or the empty one for nil.
func valueOf[F any](filter *F) (f F) {
	if filter != nil {
		f = *filter
	}
	return f
}

// texts returns values as strings.
func texts[E ~string](values []E) []string {
	s := make([]string, len(values))
	for i, value := range values {
		s[i] = string(value)
	}
	return s
}

// always returns the values of a filter that never change.
func always(values []string) func(context.Context, int) ([]string, error) {
	return func(context.Context, int) ([]string, error) { return values, nil }
}

// hostsOr returns the values of two filters: the hosts of the instance, and others.
func (c *Client) hostsOr(others []string) func(context.Context, int) ([]string, error) {
	return func(ctx context.Context, dimension int) ([]string, error) {
		if dimension == 0 {
			return c.Hosts.Names(ctx)
		}
		return others, nil
	}
}

// page returns one page.
func (l *listing[T]) page(ctx context.Context, offset, limit int) (*Page[T], error) {
	r, most := l.base.copy(), l.client.maxPage
	switch {
	case offset < 0:
		r.fail("offset %d is negative: use 0 to start with the first item", offset)
	case limit < 0:
		r.fail("limit %d is negative: use 0 for the default", limit)
	case l.most > 0 && limit > l.most:
		r.fail("limit %d is over %d, which the server cannot answer: use All", limit, l.most)
	case most > 0 && limit > most:
		r.fail("limit %d is over %d, which WithMaxPageSize allows: use All, or a smaller limit", limit, most)
	case most > 0 && limit == 0 && (l.few == 0 || l.few > most):
		limit = most
	}
	l.narrow(r, walk.Request{Limit: limit, Offset: offset})
	opts := wire.ListOptions{Lenient: l.options.Lenient, MaxItem: l.client.maxBytes, MaxRows: max(limit, pageRows)}
	page, err := fetchPage(ctx, l.client, r, opts, func(item *T) error { _, err := l.describe(item); return err })
	if err != nil {
		return nil, err
	}
	page.Offset = offset
	return &page, nil
}

// narrow makes r ask for a part of the list.
func (l *listing[T]) narrow(r *request, part walk.Request) {
	for i, values := range part.Values {
		if values == nil {
			continue
		}
		if query, err := url.ParseQuery(r.query); err == nil {
			query[l.filters[i]] = values
			r.query = query.Encode()
		}
	}
	r.long = part.Limit == walk.Everything || part.Limit > firstPage
	if l.detection {
		r.instant("start", cmp.Or(part.Start, l.since))
		r.instant("end", cmp.Or(part.End, l.until))
		r.number("detectionLimit", part.Limit)
		r.number("detectionOffset", part.Offset)
	} else if part.Limit != walk.Everything {
		r.number("limit", part.Limit)
		r.number("offset", part.Offset)
	}
}

// all returns an iterator over the whole list.
func (l *listing[T]) all(ctx context.Context, opts []WalkOption) iter.Seq2[T, error] {
	var o walkOptions
	for _, opt := range opts {
		if opt == nil {
			l.base.fail("a WalkOption is nil: leave it out")
			continue
		}
		opt(&o)
	}
	switch most := l.client.maxPage; {
	case o.pageSize < 0:
		l.base.fail("PageSize %d is negative: use 0 for the default", o.pageSize)
	case l.most > 0 && o.pageSize > l.most:
		l.base.fail("PageSize %d is over %d, which the server cannot answer: leave the option out", o.pageSize, l.most)
	case most > 0 && o.pageSize > most:
		l.base.fail("PageSize %d is over %d, which WithMaxPageSize allows", o.pageSize, most)
	}
	return func(yield func(T, error) bool) {
		own := *l // each walk may find that the server sends integers as strings
		if err := own.walk(ctx, &o).All(ctx, func(item T) bool { return yield(item, nil) }); err != nil {
			if incomplete := (*walk.IncompleteError)(nil); errors.As(err, &incomplete) {
				err = &IncompleteError{incomplete.Seen, incomplete.Total, incomplete.Missing, l.base.Route}
			}
			var zero T
			yield(zero, err)
		}
	}
}

// walk returns the list in the form in which package walk walks it.
func (l *listing[T]) walk(ctx context.Context, o *walkOptions) walk.List[T] {
	list := walk.List[T]{
		Describe:   l.describe,
		Pause:      func(failures int) error { return l.client.pipeline.Pause(ctx, failures) },
		Dimensions: len(l.filters),
		First:      o.pageSize,
		Most:       l.client.maxPage,
		Unlimited:  l.unlimited,
		Newest:     l.newest,
		ByTime:     l.detection,
		Until:      l.until,
	}
	if l.detection {
		if list.Most == 0 || list.Most > l.most {
			list.Most = l.most
		}
	} else {
		list.Since = l.since
	}
	list.Values = func(dimension int) ([]string, error) {
		if query, err := url.ParseQuery(l.base.query); err == nil && len(query[l.filters[dimension]]) > 0 {
			return query[l.filters[dimension]], nil
		}
		return l.values(ctx, dimension)
	}
	total := -1
	list.Fetch = func(part walk.Request, visit func(*T) error) (walk.Response, error) {
		tail, err := l.fetch(ctx, part, visit)
		whole := part.Values[0] == nil && part.Values[1] == nil && part.Start.IsZero() && (part.End.IsZero() || part.End.Equal(l.until))
		if o.onTotal != nil && whole && err == nil && tail.Total >= part.Offset+tail.Rows && tail.Total != total {
			total = tail.Total
			o.onTotal(total)
		}
		return walk.Response(tail), err
	}
	return list
}

// fetch asks for a part of the list and visits its items. Its error is a *walk.FetchError if the walk can go on.
func (l *listing[T]) fetch(ctx context.Context, part walk.Request, visit func(*T) error) (wire.Tail, error) {
	r := l.base.copy()
	l.narrow(r, part)
	if r.fault == nil && (strings.Count(r.query, "&") >= maxFilterValues || len(r.path)+len(r.query) > maxTarget) {
		return wire.Tail{}, &walk.FetchError{Err: invalid("%s: the filter is too long", r.name), Next: walk.Split}
	}
	l.options.MaxItem, l.options.MaxRows = l.client.maxBytes, part.MaxRows
	tail, err := stream(ctx, l.client, r, l.options, visit)
	switch {
	case err == nil || errors.Is(err, walk.ErrStop) || ctx != nil && ctx.Err() != nil:
	case wire.IsMismatch(err) && !l.options.Lenient:
		l.options.Lenient = true // integers are strings
		err = &walk.FetchError{Err: err, Next: walk.Repeat}
	case wasCut(err):
		err = &walk.FetchError{Err: err, Next: walk.Wait}
	case isRefusedForLength(err):
		err = &walk.FetchError{Err: err, Next: walk.Shorten}
	}
	return tail, err
}

const (
	firstPage  = 100      // rows up to which a request for a list is repeated as patiently as one for an object
	maxRows    = 200_000  // of an array without pages
	pageRows   = 50_000   // of a page for which no limit was asked
	wholeBytes = 4 << 20  // a page up to this size is read before it is decoded, which frees its connection
	readBytes  = 64 << 10 // of a longer page at once: the decoder alone would read 4 KiB
)

// stream reads a list item by item. A response of up to 4 MiB is read before the first item is visited, so that its
// connection is free for the calls that the visitor makes.
func stream[T any](ctx context.Context, c *Client, r *request, opts wire.ListOptions, visit func(*T) error) (wire.Tail, error) {
	pooled := buffers.Get().(*[]byte)
	defer recycle(pooled)
	var rest *http.Response
	status := 0
	err := c.do(ctx, r, func(resp *http.Response) error {
		if err := c.checkResponse(r, resp); err != nil {
			return err
		}
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
	})
	if err != nil {
		return wire.Tail{Total: -1}, err
	}
	start := (*pooled)[:min(len(*pooled), maxErrorBody)]
	var src io.Reader = bytes.NewBuffer(*pooled)
	if rest != nil {
		defer rest.Body.Close()
		src = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(*pooled), transport.Body(rest)), readBytes)
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
	if err == nil {
		return false
	}
	var cut *transport.TruncatedError
	return errors.As(err, &cut)
}
