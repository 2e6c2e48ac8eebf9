package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// closer records that it was closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

func TestReadingUpToALimit(t *testing.T) {
	tests := map[string]struct {
		body     string
		limit    int64
		upTo     string
		more     bool
		tooLarge bool
	}{
		"empty":                  {"", 10, "", false, false},
		"below":                  {"123456789", 10, "123456789", false, false},
		"exactly":                {"1234567890", 10, "1234567890", false, false},
		"one over":               {"1234567890A", 10, "1234567890A", true, true},
		"far over":               {strings.Repeat("1234567890", 1000), 10, "12345678901", true, true},
		"nothing allowed":        {"1", 0, "1", true, true},
		"nothing allowed or had": {"", 0, "", false, false},
		"no limit":               {strings.Repeat("x", 5000), math.MaxInt64, strings.Repeat("x", 5000), false, false},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytewise": iotest.OneByteReader,
		"halves": iotest.HalfReader, "with the error": iotest.DataErrReader,
	}
	for name, tt := range tests {
		for kind, reader := range readers {
			for _, buf := range [][]byte{nil, []byte("had "), make([]byte, 0, 1<<16)} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, kind, cap(buf)), func(t *testing.T) {
					src := &closer{Reader: reader(strings.NewReader(tt.body))}
					got, more, err := ReadUpTo(&http.Response{Body: src}, buf, tt.limit)
					require.NoError(t, err)
					assert.Equal(t, string(buf)+tt.upTo, string(got))
					assert.Equal(t, tt.more, more)
					assert.False(t, src.closed, "the rest can still be read")

					src = &closer{Reader: reader(strings.NewReader(tt.body))}
					got, err = ReadAll(&http.Response{Body: src}, buf, tt.limit)
					assert.True(t, src.closed)
					assert.Equal(t, string(buf)+tt.upTo, string(got))
					if tt.tooLarge {
						assert.Equal(t, tt.limit, requireAs[*TooLargeError](t, err).Limit)
						return
					}
					require.NoError(t, err)
				})
			}
		}
	}
}

func TestReadError(t *testing.T) {
	src := &closer{Reader: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrClosedPipe))}
	got, err := ReadAll(&http.Response{Body: src}, nil, 100)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	assert.Equal(t, "half", string(got))
	assert.True(t, src.closed)
}

func TestEndOfABody(t *testing.T) {
	errWrapped := fmt.Errorf("the connection ended: %w", io.EOF)
	errDead := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}
	tests := map[string]struct {
		src io.Reader
		cut error
	}{
		"an end":          {strings.NewReader("text"), nil},
		"a cut":           {io.MultiReader(strings.NewReader("text"), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
		"a wrapped end":   {io.MultiReader(strings.NewReader("text"), iotest.ErrReader(errWrapped)), errWrapped},
		"a dead peer":     {io.MultiReader(strings.NewReader("text"), iotest.ErrReader(errDead)), errDead},
		"any other error": {io.MultiReader(strings.NewReader("text"), iotest.ErrReader(errLimiter)), errLimiter},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src := &closer{Reader: tt.src}
			rt := roundTripper(func(r *http.Request) (*http.Response, error) {
				resp := answer(r, 200, "")
				resp.Body, resp.ContentLength = src, -1
				return resp, nil
			})
			var text string
			_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), request("POST", "https://metlo/", RepeatUnprocessed), readInto(&text))
			assert.Equal(t, "text", text)
			assert.True(t, src.closed)
			if tt.cut == nil {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, tt.cut, requireAs[*TruncatedError](t, err).Err)
			assert.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// dripping writes a header, and then a number of bytes after each interval.
func dripping(size int, every time.Duration, times int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		for range times {
			select {
			case <-time.After(every):
			case <-r.Context().Done():
				return
			}
			_, _ = w.Write(bytes.Repeat([]byte("x"), size))
			w.(http.Flusher).Flush()
		}
	}
}

func TestIdleTimeout(t *testing.T) {
	tests := map[string]struct {
		serve   http.HandlerFunc
		fails   time.Duration // 0: does not
		succeed time.Duration
	}{
		"a stalled body":               {serve: dripping(1, time.Hour, 1), fails: 30 * time.Second},
		"a KiB now and then, for long": {serve: dripping(1<<10, 29*time.Second, 100), succeed: 2900 * time.Second},
		"less than a KiB in that time": {serve: dripping(10, 700*time.Millisecond, 1000), fails: 30 * time.Second},
		"just enough":                  {serve: dripping(1<<7, 3*time.Second, 100), succeed: 300 * time.Second},
		"the rest is less than a KiB":  {serve: dripping(100, time.Second, 5), succeed: 5 * time.Second},
		"an end that does not come": {serve: func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 1<<14))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, fails: 30 * time.Second},
		"headers right before it begins": {serve: func(w http.ResponseWriter, r *http.Request) {
			<-time.After(59 * time.Second)
			dripping(1<<10, 29*time.Second, 2)(w, r)
		}, succeed: 117 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				n.serve("metlo:80", tt.serve)
				start := time.Now()
				attempts, err := pipeline(n.client()).do(t.Context(), get("http://metlo/"), discard)
				require.Len(t, attempts, 1, "a timeout is not repeated")
				if tt.fails == 0 {
					require.NoError(t, err)
					assert.Equal(t, tt.succeed, time.Since(start))
					return
				}
				timeout := requireAs[*TimeoutError](t, err)
				assert.Equal(t, 30*time.Second, timeout.Waited)
				assert.Contains(t, timeout.For, "body")
				requireAs[*TruncatedError](t, err)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, tt.fails, time.Since(start))
			})
		})
	}
}

func TestTimeOfTheCallerDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("metlo:80", dripping(512, 10*time.Second, 6))
		var resp *http.Response
		_, err := pipeline(n.client()).do(t.Context(), get("http://metlo/"), keep(&resp))
		require.NoError(t, err)
		for range 6 {
			<-time.After(time.Hour) // longer than the timeouts of headers and of the body
			_, err := io.ReadFull(resp.Body, make([]byte, 512))
			require.NoError(t, err)
		}
		_, err = resp.Body.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		require.NoError(t, resp.Body.Close())
	})
}

func TestConnectionIsUsedAgain(t *testing.T) {
	tests := map[string]struct {
		size  int
		sized bool
		stall bool // the server holds the last byte back
		dials int
	}{
		"a small rest":                    {size: 1 << 10, sized: true, dials: 1},
		"a small rest of unknown size":    {size: 1 << 10, dials: 1},
		"no body":                         {size: 0, sized: true, dials: 1},
		"a rest too large to read":        {size: 1 << 20, sized: true, dials: 2},
		"a large rest of unknown size":    {size: 1 << 20, dials: 2},
		"a rest that does not come":       {size: 1 << 10, stall: true, dials: 2},
		"a sized rest that does not come": {size: 1 << 10, sized: true, stall: true, dials: 2},
	}
	for name, tt := range tests {
		for _, status := range []int{200, 503} {
			t.Run(fmt.Sprint(name, "/", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNetwork(t)
					first := true
					n.serve("metlo:80", func(w http.ResponseWriter, r *http.Request) {
						if !first {
							return
						}
						first = false
						if tt.sized {
							w.Header().Set("Content-Length", strconv.Itoa(tt.size))
						}
						w.WriteHeader(status)
						if tt.stall {
							_, _ = w.Write(make([]byte, tt.size-1))
							w.(http.Flusher).Flush()
							<-r.Context().Done()
							return
						}
						_, _ = w.Write(make([]byte, tt.size))
					})
					p := pipeline(n.client(), func(c *Config) { c.Retry = Policy{MaxRetries: 1} })
					start := time.Now()
					for range 2 {
						_, err := p.do(t.Context(), get("http://metlo/"), func(resp *http.Response) error { return resp.Body.Close() })
						require.NoError(t, err)
					}
					assert.Equal(t, tt.dials, n.dialled())
					assert.LessOrEqual(t, time.Since(start), drainTime)
				})
			})
		}
	}
}

func TestBodyOutlivesDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("metlo:80", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a text") })
		var resp *http.Response
		_, err := pipeline(n.client()).do(t.Context(), get("http://metlo/"), keep(&resp))
		require.NoError(t, err)
		ctx := resp.Request.Context()
		require.NoError(t, ctx.Err())
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "a text", string(text))
		require.NoError(t, ctx.Err(), "only Close ends the call")
		require.NoError(t, resp.Body.Close())
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		require.NoError(t, resp.Body.Close(), "it may be closed again")
		got, err := resp.Body.Read(make([]byte, 10))
		assert.Zero(t, got)
		require.Equal(t, io.EOF, err)
	})
}

func TestContextEndsWithinABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("metlo:80", dripping(1<<10, time.Second, 100))
		ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancel()
		attempts, err := pipeline(n.client()).do(ctx, get("http://metlo/"), discard)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var timeout *TimeoutError
		assert.False(t, errors.As(err, &timeout), "the pipeline's own timeouts are not the reason: %v", err)
		assert.Len(t, attempts, 1)
	})
}
