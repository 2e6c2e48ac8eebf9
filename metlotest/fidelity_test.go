package metlotest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metlo-go/metlo/metlotest"
)

// recording is one exchange with a real server.
type recording struct {
	Seq     int    `json:"seq"`
	Name    string `json:"name"`
	Service string `json:"service"`
	Request struct {
		Method      string  `json:"method"`
		Path        string  `json:"path"`
		ContentType *string `json:"content_type"`
		Body        *string `json:"body"`
	} `json:"request"`
	Response struct {
		Status      int    `json:"status"`
		ContentType string `json:"content_type"`
		Body        string `json:"body"`
	} `json:"response"`

	section string
}

// recordingSet holds the recordings of one run of a real server that began with the data set.
type recordingSet struct {
	folder string
	// exceptions lists recordings, by section and name, that the server does not reproduce, with the reason.
	exceptions map[string]string
	most       int
}

func recordingSets() []recordingSet {
	return []recordingSet{
		{folder: "recordings"},
		{folder: "recordings-2", most: 10, exceptions: map[string]string{
			"testing/resource_permissions_stale_again": "the read that filled the server's cache is not among the recordings",
			"collector/detail_graphql":                 "the answer that showed the endpoint's id is not among the recordings",
			"endpoints/search_lookahead":               "package regexp has no lookahead, and the answer says so",
			"endpoints/search_backreference":           "package regexp has no back references, and the answer says so",
			"settings/config_lookbehind":               "package regexp has no lookbehind, and the answer says so",
			"specs/swagger2_read":                      "a Swagger 2 document stays as it was uploaded",
			"specs/swagger2_yaml_read":                 "a Swagger 2 document stays as it was uploaded",
		}},
	}
}

func TestFidelity(t *testing.T) {
	for _, set := range recordingSets() {
		t.Run(set.folder, func(t *testing.T) {
			recordings := set.read(t)
			synctest.Test(t, func(t *testing.T) { set.replay(t, recordings) })
		})
	}
}

func (set recordingSet) replay(t *testing.T, recordings []recording) {
	if len(set.exceptions) > set.most {
		t.Fatalf("%d exceptions; at most %d are allowed", len(set.exceptions), set.most)
	}
	dataset, err := os.Open("../testdata/dataset.json")
	if err != nil {
		t.Fatal(err)
	}
	defer dataset.Close()
	srv := metlotest.NewServer(metlotest.InMemory(), metlotest.Load(dataset))
	defer srv.Close()
	replay := &replayer{srv: srv, ids: map[string]string{}}

	type tally struct{ good, all int }
	sections, total := map[string]*tally{}, tally{}
	<-time.After(time.Until(generatedSince))
	for _, rec := range recordings {
		if sections[rec.section] == nil {
			sections[rec.section] = &tally{}
		}
		sections[rec.section].all++
		total.all++
		name := rec.section + "/" + rec.Name
		problem := replay.run(rec)
		reason, excepted := set.exceptions[name]
		switch {
		case problem == "" && excepted:
			t.Errorf("%s is reproduced; remove it from the exceptions", name)
		case problem == "":
			sections[rec.section].good++
			total.good++
		case excepted:
			t.Logf("%s is not reproduced: %s", name, reason)
		default:
			t.Errorf("%s, seq %d, %s %s: %s", name, rec.Seq, rec.Request.Method, rec.Request.Path, problem)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		t.Logf("%-13s %3d of %3d", name, sections[name].good, sections[name].all)
	}
	t.Logf("%d of %d recordings reproduced", total.good, total.all)
	if total.all == 0 {
		t.Error("there are no recordings")
	}
}

func (set recordingSet) read(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "testdata", set.folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var part []recording
		if err := json.Unmarshal(data, &part); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range part {
			part[i].section = strings.TrimSuffix(filepath.Base(file), ".json")
		}
		all = append(all, part...)
	}
	slices.SortFunc(all, func(a, b recording) int { return a.Seq - b.Seq })
	return all
}

// replayer sends recordings and compares answers. Its ids maps ids of the real server to those of the fake.
type replayer struct {
	srv *metlotest.Server
	ids map[string]string
}

func (r *replayer) run(rec recording) string {
	res, body, err := r.send(rec)
	if err != nil {
		return err.Error()
	}
	if res.StatusCode != rec.Response.Status {
		return fmt.Sprintf("status %d, recorded %d; body %.300s", res.StatusCode, rec.Response.Status, body)
	}
	if got := res.Header.Get("Content-Type"); got != rec.Response.ContentType {
		return fmt.Sprintf("content type %q, recorded %q", got, rec.Response.ContentType)
	}
	return r.compareBodies(rec, rec.Response.Body, body)
}

func (r *replayer) send(rec recording) (*http.Response, string, error) {
	base, path := r.srv.URL, rec.Request.Path
	if rec.Service == "collector" {
		base = r.srv.CollectorURL
	}
	for recorded, ours := range r.ids {
		path = strings.ReplaceAll(path, recorded, ours)
	}
	var body io.Reader
	if rec.Request.Body != nil {
		body = strings.NewReader(*rec.Request.Body)
	} else if rec.Request.Method == http.MethodPost {
		// The body was too large to record.
		body = strings.NewReader(`{"filler":"` + strings.Repeat("x", 2<<20) + `"}`)
	}
	req, err := http.NewRequest(rec.Request.Method, base+path, body)
	if err != nil {
		return nil, "", err
	}
	if rec.Request.ContentType != nil {
		req.Header.Set("Content-Type", *rec.Request.ContentType)
	}
	if rec.Service == "collector" {
		req.Header.Set("Authorization", r.srv.APIKey)
	}
	if strings.HasSuffix(rec.Name, "bad_key") {
		req.Header.Set("Authorization", "metlo.nonsense")
	}
	res, err := r.srv.HTTPClient().Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return res, string(data), err
}
