package transport

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// behaviour returns a server's response to every attempt.
type behaviour struct {
	name  string
	serve http.HandlerFunc // nil: nobody listens
	acted bool             // the server may have acted on the request
	again map[Repeat]bool  // whether a request of this class is repeated
}

func behaviours() []behaviour {
	never := map[Repeat]bool{}
	always := map[Repeat]bool{RepeatUnprocessed: true, RepeatIdempotent: true, RepeatSafe: true}
	idempotent := map[Repeat]bool{RepeatIdempotent: true, RepeatSafe: true}
	safe := map[Repeat]bool{RepeatSafe: true}
	status := func(code int, retryAfter string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if retryAfter != "" {
				w.Header().Set("Retry-After", retryAfter)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "a text")
		}
	}
	return []behaviour{
		{"200", status(200, ""), true, never},
		{"304", status(304, ""), true, never},
		{"400", status(400, ""), true, never},
		{"404", status(404, ""), true, never},
		{"409", status(409, ""), true, never},
		{"429", status(429, ""), false, always},
		{"429 with Retry-After", status(429, "2"), false, always},
		{"500", status(500, ""), true, never},
		{"500 with Retry-After", status(500, "2"), true, never},
		{"501", status(501, ""), true, never},
		{"502", status(502, ""), true, safe},
		{"502 with Retry-After", status(502, "2"), true, safe},
		{"503", status(503, ""), true, safe},
		{"503 with Retry-After", status(503, "2"), false, idempotent},
		{"503 with a senseless Retry-After", status(503, "soon"), true, safe},
		{"503 with a negative Retry-After", status(503, "-1"), true, safe},
		{"504", status(504, ""), true, safe},
		{"hang-up before the headers", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, safe},
		{"cut body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		}, true, safe},
		{"cut chunk", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, true, safe},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, never},
		{"nobody listens", nil, false, always},
	}
}

func TestAttempts(t *testing.T) {
	classes := map[Repeat]struct {
		name    string
		methods []string
	}{
		RepeatNever:       {"never", []string{"POST", "PUT"}},
		RepeatUnprocessed: {"unprocessed", []string{"POST", "PUT"}},
		RepeatIdempotent:  {"idempotent", []string{"PUT", "DELETE"}},
		RepeatSafe:        {"safe", []string{"GET", "HEAD"}},
	}
	for repeat, class := range classes {
		for _, method := range class.methods {
			for _, o := range behaviours() {
				if method == "HEAD" && strings.HasPrefix(o.name, "cut") {
					continue // has no body
				}
				t.Run(fmt.Sprintf("%s %s/%s", method, class.name, o.name), func(t *testing.T) {
					want := 1
					if o.again[repeat] {
						want = 4
					}
					require.False(t, o.acted && repeat != RepeatSafe && want > 1, "this table wants a change sent twice")
					synctest.Test(t, func(t *testing.T) { requireAttempts(t, method, repeat, o, want) })
				})
			}
		}
	}
}

func requireAttempts(t *testing.T, method string, repeat Repeat, o behaviour, want int) {
	n := newNetwork(t)
	var seen atomic.Int32
	if o.serve != nil {
		n.serve("metlo:80", func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			assert.Equal(t, []string{"metlo.key"}, r.Header["Authorization"])
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.Equal(t, "a body", string(body))
			o.serve(w, r)
		})
	}
	r := request(method, "http://metlo/", repeat)
	r.Body = []byte("a body")
	attempts, err := pipeline(n.client()).do(t.Context(), r, discard)
	require.Len(t, attempts, want)
	if o.serve != nil {
		require.EqualValues(t, want, seen.Load(), "attempts that the server saw")
		return
	}
	require.Error(t, err)
	require.Equal(t, want, n.dialled())
}

func TestChangeOnAConnectionThatWasUsedBeforeIsSentOnce(t *testing.T) {
	for _, repeat := range []Repeat{RepeatUnprocessed, RepeatIdempotent} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			var seen atomic.Int32
			n.serve("metlo:80", func(_ http.ResponseWriter, r *http.Request) {
				if seen.Add(1) > 1 {
					panic(http.ErrAbortHandler)
				}
			})
			p := pipeline(n.client())
			_, err := p.do(t.Context(), get("http://metlo/"), discard)
			require.NoError(t, err)
			r := request(http.MethodPut, "http://metlo/", repeat)
			r.Body = []byte("a body")
			_, err = p.do(t.Context(), r, discard)
			require.ErrorIs(t, err, io.EOF)
			assert.EqualValues(t, 2, seen.Load())
		})
	}
}

func TestHistoryOfAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var seen atomic.Int32
		n.serve("metlo:80", func(w http.ResponseWriter, r *http.Request) {
			switch seen.Add(1) {
			case 1:
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(http.StatusTooManyRequests)
			case 2:
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "half")
			case 3:
				panic(http.ErrAbortHandler)
			default:
				_, _ = io.WriteString(w, "whole")
			}
		})
		var text string
		attempts, err := pipeline(n.client()).do(t.Context(), get("http://metlo/"), readInto(&text))
		require.NoError(t, err)
		assert.Equal(t, "whole", text)
		require.Len(t, attempts, 4)
		assert.Equal(t, Attempt{StatusCode: 429, Wait: 3 * time.Second}, attempts[0])
		assert.Equal(t, 200, attempts[1].StatusCode)
		require.ErrorIs(t, attempts[1].Err, io.ErrUnexpectedEOF)
		assert.Zero(t, attempts[2].StatusCode)
		require.ErrorIs(t, attempts[2].Err, io.EOF)
		assert.Equal(t, Attempt{StatusCode: 200}, attempts[3])
	})
}

func TestWaitBetweenAttempts(t *testing.T) {
	tests := map[string]struct {
		retryAfter string
		policy     Policy
		want       []time.Duration // upper bounds, or the exact waits
		exact      bool
	}{
		"random under a ceiling that doubles": {policy: testPolicy(), want: []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}},
		"no ceiling over MaxWait":             {policy: Policy{MaxRetries: 3, BaseWait: time.Second, MaxWait: 1500 * time.Millisecond}, want: []time.Duration{time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond}},
		"BaseWait over MaxWait":               {policy: Policy{MaxRetries: 1, BaseWait: time.Hour, MaxWait: time.Second}, want: []time.Duration{time.Second}},
		"no ceiling at all":                   {policy: Policy{MaxRetries: 2}, want: []time.Duration{0, 0}, exact: true},
		"what the server asks for":            {retryAfter: "7", policy: testPolicy(), want: []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}, exact: true},
		"as long as is allowed":               {retryAfter: "60", policy: testPolicy(), want: []time.Duration{time.Minute, time.Minute, time.Minute}, exact: true},
		"the longest for what is no time":     {retryAfter: "soon", policy: testPolicy(), want: []time.Duration{5 * time.Second, 5 * time.Second, 5 * time.Second}, exact: true},
		"but never less than it asks for":     {retryAfter: "3600", policy: testPolicy(), exact: true},
		"nor for longer than can be counted":  {retryAfter: "99999999999999999999", policy: testPolicy(), exact: true},
		"a date":                              {retryAfter: "Sat, 01 Jan 2000 00:00:20 GMT", policy: Policy{MaxRetries: 1, MaxRetryAfter: time.Minute}, want: []time.Duration{20 * time.Second}, exact: true},
		"a date that has passed":              {retryAfter: "Fri, 31 Dec 1999 23:59:59 GMT", policy: testPolicy(), want: []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := roundTripper(func(r *http.Request) (*http.Response, error) {
					return answer(r, 503, "", "Retry-After", tt.retryAfter), nil
				})
				start := time.Now()
				attempts, err := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Retry = tt.policy }).do(t.Context(), get("http://metlo/"), discard)
				require.NoError(t, err)
				require.Len(t, attempts, len(tt.want)+1)
				var slept time.Duration
				for i, want := range tt.want {
					slept += attempts[i].Wait
					if tt.exact {
						assert.Equal(t, want, attempts[i].Wait)
						continue
					}
					assert.GreaterOrEqual(t, attempts[i].Wait, time.Duration(0))
					assert.Less(t, attempts[i].Wait, want)
				}
				assert.Zero(t, attempts[len(tt.want)].Wait)
				assert.Equal(t, slept, time.Since(start))
			})
		})
	}
}

func TestCeilingThatCannotBeCountedIsTheHighest(t *testing.T) {
	p := pipeline(&http.Client{}, func(c *Config) { c.Retry = Policy{BaseWait: math.MaxInt64 / 3, MaxWait: math.MaxInt64 / 2} })
	for attempts := 1; attempts < 200; attempts++ {
		assert.Less(t, p.policy.backoff(attempts), time.Duration(math.MaxInt64/2))
		assert.Positive(t, p.policy.backoff(attempts), "a wait of zero has a chance of one in 10^18")
	}
}

func TestNumberOfRetries(t *testing.T) {
	for retries := range 6 {
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			rt := roundTripper(func(*http.Request) (*http.Response, error) { sent++; return nil, refused() })
			policy := testPolicy()
			policy.MaxRetries = retries
			_, err := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Retry = policy }).do(t.Context(), get("http://metlo/"), discard)
			require.Error(t, err)
			assert.Equal(t, retries+1, sent)
		})
	}
}

func TestWaitThatWouldOutlastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			return answer(r, 429, "slow down", "Retry-After", "30"), nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		p := pipeline(&http.Client{Transport: rt})
		start := time.Now()
		var text string
		attempts, err := p.do(ctx, get("http://metlo/"), readInto(&text))
		require.NoError(t, err)
		assert.Equal(t, "slow down", text, "the caller learns what the server said")
		assert.Equal(t, []Attempt{{StatusCode: 429}}, attempts)

		attempts, err = p.do(ctx, get("http://metlo/"), discard)
		require.ErrorIs(t, err, context.DeadlineExceeded, "the next call knows that it has to wait too")
		assert.Empty(t, attempts)
		assert.Zero(t, time.Since(start), "both fail at once")
	})
}

func TestContextEndsBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			return answer(r, 503, "", "Retry-After", "30"), nil
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		shutdown := fmt.Errorf("shutting down")
		time.AfterFunc(10*time.Second, func() { cancel(shutdown) })
		start := time.Now()
		attempts, err := pipeline(&http.Client{Transport: rt}).do(ctx, get("http://metlo/"), discard)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, shutdown)
		assert.Len(t, attempts, 1)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}
