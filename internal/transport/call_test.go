package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// silent does not answer until the request is cancelled.
func silent(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestEndOfAWaitForHeaders(t *testing.T) {
	errCallers := errors.New("the user went away")
	tests := map[string]struct {
		context func(context.Context) (context.Context, context.CancelFunc)
		client  http.Client
		is      []error
		timeout string // kind of the wait; empty if the error is not a *TimeoutError
		after   time.Duration
		sent    int
	}{
		"the header timeout": {
			is: []error{context.DeadlineExceeded, os.ErrDeadlineExceeded}, timeout: "response headers", after: time.Minute, sent: 1,
		},
		"the context's deadline": {
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 10*time.Second)
			},
			is: []error{context.DeadlineExceeded}, after: 10 * time.Second, sent: 1,
		},
		"a cancellation": {
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(10*time.Second, cancel)
				return ctx, cancel
			},
			is: []error{context.Canceled}, after: 10 * time.Second, sent: 1,
		},
		"a cancellation with a cause": {
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(10*time.Second, func() { cancel(errCallers) })
				return ctx, func() { cancel(nil) }
			},
			is: []error{context.Canceled, errCallers}, after: 10 * time.Second, sent: 1,
		},
		"a context that had ended": {
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				cancel(errCallers)
				return ctx, func() {}
			},
			is: []error{context.Canceled, errCallers}, sent: 0,
		},
		"the client's own timeout": {
			client: http.Client{Timeout: 7 * time.Second},
			is:     []error{context.DeadlineExceeded}, timeout: "http.Client.Timeout", after: 7 * time.Second, sent: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				client := tt.client
				client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { sent++; return silent(r) })
				ctx := t.Context()
				if tt.context != nil {
					var cancel context.CancelFunc
					ctx, cancel = tt.context(ctx)
					defer cancel()
				}
				start := time.Now()
				attempts, err := pipeline(&client).do(ctx, get("https://metlo/?key=secret"), discard)
				assert.Equal(t, tt.after, time.Since(start))
				assert.Equal(t, tt.sent, sent)
				require.Len(t, attempts, tt.sent)
				for _, is := range tt.is {
					require.ErrorIs(t, err, is)
				}
				assert.NotContains(t, err.Error(), "secret")
				var timeout *TimeoutError
				require.Equal(t, tt.timeout != "", errors.As(err, &timeout), "%v", err)
				if timeout != nil {
					assert.Contains(t, timeout.For, tt.timeout)
					assert.Equal(t, tt.after, timeout.Waited)
					assert.True(t, timeout.Timeout())
				}
			})
		})
	}
}

func TestErrorsAreWithoutTheURL(t *testing.T) {
	inner := &url.Error{Op: "Get", URL: "https://proxy/", Err: io.EOF}
	for _, want := range []error{refused(), io.EOF, errLimiter, inner} {
		rt := roundTripper(func(*http.Request) (*http.Response, error) { return nil, want })
		_, err := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Retry = Policy{} }).do(t.Context(), get("https://metlo/?key=secret"), discard)
		assert.Equal(t, want, err)
	}
}

func TestTimeoutOfADialerIsAFailedDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(*http.Request) (*http.Response, error) {
			<-time.After(10 * time.Second)
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
		})
		for _, limit := range []time.Duration{0, time.Hour} { // timeout of http.Client, which is not the reason
			attempts, err := pipeline(&http.Client{Transport: rt, Timeout: limit}).do(t.Context(), request("POST", "https://metlo/", RepeatUnprocessed), discard)
			assert.Equal(t, "dial", requireAs[*net.OpError](t, err).Op)
			assert.Len(t, attempts, 4, "nothing was sent, so it can be again")
		}
	})
}

func TestHeaderTimeoutIsOfOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-time.After(50 * time.Second)
			return answer(r, 503, "", "Retry-After", "40"), nil
		})
		start := time.Now()
		attempts, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), get("https://metlo/"), discard)
		require.NoError(t, err)
		assert.Len(t, attempts, 4)
		assert.Equal(t, 4*50*time.Second+3*40*time.Second, time.Since(start))
	})
}

func TestHandlerMayTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 200, "text"), nil })
		_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), get("https://metlo/"), func(resp *http.Response) error {
			<-time.After(24 * time.Hour)
			return discard(resp)
		})
		require.NoError(t, err)
	})
}

func TestWatchdogIsStoppedWithTheCall(t *testing.T) {
	errHandler := errors.New("not what I asked for")
	tests := map[string]struct {
		rt     roundTripper
		handle func(*http.Response) error
		err    error
	}{
		"a success":      {func(r *http.Request) (*http.Response, error) { return answer(r, 200, "text"), nil }, discard, nil},
		"a failure":      {func(*http.Request) (*http.Response, error) { return nil, errLimiter }, discard, errLimiter},
		"of the handler": {func(r *http.Request) (*http.Response, error) { return answer(r, 200, "text"), nil }, func(*http.Response) error { return errHandler }, errHandler},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ctx context.Context
				body := &closer{}
				rt := roundTripper(func(r *http.Request) (*http.Response, error) {
					ctx = r.Context()
					resp, err := tt.rt(r)
					if resp != nil {
						body.Reader, resp.Body = resp.Body, body
					}
					return resp, err
				})
				_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), get("https://metlo/"), tt.handle)
				require.Equal(t, tt.err, err)
				<-time.After(time.Hour)
				require.ErrorIs(t, context.Cause(ctx), context.Canceled, "the call ended, and no timeout came after it")
				assert.Equal(t, body.Reader != nil, body.closed)
			})
		})
	}
}

func TestPanicOfTheHandlerLeavesNothingOpen(t *testing.T) {
	var ctx context.Context
	body := &closer{Reader: http.NoBody}
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		ctx = r.Context()
		resp := answer(r, 200, "")
		resp.Body = body
		return resp, nil
	})
	p := pipeline(&http.Client{Transport: rt})
	require.PanicsWithValue(t, "bad handler", func() {
		_, _ = p.do(t.Context(), get("https://metlo/"), func(*http.Response) error { panic("bad handler") })
	})
	assert.True(t, body.closed)
	require.ErrorIs(t, ctx.Err(), context.Canceled)
}

func TestValuesOfTheCallersContext(t *testing.T) {
	type key struct{}
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, "a trace", r.Context().Value(key{}))
		return answer(r, 200, ""), nil
	})
	_, err := pipeline(&http.Client{Transport: rt}).do(context.WithValue(t.Context(), key{}, "a trace"), get("https://metlo/"), discard)
	require.NoError(t, err)
}

// netTimeoutError is a timeout of net/http, which matches no sentinel.
type netTimeoutError struct{}

func (netTimeoutError) Error() string { return "net/http: TLS handshake timeout" }
func (netTimeoutError) Timeout() bool { return true }

func TestTimeoutsOfTransportsMatchTheStandardOnes(t *testing.T) {
	tests := map[string]struct {
		err  error
		late bool
	}{
		"a TLS handshake":                      {netTimeoutError{}, true},
		"one with a proxy":                     {&net.OpError{Op: "proxyconnect", Net: "tcp", Err: netTimeoutError{}}, true},
		"one that a caller's transport wraps":  {fmt.Errorf("gateway: %w", netTimeoutError{}), true},
		"a connection that the kernel gave up": {&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, false},
		"a connection that was reset":          {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		"any other error":                      {errLimiter, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rt := roundTripper(func(*http.Request) (*http.Response, error) { return nil, tt.err })
			_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), request("POST", "https://metlo/", RepeatNever), discard)
			require.ErrorIs(t, err, tt.err)
			assert.Equal(t, tt.late, errors.Is(err, context.DeadlineExceeded))
			assert.Equal(t, tt.late, errors.Is(err, os.ErrDeadlineExceeded))
			assert.Contains(t, err.Error(), tt.err.Error())
		})
	}
}

func TestATimeoutOfTheLimiterIsItsOwn(t *testing.T) {
	limiter := limiterFunc(func(context.Context) error { return netTimeoutError{} })
	rt := roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 200, ""), nil })
	_, err := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Limiter = limiter }).do(t.Context(), get("https://metlo/"), discard)
	requireAs[*LimitError](t, err)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)
}
