// Package repository locates files within the repository that holds the working folder.
package repository

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Repository represents a folder and the root of the repository that holds it.
type Repository struct {
	Root   string // Root is the folder that holds .git, or Folder if there is none.
	Folder string
}

// Find returns the repository that holds a folder. A .git file counts too, as in worktrees and submodules.
func Find(folder string) (Repository, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return Repository{}, err
	}
	for root := folder; ; root = filepath.Dir(root) {
		if _, err := os.Lstat(filepath.Join(root, ".git")); err == nil {
			return Repository{root, folder}, nil
		}
		if root == filepath.Dir(root) {
			return Repository{folder, folder}, nil
		}
	}
}

// Nearest returns the path, from the working folder, of the file with this name in Folder or the closest folder above
// it within the repository. It returns an empty string if there is none.
func (r Repository) Nearest(name string) string {
	up := ""
	for folder := r.Folder; ; folder, up = filepath.Dir(folder), filepath.Join("..", up) {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			return filepath.Join(up, name)
		}
		if folder == r.Root || folder == filepath.Dir(folder) {
			return ""
		}
	}
}

// Path returns the path of a file from the root, with slashes, and reports whether the file is within the repository. A
// relative name starts at Folder.
func (r Repository) Path(name string) (string, bool) {
	name = filepath.FromSlash(name)
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.Folder, name)
	}
	path, err := filepath.Rel(r.Root, name)
	if err != nil || !filepath.IsLocal(path) || path == "." {
		return "", false
	}
	return filepath.ToSlash(path), true
}

// Landmark returns the path of a file at the root for findings that belong to no file: the README, or else the first
// visible file in alphabetical order. Services that track findings treat a finding whose path changes as a new one, and
// the README is the file that is least likely to appear or disappear.
func (r Repository) Landmark() string {
	entries, _ := os.ReadDir(r.Root) // after an error the name below stands for the repository
	first := slices.IndexFunc(entries, func(e os.DirEntry) bool {
		return e.Type().IsRegular() && strings.HasPrefix(strings.ToLower(e.Name()), "readme")
	})
	if first < 0 {
		first = slices.IndexFunc(entries, func(e os.DirEntry) bool { return e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") })
	}
	if first < 0 {
		return "README.md"
	}
	return entries[first].Name()
}
