package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

var block = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$") //nolint:gocritic // (?m) lets ^ match within

// shellLines returns the lines of a document's files and blocks that a shell runs, without the installation.
func shellLines(t *testing.T, document string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", document))
	require.NoError(t, err)
	step := regexp.MustCompile(`^\s*(?:- run: |run: |- )?(metlo .*)$|^\s*sh '(metlo .*)'$`)
	for _, b := range block.FindAllStringSubmatch(string(text), -1) {
		if b[1] == "text" {
			continue // needs files or an instance
		}
		for line := range strings.Lines(b[2]) {
			if match := step.FindStringSubmatch(strings.TrimSuffix(line, "\n")); match != nil {
				lines = append(lines, match[1]+match[2])
			}
		}
	}
	return lines
}

// TestDocumentsRun runs each line of docs/cli.md, docs/ci.md and docs/report.md, in order, against a demo server.
func TestDocumentsRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the documents are for a shell of Unix")
	}
	for document, atLeast := range map[string]int{"cli.md": 20, "ci.md": 3, "report.md": 3} {
		t.Run(document, func(t *testing.T) {
			srv := metlotest.NewServer(metlotest.Demo())
			t.Cleanup(srv.Close)
			lines := shellLines(t, document)
			require.GreaterOrEqual(t, len(lines), atLeast, "the lines are found")
			folder := t.TempDir()
			for i, line := range lines {
				cmd := command(t, srv, "unused")
				cmd.Path, cmd.Args, cmd.Err = "/bin/sh", []string{"sh", "-c", line}, nil
				cmd.Dir = folder
				cmd.Env = append(cmd.Env, "GITHUB_STEP_SUMMARY="+filepath.Join(folder, "summary.md"))
				if strings.Contains(line, "--demo") {
					cmd.Env = append(cmd.Env, "METLO_HOST=")
				}
				out, err := cmd.CombinedOutput()
				if strings.HasPrefix(line, "metlo gate") {
					assert.Contains(t, []int{0, 1}, cmd.ProcessState.ExitCode(), "%d: %s\n%s", i, line, out)
				} else {
					assert.NoError(t, err, fmt.Sprintf("%d: %s\n%s", i, line, out))
				}
			}
		})
	}
}
