package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// Resolve every open alert of a host, one by one, and say what became of each.
func ExampleAlertsService_ResolveEach() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	open := client.Alerts.All(ctx, &metlo.AlertListOptions{
		Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: []string{"shop.example.com"},
	})
	outcomes := map[metlo.ChangeOutcome]int{}
	for change, err := range client.Alerts.ResolveEach(ctx, open, "fixed in 1.4.2") {
		if err != nil {
			fmt.Println("stopped:", err)
			return
		}
		outcomes[change.Outcome]++
	}
	fmt.Println(outcomes[metlo.ChangeFailed], "failed,", outcomes[metlo.ChangeConflict], "resolved by someone else")
	// Output: 0 failed, 0 resolved by someone else
}

// Change many items by their ids alone.
func ExampleChangeEach() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	ids := metlo.ItemsOf("99999999-9999-4999-8999-999999999999")
	for change, err := range metlo.ChangeEach(ctx, ids, func(ctx context.Context, id string) error {
		_, err := client.Alerts.Ignore(ctx, id)
		return err
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(change.Item, change.Outcome)
	}
	// Output: 99999999-9999-4999-8999-999999999999 gone
}

// List the fields in which personal data was found.
func ExampleAlert_Field() {
	alert := metlo.Alert{
		Type:        metlo.AlertPIIData,
		Description: "Sensitive data of type Email has been detected in field 'user.email' of Response Body.",
	}
	if field := alert.Field(); field != nil {
		fmt.Println(field.DataClass, "in", field.Path, "of", field.Section, "returned:", field.Section.IsResponse())
	}
	// Output: Email in user.email of resBody returned: true
}

// Find the endpoints that return a data class without authentication.
func ExampleDataSection_IsResponse() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	open := &metlo.EndpointListOptions{DataClasses: []string{metlo.ClassEmail}, IsAuthenticated: new(false)}
	for endpoint, err := range client.Endpoints.All(ctx, open) {
		if err != nil {
			fmt.Println(err)
			return
		}
		detail, err := client.Endpoints.Get(ctx, endpoint.UUID)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, field := range detail.DataFields {
			for _, class := range field.DataClasses {
				if class == metlo.ClassEmail && field.DataSection.IsResponse() {
					fmt.Println(endpoint.Method, endpoint.Host+endpoint.Path, "returns", field.DataPath)
				}
			}
		}
	}
	// Output: GET shop.example.com/v1/export/customers returns [].email
}

// Keep the documents of a pipeline up to date.
func ExampleSpecsService_Put() {
	server := metlotest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	for range 2 {
		document := strings.NewReader(`{"openapi":"3.0.3","info":{"title":"Pay","version":"1"},
			"servers":[{"url":"https://pay.example.com"}],"paths":{"/pay":{"get":{"responses":{}}}}}`)
		created, err := client.Specs.Put(ctx, "pay.json", document)
		switch {
		case errors.Is(err, metlo.ErrConflict):
			fmt.Println("another document has one of its paths:", err)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("created:", created)
		}
	}
	// Output:
	// created: true
	// created: false
}

// Receive alerts so that none is lost when the process dies.
func ExampleWithWebhookStore() {
	dir, err := os.MkdirTemp("", "alerts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := metlo.OpenWebhookFolder(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := metlo.NewWebhookHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		fmt.Println("handled", event.Alert.UUID)
		return nil // an error is tried again
	}, metlo.WithWebhookStore(store), metlo.WithWebhookToken("the new one", "the old one"))

	request := httptest.NewRequest("POST", "/?token=the+old+one", strings.NewReader(`{"alert":{"uuid":"7"}}`))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if err := handler.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(answer.Code)
	// Output:
	// handled 7
	// 202
}

// See what happened since yesterday, with the progress of a long walk.
func ExampleAlertsService_All_since() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	walked, total := 0, 0
	for alert, err := range client.Alerts.All(ctx, &metlo.AlertListOptions{
		CreatedAfter: time.Now().AddDate(0, 0, -1),
		OnTotal:      func(n int) { total = n },
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		walked++
		_ = alert
	}
	fmt.Println(walked <= total)
	// Output: true
}
