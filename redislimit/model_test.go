package redislimit

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errRefused = errors.New("connection refused")

// model simulates Redis with its GCRA script, on the clock of a synctest bubble.
type model struct {
	step time.Duration

	mu      sync.Mutex
	free    time.Time // when the next slot comes
	down    bool
	silent  bool // takes questions and never answers
	started int  // number of starts of the server
	asked   int
}

func newModel(perSecond int) *model {
	return &model{step: (&Config{PerSecond: perSecond}).interval(), started: 1}
}

// process sends the requests of one process over a separate connection, with answers that take 1 ms each way.
func (m *model) process() func(context.Context, int) (answer, error) {
	connection := 0
	return func(ctx context.Context, ahead int) (answer, error) {
		<-time.After(time.Millisecond)
		a, err := m.answer(ctx, ahead, &connection)
		<-time.After(time.Millisecond)
		return a, err
	}
}

func (m *model) answer(ctx context.Context, ahead int, connection *int) (answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	if m.silent {
		m.mu.Unlock()
		<-ctx.Done()
		m.mu.Lock()
		return answer{}, ctx.Err()
	}
	if m.down {
		return answer{}, errRefused
	}
	a := answer{renewed: *connection != 0 && *connection != m.started}
	*connection = m.started
	now := time.Now()
	if m.free.Before(now) {
		m.free = now
	}
	a.wait = m.free.Sub(now)
	if limit := time.Duration(ahead) * m.step; a.wait > limit {
		a.retry = a.wait - limit
		return a, nil
	}
	a.granted = true
	m.free = m.free.Add(m.step)
	return a, nil
}

func (m *model) set(change func(m *model)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *model) kill() { m.set(func(m *model) { m.down = true }) }

// start starts a server without its earlier data.
func (m *model) start() {
	m.set(func(m *model) { m.down, m.silent, m.free, m.started = false, false, time.Time{}, m.started+1 })
}

func (m *model) questions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// limiter returns the limiter of one process, and its log.
func (m *model) limiter(t *testing.T, perSecond int, away Fallback) (*Limiter, *logText) {
	t.Helper()
	text := &logText{}
	config := Config{
		BaseURL: "https://metlo.example.com", PerSecond: perSecond, WhenAway: away,
		Logger: slog.New(slog.NewTextHandler(text, nil)),
	}
	l := newLimiter(&config, m.process(), func() error { return nil })
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, text
}

// logText is a log that may be read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logText) requireOnce(t *testing.T, messages ...string) {
	t.Helper()
	for _, message := range messages {
		require.Equal(t, 1, strings.Count(l.String(), message), "%q in the log:\n%s", message, l)
	}
}

// starts holds the times at which requests started, or arrived.
type starts struct {
	mu    sync.Mutex
	times []time.Time
}

func (s *starts) add() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = append(s.times, time.Now())
	return len(s.times)
}

func (s *starts) sorted() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	sorted := slices.Clone(s.times)
	slices.SortFunc(sorted, time.Time.Compare)
	return sorted
}

// maxIn returns the highest number of starts in any window of d.
func maxIn(times []time.Time, d time.Duration) (highest int) {
	first := 0
	for i, t := range times {
		for t.Sub(times[first]) >= d {
			first++
		}
		highest = max(highest, i-first+1)
	}
	return highest
}

func TestMostInCountsTheFullestWindow(t *testing.T) {
	zero := time.Now()
	at := func(millis ...int) (times []time.Time) {
		for _, ms := range millis {
			times = append(times, zero.Add(time.Duration(ms)*time.Millisecond))
		}
		return times
	}
	for _, test := range []struct {
		name  string
		times []time.Time
		want  int
	}{
		{"nothing", nil, 0},
		{"one", at(0), 1},
		{"a second apart", at(0, 1000, 2000), 1},
		{"a burst over the turn of a second", at(0, 900, 950, 1000, 1050, 3000), 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, maxIn(test.times, time.Second))
		})
	}
}
