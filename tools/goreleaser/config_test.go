// Package goreleaser_test reads .goreleaser.yaml as goreleaser does. The rest of goreleaser takes minutes to build:
// .ci/release has it check the configuration, and builds.
package goreleaser_test

import (
	"slices"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func load(t *testing.T) config.Project {
	t.Helper()
	project, err := config.Load("../../.goreleaser.yaml") // refuses what it does not know
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestBuilds(t *testing.T) {
	builds := load(t).Builds
	if len(builds) != 1 {
		t.Fatalf("%d builds, want 1", len(builds))
	}
	build := builds[0]
	for what, holds := range map[string]bool{
		"systems":                 slices.Equal(build.Goos, []string{"linux", "darwin", "windows"}),
		"processors":              slices.Equal(build.Goarch, []string{"amd64", "arm64"}),
		"no C":                    slices.Contains(build.Env, "CGO_ENABLED=0"),
		"no paths of the machine": slices.Contains(build.Flags, "-trimpath"),
		"a version, or no build":  slices.Contains(build.Flags, "-buildvcs=true"),
		"the time of the commit":  build.ModTimestamp == "{{ .CommitTimestamp }}",
	} {
		if !holds {
			t.Errorf("%s: %+v", what, build)
		}
	}
}

func TestFilesHaveTheTimeOfTheCommit(t *testing.T) {
	project := load(t)
	const commit = "{{ .CommitDate }}"
	for _, archive := range project.Archives {
		if archive.BuildsInfo.MTime != commit {
			t.Errorf("the command of archive %s has time %q", archive.ID, archive.BuildsInfo.MTime)
		}
		if len(archive.Files) < 6 {
			t.Errorf("archive %s has %d kinds of files", archive.ID, len(archive.Files))
		}
		for _, file := range archive.Files {
			if file.Info.MTime != commit || file.Info.Owner != "root" {
				t.Errorf("%s in archive %s: %+v", file.Source, archive.ID, file.Info)
			}
		}
	}
	for _, pkg := range project.NFPMs {
		if pkg.MTime != commit {
			t.Errorf("package %s has time %q", pkg.ID, pkg.MTime)
		}
	}
	if len(project.Archives) == 0 || len(project.NFPMs) == 0 {
		t.Error("no archive, or no package")
	}
}

func TestNothingIsPublishedByItself(t *testing.T) {
	project := load(t)
	if !project.Release.Draft {
		t.Error("a release is published before the owner has read it")
	}
	for _, cask := range project.Casks {
		if want := `{{ if envOrDefault "HOMEBREW_TAP_TOKEN" "" }}auto{{ else }}true{{ end }}`; cask.SkipUpload != want {
			t.Errorf("cask %s: skip_upload is %q, want %q", cask.Name, cask.SkipUpload, want)
		}
	}
	if len(project.Casks) != 1 || len(project.Signs) != 1 {
		t.Error("no cask, or no signature")
	}
	for what, n := range map[string]int{
		"images": len(project.Dockers) + len(project.DockersV2) + len(project.Kos), "formulas": len(project.Brews),
		"blobs": len(project.Blobs), "uploads": len(project.Uploads) + len(project.Publishers),
	} {
		if n > 0 {
			t.Errorf("%s are published", what)
		}
	}
}
