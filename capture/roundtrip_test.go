package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asked sends a request to a server through a recorder and returns the trace.
func asked(t *testing.T, handler http.HandlerFunc, ask func(*http.Client, string)) (traces []string, s Stats) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	var c collector
	r := recorderFor(t, &c, WithoutSampling())
	client := &http.Client{Transport: r.Transport(server.Client().Transport)}
	ask(client, server.URL)
	for _, trace := range finish(t, r, &c) {
		traces = append(traces, fmt.Sprintf("%s %s%s %s -> %d %s", trace.Request.Method, trace.Request.URL.Host, trace.Request.URL.Path,
			trace.Request.Body, trace.Response.Status, trace.Response.Body))
		assert.False(t, trace.Meta.Incoming)
		assert.Equal(t, "127.0.0.1", trace.Meta.Destination)
	}
	client.CloseIdleConnections()
	return traces, r.Stats()
}

func TestTransportRecordsWhatTheServiceAsks(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.Copy(w, r.Body)
	}
	var host string
	traces, _ := asked(t, echo, func(client *http.Client, url string) {
		host = strings.TrimPrefix(url, "http://")
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/items", strings.NewReader(`{"a":1}`))
			require.NoError(t, err)
			body := req.Body
			resp, err := client.Do(req)
			require.NoError(t, err)
			data, err := io.ReadAll(resp.Body)
			require.NoError(t, errors.Join(err, resp.Body.Close()))
			assert.Equal(t, `{"a":1}`, string(data))
			assert.Same(t, req, resp.Request)
			assert.Equal(t, body, req.Body, "the request stays as it was")
		}
		resp, err := client.Get(url + "/none")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
	assert.Equal(t, []string{
		"POST " + host + `/items {"a":1} -> 202 {"a":1}`, "POST " + host + `/items {"a":1} -> 202 {"a":1}`, "GET " + host + "/none  -> 202 ",
	}, traces)
}

func TestTransportRecordsTheBodyThatWasSentLast(t *testing.T) {
	traces, _ := asked(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusTemporaryRedirect)
		}
	}, func(client *http.Client, url string) {
		resp, err := client.Post(url+"/a", "application/json", strings.NewReader(`{"a":1}`))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
	require.Len(t, traces, 2)
	for _, trace := range traces {
		assert.Equal(t, 1, strings.Count(trace, `{"a":1}`), trace)
	}
}

func TestTransportLeavesStreamsAndUpgradesAlone(t *testing.T) {
	goOn := make(chan struct{})
	traces, s := asked(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			echoAfterUpgrade(t, http.NewResponseController(w).Hijack)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n")
		_ = http.NewResponseController(w).Flush()
		<-goOn
	}, func(client *http.Client, url string) {
		resp, err := client.Get(url + "/events")
		require.NoError(t, err)
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "data: one\n", line)
		close(goOn)
		require.NoError(t, resp.Body.Close())

		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/ws", http.NoBody)
		require.NoError(t, err)
		req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"echo"}}
		resp, err = client.Do(req)
		require.NoError(t, err)
		_, err = io.WriteString(resp.Body.(io.Writer), "ping\n")
		require.NoError(t, err)
		line, err = bufio.NewReader(resp.Body).ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, "ping\n", line)
		require.NoError(t, resp.Body.Close())
	})
	require.Len(t, traces, 1)
	assert.Contains(t, traces[0], "/events  -> 200 ")
	assert.EqualValues(t, 1, s.Skipped, "the upgrade")
}

func TestTransportOfARequestThatFails(t *testing.T) {
	broken := errors.New("cable cut")
	r := recorderFor(t, &collector{})
	_, err := r.Transport(roundTrip(func(*http.Request) (*http.Response, error) { return nil, broken })).
		RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	assert.ErrorIs(t, err, broken)
	assert.Panics(t, func() {
		_, _ = r.Transport(roundTrip(func(*http.Request) (*http.Response, error) { panic("below") })).
			RoundTrip(httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	})
	assert.EqualValues(t, 2, r.Stats().Skipped)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// lateTransport can be set after the client that uses it has been created.
type lateTransport struct{ next http.RoundTripper }

func (l *lateTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return l.next.RoundTrip(r)
}

func TestTheRecorderNeverRecordsItsOwnTraffic(t *testing.T) {
	var c collector
	late := &lateTransport{&c}
	r, err := New(clientFor(t, late), WithoutSampling(), WithSendRate(1e6), WithAnyHost(), WithoutAgentConfig())
	require.NoError(t, err)
	late.next = r.Transport(&c)
	serveN(r, 150)
	assert.Len(t, finish(t, r, &c), 150)
	assert.EqualValues(t, 150, r.Stats().Seen)
}

func TestNestedTransportsRecordOnce(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	resp, err := (&http.Client{Transport: r.Transport(r.Transport(discardCollector{}))}).Get("https://stock.example.com/items")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, errors.Join(err, resp.Body.Close(), resp.Body.Close()))
	assert.Len(t, finish(t, r, &c), 1)
}

// Requests that a handler sends with its context are recorded in addition to the served request.
func TestAHandlersOwnRequestsAreRecorded(t *testing.T) {
	var c collector
	r := recorderFor(t, &c)
	outgoing := &http.Client{Transport: r.Transport(discardCollector{})}
	r.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		ask, err := http.NewRequestWithContext(req.Context(), http.MethodGet, "https://stock.example.com/items", http.NoBody)
		assert.NoError(t, err)
		resp, err := outgoing.Do(ask)
		if assert.NoError(t, err) {
			assert.NoError(t, resp.Body.Close())
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orders", http.NoBody))
	var hosts []string
	for _, trace := range finish(t, r, &c) {
		hosts = append(hosts, trace.Request.URL.Host)
	}
	assert.Equal(t, []string{"stock.example.com", "example.com"}, hosts)
}

func TestTransportIsTheDefaultOneWithoutAnother(t *testing.T) {
	r := recorderFor(t, &collector{})
	before := http.DefaultTransport
	transport := r.Transport(nil).(*transport)
	assert.Equal(t, before, transport.base())
	assert.Equal(t, before, http.DefaultTransport)
}

// An upload continues after an early response.
func TestTransportDuringAnUpload(t *testing.T) {
	const size = 8 << 20
	received := make(chan int64, 1)
	goOn := make(chan struct{})
	_, s := asked(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, http.NewResponseController(w).EnableFullDuplex())
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		<-goOn
		n, _ := io.Copy(io.Discard, r.Body)
		received <- n
	}, func(client *http.Client, url string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, struct{ io.Reader }{io.LimitReader(zeros{}, size)})
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		close(goOn)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
	})
	assert.EqualValues(t, size, <-received)
	assert.EqualValues(t, 1, s.Seen)
}
