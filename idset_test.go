package metlo

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIDSet(t *testing.T) {
	for _, room := range []int{-1, 0, 1, 31, 64, 1000, 100_000} {
		t.Run(fmt.Sprintf("room for %d", room), func(t *testing.T) {
			var set idSet
			set.grow(room)
			random := rand.New(rand.NewPCG(1, uint64(room+1)))
			known := map[string]bool{}
			for n := range 30_000 {
				id := fmt.Sprintf("00000000-0000-4000-8000-%012x", random.IntN(10_000))
				switch n % 10 {
				case 1:
					id = fmt.Sprintf("%08x-0000-4000-8000-000000000000", random.IntN(10_000))
				case 2:
					id = fmt.Sprintf("spec %d", random.IntN(1000))
				case 3:
					id = "00000000-0000-0000-0000-000000000000"
				}
				require.Equal(t, !known[id], set.add(id), id)
				known[id] = true
				require.Equal(t, len(known), set.len())
				if n == 5000 {
					set.grow(20_000)
				}
			}
		})
	}
}

func TestIDSetTellsUUIDsApartByTheirValue(t *testing.T) {
	var set idSet
	assert.True(t, set.add("6d1b7cbb-1c0b-4b5c-8a35-5a1a2f3c9a10"))
	assert.False(t, set.add("6D1B7CBB-1C0B-4B5C-8A35-5A1A2F3C9A10"), "the server does not mind the case")
	assert.True(t, set.add("6d1b7cbb1c0b4b5c8a355a1a2f3c9a10"))
	assert.True(t, set.add("6d1b7cbb-1c0b-4b5c-8a35-5a1a2f3c9a1x"))
	assert.False(t, set.add("6d1b7cbb-1c0b-4b5c-8a35-5a1a2f3c9a1x"))
}
