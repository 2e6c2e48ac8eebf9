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
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestStatusesBecomeSentinels(t *testing.T) {
	tests := map[int]error{
		400: metlo.ErrBadRequest, 401: metlo.ErrUnauthorized, 403: metlo.ErrForbidden, 404: metlo.ErrInvalidResponse,
		405: metlo.ErrBadRequest, 409: metlo.ErrConflict, 413: metlo.ErrTooLarge, 414: metlo.ErrTooLarge,
		422: metlo.ErrUnprocessable, 429: metlo.ErrRateLimited, 431: metlo.ErrTooLarge, 418: metlo.ErrBadRequest,
		500: metlo.ErrServer, 501: metlo.ErrServer, 502: metlo.ErrServer, 503: metlo.ErrServer, 504: metlo.ErrServer,
		304: metlo.ErrInvalidResponse, 101: metlo.ErrInvalidResponse, 302: metlo.ErrRedirected, 308: metlo.ErrRedirected,
		407: metlo.ErrProxy, 408: metlo.ErrServer, 520: metlo.ErrServer, 530: metlo.ErrServer,
	}
	for status, want := range tests {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			_, err := inProcess(t, failing(status, "", nil), metlo.WithoutRetry()).DataClasses.List(t.Context())
			require.ErrorIs(t, err, want)
			assert.Equal(t, 1, kit.CountSentinels(err))
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, status, e.StatusCode)
			assert.NotEmpty(t, e.Message, "an empty body gets the status's text")
		})
	}
}

func TestErrorText(t *testing.T) {
	page := func(text string) string {
		return "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><pre>" + text + "</pre></body></html>"
	}
	tests := []struct{ name, body, want string }{
		{"bare text", "Endpoint does not exist.", "Endpoint does not exist."},
		{"JSON string", `"Endpoint does not exist."`, "Endpoint does not exist."},
		{"JSON object", `{"message":"no"}`, "no"},
		{"Express page", page("SyntaxError: Expected &#39;}&#39;<br> &nbsp; at parse"), "SyntaxError: Expected '}'"},
		{"proxy's page", "<html><head><title>404 Not Here</title></head><body><center>nginx</center></body></html>", "404 Not Here"},
		{"page without a title", "<html><body>hello</body></html>", "an HTML page"},
		{"several lines", "one\r\n\ttwo\x00\x1b[31mthree", "one two [31mthree"},
		{"nothing", "", "Unprocessable Entity"},
		{"invalid UTF-8", "caf\xe9", "caf\uFFFD"},
		{"too long", strings.Repeat("x", 2000), strings.Repeat("x", 512) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := inProcess(t, failing(422, tt.body, nil)).DataClasses.List(t.Context())
			assert.EqualError(t, err, "metlo: GET metlo.example.com/api/v1/data-class: unprocessable: "+tt.want+" (HTTP 422)")
			for _, verb := range []string{"%v", "%+v", "%s"} {
				assert.Equal(t, err.Error(), fmt.Sprintf(verb, err), verb)
			}
		})
	}
}

func TestValidationError(t *testing.T) {
	tests := []struct {
		section, name string
		want          metlo.Issue
	}{
		{"endpoints", "list_filter_documented_enum_name", metlo.Issue{
			Path: "riskScores.0", Code: "invalid_enum_value", Received: "HIGH", Options: []string{"none", "low", "medium", "high"},
			Message: "Invalid enum value. Expected 'none' | 'low' | 'medium' | 'high', received 'HIGH'",
		}},
		{"endpoints", "list_filter_no_brackets_single", metlo.Issue{
			Path: "riskScores", Code: "invalid_type", Expected: "array", Received: "string", Message: "Expected array, received string",
		}},
		{"endpoints", "list_limit_negative", metlo.Issue{
			Path: "limit", Code: "invalid_union", Expected: "number", Received: "string", Message: "Invalid",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := recordingNamed(t, tt.section, tt.name)
			err := inProcess(t, rec.Answer()).Call(t.Context(), "GET", "/endpoints", nil, nil, nil)
			var v *metlo.ValidationError
			require.ErrorAs(t, err, &v)
			assert.Equal(t, []metlo.Issue{tt.want}, v.Issues)
			require.ErrorIs(t, err, metlo.ErrBadRequest)
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 400, e.StatusCode)
		})
	}
}

func TestAValidationErrorMayBeLong(t *testing.T) {
	issue := `{"code":"invalid_enum_value","path":["hosts",0],"message":"no"}`
	body := `{"type":"ZOD","err":{"issues":[` + strings.Repeat(issue+",", 999) + issue + `]},"message":"hosts.0: no"}`
	_, err := inProcess(t, failing(400, body, nil)).Hosts.List(t.Context(), nil, 0, 0)
	var v *metlo.ValidationError
	require.ErrorAs(t, err, &v)
	assert.Len(t, v.Issues, 1000)
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Body, 16<<10)
	assert.Equal(t, "hosts.0: no", e.Message)
}

func TestSyntaxError(t *testing.T) {
	rec := recordingNamed(t, "testing", "config_put_syntax_error")
	err := inProcess(t, rec.Answer()).Testing.UpdateConfig(t.Context(), "RESOURCES\n  ???")
	var s *metlo.TestingSyntaxError
	require.ErrorAs(t, err, &s)
	assert.Equal(t, [4]int{1, 1, 1, 2}, [4]int{s.StartLine, s.StartColumn, s.EndLine, s.EndColumn})
	require.ErrorIs(t, err, metlo.ErrBadRequest)
	assert.Contains(t, err.Error(), `line 1, column 1: Expected "#", "actor", "has_permission", "host", or "resource" but "R" found.`)
}

func TestShortHeaderValuesLeaveErrorsAlone(t *testing.T) {
	rec := recordingNamed(t, "testing", "config_put_syntax_error")
	client := inProcess(t, rec.Answer(), metlo.WithHeader("X-Tenant", "1"), metlo.WithHeader("X-Way", "a"))
	var s *metlo.TestingSyntaxError
	require.ErrorAs(t, client.Testing.UpdateConfig(t.Context(), "RESOURCES"), &s)
	assert.Equal(t, 1, s.StartLine)
	assert.NotContains(t, s.Error(), "[redacted]")
}

func TestAnArgumentErrorDoesNotShowTheKey(t *testing.T) {
	_, err := inProcess(t, unreachable{t}).Alerts.Get(t.Context(), someKey)
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), someKey)
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	tests := []struct {
		name, location string
		says           string
		hides          string
	}{
		{"another host", "https://other.example.com/api/v1/endpoint/x?token=s3cret", "redirects to https://other.example.com: set that as base URL", "s3cret"},
		{"another port", "https://metlo.example.com:8443/x", "redirects to https://metlo.example.com:8443", ""},
		{"plain http", "http://metlo.example.com/x", "redirects to http://metlo.example.com", ""},
		{"itself", "/elsewhere", "redirects within itself", ""},
		{"nowhere", "", "without saying where", ""},
		{"what is no URL", "https://%zz/s3cret", "without saying where", "s3cret"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := 0
			header := http.Header{}
			if tt.location != "" {
				header.Set("Location", tt.location)
			}
			client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				sent++
				assert.Equal(t, http.MethodPut, r.Method)
				return (&kit.Answer{Status: 302, Header: header}).RoundTrip(r)
			}))
			err := client.Endpoints.SetFullTraceCapture(t.Context(), endpointID(1), true)
			require.ErrorIs(t, err, metlo.ErrRedirected)
			assert.Contains(t, err.Error(), tt.says)
			if tt.hides != "" {
				assert.NotContains(t, fmt.Sprintf("%+v", err), tt.hides)
			}
			assert.Equal(t, 1, sent)
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 302, e.StatusCode)
		})
	}
}

func TestAConnectionErrorHasNoStatus(t *testing.T) {
	broken := errors.New("no route to host")
	_, err := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, broken })).Alerts.Get(t.Context(), alertID(1))
	require.ErrorIs(t, err, broken)
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	assert.Zero(t, e.StatusCode)
	require.ErrorIs(t, err, metlo.ErrNoResponse)
	assert.Equal(t, 1, kit.CountSentinels(err))
	assert.EqualError(t, err, "metlo: GET metlo.example.com/api/v1/alerts: no response: no route to host")
	assert.Len(t, e.Attempts, 1)
}

// The server answers 500 for an endpoint that does not exist. The error has the correct message and keeps the status.
func ExampleError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	_, err := server.Client().Endpoints.Get(context.Background(), "00000000-0000-4000-8000-000000000000")
	var e *metlo.Error
	if errors.Is(err, metlo.ErrNotFound) && errors.As(err, &e) {
		fmt.Println(e.StatusCode, e.Message)
	}
	// Output: 500 the endpoint does not exist
}

func ExampleValidationError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	_, err := server.Client().Alerts.List(context.Background(), &metlo.AlertFilter{
		RiskScores: []metlo.RiskScore{"extreme"},
	}, 0, 0)
	var invalid *metlo.ValidationError
	if errors.As(err, &invalid) {
		for _, issue := range invalid.Issues {
			fmt.Println(issue.Path, issue.Code, issue.Options)
		}
	}
	// Output: riskScores.0 invalid_enum_value [none low medium high]
}

func ExampleSyntaxError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	err := server.Client().Testing.UpdateConfig(context.Background(), "actor Customer {\n  items = [\n}")
	var syntax *metlo.TestingSyntaxError
	if errors.As(err, &syntax) {
		fmt.Println("line", syntax.StartLine)
	}
	// Output: line 3
}

func TestRedirectOfATransportThatNamesNoRequest(t *testing.T) {
	client := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusFound, Header: http.Header{"Location": {"https://elsewhere.example.com/x"}}, Body: http.NoBody,
		}, nil
	}))
	_, err := client.Summary.Get(t.Context())
	require.ErrorIs(t, err, metlo.ErrRedirected)
	assert.ErrorContains(t, err, "https://elsewhere.example.com")
}

func TestAnErrorOfATransportIsNoAnswerOfMetlo(t *testing.T) {
	foreign := fmt.Errorf("mirror: %w", &metlo.Error{StatusCode: http.StatusNotFound, Kind: metlo.ErrNotFound, Message: "elsewhere"})
	client := inProcess(t, roundTrip(func(*http.Request) (*http.Response, error) { return nil, foreign }))
	_, err := client.Summary.Get(t.Context())
	var e *metlo.Error
	require.True(t, errors.As(err, &e))
	assert.Zero(t, e.StatusCode)
	assert.Equal(t, metlo.ErrNoResponse, e.Kind)
}

// Decide in a cron job whether the next run may succeed.
func ExampleError_Retryable() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/summary", Status: http.StatusBadGateway})

	_, err := server.Client(metlo.WithoutRetry()).Summary.Get(context.Background())
	var e *metlo.Error
	switch {
	case errors.As(err, &e) && e.Retryable():
		fmt.Println("the next run tries again:", e.StatusCode)
	case err != nil:
		fmt.Println("somebody must look:", err)
	}
	// Output: the next run tries again: 502
}

// Test code without a server: an error constructed by hand matches by its status.
func ExampleError_fake() {
	resolve := func(id, message string) error { return &metlo.Error{StatusCode: http.StatusConflict} } // the fake

	if err := resolve("6d1b7cbb-1c0b-4b5c-8a35-5a1a2f3c9a10", "fixed"); errors.Is(err, metlo.ErrConflict) {
		fmt.Println("somebody was faster")
	}
	// Output: somebody was faster
}
