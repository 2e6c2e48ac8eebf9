package findings

import (
	"encoding/hex"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// List holds findings in little memory and without a pointer for each, so that 100,000 findings add little to the work
// of the garbage collector. The zero value is empty.
type List struct {
	pages   []*[pageSize]record
	count   int
	texts   []*strings.Builder
	words   []string
	numbers map[string]uint32 // index of each word in words
	order   []uint32          // indexes of the records in order; nil before Sort
}

const (
	pageSize  = 1024
	chunkSize = 64 << 10
)

// record represents a packed finding. Text that many findings share is a word, which List stores once. The other texts
// of a finding follow each other in a chunk.
type record struct {
	uuid                                      [16]byte // the id, if idLen is packed
	created                                   int64    // milliseconds since 1970, or noTime
	chunk, start                              uint32
	idLen, pathLen, fieldLen, messageLen      uint32
	rule, title, severity, method, host, file uint32
	line                                      int32
	occurrence                                uint32 // number among the findings with the same fingerprint, from 1
}

const (
	noTime = -1 << 63
	packed = 1<<32 - 1 // length of an id that is a UUID, and of a field that equals the message
)

// NewList returns a sorted list of findings.
func NewList(all ...Finding) *List {
	list := &List{}
	for i := range all {
		list.Add(&all[i])
	}
	list.Sort()
	return list
}

// Len returns the number of findings.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.count
}

// Add adds a copy of a finding.
func (l *List) Add(f *Finding) {
	if l.count%pageSize == 0 {
		l.pages = append(l.pages, new([pageSize]record))
	}
	created := int64(noTime)
	if !f.Created.IsZero() {
		created = f.Created.UnixMilli()
	}
	id, uuid, idLen := f.ID, [16]byte{}, uint32(len(f.ID))
	if pack(&uuid, f.ID) {
		id, idLen = "", packed
	}
	field, fieldLen := f.Field, uint32(len(f.Field))
	if field == f.Message && field != "" {
		field, fieldLen = "", packed
	}
	chunk, start := l.keep(id, f.Path, field, f.Message)
	*l.record(uint32(l.count)) = record{
		uuid: uuid, created: created, chunk: chunk, start: start,
		idLen: idLen, pathLen: uint32(len(f.Path)), fieldLen: fieldLen, messageLen: uint32(len(f.Message)),
		rule: l.word(f.Rule), title: l.word(f.Title), severity: l.word(string(f.Severity)), method: l.word(f.Method),
		host: l.word(f.Host), file: l.word(f.File),
		line: int32(max(0, min(f.Line, 1<<31-1))),
	}
	l.count++
	l.order = nil
}

// keep appends texts to the last chunk, or to a new one if they do not fit. The text of a chunk never moves.
func (l *List) keep(texts ...string) (chunk, start uint32) {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	if n := len(l.texts); n == 0 || l.texts[n-1].Cap()-l.texts[n-1].Len() < size {
		next := &strings.Builder{}
		next.Grow(max(size, chunkSize))
		l.texts = append(l.texts, next)
	}
	last := l.texts[len(l.texts)-1]
	start = uint32(last.Len())
	for _, text := range texts {
		last.WriteString(text)
	}
	return uint32(len(l.texts) - 1), start
}

func (l *List) word(text string) uint32 {
	if number, known := l.numbers[text]; known {
		return number
	}
	if l.numbers == nil {
		l.numbers = map[string]uint32{}
	}
	text = strings.Clone(text) // the text may be part of a large response
	number := uint32(len(l.words))
	l.words, l.numbers[text] = append(l.words, text), number
	return number
}

func (l *List) record(i uint32) *record { return &l.pages[i/pageSize][i%pageSize] }

// text returns a part of a record's text.
func (l *List) text(r *record, offset, length uint32) string {
	start := r.start + offset
	return l.texts[r.chunk].String()[start : start+length]
}

// textID returns the length of the id within a record's text.
func (r *record) textID() uint32 {
	if r.idLen == packed {
		return 0
	}
	return r.idLen
}

func (l *List) id(r *record) string {
	if r.idLen != packed {
		return l.text(r, 0, r.idLen)
	}
	digits := hex.EncodeToString(r.uuid[:])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

func (l *List) path(r *record) string { return l.text(r, r.textID(), r.pathLen) }
func (l *List) message(r *record) string {
	return l.text(r, r.textID()+r.pathLen+r.textField(), r.messageLen)
}

func (l *List) field(r *record) string {
	if r.fieldLen == packed {
		return l.message(r)
	}
	return l.text(r, r.textID()+r.pathLen, r.fieldLen)
}

// textField returns the length of the field within a record's text.
func (r *record) textField() uint32 {
	if r.fieldLen == packed {
		return 0
	}
	return r.fieldLen
}

// pack parses a UUID in the server's format, and reports whether text is one.
func pack(uuid *[16]byte, text string) bool {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' || strings.ToLower(text) != text {
		return false
	}
	var digits [32]byte
	n := copy(digits[:], text[:8])
	for _, part := range []string{text[9:13], text[14:18], text[19:23], text[24:]} {
		n += copy(digits[n:], part)
	}
	_, err := hex.Decode(uuid[:], digits[:])
	return err == nil
}

// All returns an iterator over the findings in order, the worst first. A pointer is valid until the next iteration.
func (l *List) All() iter.Seq[*Finding] {
	return func(yield func(*Finding) bool) {
		if l == nil {
			return
		}
		if l.order == nil {
			l.Sort()
		}
		var f Finding
		for _, i := range l.order {
			r := l.record(i)
			f = Finding{
				ID: l.id(r), Rule: l.words[r.rule], Title: l.words[r.title], Severity: Severity(l.words[r.severity]),
				Method: l.words[r.method], Host: l.words[r.host], Path: l.path(r), Field: l.field(r), Message: l.message(r),
				File: l.words[r.file], Line: int(r.line), occurrence: int(r.occurrence),
			}
			if r.created != noTime {
				f.Created = time.UnixMilli(r.created).UTC()
			}
			if !yield(&f) {
				return
			}
		}
	}
}

// Sort orders the findings by severity and by what they are about, regardless of ids and times. It numbers findings
// with the same fingerprint.
func (l *List) Sort() {
	l.order = make([]uint32, l.count)
	for i := range l.order {
		l.order[i] = uint32(i)
	}
	ranks, places := make([]int, len(l.words)), l.places()
	for i, word := range l.words {
		ranks[i] = Severity(word).rank()
	}
	// Findings of one fingerprint are adjacent, always in the same order.
	slices.SortFunc(l.order, func(i, j uint32) int {
		x, y := l.record(i), l.record(j)
		if c := l.compareSubject(places, x, y); c != 0 {
			return c
		}
		return l.compareRest(ranks, x, y)
	})
	for n, i := range l.order {
		r := l.record(i)
		r.occurrence = 1
		if n > 0 {
			if before := l.record(l.order[n-1]); l.compareSubject(places, before, r) == 0 {
				r.occurrence = before.occurrence + 1
			}
		}
	}
	l.byRank(ranks)
}

// places returns the rank of each word in alphabetical order. Words that differ only in case have the same rank.
func (l *List) places() []int {
	words := make([]string, len(l.words))
	for i, word := range l.words {
		words[i] = strings.ToLower(word)
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(words)))
	places := make([]int, len(words))
	for i, word := range words {
		places[i], _ = slices.BinarySearch(sorted, word)
	}
	return places
}

// byRank orders the findings by severity, the worst first, and keeps the order of findings of one severity.
func (l *List) byRank(ranks []int) {
	buckets := map[int][]uint32{}
	for _, i := range l.order {
		rank := ranks[l.record(i).severity]
		buckets[rank] = append(buckets[rank], i)
	}
	l.order = l.order[:0]
	for _, rank := range slices.Sorted(maps.Keys(buckets)) {
		l.order = append(l.order, buckets[rank]...)
	}
}

// compareSubject compares the values from which the fingerprint is computed. It returns 0 only for equal fingerprints.
func (l *List) compareSubject(places []int, x, y *record) int {
	if c := places[x.host] - places[y.host]; c != 0 {
		return c
	}
	if c := comparePaths(l.path(x), l.path(y)); c != 0 {
		return c
	}
	if c := places[x.method] - places[y.method]; c != 0 {
		return c
	}
	if c := places[x.rule] - places[y.rule]; c != 0 {
		return c
	}
	return strings.Compare(l.field(x), l.field(y))
}

// comparePaths compares path templates without the names of their parameters. It allocates nothing.
func comparePaths(x, y string) int {
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		isName := x[0] == '{'
		if x, y = x[1:], y[1:]; isName {
			x, y = afterName(x), afterName(y)
		}
	}
	return strings.Compare(x, y)
}

func (l *List) compareRest(ranks []int, x, y *record) int {
	if c := ranks[x.severity] - ranks[y.severity]; c != 0 {
		return c
	}
	if c := strings.Compare(l.message(x), l.message(y)); c != 0 {
		return c
	}
	return strings.Compare(l.id(x), l.id(y))
}
