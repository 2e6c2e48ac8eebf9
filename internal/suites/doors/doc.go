// Package doors tests that modules do not reach into each other, and that a program compiles only what it uses.
package doors
