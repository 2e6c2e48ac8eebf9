// Command recording is plain with a recorder. It prints the bytes of heap that the idle recorder takes.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
)

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func main() {
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key", metlo.WithCollectorURL("https://collector.example.com"))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = client.Settings.AgentConfig(ctx)
	before := heap()
	rec, recErr := capture.New(client, capture.WithHost("shop.example.com"), capture.WithoutAgentConfig())
	if recErr != nil {
		panic(recErr)
	}
	handler := rec.Handler(http.DefaultServeMux)
	fmt.Println(int64(heap()) - int64(before))
	slog.Info("stopped", "err", err, "batch", client.Collector.LogAnalyzedBatch(ctx, nil), "server", http.ListenAndServe("invalid", handler), "recorder", rec.Shutdown(ctx))
}
