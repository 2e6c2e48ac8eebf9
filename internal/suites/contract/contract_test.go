package contract_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// TestContract tests the documented behaviour against the server in memory or, if METLO_HOST and METLO_COLLECTOR_HOST
// are set, against a live instance. It creates its data under reserved host names and deletes them. It changes no
// setting of the instance and no other data, with one exception. After the deletion of endpoints shortly after their
// traffic, a live server loses the recent call counts of all endpoints.
func TestContract(t *testing.T) {
	c := newContract(t)
	t.Run("Ping", c.ping)
	t.Run("Collector", c.collector)
	t.Run("Endpoints", c.endpoints)
	t.Run("Hosts", c.hosts)
	t.Run("Detections", c.detections)
	t.Run("DataFields", c.dataFields)
	t.Run("DataClasses", c.dataClasses)
	t.Run("Alerts", c.alerts)
	t.Run("Summary", c.summary)
	t.Run("Specs", c.specs)
	t.Run("Keys", c.keys)
	t.Run("Webhooks", c.webhooks)
	t.Run("Settings", c.settings)
	t.Run("Testing", c.testing)
	t.Run("Deletion", c.deletion)
}

// contract is a server with the data that the suite created there.
type contract struct {
	client *metlo.Client
	host   string // host of the suite's endpoints
	known  []metlo.Endpoint
}

func newContract(t *testing.T) *contract {
	var client *metlo.Client
	if os.Getenv("METLO_HOST") == "" {
		srv := metlotest.NewServer()
		t.Cleanup(srv.Close)
		client = srv.Client(metlo.WithoutRateLimit())
	} else {
		var err error
		client, err = metlo.NewClientFromEnv()
		require.NoError(t, err)
	}
	t.Cleanup(client.CloseIdleConnections)
	c := &contract{client: client, host: fmt.Sprintf("contract-%d.example.com", time.Now().UnixNano())}
	t.Cleanup(func() { assert.NoError(t, client.Hosts.DeleteMany(context.Background(), c.host)) })
	return c
}

// eventually repeats a request until the server has caught up: it analyses traffic later than the collector answers.
func eventually(t *testing.T, what string, ready func() (bool, error)) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ready()
		require.NoError(t, err)
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not happen within a minute", what)
		}
	}
}

func (c *contract) ping(t *testing.T) { require.NoError(t, c.client.Ping(t.Context())) }

func (c *contract) trace(method metlo.RestMethod, path, request, response string) *metlo.Trace {
	json := []metlo.NameValue{{Name: "content-type", Value: "application/json"}}
	return &metlo.Trace{
		Request: metlo.TraceRequest{
			URL:     metlo.TraceURL{Host: c.host, Path: path, Parameters: []metlo.NameValue{{Name: "page", Value: "1"}}},
			Headers: json, Body: request, Method: method,
		},
		Response: metlo.TraceResponse{Status: 200, Headers: json, Body: response},
		Meta:     metlo.TraceMeta{Incoming: true, Source: "203.0.113.5", SourcePort: "50000", Destination: "198.51.100.2", DestinationPort: "443"},
	}
}

func (c *contract) collector(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, c.client.Collector.Verify(ctx))
	require.NoError(t, c.client.Collector.Log(ctx, c.trace(metlo.MethodPost, "/customers", `{"email":"ann@example.com"}`, `{"id":1}`)))
	require.NoError(t, c.client.Collector.LogBatch(ctx, []*metlo.Trace{
		c.trace(metlo.MethodGet, "/customers", "", `[{"id":1,"email":"ann@example.com"}]`),
		c.trace(metlo.MethodGet, "/invoices", "", `{"total":12.5}`),
	}))
	eventually(t, "the endpoints' appearance", func() (bool, error) {
		found, err := metlo.Collect(c.client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: []string{c.host}}))
		c.known = found
		return len(found) == 3, err
	})
	for _, e := range c.known {
		assert.Equal(t, c.host, e.Host)
		assert.NotZero(t, e.CreatedAt)
		assert.True(t, e.Method.Known())
		assert.True(t, e.RiskScore.Known())
	}
}

// endpoint returns one that the suite made.
func (c *contract) endpoint(t *testing.T, method metlo.RestMethod, path string) metlo.Endpoint {
	t.Helper()
	for _, e := range c.known {
		if e.Method == method && e.Path == path {
			return e
		}
	}
	t.Fatalf("no endpoint %s %s", method, path)
	return metlo.Endpoint{}
}

func (c *contract) endpoints(t *testing.T) {
	ctx, endpoints := t.Context(), c.client.Endpoints
	e := c.endpoint(t, metlo.MethodPost, "/customers")

	page, err := endpoints.List(ctx, &metlo.EndpointFilter{
		Hosts: []string{c.host}, Methods: []metlo.RestMethod{metlo.MethodPost}, SearchQuery: "^/cust", HostType: metlo.HostAny,
	}, 0, 5)
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	assert.Equal(t, 1, page.Total)
	assert.Equal(t, e.UUID, page.Items[0].UUID)

	detail, err := endpoints.Get(ctx, e.UUID)
	require.NoError(t, err)
	assert.Equal(t, e.UUID, detail.UUID)
	assert.NotEmpty(t, detail.DataFields)
	_, err = endpoints.Get(ctx, kit.Nowhere)
	require.ErrorIs(t, err, metlo.ErrNotFound)

	_, err = endpoints.Usage(ctx, e.UUID)
	require.NoError(t, err)
	_, err = endpoints.Usage(ctx, kit.Nowhere)
	require.ErrorIs(t, err, metlo.ErrNotFound)
	_, err = endpoints.SuggestedPaths(ctx, e.UUID)
	require.NoError(t, err)

	for _, authenticated := range []*bool{new(true), new(false), nil} {
		require.NoError(t, endpoints.SetAuthenticated(ctx, e.UUID, authenticated))
		detail, err = endpoints.Get(ctx, e.UUID)
		require.NoError(t, err)
		assert.Equal(t, authenticated, detail.IsAuthenticatedUserSet)
	}
	require.ErrorIs(t, endpoints.SetAuthenticated(ctx, kit.Nowhere, nil), metlo.ErrNotFound)

	require.NoError(t, endpoints.SetFullTraceCapture(ctx, e.UUID, true))
	require.NoError(t, endpoints.SetPathLocked(ctx, e.UUID, true))
	detail, err = endpoints.Get(ctx, e.UUID)
	require.NoError(t, err)
	assert.True(t, detail.FullTraceCaptureEnabled)
	assert.True(t, detail.PathLocked)

	err = endpoints.UploadGraphQLSchema(ctx, e.UUID, strings.NewReader("type Query { me: String }"))
	require.ErrorIs(t, err, metlo.ErrBadRequest, "the endpoint is not GraphQL")
	require.ErrorIs(t, endpoints.DeleteGraphQLSchema(ctx, kit.Nowhere), metlo.ErrNotFound)

	_, err = endpoints.List(ctx, &metlo.EndpointFilter{SearchQuery: "("}, 0, 0)
	require.ErrorIs(t, err, metlo.ErrBadRequest, "the search is a regular expression")
	_, err = endpoints.List(ctx, &metlo.EndpointFilter{HostType: "Orbital"}, 0, 0)
	var invalid *metlo.ValidationError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "hostType", invalid.Issues[0].Path)
}

func (c *contract) hosts(t *testing.T) {
	ctx := t.Context()
	names, err := c.client.Hosts.Names(ctx)
	require.NoError(t, err)
	assert.Contains(t, names, c.host)
	hosts, err := metlo.Collect(c.client.Hosts.All(ctx, &metlo.HostFilter{SearchQuery: c.host, SortBy: metlo.SortByHost}))
	require.NoError(t, err)
	require.Len(t, hosts, 1)
	assert.Equal(t, 3, hosts[0].NumEndpoints)
	_, err = c.client.Hosts.Graph(ctx)
	require.NoError(t, err)
	require.NoError(t, c.client.Hosts.DeleteMany(ctx, "nope-"+c.host))
}

func (c *contract) detections(t *testing.T) {
	ctx := t.Context()
	opts := &metlo.DetectionFilter{Hosts: []string{c.host}, CreatedAfter: time.Now().Add(-time.Hour)}
	endpoints, err := metlo.Collect(c.client.Detections.AllEndpoints(ctx, opts))
	require.NoError(t, err)
	assert.Len(t, endpoints, 3)
	fields, err := metlo.Collect(c.client.Detections.AllDataFields(ctx, opts))
	require.NoError(t, err)
	assert.NotEmpty(t, fields)
	for _, f := range fields {
		require.NotNil(t, f.APIEndpoint)
		assert.Equal(t, c.host, f.APIEndpoint.Host)
	}
	_, err = c.client.Detections.Daily(ctx)
	require.NoError(t, err)
}

// field returns a data field of an endpoint of the suite.
func (c *contract) field(t *testing.T, e metlo.Endpoint, section metlo.DataSection, path string) metlo.DataField {
	t.Helper()
	detail, err := c.client.Endpoints.Get(t.Context(), e.UUID)
	require.NoError(t, err)
	for _, f := range detail.DataFields {
		if f.DataSection == section && f.DataPath == path {
			return f
		}
	}
	t.Fatalf("no data field %s %s", section, path)
	return metlo.DataField{}
}

func (c *contract) dataFields(t *testing.T) {
	ctx, fields := t.Context(), c.client.DataFields
	e := c.endpoint(t, metlo.MethodPost, "/customers")
	f := c.field(t, e, metlo.SectionRequestBody, "email")

	update := &metlo.DataClassesUpdate{
		DataClasses: []string{metlo.ClassSocialSecurityNumber}, DataPath: f.DataPath, DataSection: f.DataSection,
	}
	updated, err := fields.UpdateClasses(ctx, f.UUID, update)
	require.NoError(t, err)
	assert.Equal(t, []string{metlo.ClassSocialSecurityNumber}, updated.DataClasses)
	assert.Equal(t, metlo.TagPII, updated.DataTag)
	detail, err := c.client.Endpoints.Get(ctx, e.UUID)
	require.NoError(t, err)
	assert.Equal(t, metlo.RiskHigh, detail.RiskScore, "the risk follows the data classes")
	assert.Contains(t, detail.DataClasses, metlo.ClassSocialSecurityNumber)
	_, err = fields.UpdateClasses(ctx, kit.Nowhere, update)
	require.ErrorIs(t, err, metlo.ErrNotFound)
	updated, err = fields.UpdateClasses(ctx, f.UUID, &metlo.DataClassesUpdate{DataPath: f.DataPath, DataSection: f.DataSection})
	require.NoError(t, err)
	assert.Empty(t, updated.DataClasses)

	_, err = fields.SetEntity(ctx, f.UUID, nil)
	require.NoError(t, err)
	_, err = fields.SetEntity(ctx, f.UUID, new("Nothing.like_it"))
	require.ErrorIs(t, err, metlo.ErrBadRequest)
	_, err = fields.SetEntity(ctx, kit.Nowhere, nil)
	require.ErrorIs(t, err, metlo.ErrNotFound)

	moved, err := fields.UpdatePath(ctx, f.UUID, "mail")
	require.NoError(t, err)
	assert.Equal(t, "mail", moved.Updated[f.UUID].DataPath)
	_, err = fields.UpdatePath(ctx, kit.Nowhere, "mail")
	require.ErrorIs(t, err, metlo.ErrNotFound)

	gone, err := fields.Delete(ctx, f.UUID)
	require.NoError(t, err)
	assert.Equal(t, "mail", gone.DataPath)
	_, err = fields.Delete(ctx, f.UUID)
	require.ErrorIs(t, err, metlo.ErrNotFound)
}

func (c *contract) dataClasses(t *testing.T) {
	classes, err := c.client.DataClasses.List(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, classes)
	for _, class := range classes {
		assert.NotEmpty(t, class.ClassName)
		assert.True(t, class.Severity.Known())
	}
}

func (c *contract) alerts(t *testing.T) {
	ctx, alerts := t.Context(), c.client.Alerts
	opts := &metlo.AlertFilter{Hosts: []string{c.host}, AlertTypes: []metlo.AlertType{metlo.AlertNewEndpoint}}
	var found []metlo.Alert
	eventually(t, "the alerts about new endpoints", func() (bool, error) {
		var err error
		found, err = metlo.Collect(alerts.All(ctx, opts))
		return len(found) == 3, err
	})
	alert := found[0]
	assert.Equal(t, metlo.StatusOpen, alert.Status)
	assert.Equal(t, c.host, alert.APIEndpoint.Host)

	got, err := alerts.Get(ctx, alert.UUID)
	require.NoError(t, err)
	assert.Equal(t, alert.UUID, got.UUID)
	_, err = alerts.Get(ctx, kit.Nowhere)
	require.ErrorIs(t, err, metlo.ErrNotFound)

	got, err = alerts.Resolve(ctx, alert.UUID, " fixed in 1.4.2 ")
	require.NoError(t, err)
	assert.Equal(t, metlo.StatusResolved, got.Status)
	assert.Equal(t, "fixed in 1.4.2", got.ResolutionMessage)
	require.NotNil(t, got.APIEndpoint.Details)
	assert.Equal(t, c.host, got.APIEndpoint.Details.Host)
	for _, again := range []func() (*metlo.Alert, error){
		func() (*metlo.Alert, error) { return alerts.Resolve(ctx, alert.UUID, "") },
		func() (*metlo.Alert, error) { return alerts.Ignore(ctx, alert.UUID) },
		func() (*metlo.Alert, error) { return alerts.Unignore(ctx, alert.UUID) },
	} {
		_, err = again()
		require.ErrorIs(t, err, metlo.ErrConflict)
	}
	for _, step := range []struct {
		move func(context.Context, string) (*metlo.Alert, error)
		to   metlo.AlertStatus
	}{
		{alerts.Unresolve, metlo.StatusOpen}, {alerts.Ignore, metlo.StatusIgnored}, {alerts.Unignore, metlo.StatusOpen},
	} {
		got, err = step.move(ctx, alert.UUID)
		require.NoError(t, err)
		assert.Equal(t, step.to, got.Status)
	}
	_, err = alerts.Ignore(ctx, kit.Nowhere)
	require.ErrorIs(t, err, metlo.ErrNotFound)

	sweep := &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, ResolutionMessage: "swept", Hosts: []string{c.host}}
	require.NoError(t, alerts.UpdateMany(ctx, sweep))
	require.ErrorIs(t, alerts.UpdateMany(ctx, sweep), metlo.ErrNoMatch, "none is open any more")
	page, err := alerts.List(ctx, &metlo.AlertFilter{Hosts: []string{c.host}, Statuses: []metlo.AlertStatus{metlo.StatusOpen}}, 0, 0)
	require.NoError(t, err)
	assert.Zero(t, page.Total)
	assert.Empty(t, page.Items)
}

func (c *contract) summary(t *testing.T) {
	ctx := t.Context()
	summary, err := c.client.Summary.Get(ctx)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, summary.EndpointsTracked, 3)
	has, err := c.client.Summary.HasEndpoints(ctx)
	require.NoError(t, err)
	assert.True(t, has)
	_, err = c.client.Summary.SensitiveData(ctx, &metlo.SensitiveDataOptions{
		Hosts: []string{c.host}, Locations: []metlo.DataSection{metlo.SectionRequestBody},
	})
	require.NoError(t, err)
}

func (c *contract) specs(t *testing.T) {
	ctx, specs := t.Context(), c.client.Specs
	name := strings.TrimSuffix(c.host, ".example.com")
	document := func(path string) *strings.Reader {
		return strings.NewReader(fmt.Sprintf(`{"openapi":"3.0.3","info":{"title":"t","version":"1"},"servers":[{"url":"https://spec-%s"}],`+
			`"paths":{%q:{"get":{"responses":{"200":{"description":"ok"}}}}}}`, c.host, path))
	}
	require.NoError(t, specs.Upload(ctx, name+".json", document("/a")))
	defer func() {
		assert.NoError(t, specs.Delete(ctx, name))
		assert.NoError(t, c.client.Hosts.DeleteMany(ctx, "spec-"+c.host))
		require.ErrorIs(t, specs.Delete(ctx, name), metlo.ErrNotFound)
	}()
	require.ErrorIs(t, specs.Upload(ctx, name+".json", document("/a")), metlo.ErrConflict)
	require.ErrorIs(t, specs.Upload(ctx, name+"-2.json", strings.NewReader(`{"a":1}`)), metlo.ErrUnprocessable)
	spec, err := specs.Get(ctx, name)
	require.NoError(t, err)
	assert.Equal(t, metlo.SpecJSON, spec.Extension)
	assert.Equal(t, []string{"spec-" + c.host}, spec.Hosts)
	_, err = specs.Get(ctx, name+"-nope")
	require.ErrorIs(t, err, metlo.ErrNotFound)
	require.NoError(t, specs.Update(ctx, name, metlo.SpecJSON, document("/b")))
	require.ErrorIs(t, specs.Update(ctx, name+"-nope", metlo.SpecJSON, document("/b")), metlo.ErrNotFound)
	list, err := specs.List(ctx)
	require.NoError(t, err)
	listed := false
	for _, s := range list {
		listed = listed || s.Name == name
	}
	assert.True(t, listed)
	archive, err := specs.Zip(ctx)
	require.NoError(t, err)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	assert.NotEmpty(t, z.File)
}

func (c *contract) keys(t *testing.T) {
	ctx, keys := t.Context(), c.client.Keys
	name := c.host + " / key"
	if created, err := keys.Create(ctx, name, metlo.KeyOnboarding); assert.NoError(t, err) {
		assert.True(t, strings.HasPrefix(created.APIKey.Reveal(), created.Identifier))
		assert.NotContains(t, fmt.Sprintf("%+v %#v", created, created), created.APIKey.Reveal())
	}
	_, err := keys.Create(ctx, name, metlo.KeyGeneric)
	require.ErrorIs(t, err, metlo.ErrConflict)
	for _, list := range []func(context.Context) ([]metlo.Key, error){keys.List, keys.Onboarding} {
		all, err := list(ctx)
		require.NoError(t, err)
		n := 0
		for _, k := range all {
			if k.Name == name {
				n++
			}
		}
		assert.Equal(t, 1, n)
	}
	require.NoError(t, keys.Delete(ctx, name))
	require.ErrorIs(t, keys.Delete(ctx, name), metlo.ErrNotFound)
}

func (c *contract) webhooks(t *testing.T) {
	ctx, webhooks := t.Context(), c.client.Webhooks
	w, err := webhooks.Create(ctx, &metlo.WebhookSettings{
		URL: "https://" + c.host + "/hook", AlertTypes: []metlo.AlertType{metlo.AlertBasicAuthentication}, Hosts: []string{c.host},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, webhooks.Delete(ctx, w.UUID)) }()
	assert.Equal(t, []string{c.host}, w.Hosts)
	w, err = webhooks.Update(ctx, w.UUID, &metlo.WebhookSettings{URL: "https://" + c.host + "/other", Hosts: []string{c.host}})
	require.NoError(t, err)
	assert.Equal(t, "https://"+c.host+"/other", w.URL)
	assert.Empty(t, w.AlertTypes)
	_, err = webhooks.Update(ctx, kit.Nowhere, &metlo.WebhookSettings{URL: "https://" + c.host + "/other"})
	require.ErrorIs(t, err, metlo.ErrNotFound)
	list, err := webhooks.List(ctx)
	require.NoError(t, err)
	assert.NotEmpty(t, list)
}

func (c *contract) settings(t *testing.T) {
	ctx := t.Context()
	_, err := c.client.Settings.Get(ctx)
	require.NoError(t, err)
	_, err = c.client.Settings.MetloConfig(ctx)
	require.NoError(t, err)
	require.ErrorIs(t, c.client.Settings.UpdateMetloConfig(ctx, "a: [1,"), metlo.ErrBadRequest)
	config, err := c.client.Settings.AgentConfig(ctx)
	require.NoError(t, err)
	assert.NotEmpty(t, config.SensitiveDataList)
}

func (c *contract) testing(t *testing.T) {
	ctx, tests := t.Context(), c.client.Testing
	e := c.endpoint(t, metlo.MethodGet, "/invoices")
	for _, opts := range []metlo.TestEndpointQuery{
		{Endpoint: e.UUID}, {Endpoint: e.Path, Host: e.Host, Method: e.Method},
	} {
		input, err := tests.Endpoint(ctx, &opts)
		require.NoError(t, err)
		assert.Equal(t, c.host, input.Host)
		assert.Equal(t, e.Path, input.Path)
		assert.NotEmpty(t, input.DataFields)
		assert.Nil(t, input.Generated)
	}
	_, err := tests.Endpoint(ctx, &metlo.TestEndpointQuery{Endpoint: "/nope", Host: c.host})
	require.ErrorIs(t, err, metlo.ErrNotFound)
	inputs, err := tests.Endpoints(ctx, c.host)
	require.NoError(t, err)
	assert.NotEmpty(t, inputs)
	_, err = tests.GlobalEnv(ctx)
	require.NoError(t, err)
	_, err = tests.Config(ctx)
	require.NoError(t, err)
	_, err = tests.EntityTags(ctx)
	require.NoError(t, err)
	_, err = tests.ResourcePermissions(ctx)
	require.NoError(t, err)
	var syntax *metlo.TestingSyntaxError
	require.ErrorAs(t, tests.UpdateConfig(ctx, "RESOURCES\n  ???"), &syntax)
	assert.Equal(t, 1, syntax.StartLine)
}

func (c *contract) deletion(t *testing.T) {
	ctx := t.Context()
	e := c.endpoint(t, metlo.MethodGet, "/invoices")
	require.NoError(t, c.client.Endpoints.Delete(ctx, e.UUID))
	_, err := c.client.Endpoints.Get(ctx, e.UUID)
	require.ErrorIs(t, err, metlo.ErrNotFound)
	require.ErrorIs(t, c.client.Endpoints.Delete(ctx, e.UUID), metlo.ErrServer, "the server fails without a word")
	require.NoError(t, c.client.Endpoints.DeleteMany(ctx, c.endpoint(t, metlo.MethodGet, "/customers").UUID, kit.Nowhere))
	require.NoError(t, c.client.Hosts.DeleteMany(ctx, c.host))
	page, err := c.client.Endpoints.List(ctx, &metlo.EndpointFilter{Hosts: []string{c.host}}, 0, 0)
	require.NoError(t, err)
	assert.Zero(t, page.Total)
}
