package apitest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// payloadTest returns a test with 3 × 2 branches. Its second step sends what the first one extracted.
func payloadTest(base string) *Config {
	return &Config{ID: "t", Test: []Step{
		{
			Request: Request{Method: "GET", URL: base + "/first?p={{P}}"}, Payload: []Payload{{"P", "LETTERS"}},
			Extract: []Extractor{{Name: "SEEN", Value: "resp.headers['x-seen']"}},
			Assert:  []Assertion{Equal("resp.status", 200)},
		},
		{
			Request: Request{Method: "GET", URL: base + "/second?p={{SEEN}}{{N}}"}, Payload: []Payload{{"N", "NUMBERS"}},
			Assert: []Assertion{Equal("resp.headers['x-seen']", "{{P}}{{N}}"), Expr("P != 'b'")},
		},
	}}
}

// TestPayloadsRunSideBySide holds the first three requests until all of them have arrived.
func TestPayloadsRunSideBySide(t *testing.T) {
	var arrived sync.WaitGroup
	arrived.Add(3)
	var inFlight, peak atomic.Int64
	base, opts := strict(t, func(w http.ResponseWriter, r *http.Request) {
		now := inFlight.Add(1)
		defer inFlight.Add(-1)
		for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
		}
		if r.URL.Path == "/first" {
			arrived.Done()
			arrived.Wait()
		}
		w.Header().Set("X-Seen", r.URL.Query().Get("p"))
	})
	opts = append(opts, WithPayloads("LETTERS", "a", "b", "c"), WithPayloads("NUMBERS", "1", "2"))
	res, err := Run(t.Context(), payloadTest(base), append(opts, WithParallel(4))...)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, peak.Load(), int64(3))
	assert.LessOrEqual(t, peak.Load(), int64(4))
	assertInOrder(t, res)
}

func assertInOrder(t *testing.T, res *Result) {
	t.Helper()
	var payloads []string
	for _, step := range res.Results[0] {
		payloads = append(payloads, step.Payload["P"])
		assert.Equal(t, Passed, step.Outcome, step)
	}
	assert.Equal(t, []string{"a", "b", "c"}, payloads)
	payloads = nil
	for _, step := range res.Results[1] {
		payloads = append(payloads, step.Payload["P"]+step.Payload["N"])
		assert.Equal(t, step.Payload["P"] != "b", step.Success, step)
	}
	assert.Equal(t, []string{"a1", "a2", "b1", "b2", "c1", "c2"}, payloads)
	assert.Equal(t, Failed, res.Outcome)
}

// TestPayloadsKeepWithinWithParallel counts the concurrent requests of several tests with payloads.
func TestPayloadsKeepWithinWithParallel(t *testing.T) {
	for _, parallel := range []int{1, 2, 3} {
		var inFlight, peak, all atomic.Int64
		base, opts := strict(t, func(w http.ResponseWriter, r *http.Request) {
			now := inFlight.Add(1)
			defer inFlight.Add(-1)
			all.Add(1)
			for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
			}
			w.Header().Set("X-Seen", r.URL.Query().Get("p"))
		})
		opts = append(opts, WithPayloads("LETTERS", "a", "b", "c"), WithPayloads("NUMBERS", "1", "2"), WithParallel(parallel))
		results, err := RunAll(t.Context(), slices.Repeat([]*Config{payloadTest(base)}, 4), opts...)
		require.NoError(t, err)
		for _, res := range results {
			assertInOrder(t, res)
		}
		assert.Equal(t, int64(4*9), all.Load())
		assert.LessOrEqual(t, peak.Load(), int64(parallel), strconv.Itoa(parallel))
	}
}

// TestStopOnFailureKeepsTheOrder checks that nothing is sent after the first failure, even under WithParallel.
func TestStopOnFailureKeepsTheOrder(t *testing.T) {
	var all atomic.Int64
	base, opts := strict(t, func(w http.ResponseWriter, r *http.Request) {
		all.Add(1)
		w.Header().Set("X-Seen", r.URL.Query().Get("p"))
	})
	cfg := payloadTest(base)
	cfg.StopOnFailure = true
	opts = append(opts, WithPayloads("LETTERS", "b", "a", "c"), WithPayloads("NUMBERS", "1", "2"), WithParallel(4))
	res, err := Run(t.Context(), cfg, opts...)
	require.NoError(t, err)
	assert.Equal(t, Failed, res.Outcome)
	assert.Equal(t, int64(2), all.Load())
}

// TestForbiddenHostEndsAllBranches runs a branch that calls a forbidden host while another waits for its first
// response.
func TestForbiddenHostEndsAllBranches(t *testing.T) {
	held := make(chan struct{})
	var late atomic.Int64
	base, opts := strict(t, func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/held":
			<-held
		case "/late":
			late.Add(1)
		}
	})
	cfg := &Config{ID: "t", Test: []Step{
		{Request: Request{Method: "GET", URL: "{{U}}"}, Payload: []Payload{{"U", "URLS"}}},
		{Request: Request{Method: "GET", URL: base + "/late?n={{N}}"}, Payload: []Payload{{"N", "NUMBERS"}}},
	}}
	opts = append(opts, WithPayloads("URLS", base+"/held", "http://evil.test/"), WithPayloads("NUMBERS", "1", "2"), WithParallel(2))
	time.AfterFunc(300*time.Millisecond, func() { close(held) })
	res, err := Run(t.Context(), cfg, opts...)
	require.ErrorIs(t, err, ErrHostNotAllowed)
	assert.Zero(t, late.Load(), "nothing is sent behind it")
	assert.NotEqual(t, Passed, res.Outcome)
}
