package metlo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestAlertField(t *testing.T) {
	pii := func(rest string) metlo.Alert { return metlo.Alert{Type: metlo.AlertPIIData, Description: rest} }
	tests := map[string]struct {
		alert metlo.Alert
		want  *metlo.AlertField
	}{
		"a response body": {
			pii("Sensitive data of type Email has been detected in field 'user.email' of Response Body."),
			&metlo.AlertField{Section: metlo.SectionResponseBody, Path: "user.email", DataClass: "Email"},
		},
		"request headers": {
			pii("Sensitive data of type IP Address has been detected in field 'x-real-ip' of Request Headers."),
			&metlo.AlertField{Section: metlo.SectionRequestHeaders, Path: "x-real-ip", DataClass: "IP Address"},
		},
		"request path": {
			pii("Sensitive data of type Social Security Number has been detected in field 'param1' of Request Path Parameters."),
			&metlo.AlertField{Section: metlo.SectionRequestPath, Path: "param1", DataClass: "Social Security Number"},
		},
		"a field with quotes": {
			pii("Sensitive data of type Email has been detected in field 'o'hara' of Request Body.' of Request Body."),
			&metlo.AlertField{Section: metlo.SectionRequestBody, Path: "o'hara' of Request Body.", DataClass: "Email"},
		},
		"a field without a name": {
			pii("Sensitive data of type Email has been detected in field '' of Response Body."),
			&metlo.AlertField{Section: metlo.SectionResponseBody, DataClass: "Email"},
		},
		"the documented name of the type": {
			metlo.Alert{Type: "PII_DATA_DETECTED", Description: "Sensitive data of type Email has been detected in field 'a' of Request Query Parameters."},
			&metlo.AlertField{Section: metlo.SectionRequestQuery, Path: "a", DataClass: "Email"},
		},
		"another description": {pii("Finding 1 – “quoted”"), nil},
		"an unknown section":  {pii("Sensitive data of type Email has been detected in field 'a' of Trailers."), nil},
		"a query parameter": {
			metlo.Alert{Type: metlo.AlertQuerySensitiveData, Description: "Query Parameter 'e mail' contains sensitive data of type Phone Number."},
			&metlo.AlertField{Section: metlo.SectionRequestQuery, Path: "e mail", DataClass: "Phone Number"},
		},
		"a path parameter": {
			metlo.Alert{
				Type: metlo.AlertPathSensitiveData, Description: "Path Parameter at position 2 contains sensitive data of type Email.",
				Context: json.RawMessage(`{"trace":{"path":"/users/a"},"pathTokenIdx":1}`), APIEndpoint: metlo.AlertEndpoint{Path: "/users/{email}/orders"},
			},
			&metlo.AlertField{Section: metlo.SectionRequestPath, Path: "email", DataClass: "Email"},
		},
		"a path parameter of no position": {
			metlo.Alert{
				Type: metlo.AlertPathSensitiveData, Description: "Path Parameters contain sensitive data of type Email.",
				Context: json.RawMessage(`{"pathTokenIdx":null}`), APIEndpoint: metlo.AlertEndpoint{Path: "/users/{email}"},
			},
			&metlo.AlertField{Section: metlo.SectionRequestPath, DataClass: "Email"},
		},
		"a path that changed since": {
			metlo.Alert{
				Type: metlo.AlertPathSensitiveData, Description: "Path Parameter at position 9 contains sensitive data of type Email.",
				Context: json.RawMessage(`{"pathTokenIdx":8}`), APIEndpoint: metlo.AlertEndpoint{Path: "/users/{email}"},
			},
			&metlo.AlertField{Section: metlo.SectionRequestPath, DataClass: "Email"},
		},
		"basic authentication": {
			metlo.Alert{Type: metlo.AlertBasicAuthentication, Description: "Basic Authentication detected in Authorization header."},
			&metlo.AlertField{Section: metlo.SectionRequestHeaders, Path: "authorization"},
		},
		"a new endpoint": {metlo.Alert{Type: metlo.AlertNewEndpoint}, nil},
		"nothing":        {metlo.Alert{}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, tt.alert.Field())
			hook := metlo.WebhookAlert{Type: tt.alert.Type, Description: tt.alert.Description, Context: tt.alert.Context}
			hook.APIEndpoint.Path = tt.alert.APIEndpoint.Path
			assert.Equal(t, tt.want, hook.Field())
		})
	}
}

func TestAlertTraceAndSpecPointer(t *testing.T) {
	diff := metlo.Alert{Type: metlo.AlertOpenAPISpecDiff, Context: json.RawMessage(`{
		"pathPointer":["paths","/users","get","responses"],
		"trace":{"path":"/users","method":"GET","responseStatus":"200","requestBody":null,"meta":{"incoming":true}}}`)}
	assert.Equal(t, []string{"paths", "/users", "get", "responses"}, diff.SpecPointer())
	require.NotNil(t, diff.Trace())
	assert.Equal(t, metlo.MethodGet, diff.Trace().Method)
	assert.Equal(t, 200, diff.Trace().ResponseStatus)
	for _, context := range []string{"", "null", "{}", "[]", "{", `"x"`, `{"trace":null}`, `{"trace":"x","pathPointer":7}`, `{"trace":[]}`} {
		alert := metlo.Alert{Context: json.RawMessage(context)}
		assert.Nil(t, alert.Trace(), context)
		assert.Nil(t, alert.SpecPointer(), context)
		assert.Nil(t, alert.Field(), context)
		hook := metlo.WebhookAlert{Context: json.RawMessage(context)}
		assert.Nil(t, hook.Trace(), context)
		assert.Nil(t, hook.SpecPointer(), context)
	}
}

// TestAlertContextsOfTheDataSet reads every alert of a real server.
func TestAlertContextsOfTheDataSet(t *testing.T) {
	dataset, err := os.Open(kit.Testdata("dataset.json"))
	require.NoError(t, err)
	defer dataset.Close()
	srv := metlotest.NewServer(metlotest.Load(dataset))
	defer srv.Close()
	client := srv.Client()
	traces, pointers := 0, 0
	for alert, err := range client.Alerts.All(t.Context(), nil) {
		require.NoError(t, err)
		if alert.Trace() != nil {
			traces++
			assert.Equal(t, "/v1/users/7/x", alert.Trace().Path)
		}
		if pointer := alert.SpecPointer(); pointer != nil {
			pointers++
			assert.Equal(t, []string{"components", "schemas"}, pointer)
		}
	}
	assert.Positive(t, traces)
	assert.Equal(t, traces, pointers)
	t.Logf("%d alerts with a trace", traces)
}

func FuzzAlertContext(f *testing.F) {
	f.Add(string(metlo.AlertPIIData), "Sensitive data of type Email has been detected in field 'a' of Request Body.", `{"trace":{}}`, "/{a}")
	f.Add(string(metlo.AlertPathSensitiveData), "Path Parameter at position 1 contains sensitive data of type Email.", `{"pathTokenIdx":0}`, "/{a}")
	f.Add(string(metlo.AlertOpenAPISpecDiff), "", `{"pathPointer":["a"]}`, "//")
	f.Fuzz(func(t *testing.T, kind, description, context, path string) {
		alert := metlo.Alert{
			Type: metlo.AlertType(kind), Description: description, Context: json.RawMessage(context),
			APIEndpoint: metlo.AlertEndpoint{Path: path},
		}
		if field := alert.Field(); field != nil {
			assert.True(t, field.Section.Known())
		}
		alert.Trace()
		alert.SpecPointer()
	})
}

func TestAlertsOfATime(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	m := &model{rows: ids(5000), item: func(id string) string {
		n, _ := strconv.ParseInt(id[24:], 16, 64)
		return fmt.Sprintf(`{"uuid":%q,"createdAt":%q}`, id, start.Add(-time.Duration(n)*time.Minute).Format(time.RFC3339))
	}}
	after, before := start.Add(-150*time.Minute), start.Add(-11*time.Minute)
	seen, err := walked(t, inProcess(t, m).Alerts.AllCreated(t.Context(), after, before, nil), uuidOfAlert)
	require.NoError(t, err)
	assertEachOnce(t, seen, 140)
	largest, total := 0, 0
	filter := &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}, RiskScores: []metlo.RiskScore{metlo.RiskHigh}}
	seen, err = walked(t, inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		n, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		largest = max(largest, n)
		return m.RoundTrip(r)
	})).Alerts.AllCreated(t.Context(), after, before, filter, metlo.OnTotal(func(n int) { total = n })), uuidOfAlert)
	require.NoError(t, err)
	assertEachOnce(t, seen, 140)
	assert.Equal(t, 400, largest, "it stops where alerts are too old")
	assert.Equal(t, 5000, total)
}

// The field of an alert.
func ExampleAlert_Field() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	for alert, err := range client.Alerts.All(ctx, &metlo.AlertFilter{
		AlertTypes: []metlo.AlertType{metlo.AlertPIIData}, Hosts: []string{"pay.example.com"},
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if field := alert.Field(); field != nil {
			fmt.Println(alert.APIEndpoint.Path, field.DataClass, field.Section, field.Path)
		}
	}
	// Unordered output:
	// /v1/payments Credit Card Number reqBody card
	// /v1/payments/{paymentId} IP Address resBody ip
}

// The alerts created since yesterday.
func ExampleAlertsService_AllCreated() {
	const carts = "6d1b7cbb-1c0b-4b5c-8a35-5a1a2f3c9a10"
	yesterday := time.Now().AddDate(0, 0, -1)
	server := metlotest.NewServer(
		metlotest.With(metlo.Endpoint{UUID: carts, Host: "shop.example.com", Method: metlo.MethodGet, Path: "/carts"}),
		metlotest.With(
			metlo.Alert{APIEndpointUUID: carts, Type: metlo.AlertPIIData, CreatedAt: yesterday.Add(time.Hour)},
			metlo.Alert{APIEndpointUUID: carts, Type: metlo.AlertNewEndpoint, CreatedAt: yesterday.Add(-time.Hour)},
		),
	)
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	for alert, err := range client.Alerts.AllCreated(ctx, yesterday, time.Time{}, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(alert.Type)
	}
	// Output: PII Data Detected
}

func ExampleAlertsService_Resolve() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	open, err := client.Alerts.List(ctx, &metlo.AlertFilter{
		AlertTypes: []metlo.AlertType{metlo.AlertUnauthenticatedSensitive},
		Statuses:   []metlo.AlertStatus{metlo.StatusOpen},
	}, 0, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	id := open.Items[0].UUID
	alert, err := client.Alerts.Resolve(ctx, id, "needs a token since 1.4.2")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(alert.Status+":", alert.ResolutionMessage)
	_, err = client.Alerts.Resolve(ctx, id, "once more")
	fmt.Println(errors.Is(err, metlo.ErrConflict))
	// Output:
	// Resolved: needs a token since 1.4.2
	// true
}

func ExampleAlertsService_UpdateMany() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	update := &metlo.AlertBulkUpdate{
		UpdateType: metlo.UpdateIgnore,
		AlertTypes: []metlo.AlertType{metlo.AlertNewEndpoint},
		Hosts:      []string{"billing.example.local"},
	}
	fmt.Println(client.Alerts.UpdateMany(ctx, update))
	fmt.Println("none are left:", errors.Is(client.Alerts.UpdateMany(ctx, update), metlo.ErrNoMatch))
	// Output:
	// <nil>
	// none are left: true
}

const anAlert = "00000000-0000-4000-b000-000000000001" // an id of the recordings

func TestAlertsCalls(t *testing.T) {
	type change = func(context.Context, *metlo.Client) (*metlo.Alert, error)
	changed := func(call change, status metlo.AlertStatus) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error {
			alert, err := call(t.Context(), c)
			if err == nil {
				assert.Equal(t, anAlert, alert.UUID)
				assert.Equal(t, status, alert.Status)
				if assert.NotNil(t, alert.APIEndpoint.Details, "an update returns the whole endpoint") {
					assert.Equal(t, alert.APIEndpoint.Path, alert.APIEndpoint.Details.Path)
				}
			}
			return err
		}
	}
	resolve := func(id, message string) change {
		return func(ctx context.Context, c *metlo.Client) (*metlo.Alert, error) {
			return c.Alerts.Resolve(ctx, id, message)
		}
	}
	unignore := func(ctx context.Context, c *metlo.Client) (*metlo.Alert, error) {
		return c.Alerts.Unignore(ctx, anAlert)
	}
	updateMany := func(u metlo.AlertBulkUpdate) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error { return c.Alerts.UpdateMany(t.Context(), &u) }
	}
	list := func(f *metlo.AlertFilter, offset, limit int) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error {
			_, err := c.Alerts.List(t.Context(), f, offset, limit)
			return err
		}
	}
	assertRecordedCalls(t, "alerts", map[string]recordedCall{
		"List": {
			call: func(t *testing.T, c *metlo.Client) error {
				page, err := c.Alerts.List(t.Context(), &metlo.AlertFilter{
					RiskScores: []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium}, Statuses: []metlo.AlertStatus{metlo.StatusOpen},
					AlertTypes: []metlo.AlertType{metlo.AlertPIIData}, SortOrder: metlo.Ascending,
				}, 0, 1)
				if assert.NoError(t, err) && assert.Len(t, page.Items, 1) {
					assert.Equal(t, "00000000-0000-4000-b000-0000000000b1", page.Items[0].UUID)
					assert.Equal(t, metlo.AlertPIIData, page.Items[0].Type)
					assert.Equal(t, metlo.StatusOpen, page.Items[0].Status)
				}
				return err
			},
			sent: "GET /api/v1/alerts", recording: "list_filters",
			query: "alertTypes[]=PII Data Detected&limit=1&order=ASC&riskScores[]=high&riskScores[]=medium&status[]=Open",
		},
		"List without options": {call: list(nil, 0, 0), sent: "GET /api/v1/alerts", query: "limit=10", recording: "list"},
		"List of a page": {
			call: list(&metlo.AlertFilter{Hosts: []string{"a.example.com"}}, 185, 2),
			sent: "GET /api/v1/alerts", query: "hosts[]=a.example.com&limit=2&offset=185", recording: "list_page",
		},
		"List of an endpoint": {
			call: list(&metlo.AlertFilter{APIEndpointUUID: endpointID(5)}, 0, 0),
			sent: "GET /api/v1/alerts", query: "apiEndpointUuid=" + endpointID(5), recording: "list_by_endpoint",
		},
		"List of a status that is not known": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Alerts.List(t.Context(), &metlo.AlertFilter{Statuses: []metlo.AlertStatus{"Reopened"}}, 0, 1)
				var v *metlo.ValidationError
				if assert.ErrorAs(t, err, &v) {
					assert.Equal(t, "status.0", v.Issues[0].Path)
				}
				return err
			},
			sent: "GET /api/v1/alerts", query: "limit=1&status[]=Reopened", recording: "list_status_documented_name", want: metlo.ErrBadRequest,
		},
		"Get": {
			call: func(t *testing.T, c *metlo.Client) error {
				alert, err := c.Alerts.Get(t.Context(), anAlert)
				if assert.NoError(t, err) {
					assert.Equal(t, anAlert, alert.UUID)
					assert.Equal(t, metlo.RiskNone, alert.RiskScore)
				}
				return err
			},
			sent: "GET /api/v1/alerts", query: "uuid=" + anAlert, recording: "list_by_uuid",
		},
		"Get with another alert in the answer": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Alerts.Get(t.Context(), alertID(7)); return err },
			sent: "GET /api/v1/alerts", query: "uuid=" + alertID(7), recording: "list_by_uuid", want: metlo.ErrInvalidResponse,
		},
		"Resolve": {
			call: changed(resolve(anAlert, "  fixed  "), metlo.StatusResolved), sent: "PUT /api/v1/alert/" + anAlert,
			body: `{"updateType":"resolve","resolutionMessage":"  fixed  "}`, recording: "resolve",
		},
		"Resolve again": {
			call: changed(resolve(anAlert, ""), ""), sent: "PUT /api/v1/alert/" + anAlert,
			body: `{"updateType":"resolve"}`, recording: "resolve_again", want: metlo.ErrConflict,
		},
		"Unresolve": {
			call: changed(func(ctx context.Context, c *metlo.Client) (*metlo.Alert, error) {
				return c.Alerts.Unresolve(ctx, anAlert)
			}, metlo.StatusOpen),
			sent: "PUT /api/v1/alert/" + anAlert, body: `{"updateType":"unresolve"}`, recording: "unresolve",
		},
		"Ignore": {
			call: changed(func(ctx context.Context, c *metlo.Client) (*metlo.Alert, error) {
				return c.Alerts.Ignore(ctx, anAlert)
			}, metlo.StatusIgnored),
			sent: "PUT /api/v1/alert/" + anAlert, body: `{"updateType":"ignore"}`, recording: "ignore",
		},
		"Unignore": {
			call: changed(unignore, metlo.StatusOpen), sent: "PUT /api/v1/alert/" + anAlert,
			body: `{"updateType":"unignore"}`, recording: "unignore",
		},
		"Unignore of an open one": {
			call: changed(unignore, ""), sent: "PUT /api/v1/alert/" + anAlert,
			body: `{"updateType":"unignore"}`, recording: "unignore_open", want: metlo.ErrConflict,
		},
		"Update by a documented name": {
			call: changed(func(ctx context.Context, c *metlo.Client) (*metlo.Alert, error) {
				return c.Alerts.Update(ctx, anAlert, &metlo.AlertUpdate{UpdateType: metlo.UpdateResolve})
			}, metlo.StatusResolved),
			sent: "PUT /api/v1/alert/" + anAlert, body: `{"updateType":"resolve"}`, recording: "resolve",
		},
		"Update of a type that is not known": {
			call: changed(func(ctx context.Context, c *metlo.Client) (*metlo.Alert, error) {
				return c.Alerts.Update(ctx, anAlert, &metlo.AlertUpdate{UpdateType: "close"})
			}, ""),
			sent: "PUT /api/v1/alert/" + anAlert, body: `{"updateType":"close"}`,
			recording: "update_documented_name", want: metlo.ErrBadRequest,
		},
		"UpdateMany": {
			call: updateMany(metlo.AlertBulkUpdate{
				UpdateType: metlo.UpdateResolve, ResolutionMessage: "sweep", RiskScores: []metlo.RiskScore{metlo.RiskLow},
				AlertTypes: []metlo.AlertType{metlo.AlertNewEndpoint}, Hosts: []string{"a.example.com"},
			}),
			sent: "PUT /api/v1/alerts", recording: "batch_resolve",
			body: `{"updateType":"resolve","resolutionMessage":"sweep","riskScores":["low"],"alertTypes":["New Endpoint Detected"],"hosts":["a.example.com"]}`,
		},
		"UpdateMany of an endpoint": {
			call: updateMany(metlo.AlertBulkUpdate{UpdateType: metlo.UpdateIgnore, APIEndpointUUID: endpointID(6)}),
			sent: "PUT /api/v1/alerts", body: `{"updateType":"ignore","apiEndpointUuid":"` + endpointID(6) + `"}`, recording: "batch_by_endpoint",
		},
		"UpdateMany of all": {
			call: updateMany(metlo.AlertBulkUpdate{UpdateType: metlo.UpdateIgnore, AllAlerts: true}),
			sent: "PUT /api/v1/alerts", body: `{"updateType":"ignore"}`, recording: "batch_resolve",
		},
		"UpdateMany that matches none": {
			call: updateMany(metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, Hosts: []string{"nope.example.com"}}),
			sent: "PUT /api/v1/alerts", body: `{"updateType":"resolve","hosts":["nope.example.com"]}`,
			recording: "batch_none_match", want: metlo.ErrNoMatch,
		},
	})
}

// TestAlertsUpdateOfNothing has servers answer with a common 404 text. Metlo's has the same bytes: only the alert list
// shows which server answered. The error hints at the address.
func TestAlertsUpdateOfNothing(t *testing.T) {
	for name, row := range map[string]struct {
		contentType, body string
		want              error
	}{
		"Metlo's backend":         {"text/html; charset=utf-8", "Not Found", metlo.ErrNotFound},
		"a text with a line feed": {"text/html; charset=utf-8", "Not Found\n", metlo.ErrInvalidResponse},
		"plain text":              {"text/plain", "Not Found", metlo.ErrInvalidResponse},
		"another text":            {"text/html; charset=utf-8", "not found", metlo.ErrInvalidResponse},
		"a page":                  {"text/html; charset=utf-8", "<h1>Not Found</h1>", metlo.ErrInvalidResponse},
		"JSON":                    {"application/json", `{"message":"Not Found"}`, metlo.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				sent++
				return failing(http.StatusNotFound, row.body, http.Header{"Content-Type": {row.contentType}}).RoundTrip(r)
			}))
			_, err := client.Alerts.Resolve(t.Context(), kit.Nowhere, "")
			require.ErrorIs(t, err, row.want)
			assert.Equal(t, 1, kit.CountSentinels(err))
			assert.Equal(t, 1, sent, "an error causes no request")
			assert.ErrorContains(t, err, "base URL")
		})
	}
}

func TestAlertsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List": func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.List(ctx, nil, 0, 0); return err },
		"All": func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Alerts.All(ctx, nil))
			return err
		},
		"Get": func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Get(ctx, anAlert); return err },
		"Resolve": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.Resolve(ctx, anAlert, "")
			return err
		},
		"Unresolve": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.Unresolve(ctx, anAlert)
			return err
		},
		"Ignore": func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Ignore(ctx, anAlert); return err },
		"Unignore": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.Unignore(ctx, anAlert)
			return err
		},
		"UpdateMany": func(ctx context.Context, c *metlo.Client) error {
			return c.Alerts.UpdateMany(ctx, &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateIgnore, AllAlerts: true})
		},
	})
}

func TestAlertsRefuse(t *testing.T) {
	alerts := func(u *metlo.AlertBulkUpdate) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error { return c.Alerts.UpdateMany(ctx, u) }
	}
	list := func(o metlo.AlertFilter) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.List(ctx, &o, 0, 0); return err }
	}
	all := func(o metlo.AlertFilter) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Alerts.All(ctx, &o))
			return err
		}
	}
	walk := func(opts ...metlo.WalkOption) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Alerts.All(ctx, nil, opts...))
			return err
		}
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	many := slices.Repeat([]string{"h"}, 901)
	rows := map[string]refusal{
		"negative offset": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.List(ctx, nil, -1, 0)
			return err
		}, "offset -1"},
		"page that the server cannot answer": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.List(ctx, nil, 0, 50_001)
			return err
		}, "use All"},
		"id of a filter that is not a UUID": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.List(ctx, &metlo.AlertFilter{APIEndpointUUID: "x"}, 0, 0)
			return err
		}, "is not a UUID"},
		"update without a type": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.Update(ctx, alertID(1), &metlo.AlertUpdate{})
			return err
		}, "UpdateType is empty"},
		"nil update": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.Update(ctx, alertID(1), nil)
			return err
		}, "UpdateType is empty"},
		"update of many that is nil":      {alerts(nil), "nil"},
		"update of many without a filter": {alerts(&metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve}), "AllAlerts"},
		"update of many with an empty list": {alerts(&metlo.AlertBulkUpdate{
			UpdateType: metlo.UpdateResolve, Hosts: []string{}, APIEndpointUUID: alertID(1),
		}), "Hosts is empty"},
		"update of one and many": {alerts(&metlo.AlertBulkUpdate{
			UpdateType: metlo.UpdateResolve, UUID: alertID(1), Hosts: []string{"h"},
		}), "UUID is set together"},
		"update of all and some": {alerts(&metlo.AlertBulkUpdate{
			UpdateType: metlo.UpdateResolve, AllAlerts: true, Hosts: []string{"h"},
		}), "AllAlerts is set together"},
		"update of many with too many values": {alerts(&metlo.AlertBulkUpdate{
			UpdateType: metlo.UpdateResolve, Hosts: many,
		}), "split the update"},
		"negative limit": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Alerts.List(ctx, nil, 0, -1)
			return err
		}, "limit -1"},
		"negative page size":      {walk(metlo.PageSize(-1)), "PageSize -1"},
		"nil for an option":       {walk(nil), "leave it out"},
		"page size over the most": {walk(metlo.PageSize(50_001)), "leave the option out"},
		"times in the wrong order": {func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Alerts.AllCreated(ctx, now, now.Add(-1), nil))
			return err
		}, "swap them"},
		"an empty list of statuses":     {list(metlo.AlertFilter{Statuses: []metlo.AlertStatus{}}), "Statuses is empty"},
		"an empty list of types":        {list(metlo.AlertFilter{AlertTypes: []metlo.AlertType{}}), "AlertTypes is empty"},
		"an empty list of risks":        {all(metlo.AlertFilter{RiskScores: []metlo.RiskScore{}}), "RiskScores is empty"},
		"an empty list of hosts":        {all(metlo.AlertFilter{Hosts: []string{}}), "Hosts is empty"},
		"too many hosts":                {list(metlo.AlertFilter{Hosts: many}), "split the filter"},
		"an id of a filter":             {list(metlo.AlertFilter{UUID: "x"}), "is not a UUID"},
		"update of many without a type": {alerts(&metlo.AlertBulkUpdate{AllAlerts: true}), "UpdateType is empty"},
		"update of many of an endpoint that is none": {alerts(&metlo.AlertBulkUpdate{
			UpdateType: metlo.UpdateResolve, APIEndpointUUID: "x",
		}), "is not a UUID"},
	}
	for _, id := range []string{"", "1", ".."} {
		for name, call := range map[string]func(context.Context, *metlo.Client) error{
			"Get":       func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Get(ctx, id); return err },
			"Resolve":   func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Resolve(ctx, id, ""); return err },
			"Unresolve": func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Unresolve(ctx, id); return err },
			"Ignore":    func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Ignore(ctx, id); return err },
			"Unignore":  func(ctx context.Context, c *metlo.Client) error { _, err := c.Alerts.Unignore(ctx, id); return err },
		} {
			rows[name+" of the id "+id] = refusal{call, "is not a UUID"}
		}
	}
	assertRefusals(t, rows)
}

// TestUpdateEachYieldsEveryAlertOnce changes alerts on servers with every kind of answer.
func TestUpdateEachYieldsEveryAlertOnce(t *testing.T) {
	resolved := recordingNamed(t, "alerts", "resolve").Response.Body
	type outcomes map[metlo.ChangeOutcome]int
	tests := map[string]struct {
		n      int
		answer func(n int) (int, string, error)
		update *metlo.AlertUpdate
		cancel bool
		want   outcomes
	}{
		"all well": {n: 20, answer: func(int) (int, string, error) { return 200, resolved, nil }, want: outcomes{metlo.ChangeDone: 20}},
		"none":     {n: 0, want: outcomes{}},
		"some differ": {n: 20, answer: func(n int) (int, string, error) {
			return []int{200, 409, 404, 500}[n%4], []string{resolved, "Alert is already resolved.", "Not Found", "syntax error"}[n%4], nil
		}, want: outcomes{metlo.ChangeDone: 5, metlo.ChangeConflict: 5, metlo.ChangeGone: 5, metlo.ChangeFailed: 5}},
		"a key that is refused":    {n: 20, answer: func(int) (int, string, error) { return 401, "Client unauthorized", nil }, want: outcomes{metlo.ChangeFailed: 8, metlo.ChangeNotSent: 12}},
		"a server that is gone":    {n: 20, answer: func(int) (int, string, error) { return 0, "", syscall.ECONNREFUSED }, want: outcomes{metlo.ChangeFailed: 8, metlo.ChangeNotSent: 12}},
		"a context that ended":     {n: 20, cancel: true, want: outcomes{metlo.ChangeNotSent: 20}},
		"an update without a type": {n: 3, update: &metlo.AlertUpdate{}, want: outcomes{metlo.ChangeFailed: 3}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
					n := int(sent.Add(1))
					<-time.After(time.Second)
					status, body, err := tt.answer(n)
					if err != nil {
						return nil, err
					}
					return failing(status, body, http.Header{"Content-Type": {typeOf(body)}}).RoundTrip(r)
				}), metlo.WithoutRetry())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel {
					cancel()
				}
				ids := make([]string, tt.n)
				for i := range ids {
					ids[i] = alertID(i + 1)
				}
				update := tt.update
				if update == nil {
					update = &metlo.AlertUpdate{UpdateType: metlo.UpdateResolve}
				}
				got, seen := outcomes{}, map[string]int{}
				for change := range client.Alerts.UpdateEach(ctx, ids, update) {
					got[change.Outcome]++
					seen[change.UUID]++
					assert.Equal(t, change.Outcome == metlo.ChangeDone, change.Err == nil)
				}
				assert.Equal(t, tt.want, got)
				assert.Len(t, seen, tt.n, "each once")
			})
		})
	}
}

func TestUpdateEachStopsWithTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			<-time.After(time.Duration(sent.Add(1)) * time.Second)
			return failing(409, "Alert is already resolved.", nil).RoundTrip(r)
		}))
		for range client.Alerts.ResolveEach(t.Context(), slices.Repeat([]string{alertID(1)}, 100), "") {
			break
		}
		assert.EqualValues(t, 8, sent.Load(), "those under way, which the loop waits for")
	})
}

// Resolve the alerts that a release fixed, and keep an audit log.
func ExampleAlertsService_ResolveEach() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	var ids []string
	for alert, err := range client.Alerts.All(ctx, &metlo.AlertFilter{
		AlertTypes: []metlo.AlertType{metlo.AlertUnauthenticatedSensitive}, Statuses: []metlo.AlertStatus{metlo.StatusOpen},
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		ids = append(ids, alert.UUID)
	}
	for change := range client.Alerts.ResolveEach(ctx, ids, "needs a token since 1.4.2") {
		fmt.Println(change.Outcome, change.Err)
	}
	// Output: done <nil>
}
