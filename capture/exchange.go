package capture

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Exchange represents the recording of a request that is being served. Adapters for web frameworks use it; other programs use
// [Recorder.Handler]. All methods do nothing on a nil Exchange, and are safe for concurrent use.
type Exchange struct {
	rec      *Recorder
	writer   http.ResponseWriter // nil in an adapter whose framework has its own writer
	original *http.Request
	request  http.Request // passed to the handler
	body     io.ReadCloser
	marker   marker

	mu        sync.Mutex
	scratch   *scratch // nil after the end of copying
	route     string
	status    int  // 0 until the response begins
	foreign   bool // whether the writer is not one of net/http's
	ended     bool
	readWhole bool // whether the handler read the request's body to its end
}

// marker is the context of a recorded request. A recorder uses it to recognize a request that it already records.
type marker struct {
	context.Context
	exchange *Exchange
}

// served is the key under which a marker is found.
type served struct{ rec *Recorder }

func (m *marker) Value(key any) any {
	switch k := key.(type) {
	case served:
		if k.rec == m.exchange.rec {
			return m
		}
	case innermost:
		return m
	}
	return m.Context.Value(key)
}

// Begin starts recording a request. Adapters for web frameworks call it, pass [Exchange.Request] and [Exchange.ResponseWriter] to
// the next handler, and call [Exchange.End] when it has returned. If the framework's writer cannot be replaced, pass a nil w and
// report the response with [Exchange.Header], [Exchange.Wrote] and [Exchange.Hijacked]. Begin returns nil if the request is not
// recorded.
func (r *Recorder) Begin(w http.ResponseWriter, req *http.Request) *Exchange { return r.begin(w, req) }

// ResponseWriter returns the writer to pass to the handler in place of the one passed to [Recorder.Begin]. See
// [Recorder.Handler] for its optional interfaces.
func (x *Exchange) ResponseWriter() http.ResponseWriter {
	if x == nil || x.writer == nil {
		return nil
	}
	return x.response()
}

func (r *Recorder) begin(w http.ResponseWriter, req *http.Request) (x *Exchange) {
	defer func() {
		if recover() != nil {
			x = nil
			r.drop(func(d *Drops) { d.Fault++ })
		}
	}()
	if req.Context().Value(served{r}) != nil || !r.wanted(req, true) {
		return nil
	}
	x = &Exchange{rec: r, writer: w, original: req, body: req.Body}
	x.marker = marker{req.Context(), x}
	x.request = *req.WithContext(&x.marker)
	if req.Body != nil && req.Body != http.NoBody {
		x.request.Body = (*requestBody)(x)
	}
	x.scratch = r.newScratch()
	x.scratch.head = appendHead(x.scratch.head, req)
	if !x.scratch.reserveHeads(r) {
		r.recycle(x.scratch)
		r.full.Store(true)
		r.drop(func(d *Drops) { d.QueueFull++ })
		return nil
	}
	x.scratch.in.limit = r.copyLimit(req.Header)
	return x
}

// wanted reports whether a request is recorded. It counts requests that are not recorded.
func (r *Recorder) wanted(req *http.Request, isServed bool) bool {
	switch {
	case r.skipper.request(req, isServed):
		r.skip(func(s *SkipReasons) { s.Rules++ })
	case !r.recordsHost(req, isServed):
		r.skip(func(s *SkipReasons) { s.Host++ })
	case r.isClosed.Load():
		r.drop(func(d *Drops) { d.Closed++ })
	case r.isFull():
		r.drop(func(d *Drops) { d.QueueFull++ })
	default:
		return true
	}
	return false
}

// recordsHost reports whether the host of a request is recorded.
func (r *Recorder) recordsHost(req *http.Request, isServed bool) bool {
	host := req.Host
	if host == "" && !isServed {
		host = req.URL.Host
	}
	if host == "" && isServed {
		return true // HTTP/1.0 has no Host; its traffic is that of the first host
	}
	_, ok := r.settings.hosts.find(host, r.config.Load())
	return ok
}

// Request returns the request to pass to the handler. It is a copy of the one passed to [Recorder.Begin] whose Body is recorded.
func (x *Exchange) Request() *http.Request {
	if x == nil {
		return nil
	}
	return &x.request
}

// SetRoute sets the route template of the request in the framework's notation, such as /users/:id.
func (x *Exchange) SetRoute(route string) {
	if x != nil {
		x.addRoute(route, x.original.URL.Path)
	}
}

// Header records the status and the headers of the response. It ignores informational statuses, and every call after the first
// final status.
func (x *Exchange) Header(status int, header http.Header) {
	if x == nil {
		return
	}
	defer x.rec.contain()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun(status, header)
}

func (x *Exchange) begun(status int, header http.Header) {
	if x.ended || x.status != 0 || status < 100 || status > 999 || (status < 200 && status != http.StatusSwitchingProtocols) {
		return
	}
	x.status = status
	if s := x.scratch; s != nil {
		if s.answer = appendHeaders(s.answer, header); !s.reserveHeads(x.rec) {
			s.answer = s.answer[:0]
		}
		if x.original.Method != http.MethodHead {
			s.out.limit = x.rec.copyLimit(header)
		}
	}
}

// Wrote records data that was written to the response body.
func (x *Exchange) Wrote(data []byte) {
	if x == nil || len(data) == 0 {
		return
	}
	defer x.rec.contain()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.scratch != nil {
		x.scratch.out.add(data, x.rec)
	}
}

// Hijacked ends the recording without a trace, because the handler took over the connection.
func (x *Exchange) Hijacked() {
	if x == nil {
		return
	}
	defer x.rec.contain()
	x.mu.Lock()
	s := x.scratch
	x.scratch = nil
	x.mu.Unlock()
	x.rec.discard(s) // such connections may last for hours
}

// End ends the recording after the handler has returned or panicked. It copies the handler's changes to the original
// request. Call it once in a deferred function that does not recover from the panic.
func (x *Exchange) End(panicked bool) {
	if x == nil {
		return
	}
	defer x.rec.contain()
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return
	}
	x.ended = true
	s := x.scratch
	x.scratch = nil
	status, route := x.status, x.route
	x.restore()
	x.mu.Unlock()
	if s == nil {
		x.rec.skip(func(s *SkipReasons) { s.NoExchange++ })
		return
	}
	x.finish(s, status, route, panicked)
}

// finish queues the record of the exchange. The caller holds the only reference to s. A status of 0 means that the response did
// not begin.
func (x *Exchange) finish(s *scratch, status int, route string, panicked bool) {
	r := x.rec
	held := s.held()
	defer func() {
		r.budget.release(held)
		r.recycle(s)
	}()
	counted := false
	defer func() {
		if !counted {
			r.drop(func(d *Drops) { d.Fault++ })
		}
	}()
	if !x.readWhole {
		s.in.partOf(x.original.ContentLength)
	}
	began := status != 0
	switch {
	case status == 0 && panicked:
		status = http.StatusInternalServerError
	case status == 0:
		status = http.StatusOK
		if x.writer != nil {
			s.answer = appendHeaders(s.answer, x.writer.Header())
		}
	}
	if x.isUpgrade(status, began) {
		counted = true
		r.skip(func(s *SkipReasons) { s.NoExchange++ })
		return
	}
	if x.rec.skipper.statuses[status] || !tracked(x.original.Method) {
		counted = true
		r.skip(func(s *SkipReasons) { s.Rules++ })
		return
	}
	if route == "" {
		route = x.request.Pattern
	}
	if !r.sampled(x.original.Method, route, x.original.URL.Path, status) {
		counted = true
		return
	}
	user := r.userOf(&x.request)
	passed := held
	held = 0
	r.push(func() []byte { return s.encode(status, route, user, true) }, s.size(route, user), passed)
	counted = true
}

// isUpgrade reports whether the connection was upgraded to another protocol or was a tunnel. The recorder does not notice
// when a handler hijacks a connection through Unwrap. Then the request has an Upgrade header, and the response did not begin.
func (x *Exchange) isUpgrade(status int, began bool) bool {
	if status == http.StatusSwitchingProtocols || x.original.Method == http.MethodConnect {
		return true
	}
	return x.foreign && !began && len(x.original.Header["Upgrade"]) > 0
}

// sampled reports whether a trace of this kind is kept, and counts it if not.
func (r *Recorder) sampled(method, route, path string, status int) bool {
	if r.settings.sampling.all {
		return true
	}
	hash := routeHash(r.seed, method, route, path)
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sampler.keep(hash, status, now) {
		return true
	}
	r.stats.SampledOut++
	return false
}

// contain recovers from a panic of the recorder and counts it.
func (r *Recorder) contain() {
	if recover() != nil { //nolint:revive // its callers defer it
		r.faults.Add(1)
	}
}

const longestUser = 256

// userOf returns the pseudonym of the user who sent a request, or "" without WithUsers.
func (r *Recorder) userOf(req *http.Request) (user string) {
	if r.settings.users == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			user = ""
			r.faults.Add(1)
		}
	}()
	user = strings.ToValidUTF8(r.settings.users(req), "\uFFFD")
	return strings.ToValidUTF8(user[:min(len(user), longestUser)], "")
}
