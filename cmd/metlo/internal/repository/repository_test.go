package repository

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree creates files in a new folder; a name that ends in a slash is a folder.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if name[len(name)-1] == '/' {
			require.NoError(t, os.MkdirAll(path, 0o700))
			continue
		}
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	return root
}

func TestNearestStopsAtTheRoot(t *testing.T) {
	tests := []struct {
		name, folder string
		files        []string
		want         string
	}{
		{"in the folder", "r/a", []string{"r/.git/", "r/a/x", "r/x"}, "x"},
		{"at the root", "r/a/b", []string{"r/.git/", "r/a/b/", "r/x"}, "../../x"},
		{"of a worktree", "r/a", []string{"r/.git", "r/a/", "r/x"}, "../x"},
		{"above the root", "r/a", []string{"r/.git/", "r/a/", "x"}, ""},
		{"of the inner repository", "r/a/b", []string{"r/.git/", "r/a/.git", "r/a/b/", "r/x"}, ""},
		{"without a repository", "r/a", []string{"r/a/", "r/x"}, ""},
		{"without a repository, in the folder", "r/a", []string{"r/a/x"}, "x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Find(filepath.Join(tree(t, tt.files...), filepath.FromSlash(tt.folder)))
			require.NoError(t, err)
			assert.Equal(t, filepath.FromSlash(tt.want), r.Nearest("x"))
		})
	}
}

func TestPathIsWithinTheRepository(t *testing.T) {
	root := tree(t, ".git/", "services/shop/")
	r, err := Find(filepath.Join(root, "services", "shop"))
	require.NoError(t, err)
	tests := map[string]string{
		"api.yaml": "services/shop/api.yaml", "./specs/api.yaml": "services/shop/specs/api.yaml", "../../api.yaml": "api.yaml",
		filepath.Join(root, "api.yaml"): "api.yaml", "../../../api.yaml": "", filepath.Dir(root): "", "../..": "", "../../..x": "..x",
	}
	for name, want := range tests {
		path, within := r.Path(name)
		assert.Equal(t, want, path, name)
		assert.Equal(t, want != "", within, name)
	}
}

func TestLandmark(t *testing.T) {
	tests := map[string][]string{
		"README.md": {"go.mod", "README.md", "a/"}, "readme.rst": {"go.mod", "readme.rst"}, "go.mod": {".env", "go.mod", "main.go", "a/x"},
	}
	for want, files := range tests {
		assert.Equal(t, want, Repository{Root: tree(t, files...)}.Landmark())
	}
	assert.Equal(t, "README.md", Repository{Root: tree(t, ".git/", ".env")}.Landmark(), "an empty repository")
}
