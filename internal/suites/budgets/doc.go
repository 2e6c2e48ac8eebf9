// Package budgets asserts how many allocations calls and walks may cost, beside the same call by hand.
package budgets
