package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestChangeEachOutcomes(t *testing.T) {
	status := func(code int) error { return &metlo.Error{StatusCode: code, Message: "scripted"} }
	fault := errors.New("the ticket has no such field")
	tests := map[string]struct {
		err  error
		ends bool
	}{
		"done":           {nil, false},
		"conflict":       {metlo.ErrConflict, false},
		"gone":           {fmt.Errorf("resolving: %w", metlo.ErrNotFound), false},
		"bad request":    {status(400), false},
		"server error":   {status(500), false},
		"no allowance":   {metlo.ErrRateLimited, true},
		"no access":      {metlo.ErrUnauthorized, true},
		"forbidden":      {metlo.ErrForbidden, true},
		"no answer":      {status(0), true},
		"a redirect":     {status(302), true},
		"a proxy":        {status(502), true},
		"an ended time":  {context.DeadlineExceeded, true},
		"the caller's":   {fault, false},
		"a login page":   {metlo.ErrInvalidResponse, true},
		"a bad argument": {metlo.ErrInvalidArgument, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			outcomes := map[metlo.ChangeOutcome]int{}
			var last error
			for c, err := range metlo.ChangeEach(t.Context(), metlo.ItemsOf(numbers(100)...), func(_ context.Context, n int) error {
				if n == 0 {
					return tt.err
				}
				return nil
			}) {
				require.NoError(t, last, "the error is the last")
				last = err
				outcomes[c.Outcome]++
				if c.Item == 0 {
					assert.ErrorIs(t, c.Err, tt.err)
				}
			}
			if tt.ends {
				require.ErrorIs(t, last, tt.err)
				assert.Equal(t, 1, outcomes[metlo.ChangeFailed])
				return
			}
			require.NoError(t, last)
			total := 0
			for _, n := range outcomes {
				total += n
			}
			assert.Equal(t, 100, total)
		})
	}
}

func numbers(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestChangeEachRunsEightAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		seen := map[int]bool{}
		for c, err := range metlo.ChangeEach(t.Context(), metlo.ItemsOf(numbers(80)...), func(context.Context, int) error {
			<-time.After(time.Second)
			return nil
		}) {
			require.NoError(t, err)
			assert.False(t, seen[c.Item])
			seen[c.Item] = true
		}
		assert.Len(t, seen, 80)
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

// TestChangeEachStops yields what was under way when the access was lost, and starts nothing after it.
func TestChangeEachStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int32
		yielded := 0
		var last error
		for c, err := range metlo.ChangeEach(t.Context(), metlo.ItemsOf(numbers(1000)...), func(_ context.Context, n int) error {
			started.Add(1)
			<-time.After(time.Duration(n+1) * time.Second)
			if n == 3 {
				return metlo.ErrForbidden
			}
			return nil
		}) {
			yielded++
			if last = err; err != nil {
				assert.Equal(t, 3, c.Item)
			}
		}
		require.ErrorIs(t, last, metlo.ErrForbidden)
		assert.EqualValues(t, started.Load(), yielded, "each that started is told of")
		assert.LessOrEqual(t, yielded, 12)
	})
}

func TestChangeEachEndsWithItsItems(t *testing.T) {
	broken := errors.New("page 2")
	items := func(yield func(int, error) bool) {
		_ = yield(1, nil) && yield(2, nil) && yield(0, broken)
	}
	var got []string
	for c, err := range metlo.ChangeEach(t.Context(), iter.Seq2[int, error](items), func(context.Context, int) error { return nil }) {
		got = append(got, fmt.Sprint(c.Outcome, " ", err))
	}
	assert.Equal(t, []string{"done <nil>", "done <nil>", " page 2"}, got)
}

// TestChangeEachLeaves leaves no goroutine behind: a loop that ends early, a change that ends its goroutine.
func TestChangeEachLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started, ended atomic.Int64
		for _, err := range metlo.ChangeEach(t.Context(), metlo.ItemsOf(numbers(100)...), func(context.Context, int) error {
			started.Add(1)
			<-time.After(time.Second)
			ended.Add(1)
			return nil
		}) {
			require.NoError(t, err)
			break
		}
		assert.Equal(t, started.Load(), ended.Load())
		outcomes := 0
		for c, err := range metlo.ChangeEach(t.Context(), metlo.ItemsOf(1, 2), func(_ context.Context, n int) error {
			if n == 1 {
				runtime.Goexit()
			}
			return nil
		}) {
			require.NoError(t, err)
			assert.Equal(t, c.Item == 1, c.Outcome == metlo.ChangeFailed)
			outcomes++
		}
		assert.Equal(t, 2, outcomes)
	})
}

func TestAlertsResolveEach(t *testing.T) {
	srv := metlotest.NewServer(metlotest.Demo())
	defer srv.Close()
	client := srv.Client(unlimited())
	all, err := metlo.Collect(client.Alerts.All(t.Context(), nil))
	require.NoError(t, err)
	gone := metlo.Alert{UUID: "99999999-9999-4999-8999-999999999999"}
	counts := map[metlo.ChangeOutcome]int{}
	open := 0
	for _, a := range all {
		if a.Status == metlo.StatusOpen {
			open++
		}
	}
	for c, err := range client.Alerts.ResolveEach(t.Context(), metlo.ItemsOf(append(all, gone)...), "swept") {
		require.NoError(t, err)
		counts[c.Outcome]++
	}
	assert.Equal(t, map[metlo.ChangeOutcome]int{metlo.ChangeDone: open, metlo.ChangeConflict: len(all) - open, metlo.ChangeGone: 1}, counts)
	left, err := client.Alerts.List(t.Context(), &metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}})
	require.NoError(t, err)
	assert.Zero(t, left.Total)

	// While the walk goes on, and where there is nothing to do.
	stillOpen := client.Alerts.All(t.Context(), &metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}})
	for c, err := range client.Alerts.IgnoreEach(t.Context(), stillOpen) {
		t.Error("no alert is open", c, err)
	}
	for _, update := range []*metlo.AlertUpdate{nil, {}} {
		for _, err := range client.Alerts.UpdateEach(t.Context(), metlo.ItemsOf(all...), update) {
			require.ErrorIs(t, err, metlo.ErrInvalidArgument)
		}
	}
}

// TestAlertsResolveEachWithoutAccess stops after the first failures instead of trying each alert.
func TestAlertsResolveEachWithoutAccess(t *testing.T) {
	srv := metlotest.NewServer(metlotest.Demo())
	defer srv.Close()
	client := srv.Client()
	all, err := metlo.Collect(client.Alerts.All(t.Context(), nil))
	require.NoError(t, err)
	srv.Inject(metlotest.Fault{Method: http.MethodPut, Status: http.StatusForbidden, Times: 1000})
	var many []metlo.Alert
	for range 50 {
		many = append(many, all...)
	}
	yielded := 0
	var last error
	for _, err := range client.Alerts.ResolveEach(t.Context(), metlo.ItemsOf(many...), "swept") {
		yielded++
		last = err
	}
	require.ErrorIs(t, last, metlo.ErrForbidden)
	assert.LessOrEqual(t, yielded, 16)
}

// Resolve every open alert of a host, one by one, and say what became of each.
func ExampleAlertsService_ResolveEach() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	open := client.Alerts.All(ctx, &metlo.AlertListOptions{
		Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: []string{"shop.example.com"},
	})
	outcomes := map[metlo.ChangeOutcome]int{}
	for change, err := range client.Alerts.ResolveEach(ctx, open, "fixed in 1.4.2") {
		if err != nil {
			fmt.Println("stopped:", err)
			return
		}
		outcomes[change.Outcome]++
	}
	fmt.Println(outcomes)
	// Output: map[done:17]
}

// Change many items by their ids alone.
func ExampleChangeEach() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	ids := metlo.ItemsOf("99999999-9999-4999-8999-999999999999")
	for change, err := range metlo.ChangeEach(ctx, ids, func(ctx context.Context, id string) error {
		_, err := client.Alerts.Ignore(ctx, id)
		return err
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(change.Item, change.Outcome)
	}
	// Output: 99999999-9999-4999-8999-999999999999 gone
}
