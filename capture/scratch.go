package capture

import (
	"encoding/binary"
	"net"
	"net/http"
	"strings"
)

const (
	keptCopy      = 4 << 10  // bytes of a body that are copied without reserving memory
	keptHeaders   = 2 << 10  // maximum number of bytes of header memory that a pooled scratch keeps
	maxHeaderCopy = 32 << 10 // maximum number of bytes of copied headers of a request or a response
)

// scratch holds the copies of a running exchange. A pool reuses it, so only the exchange that holds it may use it, under the exchange's
// lock.
type scratch struct {
	head   []byte // request line, addresses and headers
	answer []byte // the response's headers
	in     copied
	out    copied
	heads  int // reserved memory for long heads
}

// reserveHeads reserves memory for heads that are longer than usual, and reports whether there was room.
func (s *scratch) reserveHeads(r *Recorder) bool {
	more := max(len(s.head)-keptHeaders, 0) + max(len(s.answer)-keptHeaders, 0) - s.heads
	if more > 0 {
		if !r.budget.reserve(more) {
			return false
		}
		s.heads += more
	}
	return true
}

func (r *Recorder) newScratch() *scratch {
	if s, ok := r.scratches.Get().(*scratch); ok {
		return s
	}
	return &scratch{head: make([]byte, 0, keptHeaders), answer: make([]byte, 0, keptHeaders/2)}
}

// discard releases a scratch of which no record is made. A nil s is allowed.
func (r *Recorder) discard(s *scratch) {
	if s != nil {
		r.budget.release(s.held())
		r.recycle(s)
	}
}

// recycle returns a scratch to the pool. The caller holds the only reference.
func (r *Recorder) recycle(s *scratch) {
	for _, body := range []*copied{&s.in, &s.out} {
		if body.base != nil {
			r.bases.Put(body.base)
		}
		*body = copied{}
	}
	s.heads = 0
	if cap(s.head) <= 4*keptHeaders && cap(s.answer) <= 4*keptHeaders {
		s.head, s.answer = s.head[:0], s.answer[:0]
		r.scratches.Put(s)
	}
}

// held returns the reserved memory.
func (s *scratch) held() int { return s.in.reserved + s.out.reserved + s.heads }

// copied is the beginning of a body.
type copied struct {
	base     *[keptCopy]byte // pooled; taken with the first byte, since many bodies stay empty or are streams
	data     []byte
	limit    int
	total    int64
	reserved int
}

// add copies as much of p as the limit allows. Beyond keptCopy bytes it reserves memory from the budget; if there is none, the copy
// ends.
func (c *copied) add(p []byte, r *Recorder) {
	c.total += int64(len(p))
	p = p[:min(len(p), max(c.limit-len(c.data), 0))]
	if len(p) == 0 {
		return
	}
	if c.base == nil {
		c.base = r.newBase()
		c.data = c.base[:0]
	}
	if need := len(c.data) + len(p); need > cap(c.data) {
		size := min(max(need, 4*cap(c.data)), max(c.limit, need))
		if !r.budget.reserve(size - c.reserved) {
			c.limit = len(c.data)
			return
		}
		c.reserved = size
		grown := make([]byte, len(c.data), size)
		copy(grown, c.data)
		c.data = grown
	}
	c.data = append(c.data, p...)
}

func (r *Recorder) newBase() *[keptCopy]byte {
	if base, ok := r.bases.Get().(*[keptCopy]byte); ok {
		return base
	}
	return new([keptCopy]byte)
}

// partOf marks the copy as incomplete unless it has this length. A length of -1 is unknown.
func (c *copied) partOf(length int64) {
	if c.total > 0 && (length < 0 || c.total < length) {
		c.total++ // more than was copied
	}
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendHead encodes the request line, the addresses and the headers of a request.
func appendHead(b []byte, req *http.Request) []byte {
	b = appendText(b, req.Method)
	b = appendText(b, req.Host)
	b = appendText(b, req.URL.Host)
	b = appendText(b, req.URL.Scheme)
	b = appendText(b, req.URL.Path)
	b = appendText(b, req.URL.RawPath)
	b = appendText(b, shortQuery(req.URL.RawQuery))
	b = appendText(b, req.RemoteAddr)
	b = appendAddr(b, req.Context().Value(http.LocalAddrContextKey))
	return appendHeaders(b, req.Header)
}

// shortQuery returns the leading parameters of a query that fit into maxHeaderCopy.
func shortQuery(query string) string {
	if len(query) <= maxHeaderCopy {
		return query
	}
	return query[:max(strings.LastIndexByte(query[:maxHeaderCopy], '&'), 0)]
}

func appendAddr(b []byte, addr any) []byte {
	switch addr := addr.(type) {
	case *net.TCPAddr:
		var text [64]byte
		n := len(addr.AddrPort().AppendTo(text[:0]))
		return append(binary.AppendUvarint(b, uint64(n)), text[:n]...)
	case net.Addr:
		return appendText(b, addr.String())
	}
	return appendText(b, "")
}

// appendHeaders encodes headers as pairs of texts. It omits headers whose values do not all fit into maxHeaderCopy, because the
// last value of X-Forwarded-For is the one that a proxy added.
func appendHeaders(b []byte, h http.Header) []byte {
	start := len(b)
	for name, values := range h {
		begin := len(b)
		for _, value := range values {
			if name == "" || len(b)-start+len(name)+len(value) > maxHeaderCopy {
				b = b[:begin]
				break
			}
			b = appendText(appendText(b, name), value)
		}
	}
	return b
}
