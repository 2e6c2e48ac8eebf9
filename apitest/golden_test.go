package apitest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestGolden compares this package with the recorded outputs of the original library.
func TestGolden(t *testing.T) {
	generated, differing, all := goldenGenerateCount(t)
	ran, allRuns := goldenRunCount(t)
	fmt.Printf("%d of %d generated, %d by design; %d of %d runs\n", generated, all, differing, ran, allRuns)
	assert.Equal(t, all, generated+differing)
	assert.Equal(t, allRuns, ran)
}
