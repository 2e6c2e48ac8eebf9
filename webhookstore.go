package metlo

import (
	"context"
	"fmt"
	"iter"
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
	tooSlow := fmt.Errorf("%w: it took over %v", ErrWebhookStore, webhookStorePatience)
	select {
	case h.saves <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return tooSlow
	}
	result := make(chan error, 1)
	go func() {
		defer cancel()
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
