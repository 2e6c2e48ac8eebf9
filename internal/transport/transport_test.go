package transport

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// idling is a transport that counts the calls of CloseIdleConnections.
type idling struct {
	roundTripper
	closed int
}

func (i *idling) CloseIdleConnections() { i.closed++ }

func TestFailuresCloseNoIdleConnections(t *testing.T) {
	for _, o := range []error{refused(), io.EOF, errLimiter, nil} {
		synctest.Test(t, func(t *testing.T) {
			tr := &idling{roundTripper: func(r *http.Request) (*http.Response, error) {
				if o != nil {
					return nil, o
				}
				return answer(r, 503, ""), nil
			}}
			p := pipeline(&http.Client{Transport: tr})
			_, _ = p.do(t.Context(), get("https://metlo/"), func(resp *http.Response) error {
				_ = resp.Body.Close()
				return errors.New("bad status")
			})
			assert.Zero(t, tr.closed, "others share the transport")
			p.CloseIdleConnections()
			assert.Equal(t, 1, tr.closed, "but on demand")
		})
	}
}

func TestCallersClientIsCopied(t *testing.T) {
	rt := &idling{roundTripper: func(r *http.Request) (*http.Response, error) { return answer(r, 302, "", "Location", "/"), nil }}
	client := &http.Client{Transport: rt}
	p := pipeline(client)
	_, err := p.do(t.Context(), get("https://metlo/"), discard)
	require.NoError(t, err)
	assert.Equal(t, &http.Client{Transport: rt}, client, "nothing of it was changed")

	client.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errLimiter })
	_, err = p.do(t.Context(), get("https://metlo/"), discard)
	require.NoError(t, err, "what its owner changes later does not matter")
	p.CloseIdleConnections()
	assert.Equal(t, 1, rt.closed)
}

func TestCookiesAreSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		jar.SetCookies(&url.URL{Scheme: "https", Host: "metlo"}, []*http.Cookie{{Name: "session", Value: "1"}})
		sent := 0
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			sent++
			assert.Equal(t, []string{"session=1"}, r.Header["Cookie"], "attempt %d", sent)
			return answer(r, 503, ""), nil
		})
		r := get("https://metlo/")
		_, err = pipeline(&http.Client{Transport: rt, Jar: jar}).do(t.Context(), r, discard)
		require.NoError(t, err)
		assert.Equal(t, 4, sent)
	})
}

func TestCookiesJoinThoseOfTheRequest(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	jar.SetCookies(&url.URL{Scheme: "https", Host: "metlo"}, []*http.Cookie{{Name: "session", Value: "1"}})
	rt := roundTripper(func(r *http.Request) (*http.Response, error) {
		assert.Equal(t, []string{"proxy=2; session=1"}, r.Header["Cookie"])
		return answer(r, 200, ""), nil
	})
	p := pipeline(&http.Client{Transport: rt, Jar: jar}, func(c *Config) { c.Header = http.Header{"Cookie": {"proxy=2"}} })
	_, err = p.do(t.Context(), get("https://metlo/"), discard)
	require.NoError(t, err)
}

func TestTransportsMayWriteToHeaders(t *testing.T) {
	header := http.Header{"Authorization": {"metlo.key"}}
	rt := roundTripper(func(sent *http.Request) (*http.Response, error) {
		assert.Equal(t, "metlo", sent.Host)
		sent.Header.Add("Authorization", "another")
		sent.Header.Set("Accept", "text/plain")
		return answer(sent, 200, ""), nil
	})
	p := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Header = header })
	_, err := p.do(t.Context(), get("https://metlo/"), discard)
	require.NoError(t, err)
	assert.Equal(t, http.Header{"Authorization": {"metlo.key"}}, header)
}

func TestHostStaysWhenATransportChangesTheURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hosts []string
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.Host)
			r.URL.Host = "gateway:8080"
			return answer(r, 503, ""), nil
		})
		_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), get("https://metlo/"), discard)
		require.NoError(t, err)
		assert.Equal(t, []string{"metlo", "metlo", "metlo", "metlo"}, hosts)
	})
}

// noting is a body that records its end.
type noting struct {
	io.Reader
	closed func()
}

func (n noting) Close() error {
	n.closed()
	return nil
}

func TestHandlersError(t *testing.T) {
	errHandler := errors.New("not what I asked for")
	tests := map[string]struct {
		err    error
		repeat Repeat
		sent   int
	}{
		"ends the call":                     {errHandler, RepeatSafe, 1},
		"but a cut body is asked for again": {&TruncatedError{Err: io.ErrUnexpectedEOF}, RepeatSafe, 4},
		"unless it was of a change":         {&TruncatedError{Err: io.ErrUnexpectedEOF}, RepeatIdempotent, 1},
	}
	for name, tt := range tests {
		for _, closes := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sent, open := 0, 0
					rt := roundTripper(func(r *http.Request) (*http.Response, error) {
						assert.Zero(t, open, "the last body was closed")
						sent, open = sent+1, open+1
						resp := answer(r, 200, "")
						resp.Body = noting{strings.NewReader("a text"), func() { open = 0 }}
						return resp, nil
					})
					_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), request("GET", "https://metlo/", tt.repeat), func(resp *http.Response) error {
						if closes {
							_ = resp.Body.Close()
						}
						return tt.err
					})
					require.Equal(t, tt.err, err)
					assert.Equal(t, tt.sent, sent)
					assert.Zero(t, open)
				})
			})
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var mu sync.Mutex
		seen := 0
		n.serve("metlo:80", func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen++
			code := []int{200, 429, 503, 200, 0}[seen%5]
			mu.Unlock()
			if code == 0 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, r.URL.Path)
		})
		p := pipeline(n.client(), func(c *Config) { c.Retry.MaxRetries = 1000 })
		var calls sync.WaitGroup
		for _, path := range []string{"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"} {
			calls.Go(func() {
				for range 20 {
					var text string
					_, err := p.do(t.Context(), get("http://metlo"+path), readInto(&text))
					assert.NoError(t, err)
					assert.Equal(t, path, text)
				}
				p.CloseIdleConnections()
			})
		}
		calls.Wait()
	})
}
