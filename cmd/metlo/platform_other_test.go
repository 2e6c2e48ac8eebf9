//go:build !linux

package main

// platformCommands returns the commands that only tests on this system use.
func platformCommands() map[string]func() { return nil }
