//go:build race

package kit

// Race says that the race detector runs: pools drop some of what they are given, so that allocations are not counted.
const Race = true
