// Package atomicfile writes files so that a reader sees the complete file or none.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// File represents a file that appears under its name when it is committed.
type File struct {
	*os.File
	name string
}

// Create creates a temporary file in the folder of name, with the given mode.
func Create(name string, mode os.FileMode) (*File, error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // a symbolic link stays a link
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, shorten(err, name)
	}
	if err := f.Chmod(mode); err != nil {
		return nil, errors.Join(shorten(err, name), f.Close(), os.Remove(f.Name()))
	}
	return &File{f, name}, nil
}

// Commit renames the file to its name after syncing its content to the disk.
func (f *File) Commit() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.File.Name(), f.name)
	}
	if err != nil {
		_ = os.Remove(f.File.Name())
		return shorten(err, f.name)
	}
	return nil
}

// Discard removes the file; it does nothing after Commit.
func (f *File) Discard() {
	_ = f.Close()
	_ = os.Remove(f.File.Name())
}

// Write writes a complete file by calling write. It opens a device such as /dev/stdout and writes to it directly.
func Write(name string, mode os.FileMode, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return &os.PathError{Op: "write", Path: name, Err: errors.New("it is a folder: name a file")}
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := Create(name, mode)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := write(f); err != nil {
		return shorten(err, name)
	}
	return f.Commit()
}

// shorten replaces the name of the temporary file in an error by the name that the user passed.
func shorten(err error, name string) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return &os.PathError{Op: "write", Path: name, Err: path.Err}
	}
	return err
}
