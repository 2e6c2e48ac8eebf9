package walk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/cases"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newTimedServer returns a server of n rows. Some share a microsecond or millisecond, and some have no time.
func newTimedServer(rng *rand.Rand, n int) *server {
	s := newServer(rng, n, 1, 1)
	s.timed = true
	spread := []time.Duration{time.Microsecond, 100 * time.Microsecond, time.Millisecond, time.Second}[rng.IntN(4)]
	crowded, untimed := rng.IntN(4), rng.IntN(8) == 0
	at := noon
	for i := range s.rows {
		if rng.IntN(4) >= crowded {
			at = at.Add(-time.Duration(rng.Int64N(int64(3 * spread)))).Truncate(time.Microsecond)
		}
		s.rows[i].created = at
		if untimed && rng.IntN(20) == 0 {
			s.rows[i].created = time.Time{}
		}
	}
	return s
}

func (s *server) listByTime() List[row] {
	list := s.list()
	list.Dimensions, list.ByTime = 0, true
	return list
}

// TestNothingThatLastsIsLostFromAListByTime walks in windows of time, under every kind of server and of change.
func TestNothingThatLastsIsLostFromAListByTime(t *testing.T) {
	incomplete, whole := 0, 0
	most := 0.0
	for seed := range uint64(cases.Of(5000)) {
		rng := rand.New(rand.NewPCG(seed, 29))
		n := rng.IntN(160)
		s := newTimedServer(rng, n)
		list := s.listByTime()
		list.MaxLimit = 5 + rng.IntN(25)
		list.First = rng.IntN(2) * rng.IntN(list.MaxLimit+1)
		page := list.MaxLimit
		if rng.IntN(2) == 0 {
			s.cap = 4 + rng.IntN(list.MaxLimit)
			page = min(page, s.cap)
		}
		s.ties, s.random = rng.IntN(3) > 0, rng.IntN(10) == 0
		s.unfiltered = rng.IntN(12) == 0
		if rng.IntN(4) == 0 && n > 0 && !s.unfiltered {
			list.Until = s.rows[rng.IntN(n)].created.Truncate(tick)
			for _, r := range s.rows {
				if !r.within(time.Time{}, list.Until) {
					delete(s.lasting, r.id)
				}
			}
		}
		lies := false
		switch rng.IntN(8) {
		case 0:
			s.total = func(int, int) int { return -1 }
		case 1:
			s.total = func(n, count int) int { return count - n%2*(count+1) } // every other time none
		case 2:
			s.total = func(_, count int) int { return count + 1 + rng.IntN(9) }
		case 3:
			lies = true
			s.total = func(_, count int) int { return max(count-rng.IntN(9), 0) }
		}
		s.random = s.random && s.total == nil   // it would otherwise look like a sorted one
		if s.total == nil && rng.IntN(5) == 0 { // a short answer looks like the end if there is no true total
			s.short = func(_, rows int) int {
				if rng.IntN(6) == 0 {
					return max(rng.IntN(rows+1), min(rows, 1))
				}
				return rows
			}
		}
		out, in, every := rng.IntN(3), rng.IntN(3), 1+rng.IntN(6)
		if rng.IntN(3) > 0 {
			now := noon
			s.churn = func(s *server) {
				if s.requests%every != 0 {
					return
				}
				for range min(out, len(s.rows)) {
					s.remove(rng.IntN(len(s.rows)))
				}
				for range in {
					now = now.Add(time.Duration(rng.IntN(3)) * time.Millisecond)
					r := row{host: "h0", created: now}
					if rng.IntN(8) == 0 && len(s.rows) > 0 { // beside one that is there
						r.created = s.rows[rng.IntN(len(s.rows))].created
					}
					s.insert(r)
				}
			}
		}
		w := s.walk(t, list)
		for id, times := range w.times {
			require.Equal(t, 1, times, "seed %d: %d came twice", seed, id)
		}
		lost := s.lost(w)
		switch {
		case w.incomplete == nil && !lies: // a short list looks the same as a total that is too low
			whole++
			require.Zero(t, lost, "seed %d: lost in silence", seed)
		case w.incomplete != nil && w.incomplete.Missing >= 0 && !lies:
			incomplete++
			require.LessOrEqual(t, lost, w.incomplete.Missing, "seed %d", seed)
			require.Equal(t, len(w.times), w.incomplete.Seen, "seed %d", seed)
		default:
			incomplete++
		}
		if s.short == nil && s.total == nil {
			rows := max(n, len(s.rows), len(w.times))
			most = max(most, float64(s.requests-20)*float64(page)/float64(max(rows, 1)))
			assert.LessOrEqual(t, s.requests, 12*rows/page+20, "seed %d", seed)
		}
	}
	t.Logf("%d walks: %d complete, %d said that they may not be; at most %.1f × total/page + 20 requests", whole+incomplete, whole, incomplete, most)
	assert.Greater(t, whole, incomplete)
}

func TestALongListWithoutTotalsPassesACrowdedMillisecond(t *testing.T) {
	for _, at := range []int{0, 1000, 4900} {
		t.Run(fmt.Sprintf("after %d rows", at), func(t *testing.T) {
			s := newServer(rand.New(rand.NewPCG(6, 6)), 5000, 1, 1)
			s.timed, s.total = true, func(int, int) int { return -1 }
			for i := range s.rows {
				s.rows[i].created = noon.Add(-time.Duration(i) * time.Second)
				if i >= at && i < at+80 {
					s.rows[i].created = noon.Add(-time.Duration(at) * time.Second)
				}
			}
			list := s.listByTime()
			list.MaxLimit = 50
			w := s.walk(t, list)
			require.Len(t, w.times, 5000)
			require.Equal(t, -1, w.incomplete.Missing, "without a total it cannot be proven")
			require.LessOrEqual(t, s.requests, 12*5000/50+20)
		})
	}
}

// Rows created during a walk are newer than its first row. If others vanish meanwhile, another count, without the new
// ones, proves that the walk is complete.
func TestRowsThatComeMeanwhileAreNotCounted(t *testing.T) {
	s := newServer(rand.New(rand.NewPCG(7, 7)), 100, 1, 1)
	s.timed = true
	for i := range s.rows {
		s.rows[i].created = noon.Add(-time.Duration(i) * time.Second)
	}
	now := noon
	s.churn = func(s *server) {
		s.remove(slices.IndexFunc(s.rows, func(r row) bool { return !r.created.After(noon.Add(-99 * time.Second)) }))
		now = now.Add(time.Second)
		for range 2 {
			s.insert(row{host: "h0", created: now})
		}
		s.churn = func(s *server) {
			now = now.Add(time.Second)
			s.insert(row{host: "h0", created: now})
		}
	}
	list := s.listByTime()
	list.MaxLimit = 20
	w := s.walk(t, list)
	require.Nil(t, w.incomplete)
	require.Len(t, w.times, 99)
	require.Zero(t, s.lost(w))
}
