//go:build !race

package kit

// Race says that the race detector runs.
const Race = false
