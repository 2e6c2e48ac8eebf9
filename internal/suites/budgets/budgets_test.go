package budgets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// allocs counts the allocations of f once its pools are filled. Garbage collection is disabled, because it would empty
// the pools at a random time.
func allocs(t *testing.T, f func()) float64 {
	t.Helper()
	if kit.Race {
		t.Skip("the race detector makes pools forget, and so allocations differ from run to run")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	f()
	return testing.AllocsPerRun(50, f)
}

// alertList returns a list of n alerts as the server sends it.
func alertList(t *testing.T, n int) string {
	t.Helper()
	data, err := os.ReadFile(kit.Testdata("dataset.json"))
	require.NoError(t, err)
	var dataset struct {
		Alerts []map[string]any `json:"alerts"`
	}
	require.NoError(t, json.Unmarshal(data, &dataset))
	var list bytes.Buffer
	list.WriteString("[[")
	for i := range n {
		alert := dataset.Alerts[0]
		alert["uuid"] = fmt.Sprintf("00000000-0000-4000-b000-%012x", i+1)
		text, err := json.Marshal(alert)
		require.NoError(t, err)
		if i > 0 {
			list.WriteByte(',')
		}
		list.Write(text)
	}
	fmt.Fprintf(&list, "],%d]", n)
	return list.String()
}

func getAlert(t *testing.T, rt http.RoundTripper, opts ...metlo.Option) func() {
	client, id := kit.Client(t, rt, opts...), kit.AlertID(1)
	return func() {
		if _, err := client.Alerts.Get(context.Background(), id); err != nil {
			t.Error(err)
		}
	}
}

// byHand gets an alert with only net/http and encoding/json.
func byHand(t *testing.T, rt http.RoundTripper) func() {
	client, id := &http.Client{Transport: rt}, kit.AlertID(1)
	get := func() (*metlo.Alert, error) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://metlo.example.com/api/v1/alerts?uuid="+id, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq")
		req.Header.Set("User-Agent", "by-hand/1.0")
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		var alerts []metlo.Alert
		var total int
		if err := json.NewDecoder(resp.Body).Decode(&[2]any{&alerts, &total}); err != nil || len(alerts) != 1 {
			return nil, fmt.Errorf("%d alerts, %w", len(alerts), err)
		}
		return &alerts[0], nil
	}
	return func() {
		if alert, err := get(); err != nil || alert.UUID != id {
			t.Error(alert, err)
		}
	}
}

func TestGetAllocatesLessThanTheCallByHand(t *testing.T) {
	tests := map[string]struct {
		body string
		most float64
	}{
		"an alert as recorded":         {kit.RecordingNamed(t, "alerts", "list_by_uuid").Response.Body, 28},
		"an alert of almost no fields": {`[[{"uuid":"` + kit.AlertID(1) + `","description":"x"}],1]`, 28},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			hand := allocs(t, byHand(t, kit.JSON(http.StatusOK, tt.body)))
			got := allocs(t, getAlert(t, kit.JSON(http.StatusOK, tt.body)))
			t.Logf("%v allocations, %v by hand", got, hand)
			assert.LessOrEqual(t, got, tt.most)
			assert.Less(t, got, hand)
		})
	}
}

func TestAllocationBudgets(t *testing.T) {
	one := kit.RecordingNamed(t, "alerts", "list_by_uuid").Response.Body
	get := allocs(t, getAlert(t, kit.JSON(http.StatusOK, one)))

	t.Run("a page of 100: three an item, for its strings, and 66 for the call", func(t *testing.T) {
		client := kit.Client(t, kit.JSON(http.StatusOK, alertList(t, 100)))
		got := allocs(t, func() {
			if page, err := client.Alerts.List(context.Background(), nil, 0, 100); err != nil || len(page.Items) != 100 {
				t.Error(page, err)
			}
		})
		t.Logf("%v allocations", got)
		assert.LessOrEqual(t, got, 366.0)
	})

	t.Run("an item of a walk: three, for its strings", func(t *testing.T) {
		walk := func(n int) float64 {
			client := kit.Client(t, kit.JSON(http.StatusOK, alertList(t, n)))
			return allocs(t, func() {
				seen := 0
				for _, err := range client.Alerts.All(context.Background(), nil, metlo.PageSize(5000)) {
					if err != nil {
						t.Error(err)
					}
					seen++
				}
				if seen != n {
					t.Errorf("%d of %d alerts", seen, n)
				}
			})
		}
		marginal := (walk(3000) - walk(2000)) / 1000
		t.Logf("%v allocations", marginal)
		assert.LessOrEqual(t, marginal, 3.1)
	})

	t.Run("an error: 16 over a success", func(t *testing.T) {
		client := kit.Client(t, &kit.Answer{Status: http.StatusNotFound, Body: []byte("Not Found"), Header: http.Header{}})
		got := allocs(t, func() {
			if _, err := client.Endpoints.Get(context.Background(), kit.AlertID(1)); err == nil {
				t.Error("no error")
			}
		})
		t.Logf("%v allocations, %v for a success", got, get)
		assert.LessOrEqual(t, got, get+16)
	})

	t.Run("a retry: 26 over a call that needs none", func(t *testing.T) {
		ok, unavailable := kit.JSON(http.StatusOK, one), &kit.Answer{Status: http.StatusServiceUnavailable, Header: http.Header{}}
		attempts := 0
		got := allocs(t, getAlert(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if attempts++; attempts%2 == 1 {
				return unavailable.RoundTrip(r)
			}
			return ok.RoundTrip(r)
		}), metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: time.Nanosecond, MaxWait: time.Nanosecond})))
		t.Logf("%v allocations, %v without", got, get)
		assert.LessOrEqual(t, got, get+26)
	})
}
