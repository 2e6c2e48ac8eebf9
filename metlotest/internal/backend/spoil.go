package backend

// Spoil is what a fault does to the lists of an answer that is otherwise real.
type Spoil struct {
	// PageCap is the maximum number of rows in a list; 0 means no maximum.
	PageCap int
	// ignoreOffset makes lists start at their first row.
	IgnoreOffset bool
	// unknownTotal sends bare arrays without a total.
	UnknownTotal bool
}
