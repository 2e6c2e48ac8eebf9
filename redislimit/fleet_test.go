package redislimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// fleet returns four processes with three goroutines each that start requests as fast as the limiters let them.
func fleet(t *testing.T, m *model) (*starts, []*logText, func()) {
	t.Helper()
	started := &starts{}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	logs := make([]*logText, 4)
	for i := range logs {
		var l *Limiter
		l, logs[i] = m.limiter(t, 20, LocalShare(len(logs)))
		for range 3 {
			group.Go(func() {
				for {
					err := l.Wait(ctx)
					if ctx.Err() != nil {
						return
					}
					if err != nil {
						t.Errorf("Wait: %v", err)
						return
					}
					started.add()
				}
			})
		}
	}
	return started, logs, func() { cancel(); group.Wait() }
}

func TestFleetKeepsOneRateThroughAnyOutage(t *testing.T) {
	outages := []time.Duration{0, time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond,
		time.Second, 3 * time.Second, 10 * time.Second}
	for _, outage := range outages {
		for seed := range uint64(20) {
			t.Run(fmt.Sprintf("%v/%d", outage, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					random := rand.New(rand.NewPCG(seed, uint64(outage)))
					m := newModel(20)
					started, logs, stop := fleet(t, m)
					<-time.After(3*time.Second + upTo(random, time.Second))
					before := len(started.sorted())
					require.GreaterOrEqual(t, before, 53, "3 s at 20/s less 10 %%")
					m.kill()
					<-time.After(outage)
					m.start()
					<-time.After(5 * time.Second)
					settled := len(started.sorted())
					<-time.After(3 * time.Second)
					stop()
					times := started.sorted()
					require.LessOrEqual(t, maxIn(times, time.Second), 21)
					require.GreaterOrEqual(t, len(times)-settled, 53, "the whole rate is back")
					if outage < time.Second {
						return // some processes may not have noticed
					}
					for _, log := range logs {
						log.requireOnce(t, "redis is away", "redis is back")
					}
				})
			})
		}
	}
}

func TestFleetKeepsOneRateThroughRepeatedOutages(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				m := newModel(20)
				started, _, stop := fleet(t, m)
				for range 20 {
					<-time.After(upTo(random, 4*time.Second))
					m.kill()
					<-time.After(upTo(random, 2*time.Second))
					m.start()
				}
				stop()
				require.LessOrEqual(t, maxIn(started.sorted(), time.Second), 21)
			})
		})
	}
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}
