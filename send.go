package metlo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

// handler takes a successful response: whole gets its body read, and must not keep it; stream owns the response.
type handler struct {
	whole  func(body []byte) error
	stream func(*http.Response) error
}

// send sends r and passes a successful response to handle. Everything else is an error.
func (c *Client) send(ctx context.Context, r *request, handle handler) error {
	if ctx == nil {
		r.fail("the context is nil: use context.Background()")
	}
	if r.collector && c.collector == nil {
		r.fail("the collector's address is not known: use WithCollectorURL, or METLO_COLLECTOR_HOST with NewClientFromEnv")
	}
	if r.fault != nil {
		return c.redact.cause(r.fault)
	}
	result := c.pipeline.Do(ctx, transport.Request{
		Method: r.method, URL: r.url(c), Route: r.route,
		Header: c.header(), ContentType: r.contentType, NoProxy: c.noProxy,
		Body: r.body, Upload: r.content, Repeat: r.repeat(),
	}, func(resp *http.Response) error { return c.receive(r, handle, resp) })
	if result.Err == nil {
		return nil
	}
	return c.failed(ctx, r, &result)
}

// receive passes a successful response on, and makes an error of any other.
func (c *Client) receive(r *request, handle handler, resp *http.Response) error {
	encoding := strings.Join(resp.Header["Content-Encoding"], ", ")
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		// A body that cannot be read whole still has its status.
		body, _ := transport.ReadAll(resp, nil, maxErrorRead)
		return c.statusError(r, resp, encoding, body)
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return c.callError(r, resp.StatusCode, nil, encodingError(encoding))
	case handle.stream != nil:
		return handle.stream(resp)
	}
	pooled := buffers.Get().(*[]byte)
	defer recycle(pooled)
	body, err := transport.ReadAll(resp, (*pooled)[:0], c.maxBytes)
	*pooled = body
	if err != nil {
		return err
	}
	if r.route == routeOfCall {
		if err := c.correctedError(r, resp, body); err != nil {
			return err
		}
	}
	if err := handle.whole(body); err != nil {
		return c.rejected(r, resp, body, err)
	}
	return nil
}

// rejected says what it means that a body could not be accepted.
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
		// The caller is inside an attempt: this error has the request repeated if that is harmless.
		return &transport.TruncatedError{Err: err}
	}
	return c.callError(r, resp.StatusCode, body, err)
}

// encodingError says that a body is compressed in a way that was not asked for.
func encodingError(encoding string) error {
	return fmt.Errorf("the answer is encoded with %s, which was not asked for: have the server or the proxy send it plain or with gzip", wire.OneLine(encoding))
}

func isGzip(body []byte) bool { return bytes.HasPrefix(body, []byte("\x1f\x8b")) }

const pooledBytes = 256 << 10 // larger buffers are left to the garbage collector

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func recycle(pooled *[]byte) {
	if cap(*pooled) <= pooledBytes {
		buffers.Put(pooled)
	}
}

// missing is the error that what was asked for is not in a successful answer.
func (c *Client) missing(r *request, message string) error {
	e := c.newError(r, http.StatusOK, nil)
	e.Kind, e.Message = ErrNotFound, message
	return e
}

// fetch returns the object with which the server answers.
func fetch[T any](ctx context.Context, c *Client, r *request) (*T, error) {
	v := new(T)
	err := c.send(ctx, r, handler{whole: func(body []byte) error {
		var zero T
		*v = zero
		if err := wire.Object(body, v); err != nil {
			return err
		}
		return inspect(v)
	}})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// fetchAll returns the array with which the server answers; null is an empty one. What a check says of it is the error.
func fetchAll[T any](ctx context.Context, c *Client, r *request, checks ...func([]T) error) ([]T, error) {
	var items []T
	err := c.send(ctx, r, handler{whole: func(body []byte) error {
		rows := wire.Rows[T]{Values: []T{}, Most: maxRows}
		err := wire.Object(body, &rows)
		if errors.Is(err, wire.ErrEmpty) && len(bytes.TrimSpace(body)) > 0 {
			err = nil
		}
		items = rows.Values
		for i := 0; err == nil && i < len(items); i++ {
			err = inspect(&items[i])
		}
		for i := 0; err == nil && i < len(checks); i++ {
			err = checks[i](items)
		}
		return err
	}})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// inspect tells an object that the route returns from any other.
func inspect(v any) error {
	if item, ok := v.(identified); ok && item.id() == "" {
		return errors.New("the object has no id")
	}
	if object, ok := v.(checked); ok {
		return object.check()
	}
	return nil
}

// exec sends a change to which the server answers that it is done.
func exec(ctx context.Context, c *Client, r *request) error {
	return c.send(ctx, r, handler{whole: func(body []byte) error {
		if wire.IsDone(body) {
			return nil
		}
		var refused *wire.RefusedError
		if err := wire.Object(body, new(json.RawMessage)); errors.As(err, &refused) {
			return err
		}
		return fmt.Errorf("want OK, have %q", wire.Message(c.redact.head(body)))
	}})
}

// identified is an object with an id.
type identified interface{ id() string }

// checked is an object whose parts tell whether it is what the route returns.
type checked interface{ check() error }

var errShape = errors.New("the answer is not what the route returns: is the base URL right, and is the server Metlo's?")
