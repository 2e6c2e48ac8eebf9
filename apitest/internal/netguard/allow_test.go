package netguard

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAllowList(t *testing.T) {
	for _, tc := range []struct {
		entry, target string
		want          bool
	}{
		{"api.example.com", "https://api.example.com/x", true},
		{"api.example.com", "http://API.Example.com./x", true},
		{"api.example.com", "http://api.example.com:80", true},
		{"api.example.com", "http://api.example.com:8080", false},
		{"api.example.com", "https://example.com", false},
		{"api.example.com", "https://x.api.example.com", false},
		{"api.example.com", "https://api.example.com.evil.test", false},
		{"api.example.com:8443", "https://api.example.com:8443", true},
		{"api.example.com:8443", "https://api.example.com", false},
		{"https://api.example.com", "https://api.example.com", true},
		{"https://api.example.com", "http://api.example.com", false},
		{"http://api.example.com", "http://api.example.com:80", true},
		{"[::1]:8080", "http://[::1]:8080", true},
	} {
		t.Run(tc.entry+" "+tc.target, func(t *testing.T) {
			a, err := Parse(tc.entry)
			require.NoError(t, err)
			u, err := url.Parse(tc.target)
			require.NoError(t, err)
			assert.Equal(t, tc.want, AllowList{a}.Allows(u))
		})
	}
	for _, bad := range []string{"", "*.example.com", "ftp://example.com", "example.com/path", "http://u:p@example.com", "http://"} {
		t.Run("refuses "+bad, func(t *testing.T) {
			_, err := Parse(bad)
			assert.ErrorContains(t, err, "allowed host")
		})
	}
}
