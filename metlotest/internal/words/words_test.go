package words_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo/metlotest/internal/words"
)

func TestHas(t *testing.T) {
	for _, word := range []string{"a", "h", "x", "users", "orders", "files", "report", "api", "v1", "config", "graphql", "zwitterionic"} {
		assert.True(t, words.Has(word), word)
	}
	for _, word := range []string{"", "deadbeefdeadbeef", "a1b2c3", "2026.pdf", "~", "\n", "a\nb", "Users", "{"} {
		assert.False(t, words.Has(word), word)
	}
}
