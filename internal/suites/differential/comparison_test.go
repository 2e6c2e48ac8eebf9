package differential

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

// fakeInstance returns a server that stands for an instance.
func fakeInstance(t *testing.T) *metlotest.Server {
	t.Helper()
	data, err := os.Open("../../../testdata/dataset.json")
	require.NoError(t, err)
	defer data.Close()
	return metlotest.New(t, metlotest.Load(data))
}

func TestComparisonFindsEqualServersEqual(t *testing.T) {
	srv := fakeInstance(t)
	var got report
	require.NoError(t, got.round(newTarget(srv.URL, srv.CollectorURL, srv.APIKey, srv.HTTPClient()), 1, sequence))
	assert.Equal(t, "250 of 250 equal", got.String())
}

func TestComparisonFindsDifferences(t *testing.T) {
	srv := fakeInstance(t)
	address, err := url.Parse(srv.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(address)
	proxy.ModifyResponse = func(res *http.Response) error {
		switch {
		case res.Request.Method != http.MethodGet:
		case res.Request.URL.Path == "/api/v1/data-class":
			res.StatusCode = http.StatusTeapot
		case res.Request.URL.Path == "/api/v1/instance-settings":
			body, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			changed := strings.Replace(string(body), "updateEmail", "updatedEmail", 1)
			res.Body, res.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
			res.Header.Del("Content-Length")
		}
		return nil
	}
	front := httptest.NewServer(proxy)
	defer front.Close()

	var got report
	require.NoError(t, got.round(newTarget(front.URL, srv.CollectorURL, srv.APIKey, front.Client()), 1, 2*sequence))
	var kinds []string
	for kind := range got.groups {
		// A Go server in front has different answers to raw requests, and the caches of the two sides have different
		// ages.
		if !strings.HasPrefix(kind, "raw: ") && !strings.HasPrefix(kind, "GET /summary: differs at ") {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	assert.Equal(t, []string{
		"GET /data-class: status 200, in place of 418",
		"GET /instance-settings: differs at .updatedEmail: is missing",
	}, kinds)
	assert.Less(t, got.equal, got.all)
	assert.Contains(t, got.String(), "× GET /data-class: status 200, in place of 418\n\tGET /api/v1/data-class")
}

func TestReportGroupsByKind(t *testing.T) {
	var got report
	sent := request{method: "GET", target: "/api/v1/alerts", route: "GET /alerts"}
	json := func(body string) answer { return answer{200, "application/json; charset=utf-8", body} }
	got.add(sent, json(`[[{"a":1}],1]`), json(`[[{"a":1}],1]`))
	got.add(sent, json(`[[{"a":1},{"a":2}],2]`), json(`[[{"a":1},{"a":3}],2]`))
	got.add(sent, json(`[[{"a":5}],2]`), json(`[[{"a":6}],2]`))
	got.add(sent, json(`{"a":1,"b":2}`), json(`{"b":2,"a":1}`))
	// Values that a server generates are equal.
	got.add(sent, json(`["3b241101-e2bb-4255-8caf-4136c566a962","2026-11-30T00:00:00.000Z"]`), json(`["9f1c0d6e-1b1a-4c55-9caf-0136c566a962","2026-12-24T00:00:00.000Z"]`))
	got.add(sent, json(`["2026-06-01T00:00:00.000Z"]`), json(`["2026-06-02T00:00:00.000Z"]`))
	assert.Equal(t, 2, got.equal)
	counts := map[string]int{}
	for kind, g := range got.groups {
		counts[kind] = g.count
	}
	assert.Equal(t, map[string]int{
		"GET /alerts: differs at [][].a": 2, "GET /alerts: another order of properties": 1, "GET /alerts: differs at []": 1,
	}, counts)
	assert.True(t, strings.HasPrefix(got.String(), "2 of 6 equal\n   2 × GET /alerts: differs at [][].a\n"), got.String())
}
