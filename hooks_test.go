package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// TestHooks follows two calls. The first gets a Retry-After, then a broken connection, then a response. The second
// waits for the same server.
func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []func() (*http.Response, error){
			func() (*http.Response, error) {
				return failing(429, "", http.Header{"Retry-After": {"3"}}).RoundTrip(nil)
			},
			func() (*http.Response, error) { return nil, fmt.Errorf("with %s: %w", someKey, io.ErrUnexpectedEOF) },
		}
		var attempts []metlo.AttemptInfo
		var waits []metlo.WaitInfo
		client, err := metlo.NewClient("https://metlo.example.com", someKey,
			metlo.WithLimiter(rate.NewLimiter(rate.Every(10*time.Second), 2)),
			metlo.WithHooks(metlo.Hooks{
				Attempt: func(_ context.Context, a metlo.AttemptInfo) { attempts = append(attempts, a) },
				Wait:    func(_ context.Context, w metlo.WaitInfo) { waits = append(waits, w) },
			}),
			metlo.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				<-time.After(time.Second)
				if len(answers) == 0 {
					return failing(200, `{"exists":true}`, nil).RoundTrip(nil)
				}
				answer := answers[0]
				answers = answers[1:]
				return answer()
			})}))
		require.NoError(t, err)
		_, err = client.Summary.HasEndpoints(t.Context())
		require.NoError(t, err)

		require.Len(t, attempts, 3)
		for i, a := range attempts {
			assert.Equal(t, "GET metlo.example.com /summary/endpoint-tracked", a.Method+" "+a.Host+" "+a.Route)
			assert.Equal(t, i+1, a.Number)
			assert.Equal(t, time.Second, a.Duration)
		}
		assert.Equal(t, []int{429, 0, 200}, []int{attempts[0].StatusCode, attempts[1].StatusCode, attempts[2].StatusCode})
		require.ErrorIs(t, attempts[1].Err, io.ErrUnexpectedEOF)
		assert.NotContains(t, attempts[1].Err.Error(), someKey)
		reasons := map[metlo.WaitReason]time.Duration{}
		for _, w := range waits {
			reasons[w.Reason] += w.Duration
			assert.Equal(t, "/summary/endpoint-tracked", w.Route)
		}
		assert.GreaterOrEqual(t, reasons[metlo.WaitRetry], 3*time.Second)
		assert.Positive(t, reasons[metlo.WaitRateLimit])
		assert.Equal(t, 2, waits[0].Number)
	})
}

func TestHooksThatAreNotSetCostNothing(t *testing.T) {
	measure := func(opts ...metlo.Option) float64 {
		client := inProcess(t, kit.JSON(http.StatusOK, `{"exists":true}`), opts...)
		return testing.AllocsPerRun(100, func() { _, _ = client.Summary.HasEndpoints(context.Background()) })
	}
	if kit.Race {
		t.Skip("the race detector allocates besides")
	}
	without := measure()
	assert.LessOrEqual(t, measure(metlo.WithHooks(metlo.Hooks{Attempt: func(context.Context, metlo.AttemptInfo) {}})), without)
	_, err := metlo.NewClient("https://metlo.example.com", "", metlo.WithHooks(metlo.Hooks{}))
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
}

// Count requests by route and status.
func ExampleWithHooks() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	var mu sync.Mutex
	requests := map[string]int{}
	client := server.Client(metlo.WithHooks(metlo.Hooks{Attempt: func(_ context.Context, a metlo.AttemptInfo) {
		mu.Lock()
		defer mu.Unlock()
		requests[fmt.Sprint(a.Method, " ", a.Route, " ", a.StatusCode)]++
	}}))
	ctx := context.Background()
	_, err := client.Endpoints.Get(ctx, "99999999-9999-4999-8999-999999999999")
	fmt.Println(errors.Is(err, metlo.ErrNotFound))
	_, err = client.Hosts.Names(ctx)
	fmt.Println(err)
	fmt.Println(requests)
	// Output:
	// true
	// <nil>
	// map[GET /endpoint/{uuid} 500:1 GET /endpoints/hosts 200:1]
}
