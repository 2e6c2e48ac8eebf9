// Package budgets limits the allocations of calls and walks, and compares a call with the same one by net/http alone.
package budgets
