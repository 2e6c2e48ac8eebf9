// Package kit provides recordings, ids of the data set, clients without a network, and the search for secrets in texts.
// The suites and the tests of the root package share it.
package kit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// Key is the made-up key of the clients of this package.
const Key = "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq"

// EndpointID returns the id of endpoint n of the data set.
func EndpointID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

// FieldID returns the id of data field n of the data set.
func FieldID(n int) string { return fmt.Sprintf("00000000-0000-4000-a000-%012x", n) }

// AlertID returns the id of alert n of the data set.
func AlertID(n int) string { return fmt.Sprintf("00000000-0000-4000-b000-%012x", n) }

// Nowhere is a UUID without an object in the data set.
const Nowhere = "99999999-9999-4999-8999-999999999999"

// Root returns the folder of the module, which holds testdata, docs and README.md.
func Root() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "testdata", "recordings")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			panic("the tests do not run inside the module")
		}
		folder = parent
	}
}

// Testdata returns the path of a file below testdata in the module's folder.
func Testdata(elements ...string) string {
	return filepath.Join(append([]string{Root(), "testdata"}, elements...)...)
}

// LoadJSON returns the option that loads v, encoded as JSON, as the data set of a fake server.
func LoadJSON(v any) metlotest.Option {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return metlotest.Load(bytes.NewReader(data))
}

// RoundTrip is a RoundTripper.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Answer is a RoundTripper without a network: it answers every request with one body.
type Answer struct {
	Status int
	Body   []byte
	Header http.Header
}

type nopCloser struct{ bytes.Reader }

func (nopCloser) Close() error { return nil }

// RoundTrip returns the answer.
func (a *Answer) RoundTrip(r *http.Request) (*http.Response, error) {
	body := new(nopCloser)
	body.Reset(a.Body)
	return &http.Response{
		StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.Header,
		Body: body, ContentLength: int64(len(a.Body)), Request: r,
	}, nil
}

// OK answers like a healthy backend: the health check, and any change.
func OK(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/summary/endpoint-tracked") {
		return JSON(http.StatusOK, `{"exists":true}`).RoundTrip(r)
	}
	return Text(http.StatusOK, "OK").RoundTrip(r)
}

// Text answers every request with a status and a bare text, like the server.
func Text(status int, body string) *Answer {
	return &Answer{Status: status, Body: []byte(body), Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}
}

// JSON answers every request with a status and a JSON text.
func JSON(status int, body string) *Answer {
	return &Answer{Status: status, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}

// Client returns a client over rt with a limiter that never waits.
func Client(t testing.TB, rt http.RoundTripper, opts ...metlo.Option) *metlo.Client {
	t.Helper()
	opts = append([]metlo.Option{
		metlo.WithHTTPClient(&http.Client{Transport: rt}),
		metlo.WithLimiter(rate.NewLimiter(rate.Inf, 1)),
	}, opts...)
	client, err := metlo.NewClient("https://metlo.example.com", Key, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
