//go:build !linux

package main

import "time"

// cpuTime returns the time on the clock, where that of a thread is not known.
func cpuTime() time.Duration { return time.Since(began) }

var began = time.Now()
