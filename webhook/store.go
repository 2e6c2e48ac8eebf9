package webhook

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Delivery is an alert as Metlo posted it.
type Delivery struct {
	Key  string // of the alert: its UUID, or a hash of an id that is not a UUID; lower-case letters, digits and dashes
	Body []byte // JSON
}

// Store keeps deliveries from before they are answered until their callback has returned. Many goroutines call it, but
// for one key only one at a time. [Folder] is one; a table of a database with Key as primary key is another.
type Store interface {
	// Save keeps a delivery, so that it outlives a crash from the moment at which Save returns nil. It replaces what has
	// the same key. ctx ends after 200 ms; a Save that takes longer is answered 503, and counts if it succeeds late.
	Save(ctx context.Context, delivery Delivery) error

	// Pending returns what was saved and is not done, the oldest first. The handler takes as much as its queue has room
	// for, breaks the loop, and calls Pending again when half of the queue is empty; it waits for nothing within the loop.
	// Pending may leave out and may repeat what changes meanwhile. Behind an error it may go on; what is missing is asked
	// for again later. ctx ends after 10 s.
	Pending(ctx context.Context) iter.Seq2[Delivery, error]

	// Done takes a delivery out of what is pending. With a failure, which is why it was given up, it may be kept
	// elsewhere. A key that is not pending is not an error. ctx ends after 10 s.
	Done(ctx context.Context, key string, failure error) error
}

const (
	savePatience  = 200 * time.Millisecond // the sender waits 250 ms for its answer
	storePatience = 10 * time.Second       // nobody waits for the rest
	maxSaves      = 64                     // at once
)

var (
	errSaveSlow = fmt.Errorf("%w: it took over %v", ErrStore, savePatience)
	errSaveBusy = fmt.Errorf("%w: it had %d calls of Save under way for over %v", ErrStore, maxSaves, savePatience)
	errSaveExit = fmt.Errorf("%w: Save called runtime.Goexit", ErrStore)
)

// save is a call of the store's Save, for which all requests with the same alert wait.
type save struct {
	item *item
	done chan struct{} // closed once err is set
	err  error
}

// startSave has an item stored and then admitted. The caller holds h.mu.
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

// saved decides what becomes of an item, also if the answer did not wait for it.
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

// wait returns the outcome, or errSaveSlow if there is none in time.
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

// done takes an item out of the store.
func (h *Handler) done(key string, failure error) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), storePatience)
	defer cancel()
	defer func() { err = storeFault(err, recover()) }()
	return h.store.Done(ctx, key, failure)
}

// storeFault marks an error, or what the store panicked with, as the store's.
func storeFault(err error, panicked any) error {
	switch {
	case panicked != nil:
		return fmt.Errorf("%w: panic: %v", ErrStore, panicked)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// leaveToStore makes sure that the store is read after an alert was left to it. The caller holds h.mu.
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

// feed queues what the store holds, the oldest first, until everything that it holds is queued.
func (h *Handler) feed() {
	pause := h.backoff
	var retry time.Time // when a store that failed is read again, and reported again
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

// read queues what the store holds, reports whether the queue was full before the end, and returns the store's first
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

// offer queues a delivery that nobody has yet, and reports whether there was room.
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

// awaitWork returns true when the store is to be read again: when it has what is not queued and half of the queue is
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
