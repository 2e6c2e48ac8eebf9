package output

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// choose applies --columns, --sort and --limit.
func choose[T any](p *Printer, items iter.Seq2[T, error], columns []Column[T]) ([]Column[T], iter.Seq2[T, error], error) {
	if p.sort != "" {
		name, down := strings.CutPrefix(p.sort, "-")
		column, err := named(columns, name, "--sort")
		if err != nil {
			return nil, nil, err
		}
		items = sorted(items, order(column), down)
	}
	if p.limit > 0 {
		items = first(items, p.limit)
	}
	if p.columns == nil {
		if p.format == "csv" {
			columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Combined })
		}
		return columns, items, nil
	}
	var chosen []Column[T]
	for _, name := range p.columns {
		column, err := named(columns, name, "--columns")
		if err != nil {
			return nil, nil, err
		}
		chosen = append(chosen, *column)
	}
	return chosen, items, nil
}

// named returns the column with a name, ignoring case.
func named[T any](columns []Column[T], name, flag string) (*Column[T], error) {
	names := make([]string, len(columns))
	for i := range columns {
		if names[i] = columns[i].Name; strings.EqualFold(names[i], name) {
			return &columns[i], nil
		}
	}
	return nil, fmt.Errorf("%s: no column %q: use %s", flag, name, strings.Join(names, ", "))
}

func order[T any](column *Column[T]) func(x, y *T) int {
	if column.Order != nil {
		return column.Order
	}
	return func(x, y *T) int {
		a, b := column.Value(x), column.Value(y)
		m, errA := strconv.Atoi(a)
		n, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return cmp.Compare(m, n)
		}
		return strings.Compare(a, b)
	}
}

// sorted collects the items and yields them in order.
func sorted[T any](items iter.Seq2[T, error], compare func(x, y *T) int, down bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var all []T
		for item, err := range items {
			if err != nil {
				yield(item, err)
				return
			}
			all = append(all, item)
		}
		slices.SortStableFunc(all, func(x, y T) int {
			if down {
				return compare(&y, &x)
			}
			return compare(&x, &y)
		})
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// first yields at most n items.
func first[T any](items iter.Seq2[T, error], n int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := n
		for item, err := range items {
			if !yield(item, err) || err != nil {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}
