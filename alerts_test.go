package metlo_test

import (
	"encoding/json"
	"os"
	"testing"

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

// TestAlertContextsOfTheDataSet reads every alert that a real server held.
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
