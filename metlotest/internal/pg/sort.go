package pg

// NoLimit stands for a query without LIMIT.
const NoLimit = -1

// Page returns the rows of ORDER BY with LIMIT and OFFSET in PostgreSQL's order, including ties. With more than twice
// as many rows as the page needs, it keeps the first ones in a bounded heap; otherwise it sorts all by PostgreSQL's
// quicksort. The rows must be in storage order, and are not changed.
func Page[T any](rows []T, compare func(a, b T) int, limit, offset int) []T {
	offset = max(offset, 0)
	sorted := append([]T(nil), rows...)
	if limit < 0 {
		quicksort(sorted, compare)
		return sorted[min(offset, len(sorted)):]
	}
	if limit == 0 {
		return nil
	}
	bound := limit + offset
	if len(sorted) > 2*bound {
		sorted = topN(sorted, compare, bound)
	} else {
		quicksort(sorted, compare)
	}
	return sorted[min(offset, len(sorted)):min(bound, len(sorted))]
}

// topN implements the top-N heapsort of tuplesort.c: a heap with the last of the kept rows at its root.
func topN[T any](rows []T, compare func(a, b T) int, bound int) []T {
	reversed := func(a, b T) int { return -compare(a, b) }
	heap := make([]T, 0, bound)
	for _, row := range rows {
		switch {
		case len(heap) < bound:
			heap = insert(heap, row, reversed)
		case reversed(row, heap[0]) > 0:
			replaceTop(heap, row, reversed)
		}
	}
	for n := len(heap); n > 1; n-- {
		top := heap[0]
		replaceTop(heap[:n-1], heap[n-1], reversed)
		heap[n-1] = top
	}
	return heap
}

func insert[T any](heap []T, row T, compare func(a, b T) int) []T {
	heap = append(heap, row)
	at := len(heap) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if compare(row, heap[parent]) >= 0 {
			break
		}
		heap[at] = heap[parent]
		at = parent
	}
	heap[at] = row
	return heap
}

func replaceTop[T any](heap []T, row T, compare func(a, b T) int) {
	at := 0
	for {
		child := 2*at + 1
		if child >= len(heap) {
			break
		}
		if child+1 < len(heap) && compare(heap[child], heap[child+1]) > 0 {
			child++
		}
		if compare(row, heap[child]) <= 0 {
			break
		}
		heap[at] = heap[child]
		at = child
	}
	heap[at] = row
}

const (
	insertionSize = 7
	nintherSize   = 40
)

// quicksort implements qsort_tuple: Bentley and McIlroy's algorithm, with a check for rows that are in order.
func quicksort[T any](rows []T, compare func(a, b T) int) {
	for {
		n := len(rows)
		if n < insertionSize {
			for i := 1; i < n; i++ {
				for j := i; j > 0 && compare(rows[j-1], rows[j]) > 0; j-- {
					rows[j-1], rows[j] = rows[j], rows[j-1]
				}
			}
			return
		}
		if inOrder(rows, compare) {
			return
		}
		middle := pivot(rows, compare)
		rows[0], rows[middle] = rows[middle], rows[0]
		left, right := partition(rows, compare)
		if left <= right {
			if left > 1 {
				quicksort(rows[:left], compare)
			}
			if right <= 1 {
				return
			}
			rows = rows[n-right:]
			continue
		}
		if right > 1 {
			quicksort(rows[n-right:], compare)
		}
		if left <= 1 {
			return
		}
		rows = rows[:left]
	}
}

func inOrder[T any](rows []T, compare func(a, b T) int) bool {
	for i := 1; i < len(rows); i++ {
		if compare(rows[i-1], rows[i]) > 0 {
			return false
		}
	}
	return true
}

func pivot[T any](rows []T, compare func(a, b T) int) int {
	n := len(rows)
	median := func(a, b, c int) int {
		switch {
		case compare(rows[a], rows[b]) < 0:
			switch {
			case compare(rows[b], rows[c]) < 0:
				return b
			case compare(rows[a], rows[c]) < 0:
				return c
			}
			return a
		case compare(rows[b], rows[c]) > 0:
			return b
		case compare(rows[a], rows[c]) < 0:
			return a
		}
		return c
	}
	middle := n / 2
	if n == insertionSize {
		return middle
	}
	low, high := 0, n-1
	if n > nintherSize {
		d := n / 8
		low = median(low, low+d, low+2*d)
		middle = median(middle-d, middle, middle+d)
		high = median(high-2*d, high-d, high)
	}
	return median(low, middle, high)
}

// partition moves smaller rows than rows[0] to the left and greater ones to the right, and returns the number of each.
func partition[T any](rows []T, compare func(a, b T) int) (left, right int) {
	n := len(rows)
	a, b, c, d := 1, 1, n-1, n-1
	for {
		for b <= c {
			r := compare(rows[b], rows[0])
			if r > 0 {
				break
			}
			if r == 0 {
				rows[a], rows[b] = rows[b], rows[a]
				a++
			}
			b++
		}
		for b <= c {
			r := compare(rows[c], rows[0])
			if r < 0 {
				break
			}
			if r == 0 {
				rows[c], rows[d] = rows[d], rows[c]
				d--
			}
			c--
		}
		if b > c {
			break
		}
		rows[b], rows[c] = rows[c], rows[b]
		b++
		c--
	}
	swapRange(rows, 0, b-min(a, b-a), min(a, b-a))
	swapRange(rows, b, n-min(d-c, n-d-1), min(d-c, n-d-1))
	return b - a, d - c
}

func swapRange[T any](rows []T, i, j, n int) {
	for k := range n {
		rows[i+k], rows[j+k] = rows[j+k], rows[i+k]
	}
}
