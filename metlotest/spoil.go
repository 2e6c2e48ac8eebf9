package metlotest

// spoil is what a fault does to the lists of an answer that is otherwise real.
type spoil struct {
	// pageCap is the most rows that a list holds; 0 is no cap.
	pageCap int
	// ignoreOffset makes lists start at their first row.
	ignoreOffset bool
	// unknownTotal sends bare arrays without a total.
	unknownTotal bool
}
