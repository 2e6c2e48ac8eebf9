package redislimit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// inOrder starts calls of Wait one after the other, so that they queue in this order, and returns the time at which
// each returned.
func inOrder(t *testing.T, l *Limiter, n int) []time.Duration {
	t.Helper()
	begin := time.Now()
	at := make([]time.Duration, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			if err := l.Wait(t.Context()); err != nil {
				t.Errorf("Wait: %v", err)
			}
			at[i] = time.Since(begin)
		})
		synctest.Wait()
	}
	group.Wait()
	return at
}

func TestWaitReturnsAtTheSlotsOfRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(10)
		l, _ := m.limiter(t, 10, Fail())
		at := inOrder(t, l, 5)
		for i := 1; i < len(at); i++ {
			require.InDelta(t, 111, (at[i] - at[i-1]).Milliseconds(), 3, "slots are 1/9 s apart: %v", at)
		}
		require.Less(t, at[0], 10*time.Millisecond)
	})
}

func TestProcessesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(10)
		busy, _ := m.limiter(t, 10, Fail())
		quiet, _ := m.limiter(t, 10, Fail())
		for range 50 {
			go func() { _ = busy.Wait(t.Context()) }()
		}
		synctest.Wait()
		<-time.After(time.Second)
		begin := time.Now()
		require.NoError(t, quiet.Wait(t.Context()))
		require.Less(t, time.Since(begin), 250*time.Millisecond, "40 calls of another process were in front")
		require.NoError(t, busy.Close())
		synctest.Wait()
	})
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Run("cancelled before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newModel(10)
			l, _ := m.limiter(t, 10, Fail())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, l.Wait(ctx), context.Canceled)
			require.Zero(t, m.questions())
		})
	})
	for _, test := range []struct {
		name   string
		before func(l *Limiter, m *model)
	}{
		{"while it waits for its slot", func(l *Limiter, _ *model) { _ = l.Wait(context.Background()) }},
		{"while Redis does not answer", func(_ *Limiter, m *model) { m.silent = true }},
		{"while it waits for the turn", func(l *Limiter, m *model) {
			m.silent = true
			go func() { _ = l.Wait(context.Background()) }()
			synctest.Wait()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(1)
				l, _ := m.limiter(t, 1, Fail())
				test.before(l, m)
				ctx, cancel := context.WithCancel(t.Context())
				result := make(chan error, 1)
				go func() { result <- l.Wait(ctx) }()
				<-time.After(100 * time.Millisecond)
				require.Empty(t, result)
				begin := time.Now()
				cancel()
				require.ErrorIs(t, <-result, context.Canceled)
				require.Zero(t, time.Since(begin))

				m.start()
				<-time.After(2 * time.Second)
				require.NoError(t, l.Wait(t.Context()), "the turn was given back")
			})
		})
	}
}

func TestWaitFailsAtOnceWhenTheSlotComesAfterTheDeadline(t *testing.T) {
	for _, test := range []struct {
		name    string
		calls   int // number of waiting calls
		timeout time.Duration
		want    error
	}{
		{"free slot", 0, 50 * time.Millisecond, nil},
		{"slot in time", 1, 150 * time.Millisecond, nil},
		{"slot after the deadline", 1, 90 * time.Millisecond, context.DeadlineExceeded},
		{"queue in this process in time", 5, 700 * time.Millisecond, nil},
		{"queue in this process beyond the deadline", 5, 300 * time.Millisecond, context.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, _ := newModel(10).limiter(t, 10, Fail())
				for i := range test.calls {
					wait := func() { _ = l.Wait(context.Background()) }
					if i == 0 {
						wait()
						continue
					}
					go wait()
					synctest.Wait()
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				begin := time.Now()
				err := l.Wait(ctx)
				require.ErrorIs(t, err, test.want)
				if test.want != nil {
					require.Less(t, time.Since(begin), 5*time.Millisecond, "it asks Redis at most")
					require.Contains(t, err.Error(), "after the deadline")
				}
				<-time.After(time.Second)
			})
		})
	}
}

func TestARefusedWaitTakesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := newModel(1).limiter(t, 1, Fail())
		require.NoError(t, l.Wait(t.Context()))
		begin := time.Now()
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			require.ErrorIs(t, l.Wait(ctx), context.DeadlineExceeded)
			cancel()
		}
		require.NoError(t, l.Wait(t.Context()))
		require.InDelta(t, 1.11, time.Since(begin).Seconds(), 0.01)
	})
}

func TestFailWhileRedisIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(10)
		l, log := m.limiter(t, 10, Fail())
		require.NoError(t, l.Wait(t.Context()))
		m.kill()
		for range 100 {
			err := l.Wait(t.Context())
			require.ErrorIs(t, err, ErrUnavailable)
			require.ErrorIs(t, err, errRefused)
		}
		require.Equal(t, 2, m.questions(), "Redis that is away is asked now and then only")
		m.start()
		<-time.After(probeEvery)
		require.NoError(t, l.Wait(t.Context()), "the first call after the pause finds Redis back")
		log.requireOnce(t, "redis is away", "redis is back")
	})
}

func TestFailWhenRedisIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(10)
		l, log := m.limiter(t, 10, Fail())
		m.silent = true
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, l.Wait(ctx), context.DeadlineExceeded, "the call's own deadline is not Redis's fault")
		<-time.After(time.Second)
		log.requireOnce(t, "redis is away")
		<-time.After(probeEvery)
		require.ErrorIs(t, l.Wait(t.Context()), ErrUnavailable)
	})
}

func TestLocalShareWhileRedisIsAway(t *testing.T) {
	for name, fault := range map[string]func(*model){
		"refused": func(m *model) { m.down = true },
		"silent":  func(m *model) { m.silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(20)
				l, log := m.limiter(t, 20, LocalShare(4))
				require.NoError(t, l.Wait(t.Context()))
				fault(m)
				at := inOrder(t, l, 30)
				for i := 1; i < len(at); i++ {
					require.InDelta(t, 222, (at[i] - at[i-1]).Milliseconds(), 1, "a quarter of 20/s less 10 %% is 4.5/s: %v", at)
				}
				m.start()
				for range 60 {
					require.NoError(t, l.Wait(t.Context()))
				}
				log.requireOnce(t, "redis is away", "redis is back")
				at = inOrder(t, l, 5)
				require.InDelta(t, 4*55.6, (at[4] - at[0]).Milliseconds(), 5, "the whole rate again: %v", at)
			})
		})
	}
}

func TestLocalShareFailsAtOnceAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(1)
		l, _ := m.limiter(t, 1, LocalShare(10))
		m.kill()
		require.NoError(t, l.Wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		require.ErrorIs(t, l.Wait(ctx), context.DeadlineExceeded)
		require.Zero(t, time.Since(begin))
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newModel(1)
		l, _ := m.limiter(t, 1, Fail())
		ended := errors.New("ended")
		l.end = func() error { return ended }
		require.NoError(t, l.Wait(t.Context()))
		result := make(chan error, 2)
		for range cap(result) {
			go func() { result <- l.Wait(t.Context()) }()
		}
		synctest.Wait()
		require.ErrorIs(t, l.Close(), ended)
		require.ErrorIs(t, <-result, ErrClosed)
		require.ErrorIs(t, <-result, ErrClosed)
		require.ErrorIs(t, l.Wait(t.Context()), ErrClosed)
		require.NoError(t, l.Close(), "closing twice is no error")
	})
}
