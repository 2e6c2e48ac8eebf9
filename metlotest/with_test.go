package metlotest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const (
	fixtureEndpoint = "10000000-0000-4000-8000-000000000001"
	fixtureAlert    = "10000000-0000-4000-b000-000000000001"
)

func carts() metlo.Endpoint {
	return metlo.Endpoint{UUID: fixtureEndpoint, Host: "shop.example.com", Method: metlo.MethodGet, Path: "/carts/{param1}", IsPublic: true}
}

func TestWithFillsAServerWithGoValues(t *testing.T) {
	created := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	srv := metlotest.New(t, metlotest.InMemory(),
		metlotest.With(
			metlo.Alert{UUID: fixtureAlert, APIEndpointUUID: fixtureEndpoint, Type: metlo.AlertPIIData, RiskScore: metlo.RiskHigh, CreatedAt: created},
			metlo.Alert{Type: metlo.AlertNewEndpoint, Status: metlo.StatusResolved, APIEndpoint: metlo.AlertEndpoint{Host: "b.example.com", Method: metlo.MethodPut, Path: "/b"}},
		),
		metlotest.With(metlo.DataField{APIEndpointUUID: fixtureEndpoint, DataSection: metlo.SectionResponseBody, DataPath: "email", DataClasses: []string{"Email"}}),
		metlotest.With(carts()),
		metlotest.With(metlo.Host{Host: "b.example.com", IsPublic: true}),
		metlotest.With(metlo.Spec{Name: "carts.yaml", Spec: "openapi: 3.0.3", Extension: "yaml"}),
	)
	client := srv.Client()

	alerts, err := client.Alerts.List(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	require.Len(t, alerts.Items, 2)
	first, second := alerts.Items[0], alerts.Items[1]
	assert.Equal(t, fixtureAlert, first.UUID)
	assert.Equal(t, metlo.StatusOpen, first.Status, "the default")
	assert.Equal(t, created, first.CreatedAt)
	assert.Equal(t, "/carts/{param1}", first.APIEndpoint.Path)
	assert.Equal(t, metlo.RiskNone, second.RiskScore, "the default")
	assert.False(t, second.CreatedAt.IsZero())

	endpoints, err := client.Endpoints.List(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	require.Len(t, endpoints.Items, 2)
	for _, e := range endpoints.Items {
		assert.True(t, e.IsPublic, e.Host)
		if e.UUID == fixtureEndpoint {
			assert.Equal(t, []string{"Email"}, e.DataClasses)
			assert.Equal(t, 1, e.NumberParams)
			assert.Equal(t, "^/carts/[^/]+(/)*$", e.PathRegex)
		}
	}
	spec, err := client.Specs.Get(t.Context(), "carts.yaml")
	require.NoError(t, err)
	assert.Equal(t, "openapi: 3.0.3", spec.Spec)
}

func TestWithTakesWhatTheServerGave(t *testing.T) {
	from := metlotest.New(t, metlotest.InMemory(), metlotest.Demo()).Client()
	want, err := from.Alerts.List(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	to := metlotest.New(t, metlotest.InMemory(), metlotest.With(want.Items...)).Client()
	got, err := to.Alerts.List(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	for i := range want.Items {
		want.Items[i].APIEndpoint.OpenAPISpec = nil
	}
	assert.ElementsMatch(t, want.Items, got.Items)
}

func TestNewFailsTheTestWithThePlace(t *testing.T) {
	tests := []struct {
		name string
		opt  metlotest.Option
		want string
	}{
		{"nil option", nil, "an option is nil"},
		{"unknown risk", metlotest.With(carts(), metlo.Endpoint{Host: "h", Path: "/", Method: "GET", RiskScore: "worst"}), `With: endpoints[1].riskScore: "worst" is not one of`},
		{"no host", metlotest.With(metlo.Endpoint{Path: "/", Method: "GET"}), "endpoints[0].host: is missing"},
		{"no endpoint", metlotest.With(metlo.Alert{Type: metlo.AlertPIIData}), "alerts[0].apiEndpointUuid: is missing"},
		{"field of nothing", metlotest.With(metlo.DataField{APIEndpointUUID: unknownID}), "dataFields[0].apiEndpointUuid: there is no endpoint"},
		{"classes without fields", metlotest.With(metlo.Endpoint{Host: "h", Path: "/", Method: "GET", DataClasses: []string{"Email"}}), `no data field of the endpoint has "Email"`},
		{"broken raw JSON", metlotest.With(metlo.Alert{Context: []byte("{")}), "With: alerts[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failing := &failingTest{}
			assert.Nil(t, metlotest.New(failing, tt.opt))
			assert.Contains(t, failing.message, tt.want)
			assert.Empty(t, failing.cleanups)
		})
	}
}

// failingTest is a test that goes on after Fatal.
type failingTest struct {
	message  string
	cleanups []func()
}

func (*failingTest) Helper()             {}
func (f *failingTest) Cleanup(fn func()) { f.cleanups = append(f.cleanups, fn) }
func (f *failingTest) Fatal(args ...any) { f.message = fmt.Sprint(args...) }

func TestNewClosesTheServerWithTheTest(t *testing.T) {
	test := &failingTest{}
	srv := metlotest.New(test)
	require.Empty(t, test.message)
	require.Len(t, test.cleanups, 1)
	res, err := http.Get(srv.URL + "/api/v1")
	require.NoError(t, err)
	res.Body.Close()
	test.cleanups[0]()
	_, err = http.Get(srv.URL + "/api/v1")
	assert.Error(t, err)
}

func TestLoadNamesWhatIsWrong(t *testing.T) {
	const point = `{"uuid":"10000000-0000-4000-8000-000000000001","method":"GET","path":"/x","host":"h"}`
	const ok = `{"type":"New Endpoint Detected","apiEndpointUuid":"10000000-0000-4000-8000-000000000001"}`
	tests := []struct{ name, data, want string }{
		{"unknown list", `{"alertz":[]}`, "Load: alertz: there is no such key"},
		{"unknown column", `{"endpoints":[` + point + `,{"riskscore":"low"}]}`, "endpoints[1].riskscore: there is no such key"},
		{"unknown key below", `{"alerts":[{"apiEndpoint":{"hosts":"x"}}]}`, "alerts[0].apiEndpoint.hosts: there is no such key"},
		{"unknown key of usage", `{"usage":{"x":[{"day":1}]}}`, "usage.x[0].day: there is no such key"},
		{"unknown key of a host", `{"hosts":[{"name":"x"}]}`, "hosts[0].name: there is no such key"},
		{"unknown key of a spec", `{"specs":[{"text":"x"}]}`, "specs[0].text: there is no such key"},
		{"unknown key of a field", `{"dataFields":[{"class":"x"}]}`, "dataFields[0].class: there is no such key"},
		{"key twice", `{"alerts":[],"alerts":[]}`, "duplicate object member name"},
		{"bad value", `{"endpoints":[` + point + `],"alerts":[` + ok + `,` + ok + `,` + ok + `,{"apiEndpointUuid":"10000000-0000-4000-8000-000000000001","type":"New Endpoint Detected","riskScore":"HIGH"}]}`, `alerts[3].riskScore: "HIGH" is not one of`},
		{"wrong type", `{"alerts":[{"riskScore":3}]}`, "alerts[0].riskScore: a JSON number does not fit here"},
		{"wrong time", `{"alerts":[{"createdAt":"yesterday"}]}`, "alerts[0].createdAt: parsing time"},
		{"no JSON", "{\n\"alerts\": [\n}", "line 3, "},
		{"no object", `[]`, "the data set: a JSON [ does not fit here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			failing := &failingTest{}
			metlotest.New(failing, metlotest.Load(strings.NewReader(tt.data)))
			assert.Contains(t, failing.message, tt.want)
		})
	}
}

func TestUnusedFaults(t *testing.T) {
	srv := metlotest.New(t, metlotest.InMemory())
	assert.Empty(t, srv.UnusedFaults())
	srv.Inject(metlotest.Fault{Path: "/hosts", Status: 503})
	srv.Inject(metlotest.Fault{Path: "/alerts", Status: 503, Times: 3})
	srv.Inject(metlotest.Fault{Path: "/alertz", Status: 503, Times: 1})
	for range 2 {
		for _, path := range []string{"/hosts", "/alerts"} {
			res, err := srv.HTTPClient().Get(srv.URL + "/api/v1" + path)
			require.NoError(t, err)
			res.Body.Close()
		}
	}
	assert.Equal(t, []metlotest.Fault{{Path: "/alerts", Status: 503, Times: 1}, {Path: "/alertz", Status: 503, Times: 1}}, srv.UnusedFaults())
}

func TestPathsOfFaultsAndRequestsMeanTheSame(t *testing.T) {
	srv := metlotest.New(t, metlotest.InMemory())
	for _, path := range []string{"/api/v1/hosts?limit=3", "/api/v1/spec/a%20b", "/api/v1", "/elsewhere"} {
		res, err := srv.HTTPClient().Get(srv.URL + path)
		require.NoError(t, err)
		res.Body.Close()
		sent := srv.Requests()[len(srv.Requests())-1]
		assert.Equal(t, path, sent.URI)
		srv.Inject(metlotest.Fault{Path: sent.Path, Status: 418, Times: 1})
		res, err = srv.HTTPClient().Get(srv.URL + path)
		require.NoError(t, err)
		res.Body.Close()
		assert.Equal(t, 418, res.StatusCode, path)
	}
	assert.Equal(t, "/hosts", srv.Requests()[0].Path)
	srv.Inject(metlotest.Fault{Path: "/api/v1/hosts", Status: 418})
	res, err := srv.HTTPClient().Get(srv.URL + "/api/v1/hosts")
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 418, res.StatusCode)
}
