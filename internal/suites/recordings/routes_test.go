package recordings_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// TestRoutes lists every route that the server has, each with the method that asks it.
func TestRoutes(t *testing.T) {
	const id = "00000000-0000-4000-8000-000000000001"
	trace := &metlo.Trace{
		Request:  metlo.TraceRequest{URL: metlo.TraceURL{Host: "h", Path: "/"}, Method: metlo.MethodGet},
		Response: metlo.TraceResponse{Status: 200},
	}
	type call = func(context.Context, *metlo.Client)
	routes := map[string]call{
		"GET /api/v1": func(ctx context.Context, c *metlo.Client) { _ = c.Ping(ctx) },

		"GET /api/v1/endpoints":                              func(ctx context.Context, c *metlo.Client) { _, _ = c.Endpoints.List(ctx, nil, 0, 0) },
		"GET /api/v1/endpoint/:id":                           func(ctx context.Context, c *metlo.Client) { _, _ = c.Endpoints.Get(ctx, id) },
		"GET /api/v1/endpoint/:id/usage":                     func(ctx context.Context, c *metlo.Client) { _, _ = c.Endpoints.Usage(ctx, id) },
		"GET /api/v1/endpoint/:id/suggested-paths":           func(ctx context.Context, c *metlo.Client) { _, _ = c.Endpoints.SuggestedPaths(ctx, id) },
		"PUT /api/v1/endpoint/:id/authenticated":             func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.SetAuthenticated(ctx, id, nil) },
		"PUT /api/v1/endpoint/:id/enable-full-trace-capture": func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.SetFullTraceCapture(ctx, id, true) },
		"POST /api/v1/endpoint/:id/userSet":                  func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.SetPathLocked(ctx, id, true) },
		"POST /api/v1/endpoint/:id/update-paths":             func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.UpdatePaths(ctx, id, "/a") },
		"PUT /api/v1/endpoint/:id/graphql-schema": func(ctx context.Context, c *metlo.Client) {
			_ = c.Endpoints.UploadGraphQLSchema(ctx, id, strings.NewReader("type Query { a: ID }"))
		},
		"DELETE /api/v1/endpoint/:id/graphql-schema": func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.DeleteGraphQLSchema(ctx, id) },
		"DELETE /api/v1/endpoint/:id":                func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.Delete(ctx, id) },
		"DELETE /api/v1/endpoints":                   func(ctx context.Context, c *metlo.Client) { _ = c.Endpoints.DeleteMany(ctx, id) },

		"GET /api/v1/endpoints/hosts": func(ctx context.Context, c *metlo.Client) { _, _ = c.Hosts.Names(ctx) },
		"GET /api/v1/hosts":           func(ctx context.Context, c *metlo.Client) { _, _ = c.Hosts.List(ctx, nil, 0, 0) },
		"DELETE /api/v1/hosts":        func(ctx context.Context, c *metlo.Client) { _ = c.Hosts.DeleteMany(ctx, "h") },
		"GET /api/v1/hosts-graph":     func(ctx context.Context, c *metlo.Client) { _, _ = c.Hosts.Graph(ctx) },

		"GET /api/v1/new-detections":     func(ctx context.Context, c *metlo.Client) { _, _ = c.Detections.ListEndpoints(ctx, nil, 0, 0) },
		"GET /api/v1/new-detections-agg": func(ctx context.Context, c *metlo.Client) { _, _ = c.Detections.Daily(ctx) },

		"POST /api/v1/data-field/:id/update-classes":  func(ctx context.Context, c *metlo.Client) { _, _ = c.DataFields.UpdateClasses(ctx, id, &emailInQuery) },
		"DELETE /api/v1/data-field/:id":               func(ctx context.Context, c *metlo.Client) { _, _ = c.DataFields.Delete(ctx, id) },
		"PUT /api/v1/data-field/:id/update-entity":    func(ctx context.Context, c *metlo.Client) { _, _ = c.DataFields.SetEntity(ctx, id, nil) },
		"PUT /api/v1/data-field/:id/update-data-path": func(ctx context.Context, c *metlo.Client) { _, _ = c.DataFields.UpdatePath(ctx, id, "a") },
		"POST /api/v1/clear-sensitive-data": func(ctx context.Context, c *metlo.Client) {
			_ = c.DataFields.ClearAllSensitiveData(ctx, metlo.Wipe{WholeInstance: true})
		},
		"POST /api/v1/clear-all-datafields": func(ctx context.Context, c *metlo.Client) {
			_ = c.DataFields.DeleteAll(ctx, metlo.Wipe{WholeInstance: true})
		},
		"GET /api/v1/data-class": func(ctx context.Context, c *metlo.Client) { _, _ = c.DataClasses.List(ctx) },

		"GET /api/v1/alerts":    func(ctx context.Context, c *metlo.Client) { _, _ = c.Alerts.List(ctx, nil, 0, 0) },
		"PUT /api/v1/alert/:id": func(ctx context.Context, c *metlo.Client) { _, _ = c.Alerts.Resolve(ctx, id, "") },
		"PUT /api/v1/alerts": func(ctx context.Context, c *metlo.Client) {
			_ = c.Alerts.UpdateMany(ctx, &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateIgnore, AllAlerts: true})
		},

		"GET /api/v1/webhooks": func(ctx context.Context, c *metlo.Client) { _, _ = c.Webhooks.List(ctx) },
		"POST /api/v1/webhook": func(ctx context.Context, c *metlo.Client) {
			_, _ = c.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: recordedTop})
		},
		"PUT /api/v1/webhook/:id": func(ctx context.Context, c *metlo.Client) {
			_, _ = c.Webhooks.Update(ctx, id, &metlo.WebhookSettings{URL: recordedTop})
		},
		"DELETE /api/v1/webhook/:id": func(ctx context.Context, c *metlo.Client) { _ = c.Webhooks.Delete(ctx, id) },

		"GET /api/v1/keys/list":            func(ctx context.Context, c *metlo.Client) { _, _ = c.Keys.List(ctx) },
		"GET /api/v1/keys/onboarding":      func(ctx context.Context, c *metlo.Client) { _, _ = c.Keys.Onboarding(ctx) },
		"POST /api/v1/keys/create":         func(ctx context.Context, c *metlo.Client) { _, _ = c.Keys.Create(ctx, "n", "") },
		"DELETE /api/v1/keys/:name/delete": func(ctx context.Context, c *metlo.Client) { _ = c.Keys.Delete(ctx, "n") },

		"GET /api/v1/instance-settings": func(ctx context.Context, c *metlo.Client) { _, _ = c.Settings.Get(ctx) },
		"PUT /api/v1/instance-settings": func(ctx context.Context, c *metlo.Client) {
			_, _ = c.Settings.Update(ctx, &metlo.InstanceSettingsUpdate{SkippedUpdateEmail: new(true)})
		},
		"GET /api/v1/metlo-config": func(ctx context.Context, c *metlo.Client) { _, _ = c.Settings.MetloConfig(ctx) },
		"PUT /api/v1/metlo-config": func(ctx context.Context, c *metlo.Client) { _ = c.Settings.UpdateMetloConfig(ctx, "{}") },
		"GET /api/v1/agent-config": func(ctx context.Context, c *metlo.Client) { _, _ = c.Settings.AgentConfig(ctx) },

		"GET /api/v1/summary":                  func(ctx context.Context, c *metlo.Client) { _, _ = c.Summary.Get(ctx) },
		"GET /api/v1/summary/endpoint-tracked": func(ctx context.Context, c *metlo.Client) { _, _ = c.Summary.HasEndpoints(ctx) },
		"GET /api/v1/sensitive-data-summary":   func(ctx context.Context, c *metlo.Client) { _, _ = c.Summary.SensitiveData(ctx, nil) },

		"GET /api/v1/specs":      func(ctx context.Context, c *metlo.Client) { _, _ = c.Specs.List(ctx) },
		"GET /api/v1/specs/zip":  func(ctx context.Context, c *metlo.Client) { _, _ = c.Specs.Zip(ctx) },
		"GET /api/v1/spec/:name": func(ctx context.Context, c *metlo.Client) { _, _ = c.Specs.Get(ctx, "n") },
		"POST /api/v1/spec/new":  func(ctx context.Context, c *metlo.Client) { _ = c.Specs.Upload(ctx, "n.json", strings.NewReader("{}")) },
		"PUT /api/v1/spec/:name": func(ctx context.Context, c *metlo.Client) {
			_ = c.Specs.Update(ctx, "n", metlo.SpecJSON, strings.NewReader("{}"))
		},
		"DELETE /api/v1/spec/:name": func(ctx context.Context, c *metlo.Client) { _ = c.Specs.Delete(ctx, "n") },

		"GET /api/v1/gen-test-endpoint": func(ctx context.Context, c *metlo.Client) {
			_, _ = c.Testing.Endpoint(ctx, &metlo.TestEndpointQuery{Endpoint: "/"})
		},
		"GET /api/v1/gen-test-endpoints":                  func(ctx context.Context, c *metlo.Client) { _, _ = c.Testing.Endpoints(ctx, "h") },
		"GET /api/v1/testing/global-env":                  func(ctx context.Context, c *metlo.Client) { _, _ = c.Testing.GlobalEnv(ctx) },
		"GET /api/v1/testing-config":                      func(ctx context.Context, c *metlo.Client) { _, _ = c.Testing.Config(ctx) },
		"PUT /api/v1/testing-config":                      func(ctx context.Context, c *metlo.Client) { _ = c.Testing.UpdateConfig(ctx, "x") },
		"GET /api/v1/testing-config/entity-tags":          func(ctx context.Context, c *metlo.Client) { _, _ = c.Testing.EntityTags(ctx) },
		"GET /api/v1/testing-config/resource-permissions": func(ctx context.Context, c *metlo.Client) { _, _ = c.Testing.ResourcePermissions(ctx) },

		"collector GET /api/v1/verify":              func(ctx context.Context, c *metlo.Client) { _ = c.Collector.Verify(ctx) },
		"collector POST /api/v1/log-request/single": func(ctx context.Context, c *metlo.Client) { _ = c.Collector.Log(ctx, trace) },
		"collector POST /api/v1/log-request/batch": func(ctx context.Context, c *metlo.Client) {
			_ = c.Collector.LogBatch(ctx, []*metlo.Trace{trace})
		},
	}
	for route, ask := range routes {
		t.Run(route, func(t *testing.T) {
			var got []string
			client := kit.Client(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				where := ""
				if r.URL.Host == "collector.example.com" {
					where = "collector "
				}
				got = append(got, where+r.Method+" "+r.URL.EscapedPath())
				return (&kit.Answer{Status: 501}).RoundTrip(r)
			}), metlo.WithCollectorURL("https://collector.example.com"))
			ask(t.Context(), client)
			want := strings.NewReplacer(":id", id, ":name", "n").Replace(route)
			require.Equal(t, []string{want}, got)
		})
	}
	assert.Len(t, routes, 61, "the server has 61 routes; version 2 of the collector's takes what version 1 does")
}
