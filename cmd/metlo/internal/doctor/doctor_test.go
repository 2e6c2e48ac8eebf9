package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/doctor"
	"github.com/metlo-go/metlo/metlotest"
)

// patient is a time within which the jobs must run.
const patient = 6 * time.Minute

func newDoctor(t *testing.T, srv *metlotest.Server, key string) *doctor.Doctor {
	t.Helper()
	short := metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 1, BaseWait: 100 * time.Millisecond})
	client, err := metlo.NewClient(srv.URL, key, metlo.WithHTTPClient(srv.HTTPClient()), metlo.WithCollectorURL(srv.CollectorURL), short)
	require.NoError(t, err)
	collector, err := metlo.NewClient(srv.CollectorURL, "", metlo.WithHTTPClient(srv.HTTPClient()), short)
	require.NoError(t, err)
	return &doctor.Doctor{Client: client, Collector: collector, Key: metlo.NewSecret(key), Explain: error.Error}
}

// contents returns all data of an instance that a probe might leave, including webhooks and their runs.
func contents(t *testing.T, srv *metlotest.Server) string {
	t.Helper()
	client := srv.Client()
	hosts, err := client.Hosts.Names(t.Context())
	require.NoError(t, err)
	endpoints, err := metlo.Collect(client.Endpoints.All(t.Context(), nil))
	require.NoError(t, err)
	var ids []string // their last activity changes while an analyzer runs
	for _, e := range endpoints {
		ids = append(ids, e.UUID)
	}
	slices.Sort(ids)
	alerts, err := metlo.Collect(client.Alerts.All(t.Context(), nil))
	require.NoError(t, err)
	webhooks, err := client.Webhooks.List(t.Context())
	require.NoError(t, err)
	data, err := json.Marshal([]any{hosts, ids, len(alerts), webhooks})
	require.NoError(t, err)
	return string(data)
}

// TestProbeNamesTheStoppedStage stops the stages of an installation one by one.
func TestProbeNamesTheStoppedStage(t *testing.T) {
	tests := map[string]struct {
		stop   []metlotest.Stage
		key    string // "" for the right one
		fault  *metlotest.Fault
		first  string // first stage that failed; "" for none
		advice string
	}{
		"all is well":     {},
		"no backend":      {fault: &metlotest.Fault{Path: "/", Method: "GET", Cut: -1, Times: 2}, first: doctor.Backend, advice: "that the backend runs"},
		"database down":   {stop: []metlotest.Stage{metlotest.Database}, first: doctor.Database, advice: "start PostgreSQL"},
		"cache down":      {stop: []metlotest.Stage{metlotest.Cache}, first: doctor.Cache, advice: "start Redis"},
		"both down":       {stop: []metlotest.Stage{metlotest.Database, metlotest.Cache}, first: doctor.Database, advice: "start PostgreSQL"},
		"wrong key":       {key: "metlo.0000000000000000000000000000000000000000", first: doctor.Key, advice: "metlo key create"},
		"no analyzer":     {stop: []metlotest.Stage{metlotest.Analyzer}, first: doctor.Analyzer, advice: "start the analyzer"},
		"full queue":      {stop: []metlotest.Stage{metlotest.Queue}, first: doctor.Collector, advice: "send less traffic"},
		"no jobs":         {stop: []metlotest.Stage{metlotest.Jobs}, first: doctor.Jobs, advice: "start the jobs"},
		"collector fails": {fault: &metlotest.Fault{Path: "/log-request/single", Status: 500, Body: "oh"}, first: doctor.Analyzer, advice: "log of the collector"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
				before := contents(t, srv)
				<-time.After(7 * time.Second) // the collector caches a key for 5 s
				srv.Stop(tt.stop...)
				if tt.fault != nil {
					srv.Inject(*tt.fault)
				}
				key := tt.key
				if key == "" {
					key = srv.APIKey
				}
				d := newDoctor(t, srv, key)
				d.Probe = &doctor.Probe{Host: doctor.ProbeHost(), Wait: patient}
				rows, err := d.Check(t.Context(), false)
				require.NoError(t, err)
				failed := doctor.FirstFailed(rows)
				if tt.first == "" {
					assert.Nil(t, failed)
					assert.Equal(t, doctor.OK, state(rows, doctor.Jobs))
					assert.Equal(t, doctor.OK, state(rows, doctor.Analyzer))
				} else {
					require.NotNil(t, failed, "%+v", rows)
					assert.Equal(t, tt.first, failed.Name, "%+v", rows)
					assert.Contains(t, failed.Advice, tt.advice)
				}
				n := 0
				for _, row := range rows {
					if row.State == doctor.Failed {
						n++
					}
					assert.NotEmpty(t, row.Detail, "%+v", row)
				}
				assert.LessOrEqual(t, n, 1, "one cause is named once: %+v", rows)
				srv.Start(tt.stop...)
				if !stopsBefore(tt.stop, metlotest.Analyzer) && tt.fault == nil {
					assert.Equal(t, before, contents(t, srv), "nothing is left")
				}
			})
		})
	}
}

// stopsBefore reports whether a stage is stopped whose queue still holds the probe. The row then shows how to remove
// it.
func stopsBefore(stopped []metlotest.Stage, stage metlotest.Stage) bool {
	for _, s := range stopped {
		if s == stage {
			return true
		}
	}
	return false
}

func state(rows []doctor.Row, name string) doctor.State {
	for _, row := range rows {
		if row.Name == name {
			return row.State
		}
	}
	return ""
}

// TestNoKeyIsBlamedForAnOutage checks the outages of testdata/outages.json with a key that the collector accepted
// earlier.
func TestNoKeyIsBlamedForAnOutage(t *testing.T) {
	for name, stage := range map[string]metlotest.Stage{"database": metlotest.Database, "cache": metlotest.Cache} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
				srv.Stop(stage)
				rows, err := newDoctor(t, srv, srv.APIKey).Check(t.Context(), true)
				require.NoError(t, err)
				assert.Equal(t, doctor.Failed, state(rows, name), "%+v", rows)
				assert.Equal(t, doctor.NotChecked, state(rows, doctor.Key), "%+v", rows)
				for _, row := range rows {
					assert.NotContains(t, row.Advice, "key", "%+v", row)
				}
			})
		})
	}
}

// TestRefusedKeyThatTheBackendLists checks a collector that has lost only its database.
func TestRefusedKeyThatTheBackendLists(t *testing.T) {
	srv := metlotest.New(t, metlotest.InMemory())
	made, err := srv.Client().Keys.Create(t.Context(), "ci", metlo.KeyGeneric)
	require.NoError(t, err)
	srv.Inject(metlotest.Fault{Path: "/verify", Status: 401, Body: "Client unauthorized"})
	rows, err := newDoctor(t, srv, made.APIKey.Reveal()).Check(t.Context(), true)
	require.NoError(t, err)
	failed := doctor.FirstFailed(rows)
	require.NotNil(t, failed)
	assert.Equal(t, doctor.Key, failed.Name)
	assert.Contains(t, failed.Advice, "database")
	assert.NotContains(t, failed.Advice, "make a key")
}

// TestEveryStageHasARowWhenTheTimeIsUp limits the whole check to less time than the cache's stage takes.
func TestEveryStageHasARowWhenTheTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
		srv.Stop(metlotest.Cache)
		d := newDoctor(t, srv, srv.APIKey)
		d.Limit = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		rows, err := d.Check(ctx, false)
		require.NoError(t, err)
		for _, name := range []string{
			doctor.Backend, doctor.Database, doctor.Cache, doctor.Inventory, doctor.Collector, doctor.Key, doctor.Analyzer, doctor.Jobs, doctor.Webhooks,
		} {
			assert.NotEmpty(t, state(rows, name), name)
		}
		assert.Equal(t, doctor.OK, state(rows, doctor.Database))
		assert.Equal(t, doctor.NotChecked, state(rows, doctor.Cache))
	})
}

// TestProbeThatDoesNotWait leaves the jobs unchecked, and expects the time at which they run.
func TestProbeThatDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
		before := contents(t, srv)
		<-time.After(time.Minute)
		d := newDoctor(t, srv, srv.APIKey)
		d.Probe = &doctor.Probe{Host: doctor.ProbeHost()}
		rows, err := d.Check(t.Context(), false)
		require.NoError(t, err)
		assert.Nil(t, doctor.FirstFailed(rows))
		assert.Equal(t, doctor.NotChecked, state(rows, doctor.Jobs))
		for _, row := range rows {
			if row.Name == doctor.Jobs {
				assert.Contains(t, row.Detail, "they run at 00:05 UTC")
			}
		}
		assert.Equal(t, before, contents(t, srv))
	})
}

// TestInterruptedProbeIsNamed ends a probe before its request arrives, and while it waits for the jobs.
func TestInterruptedProbeIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		stop []metlotest.Stage
		left bool
	}{
		"before it arrives":       {[]metlotest.Stage{metlotest.Analyzer}, true},
		"while the jobs are due":  {nil, false},
		"and it is not removable": {[]metlotest.Stage{metlotest.Database}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
				before := contents(t, srv)
				<-time.After(7 * time.Second)
				ctx, interrupt := context.WithCancel(t.Context())
				d := newDoctor(t, srv, srv.APIKey)
				d.Probe = &doctor.Probe{Host: doctor.ProbeHost(), Wait: patient}
				var notes []string
				d.Note = func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
				if !slices.Contains(tt.stop, metlotest.Database) {
					srv.Stop(tt.stop...)
				}
				go func() {
					<-time.After(10 * time.Second)
					srv.Stop(tt.stop...)
					<-time.After(3 * time.Second)
					interrupt()
				}()
				_, err := d.Check(ctx, false)
				require.ErrorIs(t, err, context.Canceled)
				assert.Contains(t, notes[0], "If this ends early: metlo host delete "+d.Probe.Host)
				if tt.left {
					assert.Equal(t, d.Probe.Host, d.Left())
				} else {
					assert.Empty(t, d.Left())
					assert.Equal(t, before, contents(t, srv))
				}
			})
		})
	}
}

// TestProbeRemovesEarlierOnes finds the hosts of a probe that was interrupted an hour ago, and of one that may be
// running.
func TestProbeRemovesEarlierOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
		seen := func(host string) {
			require.NoError(t, srv.Client().Collector.Log(t.Context(), &metlo.Trace{
				Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: host, Path: "/metlo-doctor-probe"}},
				Response: metlo.TraceResponse{Status: 204},
			}))
			<-time.After(time.Minute)
		}
		earlier, current, other := doctor.ProbeHost(), doctor.ProbeHost(), "metlo-doctor-abc.invalid"
		seen(earlier)
		seen(other)
		<-time.After(2 * time.Hour)
		seen(current)
		d := newDoctor(t, srv, srv.APIKey)
		d.Probe = &doctor.Probe{Host: doctor.ProbeHost(), Wait: patient}
		_, err := d.Check(t.Context(), false)
		require.NoError(t, err)
		hosts, err := srv.Client().Hosts.Names(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, hosts, earlier)
		assert.Contains(t, hosts, current)
		assert.Contains(t, hosts, other, "it is not of a probe")
		assert.NotContains(t, hosts, d.Probe.Host)
	})
}

// TestFires lists the webhooks that post the alert of a probe.
func TestFires(t *testing.T) {
	hooks := []metlo.Webhook{
		{UUID: "all"},
		{UUID: "new", AlertTypes: []metlo.AlertType{metlo.AlertPIIData, metlo.AlertNewEndpoint}},
		{UUID: "other type", AlertTypes: []metlo.AlertType{metlo.AlertPIIData}},
		{UUID: "other host", Hosts: []string{"shop.example.com"}},
	}
	var names []string
	for _, w := range doctor.Fires(hooks) {
		names = append(names, w.UUID)
	}
	assert.Equal(t, []string{"all", "new"}, names)
}

func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}
