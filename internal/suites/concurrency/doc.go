// Package concurrency tests a client that many goroutines share: its rate limit, the wait after a 429, and data races.
package concurrency
