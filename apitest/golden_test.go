package apitest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestGolden compares this package with the recorded outputs of the original library.
func TestGolden(t *testing.T) {
	generated, allGenerated := goldenGenerateCount(t)
	parsed, allParsed := goldenParseCount(t)
	ran, allRuns := goldenRunCount(t)
	fmt.Printf("%d of %d generated, %d of %d parsed, %d of %d runs\n", generated, allGenerated, parsed, allParsed, ran, allRuns)
	assert.Equal(t, allGenerated, generated)
	assert.Equal(t, allParsed, parsed)
	assert.Equal(t, allRuns, ran)
	assert.Equal(t, []int{48, 9, 15}, []int{allGenerated, allParsed, allRuns})
}
