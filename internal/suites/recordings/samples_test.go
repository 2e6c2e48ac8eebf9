package recordings_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// TestNothingIsLost decodes samples of real servers into the public types, and searches each value of the wire in the
// result.
func TestNothingIsLost(t *testing.T) {
	const id = "00000000-0000-4000-8000-000000000001"
	// Wire keys without a struct field.
	untaken := map[string][]string{}
	type call func(context.Context, *metlo.Client) (any, error)
	cases := map[string]struct {
		wire string
		call call
	}{
		"samples/agent-config.json": {sample(t, "agent-config.json"), func(ctx context.Context, c *metlo.Client) (any, error) {
			return c.Settings.AgentConfig(ctx)
		}},
		"samples/endpoint-with-traces.json": {sample(t, "endpoint-with-traces.json"), func(ctx context.Context, c *metlo.Client) (any, error) {
			return c.Endpoints.Get(ctx, id)
		}},
		"samples/suggested-paths.json": {sample(t, "suggested-paths.json"), func(ctx context.Context, c *metlo.Client) (any, error) {
			return c.Endpoints.SuggestedPaths(ctx, id)
		}},
		"samples/webhooks-with-runs.json": {sample(t, "webhooks-with-runs.json"), func(ctx context.Context, c *metlo.Client) (any, error) {
			return c.Webhooks.List(ctx)
		}},
		"samples/webhook-delivery.json": {deliveredBody(t), func(context.Context, *metlo.Client) (any, error) {
			event := new(metlo.WebhookEvent)
			return event, json.Unmarshal([]byte(deliveredBody(t)), event)
		}},
	}
	recorded := map[string]call{
		"hosts/list": func(ctx context.Context, c *metlo.Client) (any, error) {
			page, err := c.Hosts.List(ctx, nil, 0, 0)
			return page.Items, err
		},
		"hosts/names":                func(ctx context.Context, c *metlo.Client) (any, error) { return c.Hosts.Names(ctx) },
		"hosts/graph":                func(ctx context.Context, c *metlo.Client) (any, error) { return c.Hosts.Graph(ctx) },
		"keys/create":                func(ctx context.Context, c *metlo.Client) (any, error) { return c.Keys.Create(ctx, "ci", "") },
		"keys/list":                  func(ctx context.Context, c *metlo.Client) (any, error) { return c.Keys.List(ctx) },
		"settings/get":               func(ctx context.Context, c *metlo.Client) (any, error) { return c.Settings.Get(ctx) },
		"settings/config_get":        func(ctx context.Context, c *metlo.Client) (any, error) { return c.Settings.MetloConfig(ctx) },
		"settings/config_get_empty":  func(ctx context.Context, c *metlo.Client) (any, error) { return c.Settings.MetloConfig(ctx) },
		"specs/list":                 func(ctx context.Context, c *metlo.Client) (any, error) { return c.Specs.List(ctx) },
		"specs/get":                  func(ctx context.Context, c *metlo.Client) (any, error) { return c.Specs.Get(ctx, "pay") },
		"summary/summary":            func(ctx context.Context, c *metlo.Client) (any, error) { return c.Summary.Get(ctx) },
		"summary/sensitive_data":     func(ctx context.Context, c *metlo.Client) (any, error) { return c.Summary.SensitiveData(ctx, nil) },
		"summary/new_detections_agg": func(ctx context.Context, c *metlo.Client) (any, error) { return c.Detections.Daily(ctx) },
		"summary/new_detections": func(ctx context.Context, c *metlo.Client) (any, error) {
			page, err := c.Detections.ListEndpoints(ctx, nil, 0, 0)
			return page.Items, err
		},
		"webhooks/list": func(ctx context.Context, c *metlo.Client) (any, error) { return c.Webhooks.List(ctx) },
	}
	for name, call := range recorded {
		section, recording, _ := strings.Cut(name, "/")
		c := cases[name]
		c.wire, c.call = kit.RecordingNamed(t, section, recording).Response.Body, call
		cases[name] = c
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client := kit.Client(t, &kit.Answer{Status: http.StatusOK, Body: []byte(c.wire)})
			value, err := c.call(t.Context(), client)
			require.NoError(t, err)
			var wire any
			decoder := json.NewDecoder(strings.NewReader(c.wire))
			decoder.UseNumber()
			require.NoError(t, decoder.Decode(&wire))
			if tuple, ok := wire.([]any); ok && len(tuple) == 2 {
				if items, ok := tuple[0].([]any); ok {
					wire = items
				}
			}
			lost := missing("", wire, reflect.ValueOf(value))
			slices.Sort(lost)
			assert.Equal(t, untaken[name], slices.Compact(lost))
		})
	}
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(kit.Testdata("samples", name))
	require.NoError(t, err)
	return string(data)
}

func deliveredBody(t *testing.T) string {
	t.Helper()
	var delivery struct {
		Body string `json:"body"`
	}
	require.NoError(t, json.Unmarshal([]byte(sample(t, "webhook-delivery.json")), &delivery))
	return delivery.Body
}

// missing returns the paths of the values in wire that v does not hold, without indices.
func missing(path string, wire any, v reflect.Value) []string {
	if wire == nil {
		if v.IsValid() && v.Kind() != reflect.Slice && v.Kind() != reflect.Map && !v.IsZero() {
			return []string{path + ": not null"}
		}
		return nil
	}
	different := []string{fmt.Sprintf("%s: %v", path, wire)}
	switch value := v.Interface().(type) {
	case json.RawMessage:
		want, err := json.Marshal(wire)
		if err != nil || !sameJSON(want, value) {
			return different
		}
		return nil
	case time.Time:
		if want, err := time.Parse(time.RFC3339, fmt.Sprint(wire)); err != nil || !want.Equal(value) {
			return different
		}
		return nil
	case metlo.Secret:
		if value.Reveal() != wire {
			return different
		}
		return nil
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return different
		}
		return missing(path, wire, v.Elem())
	}
	var lost []string
	switch wire := wire.(type) {
	case map[string]any:
		for key, inner := range wire {
			field := member(v, key)
			if !field.IsValid() {
				lost = append(lost, path+"."+key)
				continue
			}
			lost = append(lost, missing(path+"."+key, inner, field)...)
		}
	case []any:
		if v.Kind() != reflect.Slice || v.Len() != len(wire) {
			return different
		}
		for i, inner := range wire {
			lost = append(lost, missing(path+"[]", inner, v.Index(i))...)
		}
	case string:
		if v.CanInt() {
			if strconv.FormatInt(v.Int(), 10) != wire {
				return different
			}
		} else if v.Kind() != reflect.String || v.String() != wire {
			return different
		}
	case json.Number:
		if !v.CanInt() || strconv.FormatInt(v.Int(), 10) != wire.String() {
			return different
		}
	case bool:
		if v.Kind() != reflect.Bool || v.Bool() != wire {
			return different
		}
	}
	return lost
}

// member returns the member of v with a key of the wire.
func member(v reflect.Value, key string) reflect.Value {
	if v.Kind() == reflect.Map {
		return v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key()))
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			if inner := member(v.Field(i), key); inner.IsValid() {
				return inner
			}
		}
		if name == key {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	da, db := json.NewDecoder(bytes.NewReader(a)), json.NewDecoder(bytes.NewReader(b))
	da.UseNumber()
	db.UseNumber()
	return da.Decode(&x) == nil && db.Decode(&y) == nil && reflect.DeepEqual(x, y)
}

// The search itself must find losses.
func TestMissingFindsWhatIsLost(t *testing.T) {
	for wire, want := range map[string][]string{
		`{"host":"a","numEndpoints":"2","isPublic":true}`:           nil,
		`{"host":"a","numEndpoints":2,"isPublic":true,"owner":"x"}`: {".owner"},
		`{"host":"b","numEndpoints":"2","isPublic":true}`:           {".host: b"},
		`{"host":"a","numEndpoints":"3","isPublic":null}`:           {".isPublic: not null", ".numEndpoints: 3"},
	} {
		var value any
		decoder := json.NewDecoder(strings.NewReader(wire))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&value))
		lost := missing("", value, reflect.ValueOf(metlo.Host{Host: "a", NumEndpoints: 2, IsPublic: true}))
		slices.Sort(lost)
		assert.Equal(t, want, lost, wire)
	}
}
