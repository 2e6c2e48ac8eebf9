package metlotest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// fewEndpoints returns a little data, which loads faster than the demo's.
func fewEndpoints() metlotest.Option {
	return metlotest.Load(strings.NewReader(`{"endpoints":[
		{"uuid":"00000000-0000-4000-8000-000000000001","host":"a.example.com","path":"/a","method":"GET","riskScore":"none"},
		{"uuid":"00000000-0000-4000-8000-000000000002","host":"a.example.com","path":"/b","method":"GET","riskScore":"none"}]}`))
}

func failureNamed(t testing.TB, name string) metlotest.Failure {
	t.Helper()
	for _, f := range metlotest.Failures() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no failure %q", name)
	return metlotest.Failure{}
}

func TestFailuresHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range metlotest.Failures() {
		assert.False(t, seen[f.Name], f.Name)
		assert.NotEmpty(t, f.Does, f.Name)
		seen[f.Name] = true
	}
	t.Logf("%d failures", len(seen))
}

// TestFailuresEndWithTheirClient has a client give up during each failure. Nothing may remain that Close does not end.
func TestFailuresEndWithTheirClient(t *testing.T) {
	meet := func(t *testing.T, f metlotest.Failure, patience time.Duration, opts ...metlotest.Option) {
		srv := metlotest.NewFaultServer(f, append(opts, fewEndpoints())...)
		defer srv.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/v1/endpoints?limit=100", nil)
		require.NoError(t, err)
		res, err := srv.HTTPClient().Do(req)
		if err != nil {
			return
		}
		defer res.Body.Close()
		if res.StatusCode == http.StatusSwitchingProtocols {
			return // net/http would continue to read regardless of the context
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	}
	for _, f := range metlotest.Failures() {
		t.Run(f.Name, func(t *testing.T) {
			if f.NeedsSocket {
				meet(t, f, time.Second)
				return
			}
			synctest.Test(t, func(t *testing.T) { meet(t, f, time.Minute, metlotest.InMemory()) })
		})
	}
}

func TestAFailureIsMetAsOftenAsItIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := failureNamed(t, "503 Retry-After seconds")
		f.Times = 2
		srv := metlotest.NewFaultServer(f, fewEndpoints(), metlotest.InMemory())
		defer srv.Close()
		start := time.Now()
		hosts, err := srv.Client().Hosts.Names(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, hosts)
		assert.Equal(t, 4*time.Second, time.Since(start), "two waits of two seconds")
		var statuses []int
		for _, r := range srv.Requests() {
			statuses = append(statuses, r.Status)
			assert.True(t, r.Whole)
		}
		assert.Equal(t, []int{503, 503, 200}, statuses)
	})
}

func TestADelayIsWaitedBeforeTheHeadAndInTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.NewFaultServer(metlotest.Failure{Delay: time.Second}, fewEndpoints(), metlotest.InMemory())
		defer srv.Close()
		start := time.Now()
		res, err := srv.HTTPClient().Get(srv.URL + "/api/v1/endpoints/hosts")
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, time.Second, time.Since(start))
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestWhatGoesElsewhereIsRecorded(t *testing.T) {
	for _, name := range []string{"redirect to another host", "redirect to another port", "redirect to a subdomain", "redirect to plain http"} {
		t.Run(name, func(t *testing.T) {
			srv := metlotest.NewFaultServer(failureNamed(t, name))
			defer srv.Close()
			res, err := srv.HTTPClient().Get(srv.URL + "/api/v1/endpoints/hosts")
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			requests := srv.Requests()
			require.Len(t, requests, 2)
			assert.Equal(t, "backend", requests[0].Service)
			assert.Equal(t, "elsewhere", requests[1].Service)
		})
	}
}

func TestAnsweredRequestsAreRecorded(t *testing.T) {
	srv := metlotest.NewFaultServer(failureNamed(t, "login page"), fewEndpoints())
	defer srv.Close()
	_, err := srv.Client().Keys.Create(t.Context(), "ci", "")
	require.ErrorIs(t, err, metlo.ErrInvalidResponse)
	requests := srv.Requests()
	require.Len(t, requests, 1)
	assert.Equal(t, "POST", requests[0].Method)
	assert.Equal(t, "/keys/create", requests[0].Path)
	assert.True(t, requests[0].Whole)
	assert.JSONEq(t, `{"name":"ci"}`, string(requests[0].Body))
	made, _ := srv.Connections()
	assert.Equal(t, 1, made)
}

func TestNewFaultServerRefusesWhatItCannotDo(t *testing.T) {
	assert.PanicsWithValue(t, "metlotest: NewFaultServer: reset on accept needs a socket; leave InMemory out", func() {
		metlotest.NewFaultServer(failureNamed(t, "reset on accept"), metlotest.InMemory())
	})
	assert.Panics(t, func() { metlotest.NewFaultServer(metlotest.Failure{}, nil) })
}

func ExampleFaultServer() {
	for _, failure := range metlotest.Failures() {
		if failure.Name != "login page" {
			continue
		}
		srv := metlotest.NewFaultServer(failure, fewEndpoints())
		_, err := srv.Client().Alerts.List(context.Background(), nil, 0, 0)
		fmt.Println(errors.Is(err, metlo.ErrInvalidResponse))
		srv.Close()
	}
	// Output: true
}
