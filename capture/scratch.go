package capture

import (
	"encoding/binary"
	"net"
	"net/http"
)

const (
	keptCopy      = 4 << 10  // of a body, before memory is reserved for it
	keptHeaders   = 2 << 10  // of a scratch that goes back to the pool
	maxHeaderCopy = 32 << 10 // of the headers of a request or a response
)

// scratch is what is copied of an exchange while it goes on. It is pooled: only the exchange that holds it, under its
// lock, may touch it.
type scratch struct {
	head   []byte // request line, addresses and headers
	answer []byte // the response's headers
	in     copied
	out    copied
}

func (r *Recorder) newScratch() *scratch {
	s, ok := r.scratches.Get().(*scratch)
	if !ok {
		s = &scratch{
			head: make([]byte, 0, keptHeaders), answer: make([]byte, 0, keptHeaders/2),
			in: copied{base: make([]byte, 0, keptCopy)}, out: copied{base: make([]byte, 0, keptCopy)},
		}
		s.in.data, s.out.data = s.in.base, s.out.base
	}
	return s
}

// recycle puts a scratch back that nobody else holds.
func (r *Recorder) recycle(s *scratch) {
	if cap(s.head) > 4*keptHeaders || cap(s.answer) > 4*keptHeaders {
		return
	}
	s.head, s.answer = s.head[:0], s.answer[:0]
	s.in, s.out = copied{base: s.in.base, data: s.in.base}, copied{base: s.out.base, data: s.out.base}
	r.scratches.Put(s)
}

// held is the memory that is reserved for the bodies.
func (s *scratch) held() int { return s.in.reserved + s.out.reserved }

// copied is the beginning of a body.
type copied struct {
	base     []byte // what a pooled scratch brings
	data     []byte
	limit    int
	total    int64
	reserved int
}

// add copies what still fits. Beyond keptCopy it takes memory only from the budget; without that the copy stays as it is.
func (c *copied) add(p []byte, b *budget) {
	c.total += int64(len(p))
	p = p[:min(len(p), max(c.limit-len(c.data), 0))]
	if len(p) == 0 {
		return
	}
	if need := len(c.data) + len(p); need > cap(c.data) {
		size := min(max(need, 4*cap(c.data)), max(c.limit, need))
		if !b.reserve(size - c.reserved) {
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

// partOf says that a body of this length, -1 if it is not known, was not read to its end.
func (c *copied) partOf(length int64) {
	if c.total > 0 && (length < 0 || c.total < length) {
		c.total++ // more than was copied
	}
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// appendHead encodes what a request says before its body.
func appendHead(b []byte, req *http.Request) []byte {
	b = appendText(b, req.Method)
	b = appendText(b, req.Host)
	b = appendText(b, req.URL.Host)
	b = appendText(b, req.URL.Scheme)
	b = appendText(b, req.URL.Path)
	b = appendText(b, req.URL.RawPath)
	b = appendText(b, req.URL.RawQuery)
	b = appendText(b, req.RemoteAddr)
	b = appendAddr(b, req.Context().Value(http.LocalAddrContextKey))
	return appendHeaders(b, req.Header)
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

// appendHeaders encodes headers as pairs of texts; those that make it too long are left out.
func appendHeaders(b []byte, h http.Header) []byte {
	start := len(b)
	for name, values := range h {
		for _, value := range values {
			if name != "" && len(b)-start+len(name)+len(value) <= maxHeaderCopy {
				b = appendText(appendText(b, name), value)
			}
		}
	}
	return b
}
