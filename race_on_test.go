//go:build race

package metlo_test

// raceEnabled says that pools drop some of what they are given, so that allocations are not counted.
const raceEnabled = true
