package metlo

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
)

const (
	webhookFileSuffix = ".json"
	webhookTempPrefix = ".saving-"
	webhookFailed     = "failed"
)

// WebhookFolder is a [WebhookStore] of files: one for each pending delivery, in the order of their arrival, and in the
// folder failed those that were given up. Nothing removes the latter. A file appears under its name only after it was
// written and flushed to the disk. One process at a time may use a folder. Make it with [OpenWebhookFolder].
type WebhookFolder struct {
	dir string

	mu    sync.Mutex
	files map[string]string // name by key
	last  int64             // number of the newest file
}

// OpenWebhookFolder returns the store in a folder of its own, which it creates if there is none, readable by its owner
// alone. What a crash left half written is removed.
func OpenWebhookFolder(dir string) (*WebhookFolder, error) {
	if dir == "" {
		return nil, invalid("OpenWebhookFolder: the folder's name is empty")
	}
	f := &WebhookFolder{dir: dir, files: map[string]string{}}
	if err := os.MkdirAll(filepath.Join(dir, webhookFailed), 0o700); err != nil {
		return nil, f.fault(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, f.fault(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, webhookTempPrefix) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return nil, f.fault(err)
			}
		}
		if key, number, ok := parseWebhookFile(name); ok {
			f.files[key] = name
			f.last = max(f.last, number)
		}
	}
	probe, err := os.CreateTemp(dir, webhookTempPrefix)
	if err != nil {
		return nil, f.fault(err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return nil, f.fault(err)
	}
	return f, nil
}

func (f *WebhookFolder) fault(err error) error {
	return fmt.Errorf("metlo: webhook folder %s: %w", f.dir, err)
}

// webhookFile names a file so that names sort by arrival.
func webhookFile(number int64, key string) string {
	return fmt.Sprintf("%020d-%s%s", number, key, webhookFileSuffix)
}

func parseWebhookFile(name string) (key string, number int64, ok bool) {
	rest, ok := strings.CutSuffix(name, webhookFileSuffix)
	digits, key, found := strings.Cut(rest, "-")
	if !ok || !found || len(digits) != 20 || !isWebhookKey(key) {
		return "", 0, false
	}
	if _, err := fmt.Sscanf(digits, "%d", &number); err != nil {
		return "", 0, false
	}
	return key, number, true
}

// isWebhookKey refuses whatever would name another file.
func isWebhookKey(key string) bool {
	return key != "" && len(key) <= 100 && strings.Trim(key, "0123456789abcdefghijklmnopqrstuvwxyz-") == ""
}

// Save writes a file, flushes it to the disk, and gives it its name.
func (f *WebhookFolder) Save(ctx context.Context, delivery WebhookDelivery) error {
	if !isWebhookKey(delivery.Key) {
		return f.fault(fmt.Errorf("%q is no key of a delivery", delivery.Key))
	}
	temp, err := f.write(delivery.Body)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = f.publish(temp, delivery.Key)
	}
	if err != nil {
		if temp != "" {
			err = errors.Join(err, os.Remove(temp))
		}
		return f.fault(err)
	}
	if err := syncFolder(f.dir); err != nil {
		return f.fault(err)
	}
	return nil
}

// write returns the name of a file that holds body on the disk, also along with an error if there is one to remove.
func (f *WebhookFolder) write(body []byte) (name string, err error) {
	file, err := os.CreateTemp(f.dir, webhookTempPrefix)
	if err != nil {
		return "", err
	}
	_, err = file.Write(body)
	if err == nil {
		err = file.Sync()
	}
	return file.Name(), errors.Join(err, file.Close())
}

func (f *WebhookFolder) publish(temp, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, ok := f.files[key]
	if !ok {
		f.last = max(f.last+1, time.Now().UnixNano())
		name = webhookFile(f.last, key)
	}
	if err := os.Rename(temp, filepath.Join(f.dir, name)); err != nil {
		return err
	}
	f.files[key] = name
	return nil
}

// syncFolder makes a new name outlive a power cut, where the system has a call for it.
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
func (f *WebhookFolder) Pending(ctx context.Context) iter.Seq2[WebhookDelivery, error] {
	return func(yield func(WebhookDelivery, error) bool) {
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
				yield(WebhookDelivery{}, f.fault(context.Cause(ctx)))
				return
			case errors.Is(err, fs.ErrNotExist): // done meanwhile
				continue
			case err != nil:
				err = f.fault(err)
			}
			if !yield(WebhookDelivery{Key: file.key, Body: body}, err) {
				return
			}
		}
	}
}

// Done removes the delivery's file, or moves it to the folder failed.
func (f *WebhookFolder) Done(_ context.Context, key string, failure error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, ok := f.files[key]
	if !ok {
		return nil
	}
	path := filepath.Join(f.dir, name)
	var err error
	if failure == nil {
		err = os.Remove(path)
	} else {
		err = os.Rename(path, filepath.Join(f.dir, webhookFailed, name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.fault(err)
	}
	delete(f.files, key)
	return nil
}
