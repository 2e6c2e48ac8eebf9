//go:build !linux

package main

// platformCommands are the commands of the tests that exist on this system alone.
func platformCommands() map[string]func() { return nil }
