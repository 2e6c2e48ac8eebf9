package metlotest_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// Test a program that processes alerts, against a shop's data.
func ExampleNewServer() {
	srv := metlotest.NewServer(metlotest.Demo())
	defer srv.Close()
	ctx, client := context.Background(), srv.Client()

	page, err := client.Alerts.List(ctx, &metlo.AlertFilter{
		AlertTypes: []metlo.AlertType{"Unauthenticated Endpoint returning Sensitive Data"},
	}, 0, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	alert := page.Items[0]
	fmt.Println(alert.APIEndpoint.Method, alert.APIEndpoint.Path, alert.Status)
	resolved, err := client.Alerts.Resolve(ctx, alert.UUID, "the export asks for a token now")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resolved.Status, "-", resolved.ResolutionMessage)
	// Output:
	// GET /v1/export/customers Open
	// Resolved - the export asks for a token now
}

// A proxy in front of the server is busy for one request.
func ExampleServer_Inject() {
	srv := metlotest.NewServer(metlotest.InMemory())
	defer srv.Close()
	srv.Inject(metlotest.Fault{Path: "/endpoints", Status: http.StatusServiceUnavailable, RetryAfter: "1", Times: 1})

	for range 2 {
		res, err := srv.HTTPClient().Get(srv.URL + "/api/v1/endpoints")
		if err != nil {
			fmt.Println(err)
			return
		}
		res.Body.Close()
		fmt.Printf("%d, Retry-After %q\n", res.StatusCode, res.Header.Get("Retry-After"))
	}
	fmt.Println(len(srv.Requests()), "requests")
	// Output:
	// 503, Retry-After "1"
	// 200, Retry-After ""
	// 2 requests
}
