// Package version reads the version of the command from the build information that go build embeds.
package version

import (
	"runtime/debug"
	"strings"
)

// unknown is the version of a build without one, such as that of go run. It is a semantic version that precedes all
// others.
const unknown = "0.0.0-devel"

// Number returns the semantic version without its v: that of the tag, or a pseudo-version between tags.
func Number() string { return number(read()) }

// Full returns the version, and the commit if the build has one, such as "0.1.0 (commit 0123456789ab, modified)".
func Full() string { return full(read()) }

func read() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return &debug.BuildInfo{}
	}
	return info
}

func number(info *debug.BuildInfo) string {
	version, ok := strings.CutPrefix(info.Main.Version, "v")
	if !ok {
		return unknown // "(devel)" or an empty version
	}
	return version
}

func full(info *debug.BuildInfo) string {
	var revision, modified string
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				modified = ", modified"
			}
		}
	}
	if revision == "" {
		return number(info)
	}
	return number(info) + " (commit " + revision[:min(len(revision), 12)] + modified + ")"
}
