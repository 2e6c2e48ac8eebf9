package walk

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/cases"
)

// row is an item of the tables below. Its rank, host and method never change unless noted otherwise.
type row struct {
	id           int // 0 for an item without one
	text         string
	rank         int
	host, method string
	created      time.Time // creation time on a server that sorts by it; zero for none
}

var errRefused = errors.New("refused")

// server answers from a table that changes between its responses.
type server struct {
	rng        *rand.Rand
	rows       []row
	next       int
	cap        int  // maximum number of rows in a response; 0 for any number
	ties       bool // rows of one rank come in an order that depends on limit and offset, as in PostgreSQL
	random     bool // the order of rows changes each time
	churn      func(*server)
	total      func(n, count int) int // total of response n; nil for the correct one
	short      func(n, rows int) int  // rows of response n; nil for all
	refuse     int                    // limit from which on responses are rejected; 0 for none
	unfiltered bool                   // filters are ignored
	hidden     string                 // host that Names omits
	timed      bool                   // newest first, rows without a time in front of all

	requests, names int
	lasting         map[int]bool // ids that were there throughout
}

func (s *server) fetch(r Request, visit func(*row) error) (Response, error) {
	if s.requests++; s.requests > 20_000 {
		panic("the walk does not end")
	}
	if s.requests > 1 && s.churn != nil {
		s.churn(s)
	}
	if s.refuse > 0 && (r.Limit == Everything || r.Limit > s.refuse) {
		return Response{}, &FetchError{Err: errRefused, Next: Shorten}
	}
	if len(r.Values[0])+len(r.Values[1]) > 900 {
		return Response{}, &FetchError{Err: errRefused, Next: Split}
	}
	var rows []row
	for _, row := range s.rows {
		if s.unfiltered || matches(row.host, r.Values[0]) && matches(row.method, r.Values[1]) && row.within(r.Start, r.End) {
			rows = append(rows, row)
		}
	}
	switch {
	case s.random:
		s.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	case s.ties:
		tie := func(a row) uint64 { return mix(mix(mix(uint64(r.Limit))+uint64(r.Offset)) + uint64(a.id)) }
		slices.SortStableFunc(rows, func(a, b row) int {
			return cmp.Or(s.order(a, b), cmp.Compare(tie(a), tie(b)))
		})
	default:
		slices.SortStableFunc(rows, s.order)
	}
	count := len(rows)
	rows = rows[min(r.Offset, count):]
	if r.Limit != Everything {
		rows = rows[:min(r.Limit, len(rows))]
	}
	if s.cap > 0 {
		rows = rows[:min(s.cap, len(rows))]
	}
	if s.short != nil {
		rows = rows[:min(s.short(s.requests, len(rows)), len(rows))]
	}
	for i := range rows {
		item := rows[i]
		if err := visit(&item); err != nil {
			return Response{Rows: i + 1, Total: -1}, err
		}
	}
	if s.total != nil {
		count = s.total(s.requests, count)
	}
	return Response{Rows: len(rows), Total: count}, nil
}

func (s *server) order(a, b row) int {
	switch {
	case !s.timed:
		return cmp.Compare(a.rank, b.rank)
	case a.created.IsZero() || b.created.IsZero():
		return cmp.Compare(a.created.Unix(), b.created.Unix())
	}
	return b.created.Compare(a.created)
}

// within reports whether a row passes a filter by time, as in SQL, where a row without one passes none.
func (r row) within(start, end time.Time) bool {
	if r.created.IsZero() {
		return start.IsZero() && end.IsZero()
	}
	return !r.created.Before(start) && (end.IsZero() || !r.created.After(end))
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func matches(value string, values []string) bool {
	return values == nil || slices.Contains(values, value)
}

func (s *server) insert(r row) {
	s.next++
	r.id = s.next
	s.rows = append(s.rows, r)
}

// remove deletes a row, which does not come back.
func (s *server) remove(i int) {
	delete(s.lasting, s.rows[i].id)
	s.rows = slices.Delete(s.rows, i, i+1)
}

func newServer(rng *rand.Rand, n, hosts, ranks int) *server {
	s := &server{rng: rng, lasting: map[int]bool{}}
	for range n {
		s.insert(row{rank: rng.IntN(ranks), host: fmt.Sprint("h", rng.IntN(hosts)), method: []string{"GET", "PUT"}[rng.IntN(2)]})
		s.lasting[s.next] = true
	}
	return s
}

func (s *server) hosts() ([]string, error) {
	s.names++
	set := map[string]bool{}
	for _, row := range s.rows {
		if row.host != s.hidden {
			set[row.host] = true
		}
	}
	var names []string
	for name := range set {
		names = append(names, name)
	}
	return names, nil
}

func (s *server) list() List[row] {
	return List[row]{
		Fetch: s.fetch,
		Describe: func(r *row) (Item, error) {
			i := Item{Key: TextKey(fmt.Sprint(r.id)), Created: r.created, Values: [2]string{r.host, r.method}}
			if r.id == 0 {
				i.Key, i.Unnamed = ContentKey([]byte(r.text)), true
			}
			return i, nil
		},
		Values: func(dimension int) ([]string, error) {
			if dimension == 0 {
				return s.hosts()
			}
			return []string{"GET", "PUT", "POST"}, nil
		},
		Pause:      func(int) error { return errors.New("no retry is left") },
		Dimensions: 2,
	}
}

// walked is the outcome of a walk.
type walked struct {
	times      map[int]int // number of occurrences by id
	nameless   map[string]int
	incomplete *IncompleteError
}

func (s *server) walk(t *testing.T, list List[row]) walked {
	t.Helper()
	w := walked{times: map[int]int{}, nameless: map[string]int{}}
	err := list.All(t.Context(), func(r row) bool {
		if r.id == 0 {
			w.nameless[r.text]++
		} else {
			w.times[r.id]++
		}
		return true
	})
	if err != nil {
		require.ErrorAs(t, err, &w.incomplete)
	}
	return w
}

// lost counts lasting items that were not received.
func (s *server) lost(w walked) (n int) {
	for id := range s.lasting {
		if w.times[id] == 0 {
			n++
		}
	}
	return n
}

// TestNothingThatLastsIsLostInSilence walks servers of every kind under random changes.
func TestNothingThatLastsIsLostInSilence(t *testing.T) {
	incomplete, whole := 0, 0
	most := 0.0
	for seed := range uint64(cases.Of(10_000)) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := rng.IntN(110)
		s := newServer(rng, n, 1+rng.IntN(12), 1+rng.IntN(40))
		list := s.list()
		if rng.IntN(4) > 0 {
			s.cap = 4 + rng.IntN(50)
		}
		list.First = rng.IntN(3) * rng.IntN(40)
		s.ties, s.random = rng.IntN(2) == 0, rng.IntN(5) == 0
		if rng.IntN(3) == 0 {
			list.Dimensions = 0
		}
		s.unfiltered = rng.IntN(8) == 0
		if rng.IntN(5) == 0 {
			s.refuse = 100 + rng.IntN(200)
		}
		switch rng.IntN(6) {
		case 0:
			s.total = func(int, int) int { return -1 }
		case 1:
			odd := rng.IntN(2)
			s.total = func(n, count int) int {
				if n%2 == odd {
					return -1
				}
				return count
			}
		}
		if rng.IntN(5) == 0 && s.total == nil { // a short answer looks like the end if there is no total
			s.short = func(_, rows int) int {
				if rng.IntN(6) == 0 {
					return max(rng.IntN(rows+1), min(rows, 1))
				}
				return rows
			}
		}
		out, in := rng.IntN(3), rng.IntN(3)
		if rng.IntN(3) == 0 {
			out = in // balanced
		}
		touched, every := rng.IntN(3), 1+rng.IntN(6)
		if rng.IntN(3) > 0 {
			s.churn = func(s *server) {
				if s.requests%every != 0 {
					return
				}
				for range min(out, len(s.rows)) {
					s.remove(rng.IntN(len(s.rows)))
				}
				for range in {
					s.insert(row{rank: rng.IntN(40), host: fmt.Sprint("h", rng.IntN(14)), method: "GET"})
				}
				for range touched {
					if len(s.rows) > 0 {
						s.rows[rng.IntN(len(s.rows))].rank = rng.IntN(40)
					}
				}
			}
		}
		w := s.walk(t, list)
		for id, times := range w.times {
			require.Equal(t, 1, times, "seed %d: %d came twice", seed, id)
		}
		lost := s.lost(w)
		switch {
		case w.incomplete == nil:
			whole++
			require.Zero(t, lost, "seed %d: lost in silence", seed)
		case w.incomplete.Missing >= 0:
			incomplete++
			require.LessOrEqual(t, lost, w.incomplete.Missing, "seed %d", seed)
			require.Equal(t, len(w.times), w.incomplete.Seen, "seed %d", seed)
		default:
			incomplete++
		}
		rows := max(n, len(s.rows), len(w.times))
		page := max(s.cap, 1)
		if s.cap == 0 || s.cap > rows {
			page = max(rows, 1)
		}
		if s.refuse > 0 {
			page = min(page, 100)
		}
		if s.short == nil && s.total == nil {
			require.LessOrEqual(t, s.requests, 12*rows/page+20, "seed %d", seed)
			most = max(most, float64(s.requests-20)*float64(page)/float64(max(rows, 1)))
		}
	}
	t.Logf("%d walks: %d complete, %d said that they may not be; at most %.1f × total/page + 20 requests", whole+incomplete, whole, incomplete, most)
	assert.Greater(t, whole, incomplete)
}

// beforeRequest changes the table once, before response n.
func beforeRequest(n int, change func(*server)) func(*server) {
	return func(s *server) {
		if s.requests == n {
			change(s)
		}
	}
}

// swap deletes rows in front and appends as many, so that the total stays the same.
func swap(n int) func(*server) {
	return func(s *server) {
		for range n {
			s.remove(0)
		}
		for range n {
			s.insert(row{rank: 1 << 20, host: "h0", method: "GET"})
		}
	}
}

// ordered returns a table of n rows in one order, on one host.
func ordered(n int) *server {
	s := newServer(rand.New(rand.NewPCG(1, 1)), n, 1, 1)
	for i := range s.rows {
		s.rows[i].rank = i
	}
	return s
}

func TestWalksThatWereLost(t *testing.T) {
	budget := func(rows, page int) int { return 12*rows/page + 20 }
	tests := []struct {
		name     string
		server   func() *server
		list     func(*List[row])
		requests int
		honest   bool // the walk may report that items may be missing
	}{
		{name: "400 rows in pages of 100, of which 5 are deleted in front and 5 appended", server: func() *server {
			s := ordered(400)
			s.cap, s.churn = 100, beforeRequest(8, swap(5))
			return s
		}, list: func(l *List[row]) { l.Dimensions = 0 }, requests: budget(400, 100)},
		{name: "the same before any page", server: func() *server {
			s := ordered(400)
			s.cap, s.churn = 100, func(s *server) {
				if s.requests < 12 {
					swap(5)(s)
				}
			}
			return s
		}, requests: budget(400, 100)},
		{name: "the same without end", server: func() *server {
			s := ordered(400)
			s.cap, s.churn = 100, swap(5)
			return s
		}, requests: budget(400, 100), honest: true},
		{name: "210,000 rows without a cap, of which 5 are swapped between pages", server: func() *server {
			s := ordered(210_000)
			s.churn = beforeRequest(4, swap(5))
			return s
		}, requests: budget(210_000, 50_000)},
		{name: "201,000 rows on 40 hosts, under changes", server: func() *server {
			s := newServer(rand.New(rand.NewPCG(2, 2)), 201_000, 40, 1000)
			s.churn = swap(5)
			return s
		}, requests: 20},
		{name: "a cap of 100, ties of 250, one insert per 60 requests", server: func() *server {
			s := newServer(rand.New(rand.NewPCG(3, 3)), 5000, 1, 20)
			s.cap, s.ties = 100, true
			s.churn = func(s *server) {
				if s.requests%60 == 0 {
					s.insert(row{host: "h0", method: "GET"})
				}
			}
			return s
		}, requests: budget(5100, 100), honest: true},
		{name: "the same on 30 hosts", server: func() *server {
			s := newServer(rand.New(rand.NewPCG(4, 4)), 5000, 30, 20)
			s.cap, s.ties = 100, true
			s.churn = func(s *server) {
				if s.requests%60 == 0 {
					s.insert(row{host: "h0", method: "GET"})
				}
			}
			return s
		}, requests: 240},
		{name: "5,000 rows and one answer that was short by accident", server: func() *server {
			s := newServer(rand.New(rand.NewPCG(5, 5)), 5000, 1, 20)
			s.short = func(n, rows int) int {
				if n == 2 {
					return 37
				}
				return rows
			}
			return s
		}, requests: 5},
		{name: "a filter that is ignored", server: func() *server {
			s := newServer(rand.New(rand.NewPCG(6, 6)), 1000, 9, 1000)
			s.cap, s.unfiltered = 100, true
			return s
		}, requests: budget(1000, 100)},
		{name: "a host that the list of hosts leaves out", server: func() *server {
			s := newServer(rand.New(rand.NewPCG(7, 7)), 1000, 9, 1000)
			s.cap, s.hidden = 100, "h3"
			return s
		}, requests: budget(1000, 100)},
		{name: "limits over 1,000 are refused", server: func() *server {
			s := ordered(2500)
			s.refuse = 1000
			return s
		}, requests: budget(2500, 1000)},
		{name: "limits over 100 are refused", server: func() *server {
			s := ordered(2500)
			s.refuse = 100
			return s
		}, requests: budget(2500, 100)},
		{name: "limits over 100 are refused, the first one too", server: func() *server {
			s := ordered(2500)
			s.refuse = 130
			return s
		}, list: func(l *List[row]) { l.First = 2400 }, requests: budget(2500, 125)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.server()
			list := s.list()
			if tt.list != nil {
				tt.list(&list)
			}
			w := s.walk(t, list)
			for id, times := range w.times {
				require.Equal(t, 1, times, "%d came twice", id)
			}
			t.Logf("%d items in %d requests, lost %d, %v", len(w.times), s.requests+s.names, s.lost(w), w.incomplete)
			assert.LessOrEqual(t, s.requests+s.names, tt.requests)
			if tt.honest && w.incomplete != nil {
				assert.LessOrEqual(t, s.lost(w), w.incomplete.Missing)
				return
			}
			require.Nil(t, w.incomplete)
			assert.Zero(t, s.lost(w))
		})
	}
}

func TestAWalkWithoutTotalsSaysWhatItCannotKnow(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 17))
		s := newServer(rng, rng.IntN(400), 3, 40)
		s.random, s.cap = true, 1+rng.IntN(200)
		s.total = func(int, int) int { return -1 }
		w := s.walk(t, s.list())
		if len(s.rows) <= min(s.cap, firstRows-1) {
			require.Nil(t, w.incomplete, "seed %d: one response showed the whole", seed)
		}
		if w.incomplete == nil {
			require.Zero(t, s.lost(w), "seed %d: lost in silence", seed)
		} else {
			require.Equal(t, -1, w.incomplete.Missing)
		}
	}
}

func TestItemsWithoutAnID(t *testing.T) {
	for _, pageCap := range []int{0, 10} {
		s := ordered(29)
		s.cap = pageCap
		s.rows = slices.Insert(s.rows, 14, row{rank: 14, text: "nameless", host: "h0", method: "GET"})
		w := s.walk(t, s.list())
		require.Nil(t, w.incomplete, "no false 29 of 30")
		assert.Len(t, w.times, 29)
		assert.Equal(t, map[string]int{"nameless": 1}, w.nameless)
	}
}

// TestACapBehindIgnoredOffsetsIsNoWholeList walks lists of servers that ignore offsets and send no total.
func TestACapBehindIgnoredOffsetsIsNoWholeList(t *testing.T) {
	for name, tt := range map[string]struct {
		rows, cap    int
		ignoresLimit bool
		incomplete   bool
	}{
		"a cap on pages":              {225, 50, false, true},
		"no cap":                      {50, 0, false, true}, // same as a cap of 50
		"limits are ignored too":      {50, 0, true, false},
		"limits are ignored, one row": {1, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := ordered(tt.rows)
			s.cap, s.total = tt.cap, func(int, int) int { return -1 }
			list := s.list()
			list.Fetch = func(r Request, visit func(*row) error) (Response, error) {
				r.Offset = 0
				if tt.ignoresLimit {
					r.Limit = Everything
				}
				return s.fetch(r, visit)
			}
			w := s.walk(t, list)
			require.Equal(t, tt.incomplete, w.incomplete != nil)
			if tt.incomplete {
				assert.Equal(t, -1, w.incomplete.Missing)
			}
			assert.LessOrEqual(t, s.requests, 5)
		})
	}
}

func TestTotalsOverEveryListEndNoWalk(t *testing.T) {
	for _, total := range []int{1 << 29, 1<<30 + 1, math.MaxInt} {
		s := ordered(25)
		s.cap, s.total = 10, func(int, int) int { return total }
		w := s.walk(t, s.list())
		require.NotNil(t, w.incomplete, "the total cannot be true")
		assert.Len(t, w.times, 25)
	}
}

func TestATotalIsTakenForTrue(t *testing.T) {
	s := ordered(120)
	s.cap, s.total = 50, func(int, int) int { return 50 }
	w := s.walk(t, s.list())
	require.Nil(t, w.incomplete)
	assert.Len(t, w.times, 50, "the assumption on which completeness rests")
	assert.Equal(t, 1, s.requests, "and the cheap case stays one request")
}

func TestKeysOfIDs(t *testing.T) {
	const upper, lower = "0A51340A-FCE6-4EE7-AFDF-C5FF387FA6DE", "0a51340a-fce6-4ee7-afdf-c5ff387fa6de"
	assert.Equal(t, UUIDKey(upper), UUIDKey(lower))
	assert.NotEqual(t, TextKey(upper), TextKey(lower), "ids are compared as text, unless they are UUIDs")
	assert.NotEqual(t, UUIDKey("a"), UUIDKey("A"))
}
