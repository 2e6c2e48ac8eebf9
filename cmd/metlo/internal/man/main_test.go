package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEachCommandHasAPage(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	require.NoError(t, write(folder))
	for _, page := range []string{"metlo.1", "metlo-gate.1", "metlo-alert-list.1"} {
		text, err := os.ReadFile(filepath.Join(folder, page))
		require.NoError(t, err)
		assert.Contains(t, string(text), "SH SYNOPSIS", page)
	}
}
