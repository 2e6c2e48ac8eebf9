package metlo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

// exchange is a request with the handler of its response.
type exchange struct {
	client  *Client
	request *request
	url     url.URL
	sent    transport.Request

	stream func(*http.Response) error // owns the body of a successful response
	accept func([]byte) error         // gets it whole, if there is no stream
}

// send passes a successful response to stream or accept, and turns everything else into an error.
func (x *exchange) send(ctx context.Context, c *Client) error {
	x.client = c
	r := x.request
	if ctx == nil {
		r.fail("the context is nil: use context.Background()")
	}
	if r.collector && c.collector == nil {
		r.fail("the collector's address is not known: use WithCollectorURL, or METLO_COLLECTOR_HOST with NewClientFromEnv")
	}
	if r.fault == nil && r.prepare != nil {
		if err := r.prepare(ctx); err != nil {
			return c.callError(r, 0, nil, err)
		}
	}
	if r.fault != nil {
		return c.redact.cause(r.fault)
	}
	r.setURL(&x.url, c)
	s := &x.sent
	s.Method, s.URL, s.Route = r.method, &x.url, r.route
	s.Header, s.ContentType = c.header(), r.contentType
	s.Body, s.Stream, s.Repeat = r.body, r.stream, r.repeat()
	attempts, err := c.pipeline.Do(ctx, &x.sent, x.handle)
	if err == nil {
		return nil
	}
	if !isAnswer(err) {
		status := 0
		if len(attempts) > 0 && !isUnsent(err) {
			status = attempts[len(attempts)-1].StatusCode
		}
		err = c.callError(r, status, nil, err)
	}
	return c.withAttempts(err, attempts)
}

func (x *exchange) handle(resp *http.Response) error {
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if x.stream != nil {
			return x.stream(resp)
		}
		return x.whole(resp)
	}
	// What a failed read leaves out is not worth hiding the status for.
	body, _ := transport.ReadAll(resp, nil, maxErrorRead)
	return x.client.answerError(x.request, resp, body)
}

// isUnsent reports whether the rate limit or the source of the body kept an attempt from starting.
func isUnsent(err error) bool {
	var limit *transport.LimitError
	var source *transport.SourceError
	return errors.As(err, &limit) || errors.As(err, &source)
}

// isAnswer reports whether err is an *Error already, in whatever wrapping.
func isAnswer(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

const pooledBytes = 256 << 10 // larger buffers are left to the garbage collector

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// do reads a successful response whole and passes it to accept, which must not keep it.
func (c *Client) do(ctx context.Context, r *request, accept func(body []byte) error) error {
	r.exchange.accept = accept
	return r.exchange.send(ctx, c)
}

// whole reads a response and passes it to accept.
func (x *exchange) whole(resp *http.Response) error {
	pooled := buffers.Get().(*[]byte)
	defer recycle(pooled)
	body, err := transport.ReadAll(resp, (*pooled)[:0], x.client.maxBytes)
	*pooled = body
	if err != nil {
		return err
	}
	if x.request.route == routeOfCall {
		if err := x.client.disguised(x.request, resp.StatusCode, body); err != nil {
			return err
		}
	}
	return x.client.judge(x.request, resp.StatusCode, body, x.accept(body))
}

func recycle(pooled *[]byte) {
	if cap(*pooled) <= pooledBytes {
		buffers.Put(pooled)
	}
}

// judge says what it means that a body could not be accepted.
func (c *Client) judge(r *request, status int, body []byte, err error) error {
	if err == nil || isAnswer(err) {
		return err
	}
	if disguised := c.disguised(r, status, body); disguised != nil {
		return disguised
	}
	if wire.IsCut(err) {
		// The caller of judge is inside an attempt: this error has the request repeated if that is harmless.
		return &transport.CutError{Err: err}
	}
	return c.callError(r, status, body, err)
}

// disguised is the error that a successful status hides, if it does.
func (c *Client) disguised(r *request, status int, body []byte) error {
	d, ok := unmask(r.method, r.path, status, body)
	if !ok {
		return nil
	}
	e := c.newError(r, status, body)
	e.kind, e.Message = d.kind, d.message
	return e
}

// missing is the error that what was asked for is not in a successful answer.
func (c *Client) missing(r *request, message string) error {
	e := c.newError(r, http.StatusOK, nil)
	e.kind, e.Message = ErrNotFound, message
	return e
}

// fetch returns the object with which the server answers.
func fetch[T any](ctx context.Context, c *Client, r *request) (*T, error) {
	v := new(T)
	err := c.do(ctx, r, func(body []byte) error {
		var zero T
		*v = zero
		if err := wire.Object(body, v); err != nil {
			return err
		}
		return inspect(v)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// fetchAll returns the array with which the server answers; null is an empty one. What a check says of it is the error.
func fetchAll[T any](ctx context.Context, c *Client, r *request, checks ...func([]T) error) ([]T, error) {
	var items []T
	err := c.do(ctx, r, func(body []byte) error {
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
	})
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
	return c.do(ctx, r, func(body []byte) error {
		if wire.IsDone(body) {
			return nil
		}
		var refused *wire.RefusedError
		if err := wire.Object(body, new(json.RawMessage)); errors.As(err, &refused) {
			return err
		}
		return fmt.Errorf("want OK, have %q", wire.Message(c.redact.head(body)))
	})
}

// identified is an object with an id.
type identified interface{ id() string }

// checked is an object whose parts tell whether it is what the route returns.
type checked interface{ check() error }

var errShape = errors.New("the answer is not what the route returns: is the base URL right, and is the server Metlo's?")
