package capture_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/internal/suites/cases"
)

var (
	mayChange = flag.Bool("change-instance", false, "send traces to the instance of METLO_HOST, which keeps their hosts")
	classJob  = flag.Duration("class-job", 0, "wait this long for the job of the instance that finds data classes; 0 compares no classes")
)

// TestTheSameFieldsAsAnInstanceFinds sends each exchange to an instance twice: with its values by the first version of the
// collector, and analyzed by the second version. It compares the fields that the instance then knows.
func TestTheSameFieldsAsAnInstanceFinds(t *testing.T) {
	if !*mayChange {
		t.Skip("-change-instance is not set")
	}
	if os.Getenv("METLO_HOST") == "" || os.Getenv("METLO_COLLECTOR_HOST") == "" {
		t.Fatal("-change-instance needs METLO_HOST and METLO_COLLECTOR_HOST")
	}
	client, err := metlo.NewClientFromEnv(metlo.WithoutRateLimit())
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	analyzer, err := capture.NewAnalyzer()
	require.NoError(t, err)

	run := fmt.Sprintf("%x", time.Now().UnixNano())
	g := traffic{rand.New(rand.NewPCG(3, 4))}
	n := cases.Of(2000)
	if *classJob > 0 {
		n = 60
	}
	const portion = 100 // the collector drops what exceeds 1,000 queued traces
	var whole []*metlo.Trace
	var analyzed []*metlo.AnalyzedTrace
	seen := 0
	for start := 0; start < n; start += portion {
		end := min(n, start+portion)
		for i := start; i < end; i++ {
			trace := g.trace(i)
			trace.Request.URL.Host = fmt.Sprintf("h%d.types-%s.example.com", i, run)
			a, err := analyzer.Analyze(trace, "")
			require.NoError(t, err)
			withValues := *trace
			withValues.Request.URL.Host = fmt.Sprintf("h%d.values-%s.example.com", i, run)
			whole, analyzed = append(whole, &withValues), append(analyzed, a)
		}
		require.NoError(t, client.Collector.LogBatch(t.Context(), whole[start:end]))
		require.NoError(t, client.Collector.LogAnalyzedBatch(t.Context(), analyzed[start:end]))
		seen = untilQuiet(t, client, run, seen)
	}
	if *classJob > 0 {
		// The job looks at fields that more than 50 traces of an endpoint show. Traces of a new endpoint can be lost, so the
		// endpoints exist by now.
		const copies = 60
		for i := range n {
			require.NoError(t, client.Collector.LogBatch(t.Context(), slices.Repeat(whole[i:i+1], copies)))
			require.NoError(t, client.Collector.LogAnalyzedBatch(t.Context(), slices.Repeat(analyzed[i:i+1], copies)))
			<-time.After(time.Second) // for the analyzer
		}
		<-time.After(*classJob)
	}

	want, got := map[string]string{}, map[string]string{}
	for e, err := range client.Endpoints.All(t.Context(), nil) {
		require.NoError(t, err)
		host, values := strings.CutSuffix(e.Host, ".values-"+run+".example.com")
		fields := want
		if !values {
			var types bool
			if host, types = strings.CutSuffix(e.Host, ".types-"+run+".example.com"); !types {
				continue
			}
			fields = got
		}
		detail, err := client.Endpoints.Get(t.Context(), e.UUID)
		require.NoError(t, err)
		endpoint := fmt.Sprint(host, " ", e.Method, " ", e.Path)
		fields[endpoint] = "endpoint"
		for _, f := range detail.DataFields {
			is := fmt.Sprint(f.DataType)
			if *classJob > 0 {
				is += fmt.Sprint(" ", slices.Sorted(slices.Values(f.DataClasses)))
			}
			fields[fmt.Sprint(endpoint, " ", f.DataSection, ".", f.DataPath, " ", f.ContentType, " ", f.StatusCode)] = is
		}
	}
	require.Greater(t, len(want), 5*n)
	equal, total := compareFields(t, want, got)
	t.Logf("%d of %d fields equal", equal, total)
	assert.GreaterOrEqual(t, float64(equal), 0.99*float64(total))
}

// untilQuiet waits until the instance has found more endpoints of the run than before and finds no further ones, and returns
// how many it knows.
func untilQuiet(t *testing.T, client *metlo.Client, run string, before int) int {
	t.Helper()
	const pause = 500 * time.Millisecond
	known, quiet := before, 0
	for wait := time.Duration(0); wait < 2*time.Minute; wait += pause {
		<-time.After(pause)
		now := 0
		for host, err := range client.Hosts.All(t.Context(), nil) {
			if incomplete := new(metlo.IncompleteError); errors.As(err, &incomplete) {
				now = -1 // hosts appear faster than the list is read
				break
			}
			require.NoError(t, err)
			if strings.HasSuffix(host.Host, "-"+run+".example.com") {
				now += host.NumEndpoints
			}
		}
		if quiet++; now != known {
			known, quiet = now, 0
		}
		if known > before && quiet == 4 {
			return known
		}
	}
	t.Fatalf("the instance found no endpoint within 2 minutes, beyond the %d that it knew: is its analyzer running?", before)
	return 0
}
