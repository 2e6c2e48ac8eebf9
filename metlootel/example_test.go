package metlootel_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlootel"
	"github.com/metlo-go/metlo/metlotest"
)

// Each attempt is a span.
func ExampleHooks() {
	spans := tracetest.NewInMemoryExporter() // replaces that of a collector
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/endpoints/hosts", Status: 503, Times: 1})

	client := server.Client(metlo.WithHooks(metlootel.Hooks(metlootel.WithTracerProvider(provider))))
	if _, err := client.Hosts.Names(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, span.Status.Code)
	}
	// Output:
	// GET /endpoints/hosts Error
	// GET /endpoints/hosts Unset
}
