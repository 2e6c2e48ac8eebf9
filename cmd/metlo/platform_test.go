package main

import (
	"runtime"
	"testing"
)

// interruptible skips a test on Windows, where only a console interrupts a process.
func interruptible(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no process can send another an interrupt")
	}
}
