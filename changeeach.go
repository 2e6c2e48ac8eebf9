package metlo

import (
	"context"
	"errors"
	"iter"
	"net/http"
)

// ChangeOutcome says what became of one change among many.
type ChangeOutcome string

// The outcomes of a change.
const (
	ChangeDone     ChangeOutcome = "done"
	ChangeConflict ChangeOutcome = "conflict" // the item is not in the state from which the change leads: ErrConflict
	ChangeGone     ChangeOutcome = "gone"     // the item does not exist any more: ErrNotFound
	ChangeFailed   ChangeOutcome = "failed"   // any other error; the item may be changed if its answer got lost
)

// Change is an item and what became of its change.
type Change[T any] struct {
	Item    T // as it was given
	Outcome ChangeOutcome
	Err     error // nil if done
}

// changesAtOnce is how many changes wait for an answer; the client's rate limit decides how many start.
const changesAtOnce = 8

// ChangeEach calls change for each item and yields what became of each, in the order in which the changes end. Up to 8
// run at once, within the rate limit of the client that change uses. It goes on after conflicts, after items that are
// gone, and after failures that concern one item. A failure that the next item would meet too (no access, no answer,
// no allowance, a redirect, an ended context) ends it: the changes under way are yielded first, then the one that failed
// so, along with its error. The error of items ends it in the same way, with no item. Breaking out of the loop starts no
// further change, and waits for those under way, whose outcome is then unknown to the caller.
//
// Range over it with two variables: a loop with one drops the error, and tools/rangeerr finds it. Items that are only
// ids come from [ItemsOf].
func ChangeEach[T any](
	ctx context.Context, items iter.Seq2[T, error], change func(context.Context, T) error,
) iter.Seq2[Change[T], error] {
	return func(yield func(Change[T], error) bool) {
		c := &changes[T]{ctx: ctx, change: change, ended: make(chan Change[T], changesAtOnce), yield: yield}
		defer c.wait()
		for item, err := range items {
			if err != nil {
				c.fail(Change[T]{}, err)
				break
			}
			if !c.start(item) {
				break
			}
		}
		c.finish()
	}
}

// ItemsOf returns a sequence of items without an error, for [ChangeEach] and the like.
func ItemsOf[T any](items ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// changes are those of one loop; only the loop's goroutine touches the fields, the others send to ended.
type changes[T any] struct {
	ctx     context.Context
	change  func(context.Context, T) error
	ended   chan Change[T]
	running int
	yield   func(Change[T], error) bool
	stopped bool // the caller left the loop

	last Change[T]
	err  error // why the loop ends early
}

// start changes an item once there is room, and reports whether the loop goes on.
func (c *changes[T]) start(item T) bool {
	for c.running == changesAtOnce {
		c.receive()
	}
	for c.running > 0 && len(c.ended) > 0 {
		c.receive()
	}
	if c.stopped || c.err != nil {
		return false
	}
	c.running++
	go func() {
		result := Change[T]{Item: item, Outcome: ChangeFailed, Err: errChangeExit}
		defer func() { c.ended <- result }() // also when change ends its goroutine
		result.Err = c.change(c.ctx, item)
		result.Outcome = outcomeOf(result.Err)
	}()
	return true
}

var errChangeExit = errors.New("metlo: ChangeEach: the change called runtime.Goexit")

// receive takes the next change that has ended.
func (c *changes[T]) receive() {
	result := <-c.ended
	c.running--
	switch {
	case c.err == nil && repeats(result.Err):
		c.fail(result, result.Err)
	case !c.stopped:
		c.stopped = !c.yield(result, nil)
	}
}

func (c *changes[T]) fail(last Change[T], err error) {
	if c.err == nil {
		c.last, c.err = last, err
	}
}

// finish yields what is under way, and then why the loop ends early.
func (c *changes[T]) finish() {
	for c.running > 0 {
		c.receive()
	}
	if c.err != nil && !c.stopped {
		c.yield(c.last, c.err)
	}
}

// wait leaves no goroutine behind a loop that panics.
func (c *changes[T]) wait() {
	for ; c.running > 0; c.running-- {
		<-c.ended
	}
}

func outcomeOf(err error) ChangeOutcome {
	switch {
	case err == nil:
		return ChangeDone
	case errors.Is(err, ErrConflict):
		return ChangeConflict
	case errors.Is(err, ErrNotFound):
		return ChangeGone
	}
	return ChangeFailed
}

// repeats reports whether the next item would meet the same failure.
func repeats(err error) bool {
	for _, kind := range []error{
		context.Canceled, context.DeadlineExceeded, ErrUnauthorized, ErrForbidden, ErrRateLimited, ErrNoResponse,
		ErrRedirected, ErrProxy, ErrInvalidResponse,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var answer *Error
	return errors.As(err, &answer) && answer.StatusCode > http.StatusInternalServerError
}

// ResolveEach resolves each alert with a message, as [AlertsService.Resolve] does, and yields what became of each, as
// [ChangeEach] does. [AlertsService.UpdateMany] does it in one request, without saying what it changed.
//
// PUT /alert/:uuid
func (s *AlertsService) ResolveEach(ctx context.Context, alerts iter.Seq2[Alert, error], message string) iter.Seq2[Change[Alert], error] {
	return s.UpdateEach(ctx, alerts, &AlertUpdate{UpdateType: UpdateResolve, ResolutionMessage: message})
}

// IgnoreEach sets each alert aside, as [AlertsService.Ignore] does, and yields what became of each, as [ChangeEach] does.
//
// PUT /alert/:uuid
func (s *AlertsService) IgnoreEach(ctx context.Context, alerts iter.Seq2[Alert, error]) iter.Seq2[Change[Alert], error] {
	return s.UpdateEach(ctx, alerts, &AlertUpdate{UpdateType: UpdateIgnore})
}

// UpdateEach changes the status of each alert, as [AlertsService.Update] does, and yields what became of each, as
// [ChangeEach] does.
//
// PUT /alert/:uuid
func (s *AlertsService) UpdateEach(ctx context.Context, alerts iter.Seq2[Alert, error], update *AlertUpdate) iter.Seq2[Change[Alert], error] {
	if update == nil || update.UpdateType == "" {
		err := invalid("Alerts.UpdateEach: %s", noUpdateType)
		alerts = func(yield func(Alert, error) bool) { yield(Alert{}, err) }
		update = new(AlertUpdate)
	}
	change := *update
	return ChangeEach(ctx, alerts, func(ctx context.Context, alert Alert) error {
		_, err := s.Update(ctx, alert.UUID, &change)
		return err
	})
}
