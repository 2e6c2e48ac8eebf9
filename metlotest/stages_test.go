package metlotest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// TestStoppedStagesAnswerAsRecorded sends the requests of testdata/outages.json and compares the answers with those of
// a real installation whose database or cache was stopped.
func TestStoppedStagesAnswerAsRecorded(t *testing.T) {
	data, err := os.ReadFile("../testdata/outages.json")
	require.NoError(t, err)
	var outages map[string][]struct {
		Service, Method, Path, Body string
		Status                      int
	}
	require.NoError(t, json.Unmarshal(data, &outages))
	for name, stages := range map[string][]metlotest.Stage{
		"all is well": nil, "PostgreSQL stopped": {metlotest.Database}, "Redis stopped": {metlotest.Cache},
		"PostgreSQL stopped, Redis empty": {metlotest.Database},
	} {
		require.NotEmpty(t, outages[name])
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
				if !strings.HasSuffix(name, "Redis empty") { // the cache keeps earlier answers for a while
					for _, url := range []string{srv.URL + "/api/v1/summary", srv.URL + "/api/v1/agent-config", srv.CollectorURL + "/api/v1/verify"} {
						status, _ := ask(t, srv, http.MethodGet, url, "")
						require.Equal(t, http.StatusOK, status)
					}
				}
				srv.Stop(stages...)
				for _, want := range outages[name] {
					url, body := srv.URL+want.Path, ""
					if want.Service == "collector" {
						url = srv.CollectorURL + want.Path
					}
					if want.Method == http.MethodPost {
						body = "[]"
					}
					status, text := ask(t, srv, want.Method, url, body)
					assert.Equal(t, want.Status, status, "%s %s", want.Method, url)
					if want.Status >= 400 {
						assert.True(t, strings.HasPrefix(text, strings.TrimSpace(want.Body)), "%s %s: %s", want.Method, url, text)
					}
				}
				srv.Start(stages...)
				status, _ := ask(t, srv, http.MethodGet, srv.URL+"/api/v1/hosts?limit=1", "")
				assert.Equal(t, http.StatusOK, status, "it works again")
				status, _ = ask(t, srv, http.MethodGet, srv.CollectorURL+"/api/v1/verify", "")
				assert.Equal(t, http.StatusOK, status, "it works again")
			})
		})
	}
}

// ask returns the answer to a request, or a status of 0 if there is none within 12 s.
func ask(t *testing.T, srv *metlotest.Server, method, url, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", srv.APIKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := srv.HTTPClient().Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func logged(t *testing.T, client *metlo.Client, path string) {
	t.Helper()
	require.NoError(t, client.Collector.Log(t.Context(), &metlo.Trace{
		Request:  metlo.TraceRequest{Method: http.MethodGet, URL: metlo.TraceURL{Host: "a.example.com", Path: path}},
		Response: metlo.TraceResponse{Status: http.StatusOK},
	}))
}

func endpointsOf(t *testing.T, client *metlo.Client) (paths []string) {
	t.Helper()
	endpoints, err := metlo.Collect(client.Endpoints.All(t.Context(), &metlo.EndpointFilter{Hosts: []string{"a.example.com"}}))
	require.NoError(t, err)
	for _, e := range endpoints {
		paths = append(paths, e.Path)
	}
	return paths
}

// TestStoppedAnalyzerLetsCallsWait logs a call while nothing takes it, and starts the analyzer again.
func TestStoppedAnalyzerLetsCallsWait(t *testing.T) {
	srv := metlotest.New(t, metlotest.InMemory())
	client := srv.Client()
	srv.Stop(metlotest.Analyzer)
	logged(t, client, "/waits")
	assert.Empty(t, endpointsOf(t, client))
	srv.Start(metlotest.Analyzer)
	assert.Equal(t, []string{"/waits"}, endpointsOf(t, client))
}

// TestFullQueueDropsCalls logs a call that never arrives, while the analyzer is at work on others.
func TestFullQueueDropsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.New(t, metlotest.InMemory())
		client := srv.Client()
		logged(t, client, "/busy")
		srv.Stop(metlotest.Queue)
		logged(t, client, "/dropped")
		active := func() time.Time {
			<-time.After(time.Second)
			endpoints, err := client.Endpoints.List(t.Context(), nil, 0, 1)
			require.NoError(t, err)
			return endpoints.Items[0].LastActive
		}
		first := active()
		assert.True(t, active().After(first), "the analyzer is at work")
		srv.Start(metlotest.Queue)
		assert.Equal(t, []string{"/busy"}, endpointsOf(t, client))
	})
}

// TestStoppedJobsDoNotRunByThemselves waits past the scheduled time of stopped jobs.
func TestStoppedJobsDoNotRunByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.New(t, metlotest.InMemory())
		client := srv.Client()
		srv.Stop(metlotest.Jobs)
		logged(t, client, "/counted")
		usage := func() int {
			endpoints, err := metlo.Collect(client.Endpoints.All(t.Context(), nil))
			require.NoError(t, err)
			days, err := client.Endpoints.Usage(t.Context(), endpoints[0].UUID)
			require.NoError(t, err)
			return len(days)
		}
		<-time.After(time.Hour)
		assert.Zero(t, usage())
		srv.Start(metlotest.Jobs)
		<-time.After(6 * time.Minute)
		assert.Equal(t, 1, usage())
	})
}
