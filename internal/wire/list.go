package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ListOptions configures how a list is decoded.
type ListOptions struct {
	Lenient bool  // accepts integers as strings; slower
	JSONv1  bool  // lenient, and decodes like package encoding/json
	MaxItem int64 // maximum size of an item, and of a whole list in memory
	MaxRows int
}

// Tail describes a list that was read.
type Tail struct {
	Rows  int
	Total int // total of the list; -1 if it has none
}

// ErrRows reports that a list holds too many rows.
var ErrRows = errors.New("the list has more rows than a server can hold")

const (
	itemSlack = 1 << 20  // bytes that the decoder may read ahead of the current item
	longItem  = 16 << 20 // maximum size of an item of a stream: the longest trace, with every byte escaped, takes 12 MiB
)

// List reads a list in any of its forms and calls visit with each item, which the next one overwrites. It stops at and
// returns an error of visit. The forms are [items, total], [items…], an object with endpoints, alerts or items and
// totalCount or total, null, and any of these in the documented envelope.
func List[T any](src io.Reader, opts ListOptions, visit func(*T) error) (Tail, error) {
	r := &listReader[T]{visit: visit, item: new(T)}
	if body, inMemory := src.(*bytes.Buffer); inMemory {
		return r.readMemory(body.Bytes(), opts)
	}
	opts.MaxItem = min(opts.MaxItem, longItem)
	if opts.JSONv1 {
		s := newScale(opts.MaxItem)
		r.scale = &s
	}
	r.limited = &limitedReader{src: src, limit: opts.MaxItem}
	r.dec = jsontext.NewDecoder(r.limited, opts.json())
	return r.read(opts)
}

// Items returns all items of a list in memory.
func Items[T any](body []byte, opts ListOptions) ([]T, Tail, error) {
	r := listReader[T]{list: []T{}}
	if len(body) > unweighedBytes {
		s := newScale(max(opts.MaxItem, int64(len(body))))
		r.scale = &s
	}
	tail, err := r.readMemory(body, opts)
	if err != nil && !opts.Lenient && IsMismatch(err) {
		opts.Lenient = true
		r.list = []T{} // next needs zeroed memory
		if r.scale != nil {
			r.scale.left = r.scale.limit
		}
		tail, err = r.readMemory(body, opts)
	}
	return r.list, tail, err
}

// decoders holds decoders of lists in memory. The decoder of a stream has a separate buffer, which may be large.
var decoders = sync.Pool{New: func() any { return new(memoryDecoder) }}

type memoryDecoder struct {
	jsontext.Decoder
	src bytes.Buffer
}

type listReader[T any] struct {
	dec     *jsontext.Decoder
	opts    ListOptions
	limited *limitedReader
	visit   func(*T) error
	item    *T  // argument of visit
	list    []T // result without visit

	scale *scale // weighs items before they are decoded; nil for none
}

func (o ListOptions) json() json.Options {
	switch {
	case o.JSONv1:
		return jsonV1Options
	case o.Lenient:
		return lenient
	}
	return fast
}

func (r *listReader[T]) readMemory(body []byte, opts ListOptions) (Tail, error) {
	d := decoders.Get().(*memoryDecoder)
	d.src = *bytes.NewBuffer(body)
	r.dec = &d.Decoder
	r.dec.Reset(&d.src, opts.json())
	tail, err := r.read(opts)
	// A decoder is unusable after a panic. The pool must not keep the list alive.
	r.dec.Reset(noReader{}, fast)
	d.src = bytes.Buffer{}
	decoders.Put(d)
	return tail, err
}

type noReader struct{}

func (noReader) Read([]byte) (int, error) { return 0, io.EOF }

func (r *listReader[T]) read(opts ListOptions) (Tail, error) {
	r.opts = opts
	tail := Tail{Total: -1}
	if err := r.any(&tail, 0); err != nil {
		return tail, err
	}
	if _, err := r.dec.ReadToken(); err == nil {
		return tail, errors.New("the list is followed by more text")
	} else if err != io.EOF { //nolint:errorlint // jsontext returns it bare
		return tail, err
	}
	return tail, nil
}

// any reads a list of any form.
func (r *listReader[T]) any(tail *Tail, depth int) error {
	switch kind := r.dec.PeekKind(); kind {
	case 'n':
		_, err := r.dec.ReadToken()
		return err
	case '[':
		return r.array(tail)
	case '{':
		if depth > 1 {
			return errors.New("the list is wrapped in too many objects")
		}
		return r.object(tail, depth)
	case 0:
		_, err := r.dec.ReadToken()
		if err == io.EOF { //nolint:errorlint // jsontext returns it bare
			return ErrEmpty
		}
		return err
	default:
		return fmt.Errorf("want a list, have a JSON %v", kind)
	}
}

// array reads [items, total] or [items…].
func (r *listReader[T]) array(tail *Tail) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if r.dec.PeekKind() != '[' {
		return r.items(tail)
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if err := r.items(tail); err != nil {
		return err
	}
	if r.dec.PeekKind() == ']' {
		return errors.New("the list of items is not followed by their total")
	}
	if err := r.total(tail); err != nil {
		return err
	}
	end, err := r.dec.ReadToken()
	if err == nil && end.Kind() != ']' {
		err = errors.New("the total is followed by another value")
	}
	return err
}

// items reads the items of an array after its start, and its end.
func (r *listReader[T]) items(tail *Tail) error {
	for {
		if r.limited != nil {
			r.limited.start = r.dec.InputOffset()
		}
		switch r.dec.PeekKind() {
		case ']', 0:
			_, err := r.dec.ReadToken()
			return err
		case 'n':
			return fmt.Errorf("item %d of the list is null", tail.Rows+1)
		}
		if tail.Rows >= r.opts.MaxRows {
			return ErrRows
		}
		start := r.dec.InputOffset()
		item := r.next()
		if err := r.decode(item); err != nil {
			return err
		}
		if size := r.dec.InputOffset() - start; size > r.opts.MaxItem {
			return &ItemTooLargeError{Limit: r.opts.MaxItem}
		}
		tail.Rows++
		if r.visit != nil {
			if err := r.visit(item); err != nil {
				return err
			}
		}
	}
}

// decode decodes an item. A weighed item is read twice.
func (r *listReader[T]) decode(item *T) error {
	if r.scale == nil {
		return json.UnmarshalDecode(r.dec, item)
	}
	value, err := r.dec.ReadValue()
	if err != nil {
		return err
	}
	if r.visit != nil {
		r.scale.left = r.scale.limit // every item has its own limit, because the next one overwrites it
	}
	if err := r.scale.weigh(value, reflect.TypeFor[T]()); err != nil {
		return err
	}
	return json.Unmarshal(value, item, r.opts.json())
}

// next returns the memory for the next item.
func (r *listReader[T]) next() *T {
	if r.visit == nil {
		n := len(r.list)
		r.list = slices.Grow(r.list, 1)[:n+1] // appending a value would copy it
		return &r.list[n]
	}
	*r.item = *new(T)
	return r.item
}

func (r *listReader[T]) object(tail *Tail, depth int) error {
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	found, refused, message := false, false, ""
	for {
		name, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		if name.Kind() == '}' {
			break
		}
		switch member := name.String(); member {
		case "endpoints", "alerts", "items", "data":
			if found {
				return errors.New("the object contains more than one list")
			}
			found = true
			err = r.any(tail, depth+1)
		case "totalCount", "total":
			err = r.total(tail)
		case "ok", "message", "msg", "error":
			var value jsontext.Value
			value, err = r.dec.ReadValue()
			if member == "ok" {
				refused = value.Kind() == 'f'
			} else {
				setText(&message, value)
			}
		default:
			err = r.dec.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	switch {
	case refused:
		return &RefusedError{Message: message}
	case !found:
		return errors.New("the object contains no list: want endpoints, alerts or items")
	}
	return nil
}

func (r *listReader[T]) total(tail *Tail) error {
	t, err := r.dec.ReadToken()
	if err != nil {
		return err
	}
	if k := t.Kind(); k == '0' || k == '"' {
		n, err := strconv.ParseInt(t.String(), 10, strconv.IntSize)
		if n >= 0 && (err == nil || errors.Is(err, strconv.ErrRange)) { // a number out of range becomes the largest integer
			tail.Total = int(n)
			return nil
		}
	}
	return errors.New("the total of the list is not a count")
}

// limitedReader reads src and fails after limit bytes from start. It allows a decoder's read-ahead in addition.
type limitedReader struct {
	src   io.Reader
	read  int64
	start int64
	limit int64
}

// ItemTooLargeError describes an item of a list over the limit.
type ItemTooLargeError struct{ Limit int64 }

func (e *ItemTooLargeError) Error() string {
	return fmt.Sprintf("an item of the list is larger than %d bytes", e.Limit)
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.read-l.start-itemSlack > l.limit {
		return 0, &ItemTooLargeError{Limit: l.limit}
	}
	n, err := l.src.Read(p)
	l.read += int64(n)
	return n, err
}
