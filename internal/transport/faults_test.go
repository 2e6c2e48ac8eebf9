package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// busy is a body that never blocks: it has a byte from time to time, or nothing at all, and ignores its context.
type busy struct {
	every time.Duration
	bytes int
}

func (b busy) Read(p []byte) (int, error) {
	<-time.After(b.every)
	return copy(p, strings.Repeat("x", b.bytes)), nil
}

func (busy) Close() error { return nil }

func answering(body io.ReadCloser, status int) *http.Client {
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp := answer(r, status, "")
		resp.Body, resp.ContentLength = body, -1
		return resp, nil
	})}
}

// TestBodyThatNeverBlocksEndsInTime reads bodies of a caller's transport that ignore every context.
func TestBodyThatNeverBlocksEndsInTime(t *testing.T) {
	const deadline, idle = 90 * time.Second, 30 * time.Second
	tests := map[string]struct {
		body     busy
		deadline time.Duration
		after    time.Duration
		timeout  bool // is a *TimeoutError
	}{
		"nothing, until the deadline":               {busy{time.Second, 0}, 20 * time.Second, 20 * time.Second, false},
		"nothing, until the idle timeout":           {busy{time.Second, 0}, time.Hour, idle, true},
		"a drip, until the idle timeout":            {busy{time.Second, 1}, time.Hour, idle, true},
		"a drip that is too slow for a KiB":         {busy{time.Second, 30}, time.Hour, idle, true},
		"a KiB within the idle timeout, in pieces":  {busy{time.Second, 40}, deadline, deadline, false},
		"each KiB renews the timeout, no byte does": {busy{14 * time.Second, 400}, time.Hour, 3 * 14 * time.Second, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				start := time.Now()
				attempts, err := pipeline(answering(tt.body, 200)).do(ctx, get("https://metlo/"), discard)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				var timeout *TimeoutError
				assert.Equal(t, tt.timeout, errors.As(err, &timeout), "%v", err)
				assert.Len(t, attempts, 1, "a timeout is not a cut")
				assert.GreaterOrEqual(t, time.Since(start), tt.after)
				assert.LessOrEqual(t, time.Since(start), tt.after+tt.body.every, "after the read that is under way")
			})
		})
	}
}

func TestTimeoutOfTheCallersClientWithinABodyIsNotACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := &http.Client{Timeout: 7 * time.Second, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			sent++
			resp := answer(r, 200, "")
			resp.Body, resp.ContentLength = stalled{strings.NewReader("half"), r.Context()}, -1
			return resp, nil
		})}
		start := time.Now()
		_, err := pipeline(client).do(t.Context(), get("https://metlo/"), discard)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		requireAs[*TruncatedError](t, err)
		assert.Equal(t, 1, sent)
		assert.Equal(t, 7*time.Second, time.Since(start))
	})
}

// TestPatience restarts a server, which takes 5 s and refuses connections meanwhile.
func TestPatience(t *testing.T) {
	patient := func(c *Config) { c.Retry.Patience = 30 * time.Second }
	tests := map[string]struct {
		edit    func(*Config)
		request func(*Request)
		down    time.Duration
		fails   bool
		least   int
	}{
		"a patient read outlasts a restart":     {patient, func(r *Request) { r.Patient = true }, 5 * time.Second, false, 5},
		"one that is not gives up as before":    {patient, func(*Request) {}, 15 * time.Second, true, 4},
		"patience ends":                         {patient, func(r *Request) { r.Patient = true }, 10 * time.Minute, true, 8},
		"a policy without patience has none":    {func(*Config) {}, func(r *Request) { r.Patient = true }, 15 * time.Second, true, 4},
		"a change is never repeated for longer": {patient, func(r *Request) { r.Repeat = RepeatUnprocessed }, 15 * time.Second, true, 4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				rt := roundTripper(func(r *http.Request) (*http.Response, error) {
					if time.Since(start) < tt.down {
						return nil, refused()
					}
					return answer(r, 200, "OK"), nil
				})
				r := get("https://metlo/")
				tt.request(r)
				attempts, err := pipeline(&http.Client{Transport: rt}, tt.edit).do(t.Context(), r, discard)
				assert.Equal(t, tt.fails, err != nil, "%v after %v", err, time.Since(start))
				assert.GreaterOrEqual(t, len(attempts), tt.least)
				if tt.fails && name != "patience ends" {
					assert.Len(t, attempts, 4)
				}
				assert.Less(t, time.Since(start), 36*time.Second)
			})
		})
	}
}

// TestBackoffDoubles measures the ceiling of each random wait.
func TestBackoffDoubles(t *testing.T) {
	policy := testPolicy()
	for failures, ceiling := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 3: time.Second, 5: 4 * time.Second, 6: 5 * time.Second, 60: 5 * time.Second} {
		var longest time.Duration
		for range 2000 {
			longest = max(longest, policy.backoff(failures))
		}
		assert.Less(t, longest, ceiling, "after %d failures", failures)
		assert.Greater(t, longest, ceiling*9/10, "after %d failures", failures)
	}
}

func TestCoolDownsNeverGetShorterNorLongerThanThePolicyAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []string{"50", "3", "99999"}
		sent := 0
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			sent++
			return answer(r, 429, "", "Retry-After", answers[sent-1]), nil
		})
		p := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Retry.MaxRetries = 0 })
		start := time.Now()
		until := func() time.Duration { return p.limit.hosts["metlo"].coolUntil.Sub(start) }
		_, _ = p.do(t.Context(), get("https://metlo/"), discard)
		assert.Equal(t, 50*time.Second, until())
		cool(&p.limit, 3*time.Second)
		assert.Equal(t, 50*time.Second, until(), "a shorter one does not overwrite it")
		<-time.After(time.Minute)
		sent = 2
		_, _ = p.do(t.Context(), get("https://metlo/"), discard)
		assert.Equal(t, 2*time.Minute, until(), "capped by MaxRetryAfter")
	})
}

// TestDeadConnectionIsNotUsedAgain checks the attempt after a timeout, and the one after a broken connection.
func TestDeadConnectionIsNotUsedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		close bool
	}{
		"a timeout":           {context.DeadlineExceeded, true},
		"a broken connection": {io.ErrUnexpectedEOF, false},
	} {
		t.Run(name, func(t *testing.T) {
			var closes []bool
			rt := roundTripper(func(r *http.Request) (*http.Response, error) {
				closes = append(closes, r.Close)
				if len(closes) == 1 {
					return nil, tt.err
				}
				return answer(r, 200, ""), nil
			})
			p := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Retry.MaxRetries = 0 })
			for range 3 {
				_, _ = p.do(t.Context(), get("https://metlo/"), discard)
			}
			assert.Equal(t, []bool{false, tt.close, false}, closes)
		})
	}
}

func TestCloseDoesNotDrainAfterTheContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			resp := answer(r, 200, "")
			resp.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) { reads++; return copy(p, "x"), nil }))
			resp.ContentLength = 100
			return resp, nil
		})
		var kept *http.Response
		_, err := pipeline(&http.Client{Transport: rt}).do(ctx, get("https://metlo/"), keep(&kept))
		require.NoError(t, err)
		cancel()
		require.NoError(t, kept.Body.Close())
		assert.Zero(t, reads)
	})
}

func TestRetryAfterOfARefusedCONNECTIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			if sent++; sent == 1 {
				header := http.Header{"Retry-After": {"7, 9"}}
				return nil, onProxyConnectResponse(r.Context(), nil, r, &http.Response{StatusCode: 503, Header: header})
			}
			return answer(r, 200, ""), nil
		})
		start := time.Now()
		attempts, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), request("POST", "https://metlo/", RepeatUnprocessed), discard)
		require.NoError(t, err)
		require.Len(t, attempts, 2)
		assert.True(t, attempts[0].Unsent)
		assert.Equal(t, 9*time.Second, time.Since(start), "of joined values the longest counts")
	})
}
