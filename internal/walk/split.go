package walk

import (
	"errors"
	"slices"
	"strings"
)

// errNoSplit reports that the list cannot be split.
var errNoSplit = errors.New("the list cannot be split")

// splitter walks a list in parts that fit into one response each.
type splitter[T any] struct {
	*walker[T]
	values [2][]string // existing values in each dimension, once they are needed
	sum    int         // sum of the totals of the parts
}

// piece is one half of a part.
type piece struct {
	Part
	asked bool // it was asked for
	held  bool // one response held it
	total int
}

// split walks the list in parts, and reports whether they are all of it.
func (w *walker[T]) split(total int) (bool, error) {
	s := splitter[T]{walker: w}
	err := s.halve(Part{}, total)
	switch {
	case errors.Is(err, errNoSplit):
		return false, nil
	case err != nil:
		return false, err
	}
	return s.complete(total)
}

// halve walks a part of total items, which no single response holds, by its halves.
func (s *splitter[T]) halve(p Part, total int) error {
	dimension := s.dimension(p)
	switch {
	case dimension < 0 && p.isAll(s.windowEnd()), s.requests >= s.budget()/2:
		return errNoSplit
	case dimension < 0:
		s.sum += total
		return s.pages(p, total)
	}
	pieces := cut(p, dimension, s.valuesOf(p, dimension), total)
	for i := range pieces {
		err := s.ask(&pieces[i], dimension)
		switch {
		case errors.Is(err, errBudget):
			s.miss(total)
			return nil
		case err != nil:
			return err
		}
	}
	if a, b := pieces[0], pieces[1]; a.asked && b.asked && min(a.total, b.total) >= max(total, 1) {
		return errNoSplit // the filter is ignored
	}
	for _, piece := range pieces {
		if piece.held {
			s.sum += piece.total
		} else if err := s.halve(piece.Part, piece.total); err != nil {
			return err
		}
	}
	return nil
}

// ask requests a piece, unless a request cannot name all its values.
func (s *splitter[T]) ask(p *piece, dimension int) error {
	held, total, err := s.whole(p.Part, s.atMost(max(s.longest, firstRows)))
	var f *FetchError
	switch {
	case errors.As(err, &f) && f.Next == Split && len(p.Values[dimension]) > 1:
		return nil
	case errors.As(err, &f) && f.Next == Split, err == nil && total < 0:
		return errNoSplit
	}
	p.asked, p.held, p.total = true, held, total
	return err
}

// dimension returns the first dimension in which a part can be split, or -1.
func (s *splitter[T]) dimension(p Part) int {
	for i := range s.Dimensions {
		if len(s.valuesOf(p, i)) > 1 {
			return i
		}
	}
	return -1
}

// valuesOf returns the possible values of a part in a dimension; none if they are unknown.
func (s *splitter[T]) valuesOf(p Part, dimension int) []string {
	if p.Values[dimension] != nil {
		return p.Values[dimension]
	}
	if s.values[dimension] == nil {
		s.requests++
		values, err := s.Values(dimension)
		if err != nil {
			values = nil // an error that ends the walk occurs again with its next request
		}
		values = slices.Clone(values)
		slices.Sort(values)
		s.values[dimension] = append([]string{}, slices.Compact(values)...)
	}
	return s.values[dimension]
}

func cut(p Part, dimension int, values []string, total int) [2]piece {
	middle := len(values) / 2
	pieces := [2]piece{{Part: p, total: total}, {Part: p, total: total}}
	pieces[0].Values[dimension], pieces[1].Values[dimension] = values[:middle], values[middle:]
	return pieces
}

// complete reports whether the parts hold as many items as the list. Where they hold fewer because items came and went
// between the responses, a pass over the list shows no item that belongs to none of the parts.
func (s *splitter[T]) complete(before int) (bool, error) {
	now, err := s.get(Part{}, s.atMost(firstRows), 0, nil)
	if err != nil {
		return false, err
	}
	if now.Total >= 0 {
		before = min(before, now.Total)
	}
	if s.sum >= before {
		return true, nil
	}
	outside := false
	s.onFresh = func(item Item) { outside = outside || s.isOutside(item) }
	defer func() { s.onFresh = nil }()
	_, err = s.pass(Part{}, 0, newProof())
	if errors.Is(err, errBudget) {
		s.miss(before - s.sum)
		err = nil
	}
	return !outside, err
}

// isOutside reports whether an item belongs to none of the parts.
func (s *splitter[T]) isOutside(item Item) bool {
	for i := range s.Dimensions {
		same := func(value string) bool { return strings.EqualFold(value, item.Values[i]) }
		if len(s.values[i]) > 1 && !slices.ContainsFunc(s.values[i], same) {
			return true
		}
	}
	return false
}
