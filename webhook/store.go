package webhook

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Delivery is an alert in the form posted by Metlo.
type Delivery struct {
	Key  string // UUID of the alert, or a hash of an id that is not a UUID; lower-case letters, digits and dashes
	Body []byte // body as JSON
}

// Store holds deliveries from before the answer until their callback has returned. Many goroutines call it, but only
// one at a time for each key. [Folder] implements it; a database table with Key as primary key is another way.
type Store interface {
	// Save stores a delivery. Once it returns nil, the delivery must survive a crash. It replaces a delivery with the
	// same key. ctx ends after 200 ms. The handler answers 503 if Save takes longer, and still handles the delivery if
	// Save succeeds later.
	Save(ctx context.Context, delivery Delivery) error

	// Pending returns the deliveries that were saved and are not done, oldest first. The handler reads until its queue
	// is full, breaks the loop, and calls Pending again when half of the queue is empty. It never waits inside the
	// loop. Pending may omit or repeat deliveries that change during the loop. It may continue after an error; the
	// handler asks again later for missing deliveries. ctx ends after 10 s.
	Pending(ctx context.Context) iter.Seq2[Delivery, error]

	// Done ends a pending delivery. A non-nil failure is the error of its last attempt; the store may archive the
	// delivery then. An unknown key is not an error. ctx ends after 10 s.
	Done(ctx context.Context, key string, failure error) error
}

const (
	savePatience  = 200 * time.Millisecond // the sender waits 250 ms for its answer
	storePatience = 10 * time.Second       // limit for the other calls, for which no sender waits
	maxSaves      = 64                     // maximum of concurrent calls
)

var (
	errSaveSlow = fmt.Errorf("%w: Save took over %v", ErrStore, savePatience)
	errSaveBusy = fmt.Errorf("%w: %d calls of Save were running for over %v", ErrStore, maxSaves, savePatience)
	errSaveExit = fmt.Errorf("%w: Save called runtime.Goexit", ErrStore)
)

// save is a call of the store's Save. All requests with the same alert wait for it.
type save struct {
	item *item
	done chan struct{} // closed once err is set
	err  error
}

// startSave stores and then admits an item. The caller holds h.mu.
func (h *Handler) startSave(ctx context.Context, it *item) *save {
	s := &save{item: it, done: make(chan struct{}), err: errSaveExit}
	h.saves[it.Key] = s
	h.start(func() {
		defer h.saved(s)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), savePatience)
		defer cancel()
		s.err = h.save(ctx, it.Delivery)
	})
	return s
}

func (h *Handler) save(ctx context.Context, delivery Delivery) (err error) {
	select {
	case h.saveSlots <- struct{}{}:
	case <-ctx.Done():
		return errSaveBusy
	}
	defer func() { <-h.saveSlots }()
	defer func() { err = storeFault(err, recover()) }()
	return h.store.Save(ctx, delivery)
}

// saved admits a stored item or reports the failure, even if the answer did not wait for it.
func (h *Handler) saved(s *save) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.saves, s.item.Key)
	switch {
	case s.err == nil:
		h.admit(s.item)
	case !s.item.reported:
		h.fail(s.item, s.err)
	}
	close(s.done)
}

// wait returns the outcome, or errSaveSlow after too long a wait.
func (s *save) wait() error {
	select {
	case <-s.done:
	case <-time.After(savePatience):
		select {
		case <-s.done: // both happened before this goroutine ran
		default:
			return errSaveSlow
		}
	}
	return s.err
}

// done removes an item from the store.
func (h *Handler) done(key string, failure error) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), storePatience)
	defer cancel()
	defer func() { err = storeFault(err, recover()) }()
	return h.store.Done(ctx, key, failure)
}

// storeFault wraps an error or a panic of the store.
func storeFault(err error, panicked any) error {
	switch {
	case panicked != nil:
		return fmt.Errorf("%w: panic: %v", ErrStore, panicked)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// leaveToStore ensures that the store is read after an alert was only stored. The caller holds h.mu.
func (h *Handler) leaveToStore() {
	h.left = true
	if !h.behind {
		h.behind = true
		h.start(h.feed)
	}
	h.wakeFeed()
}

func (h *Handler) wakeFeed() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// feed queues the stored deliveries, oldest first, until all are queued.
func (h *Handler) feed() {
	pause := h.backoff
	var retry time.Time // next time to read and report a store that failed
	for more := true; more; {
		full, err := h.read()
		switch {
		case err == nil:
			pause, retry = h.backoff, time.Time{}
		case !time.Now().Before(retry):
			retry = time.Now().Add(pause)
			pause = h.pause(pause)
			h.reportStore(err)
		}
		more = h.awaitWork(full, retry)
	}
}

func (h *Handler) reportStore(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() == nil {
		h.fail(&item{}, err)
	}
}

// read queues stored deliveries, reports whether the queue filled up before the end, and returns the store's first
// error.
func (h *Handler) read() (full bool, err error) {
	h.mu.Lock()
	h.left = false
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(h.ctx, storePatience)
	defer cancel()
	defer func() { err = storeFault(err, recover()) }()
	for delivery, fault := range h.store.Pending(ctx) {
		if err == nil {
			err = fault
		}
		full = fault == nil && !h.offer(delivery)
		if full || ctx.Err() != nil {
			break
		}
	}
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("reading took over %v: %w", storePatience, ctx.Err())
	}
	return full, err
}

// offer queues a delivery that is not in progress, and reports whether the queue had room.
func (h *Handler) offer(delivery Delivery) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := delivery.Key
	if h.current[key] != nil || h.saves[key] != nil || h.finished.has(key) {
		return true
	}
	it := &item{Delivery: delivery, uuid: key}
	if h.ctx.Err() != nil || !h.hasRoom(it) {
		h.left = true
		return false
	}
	h.seen.add(key)
	h.enqueue(it)
	return true
}

// awaitWork returns true when the store must be read again: when it has unqueued deliveries and half of the queue is
// empty, or at retry. It returns false when everything is queued, and after Shutdown when the queue was full.
func (h *Handler) awaitWork(full bool, retry time.Time) bool {
	var retryTimer <-chan time.Time
	if !retry.IsZero() {
		retryTimer = time.After(time.Until(retry))
	}
	for changed := !full; ; changed = true {
		h.mu.Lock()
		if !h.left && retryTimer == nil || h.closed && (!h.left || full) {
			h.behind = false
			h.mu.Unlock()
			return false
		}
		ready := changed && h.left && len(h.alerts.items) <= h.maxQueue/2 && h.alerts.bytes <= h.queueBytes/2
		h.mu.Unlock()
		if ready {
			return true
		}
		select {
		case <-h.wake:
		case <-retryTimer:
			return true
		}
	}
}
