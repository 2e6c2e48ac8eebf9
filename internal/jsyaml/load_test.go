package jsyaml_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

func TestLoadSharesAliases(t *testing.T) {
	root, err := jsyaml.Load("a: &x {q: 1}\nb: *x\nc: {<<: *x, r: 2}\n")
	require.NoError(t, err)
	assert.Same(t, root.Get("a"), root.Get("b"))
	assert.Same(t, root.Get("a").Get("q"), root.Get("c").Get("q"))
	text, err := jsyaml.Dump(root, jsyaml.DumpOptions{})
	require.NoError(t, err)
	assert.Equal(t, "a: &ref_0\n  q: 1\nb: *ref_0\nc:\n  q: 1\n  r: 2\n", text)
}
