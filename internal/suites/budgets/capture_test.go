package budgets_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/cases"
)

// TestWhatCaptureAddsToAProgram builds a server with the SDK, and the same one with a recorder.
func TestWhatCaptureAddsToAProgram(t *testing.T) {
	if !cases.All() {
		t.Skipf("it builds two programs: set %s=1", cases.Variable)
	}
	build := func(name string) (path string, size int64) {
		path = filepath.Join(t.TempDir(), name)
		out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", path, "./testdata/"+name).CombinedOutput()
		require.NoError(t, err, string(out))
		info, err := os.Stat(path)
		require.NoError(t, err)
		return path, info.Size()
	}
	_, plain := build("plain")
	path, recording := build("recording")
	out, err := exec.CommandContext(t.Context(), path).Output()
	require.NoError(t, err)
	heap, err := strconv.Atoi(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	t.Logf("package capture adds %d bytes to a program of %d, and an idle recorder %d bytes to the heap", recording-plain, plain, heap)
	assert.LessOrEqual(t, recording-plain, int64(500<<10))
	assert.Positive(t, heap)
	assert.LessOrEqual(t, heap, 2<<20)
}
