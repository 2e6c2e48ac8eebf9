package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

var (
	mayChange = flag.Bool("change-instance", false, "send random changes to the instance of METLO_HOST, which loses what it has")
	firstSeed = flag.Uint64("seed", 1, "seed of the first sequence of requests")
	rounds    = flag.Int("rounds", 4, "rounds against the instance; each begins with a fake that has the instance's data")
	perRound  = flag.Int("requests", sequence, "requests of a round against the instance")
	pause     = flag.Duration("pause", 61*time.Second, "how long to wait between rounds, for the instance's caches to end")
)

// TestInstance sends the same requests to an instance and to a fake with the instance's data, and prints the
// differences. It changes the instance: endpoints, alerts, keys, webhooks, specs and configurations.
func TestInstance(t *testing.T) {
	host, collector := os.Getenv("METLO_HOST"), os.Getenv("METLO_COLLECTOR_HOST")
	if !*mayChange {
		t.Skip("-change-instance is not given")
	}
	if host == "" || collector == "" {
		t.Fatal("-change-instance needs METLO_HOST and METLO_COLLECTOR_HOST")
	}
	instance := newTarget(host, collector, os.Getenv("METLO_API_KEY"), &http.Client{Timeout: time.Minute})
	instance.queues = true
	var report report
	for i := range *rounds {
		if i > 0 {
			<-time.After(*pause)
		}
		require.NoError(t, report.round(instance, *firstSeed+uint64(i), *perRound))
	}
	t.Log(report.String())
}

// round compares one sequence of requests.
func (r *report) round(instance *target, seed uint64, n int) error {
	data, err := instance.export()
	if err != nil {
		return fmt.Errorf("reading the instance: %w", err)
	}
	srv := metlotest.NewServer(metlotest.Load(bytes.NewReader(data)))
	defer srv.Close()
	fake := newTarget(srv.URL, srv.CollectorURL, srv.APIKey, srv.HTTPClient())
	if err := instance.copySettings(fake); err != nil {
		return fmt.Errorf("copying settings: %w", err)
	}
	if err := sameIDs(instance, fake); err != nil {
		return err
	}
	var calls, reads []request
	for g := newGenerator(seed); len(calls)+len(reads) < n; {
		request := g.request()
		switch {
		case request.fatal: // the real server dies of it
		case request.service == "collector":
			calls = append(calls, request)
		default:
			reads = append(reads, request)
		}
	}
	// The instance processes calls from a queue, so they come last, and their effects are compared at the end.
	for _, request := range append(reads, calls...) {
		if instance.queues && request.service == "collector" {
			<-time.After(between)
		}
		want, err := instance.send(request)
		if err != nil {
			return fmt.Errorf("the instance: %s: %w", request, err)
		}
		got, err := fake.send(request)
		if err != nil {
			return fmt.Errorf("the fake: %s: %w", request, err)
		}
		r.add(request, want, got)
	}
	return r.compareStates(instance, fake)
}

func newTarget(backend, collector, key string, client *http.Client) *target {
	return &target{backend: strings.TrimSuffix(backend, "/"), collector: strings.TrimSuffix(collector, "/"), key: key, client: client}
}

// sameIDs inserts the same rows into both servers' requests: rows that both have, and webhooks by their place.
func sameIDs(servers ...*target) error {
	for _, s := range servers {
		if err := s.look(); err != nil {
			return err
		}
	}
	for kind := range servers[0].ids {
		if kind == "webhook" {
			continue
		}
		common := slices.DeleteFunc(slices.Sorted(slices.Values(servers[0].ids[kind])), func(id string) bool {
			return !slices.Contains(servers[1].ids[kind], id)
		})
		for _, s := range servers {
			s.ids[kind] = common
		}
	}
	return nil
}

// export reads the data set of a server. Rows come in order of creation, as in its tables.
func (s *target) export() ([]byte, error) {
	endpoints, err := list[exported](s, "/endpoints?limit=100000")
	if err != nil {
		return nil, err
	}
	data := map[string]any{"endpoints": sortRows(endpoints)}
	var fields []exported
	usage := map[string]any{}
	for _, e := range endpoints {
		id := e.text("uuid")
		detail, err := read[struct {
			DataFields []exported `json:"dataFields"`
		}](s, "/endpoint/"+id)
		if err != nil {
			return nil, err
		}
		fields = append(fields, detail.DataFields...)
		days, err := read[[]row](s, "/endpoint/"+id+"/usage")
		if err != nil {
			return nil, err
		}
		if len(days) > 0 {
			usage[id] = days
		}
	}
	if len(endpoints) == 0 {
		return nil, errors.New("it has no endpoints, and so nothing to compare; log some calls first")
	}
	data["dataFields"], data["usage"] = sortRows(fields), usage
	alerts, err := list[exported](s, "/alerts")
	if err != nil {
		return nil, err
	}
	data["alerts"] = sortRows(alerts)
	if data["hosts"], err = list[exported](s, "/hosts?limit=100000"); err != nil {
		return nil, err
	}
	specs, err := read[[]exported](s, "/specs")
	if err != nil {
		return nil, err
	}
	for i, spec := range specs {
		if specs[i], err = read[exported](s, "/spec/"+url.PathEscape(spec.text("name"))); err != nil {
			return nil, err
		}
	}
	data["specs"] = sortRows(specs)
	return json.Marshal(data)
}

// exported is a row with its original values: the order of names counts.
type exported map[string]json.RawMessage

func (r exported) text(key string) string {
	var s string
	_ = json.Unmarshal(r[key], &s) // other values count as empty
	return s
}

func sortRows(rows []exported) []exported {
	slices.SortFunc(rows, func(a, b exported) int {
		return strings.Compare(a.text("createdAt")+a.text("uuid"), b.text("createdAt")+b.text("uuid"))
	})
	return rows
}

// copySettings copies the settings that a data set lacks to another server: configurations, webhooks and keys.
func (s *target) copySettings(to *target) error {
	put := func(method, path string, body any) error {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		got, err := to.send(request{method: method, target: "/api/v1" + path, contentType: "application/json", body: string(data)})
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("%s %s: %d %.200s", method, path, got.status, got.body)
		}
		return err
	}
	for _, path := range []string{"/metlo-config", "/testing-config"} {
		config, err := read[row](s, path)
		if err != nil {
			return err
		}
		if text(config, "configString") == "" {
			continue
		}
		if err := put(http.MethodPut, path, row{"configString": config["configString"]}); err != nil {
			return err
		}
	}
	webhooks, err := read[[]row](s, "/webhooks")
	if err != nil {
		return err
	}
	for _, w := range webhooks {
		body := row{"url": w["url"], "alertTypes": w["alertTypes"], "hosts": w["hosts"], "maxRetries": w["maxRetries"]}
		if err := put(http.MethodPost, "/webhook", body); err != nil {
			return err
		}
	}
	keys, err := read[[]row](s, "/keys/list")
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := put(http.MethodPost, "/keys/create", row{"name": key["name"], "keyFor": key["for"]}); err != nil {
			return err
		}
	}
	return nil
}

const (
	between = 300 * time.Millisecond // the first calls of an endpoint that meet in the queue overwrite each other
	settled = 2 * time.Second        // an instance without changes for this long has emptied its queue
)

// state returns the result of logged calls: a line for each endpoint.
func (s *target) state() (string, error) {
	endpoints, err := list[row](s, "/endpoints?limit=100000")
	if err != nil {
		return "", err
	}
	var lines []string
	for _, e := range endpoints {
		detail, err := read[row](s, "/endpoint/"+url.PathEscape(text(e, "uuid")))
		if err != nil {
			return "", err
		}
		line := fmt.Sprintln(e["host"], e["method"], e["path"], e["riskScore"], e["isPublic"], e["userSet"], e["isGraphQl"], e["isAuthenticatedDetected"])
		var fields []string
		of, _ := detail["dataFields"].([]any)
		for _, f := range of {
			f, _ := f.(row)
			fields = append(fields, fmt.Sprintln("\t", f["dataSection"], f["dataPath"], f["dataType"], f["isNullable"], f["statusCode"], f["contentType"], f["dataClasses"]))
		}
		slices.Sort(fields)
		lines = append(lines, line+strings.Join(fields, ""))
	}
	slices.Sort(lines)
	return strings.Join(lines, ""), nil
}

// settle returns the state when it does not change any more.
func (s *target) settle() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	last, err := s.state()
	for err == nil && s.queues {
		select {
		case <-time.After(settled):
		case <-ctx.Done():
			return last, fmt.Errorf("the instance does not come to rest")
		}
		var now string
		if now, err = s.state(); now == last {
			return now, err
		}
		last = now
	}
	return last, err
}

func (r *report) compareStates(instance, fake *target) error {
	want, err := instance.settle()
	if err != nil {
		return err
	}
	got, err := fake.state()
	if err != nil {
		return err
	}
	if want == got {
		return nil
	}
	mine, theirs := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, line := range theirs {
		if !slices.Contains(mine, line) {
			r.note("state at the end: only the instance has: "+mask(line), "")
		}
	}
	for _, line := range mine {
		if !slices.Contains(theirs, line) {
			r.note("state at the end: only the fake has: "+mask(line), "")
		}
	}
	return nil
}
