package metlo_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func Example() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	ctx := context.Background()

	client, err := metlo.NewClient(server.URL, server.APIKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	for alert, err := range client.Alerts.All(ctx, &metlo.AlertListOptions{
		Hosts:      []string{"pay.example.com"},
		RiskScores: []metlo.RiskScore{metlo.RiskHigh},
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(alert.Type, "on", alert.APIEndpoint.Method, alert.APIEndpoint.Path)
	}
	// Unordered output:
	// PII Data Detected on POST /v1/payments
	// PII Data Detected on GET /v1/payments/{paymentId}
}

func ExampleEndpointsService_All() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	open := false
	for endpoint, err := range server.Client().Endpoints.All(context.Background(), &metlo.EndpointListOptions{
		RiskScores:      []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium},
		IsAuthenticated: &open,
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(endpoint.RiskScore, endpoint.Method, endpoint.Path, endpoint.DataClasses)
	}
	// Unordered output:
	// high GET /v1/export/customers [Email Social Security Number]
	// medium POST /v1/login [Email]
	// medium GET /v1/newsletter/confirm [Email]
}

func ExampleEndpointsService_SetAuthenticated() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	found, err := client.Endpoints.List(ctx, &metlo.EndpointListOptions{SearchQuery: "^/v1/login$"})
	if err != nil {
		fmt.Println(err)
		return
	}
	public := false
	if err := client.Endpoints.SetAuthenticated(ctx, found.Items[0].UUID, &public); err != nil {
		fmt.Println(err)
		return
	}
	endpoint, err := client.Endpoints.Get(ctx, found.Items[0].UUID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Path, "needs authentication:", endpoint.Authenticated())
	// Output: /v1/login needs authentication: false
}

func ExampleHostsService_All() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	for host, err := range server.Client().Hosts.All(context.Background(), &metlo.HostListOptions{HostType: metlo.HostPublic}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(host.Host, host.NumEndpoints)
	}
	// Unordered output:
	// shop.example.com 10
	// pay.example.com 3
}

func ExampleDataFieldsService_UpdateClasses() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	found, err := client.Endpoints.List(ctx, &metlo.EndpointListOptions{SearchQuery: "^/v1/payments/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	endpoint, err := client.Endpoints.Get(ctx, found.Items[0].UUID)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, field := range endpoint.DataFields {
		if field.DataPath != "ip" {
			continue
		}
		// The address of the shop's own proxy is no personal data.
		field, err := client.DataFields.UpdateClasses(ctx, field.UUID, &metlo.DataClassesUpdate{
			DataPath: field.DataPath, DataSection: field.DataSection, DataClasses: []string{},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(field.DataPath, "classes:", field.DataClasses, "false positives:", field.FalsePositives)
	}
	// Output: ip classes: [] false positives: [IP Address]
}

func ExampleDataClassesService_List() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	classes, err := server.Client().DataClasses.List(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, class := range classes {
		if class.Severity == metlo.RiskHigh {
			fmt.Println(class.ClassName)
		}
	}
	// Output:
	// Credit Card Number
	// Social Security Number
	// Aadhar Number
	// Brazil CPF
}

func ExampleDetectionsService_AllEndpoints() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	for endpoint, err := range server.Client().Detections.AllEndpoints(context.Background(), &metlo.DetectionListOptions{
		Hosts:      []string{"shop.example.com"},
		RiskScores: []metlo.RiskScore{metlo.RiskHigh},
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(endpoint.Method, endpoint.Path)
	}
	// Output: GET /v1/export/customers
}

func ExampleAlertsService_Resolve() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	open, err := client.Alerts.List(ctx, &metlo.AlertListOptions{
		AlertTypes: []metlo.AlertType{metlo.AlertUnauthenticatedSensitive},
		Statuses:   []metlo.AlertStatus{metlo.StatusOpen},
	})
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

func ExampleTestingService_GenTestEndpoint() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	endpoint, err := server.Client().Testing.GenTestEndpoint(context.Background(), &metlo.GenTestEndpointOptions{
		Endpoint: "/v1/orders/{param1}", Host: "shop.example.com", Method: metlo.MethodGet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.AuthConfig.AuthType, endpoint.AuthConfig.HeaderKey)
	for _, field := range endpoint.DataFields {
		if field.Entity != "" {
			fmt.Println(field.DataSection, field.DataPath, "holds", field.Entity)
		}
	}
	// Output:
	// header Authorization
	// reqPath param1 holds Order.id
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

func ExampleSpecsService_Upload() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	const document = `openapi: 3.0.3
info: {title: Stock, version: "1"}
servers: [{url: https://stock.example.com}]
paths:
  /items/{sku}:
    get: {responses: {"200": {description: the item}}}
`
	if err := client.Specs.Upload(ctx, "stock.yaml", strings.NewReader(document)); err != nil {
		fmt.Println(err)
		return
	}
	endpoints, err := client.Endpoints.List(ctx, &metlo.EndpointListOptions{Hosts: []string{"stock.example.com"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoints.Items[0].Method, endpoints.Items[0].Path, "of", endpoints.Items[0].OpenAPISpecName)
	// Output: GET /items/{sku} of stock
}

func ExampleSpecsService_Zip() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	data, err := server.Client().Specs.Zip(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, file := range archive.File {
		fmt.Println(file.Name)
	}
	// Output: payments.yaml
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

func ExampleSettingsService_Config() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	config, err := client.Settings.Config(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	text := config.ConfigString.Reveal() + "hostBlockList: [\"^localhost$\"]\n"
	if err := client.Settings.UpdateConfig(ctx, text); err != nil {
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

func ExampleCollectorService_LogBatch() {
	server := metlotest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	var traces []*metlo.Trace
	for _, path := range []string{"/v1/users/17", "/v1/users/18", "/v1/carts"} {
		traces = append(traces, &metlo.Trace{
			Request:  metlo.TraceRequest{Method: metlo.MethodGet, URL: metlo.TraceURL{Host: "shop.example.com", Path: path}},
			Response: metlo.TraceResponse{Status: http.StatusOK},
		})
	}
	if err := client.Collector.LogBatch(ctx, traces); err != nil {
		fmt.Println(err)
		return
	}
	for endpoint, err := range client.Endpoints.All(ctx, nil) {
		fmt.Println(endpoint.Method, endpoint.Path, err)
	}
	// Unordered output:
	// GET /v1/users/{param1} <nil>
	// GET /v1/carts <nil>
}

func ExampleTraceFromHTTP() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"email":"jane.doe@example.com"}`)
	}))
	defer service.Close()
	resp, err := http.Get(service.URL + "/v1/users/17?verbose=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()

	trace, err := metlo.TraceFromHTTP(resp.Request, resp, metlo.WithTraceHost("shop.example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(trace.Request.Method, trace.Request.URL.Host, trace.Request.URL.Path, trace.Request.URL.Parameters)
	fmt.Println(trace.Response.Status, trace.Response.Body)
	// Output:
	// GET shop.example.com /v1/users/17 [{verbose 1}]
	// 200 {"email":"jane.doe@example.com"}
}
