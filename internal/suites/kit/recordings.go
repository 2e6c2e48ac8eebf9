package kit

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Recording is one request to a real server and its response.
type Recording struct {
	Seq     int    `json:"seq"`
	Name    string `json:"name"`
	Service string `json:"service"` // backend or collector
	Request struct {
		Method      string  `json:"method"`
		Path        string  `json:"path"` // includes the query
		ContentType *string `json:"content_type"`
		Body        *string `json:"body"`
	} `json:"request"`
	Response struct {
		Status      int    `json:"status"`
		ContentType string `json:"content_type"`
		Body        string `json:"body"`
	} `json:"response"`
}

// Answer returns the recorded response to every request.
func (r *Recording) Answer() *Answer {
	return &Answer{
		Status: r.Response.Status,
		Body:   []byte(r.Response.Body),
		Header: http.Header{"Content-Type": {r.Response.ContentType}},
	}
}

// Recordings returns the first set of recordings of a section, such as alerts.
func Recordings(section string) []Recording { return readRecordings("recordings", section) }

func readRecordings(folder, section string) []Recording {
	data, err := os.ReadFile(Testdata(folder, section+".json"))
	if err != nil {
		panic(err)
	}
	var all []Recording
	if err := json.Unmarshal(data, &all); err != nil {
		panic(err)
	}
	return all
}

// RecordingNamed returns one recording of a section. The first set takes precedence.
func RecordingNamed(t testing.TB, section, name string) Recording {
	t.Helper()
	for _, folder := range []string{"recordings", "recordings-2"} {
		if _, err := os.Stat(Testdata(folder, section+".json")); err != nil {
			continue // the second set lacks some sections
		}
		for _, r := range readRecordings(folder, section) {
			if r.Name == name {
				return r
			}
		}
	}
	t.Fatalf("no recording %s/%s", section, name)
	return Recording{}
}

// Sections returns the names of the sections that were recorded.
func Sections() []string {
	files, err := filepath.Glob(Testdata("recordings", "*.json"))
	if err != nil || len(files) == 0 {
		panic("no recordings")
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return files
}
