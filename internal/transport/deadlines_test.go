package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stalled is a body of one byte that then blocks until the context of its request ends.
type stalled struct {
	io.Reader
	ctx context.Context
}

func (s stalled) Read(p []byte) (int, error) {
	if n, _ := s.Reader.Read(p); n > 0 {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s stalled) Close() error { return nil }

func TestWaitsEndOnTimeWhateverWentBefore(t *testing.T) {
	for _, header := range []time.Duration{time.Second, 10 * time.Second, 100 * time.Second} {
		for _, idle := range []time.Duration{2 * time.Second, 20 * time.Second} {
			tests := map[string]struct {
				answers time.Duration // time after which headers come; 0 for never
				rests   time.Duration // time for which the reader pauses
				want    time.Duration
			}{
				"no headers":                              {want: header},
				"headers at once, but no body":            {answers: time.Nanosecond, want: time.Nanosecond + idle},
				"headers in time, but no body":            {answers: header / 2, want: header/2 + idle},
				"headers in the last moment, but no body": {answers: header - time.Nanosecond, want: header - time.Nanosecond + idle},
				"a reader that rests, and then no body":   {answers: time.Nanosecond, rests: time.Hour, want: time.Nanosecond + time.Hour + idle},
				"a reader that rests less than a timeout": {answers: time.Nanosecond, rests: idle / 2, want: time.Nanosecond + idle/2 + idle},
			}
			for name, tt := range tests {
				t.Run(fmt.Sprintf("%v, %v: %s", header, idle, name), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						rt := roundTripper(func(r *http.Request) (*http.Response, error) {
							var answers <-chan time.Time
							if tt.answers > 0 {
								answers = time.After(tt.answers)
							}
							select {
							case <-answers:
							case <-r.Context().Done():
								return nil, r.Context().Err()
							}
							resp := answer(r, 200, "")
							resp.Body, resp.ContentLength = stalled{strings.NewReader("x"), r.Context()}, -1
							return resp, nil
						})
						start := time.Now()
						p := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.HeaderTimeout, c.IdleTimeout = header, idle })
						_, err := p.do(t.Context(), request("POST", "https://metlo/", RepeatNever), func(resp *http.Response) error {
							_, err := io.ReadFull(resp.Body, make([]byte, 1))
							require.NoError(t, err)
							if tt.rests > 0 {
								<-time.After(tt.rests)
							}
							_, err = resp.Body.Read(make([]byte, 1))
							return err
						})
						requireAs[*TimeoutError](t, err)
						assert.Equal(t, tt.want, time.Since(start))
					})
				})
			}
		}
	}
}
