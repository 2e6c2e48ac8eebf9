//go:build race

package kit

// Race reports whether the race detector runs. It makes pools drop some values, so tests do not count allocations.
const Race = true
