//go:build race

package walk

const raceDetector = true // which makes walks ten times as slow
