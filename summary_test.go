package metlo_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestSummaryGet(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "summary", "summary").Response.Body))
	got, err := client.Summary.Get(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "/api/v1/summary", server.sent[0].Path)
	assert.Equal(t, 92, got.PIIDataTypeCount[metlo.ClassEmail])
	assert.Equal(t, 15, got.AlertTypeCount[metlo.AlertPIIData])
	assert.Len(t, got.TopAlerts, 10)
	assert.Equal(t, metlo.TopAlertEndpoint{Path: "/v2/users/64/{param1}", Host: "shop.example.com", Method: metlo.MethodDelete}, got.TopAlerts[0].APIEndpoint)
	assert.Equal(t, metlo.RiskHigh, got.TopAlerts[0].RiskScore)
	assert.Equal(t, 4, got.HostCount)
	assert.Nil(t, got.Documented)
}

func TestSummaryReadsBusyEndpoints(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, `{"piiDataTypeCount":{},"alertTypeCount":{"PII_DATA_DETECTED":2},
		"topAlerts":[],"topEndpoints":[{"uuid":"`+endpointUUID(1)+`","method":"GET","graphQlMetadata":null,"traces":[{"uuid":"t","path":"/a"}],
		"callsPerHour":"12","tests":[],"graphQlSchema":null}],
		"usageStats":{"dailyUsage":[{"day":"2026-11-22T00:00:00.000Z","cnt":"31"},{"day":"2026-11-21T00:00:00.000Z","cnt":null}],"last1MinCnt":3},
		"newAlerts":"7","endpointsTracked":null}`))
	got, err := client.Summary.Get(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[metlo.AlertType]int{metlo.AlertPIIData: 2}, got.AlertTypeCount, "documented names are read")
	require.Len(t, got.TopEndpoints, 1)
	assert.Equal(t, 12, got.TopEndpoints[0].CallsPerHour)
	assert.Equal(t, "/a", got.TopEndpoints[0].Traces[0].Path)
	assert.Nil(t, got.TopEndpoints[0].GraphQLMetadata)
	assert.Equal(t, []metlo.DailyUsage{{Day: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Count: 31}, {Day: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}}, got.UsageStats.DailyUsage)
	assert.Equal(t, 7, got.OpenAlerts)
	assert.Zero(t, got.EndpointsTracked, "null counts nothing")
}

func TestSummaryDocumentedForm(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, `{"ok":true,"data":{"numEndpoints":5,"numHighRiskEndpoints":1,"numAlerts":9,
		"numPIIDataFields":3,"numAttacks":0,"topAlertTypes":[{"type":"UNAUTHENTICATED_ENDPOINT","count":4}]}}`))
	got, err := client.Summary.Get(t.Context())
	require.NoError(t, err)
	assert.Equal(t, &metlo.DocumentedSummary{
		NumEndpoints: 5, NumHighRiskEndpoints: 1, NumAlerts: 9, NumPIIDataFields: 3,
		TopAlertTypes: []metlo.AlertTypeCount{{Type: metlo.AlertUnauthenticatedSensitive, Count: 4}},
	}, got.Documented)
}

func TestSummaryHasEndpoints(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		want bool
		err  error
	}{
		"some":             {recordingNamed(t, "summary", "endpoint_tracked").Response.Body, true, nil},
		"none":             {`{"exists":false}`, false, nil},
		"documented":       {`{"ok":true,"data":{"exists":true}}`, true, nil},
		"another object":   {`{"login":"required"}`, false, metlo.ErrInvalidResponse},
		"no object at all": {`null`, false, metlo.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, row.body))
			got, err := client.Summary.HasEndpoints(t.Context())
			assert.ErrorIs(t, err, row.err)
			assert.Equal(t, row.want, got)
		})
	}
}

func TestSummarySensitiveData(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "summary", "sensitive_data").Response.Body))
	got, err := client.Summary.SensitiveData(t.Context(), &metlo.SensitiveDataOptions{
		Hosts: []string{"a.example.com"}, RiskScores: []metlo.RiskScore{metlo.RiskHigh}, Locations: []metlo.DataSection{metlo.SectionRequestBody, metlo.SectionResponseBody},
	})
	require.NoError(t, err)
	assert.Equal(t, url.Values{"hosts[]": {"a.example.com"}, "riskScores[]": {"high"}, "locations[]": {"reqBody", "resBody"}}, server.sent[0].Query)
	assert.Equal(t, 275, got.TotalPIIFields)
	assert.Contains(t, got.PIIItems, metlo.PIIItem{DataClass: "Nope", Count: 1, NumHosts: 1, NumEndpoints: 1})
	assert.Contains(t, got.PIIItems, metlo.PIIItem{DataClass: "Email", Risk: metlo.RiskMedium, Count: 92, NumHosts: 4, NumEndpoints: 61})

	_, err = client.Summary.SensitiveData(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, server.sent[1].Query)
}

func TestSummaryRefuses(t *testing.T) {
	assertRefusals(t, map[string]refusal{
		"too many hosts": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Summary.SensitiveData(ctx, &metlo.SensitiveDataOptions{Hosts: slices.Repeat([]string{"h"}, 901)})
			return err
		}, "split the filter"},
		"an empty list of locations": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Summary.SensitiveData(ctx, &metlo.SensitiveDataOptions{Locations: []metlo.DataSection{}})
			return err
		}, "use nil"},
	})
	for name, call := range map[string]func(context.Context, *metlo.Client) error{
		"summary": func(ctx context.Context, c *metlo.Client) error { _, err := c.Summary.Get(ctx); return err },
		"sensitive data": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Summary.SensitiveData(ctx, nil)
			return err
		},
	} {
		t.Run("another object for "+name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, `{"login":"required"}`))
			assert.ErrorIs(t, call(t.Context(), client), metlo.ErrInvalidResponse)
		})
	}
}

func ExampleSummaryService_SensitiveData() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	summary, err := server.Client().Summary.SensitiveData(context.Background(), &metlo.SensitiveDataOptions{
		Hosts: []string{"pay.example.com"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, item := range summary.PIIItems {
		fmt.Println(item.DataClass, item.Risk, item.Count)
	}
	// Unordered output:
	// Credit Card Number high 1
	// IP Address low 1
}

func TestSummaryCalls(t *testing.T) {
	assertRecordedCalls(t, "summary", map[string]recordedCall{
		"HasEndpoints": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Summary.HasEndpoints(t.Context()); return err },
			sent: "GET /api/v1/summary/endpoint-tracked", recording: "endpoint_tracked",
		},
		"SensitiveData without options": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Summary.SensitiveData(t.Context(), nil)
				return err
			},
			sent: "GET /api/v1/sensitive-data-summary", recording: "sensitive_data",
		},
	})
}

func TestSummaryMeetsFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"Get":          func(ctx context.Context, c *metlo.Client) error { _, err := c.Summary.Get(ctx); return err },
		"HasEndpoints": func(ctx context.Context, c *metlo.Client) error { _, err := c.Summary.HasEndpoints(ctx); return err },
		"SensitiveData": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Summary.SensitiveData(ctx, nil)
			return err
		},
	})
}
