package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// tied is the number of neighbours in a list with equal sort keys.
const tied = 250

// wire is how one API writes its items and pages.
type wire struct {
	item   func(b []byte, id int) []byte                         // start of an item up to its last string, which is padded to the item's size
	end    string                                                // end of an item, after that string's text
	object [2]string                                             // text around a single item
	isList func(*http.Request) bool                              // reports whether a request is for a list; otherwise it is for one item
	window func(q url.Values) (offset, limit int, cursor string) // a cursor is an item's id in digits
	list   func(p page) (before, after, nextHeader string)       // text before and after the items, and a header line for the next page
	media  string                                                // content type, if not application/json
	cursor bool                                                  // a page begins behind a row, not at an offset
}

// page is one answer about a list.
type page struct {
	total, offset, limit, rows int
	lastID                     int
}

func (p page) more() bool   { return p.offset+p.rows < p.total }
func (p page) number() int  { return p.offset/max(p.limit, 1) + 1 }
func (p page) next() string { return strconv.Itoa(p.number() + 1) }

// server answers in the process, as an http.RoundTripper.
type server struct {
	wire    wire
	size    int // bytes of an item
	total   int
	delay   time.Duration
	settled bool // rows with equal keys have an order
	unsized bool // pages go without Content-Length
	header  http.Header

	requests int
	order    []int
	single   []byte
}

func newServer(w wire, size, total int) *server {
	media := w.media
	if media == "" {
		media = "application/json"
	}
	s := &server{wire: w, size: size, total: total, header: http.Header{"Content-Type": {media}}}
	s.single = []byte(w.object[0] + string(s.row(nil, 1)) + w.object[1])
	for id := range total {
		s.order = append(s.order, id+1)
	}
	return s
}

// row appends an item of the server's size, or of the minimum size of its form.
func (s *server) row(b []byte, id int) []byte {
	start := len(b)
	b = s.wire.item(b, id)
	for len(b)-start+len(s.wire.end) < s.size {
		b = append(b, 'x')
	}
	return append(b, s.wire.end...)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests++
	time.Sleep(s.delay)
	resp := &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: s.header, Request: r}
	if !s.wire.isList(r) {
		resp.Body = io.NopCloser(bytes.NewReader(s.single))
		resp.ContentLength = int64(len(s.single))
		return resp, nil
	}
	p := page{total: s.total}
	var cursor string
	p.offset, p.limit, cursor = s.wire.window(r.URL.Query())
	if s.wire.cursor {
		p.offset, _ = strconv.Atoi(cursor)
	}
	s.arrange(p.offset, p.limit)
	p.rows = max(min(p.limit, s.total-p.offset), 0)
	rows := s.order[min(p.offset, s.total):][:p.rows]
	if p.rows > 0 {
		p.lastID = rows[p.rows-1]
	}
	before, after, header := s.wire.list(p)
	if name, value, ok := strings.Cut(header, ": "); ok {
		resp.Header = s.header.Clone()
		resp.Header.Set(name, value)
	}
	body := &body{server: s, rows: rows, rest: []byte(before), after: after}
	// Items have one size, so a page can be weighed before it is written, unless it has larger items.
	if len(s.row(nil, s.total)) == s.size && !s.unsized {
		resp.ContentLength = int64(len(before) + len(after) + p.rows*(s.size+1) - min(p.rows, 1))
	} else {
		resp.ContentLength = -1
	}
	resp.Body = body
	return resp, nil
}

// arrange orders rows like a database that sorts by a key shared by neighbours: in another order for each limit and
// offset. A cursor needs rows with a defined order.
func (s *server) arrange(offset, limit int) {
	random := rand.New(rand.NewPCG(uint64(offset), uint64(limit)))
	for i := range s.order {
		s.order[i] = i + 1
	}
	if s.settled || s.wire.cursor {
		return
	}
	for start := 0; start < s.total; start += tied {
		group := s.order[start:min(start+tied, s.total)]
		random.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	}
}

// body writes a page while it is read, so that the server's memory does not count as the client's.
type body struct {
	server  *server
	rows    []int
	at      int
	rest    []byte
	scratch []byte
	after   string
}

func (b *body) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(b.rest) == 0 && !b.next() {
			break
		}
		k := copy(p[n:], b.rest)
		b.rest = b.rest[k:]
		n += k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *body) next() bool {
	switch {
	case b.at < len(b.rows):
		b.scratch = b.scratch[:0]
		if b.at > 0 {
			b.scratch = append(b.scratch, ',')
		}
		b.scratch = b.server.row(b.scratch, b.rows[b.at])
	case b.at == len(b.rows):
		b.scratch = append(b.scratch[:0], b.after...)
	default:
		return false
	}
	b.at++
	b.rest = b.scratch
	return true
}

func (b *body) Close() error { return nil }

// pathEnds reports whether a list by the end of its path.
func pathEnds(suffix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, suffix) }
}

// byNumber reads a page's number and size from a query.
func byNumber(number, size string, usual int) func(url.Values) (int, int, string) {
	return func(q url.Values) (int, int, string) {
		limit, at := integer(q.Get(size), usual), integer(q.Get(number), 1)
		return (at - 1) * limit, limit, ""
	}
}

// byCursor reads the last item before a page and its size from a query.
func byCursor(after, size string, usual int) func(url.Values) (int, int, string) {
	return func(q url.Values) (int, int, string) {
		_, cursor, _ := strings.Cut(q.Get(after), "-")
		return 0, integer(q.Get(size), usual), cursor
	}
}

func integer(text string, usual int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return usual
}
