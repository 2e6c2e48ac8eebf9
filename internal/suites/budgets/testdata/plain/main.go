// Command plain is a server that uses the SDK without package capture.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/metlo-go/metlo"
)

func main() {
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key", metlo.WithCollectorURL("https://collector.example.com"))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = client.Settings.AgentConfig(ctx)
	fmt.Println(0)
	slog.Info("stopped", "err", err, "batch", client.Collector.LogAnalyzedBatch(ctx, nil), "server", http.ListenAndServe("invalid", http.DefaultServeMux))
}
