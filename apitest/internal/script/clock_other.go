//go:build !linux && !js && !wasip1

package script

import "time"

// clock measures elapsed time.
type clock struct{ start time.Time }

func startClock() clock { return clock{start: time.Now()} }

// now returns the time since the start.
func (c clock) now() time.Duration { return time.Since(c.start) }
