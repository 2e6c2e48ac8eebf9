package cases

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOf(t *testing.T) {
	for value, want := range map[string]int{"": 100, "0": 100, "false": 100, "1": 1000, "true": 1000} {
		t.Setenv(Variable, value)
		assert.Equal(t, want, Of(1000), "%s=%s", Variable, value)
		assert.Equal(t, 1, Of(1), "a test runs at least once")
	}
	t.Setenv(Variable, "some")
	assert.PanicsWithValue(t, "METLO_TEST_ALL=some: use 1 for all cases of generated tests, or unset it", func() { Of(10) })
}
