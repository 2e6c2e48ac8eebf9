// Ingest feeds the incoming and outgoing traffic of a small, made-up service to Metlo with package capture.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/metlotest"
)

const host = "orders.ingest.example.com"
const usage = `ingest runs a small service whose traffic goes to Metlo, and prints the endpoints that Metlo finds in it.

  ingest -requests 50

It talks to METLO_HOST and METLO_COLLECTOR_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 endpoints found, 1 failed, 2 wrong flags.
`

func main() {
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	requests := flags.Int("requests", 20, "`number` of orders that are placed with the service")
	queue := flags.Int("queue", 10_000, "`number` of traces that wait for the collector before some are dropped")
	patience := flags.Duration("patience", 30*time.Second, "longest `time` until Metlo shows the endpoints")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0 || *requests < 1 || *queue < 1:
		fmt.Fprintln(os.Stderr, "ingest: see -h")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	err := run(ctx, *requests, *queue)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, requests, queue int) error {
	client, err := metlo.NewClientFromEnv()
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo(), metlotest.InstantAnalysis())
		defer server.Close()
		client, err = server.Client(), nil
	}
	if err != nil {
		return err
	}
	rec, err := capture.New(client, capture.WithHost(host, "127.0.0.1"), capture.WithQueueItems(queue))
	if err != nil {
		return err
	}
	err = errors.Join(traffic(ctx, rec, requests), rec.Shutdown(ctx))
	s := rec.Stats()
	fmt.Printf("%d traces sent, %d dropped, %d failed\n", s.Sent, s.Dropped, s.Failed+s.Unknown)
	return errors.Join(err, printEndpoints(ctx, client))
}

// traffic places orders with a service, which asks another one for each.
func traffic(ctx context.Context, rec *capture.Recorder, requests int) error {
	stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"inStock":true}`) }))
	defer stock.Close()
	outgoing := &http.Client{Transport: rec.Transport(nil)} // records outgoing requests
	service := http.NewServeMux()
	service.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_ = do(r.Context(), outgoing, http.MethodGet, stock.URL+"/items/"+r.PathValue("id"), "")
		_, _ = io.Copy(w, r.Body)
	})
	orders := httptest.NewServer(rec.Handler(service)) // records incoming requests
	defer orders.Close()
	for n := range requests {
		url, order := fmt.Sprintf("%s/orders/%d", orders.URL, 1000+n), fmt.Sprintf(`{"sku":"A%d","email":"jane.doe@example.com"}`, n)
		if err := do(ctx, http.DefaultClient, http.MethodPost, url, order); err != nil {
			return err
		}
	}
	return nil
}

func do(ctx context.Context, client *http.Client, method, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if method == http.MethodPost {
		req.Host = host // like a client's; here the service listens on loopback
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err == nil {
		err = resp.Body.Close() // here the request is recorded
	}
	return err
}

func printEndpoints(ctx context.Context, client *metlo.Client) error {
	for ctx.Err() == nil {
		endpoints, err := metlo.Collect(client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: []string{host}}))
		for _, e := range endpoints {
			fmt.Printf("%s %s%s  %s\n", e.Method, e.Host, e.Path, strings.Join(e.DataClasses, ", "))
		}
		if len(endpoints) > 0 || err != nil && ctx.Err() == nil {
			return err
		}
		<-time.After(200 * time.Millisecond) // a real Metlo works behind a queue
	}
	return fmt.Errorf("Metlo does not show %s yet: %w", host, ctx.Err())
}
