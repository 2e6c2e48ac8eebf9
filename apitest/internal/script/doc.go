// Package script runs the JavaScript of test files with limits on time and memory.
//
// An [Engine] is one interpreter for all scripts about one response. It starts with the first script, and parses the
// body when a script reads resp.data. The interpreter enforces the memory limit. The time limit is about processor time
// on Linux, and about elapsed time elsewhere.
package script
