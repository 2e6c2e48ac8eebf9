package recordings_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// TestDocumentedForms holds the answers in the documentation that no server was seen to send. The client accepts them
// wherever they are unambiguous.
func TestDocumentedForms(t *testing.T) {
	const (
		endpoint = `{"uuid":"00000000-0000-4000-8000-000000000001","host":"shop.example.com","method":"get","riskScore":"HIGH","numberParams":"2","graphQlMetadata":null}`
		alert    = `{"uuid":"00000000-0000-4000-b000-000000000001","type":"PII_DATA_DETECTED","riskScore":"HIGH","status":"UNRESOLVED","context":{}}`
	)
	endpoints := func(total int) func(*testing.T, *metlo.Client) {
		return func(t *testing.T, c *metlo.Client) {
			page, err := c.Endpoints.List(t.Context(), nil, 0, 0)
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
			assert.Equal(t, total, page.Total)
			assert.Equal(t, metlo.RiskHigh, page.Items[0].RiskScore)
			assert.Equal(t, metlo.MethodGet, page.Items[0].Method)
			assert.Equal(t, 2, page.Items[0].NumberParams, "a number may be a string")
			assert.Nil(t, page.Items[0].GraphQLMetadata, "null is nil")
			all, err := metlo.Collect(c.Endpoints.All(t.Context(), nil))
			require.NoError(t, err)
			assert.Len(t, all, 1)
		}
	}
	alerts := func(total int) func(*testing.T, *metlo.Client) {
		return func(t *testing.T, c *metlo.Client) {
			page, err := c.Alerts.List(t.Context(), nil, 0, 0)
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
			assert.Equal(t, total, page.Total)
			assert.Equal(t, metlo.AlertPIIData, page.Items[0].Type)
			assert.Equal(t, metlo.StatusOpen, page.Items[0].Status)
		}
	}
	empty := func(t *testing.T, c *metlo.Client) {
		page, err := c.Endpoints.List(t.Context(), nil, 0, 0)
		require.NoError(t, err)
		assert.Empty(t, page.Items)
		all, err := metlo.Collect(c.Endpoints.All(t.Context(), nil))
		require.NoError(t, err)
		assert.Empty(t, all)
	}
	fails := func(kind error, message string) func(*testing.T, *metlo.Client) {
		return func(t *testing.T, c *metlo.Client) {
			_, err := c.Testing.Endpoint(t.Context(), &metlo.TestEndpointQuery{Endpoint: "/x"})
			require.ErrorIs(t, err, kind)
			assert.Contains(t, err.Error(), message)
			assert.Equal(t, 1, kit.CountSentinels(err))
		}
	}
	tests := []struct {
		name   string
		status int
		body   string
		check  func(*testing.T, *metlo.Client)
	}{
		{"bare array", 200, "[" + endpoint + "]", endpoints(-1)},
		{"tuple with a total as number", 200, "[[" + endpoint + "],1]", endpoints(1)},
		{"tuple with a total as string", 200, "[[" + endpoint + `],"1"]`, endpoints(1)},
		{"object with totalCount", 200, `{"endpoints":[` + endpoint + `],"totalCount":1}`, endpoints(1)},
		{"object with total before the items", 200, `{"total":"1","items":[` + endpoint + `]}`, endpoints(1)},
		{"envelope around an array", 200, `{"ok":true,"data":[` + endpoint + `]}`, endpoints(-1)},
		{"envelope around a tuple", 200, `{"ok":true,"data":[[` + endpoint + `],1]}`, endpoints(1)},
		{"envelope around an object", 200, `{"data":{"endpoints":[` + endpoint + `],"totalCount":1},"ok":true}`, endpoints(1)},
		{"alerts in an array", 200, "[" + alert + "]", alerts(-1)},
		{"alerts in an object", 200, `{"alerts":[` + alert + `],"totalCount":1}`, alerts(1)},
		{"empty array", 200, "[]", empty},
		{"null", 200, "null", empty},
		{"envelope around null", 200, `{"ok":true,"data":null}`, empty},
		{"data classes in lower case", 200, `[{"className":"email","severity":"MEDIUM","shortName":"Email Address"}]`, func(t *testing.T, c *metlo.Client) {
			classes, err := c.DataClasses.List(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []metlo.DataClass{{ClassName: "email", Severity: metlo.RiskMedium, ShortName: "Email Address"}}, classes)
		}},
		{"envelope around an object with an id", 200, `{"ok":true,"data":` + endpoint + "}", func(t *testing.T, c *metlo.Client) {
			e, err := c.Endpoints.Get(t.Context(), kit.EndpointID(1))
			require.NoError(t, err)
			assert.Equal(t, "shop.example.com", e.Host)
		}},
		{"generated test", 200, `{"success":true,"templateName":"GENERIC","templateVersion":1,"test":{"id":"x"},"msg":""}`, func(t *testing.T, c *metlo.Client) {
			e, err := c.Testing.Endpoint(t.Context(), &metlo.TestEndpointQuery{Endpoint: "/x"})
			require.NoError(t, err)
			assert.Equal(t, &metlo.GeneratedTest{
				Success: true, TemplateName: "GENERIC", TemplateVersion: 1, Test: json.RawMessage(`{"id":"x"}`),
			}, e.Generated)
		}},
		{"generated test that failed", 200, `{"success":false,"msg":"Could not find endpoint"}`, fails(metlo.ErrUnprocessable, "Could not find endpoint")},
		{"envelope of a failure", 200, `{"ok":false,"message":"no such thing"}`, fails(metlo.ErrUnprocessable, "no such thing")},
		{"JSON string as error body", 404, `"Could not find endpoint."`, fails(metlo.ErrNotFound, "not found: Could not find endpoint. (HTTP 404)")},
		{"JSON string as error body of a refused key", 401, `"Unauthorized"`, fails(metlo.ErrUnauthorized, "Unauthorized")},
		{"JSON object as error body", 409, `{"message":"exists"}`, fails(metlo.ErrConflict, "exists")},
		{"success as a JSON string", 200, `"OK"`, func(t *testing.T, c *metlo.Client) {
			require.NoError(t, c.Endpoints.Delete(t.Context(), kit.EndpointID(1)))
		}},
		{"success in an envelope", 200, `{"ok":true,"data":null}`, func(t *testing.T, c *metlo.Client) {
			require.NoError(t, c.Endpoints.Delete(t.Context(), kit.EndpointID(1)))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			served := false
			tt.check(t, kit.Client(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				body := tt.body
				if served && r.URL.Query().Get("offset") != "" {
					body = "[]"
				}
				served = true
				return (&kit.Answer{Status: tt.status, Body: []byte(body), Header: http.Header{"Content-Type": {"application/json"}}}).RoundTrip(r)
			}), metlo.WithoutRetry()))
		})
	}

	t.Run("documented names in a filter", func(t *testing.T) {
		var sent string
		client := kit.Client(t, kit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r.URL.RawQuery
			return (&kit.Answer{Status: 200, Body: []byte("[[],0]")}).RoundTrip(r)
		}))
		status, err := metlo.ParseAlertStatus("UNRESOLVED")
		require.NoError(t, err)
		assert.Equal(t, metlo.StatusOpen, status, "a name becomes the server's once, when it is parsed")
		_, err = client.Alerts.List(context.Background(), &metlo.AlertFilter{Statuses: []metlo.AlertStatus{status, "Reopened"}}, 0, 1)
		require.NoError(t, err)
		assert.Equal(t, "status%5B%5D=Open&status%5B%5D=Reopened&limit=1", sent)
	})
}
