// Package script runs the JavaScript of test files, bounded in time and memory.
//
// An [Engine] is one interpreter for all scripts about one response. It starts when the first script runs, and
// parses the body when a script reads resp.data. The memory limit is the interpreter's own, the time limit counts
// the processor time of the script where the system tells it (Linux) and the time on the clock elsewhere.
package script
