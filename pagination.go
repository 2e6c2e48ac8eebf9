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
	Total  int // number of items that pass the filter on all pages; -1 if the server sent no total
	Offset int // index of the page's first item in the whole list
}

// Collect returns the items of a sequence, such as that of an All method. With an error it returns the items before it.
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

// IncompleteError is the last element of a walk that cannot prove completeness. The server sends the list only in
// pages, and the list changes too fast, has no order, or has a wrong total or none. The walk yields all received items
// before it. It matches [ErrInvalidResponse].
type IncompleteError struct {
	Seen    int // number of received items, including those outside of the bounds of AllCreated
	Total   int // the server's last count of the items; -1 if it sends no total
	Missing int // maximum number of lasting items that were not received; -1 if unknown

	route string
}

// Error returns how many items may be missing and how to get them.
func (e *IncompleteError) Error() string {
	if e.Missing < 0 {
		return fmt.Sprintf("metlo: GET %s: the list may be incomplete: the walk received %d items, and the server sends only pages and no total to compare with: narrow the filter until one response holds the list", e.route, e.Seen)
	}
	return fmt.Sprintf("metlo: GET %s: the list may be incomplete: the walk received %d items, the server counts %d, and up to %d may be missing: narrow the filter until one response holds the list", e.route, e.Seen, e.Total, e.Missing)
}

// Is reports whether target is [ErrInvalidResponse].
func (e *IncompleteError) Is(target error) bool { return target == ErrInvalidResponse }

// ListAll returns an iterator over every item of a list for which the SDK has no method, each once. It walks like the
// All methods. The path is that of [Client.Call]. The server must support limit and offset, and the query must not
// contain them. The response may be [items, total], an array of items, or an object with a list and a total. The id of
// an item is the text that identifies it; items without an id are identified by their content.
//
// GET path
func ListAll[T any](ctx context.Context, c *Client, path string, query url.Values, id func(T) string, opts ...WalkOption) iter.Seq2[T, error] {
	base := newCallRequest(http.MethodGet, path, query)
	base.name = "ListAll"
	for _, name := range []string{"limit", "offset"} {
		if query.Has(name) {
			base.fail("the query contains %s, which ListAll sets: remove it", name)
		}
	}
	if id == nil {
		base.fail("the function that returns an item's id is nil: pass one that returns the text that identifies an item")
	}
	l := &listing[T]{client: c, base: base, options: wire.ListOptions{Lenient: true, JSONv1: true}, describe: func(item *T) (walk.Item, error) {
		if id := id(*item); id != "" {
			return walk.Item{Key: walk.TextKey(id)}, nil
		}
		var content bytes.Buffer
		if err := wire.Write(&content, item); err != nil { // T may fail to encode a value that it decoded
			content.Reset()
			fmt.Fprintf(&content, "%+v", *item)
		}
		return walk.Item{Key: walk.ContentKey(content.Bytes()), Unnamed: true}, nil
	}}
	return l.all(ctx, opts)
}

const defaultRows = 10 // rows of a page without a limit

// WalkOption configures the walk of an All method. An invalid value is [ErrInvalidArgument], the first error of the
// sequence.
type WalkOption func(*walkOptions)

type walkOptions struct {
	pageSize int
	onTotal  func(int)
}

// PageSize sets the number of items that the first request of a walk asks for; 0 means the default: 100, and 50 for
// detections.
func PageSize(items int) WalkOption {
	return func(o *walkOptions) { o.pageSize = items }
}

// OnTotal calls f with the list's number of items when the server has counted them, and whenever that number changes.
func OnTotal(f func(items int)) WalkOption {
	return func(o *walkOptions) { o.onTotal = f }
}

// listing describes a list of the server.
type listing[T any] struct {
	client       *Client
	base         *request                    // request without limit, offset and other parameters of a part
	describe     func(*T) (walk.Item, error) // reports why an item is unexpected
	filters      []string                    // parameters whose values never change, by which the walk can split the list
	values       func(ctx context.Context, dimension int) ([]string, error)
	since, until time.Time // bounds of the creation time; zero for no bound
	newest       bool      // sorted by creation time, newest first
	detection    bool      // like newest, but with other parameter names, and the server filters by time
	defaultLimit int       // rows of a page without a limit, if the server limits it; 0 for all
	maxLimit     int       // maximum rows of a response; 0 for any
	unlimited    int       // longer lists need a request without a limit; 0 for never
	options      wire.ListOptions
}

// valueOf returns a copy of the caller's filter, or the zero filter for nil.
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

// hostsOr returns the values of the two dimensions of a walk: the hosts of the instance, and others.
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
	r, maxPage := l.base.copy(), l.client.maxPage
	switch {
	case offset < 0:
		r.fail("offset %d is negative: use 0 to start with the first item", offset)
	case limit < 0:
		r.fail("limit %d is negative: use 0 for the default", limit)
	case l.maxLimit > 0 && limit > l.maxLimit:
		r.fail("limit %d is over %d, the maximum of the server: use All", limit, l.maxLimit)
	case maxPage > 0 && limit > maxPage:
		r.fail("limit %d is over %d, the limit of WithMaxPageSize: use All, or a smaller limit", limit, maxPage)
	case maxPage > 0 && limit == 0 && (l.defaultLimit == 0 || l.defaultLimit > maxPage):
		limit = maxPage
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

// narrow restricts r to a part of the list.
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
	switch maxPage := l.client.maxPage; {
	case o.pageSize < 0:
		l.base.fail("PageSize %d is negative: use 0 for the default", o.pageSize)
	case l.maxLimit > 0 && o.pageSize > l.maxLimit:
		l.base.fail("PageSize %d is over %d, the maximum of the server: leave the option out", o.pageSize, l.maxLimit)
	case maxPage > 0 && o.pageSize > maxPage:
		l.base.fail("PageSize %d is over %d, the limit of WithMaxPageSize: use a smaller one", o.pageSize, maxPage)
	}
	return func(yield func(T, error) bool) {
		own := *l // each walk may find out that the server sends integers as strings
		if err := own.walk(ctx, &o).All(ctx, func(item T) bool { return yield(item, nil) }); err != nil {
			if incomplete := (*walk.IncompleteError)(nil); errors.As(err, &incomplete) {
				err = &IncompleteError{incomplete.Seen, incomplete.Total, incomplete.Missing, l.base.Route}
			}
			var zero T
			yield(zero, err)
		}
	}
}

// walk returns the list in the form of package walk.
func (l *listing[T]) walk(ctx context.Context, o *walkOptions) walk.List[T] {
	list := walk.List[T]{
		Describe:   l.describe,
		Pause:      func(failures int) error { return l.client.pipeline.Pause(ctx, failures) },
		Dimensions: len(l.filters),
		First:      o.pageSize,
		MaxLimit:   l.client.maxPage,
		Unlimited:  l.unlimited,
		Newest:     l.newest,
		ByTime:     l.detection,
		Until:      l.until,
	}
	if l.detection {
		if list.MaxLimit == 0 || list.MaxLimit > l.maxLimit {
			list.MaxLimit = l.maxLimit
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

// fetch requests a part of the list and visits its items. Its error is a *walk.FetchError if the walk can continue.
func (l *listing[T]) fetch(ctx context.Context, part walk.Request, visit func(*T) error) (wire.Tail, error) {
	r := l.base.copy()
	l.narrow(r, part)
	if r.fault == nil && (strings.Count(r.query, "&") >= maxFilterValues || len(r.path)+len(r.query) > maxTarget) {
		return wire.Tail{}, &walk.FetchError{Err: invalid("%s: the filter is too long: use a shorter one", r.name), Next: walk.Split}
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
	firstPage  = 100      // requests for lists of up to this many rows are repeated like those for an object
	maxRows    = 200_000  // rows of an array without pages
	pageRows   = 50_000   // rows of a page requested without a limit
	wholeBytes = 4 << 20  // pages of up to this size are read before they are decoded, which frees the connection
	readBytes  = 64 << 10 // buffer for longer pages: the decoder alone would read 4 KiB at once
)

// stream reads a list item by item. It reads a response of up to 4 MiB before it visits the first item, which frees the
// connection for the visitor's own calls.
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
			limit = maxErrorBody // an error keeps that much
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
		start, *pooled = slices.Clone(start), nil // only the reader refers to it until it is read
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

// wasCut reports whether a list broke off while it was read item by item, for a reason that may be temporary. An error
// with attempts broke off earlier, and was retried as often as the policy allows.
func wasCut(err error) bool {
	var e *Error
	return isCut(err) && !isContextError(err) && errors.As(err, &e) && len(e.Attempts) == 0
}

// isRefusedForLength reports whether a shorter response might have succeeded.
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
