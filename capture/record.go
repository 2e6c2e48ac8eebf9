package capture

import (
	"encoding/binary"

	"github.com/metlo-go/metlo/internal/analysis"
)

// record is the decoded form of a queue item. In the queue an exchange is one byte slice without pointers.
type record struct {
	status            int
	served            bool
	inTotal, outTotal int64 // lengths of the bodies, with what was not copied
	method            string
	host              string // host of the request
	urlHost           string
	scheme            string
	path, rawPath     string
	query             string
	remote, local     string
	route, user       string
	requestHeaders    []analysis.Pair
	responseHeaders   []analysis.Pair
	in, out           []byte // copies of the bodies, in the record's memory
}

const maxRecordHead = 2 + 1 + 8*binary.MaxVarintLen64

// size returns an upper bound of the length of encode's result.
func (s *scratch) size(route, user string) int {
	return maxRecordHead + len(route) + len(user) + len(s.head) + len(s.answer) + len(s.in.data) + len(s.out.data)
}

// encode returns the record in a slice of exactly its length.
func (s *scratch) encode(status int, route, user string, isServed bool) []byte {
	var head [maxRecordHead]byte
	b := binary.BigEndian.AppendUint16(head[:0], uint16(status))
	if isServed {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	for _, n := range []int64{
		s.in.total, s.out.total, int64(len(route)), int64(len(user)), int64(len(s.head)), int64(len(s.answer)), int64(len(s.in.data)), int64(len(s.out.data)),
	} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	data := make([]byte, 0, len(b)+len(route)+len(user)+len(s.head)+len(s.answer)+len(s.in.data)+len(s.out.data))
	data = append(data, b...)
	data = append(data, route...)
	data = append(data, user...)
	data = append(data, s.head...)
	data = append(data, s.answer...)
	data = append(data, s.in.data...)
	return append(data, s.out.data...)
}

// recordReader decodes a record. The recorder itself encoded it, so an error is a panic, from which the sender recovers.
type recordReader []byte

func (r *recordReader) number() int64 {
	n, width := binary.Uvarint(*r)
	*r = (*r)[width:]
	return int64(n)
}

func (r *recordReader) bytes(n int64) []byte {
	b := (*r)[:n:n]
	*r = (*r)[n:]
	return b
}

func (r *recordReader) text() string { return string(r.bytes(r.number())) }

func (r *recordReader) pairs() []analysis.Pair {
	var pairs []analysis.Pair
	for len(*r) > 0 {
		name := r.text()
		pairs = append(pairs, analysis.Pair{Name: name, Value: r.text()})
	}
	return pairs
}

func decodeRecord(data []byte) record {
	r := recordReader(data)
	var x record
	x.status = int(binary.BigEndian.Uint16(r.bytes(2)))
	x.served = r.bytes(1)[0] == 1
	x.inTotal, x.outTotal = r.number(), r.number()
	routeSize, userSize, headSize, answerSize, inSize, outSize := r.number(), r.number(), r.number(), r.number(), r.number(), r.number()
	x.route, x.user = string(r.bytes(routeSize)), string(r.bytes(userSize))
	head := recordReader(r.bytes(headSize))
	x.method, x.host, x.urlHost, x.scheme = head.text(), head.text(), head.text(), head.text()
	x.path, x.rawPath, x.query = head.text(), head.text(), head.text()
	x.remote, x.local = head.text(), head.text()
	x.requestHeaders = head.pairs()
	answer := recordReader(r.bytes(answerSize))
	x.responseHeaders = answer.pairs()
	x.in, x.out = r.bytes(inSize), r.bytes(outSize)
	return x
}
