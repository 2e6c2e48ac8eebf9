//go:build !race

package kit

// Race reports whether the race detector runs.
const Race = false
