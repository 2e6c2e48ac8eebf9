package transport

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// limiterFunc is a limiter.
type limiterFunc func(context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

var errLimiter = errors.New("the limiter's store is down")

// cool begins a cool-down.
func cool(l *rateLimit, d time.Duration) { l.record("metlo", outcome{cooldown: true}, d) }

func TestRateLimitWaits(t *testing.T) {
	everySecond := func() Limiter { return rate.NewLimiter(1, 1) }
	none := func() Limiter { return nil }
	tests := map[string]struct {
		limiter func() Limiter
		passes  int
		cool    time.Duration // before the first pass
		later   time.Duration // a second cool-down begins after this time
		cool2   time.Duration
		want    time.Duration // until the last pass
	}{
		"no limiter and no cool-down":               {limiter: none, passes: 3},
		"a limiter":                                 {limiter: everySecond, passes: 3, want: 2 * time.Second},
		"a cool-down":                               {limiter: none, passes: 1, cool: 5 * time.Second, want: 5 * time.Second},
		"a cool-down, then the limiter":             {limiter: everySecond, passes: 2, cool: 5 * time.Second, want: 6 * time.Second},
		"a cool-down prolonged during the wait":     {limiter: none, passes: 1, cool: 5 * time.Second, later: 2 * time.Second, cool2: 9 * time.Second, want: 11 * time.Second},
		"a shorter cool-down changes nothing":       {limiter: none, passes: 1, cool: 5 * time.Second, later: time.Second, cool2: time.Second, want: 5 * time.Second},
		"a cool-down while the limiter waits":       {limiter: everySecond, passes: 2, later: 500 * time.Millisecond, cool2: 5 * time.Second, want: 5500 * time.Millisecond},
		"a cool-down of no length is none":          {limiter: none, passes: 1, cool: 0},
		"a cool-down with a limiter, both together": {limiter: everySecond, passes: 1, cool: 3 * time.Second, later: time.Second, cool2: 4 * time.Second, want: 5 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &rateLimit{limiter: tt.limiter()}
				start := time.Now()
				if tt.cool > 0 {
					cool(g, tt.cool)
				}
				if tt.cool2 > 0 {
					time.AfterFunc(tt.later, func() { cool(g, tt.cool2) })
				}
				for range tt.passes {
					_, err := g.wait(t.Context(), "metlo", nil)
					require.NoError(t, err)
				}
				assert.Equal(t, tt.want, time.Since(start))
			})
		})
	}
}

func TestTokenTakenBeforeACoolDownIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := 0
		g := &rateLimit{}
		g.limiter = limiterFunc(func(context.Context) error {
			if tokens++; tokens == 1 {
				cool(g, 3*time.Second)
			}
			return nil
		})
		start := time.Now()
		_, err := g.wait(t.Context(), "metlo", nil)
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.Equal(t, 2, tokens)
	})
}

func TestRateLimitFails(t *testing.T) {
	broken := func() Limiter { return limiterFunc(func(context.Context) error { return errLimiter }) }
	tests := map[string]struct {
		limiter  func() Limiter
		cool     time.Duration
		deadline time.Duration // 0 for none
		cancel   time.Duration // 0 for never
		is       error
		isNot    error
		limit    bool // is a *LimitError
		after    time.Duration
	}{
		"the cool-down outlasts the deadline":      {cool: 10 * time.Second, deadline: 5 * time.Second, is: context.DeadlineExceeded, limit: true},
		"the limiter outlasts the deadline":        {limiter: drained, deadline: 5 * time.Second, is: context.DeadlineExceeded, limit: true},
		"the context ends in the cool-down":        {cool: 10 * time.Second, cancel: time.Second, is: context.Canceled, after: time.Second},
		"the context ends while the limiter waits": {limiter: drained, cancel: time.Second, is: context.Canceled, after: time.Second},
		"the limiter fails":                        {limiter: broken, is: errLimiter, isNot: context.DeadlineExceeded, limit: true},
		"the limiter fails before a deadline":      {limiter: broken, deadline: time.Minute, is: errLimiter, isNot: context.DeadlineExceeded, limit: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.deadline > 0 {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, tt.deadline)
					defer stop()
				}
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				g := &rateLimit{}
				if tt.limiter != nil {
					g.limiter = tt.limiter()
				}
				if tt.cool > 0 {
					cool(g, tt.cool)
				}
				start := time.Now()
				_, err := g.wait(ctx, "metlo", nil)
				require.ErrorIs(t, err, tt.is)
				if tt.isNot != nil {
					require.NotErrorIs(t, err, tt.isNot)
				}
				var limit *LimitError
				assert.Equal(t, tt.limit, errors.As(err, &limit), "%v", err)
				assert.Equal(t, tt.after, time.Since(start), "fails at once or when the context ends")
			})
		})
	}
}

// drained returns a limiter whose next token comes in an hour.
func drained() Limiter {
	l := rate.NewLimiter(rate.Every(time.Hour), 1)
	l.Allow()
	return l
}

func TestOneTokenForEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tokens, sent int
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			sent++
			assert.Equal(t, sent, tokens, "the token comes first")
			return answer(r, http.StatusServiceUnavailable, ""), nil
		})
		p := pipeline(&http.Client{Transport: rt}, func(c *Config) {
			c.Limiter = limiterFunc(func(context.Context) error { tokens++; return nil })
		})
		_, err := p.do(t.Context(), get("http://metlo/"), discard)
		require.NoError(t, err)
		assert.Equal(t, 4, tokens)
	})
}

func TestLimitersErrorIsNotRetried(t *testing.T) {
	for _, failing := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			var tokens, sent int
			rt := roundTripper(func(r *http.Request) (*http.Response, error) {
				sent++
				return nil, refused()
			})
			p := pipeline(&http.Client{Transport: rt}, func(c *Config) {
				c.Limiter = limiterFunc(func(context.Context) error {
					if tokens++; tokens == failing {
						return refused() // error of a limiter that asks a server
					}
					return nil
				})
			})
			attempts, err := p.do(t.Context(), get("http://metlo/"), discard)
			requireAs[*LimitError](t, err)
			assert.Equal(t, failing, tokens)
			assert.Equal(t, failing-1, sent)
			assert.Len(t, attempts, failing-1)
		})
	}
}

func TestAllCallsWaitTogether(t *testing.T) {
	for name, status := range map[string]int{"429": http.StatusTooManyRequests, "503 with Retry-After": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var first sync.Once
				var early atomic.Int32
				start := time.Now()
				n := newNetwork(t)
				n.serve("metlo:80", func(w http.ResponseWriter, _ *http.Request) {
					code := http.StatusOK
					first.Do(func() { code = status })
					if code == http.StatusOK && time.Since(start) < 7*time.Second {
						early.Add(1)
					}
					w.Header().Set("Retry-After", "7")
					w.WriteHeader(code)
				})
				p := pipeline(n.client(), func(c *Config) { c.Limiter = rate.NewLimiter(10, 1) })
				_, err := p.do(t.Context(), request(http.MethodPost, "http://metlo/", RepeatNever), discard)
				require.NoError(t, err)
				var calls sync.WaitGroup
				for range 5 {
					calls.Go(func() {
						_, err := p.do(t.Context(), get("http://metlo/"), discard)
						assert.NoError(t, err)
					})
				}
				calls.Wait()
				assert.Zero(t, early.Load(), "no attempt starts before the cool-down ends")
				assert.Equal(t, 7400*time.Millisecond, time.Since(start), "and the limiter spaces those after it")
			})
		})
	}
}
