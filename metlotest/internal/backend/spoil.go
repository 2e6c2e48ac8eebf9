package backend

// Spoil describes the effect of a fault on the lists of an otherwise real answer.
type Spoil struct {
	// PageCap is the maximum number of rows in a list; 0 means no maximum.
	PageCap int
	// ignoreOffset makes lists start at their first row.
	IgnoreOffset bool
	// unknownTotal sends bare arrays without a total.
	UnknownTotal bool
}
