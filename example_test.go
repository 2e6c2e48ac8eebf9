package metlo_test

import (
	"context"
	"fmt"

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
	for alert, err := range client.Alerts.All(ctx, &metlo.AlertFilter{
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
