package capture

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
)

// Transport returns a transport that records the requests sent through next. A nil next is [http.DefaultTransport]. The recorder
// completes a trace when the response body is read to its end, closed, or garbage collected. It does not record its own requests
// or requests that fail without a response. A Transport within another Transport of the same recorder records nothing.
func (r *Recorder) Transport(next http.RoundTripper) http.RoundTripper { return &transport{r, next} }

type transport struct {
	rec  *Recorder
	next http.RoundTripper
}

// made is the context key that marks requests that are being recorded.
type made struct{ rec *Recorder }

func (t *transport) base() http.RoundTripper {
	if t.next == nil {
		return http.DefaultTransport
	}
	return t.next
}

// CloseIdleConnections closes the idle connections of the wrapped transport.
func (t *transport) CloseIdleConnections() {
	if closer, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := t.begin(req)
	if c == nil {
		return t.base().RoundTrip(req)
	}
	returned := false
	defer func() {
		if !returned {
			c.abandon() // the transport below panicked
		}
	}()
	resp, err := t.base().RoundTrip(c.sent)
	returned = true
	if err != nil || resp == nil {
		c.abandon()
		return resp, err
	}
	if resp.Request == c.sent {
		resp.Request = req
	}
	c.answered(resp)
	return resp, nil
}

// call is the recording of one outgoing request.
type call struct {
	rec  *Recorder
	sent *http.Request

	mu      sync.Mutex
	scratch *scratch // nil after the end of copying
	status  int
	length  int64 // length of the response's body, or -1 if it is unknown
	copies  int   // number of the copy of the request's body, which a transport may send again

	sentWhole bool // whether the last copy of the request's body was sent whole
}

func (t *transport) begin(req *http.Request) (c *call) {
	r := t.rec
	defer func() {
		if recover() != nil {
			c = nil
			r.drop(func(d *Drops) { d.Fault++ })
		}
	}()
	ctx := req.Context()
	if ctx.Value(own{r}) != nil || ctx.Value(made{r}) != nil || req.URL == nil || !r.wanted(req, false) {
		return nil
	}
	c = &call{rec: r, scratch: r.newScratch()}
	c.sent = req.WithContext(context.WithValue(ctx, made{r}, true))
	c.scratch.head = appendHead(c.scratch.head, req)
	if !c.scratch.reserveHeads(r) {
		r.recycle(c.scratch)
		r.full.Store(true)
		r.drop(func(d *Drops) { d.QueueFull++ })
		return nil
	}
	c.scratch.in.limit = r.copyLimit(req.Header)
	if req.Body == nil || req.Body == http.NoBody {
		return c
	}
	if req.GetBody != nil && req.ContentLength > 0 && req.ContentLength <= int64(c.scratch.in.limit) && c.copyShort(req) {
		return c
	}
	c.sent.Body = &sentBody{ReadCloser: req.Body, call: c}
	if getBody := req.GetBody; getBody != nil {
		c.sent.GetBody = func() (io.ReadCloser, error) {
			body, err := getBody()
			if err != nil || body == nil {
				return body, err
			}
			return &sentBody{ReadCloser: body, call: c, copy: c.sendAgain()}, nil
		}
	}
	return c
}

// copyShort copies a short body that can be read twice. The transport then gets the caller's body, which net/http sends in one
// segment with the header.
func (c *call) copyShort(req *http.Request) bool {
	body, err := req.GetBody()
	if err != nil || body == nil {
		return false
	}
	defer body.Close()
	data := make([]byte, req.ContentLength)
	if _, err := io.ReadFull(body, data); err != nil {
		return false
	}
	c.scratch.in.add(data, c.rec)
	c.sentWhole = true
	return true
}

// sendAgain clears the copy of the request body and returns the number of the next copy.
func (c *call) sendAgain() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.copies++
	c.sentWhole = false
	if c.scratch != nil {
		c.scratch.in.data, c.scratch.in.total = c.scratch.in.data[:0], 0
	}
	return c.copies
}

// sentBody is the body of an outgoing request. The transport may read it in a goroutine that outlives the response.
type sentBody struct {
	io.ReadCloser

	call *call
	copy int
}

func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.call.copied(p, n, func(s *scratch) *copied {
		if b.copy != b.call.copies {
			return nil
		}
		b.call.sentWhole = err == io.EOF
		return &s.in
	})
	return n, err
}

func (c *call) copied(p []byte, n int, to func(*scratch) *copied) {
	defer c.rec.contain()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scratch == nil {
		return
	}
	if body := to(c.scratch); body != nil && n > 0 {
		body.add(p[:n], c.rec)
	}
}

// answered records the header of the response and wraps its body, unless the response is a stream or has no body.
func (c *call) answered(resp *http.Response) {
	defer c.rec.contain()
	_, upgraded := resp.Body.(io.Writer)
	if upgraded || resp.StatusCode == http.StatusSwitchingProtocols || c.sent.Method == http.MethodConnect {
		c.abandon()
		return
	}
	c.mu.Lock()
	if c.scratch == nil {
		c.mu.Unlock()
		return
	}
	c.status = resp.StatusCode
	if c.scratch.answer = appendHeaders(c.scratch.answer, resp.Header); !c.scratch.reserveHeads(c.rec) {
		c.scratch.answer = c.scratch.answer[:0]
	}
	c.scratch.out.limit = c.rec.copyLimit(resp.Header)
	c.mu.Unlock()
	stream := kindOf(headerValue(resp.Header, "Content-Type")) == kindStream
	if stream || resp.Body == nil || resp.Body == http.NoBody {
		c.end(true)
		return
	}
	c.length = resp.ContentLength
	body := &answerBody{ReadCloser: resp.Body, call: c}
	// A body that is neither read nor closed must not keep its memory.
	runtime.AddCleanup(body, func(c *call) { c.end(false) }, c)
	resp.Body = body
}

// answerBody is the body of a recorded response. The recording ends with it.
type answerBody struct {
	io.ReadCloser

	call *call
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.call.copied(p, n, func(s *scratch) *copied { return &s.out })
	if err != nil {
		b.call.end(err == io.EOF) // a body that wraps io.EOF is not at its end
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.call.end(false)
	return b.ReadCloser.Close()
}

// take ends the copying. Only the first caller receives a non-nil scratch.
func (c *call) take() (s *scratch, sentWhole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.scratch
	c.scratch = nil
	return s, c.sentWhole
}

// sentLength returns the length of a request body, or -1 if it is unknown.
func sentLength(req *http.Request) int64 {
	if req.ContentLength > 0 {
		return req.ContentLength
	}
	return -1
}

// abandon ends the recording of a call that is not an exchange of request and response.
func (c *call) abandon() {
	defer c.rec.contain()
	if s, _ := c.take(); s != nil {
		c.rec.discard(s)
		c.rec.skip(func(s *SkipReasons) { s.NoExchange++ })
	}
}

func (c *call) end(whole bool) {
	defer c.rec.contain()
	s, sentWhole := c.take()
	if s == nil {
		return
	}
	if !whole {
		s.out.partOf(c.length)
	}
	if !sentWhole {
		s.in.partOf(sentLength(c.sent))
	}
	r := c.rec
	defer r.recycle(s)
	method := c.sent.Method
	if r.skipper.statuses[c.status] || !tracked(method) {
		r.budget.release(s.held())
		r.skip(func(s *SkipReasons) { s.Rules++ })
		return
	}
	if !r.sampled(method+" "+c.sent.URL.Host, "", c.sent.URL.Path, c.status) {
		r.budget.release(s.held())
		return
	}
	user := r.userOf(c.sent)
	r.push(func() []byte { return s.encode(c.status, "", user, false) }, s.size("", user), s.held())
}
