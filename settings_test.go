package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestSettingsGet(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		want metlo.InstanceSettings
		err  error
	}{
		"recorded":   {recordingNamed(t, "settings", "get").Response.Body, metlo.InstanceSettings{UUID: "024dea89-c921-4e5e-bf18-b8399772dad0"}, nil},
		"documented": {`{"ok":true,"data":{"uuid":"u","updateEmail":"a@example.com","skippedUpdateEmail":true}}`, metlo.InstanceSettings{UUID: "u", UpdateEmail: "a@example.com", SkippedUpdateEmail: new(true)}, nil},
		"none":       {`{}`, metlo.InstanceSettings{}, metlo.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, row.body))
			got, err := client.Settings.Get(t.Context())
			require.ErrorIs(t, err, row.err)
			if err == nil {
				assert.Equal(t, row.want, *got)
			}
		})
	}
}

func TestSettingsUpdateSendsWhatIsSet(t *testing.T) {
	for name, row := range map[string]struct {
		update metlo.InstanceSettingsUpdate
		body   string
	}{
		"both":          {metlo.InstanceSettingsUpdate{UpdateEmail: new("sec@example.com"), SkippedUpdateEmail: new(false)}, `{"email":"sec@example.com","skip":false}`},
		"only the flag": {metlo.InstanceSettingsUpdate{SkippedUpdateEmail: new(true)}, `{"skip":true}`},
		"no address":    {metlo.InstanceSettingsUpdate{UpdateEmail: new("")}, `{"email":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "settings", "put").Response.Body))
			got, err := client.Settings.Update(t.Context(), &row.update)
			require.NoError(t, err)
			assert.Equal(t, "sec@example.com", got.UpdateEmail)
			assert.Equal(t, "PUT /api/v1/instance-settings", server.sent[0].Method+" "+server.sent[0].Path)
			assert.JSONEq(t, row.body, server.sent[0].Body)
		})
	}
}

func TestSettingsConfig(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "settings", "config_get").Response.Body))
	config, err := client.Settings.MetloConfig(t.Context())
	require.NoError(t, err)
	assert.Contains(t, config.ConfigString.Reveal(), "Employee ID")
	assert.Equal(t, "6YZzok55/U2KdcfXl/Eelg==", config.EnvTag.Reveal())
	shown := fmt.Sprintf("%v %+v %#v", config, *config, *config)
	for _, secret := range []metlo.Secret{config.Env, config.EnvTag, config.EnvIV} {
		require.NotEmpty(t, secret.Reveal())
		assert.NotContains(t, shown, secret.Reveal())
	}

	client, _ = scriptedClient(t, always(http.StatusOK, recordingNamed(t, "settings", "config_get_empty").Response.Body))
	config, err = client.Settings.MetloConfig(t.Context())
	require.NoError(t, err)
	assert.Empty(t, config.UUID)
	assert.Empty(t, config.ConfigString.Reveal())
	assert.Empty(t, config.Env.Reveal())
}

func TestSettingsConfigKeepsSecretsOutOfErrors(t *testing.T) {
	const secret = "w7lnNxno80J6BKexQoCidb1lhTeuE6R9vElMN7nlZCy0"
	for name, body := range map[string]string{
		"another type":     `{"uuid":7,"configString":["` + secret + `"]}`,
		"no configuration": `{"env":"` + secret + `"}`,
		"cut":              `{"configString":"x","env":"` + secret,
		"followed by text": `{"configString":"x","env":"` + secret + `"} more`,
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, body))
			_, err := client.Settings.MetloConfig(t.Context())
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", cause, cause, cause), secret)
			}
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.Empty(t, e.Body)
		})
	}
	client, _ := scriptedClient(t, always(http.StatusOK, "<!DOCTYPE html><title>Sign in</title>"))
	_, err := client.Settings.MetloConfig(t.Context())
	assert.ErrorContains(t, err, "Sign in", "a page holds no secret of the server")
}

func TestSettingsUpdateConfig(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "OK"))
	require.NoError(t, client.Settings.UpdateMetloConfig(t.Context(), "minAnalyzeTraces: 5\n"))
	assert.Equal(t, "PUT /api/v1/metlo-config", server.sent[0].Method+" "+server.sent[0].Path)
	assert.JSONEq(t, `{"configString":"minAnalyzeTraces: 5\n"}`, server.sent[0].Body)

	for body, row := range map[string]struct {
		status int
		want   error
	}{
		recordingNamed(t, "settings", "config_put_bad_yaml").Response.Body: {500, metlo.ErrBadRequest},
		`Dataclass "Email" already exists as a Metlo Defined Dataclass`:    {422, metlo.ErrUnprocessable},
		"must NOT have additional properties on line 1":                    {400, metlo.ErrBadRequest},
	} {
		client, _ := scriptedClient(t, always(row.status, body))
		assert.ErrorIs(t, client.Settings.UpdateMetloConfig(t.Context(), "a: 1"), row.want, body)
	}
}

func TestSettingsAgentConfigOfAnotherServer(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, `{"login":"required"}`))
	_, err := client.Settings.AgentConfig(t.Context())
	assert.ErrorIs(t, err, metlo.ErrInvalidResponse)
}

func TestSettingsRefuse(t *testing.T) {
	update := func(u *metlo.InstanceSettingsUpdate) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error { _, err := c.Settings.Update(ctx, u); return err }
	}
	assertRefusals(t, map[string]refusal{
		"a nil update":    {update(nil), "set UpdateEmail or SkippedUpdateEmail"},
		"an empty update": {update(&metlo.InstanceSettingsUpdate{}), "set UpdateEmail or SkippedUpdateEmail"},
		"a configuration of 10 MB": {func(ctx context.Context, c *metlo.Client) error {
			return c.Settings.UpdateMetloConfig(ctx, strings.Repeat("# more\n", 10<<20/7))
		}, "shorten the configuration"},
	})
}

func ExampleSettingsService_MetloConfig() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	config, err := client.Settings.MetloConfig(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	text := config.ConfigString.Reveal() + "hostBlockList: [\"^localhost$\"]\n"
	if err := client.Settings.UpdateMetloConfig(ctx, text); err != nil {
		fmt.Println(err)
		return
	}
	agents, err := client.Settings.AgentConfig(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(agents.HostBlockList)
	// Output: [^localhost$]
}

func TestSettingsCalls(t *testing.T) {
	assertRecordedCalls(t, "settings", map[string]recordedCall{
		"Get": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Settings.Get(t.Context()); return err },
			sent: "GET /api/v1/instance-settings", recording: "get",
		},
		"Config": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Settings.MetloConfig(t.Context()); return err },
			sent: "GET /api/v1/metlo-config", recording: "config_get",
		},
		"AgentConfig": {
			call: func(t *testing.T, c *metlo.Client) error {
				config, err := c.Settings.AgentConfig(t.Context())
				if assert.NoError(t, err) {
					assert.NotEmpty(t, config.Endpoints)
				}
				return err
			},
			sent: "GET /api/v1/agent-config", recording: "agent_config",
		},
	})
}

func TestSettingsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"Get": func(ctx context.Context, c *metlo.Client) error { _, err := c.Settings.Get(ctx); return err },
		"Update": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Settings.Update(ctx, &metlo.InstanceSettingsUpdate{SkippedUpdateEmail: new(true)})
			return err
		},
		"Config":       func(ctx context.Context, c *metlo.Client) error { _, err := c.Settings.MetloConfig(ctx); return err },
		"UpdateConfig": func(ctx context.Context, c *metlo.Client) error { return c.Settings.UpdateMetloConfig(ctx, "a: 1") },
		"AgentConfig":  func(ctx context.Context, c *metlo.Client) error { _, err := c.Settings.AgentConfig(ctx); return err },
	})
}
