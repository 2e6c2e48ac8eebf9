package metlo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestKeysCreate(t *testing.T) {
	const value = "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq"
	client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "keys", "create").Response.Body))
	key, err := client.Keys.Create(t.Context(), "ci", metlo.KeyGeneric)
	require.NoError(t, err)
	assert.Equal(t, "POST /api/v1/keys/create", server.sent[0].Method+" "+server.sent[0].Path)
	assert.JSONEq(t, `{"name":"ci","keyFor":"GENERIC"}`, server.sent[0].Body)
	assert.Equal(t, metlo.Key{
		Name: "ci", Identifier: "metlo.RnoV", Created: time.Date(2026, 11, 22, 18, 58, 42, 595e6, time.UTC), For: metlo.KeyGeneric,
	}, key.Key)
	assert.Equal(t, value, key.APIKey.Reveal())

	text, err := json.Marshal(key)
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("created", "key", key, "value", *key)
	for _, shown := range []string{
		fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s %q %x", *key, *key, *key, *key, *key, *key), fmt.Sprintf("%+v", key.APIKey),
		string(text), log.String(),
	} {
		assert.NotContains(t, shown, value)
		assert.NotContains(t, shown, fmt.Sprintf("%x", value))
	}

	_, err = client.Keys.Create(t.Context(), "ci", "")
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"ci"}`, server.sent[1].Body)
}

// TestKeysCreateKeepsTheValueOutOfErrors has invalid answers contain a key: no error may quote it.
func TestKeysCreateKeepsTheValueOutOfErrors(t *testing.T) {
	const value = "metlo.K7PQdBKUcnTYYvaZ4hupTBl8KiDZW75DqZg40MoK"
	for name, body := range map[string]string{
		"cut":              `{"name":"ci","apiKey":"` + value,
		"cut behind it":    `{"apiKey":"` + value + `","name":"c`,
		"followed by text": `{"apiKey":"` + value + `"} and more`,
		"a bad time":       `{"apiKey":"` + value + `","created":"` + value + `"}`,
		"another type":     `{"apiKey":["` + value + `"]}`,
		"a bare string":    `"` + value + `"`,
		"another name":     `{"key":"` + value + `"}`,
		"an array":         `[{"apiKey":"` + value + `"}]`,
		"bare text":        value,
		"refused":          `{"ok":false,"message":"not today"}`,
	} {
		t.Run(name, func(t *testing.T) {
			client, server := scriptedClient(t, always(http.StatusOK, body))
			_, err := client.Keys.Create(t.Context(), "ci", metlo.KeyGeneric)
			require.Error(t, err)
			assert.Len(t, server.sent, 1, "a second key must not be made")
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v %q", cause, cause, cause, cause), value)
			}
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, string(e.Body), value)
			for _, attempt := range e.Attempts {
				assert.NotContains(t, fmt.Sprintf("%+v %#v", attempt, attempt.Err), value)
			}
		})
	}
}

func TestKeysLists(t *testing.T) {
	client, _ := scriptedClient(t, func(r sentRequest) (int, string, error) {
		if r.Path == "/api/v1/keys/list" {
			return http.StatusOK, recordingNamed(t, "keys", "list").Response.Body, nil
		}
		return http.StatusOK, `{"ok":true,"data":[{"name":"first","identifier":"metlo.K/PQ","created":"2026-11-22T18:58:42.616Z","for":"onboarding"}]}`, nil
	})
	keys, err := client.Keys.List(t.Context())
	require.NoError(t, err)
	require.Len(t, keys, 2)
	assert.Equal(t, metlo.KeyOnboarding, keys[1].For)
	onboarding, err := client.Keys.Onboarding(t.Context())
	require.NoError(t, err)
	assert.Equal(t, keys[1:], onboarding)
}

func TestKeysDelete(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "keys", "delete").Response.Body))
	require.NoError(t, client.Keys.Delete(t.Context(), "a/b c"))
	assert.Equal(t, "DELETE /api/v1/keys/a%2Fb%20c/delete", server.sent[0].Method+" "+server.sent[0].Path)

	client, _ = scriptedClient(t, always(http.StatusNotFound, "Did not find any matching keys for nope"))
	assert.ErrorIs(t, client.Keys.Delete(t.Context(), "nope"), metlo.ErrNotFound)
}

func TestKeysCreateErrors(t *testing.T) {
	for body, want := range map[string]error{
		"Can not create key with name ci":                  metlo.ErrConflict,
		"Maximum API Key Limit Reached: 100. Consider …":   metlo.ErrBadRequest,
		"The key must be for one of the following: GCP, …": metlo.ErrBadRequest,
	} {
		client, _ := scriptedClient(t, always(http.StatusBadRequest, body))
		_, err := client.Keys.Create(t.Context(), "ci", "")
		assert.ErrorIs(t, err, want, body)
		assert.ErrorContains(t, err, body)
	}
}

func TestKeysRefuse(t *testing.T) {
	create := func(name string, keyFor metlo.APIKeyType) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Keys.Create(ctx, name, keyFor)
			return err
		}
	}
	assertRefusals(t, map[string]refusal{
		"no name":                {create("", ""), "is not a key name"},
		"a name never to delete": {create("..", ""), "is not a key name"},
		"a type that is none":    {create("ci", "AZURE"), "use KeyGeneric"},
		"a deletion of no name":  {func(ctx context.Context, c *metlo.Client) error { return c.Keys.Delete(ctx, "") }, "is not a valid name"},
		"a deletion that climbs": {func(ctx context.Context, c *metlo.Client) error { return c.Keys.Delete(ctx, "../../endpoints") }, "is not a valid name"},
		"a deletion of a parent": {func(ctx context.Context, c *metlo.Client) error { return c.Keys.Delete(ctx, "..") }, "is not a valid name"},
	})
}

func ExampleKeysService_Create() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	key, err := client.Keys.Create(ctx, "ci", metlo.KeyGeneric)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.Name, key.For, key.APIKey, len(key.APIKey.Reveal()))
	_, err = client.Keys.Create(ctx, "ci", metlo.KeyGeneric)
	fmt.Println(errors.Is(err, metlo.ErrConflict))
	// Output:
	// ci GENERIC [redacted] 46
	// true
}

func TestKeysMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List":       func(ctx context.Context, c *metlo.Client) error { _, err := c.Keys.List(ctx); return err },
		"Onboarding": func(ctx context.Context, c *metlo.Client) error { _, err := c.Keys.Onboarding(ctx); return err },
		"Create": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Keys.Create(ctx, "ci", metlo.KeyGeneric)
			return err
		},
		"Delete": func(ctx context.Context, c *metlo.Client) error { return c.Keys.Delete(ctx, "ci") },
	})
}
