package metlo_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

const recordedWebhook = "9fe7d963-bade-45bb-a5a2-e670b7d8612e"

// webhookJSON returns a webhook in the form of the server's list.
func webhookJSON(uuid, created, url, types, hosts string) string {
	return fmt.Sprintf(`{"uuid":%q,"createdAt":%q,"url":%q,"maxRetries":3,"alertTypes":%s,"runs":[],"hosts":%s}`, uuid, created, url, types, hosts)
}

func TestWebhooksList(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		want int
	}{
		"none":       {recordingNamed(t, "webhooks", "list_empty").Response.Body, 0},
		"one":        {recordingNamed(t, "webhooks", "list").Response.Body, 1},
		"null":       {"null", 0},
		"documented": {`{"ok":true,"data":` + recordingNamed(t, "webhooks", "list").Response.Body + `}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, row.body))
			webhooks, err := client.Webhooks.List(t.Context())
			require.NoError(t, err)
			require.Len(t, webhooks, row.want)
			if row.want > 0 {
				assert.Equal(t, recordedWebhook, webhooks[0].UUID)
				assert.Equal(t, []metlo.AlertType{metlo.AlertPIIData}, webhooks[0].AlertTypes)
			}
		})
	}
}

func TestWebhooksCreateReturnsTheCreatedOne(t *testing.T) {
	const (
		early = "2026-11-22T18:00:00.000Z"
		late  = "2026-11-22T19:00:00.000Z"
		hook  = "https://hooks.example.com/a?b=c"
		all   = "[]"
		pii   = `["PII Data Detected"]`
	)
	for name, row := range map[string]struct {
		settings metlo.WebhookSettings
		sent     string
		list     string
		want     string // UUID; empty for ErrInvalidResponse
	}{
		"the only one": {metlo.WebhookSettings{URL: hook}, `{"url":"` + hook + `","alertTypes":[],"hosts":[]}`,
			"[" + webhookJSON("new", late, hook, all, all) + "]", "new"},
		"the newest of equal ones": {metlo.WebhookSettings{URL: hook, AlertTypes: []metlo.AlertType{metlo.AlertPIIData}}, `{"url":"` + hook + `","alertTypes":["PII Data Detected"],"hosts":[]}`,
			"[" + webhookJSON("old", early, hook, pii, all) + "," + webhookJSON("new", late, hook, pii, all) + "]", "new"},
		"among others of the URL": {metlo.WebhookSettings{URL: hook, Hosts: []string{"a"}}, `{"url":"` + hook + `","alertTypes":[],"hosts":["a"]}`,
			"[" + webhookJSON("other", late, hook, all, all) + "," + webhookJSON("new", early, hook, all, `["a"]`) + "]", "new"},
		"a list without it": {metlo.WebhookSettings{URL: hook}, `{"url":"` + hook + `","alertTypes":[],"hosts":[]}`,
			"[" + webhookJSON("other", late, "https://other.example.com", all, all) + "]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := scriptedClient(t, always(http.StatusOK, row.list))
			webhook, err := client.Webhooks.Create(t.Context(), &row.settings)
			require.Len(t, server.sent, 1)
			assert.Equal(t, "POST /api/v1/webhook", server.sent[0].Method+" "+server.sent[0].Path)
			assert.JSONEq(t, row.sent, server.sent[0].Body)
			if row.want == "" {
				assert.ErrorIs(t, err, metlo.ErrInvalidResponse)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, webhook.UUID)
		})
	}
}

func TestWebhooksUpdate(t *testing.T) {
	settings := &metlo.WebhookSettings{URL: "https://hooks.example.com/z"}
	client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "webhooks", "update").Response.Body))
	webhook, err := client.Webhooks.Update(t.Context(), recordedWebhook, settings)
	require.NoError(t, err)
	assert.Equal(t, settings.URL, webhook.URL)
	assert.Equal(t, "PUT /api/v1/webhook/"+recordedWebhook, server.sent[0].Method+" "+server.sent[0].Path)
	assert.JSONEq(t, `{"url":"https://hooks.example.com/z","alertTypes":[],"hosts":[]}`, server.sent[0].Body)

	_, err = client.Webhooks.Update(t.Context(), "99999999-9999-4999-8999-999999999999", settings)
	require.ErrorIs(t, err, metlo.ErrNotFound, "the server answers 200 with the list as it was")
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, http.StatusOK, e.StatusCode)

	client, _ = scriptedClient(t, always(http.StatusBadRequest, "Please enter a valid url."))
	_, err = client.Webhooks.Update(t.Context(), recordedWebhook, settings)
	assert.ErrorIs(t, err, metlo.ErrBadRequest)
}

func TestWebhooksDelete(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "[]"))
	require.NoError(t, client.Webhooks.Delete(t.Context(), recordedWebhook))
	assert.Equal(t, "DELETE /api/v1/webhook/"+recordedWebhook, server.sent[0].Method+" "+server.sent[0].Path)

	client, _ = scriptedClient(t, always(http.StatusOK, `{"login":"required"}`))
	assert.ErrorIs(t, client.Webhooks.Delete(t.Context(), recordedWebhook), metlo.ErrInvalidResponse)
}

func TestWebhooksRefuse(t *testing.T) {
	create := func(url string) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Webhooks.Create(ctx, &metlo.WebhookSettings{URL: url})
			return err
		}
	}
	rows := map[string]refusal{
		"nil settings": {func(ctx context.Context, c *metlo.Client) error { _, err := c.Webhooks.Create(ctx, nil); return err }, "name the URL"},
		"an update without settings": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Webhooks.Update(ctx, recordedWebhook, nil)
			return err
		}, "name the URL"},
		"an id that is none": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Webhooks.Update(ctx, "..", &metlo.WebhookSettings{URL: "https://hooks.example.com"})
			return err
		}, "is not a UUID"},
		"a deletion of no id": {func(ctx context.Context, c *metlo.Client) error { return c.Webhooks.Delete(ctx, "nope") }, "is not a UUID"},
	}
	for _, url := range []string{"", "nope", "/relative", "//hooks.example.com", "ftp://hooks.example.com", "https://", "https:///path", "http:opaque", "https://a b/", "javascript:alert(1)"} {
		rows["the URL "+url] = refusal{create(url), "URL is not an absolute http(s) URL"}
	}
	assertRefusals(t, rows)
}

func ExampleWebhooksService_Create() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	hook, err := server.Client().Webhooks.Create(context.Background(), &metlo.WebhookSettings{
		URL:        "https://hooks.example.com/metlo?token=s3cret",
		AlertTypes: []metlo.AlertType{metlo.AlertPIIData},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hook.AlertTypes, hook.MaxRetries)
	// Output: [PII Data Detected] 3
}

func TestWebhooksCalls(t *testing.T) {
	assertRecordedCalls(t, "webhooks", map[string]recordedCall{
		"List": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Webhooks.List(t.Context()); return err },
			sent: "GET /api/v1/webhooks", recording: "list",
		},
		"Create with a URL that the server refuses": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Webhooks.Create(t.Context(), &metlo.WebhookSettings{URL: "https://hooks.example.com"})
				return err
			},
			sent: "POST /api/v1/webhook", body: `{"url":"https://hooks.example.com","alertTypes":[],"hosts":[]}`,
			recording: "create_bad_url", want: metlo.ErrBadRequest,
		},
		"Delete of nothing": {
			call: func(t *testing.T, c *metlo.Client) error { return c.Webhooks.Delete(t.Context(), kit.Nowhere) },
			sent: "DELETE /api/v1/webhook/" + kit.Nowhere, recording: "delete_missing",
		},
	})
}

func TestWebhooksMeetFaults(t *testing.T) {
	settings := &metlo.WebhookSettings{URL: "https://hooks.example.com"}
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List": func(ctx context.Context, c *metlo.Client) error { _, err := c.Webhooks.List(ctx); return err },
		"Create": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Webhooks.Create(ctx, settings)
			return err
		},
		"Update": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Webhooks.Update(ctx, recordedWebhook, settings)
			return err
		},
		"Delete": func(ctx context.Context, c *metlo.Client) error { return c.Webhooks.Delete(ctx, recordedWebhook) },
	})
}
