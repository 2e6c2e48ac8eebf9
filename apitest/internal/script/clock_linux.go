package script

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock measures the processor time of the thread that started it. Other threads do not count.
type clock struct {
	id    int32
	start time.Duration
	wall  time.Time
}

// startClock starts a clock for the calling thread. The goroutine must be locked to it.
func startClock() clock {
	const perThread = 6 // identifies the processor time of one thread to the kernel
	c := clock{id: int32(^unix.Gettid()<<3 | perThread), wall: time.Now()}
	c.start, _ = c.read()
	return c
}

func (c clock) read() (time.Duration, bool) {
	var ts unix.Timespec
	if err := unix.ClockGettime(c.id, &ts); err != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}

// now returns the time since the start.
func (c clock) now() time.Duration {
	if t, ok := c.read(); ok {
		return t - c.start
	}
	return time.Since(c.wall)
}
