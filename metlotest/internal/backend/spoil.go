package backend

// Spoil is what a fault does to the lists of an answer that is otherwise real.
type Spoil struct {
	// pageCap is the most rows that a list holds; 0 is no cap.
	PageCap int
	// ignoreOffset makes lists start at their first row.
	IgnoreOffset bool
	// unknownTotal sends bare arrays without a total.
	UnknownTotal bool
}
