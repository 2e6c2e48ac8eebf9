package field

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

func retryAfters(t *testing.T) (cases int, saw string) {
	at := func(layout, zone string) func(time.Time) string {
		return func(now time.Time) string { return now.Add(30*time.Second).UTC().Format(layout) + zone }
	}
	text := func(s string) func(time.Time) string { return func(time.Time) string { return s } }
	const longest = 5 * time.Second // longest default backoff
	tests := []struct {
		name  string
		value func(now time.Time) string
		want  time.Duration
	}{
		{"seconds", text("30"), 30 * time.Second},
		{"a fraction", text("1.5"), 1500 * time.Millisecond},
		{"a fraction of nothing", text("30.0"), 30 * time.Second},
		{"a unit", text("30s"), 30 * time.Second},
		{"twice", text("30, 30"), 30 * time.Second},
		{"two that differ", text("5, 30"), 30 * time.Second},
		{"spaces around", text("  30 "), 30 * time.Second},
		{"the date of HTTP", at(http.TimeFormat, ""), 30 * time.Second},
		{"RFC 850", at("Monday, 02-Jan-06 15:04:05 ", "GMT"), 30 * time.Second},
		{"asctime", at(time.ANSIC, ""), 30 * time.Second},
		{"UTC", at("Mon, 02 Jan 2006 15:04:05 ", "UTC"), 30 * time.Second},
		{"+0000", at("Mon, 02 Jan 2006 15:04:05 ", "+0000"), 30 * time.Second},
		{"RFC 3339", at(time.RFC3339, ""), 30 * time.Second},
		{"a word", text("soon"), longest},
		{"a negative number", text("-1"), longest},
		{"hexadecimal", text("0x1E"), longest},
		{"minutes", text("PT30S"), longest},
	}
	for _, tt := range tests {
		for _, status := range []int{429, 503} {
			cases++
			t.Run(tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var times []time.Time
					client := kit.Client(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
						times = append(times, time.Now())
						if len(times) > 1 {
							return kit.JSON(200, "[]").RoundTrip(r)
						}
						refusal := kit.Text(status, "slow down")
						refusal.Header.Set("Retry-After", tt.value(time.Now()))
						return refusal.RoundTrip(r)
					}))
					_, err := client.Hosts.Names(t.Context())
					require.NoError(t, err)
					require.Len(t, times, 2)
					assert.Equal(t, tt.want, times[1].Sub(times[0]))
				})
			})
		}
	}
	refusing := func(status int, retryAfter string) kit.RoundTrip {
		return func(r *http.Request) (*http.Response, error) {
			refusal := kit.Text(status, "slow down")
			refusal.Header.Set("Retry-After", retryAfter)
			return refusal.RoundTrip(r)
		}
	}
	for status, want := range map[int]error{429: metlo.ErrRateLimited, 503: metlo.ErrServer} {
		cases += 2
		t.Run("longer than the deadline", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				start := time.Now()
				_, err := kit.Client(t, refusing(status, "30")).Hosts.Names(ctx)
				require.ErrorIs(t, err, want)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 1, kit.CountSentinels(err))
				assert.Zero(t, time.Since(start), "it fails at once")
			})
		})
		t.Run("longer than is waited for", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := kit.Client(t, refusing(status, "3600")).Hosts.Names(t.Context())
				require.ErrorIs(t, err, want)
				assert.Zero(t, time.Since(start), "it fails at once, rather than come back too early")
				var e *metlo.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, time.Hour, e.RetryAfter)
				assert.Len(t, e.Attempts, 1)
				assert.True(t, e.Retryable())
			})
		})
	}
	return cases, ""
}
