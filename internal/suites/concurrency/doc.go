// Package concurrency has many goroutines share one client: rates, cool-downs and data races.
package concurrency
