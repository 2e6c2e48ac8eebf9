package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/cli"
)

// TestEachCommandHasAPageWithEveryFlag compares the pages with the commands, flag by flag.
func TestEachCommandHasAPageWithEveryFlag(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	require.NoError(t, write(folder))
	pages := 0
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		text, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		pages++
		plain := strings.ReplaceAll(string(text), `\-`, "-")
		assert.Contains(t, plain, "SH SYNOPSIS", name)
		assert.Contains(t, plain, cmd.Short, name)
		flag := func(f *pflag.Flag) { assert.Contains(t, plain, "--"+f.Name, name) }
		cmd.NonInheritedFlags().VisitAll(flag)
		cmd.InheritedFlags().VisitAll(flag)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				check(sub)
			}
		}
	}
	check(cli.Root())
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(files), pages, "completion and help have pages too")
	assert.Greater(t, pages, 50)
}
