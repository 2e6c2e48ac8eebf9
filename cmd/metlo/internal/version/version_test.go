package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVersions(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	tests := map[string]struct {
		version      string
		settings     map[string]string
		number, full string
	}{
		"go install of a tag": {"v0.1.0", nil, "0.1.0", "0.1.0"},
		"go build at a tag":   {"v0.1.0", map[string]string{"vcs.revision": revision, "vcs.modified": "false"}, "0.1.0", "0.1.0 (commit 0123456789ab)"},
		"go build after a change": {
			"v0.1.1-0.20261130234750-0123456789ab+dirty", map[string]string{"vcs.revision": revision, "vcs.modified": "true"},
			"0.1.1-0.20261130234750-0123456789ab+dirty", "0.1.1-0.20261130234750-0123456789ab+dirty (commit 0123456789ab, modified)",
		},
		"a commit without a version": {"(devel)", map[string]string{"vcs.revision": "0123"}, "0.0.0-devel", "0.0.0-devel (commit 0123)"},
		"go run":                     {"(devel)", nil, "0.0.0-devel", "0.0.0-devel"},
		"nothing":                    {"", nil, "0.0.0-devel", "0.0.0-devel"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: tt.version}}
			for key, value := range tt.settings {
				info.Settings = append(info.Settings, debug.BuildSetting{Key: key, Value: value})
			}
			assert.Equal(t, tt.number, number(info))
			assert.Equal(t, tt.full, full(info))
		})
	}
}
