// Package cases scales the tests whose cases are generated: a tenth of them on a laptop, all of them in CI. It imports
// nothing of the module, so that every package's tests can use it.
package cases

import (
	"os"
	"strconv"
)

// Variable is the environment variable that enables all cases by a true value, such as 1.
const Variable = "METLO_TEST_ALL"

// All reports whether all cases are enabled. It panics if [Variable] is neither true nor false.
func All() bool {
	value := os.Getenv(Variable)
	if value == "" {
		return false
	}
	all, err := strconv.ParseBool(value)
	if err != nil {
		panic(Variable + "=" + value + ": use 1 for all cases of generated tests, or unset it")
	}
	return all
}

// Of returns n if all cases are enabled. Otherwise it returns a tenth of n, at least 1.
func Of(n int) int {
	if All() {
		return n
	}
	return max(n/10, 1)
}
