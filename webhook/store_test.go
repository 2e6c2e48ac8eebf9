package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/webhook"
)

// TestStoreTakesWhatTheQueueCannot answers 202 while the queue is full, and handles all events in order.
func TestStoreTakesWhatTheQueueCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		folder := openFolder(t, t.TempDir())
		h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Second)
			return log.handle(ctx, e)
		}, webhook.WithStore(folder), webhook.WithWorkers(1), webhook.WithQueue(2), webhook.WithReport(log.report))
		for n := range 50 {
			assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(n))).Code)
		}
		<-time.After(time.Minute)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Len(t, log.handled, 50)
		assert.Empty(t, log.reported)
		assert.Empty(t, pendingIn(t, folder))
	})
}

// TestStoreKeepsWhatShutdownDrops reports a dropped event once, and handles it at the next start.
func TestStoreKeepsWhatShutdownDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		dir := t.TempDir()
		h := webhook.NewHandler(func(ctx context.Context, _ *metlo.WebhookEvent) error {
			<-ctx.Done()
			return ctx.Err()
		}, webhook.WithStore(openFolder(t, dir)), webhook.WithWorkers(1), webhook.WithReport(log.report))
		for n := range 3 {
			serve(h, post("/", alertNumber(n)))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, h.Shutdown(ctx))
		require.NoError(t, h.Shutdown(t.Context()))
		assert.ElementsMatch(t, []string{"0", "1", "2"}, log.reported)

		next := webhook.NewHandler(log.handle, webhook.WithStore(openFolder(t, dir)), webhook.WithWorkers(1))
		synctest.Wait()
		require.NoError(t, next.Shutdown(t.Context()))
		assert.Equal(t, []string{"0", "1", "2"}, log.handled)
	})
}

// TestStoreGivenUp archives an event after its last attempt, and reports it only once.
func TestStoreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		dir := t.TempDir()
		open := func() *webhook.Handler {
			return webhook.NewHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
				switch e.Alert.UUID {
				case "0":
					return errors.New("no such team")
				case "1":
					panic("boom")
				}
				runtime.Goexit()
				return nil
			}, webhook.WithStore(openFolder(t, dir)), webhook.WithReport(log.report))
		}
		h := open()
		for n := range 3 {
			serve(h, post("/", alertNumber(n)))
		}
		require.NoError(t, h.Shutdown(t.Context()))
		again := open()
		synctest.Wait()
		require.NoError(t, again.Shutdown(t.Context()))
		assert.ElementsMatch(t, []string{"0", "1", "2"}, log.reported)
		failed, err := filepath.Glob(filepath.Join(dir, "failed", "*.json"))
		require.NoError(t, err)
		assert.Len(t, failed, 3)
	})
}

// fakeStore is a user's store, in the order of the first Save.
type fakeStore struct {
	save    func(context.Context) error
	pending func() error

	mu        sync.Mutex
	items     []webhook.Delivery
	saved     int // successful calls of Save
	iterating int
	iterated  int // number of yielded deliveries
}

func (s *fakeStore) Save(ctx context.Context, d webhook.Delivery) error {
	if s.save != nil {
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved++
	if i := s.index(d.Key); i >= 0 {
		s.items[i] = d
		return nil
	}
	s.items = append(s.items, d)
	return nil
}

func (s *fakeStore) index(key string) int {
	return slices.IndexFunc(s.items, func(d webhook.Delivery) bool { return d.Key == key })
}

func (s *fakeStore) Pending(context.Context) iter.Seq2[webhook.Delivery, error] {
	return func(yield func(webhook.Delivery, error) bool) {
		s.mu.Lock()
		all := slices.Clone(s.items)
		s.iterating++
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.iterating--
		}()
		if s.pending != nil {
			if err := s.pending(); err != nil {
				yield(webhook.Delivery{}, err)
				return
			}
		}
		for _, d := range all {
			s.mu.Lock()
			s.iterated++
			s.mu.Unlock()
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (s *fakeStore) Done(_ context.Context, key string, _ error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(key); i >= 0 {
		s.items = slices.Delete(s.items, i, i+1)
	}
	return nil
}

// backlog returns deliveries of the alerts from 0 to n-1.
func backlog(n int) (items []webhook.Delivery) {
	for i := range n {
		items = append(items, webhook.Delivery{Key: strconv.Itoa(i), Body: []byte(alertNumber(i))})
	}
	return items
}

func numbers(from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

// TestWhatTheStoreHoldsIsHandledFirst posts alerts while a backlog is handled: at the start, at each moment, and after
// the queue was full. With one worker, the order is that of arrival.
func TestWhatTheStoreHoldsIsHandledFirst(t *testing.T) {
	broken := errors.New("the database restarts")
	tests := map[string]struct {
		backlog  int
		queue    int
		interval time.Duration // between new alerts; a callback takes 1 s
		pending  func(call int) error
	}{
		"a backlog that the queue takes":     {300, 1024, time.Second / 3, nil},
		"a backlog that the queue takes not": {300, 100, time.Second / 3, nil},
		"a queue of one":                     {20, 1, time.Second / 3, nil},
		"a queue of two":                     {20, 2, 700 * time.Millisecond, nil},
		"alerts at once":                     {50, 10, 0, nil},
		"no backlog and a queue that fills":  {0, 3, time.Second / 2, nil},
		"alerts more seldom than callbacks":  {9, 3, 1500 * time.Millisecond, nil},
		"a store that cannot be read at first": {20, 10, time.Second / 3, func(call int) error {
			if call <= 5 {
				return broken
			}
			return nil
		}},
		"a store that takes a while to read": {50, 5, time.Second / 3, func(int) error {
			<-time.After(1300 * time.Millisecond)
			return nil
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const fresh = 100
				var log eventLog
				store := &fakeStore{items: backlog(tt.backlog)}
				reads := 0
				if tt.pending != nil {
					store.pending = func() error {
						reads++
						return tt.pending(reads)
					}
				}
				h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
					<-time.After(time.Second)
					return log.handle(ctx, e)
				}, webhook.WithStore(store), webhook.WithWorkers(1), webhook.WithQueue(tt.queue), webhook.WithReport(log.report))
				for n := range fresh {
					assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(tt.backlog+n))).Code)
					<-time.After(tt.interval)
				}
				<-time.After(time.Hour)
				synctest.Wait()
				assert.Equal(t, numbers(0, tt.backlog+fresh), log.handled)
				for _, err := range log.errs {
					assert.ErrorIs(t, err, broken)
				}
				assert.Empty(t, store.items)
				require.NoError(t, h.Shutdown(t.Context()))
			})
		})
	}
}

// TestAlertsDoNotWaitForAStoreThatStaysUnreadable handles new alerts at once although an old delivery cannot be read.
func TestAlertsDoNotWaitForAStoreThatStaysUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		store := &halfReadable{}
		h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
		for n := range 100 {
			assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(n))).Code)
			synctest.Wait()
			require.Len(t, log.handled, n+1)
			<-time.After(100 * time.Millisecond)
		}
		assert.Len(t, log.reported, 4, "at once, and after 1, 2 and 4 s")
		require.NoError(t, h.Shutdown(t.Context()))
	})
}

// halfReadable is a store whose oldest delivery cannot be read.
type halfReadable struct{ fakeStore }

func (s *halfReadable) Pending(ctx context.Context) iter.Seq2[webhook.Delivery, error] {
	return func(yield func(webhook.Delivery, error) bool) {
		if !yield(webhook.Delivery{}, errors.New("input/output error")) {
			return
		}
		s.fakeStore.Pending(ctx)(yield)
	}
}

// oneConnection is a store on a database with one connection: its methods wait for one another, and for an iterator
// that is not closed.
type oneConnection struct {
	fakeStore
	connection chan struct{}
	longest    time.Duration // longest time for which an iterator was open
}

func (s *oneConnection) connect(ctx context.Context) (release func(), err error) {
	select {
	case s.connection <- struct{}{}:
		return func() { <-s.connection }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *oneConnection) Save(ctx context.Context, d webhook.Delivery) error {
	release, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.fakeStore.Save(ctx, d)
}

func (s *oneConnection) Pending(ctx context.Context) iter.Seq2[webhook.Delivery, error] {
	return func(yield func(webhook.Delivery, error) bool) {
		release, err := s.connect(ctx)
		if err != nil {
			yield(webhook.Delivery{}, err)
			return
		}
		defer release()
		start := time.Now()
		s.fakeStore.Pending(ctx)(yield)
		s.longest = max(s.longest, time.Since(start))
	}
}

func (s *oneConnection) Done(ctx context.Context, key string, failure error) error {
	release, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer release()
	return s.fakeStore.Done(ctx, key, failure)
}

// TestNothingOfTheStoreIsHeldAcrossAWait covers all waits of a handler while it reads a store with one connection.
func TestNothingOfTheStoreIsHeldAcrossAWait(t *testing.T) {
	tests := map[string]struct {
		callback, report time.Duration
		opts             []webhook.Option
		bad              bool // a third of the backlog is invalid
	}{
		"callbacks of a minute":       {callback: time.Minute},
		"one worker":                  {callback: time.Minute, opts: []webhook.Option{webhook.WithWorkers(1)}},
		"few bytes":                   {callback: time.Minute, opts: []webhook.Option{webhook.WithQueueBytes(100)}},
		"a queue of one":              {callback: time.Minute, opts: []webhook.Option{webhook.WithQueue(1)}},
		"reports of a minute":         {report: time.Minute, bad: true},
		"reports and callbacks":       {report: time.Minute, callback: time.Minute, bad: true},
		"deliveries that are none":    {bad: true},
		"many callbacks that are one": {opts: []webhook.Option{webhook.WithWorkers(50)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log eventLog
				store := &oneConnection{connection: make(chan struct{}, 1)}
				store.items = backlog(30)
				good := numbers(0, 31)
				if tt.bad {
					good = nil
					for i := range store.items {
						if i%3 == 0 {
							store.items[i].Body = []byte("no delivery")
						} else {
							good = append(good, strconv.Itoa(i))
						}
					}
					good = append(good, "30")
				}
				h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
					<-time.After(tt.callback)
					return log.handle(ctx, e)
				}, append([]webhook.Option{
					webhook.WithStore(store), webhook.WithQueue(4),
					webhook.WithReport(func(e *metlo.WebhookEvent, err error) {
						<-time.After(tt.report)
						log.report(e, err)
					}),
				}, tt.opts...)...)
				synctest.Wait()
				assert.Zero(t, store.iterating)
				assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(30))).Code, "the connection is free")
				<-time.After(2 * time.Hour)
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Zero(t, store.longest, "the iterator is closed before the handler waits")
				assert.ElementsMatch(t, good, log.handled)
				assert.Len(t, log.reported, 31-len(good))
				for _, err := range log.errs {
					assert.NotErrorIs(t, err, webhook.ErrStore)
				}
				assert.Empty(t, store.items)
			})
		})
	}
}

// TestReadingABacklogIsLinear limits how often the handler reads the same deliveries because it closed the iterator.
func TestReadingABacklogIsLinear(t *testing.T) {
	tests := map[string]struct {
		bound webhook.Option
		reads int // reads per delivery
		long  int // size of every other delivery in bytes
	}{
		"a queue of 100 events":                {webhook.WithQueue(100), 3, 0},
		"a queue of 4 kB":                      {webhook.WithQueueBytes(4_000), 3, 0},
		"deliveries of more than half a queue": {webhook.WithQueueBytes(50), 12, 0},
		"a small one, then a large one":        {webhook.WithQueueBytes(100), 12, 80},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log eventLog
				store := &fakeStore{items: backlog(2_000)}
				for i := range store.items {
					store.items[i].Body = append(store.items[i].Body, strings.Repeat(" ", i%2*tt.long)...)
				}
				h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
					<-time.After(time.Millisecond)
					return log.handle(ctx, e)
				}, webhook.WithStore(store), tt.bound, webhook.WithReport(log.report))
				<-time.After(time.Minute)
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Len(t, log.handled, 2_000)
				assert.Less(t, store.iterated, tt.reads*2_000)
			})
		})
	}
}

// TestAStoreThatFailsIsReadAgain waits 1, 2 and 4 s, and after a success 1 s again. Each failure is reported.
func TestAStoreThatFailsIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		var failures []time.Duration
		start, reads := time.Now(), 0
		store := &fakeStore{items: backlog(20), pending: func() error {
			reads++
			if reads <= 3 || reads == 8 || reads == 9 {
				failures = append(failures, time.Since(start))
				return errors.New("the database restarts")
			}
			return nil
		}}
		h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
			<-time.After(10 * time.Second)
			return log.handle(ctx, e)
		}, webhook.WithStore(store), webhook.WithWorkers(1), webhook.WithQueue(1), webhook.WithReport(log.report))
		<-time.After(time.Hour)
		require.NoError(t, h.Shutdown(t.Context()))
		require.Len(t, failures, 5)
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second}, failures[:3])
		assert.Equal(t, time.Second, failures[4]-failures[3])
		assert.Len(t, log.reported, 5)
		assert.Equal(t, numbers(0, 20), log.handled)
	})
}

// TestAnAlertThatComesAgainAfterLongIsHandledAgain covers an alert that waits in the store and was handled from there
// before.
func TestAnAlertThatComesAgainAfterLongIsHandledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		h := webhook.NewHandler(log.handle, webhook.WithStore(&halfReadable{}), webhook.WithQueue(10_000), webhook.WithReport(log.report))
		for n := range 4_200 {
			serve(h, post("/", alertNumber(n)))
			synctest.Wait()
		}
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(0))).Code)
		synctest.Wait()
		require.Len(t, log.handled, 4_201)
		assert.Equal(t, "0", log.handled[4_200])
		require.NoError(t, h.Shutdown(t.Context()))
	})
}

// TestShutdownHandlesWhatTheQueueHasRoomFor accepts an alert while the store is read, and shuts down before it is read
// again.
func TestShutdownHandlesWhatTheQueueHasRoomFor(t *testing.T) {
	tests := map[string]struct{ queue, accepted, handled int }{
		"an alert":             {10, 1, 1},
		"as many as have room": {10, 10, 10},
		"more than have room":  {10, 30, 10},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log eventLog
				store := &fakeStore{pending: func() error {
					<-time.After(time.Second)
					return nil
				}}
				log.block = make(chan struct{})
				h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithQueue(tt.queue), webhook.WithWorkers(1), webhook.WithReport(log.report))
				synctest.Wait()
				for n := range tt.accepted {
					assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(n))).Code)
				}
				time.AfterFunc(time.Minute, func() { close(log.block) })
				require.NoError(t, h.Shutdown(t.Context()))
				assert.GreaterOrEqual(t, len(log.handled), tt.handled)
				assert.LessOrEqual(t, len(log.handled), tt.handled+1, "one goes to the worker at once")
				assert.Len(t, store.items, tt.accepted-len(log.handled), "the next start has the rest")
				assert.Empty(t, log.reported)
			})
		})
	}
}

// TestAnIteratorWithoutEnd has a store whose Pending yields errors endlessly. Its context ends.
func TestAnIteratorWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		h := webhook.NewHandler(log.handle, webhook.WithStore(&endless{}), webhook.WithReport(log.report))
		<-time.After(15 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{""}, log.reported, "10 s of reading, then 1 s of rest")
		require.NoError(t, h.Shutdown(t.Context()))
	})
}

type endless struct{ fakeStore }

func (*endless) Pending(context.Context) iter.Seq2[webhook.Delivery, error] {
	return func(yield func(webhook.Delivery, error) bool) {
		for yield(webhook.Delivery{}, errors.New("no such row")) {
			<-time.After(time.Second)
		}
	}
}

// TestOneTruthForEachAlert has stores close to the limit of 200 ms, and senders that retry. Every alert is handled or
// reported, and an alert that was answered with 202 or 200 is handled.
func TestOneTruthForEachAlert(t *testing.T) {
	for _, ms := range []int{0, 100, 199, 200, 201, 350, 600, 2_000} {
		delay := time.Duration(ms) * time.Millisecond
		for _, late := range []error{nil, errors.New("disk full")} {
			t.Run(fmt.Sprintf("%v, then %v", delay, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var log eventLog
					store := &fakeStore{save: func(context.Context) error {
						<-time.After(delay)
						return late
					}}
					h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
					const alerts = 20
					var senders sync.WaitGroup
					for n := range alerts {
						senders.Go(func() {
							for range 4 {
								if code := serve(h, post("/", alertNumber(n))).Code; code < 500 {
									assert.NoError(t, late)
									return
								}
								<-time.After(500 * time.Millisecond)
							}
							assert.True(t, late != nil || delay > 200*time.Millisecond, "refused")
						})
					}
					senders.Wait()
					<-time.After(time.Minute)
					require.NoError(t, h.Shutdown(t.Context()))
					if late == nil {
						assert.ElementsMatch(t, numbers(0, alerts), log.handled, "each once")
						assert.Empty(t, log.reported)
						assert.Equal(t, alerts, store.saved, "requests with the same alert share a call")
					} else {
						assert.Empty(t, log.handled)
						assert.Subset(t, log.reported, numbers(0, alerts))
					}
					assert.Empty(t, store.items)
				})
			})
		}
	}
}

// TestSavesAreBounded has more senders than concurrent calls of Save. None is rejected as long as its call starts in
// time.
func TestSavesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		var mu sync.Mutex
		now, most := 0, 0
		store := &fakeStore{save: func(context.Context) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			<-time.After(90 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			now--
			return nil
		}}
		h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
		codes := make([]int, 300)
		var senders sync.WaitGroup
		for n := range codes {
			senders.Go(func() { codes[n] = serve(h, post("/", alertNumber(n))).Code })
		}
		senders.Wait()
		<-time.After(time.Minute)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, 64, most)
		accepted := 0
		for _, code := range codes {
			if code == http.StatusAccepted {
				accepted++
			}
		}
		assert.Equal(t, 128, accepted, "two turns of 90 ms")
		assert.Len(t, log.handled, 192, "the third turn is too late for the answer")
		assert.Len(t, log.reported, 108, "the rest had no turn")
		for _, err := range log.errs {
			assert.ErrorIs(t, err, webhook.ErrStore)
		}
		assert.Empty(t, store.items)
	})
}

// TestShutdownReportsWhatIsBeingStored shuts down while a Save does not return.
func TestShutdownReportsWhatIsBeingStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		release := make(chan struct{})
		store := &fakeStore{save: func(context.Context) error {
			<-release
			return errors.New("disk full")
		}}
		h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
		assert.Equal(t, http.StatusServiceUnavailable, serve(h, post("/", alertNumber(1))).Code)
		synctest.Wait()
		assert.Empty(t, log.reported, "nobody knows yet")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := h.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 events still being stored")
		close(release)
		require.NoError(t, h.Shutdown(t.Context()))
		require.Equal(t, []string{"1"}, log.reported, "once")
		assert.ErrorIs(t, log.errs[0], webhook.ErrShutdown)
	})
}

// TestNothingIsHandledAfterShutdownGaveUp has a store that returns from Save and from Pending after Shutdown.
func TestNothingIsHandledAfterShutdownGaveUp(t *testing.T) {
	wait := make(chan struct{})
	tests := map[string]*fakeStore{
		"Save":    {save: func(context.Context) error { <-wait; return nil }},
		"Pending": {items: backlog(1), pending: func() error { <-wait; return nil }},
	}
	for name, store := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wait = make(chan struct{})
				var log eventLog
				h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
				synctest.Wait()
				if store.save != nil {
					serve(h, post("/", alertNumber(1)))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := h.Shutdown(ctx)
				assert.Equal(t, store.save != nil, err != nil, "an alert in the store is not lost")
				close(wait)
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Empty(t, log.handled)
				assert.Len(t, store.items, 1, "the next start has it")
			})
		})
	}
}

// TestWhatIsDoneWhileTheStoreIsReadIsHandledOnce has a queue of more events than the handler remembers.
func TestWhatIsDoneWhileTheStoreIsReadIsHandledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log eventLog
		reads := 0
		store := &halfReadable{fakeStore{items: backlog(6_000), pending: func() error {
			if reads++; reads > 1 {
				<-time.After(8 * time.Second)
			}
			return nil
		}}}
		h := webhook.NewHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Millisecond)
			return log.handle(ctx, e)
		}, webhook.WithStore(store), webhook.WithQueue(10_000), webhook.WithWorkers(1), webhook.WithReport(log.report))
		<-time.After(time.Minute)
		assert.Equal(t, numbers(0, 6_000), log.handled)
		require.NoError(t, h.Shutdown(t.Context()))
	})
}

func TestStoreFaults(t *testing.T) {
	broken := errors.New("disk full: /var/lib/metlo")
	tests := map[string]struct {
		save    func(context.Context) error
		answer  int
		reports int // reports of the delivery, which is never both reported and handled
		handled int // final count, without a retry of the sender
	}{
		"works":  {nil, 202, 0, 1},
		"fails":  {func(context.Context) error { return broken }, 503, 1, 0},
		"panics": {func(context.Context) error { panic("boom") }, 503, 1, 0},
		"takes 199 ms": {func(context.Context) error {
			<-time.After(199 * time.Millisecond)
			return nil
		}, 202, 0, 1},
		"takes too long and heeds its context": {func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, 503, 1, 0},
		"takes too long and succeeds late": {func(context.Context) error {
			<-time.After(time.Second)
			return nil
		}, 503, 0, 1},
		"takes too long and fails late": {func(context.Context) error {
			<-time.After(time.Second)
			return broken
		}, 503, 1, 0},
		"ends its goroutine": {func(context.Context) error {
			runtime.Goexit()
			return nil
		}, 503, 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log eventLog
				store := &fakeStore{save: tt.save}
				h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
				start := time.Now()
				answer := serve(h, post("/", alertNumber(1)))
				assert.Equal(t, tt.answer, answer.Code)
				assert.NotContains(t, answer.Body.String(), "/var/lib")
				assert.LessOrEqual(t, time.Since(start), 200*time.Millisecond)
				<-time.After(time.Minute)
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Len(t, log.reported, tt.reports)
				for _, err := range log.errs {
					assert.ErrorIs(t, err, webhook.ErrStore)
				}
				assert.Len(t, log.handled, tt.handled)
				assert.Empty(t, store.items)
			})
		})
	}
	t.Run("cannot be read at the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log eventLog
			tries := 0
			store := &fakeStore{items: []webhook.Delivery{{Key: "1", Body: []byte(alertNumber(1))}, {Key: "2", Body: []byte("no delivery")}}, pending: func() error {
				if tries++; tries <= 2 {
					return broken
				}
				return nil
			}}
			h := webhook.NewHandler(log.handle, webhook.WithStore(store), webhook.WithReport(log.report))
			<-time.After(time.Minute)
			require.NoError(t, h.Shutdown(t.Context()))
			assert.Equal(t, []string{"1"}, log.handled)
			assert.Equal(t, []string{"", "", "2"}, log.reported, "two faults of the store, and what is no delivery")
			assert.ErrorIs(t, log.errs[0], broken)
			assert.ErrorIs(t, log.errs[2], metlo.ErrBadRequest)
			assert.Empty(t, store.items)
		})
	})
}

// Receive alerts without losing one when the process dies.
func ExampleWithStore() {
	dir, err := os.MkdirTemp("", "alerts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := webhook.OpenFolder(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := webhook.NewHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		fmt.Println("handled", event.Alert.UUID)
		return nil // the handler retries after an error
	}, webhook.WithStore(store), webhook.WithToken("the new one", "the old one"))

	request := httptest.NewRequest("POST", "/?token=the+old+one", strings.NewReader(`{"alert":{"uuid":"7"}}`))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if err := handler.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(answer.Code)
	// Output:
	// handled 7
	// 202
}
