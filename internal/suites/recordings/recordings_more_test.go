package recordings_test

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

const (
	onlyV1      = "the SDK speaks version 1 of the collector"
	noFile      = "the method always sends a file"
	recordedTop = "https://hooks.example.com"
)

// recordedTraces returns the traces that a recorded request sent.
func recordedTraces(name string) []*metlo.Trace {
	for _, rec := range kit.Recordings("collector") {
		if rec.Name != name {
			continue
		}
		text := *rec.Request.Body
		if !strings.HasPrefix(text, "[") {
			text = "[" + text + "]"
		}
		var traces []*metlo.Trace
		if err := json.Unmarshal([]byte(text), &traces); err != nil {
			panic(err)
		}
		return traces
	}
	panic("no recording " + name)
}

func logTrace(t *metlo.Trace) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Collector.Log(ctx, t) })
}

var collectorReplays = map[string]replay{
	"health_v1": {raw: "Ping asks the backend, and Verify the collector"},
	"verify":    {call: done(func(ctx context.Context, c *client) error { return c.Collector.Verify(ctx) })},
	"verify_bad_key": {
		call: done(func(ctx context.Context, c *client) error { return c.Collector.Verify(ctx) }),
		want: metlo.ErrUnauthorized, message: "Client unauthorized",
	},
	"log_single_v1": {call: logTrace(recordedTraces("log_single_v1")[0])},
	"log_batch_v1": {call: done(func(ctx context.Context, c *client) error {
		return c.Collector.LogBatch(ctx, recordedTraces("log_batch_v1"))
	})},
	"log_single_v2": {raw: onlyV1},
	"log_batch_v2":  {raw: onlyV1},
	"log_single_v1_no_path": {
		call:  logTrace(&metlo.Trace{Request: metlo.TraceRequest{URL: metlo.TraceURL{Host: "h"}}}),
		guard: "Request.URL.Path", want: metlo.ErrBadRequest, message: "No path provided.",
	},
	"log_single_v1_empty": {
		call: logTrace(&metlo.Trace{}), guard: "Request.URL.Host", want: metlo.ErrServer, message: "Cannot set properties of undefined",
	},
	"log_single_v1_over_2mb": {
		call: logTrace(&metlo.Trace{
			Request: metlo.TraceRequest{
				URL: metlo.TraceURL{Host: "h", Path: "/p"}, Method: metlo.MethodPost, Body: strings.Repeat("x", 10<<20),
			},
			Response: metlo.TraceResponse{Status: 200},
		}), guard: "over the collector's limit", want: metlo.ErrTooLarge, message: "request entity too large",
	},
}

func listHosts(f metlo.HostFilter, offset, limit int) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Page[metlo.Host], error) {
		return c.Hosts.List(ctx, &f, offset, limit)
	})
}

var hostReplays = map[string]replay{
	"names":         {call: value(func(ctx context.Context, c *client) ([]string, error) { return c.Hosts.Names(ctx) })},
	"list":          {call: listHosts(metlo.HostFilter{}, 0, 2)},
	"list_search":   {call: listHosts(metlo.HostFilter{SearchQuery: "shop"}, 0, 0)},
	"list_sort_bad": {call: listHosts(metlo.HostFilter{SortBy: "risk"}, 0, 0), want: metlo.ErrBadRequest, message: "sortBy"},
	"graph":         {call: value(func(ctx context.Context, c *client) (*metlo.HostGraph, error) { return c.Hosts.Graph(ctx) })},
	"delete_missing": {call: done(func(ctx context.Context, c *client) error {
		return c.Hosts.DeleteMany(ctx, "nope.example.com")
	})},
}

func createKey(name string, keyFor metlo.APIKeyType) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.CreatedKey, error) {
		return c.Keys.Create(ctx, name, keyFor)
	})
}

var keyReplays = map[string]replay{
	"create":           {call: createKey("ci", metlo.KeyGeneric)},
	"create_duplicate": {call: createKey("ci", ""), want: metlo.ErrConflict, message: "Can not create key with name ci"},
	"create_no_name": {
		call: createKey("", ""), guard: "is not a key name", want: metlo.ErrConflict, message: "Can not create key with name undefined",
	},
	"create_onboarding": {call: createKey("first", metlo.KeyOnboarding)},
	"list":              {call: value(func(ctx context.Context, c *client) ([]metlo.Key, error) { return c.Keys.List(ctx) })},
	"delete":            {call: done(func(ctx context.Context, c *client) error { return c.Keys.Delete(ctx, "first") })},
	"delete_missing": {
		call: done(func(ctx context.Context, c *client) error { return c.Keys.Delete(ctx, "nope") }),
		want: metlo.ErrNotFound, message: "Did not find any matching keys for nope",
	},
}

func getConfig(ctx context.Context, c *client) (*metlo.MetloConfig, error) {
	return c.Settings.MetloConfig(ctx)
}

func putConfig(text string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Settings.UpdateMetloConfig(ctx, text) })
}

var settingsReplays = map[string]replay{
	"get": {call: value(func(ctx context.Context, c *client) (*metlo.InstanceSettings, error) { return c.Settings.Get(ctx) })},
	"put": {call: value(func(ctx context.Context, c *client) (*metlo.InstanceSettings, error) {
		return c.Settings.Update(ctx, &metlo.InstanceSettingsUpdate{UpdateEmail: new("sec@example.com"), SkippedUpdateEmail: new(false)})
	})},
	"config_get_empty": {call: value(getConfig)},
	"config_put":       {call: putConfig(recordedConfig("settings", "config_put"))},
	"config_get":       {call: value(getConfig)},
	"config_put_bad_yaml": {
		call: putConfig(recordedConfig("settings", "config_put_bad_yaml")), want: metlo.ErrBadRequest, message: "unexpected end of the stream",
	},
	"global_env_after_config": {call: value(func(ctx context.Context, c *client) ([]metlo.EnvVariable, error) {
		return c.Testing.GlobalEnv(ctx)
	})},
	"data_class_after_config": {call: value(func(ctx context.Context, c *client) ([]metlo.DataClass, error) {
		return c.DataClasses.List(ctx)
	})},
}

const recordedSpec = `{"openapi": "3.0.3", "info": {"title": "Pay", "version": "1"}, "servers": [{"url": "https://pay.example.com"}], ` +
	`"paths": {"/payments": {"post": {"responses": {"200": {"description": "ok"}}}}}}`

func uploadSpec(filename string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error {
		return c.Specs.Upload(ctx, filename, strings.NewReader(recordedSpec))
	})
}

func getSpec(name string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Spec, error) { return c.Specs.Get(ctx, name) })
}

func deleteSpec(name string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Specs.Delete(ctx, name) })
}

var specReplays = map[string]replay{
	"list":          {call: value(func(ctx context.Context, c *client) ([]metlo.Spec, error) { return c.Specs.List(ctx) })},
	"upload":        {call: uploadSpec("pay.json")},
	"upload_exists": {call: uploadSpec("pay.json"), want: metlo.ErrConflict, message: "Spec file already exists."},
	"upload_bad_mime": {
		call: uploadSpec("pay.txt"), guard: "pay.txt", want: metlo.ErrBadRequest, message: "Only .json, .yaml, and .yml format allowed.",
	},
	"upload_no_file": {raw: noFile, want: metlo.ErrBadRequest, message: "No spec file found."},
	"get":            {call: getSpec("pay")},
	"get_missing":    {call: getSpec("nope"), want: metlo.ErrNotFound, message: "no spec has this name"},
	"update": {call: done(func(ctx context.Context, c *client) error {
		return c.Specs.Update(ctx, "pay", metlo.SpecJSON, strings.NewReader(recordedSpec))
	})},
	"update_no_file": {raw: noFile, want: metlo.ErrServer, message: "Cannot read properties of undefined"},
	"zip":            {call: value(func(ctx context.Context, c *client) ([]byte, error) { return c.Specs.Zip(ctx) })},
	"delete":         {call: deleteSpec("pay")},
	"delete_missing": {call: deleteSpec("nope"), want: metlo.ErrNotFound, message: "No spec file"},
}

var summaryReplays = map[string]replay{
	"summary": {call: value(func(ctx context.Context, c *client) (*metlo.Summary, error) { return c.Summary.Get(ctx) })},
	"endpoint_tracked": {call: value(func(ctx context.Context, c *client) (any, error) {
		exists, err := c.Summary.HasEndpoints(ctx)
		return struct {
			Exists bool `json:"exists"`
		}{exists}, err
	})},
	"sensitive_data": {call: value(func(ctx context.Context, c *client) (*metlo.SensitiveDataSummary, error) {
		return c.Summary.SensitiveData(ctx, nil)
	})},
	"new_detections": {call: value(func(ctx context.Context, c *client) (*metlo.Page[metlo.Endpoint], error) {
		return c.Detections.ListEndpoints(ctx, &metlo.DetectionFilter{CreatedAfter: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, 0, 2)
	})},
	"new_detections_limit_too_large": {
		call: value(func(ctx context.Context, c *client) (*metlo.Page[metlo.Endpoint], error) {
			return c.Detections.ListEndpoints(ctx, nil, 0, 51)
		}), guard: "limit 51 is over 50", want: metlo.ErrBadRequest, message: "Number must be less than or equal to 50",
	},
	"new_detections_agg": {call: value(func(ctx context.Context, c *client) ([]metlo.DetectionDay, error) {
		return c.Detections.Daily(ctx)
	})},
}

const recordedWebhookID = "9fe7d963-bade-45bb-a5a2-e670b7d8612e"

func listWebhooks(ctx context.Context, c *client) ([]metlo.Webhook, error) {
	return c.Webhooks.List(ctx)
}

func createWebhook(s metlo.WebhookSettings) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Webhook, error) { return c.Webhooks.Create(ctx, &s) })
}

func updateWebhook(id string) func(context.Context, *client) (any, error) {
	return value(func(ctx context.Context, c *client) (*metlo.Webhook, error) {
		return c.Webhooks.Update(ctx, id, &metlo.WebhookSettings{URL: recordedTop + "/z"})
	})
}

func deleteWebhook(id string) func(context.Context, *client) (any, error) {
	return done(func(ctx context.Context, c *client) error { return c.Webhooks.Delete(ctx, id) })
}

var webhookReplays = map[string]replay{
	"list_empty": {call: value(listWebhooks)},
	"create": {call: createWebhook(metlo.WebhookSettings{
		URL: recordedTop + "/a?b=c", AlertTypes: []metlo.AlertType{metlo.AlertPIIData}, Hosts: []string{"shop.example.com"},
	})},
	"create_bad_url": {
		call: createWebhook(metlo.WebhookSettings{URL: "nope"}), guard: "not an absolute http(s) URL",
		want: metlo.ErrBadRequest, message: "url: Invalid url",
	},
	"list":           {call: value(listWebhooks)},
	"update":         {call: updateWebhook(recordedWebhookID)},
	"update_missing": {call: updateWebhook(nowhere), want: metlo.ErrNotFound, message: "no webhook has this id"},
	"delete":         {call: deleteWebhook(recordedWebhookID)},
	"delete_missing": {call: deleteWebhook(nowhere)},
}
