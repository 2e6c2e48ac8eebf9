package metlo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

// send sends the request r and passes the body of a successful response to decode, which must not retain it. An error
// of decode means that the body is not one that the route sends.
func (c *Client) send(ctx context.Context, r *request, decode func(body []byte) error) error {
	return c.do(ctx, r, func(resp *http.Response) error {
		if err := c.checkResponse(r, resp); err != nil {
			return err
		}
		pooled := buffers.Get().(*[]byte)
		defer recycle(pooled)
		body, err := transport.ReadAll(resp, (*pooled)[:0], c.maxBytes)
		*pooled = body
		if err != nil {
			return err
		}
		if err = decode(body); err == nil {
			return nil
		}
		return c.rejected(r, resp, body, err)
	})
}

// do sends the request and passes the response of the last attempt to read. A failure is the error of read, if it is
// one of this package, or the reason why no response arrived.
func (c *Client) do(ctx context.Context, r *request, read func(*http.Response) error) error {
	if ctx == nil {
		r.fail("the context is nil: use context.Background()")
	}
	base := c.serverOf(r)
	if base == nil {
		r.fail("the collector's URL is not set: use WithCollectorURL, or METLO_COLLECTOR_HOST with NewClientFromEnv")
	}
	if r.fault != nil {
		return c.redact.fault(r.fault)
	}
	r.Repeat = transport.RepeatUnprocessed
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		r.Repeat, r.Patient = transport.RepeatSafe, !r.long && c.answered.Load()
	case (r.Method == http.MethodPut || r.Method == http.MethodDelete) && r.Upload == nil:
		r.Repeat = transport.RepeatIdempotent
	}
	r.URL = *base
	r.URL.RawQuery = r.query
	if r.URL.RawPath == "" && !strings.Contains(r.path, "%") {
		r.URL.Path += r.path
	} else {
		setEscapedPath(&r.URL, base.EscapedPath()+r.path)
	}
	result := c.pipeline.Do(ctx, &r.Request, read)
	if result.Err == nil {
		c.answered.Store(true)
		return nil
	}
	return c.failed(r, &result)
}

// serverOf returns the base URL of the request's server, or nil for a collector without a configured URL.
func (c *Client) serverOf(r *request) *url.URL {
	if r.collector {
		return c.collector
	}
	return c.base
}

// rejected returns the error for a body that decode rejected.
func (c *Client) rejected(r *request, resp *http.Response, body []byte, err error) error {
	if isOwnError(err) {
		return err
	}
	if corrected := c.correctedError(r, resp, body); corrected != nil {
		return corrected
	}
	if isGzip(body) {
		err = encodingError("gzip")
	}
	if wire.IsTruncated(err) {
		return &transport.TruncatedError{Err: err} // the pipeline repeats reads after this error
	}
	return c.callError(r, resp.StatusCode, body, err)
}

// encodingError returns the error for an unrequested compression.
func encodingError(encoding string) error {
	return fmt.Errorf("the response is encoded with %s, which the client did not request: configure the server or the proxy to send it plain or with gzip", wire.OneLine(encoding))
}

func isGzip(body []byte) bool { return bytes.HasPrefix(body, []byte("\x1f\x8b")) }

const pooledBytes = 256 << 10 // larger buffers are left to the garbage collector

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func recycle(pooled *[]byte) {
	if cap(*pooled) <= pooledBytes {
		buffers.Put(pooled)
	}
}

// missing returns the error for a successful response that lacks the requested object.
func (c *Client) missing(r *request, message string) error {
	e := c.newError(r, http.StatusOK, nil)
	e.Kind, e.Message = ErrNotFound, message
	return e
}

// fetch returns the object of a response. The function accept reports why an object is unexpected.
func fetch[T any](ctx context.Context, c *Client, r *request, accept func(*T) error) (*T, error) {
	v := new(T)
	err := c.send(ctx, r, func(body []byte) error {
		*v = *new(T)
		if err := wire.Object(body, v, c.maxBytes); err != nil {
			return err
		}
		return accept(v)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// fetchAll returns the array of a response, which is empty for null. The function accept reports why an item is
// unexpected.
func fetchAll[T any](ctx context.Context, c *Client, r *request, accept func(*T) error, checks ...func([]T) error) ([]T, error) {
	page, err := fetchPage(ctx, c, r, wire.ListOptions{Lenient: true, MaxItem: c.maxBytes, MaxRows: maxRows}, accept, checks...)
	return page.Items, err
}

// fetchPage returns the list of a response and its total.
func fetchPage[T any](
	ctx context.Context, c *Client, r *request, opts wire.ListOptions, accept func(*T) error, checks ...func([]T) error,
) (page Page[T], err error) {
	err = c.send(ctx, r, func(body []byte) error {
		items, tail, err := wire.Items[T](body, opts)
		for i := range items {
			if err == nil {
				err = accept(&items[i])
			}
		}
		for i := range checks {
			if err == nil {
				err = checks[i](items)
			}
		}
		page = Page[T]{Items: items, Total: tail.Total}
		return err
	})
	if err != nil {
		return Page[T]{}, err
	}
	return page, nil
}

// exec sends a change to which the server answers only that it succeeded.
func exec(ctx context.Context, c *Client, r *request) error {
	return c.send(ctx, r, func(body []byte) error {
		if wire.IsDone(body) {
			return nil
		}
		var refused *wire.RefusedError
		if err := wire.Object(body, new(json.RawMessage), c.maxBytes); errors.As(err, &refused) {
			return err
		}
		return fmt.Errorf("want OK, have %q", wire.Message(c.redact.head(body)))
	})
}

// anything accepts every value, for routes whose values have no fixed form.
func anything[T any](*T) error { return nil }

// hasID returns an error for an object without id.
func hasID(id string) error {
	if id == "" {
		return errors.New("the object has no id: is the base URL right, and is the server Metlo's?")
	}
	return nil
}

// dropNull sets free-form JSON to nil if the server sent null.
func dropNull(raw *json.RawMessage) {
	if string(*raw) == "null" {
		*raw = nil
	}
}

var errShape = errors.New("the response has an unexpected form: is the base URL right, and is the server Metlo's?")

// contentEncoding returns the encoding of a response that net/http did not decode, or "" for a plain one.
func contentEncoding(resp *http.Response) string {
	encoding := strings.Join(resp.Header["Content-Encoding"], ", ")
	if strings.EqualFold(encoding, "identity") {
		return ""
	}
	return encoding
}
