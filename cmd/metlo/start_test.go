package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStartIsCheap looks for packages whose tables every start of the command would build, whatever the command does.
func TestStartIsCheap(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	assert.Contains(t, packages, "github.com/spf13/cobra", "these are the packages of the command")
	for _, expensive := range []string{
		"github.com/russross/blackfriday/v2", "github.com/cpuguy83/go-md2man/v2/md2man", "go.yaml.in/yaml/v3", "github.com/spf13/cobra/doc",
		"github.com/stretchr/testify/assert",
	} {
		assert.NotContains(t, packages, expensive)
	}
}
