package metlo_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
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

const someAlert = "00000000-0000-4000-b000-000000000001"

// answering is a RoundTripper without a network: it answers every request with one body.
type answering struct {
	status int
	body   []byte
	header http.Header
}

type nopCloser struct{ bytes.Reader }

func (nopCloser) Close() error { return nil }

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	body := new(nopCloser)
	body.Reset(a.body)
	return &http.Response{
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		Body: body, ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

// inProcess is a client with a limiter that never waits, over rt.
func inProcess(t testing.TB, rt http.RoundTripper, opts ...metlo.Option) *metlo.Client {
	opts = append([]metlo.Option{
		metlo.WithHTTPClient(&http.Client{Transport: rt}),
		metlo.WithLimiter(rate.NewLimiter(rate.Inf, 1)),
	}, opts...)
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq", opts...)
	require.NoError(t, err)
	return client
}
