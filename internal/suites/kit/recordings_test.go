package kit

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecordingNamed(t *testing.T) {
	first := RecordingNamed(t, "endpoints", "get_missing")
	assert.Equal(t, http.StatusInternalServerError, first.Response.Status)
	second := RecordingNamed(t, "endpoints", "paths_two")
	assert.Equal(t, http.StatusOK, second.Response.Status)
	assert.Equal(t, "list", RecordingNamed(t, "data_classes", "list").Name, "a section of the first set only")
	assert.Equal(t, "limit_zero", RecordingNamed(t, "detections", "limit_zero").Name, "a section of the second set only")
}

func TestEveryRecordingIsRead(t *testing.T) {
	sections := Sections()
	assert.Contains(t, sections, "alerts")
	for _, section := range sections {
		for _, r := range Recordings(section) {
			require.NotEmpty(t, r.Name, section)
			require.NotEmpty(t, r.Request.Method, section+"/"+r.Name)
			require.Positive(t, r.Response.Status, section+"/"+r.Name)
			require.Contains(t, []string{"backend", "collector"}, r.Service, section+"/"+r.Name)
		}
	}
}

func TestRootIsTheModule(t *testing.T) {
	for _, path := range []string{Root() + "/go.mod", Testdata("dataset.json"), Testdata("recordings", "alerts.json")} {
		_, err := os.Stat(path)
		require.NoError(t, err)
	}
}

func TestAnswers(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://metlo.example.com/api/v1/summary/endpoint-tracked", nil)
	require.NoError(t, err)
	healthy := Client(t, RoundTrip(OK))
	require.NoError(t, healthy.Ping(t.Context()))
	for name, row := range map[string]struct {
		answer      *Answer
		contentType string
	}{
		"text": {Text(http.StatusTeapot, "OK"), "text/html; charset=utf-8"},
		"JSON": {JSON(http.StatusTeapot, "OK"), "application/json; charset=utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := row.answer.RoundTrip(r)
			require.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, http.StatusTeapot, resp.StatusCode)
			assert.Equal(t, row.contentType, resp.Header.Get("Content-Type"))
			assert.EqualValues(t, 2, resp.ContentLength)
		})
	}
}
