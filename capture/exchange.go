package capture

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Exchange is one request while it is served. [Recorder.Handler] uses it, and adapters of frameworks whose writers are
// their own do. Its methods may be called on a nil Exchange, on which they do nothing, and from any goroutine.
type Exchange struct {
	rec      *Recorder
	writer   http.ResponseWriter // what the response goes to; nil in an adapter with a writer of its own
	original *http.Request
	request  http.Request // what the handler gets
	body     io.ReadCloser
	marker   marker

	mu        sync.Mutex
	scratch   *scratch // nil once nothing is copied any more
	route     string
	status    int  // 0 until the response began
	foreign   bool // the writer is neither of net/http's
	ended     bool
	readWhole bool // the request's body
}

// marker is the context of a request that is being recorded, by which a second recording of it is told.
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

// Begin begins to record a request in an adapter of a framework, which passes [Exchange.Request] and
// [Exchange.ResponseWriter] on and calls [Exchange.End]. Where the framework's writer cannot be replaced w is nil, and the
// adapter tells with [Exchange.Header], [Exchange.Wrote] and [Exchange.Hijacked] what is written. It returns nil if the
// request is not recorded.
func (r *Recorder) Begin(w http.ResponseWriter, req *http.Request) *Exchange { return r.begin(w, req) }

// ResponseWriter is the writer that the handler must get instead of the one that Begin was given, with the same optional
// interfaces.
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
	x.scratch.in.limit = r.copyLimit(req.Header)
	return x
}

// wanted counts a request that is not recorded.
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

// recordsHost reports whether the traffic of the host that a request asks is recorded.
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

// Request is the request that the handler must get instead of its own: a copy whose Body is watched.
func (x *Exchange) Request() *http.Request {
	if x == nil {
		return nil
	}
	return &x.request
}

// SetRoute sets the template that the framework matched, such as /users/:id.
func (x *Exchange) SetRoute(route string) {
	if x != nil {
		x.addRoute(route, x.original.URL.Path)
	}
}

// Header says that a response begins with the status and the headers. Only the first final status counts.
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
		s.answer = appendHeaders(s.answer, header)
		if x.original.Method != http.MethodHead {
			s.out.limit = x.rec.copyLimit(header)
		}
	}
}

// Wrote says that data was written to the response's body.
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

// Hijacked says that the connection is no longer HTTP: the request is not recorded.
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

// End ends the recording when the handler has returned, or panicked. It puts back what the handler changed of the
// original request. Call it once, deferred, without recovering from the panic before.
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

// finish hands the exchange over. Nothing else has s by now. The status is 0 if the response did not begin.
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

// isUpgrade reports whether the connection went over to another protocol, or was a tunnel. Of a writer that is reached
// only through Unwrap, a hijacking shows in that an upgrade was asked for and nothing was written.
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

// contain keeps a panic of the recorder's from reaching the handler.
func (r *Recorder) contain() {
	if recover() != nil { //nolint:revive // its callers defer it
		r.faults.Add(1)
	}
}

const longestUser = 256

// userOf returns the pseudonym that the service has for who sent a request.
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
