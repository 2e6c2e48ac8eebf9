package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/metlo-go/metlo"
)

const (
	fileSuffix = ".json"
	tempPrefix = ".saving-"
	failedName = "failed"
)

// Folder is a [Store] of files: one for each pending delivery, in order of arrival. The subfolder failed holds the
// deliveries that the handler gave up; nothing removes them. A file appears under its name only after it was written
// and flushed to the disk. Only one process at a time may use a folder. Create it with [OpenFolder].
type Folder struct {
	dir string

	mu    sync.Mutex
	files map[string]string // file names by key
	last  int64             // number of the newest file
}

// OpenFolder returns the store in a folder, which nothing else may use. It creates a missing folder, readable by its
// owner only, and removes files that a crash left incomplete.
func OpenFolder(dir string) (*Folder, error) {
	if dir == "" {
		return nil, fmt.Errorf("metlo: webhook: OpenFolder: %w: the folder's name is empty", metlo.ErrInvalidArgument)
	}
	f := &Folder{dir: dir, files: map[string]string{}}
	if err := os.MkdirAll(f.failed(), 0o700); err != nil {
		return nil, f.fault(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, f.fault(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, tempPrefix) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return nil, f.fault(err)
			}
		}
		if key, number, ok := parseFileName(name); ok {
			f.files[key] = name
			f.last = max(f.last, number)
		}
	}
	probe, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return nil, f.fault(err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, f.fault(err)
	}
	return f, nil
}

func (f *Folder) failed() string { return filepath.Join(f.dir, failedName) }

func (f *Folder) fault(err error) error {
	return fmt.Errorf("metlo: webhook folder %s: %w", f.dir, err)
}

// fileName returns the name of a file. Names sort by arrival.
func fileName(number int64, key string) string {
	return fmt.Sprintf("%020d-%s%s", number, key, fileSuffix)
}

func parseFileName(name string) (key string, number int64, ok bool) {
	rest, ok := strings.CutSuffix(name, fileSuffix)
	digits, key, found := strings.Cut(rest, "-")
	if !ok || !found || len(digits) != 20 || !isKey(key) {
		return "", 0, false
	}
	if _, err := fmt.Sscanf(digits, "%d", &number); err != nil {
		return "", 0, false
	}
	return key, number, true
}

// isKey reports whether key is safe as part of a file name.
func isKey(key string) bool {
	return key != "" && len(key) <= 100 && strings.Trim(key, "0123456789abcdefghijklmnopqrstuvwxyz-") == ""
}

// Save writes a file, flushes it to the disk, and renames it. After an error the delivery is not pending, unless it was
// pending before.
func (f *Folder) Save(ctx context.Context, delivery Delivery) error {
	if !isKey(delivery.Key) {
		return f.fault(fmt.Errorf("invalid key %q of a delivery: use lower-case letters, digits and dashes", delivery.Key))
	}
	temp, err := f.write(delivery.Body)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if temp != "" {
			err = errors.Join(err, os.Remove(temp))
		}
		return f.fault(err)
	}
	replaced, err := f.publish(temp, delivery.Key)
	if err != nil {
		return f.fault(errors.Join(err, os.Remove(temp)))
	}
	if err := syncFolder(f.dir); err != nil {
		if !replaced {
			err = errors.Join(err, f.Done(ctx, delivery.Key, nil))
		}
		return f.fault(err)
	}
	return nil
}

// write writes a flushed file with body and returns its name, also along with an error if the file must be removed.
func (f *Folder) write(body []byte) (name string, err error) {
	file, err := os.CreateTemp(f.dir, tempPrefix)
	if err != nil {
		return "", err
	}
	_, err = file.Write(body)
	if err == nil {
		err = file.Sync()
	}
	return file.Name(), errors.Join(err, file.Close())
}

// publish renames a file, which makes it pending, and reports whether it replaced one.
func (f *Folder) publish(temp, key string) (replaced bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, replaced := f.files[key]
	if !replaced {
		f.last = max(f.last+1, time.Now().UnixNano())
		name = fileName(f.last, key)
	}
	if err := os.Rename(temp, filepath.Join(f.dir, name)); err != nil {
		return false, err
	}
	f.files[key] = name
	return replaced, nil
}

// syncFolder flushes a new name to the disk, on systems with a call for it.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" || runtime.GOOS == "wasip1" || runtime.GOOS == "plan9" {
		return nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Pending reads the files one by one.
func (f *Folder) Pending(ctx context.Context) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		type file struct{ key, name string }
		f.mu.Lock()
		files := make([]file, 0, len(f.files))
		for key, name := range f.files {
			files = append(files, file{key, name})
		}
		f.mu.Unlock()
		slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
		for _, file := range files {
			body, err := os.ReadFile(filepath.Join(f.dir, file.name))
			switch {
			case ctx.Err() != nil:
				yield(Delivery{}, f.fault(context.Cause(ctx)))
				return
			case errors.Is(err, fs.ErrNotExist):
				if err = f.missing(file.key, file.name); err == nil {
					continue // removed by Done meanwhile
				}
			case err != nil:
				err = f.fault(err)
			}
			if !yield(Delivery{Key: file.key, Body: body}, err) {
				return
			}
		}
	}
}

// missing returns an error if a pending file is gone. Only the first call per file returns it.
func (f *Folder) missing(key, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[key] != name {
		return nil
	}
	if _, err := os.Stat(f.dir); err != nil {
		return f.fault(err)
	}
	delete(f.files, key)
	return f.fault(fmt.Errorf("file %s of a pending delivery is gone", name))
}

// Done removes the delivery's file, or moves it to the subfolder failed.
func (f *Folder) Done(_ context.Context, key string, failure error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, pending := f.files[key]
	if !pending {
		return nil
	}
	path := filepath.Join(f.dir, name)
	if failure == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f.fault(err)
		}
	} else if err := os.Rename(path, filepath.Join(f.failed(), name)); err != nil {
		if _, statErr := os.Stat(f.failed()); statErr != nil {
			err = fmt.Errorf("folder %s is gone: create it, or the delivery is handled again at the next start: %w", failedName, err)
		}
		return f.fault(err)
	}
	delete(f.files, key)
	return nil
}
