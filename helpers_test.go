package metlo_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// recording is one exchange with a real server.
type recording struct {
	Seq     int    `json:"seq"`
	Name    string `json:"name"`
	Service string `json:"service"` // backend or collector
	Request struct {
		Method      string  `json:"method"`
		Path        string  `json:"path"` // with the query
		ContentType *string `json:"content_type"`
		Body        *string `json:"body"`
	} `json:"request"`
	Response struct {
		Status      int    `json:"status"`
		ContentType string `json:"content_type"`
		Body        string `json:"body"`
	} `json:"response"`
}

// mustRecordings returns the exchanges of a section.
func mustRecordings(section string) []recording {
	data, err := os.ReadFile(filepath.Join("testdata", "recordings", section+".json"))
	if err != nil {
		panic(err)
	}
	var all []recording
	if err := json.Unmarshal(data, &all); err != nil {
		panic(err)
	}
	return all
}

func recordings(t testing.TB, section string) []recording {
	t.Helper()
	return mustRecordings(section)
}

func recordingNamed(t testing.TB, section, name string) recording {
	t.Helper()
	for _, r := range recordings(t, section) {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no recording %s/%s", section, name)
	return recording{}
}
