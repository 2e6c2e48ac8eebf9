package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWrap(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""}, {"one", "one\n"}, {"one two", "one two\n"}, {"one two three", "one two\nthree\n"}, {"1234567 9", "1234567\n9\n"},
		{"longer-than-the-line a", "longer-than-the-line\na\n"}, {"a\n\nb", "a\n\nb\n"}, {"a  b", "a b\n"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, wrap(tt.text, 8), tt.text)
	}
}
