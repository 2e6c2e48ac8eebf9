//go:build !race

package metlo_test

const raceEnabled = false
