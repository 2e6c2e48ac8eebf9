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

// WebhookDelivery is an alert as Metlo posted it.
type WebhookDelivery struct {
	Key  string // of the alert: its UUID, or a hash of an id that is no UUID; lower-case letters, digits and dashes
	Body []byte // JSON
}

// WebhookStore keeps deliveries from before they are answered until their callback has returned. Many goroutines call
// it. [WebhookFolder] is one; a table of a database with Key as primary key is another.
type WebhookStore interface {
	// Save keeps a delivery, so that it outlives a crash from the moment at which Save returns nil. It replaces what has
	// the same key. ctx ends after 200 ms; a Save that takes longer is answered 503, and counts if it succeeds late.
	Save(ctx context.Context, delivery WebhookDelivery) error

	// Pending returns what was saved and is not done, the oldest first. It may leave out and may repeat what changes
	// meanwhile. Behind an error it may go on; what is missing is asked for again later.
	Pending(ctx context.Context) iter.Seq2[WebhookDelivery, error]

	// Done takes a delivery out of what is pending. With a failure, which is why it was given up, it may be kept
	// elsewhere. A key that is not pending is no error.
	Done(ctx context.Context, key string, failure error) error
}

const (
	webhookStorePatience = 200 * time.Millisecond // the sender waits 250 ms for its answer
	webhookDonePatience  = 10 * time.Second
	maxWebhookSaves      = 64 // at once
)

// webhookReplay brings what is in the store alone into the queue.
type webhookReplay struct {
	running bool
	wanted  bool          // once more
	room    chan struct{} // receives when the queue has got room
	stop    chan struct{} // closed by the shutdown
}

func (r *webhookReplay) signalRoom() {
	select {
	case r.room <- struct{}{}:
	default:
	}
}

// startReplay makes sure that the store is read from now on. The caller holds h.mu.
func (h *WebhookHandler) startReplay() {
	if h.closed {
		return
	}
	h.replay.wanted = true
	if !h.replay.running {
		h.replay.running = true
		go h.runReplay()
	}
}

func (h *WebhookHandler) runReplay() {
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.replay.running = false
		h.settle()
	}()
	wait := h.backoff
	for h.replayWanted() {
		err := storeCall(h.replayPending)
		if err == nil {
			wait = h.backoff
			continue
		}
		h.tell(&WebhookEvent{}, err)
		select {
		case <-h.replay.stop:
		case <-time.After(wait):
		}
		wait = min(2*wait, max(maxWebhookBackoff, h.backoff))
		h.mu.Lock()
		h.replay.wanted = true
		h.mu.Unlock()
	}
}

func (h *WebhookHandler) replayWanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	wanted := h.replay.wanted && !h.closed
	h.replay.wanted = false
	return wanted
}

// replayPending queues everything that the store holds, as room comes up, and returns the first fault.
func (h *WebhookHandler) replayPending() error {
	var fault error
	for delivery, err := range h.store.Pending(h.ctx) {
		if err != nil {
			if fault == nil {
				fault = err
			}
			continue
		}
		item, err := h.item(delivery.Body)
		if err != nil {
			h.finish(&queuedWebhook{WebhookDelivery: delivery, uuid: delivery.Key}, err)
			continue
		}
		item.Key = delivery.Key
		if !h.requeue(item) {
			return nil
		}
	}
	return fault
}

// requeue waits for room, and reports whether the handler is still open.
func (h *WebhookHandler) requeue(item *queuedWebhook) bool {
	for {
		h.mu.Lock()
		_, current := h.current[item.Key]
		closed, known := h.closed, current || h.finished.has(item.Key) || h.saving[item.Key] > 0
		queue := !closed && !known && h.hasRoom(item)
		if queue {
			h.seen.add(item.Key)
			h.enqueue(item)
		}
		h.mu.Unlock()
		if closed || known || queue {
			return !closed
		}
		select {
		case <-h.replay.room:
		case <-h.replay.stop:
		}
	}
}

// save keeps an item before it is answered. One that the store keeps too late is replayed.
func (h *WebhookHandler) save(ctx context.Context, item *queuedWebhook) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), webhookStorePatience)
	defer cancel()
	tooSlow := fmt.Errorf("%w: it took over %v", ErrWebhookStore, webhookStorePatience)
	select {
	case h.saves <- struct{}{}:
	case <-ctx.Done():
		return tooSlow
	}
	result := make(chan error, 1)
	go func() {
		err := storeCall(func() error { return h.store.Save(ctx, item.WebhookDelivery) })
		<-h.saves
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		go func() {
			if <-result == nil {
				h.savedBeside(item.Key)
			}
		}()
		return tooSlow
	}
}

// savedBeside sees to an item that was saved too late or twice: whoever has it takes it out of the store, and if nobody
// has it, it is replayed.
func (h *WebhookHandler) savedBeside(key string) {
	if h.store == nil {
		return
	}
	h.mu.Lock()
	_, current := h.current[key]
	finished := h.finished.has(key)
	if !current && !finished {
		h.startReplay()
	}
	h.mu.Unlock()
	if finished && !current {
		if err := h.done(key, nil); err != nil {
			h.tell(&WebhookEvent{Alert: WebhookAlert{UUID: key}}, err)
		}
	}
}

// done takes an item out of the store.
func (h *WebhookHandler) done(key string, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), webhookDonePatience)
	defer cancel()
	return storeCall(func() error { return h.store.Done(ctx, key, failure) })
}

// storeCall says of an error, and of a panic, that it is the store's.
func storeCall(call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%w: panic: %v", ErrWebhookStore, value)
		}
	}()
	if err := call(); err != nil {
		return fmt.Errorf("%w: %w", ErrWebhookStore, err)
	}
	return nil
}

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
