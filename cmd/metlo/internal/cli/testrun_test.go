package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWrittenPath(t *testing.T) {
	tests := []struct{ written, path, want string }{
		{"{{BASE_URL}}/users/{{ID}}", "/users/17", "/users/{ID}"}, {"https://{{HOST}}/users/{{ID}}?a={{B}}", "/users/17", "/users/{ID}"},
		{"{{BASE_URL}}/users", "/v1/users", "/v1/users"}, {"{{BASE_URL}}/{{A}}/x", "/v1/a/x", "/v1/{A}/x"}, {"{{URL}}", "/a/b", "/a/b"},
		{"https://a.test", "", ""}, {"https://a.test/", "/", "/"}, {"https://a.test/f-{{ID}}.json", "/f-3.json", "/f-{ID}.json"}, {"", "/a", "/a"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, writtenPath(tt.written, tt.path), tt.written)
	}
}
