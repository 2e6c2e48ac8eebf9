package metlo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
)

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
